"""`course check`: what is there, what is missing, which command mends it."""

import hashlib
import json

import numpy as np
import pytest
from test_cli_main import course

from course_utils import packages
from course_utils.cli import check
from course_utils.paths import ROOT


def test_json_lists_every_part_and_the_status_follows_from_it():
    told = course("check", "--json")
    answer = json.loads(told.stdout)
    failed = [f for f in answer["findings"] if f["status"] == "fail"]
    assert {f["part"] for f in answer["findings"]} == set(check.PARTS)
    assert answer["ok"] == (not failed)
    assert told.returncode == (1 if failed else 0), failed
    assert all(f["mend"] for f in failed if f["part"] in ("package", "model", "lessons")), "each failure names its cure"


def test_the_text_report_has_the_same_status_and_counts_the_failures():
    told = course("check")
    failed = told.stdout.count("[ FAIL ]")
    assert told.returncode == (1 if failed else 0)
    assert f"{failed} failed" in told.stdout.splitlines()[-1]


def test_packages_of_this_environment_are_all_there():
    findings = list(check.look_at_packages())
    assert {f.status for f in findings} == {"ok"}, [f for f in findings if f.status != "ok"]
    assert findings[-1].name == "import dac"
    assert len(findings) > 20


def needed(line, locked=None):
    return packages._package(packages.Requirement(line), locked or {})


def test_a_missing_package_names_the_locked_version():
    package = needed("surely-not-there>=1", {"surely-not-there": "1.5"})
    assert (package.good, package.said) == (False, "missing")
    assert packages.command([package]).endswith("-m pip install --no-deps surely-not-there==1.5")


def test_an_outdated_package_says_what_is_there_and_what_is_needed():
    package = needed("numpy>=999")
    assert not package.good
    assert package.said.endswith("but >=999 is needed")


def test_torch_is_mended_with_its_dependencies():
    assert "--no-deps" not in packages.command([needed("torch>=999", {"torch": "999"})])


def test_a_package_that_another_needs_is_missed_too(monkeypatch):
    assert packages.lacking() == []
    real = packages.metadata.version

    def without_argbind(name):
        if name == "argbind":
            raise packages.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(packages.metadata, "version", without_argbind)
    assert [package.name for package in packages.lacking()] == ["argbind"]
    finding = next(f for f in check.look_at_packages() if f.name == "what these need")
    assert (finding.status, finding.detail) == ("fail", "missing: argbind")
    assert "pip install --no-deps argbind==" in finding.mend


def test_mending_installs_what_is_missing_and_touches_nothing_else(monkeypatch):
    monkeypatch.setattr(packages, "direct", lambda: [needed("numpy>=1"), needed("surely-not-there", {})])
    monkeypatch.setattr(packages, "lacking", lambda: [])
    monkeypatch.setattr(packages, "ROUNDS", 1)
    ran = []
    monkeypatch.setattr(packages.subprocess, "run", lambda command, **how: ran.append(command))
    assert packages.mend() == 1
    assert ran[0][1:] == ["-m", "pip", "install", "--no-deps", "surely-not-there"]


def test_torch_is_installed_first_and_apart(monkeypatch):
    missing = [packages.Package(name, name, here=None, locked=None) for name in ("surely-not-there", "torch")]
    monkeypatch.setattr(packages, "direct", lambda: missing)
    monkeypatch.setattr(packages, "lacking", lambda: [])
    monkeypatch.setattr(packages, "ROUNDS", 1)
    ran = []
    monkeypatch.setattr(packages.subprocess, "run", lambda command, **how: ran.append(command[3:]))
    assert packages.mend() == 2
    assert ran == [["install", "torch"], ["install", "--no-deps", "surely-not-there"]]


def test_nothing_is_installed_where_nothing_is_missing(monkeypatch):
    monkeypatch.delattr(packages.subprocess, "run")
    assert packages.mend() == 0


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Return a data folder with a file in the course codec's place, listed in its manifest."""
    from safetensors.numpy import save

    path = tmp_path / "models" / "course-codec" / "weights.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(save({"numbers": np.arange(4096, dtype=np.float32)}))
    content = path.read_bytes()
    entry = {"file": "models/course-codec/weights.safetensors", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps([{**entry, "bytes": len(content)}]))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return path


def model_findings():
    return {f.name: f for f in check.look_at_models()}


def test_a_whole_model_is_verified(data):
    findings = model_findings()
    assert findings["course-codec"].status == findings["data"].status == "ok"
    assert "verified" in findings["course-codec"].detail


def test_one_flipped_byte_in_the_weights_is_found(data):
    content = bytearray(data.read_bytes())
    content[-1000] ^= 1
    data.write_bytes(content)
    findings = model_findings()
    assert findings["course-codec"].status == findings["data"].status == "fail"
    assert "SHA-256" in findings["course-codec"].detail
    assert findings["course-codec"].mend == "git checkout -- data/models/course-codec"
    assert course("check", "--json").returncode == 1


def test_missing_weights_are_found(data):
    data.unlink()
    findings = model_findings()
    assert findings["course-codec"].status == findings["data"].status == "fail"
    assert "missing" in findings["course-codec"].detail
    assert "weights.safetensors" in findings["data"].detail


def test_an_official_model_that_is_not_here_is_no_failure(data, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "empty"))
    finding = model_findings()["official-codec"]
    assert finding.status == "ok"
    assert "optional, not downloaded" in finding.detail
    assert "weights_path('official-codec')" in finding.mend


def test_a_data_folder_that_is_not_there_is_a_finding_not_a_crash():
    answer = json.loads(course("check", "--json", COURSE_DATA="/nowhere/at/all").stdout)
    models = [f for f in answer["findings"] if f["part"] == "model"]
    assert models[0]["status"] == "fail"
    assert "/nowhere/at/all" in models[0]["detail"]


def test_each_sound_format_is_really_tried():
    findings = {f.name: f.status for f in check.look_at_sound()}
    assert findings == {"wav": "ok", "flac": "ok", "ogg": "ok", "mp3": "ok"}


def test_a_format_that_does_not_work_is_found():
    import soundfile

    tone = np.zeros(22050, dtype=np.float32)
    unknown = check._try_format(soundfile, "xyz", "XYZ", "PCM_16", tone)
    assert unknown.status == "fail"
    silent = check._try_format(soundfile, "wav", "WAV", "PCM_16", tone)
    assert "level 0.00 instead of 0.35" in silent.detail


def test_little_memory_is_said(monkeypatch):
    import psutil

    real = psutil.virtual_memory()
    for free, status in ((0.1e9, "fail"), (1.0e9, "warn"), (8e9, "ok")):
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: real._replace(available=int(free)))
        assert next(check.look_at_memory()).status == status


def test_the_mending_commands_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in check._all_again().replace("make ", "").split(" && "):
        assert f"\n{target}:" in makefile
