"""The bottom layer: files that land whole or not at all, and where things are."""

import hashlib
import os
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import paths
from course_utils.files import atomic_write, sha256_of


def test_content_replaces_the_old_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "new" / "card.json"
    for content in ("first", "second, longer"):
        with atomic_write(target) as temporary:
            assert temporary.suffix == ".json"
            assert temporary.parent == target.parent  # same file system: the replacement is one step
            temporary.write_text(content)
            assert not target.exists() or target.read_text() == "first"
        assert target.read_text() == content
    assert os.listdir(target.parent) == ["card.json"]


def test_a_failure_keeps_the_old_file_and_leaves_no_other(tmp_path):
    target = tmp_path / "weights.safetensors"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="half way"), atomic_write(target) as temporary:  # noqa: PT012
        temporary.write_bytes(b"ne")
        raise RuntimeError("half way")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.safetensors"]


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit to set")
def test_a_disk_that_fills_half_way_leaves_no_partial_file(tmp_path):
    # A real limit of the system on the size of a file stands for the full disk: the write itself fails.
    program = f"""
        import resource, signal
        from course_utils.files import atomic_write
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with atomic_write({str(tmp_path / "out.wav")!r}) as temporary, open(temporary, "wb") as file:
            for _ in range(100):
                file.write(bytes(500))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_the_permissions_are_those_of_any_new_file_or_of_the_one_replaced(tmp_path):
    plain, written = tmp_path / "plain", tmp_path / "written"
    plain.touch()
    with atomic_write(written):
        pass
    assert written.stat().st_mode == plain.stat().st_mode
    written.chmod(0o755)
    with atomic_write(written):
        pass
    assert written.stat().st_mode & 0o777 == 0o755


@given(st.binary(max_size=4096))
def test_sha256_is_the_standard_one(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("hash") / "file"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_sha256_reads_past_its_first_block(tmp_path):
    path = tmp_path / "large"
    content = bytes(range(256)) * 4096 * 2 + b"tail"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_data_is_the_clones_own_unless_the_environment_names_another(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert paths.DATA == paths.ROOT / "data"
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert tmp_path.resolve() == paths.DATA
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"nowhere.*Unset it"):
        paths.data_folder()


def test_downloads_go_to_the_users_cache_unless_the_environment_names_another(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    assert paths.cache_folder().name == "two-poles"
    assert paths.ROOT not in paths.cache_folder().parents
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    assert tmp_path.resolve() == paths.cache_folder()
    assert not list(tmp_path.iterdir())
