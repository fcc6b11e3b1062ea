"""Audio out: 16 bit, loudness untouched, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils.audio import ClippedAudio, SaveError, audio_writer, load_audio, save_audio

SUFFIXES = ["wav", "flac"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pcm=hnp.arrays(np.int16, st.integers(1, 3000)))
def test_sixteen_bit_audio_survives_unchanged(tmp_path: Path, suffix: str, pcm: np.ndarray) -> None:
    path = tmp_path / f"x.{suffix}"
    assert save_audio(path, pcm / np.float32(32768)) == 0
    seen, rate = sf.read(path, dtype="int16")
    assert rate == 44100
    assert sf.info(path).subtype == "PCM_16"
    np.testing.assert_array_equal(seen, pcm)


def test_loudness_is_untouched_and_clipping_counted(tmp_path: Path) -> None:
    x = np.array([0.25, 1.5, -0.25, -2.0, 1.0, -1.0], np.float32)
    with pytest.warns(ClippedAudio, match="2 of 6 samples"):
        assert save_audio(tmp_path / "x.wav", x) == 2
    np.testing.assert_allclose(load_audio(tmp_path / "x.wav").samples, [0.25, 1, -0.25, -1, 1, -1], atol=1 / 32768)


def test_a_batch_of_one_from_torch_is_saved(tmp_path: Path) -> None:
    x = torch.linspace(-0.5, 0.5, 100, requires_grad=True).reshape(1, 1, 100)
    save_audio(tmp_path / "x.flac", x, rate=8000)
    assert sf.info(tmp_path / "x.flac").samplerate == 8000
    assert sf.info(tmp_path / "x.flac").frames == 100


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_blocks_make_the_same_file_as_the_whole(tmp_path: Path, suffix: str) -> None:
    x = np.random.default_rng(0).uniform(-0.9, 0.9, 10_000)
    save_audio(tmp_path / f"whole.{suffix}", x)
    with audio_writer(tmp_path / f"parts.{suffix}") as out:
        for part in np.array_split(x, 7):
            out.write(part)
    np.testing.assert_array_equal(*(sf.read(tmp_path / f"{n}.{suffix}")[0] for n in ("whole", "parts")))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 10)), "one mono signal"),
        (np.float32(1), "one mono signal"),
        (np.array([0, np.nan, 0]), "1 samples are NaN or infinite, the first at index 1"),
    ],
)
def test_what_is_not_mono_audio_is_refused(tmp_path: Path, samples: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save_audio(tmp_path / "x.wav", samples)
    assert list(tmp_path.iterdir()) == []


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.wav or \.flac"):
        save_audio(tmp_path / "x.mp3", np.zeros(10))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    save_audio(tmp_path / "x.wav", np.full(100, 0.5))

    def interrupted() -> None:
        with audio_writer(tmp_path / "x.wav") as out:
            out.write(np.zeros(1000))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["x.wav"]
    assert len(load_audio(tmp_path / "x.wav").samples) == 100


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(SaveError, match="was not written"):
        save_audio(tmp_path / "out" / "x.wav", np.zeros(10))


FULL_DISK = """
import resource, signal, sys
import numpy as np
from course_utils.audio import SaveError, save_audio
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write past the limit fails as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save_audio(sys.argv[1], np.random.default_rng(0).uniform(-1, 1, 200_000))
except SaveError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / f"x.{suffix}")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "no room is left" in done.stdout
    assert "free some space" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_full_from_the_start(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    @contextmanager
    def full(path: Path):  # type: ignore[no-untyped-def]
        yield Path("/dev/full")

    monkeypatch.setattr("course_utils.audio.save.atomic_write", full)
    with pytest.raises(SaveError, match="no room is left"):
        save_audio(tmp_path / f"x.{suffix}", np.random.default_rng(0).uniform(-1, 1, 100_000))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    try:
        if os.access(locked, os.W_OK):  # the superuser may write anywhere: let the system call refuse instead
            monkeypatch.setattr("course_utils.files.tempfile.mkstemp", _refuse)
        with pytest.raises(SaveError, match=r"the folder .*locked is read-only; choose another folder"):
            save_audio(locked / "x.wav", np.zeros(100))
        assert list(locked.iterdir()) == []
    finally:
        locked.chmod(0o755)


def _refuse(*args: object, **kwargs: object) -> None:
    raise PermissionError(13, "Permission denied")
