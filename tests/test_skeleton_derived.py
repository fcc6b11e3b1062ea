"""pyproject.toml is the one source: the lock, environment.yml, binder/ and the badges follow from it."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement

from course_utils import project
from course_utils.paths import ROOT
from course_utils.upkeep import environments, lock

TEXT = (ROOT / "requirements.lock").read_text()
EVERYTHING = [Requirement(line) for line in project.requirements("train", "dev")]


@pytest.mark.parametrize("path", environments.derived(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_derived_file_is_in_step(path):
    if path.name == "lock.txt" and sys.version_info < (3, 11):
        pytest.skip("Binder's list follows the packages' own metadata, which Python 3.10 has in older versions")
    expected = environments.derived()[path]
    assert path.read_text(encoding="utf-8") == expected, (
        f"{path.name} is not what pyproject.toml gives: run `make lock`"
    )


def test_nothing_in_binder_is_written_by_hand():
    assert {p.name for p in (ROOT / "binder").iterdir()} == set(environments.binder_files())
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


def test_a_dependency_added_to_pyproject_shows_up_everywhere(monkeypatch):
    more = [*project.requirements(), "surely-not-there>=1.2"]
    monkeypatch.setattr(environments, "requirements", lambda *extras: more)
    assert "  - surely-not-there>=1.2\n" in environments.conda_text()
    with pytest.raises(ValueError, match=r"no version for surely-not-there.*make lock"):
        environments.binder_files()


@pytest.mark.parametrize("python", project.PYTHONS)
def test_the_lock_has_a_fitting_version_of_everything(python):
    pins = project.pins_for(python, TEXT)
    for needed in EVERYTHING:
        if needed.marker and not needed.marker.evaluate({"python_version": python}):
            continue
        name = project.normalised(needed.name)
        assert name in pins, f"{name} is not locked for Python {python}: run `make lock`"
        assert needed.specifier.contains(pins[name]), f"{name} {pins[name]} is locked, {needed.specifier} asked for"


@pytest.mark.parametrize("python", project.PYTHONS)
def test_the_lock_keeps_out_what_does_not_load_beside_this_torch(python):
    pins = project.pins_for(python, TEXT)
    assert pins["torch"] == "2.13.0"
    assert not {"torchaudio", "pyaudio"} & set(pins)
    assert int(pins["protobuf"].split(".")[0]) >= 4


def test_every_line_of_the_lock_is_one_exact_version_and_no_package_has_two_at_once():
    lines = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.!]+( ; .+)?", line), line
    for python in project.PYTHONS:
        names = [line.split("==")[0] for line in lines if project._holds(line.partition(" ; ")[2], python)]
        assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)


def test_the_lock_is_complete_for_this_python():
    """Everything that an installed package of the lock asks for is in the lock, but for what is kept out on purpose."""
    from importlib import metadata

    here = "{}.{}".format(*sys.version_info[:2])
    pins = project.pins_for(here, TEXT)
    lacking = set()
    for name in set(pins) - {"torch"}:
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            wanted = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if wanted and project.normalised(needed.name) not in (*pins, *lock.KEPT_OUT):
                lacking.add(f"{name} needs {needed.name}")
    assert not lacking


def test_markers_split_a_package_where_pythons_differ():
    one, other = {"numpy": "2.2.6", "same": "1"}, {"numpy": "2.4.6", "same": "1", "late": "3"}
    text = lock.lock_text({"3.10": one, "3.11": other, "3.12": other, "3.13": other}, {"julius": "0.2"})
    assert 'numpy==2.2.6 ; python_version < "3.11"\n' in text
    assert 'numpy==2.4.6 ; python_version >= "3.11"\n' in text
    assert 'late==3 ; python_version >= "3.11"\n' in text
    assert "\nsame==1\n" in text
    assert project.pins_for("3.10", text)["numpy"] == "2.2.6"
    assert project.pins_for("3.13", text)["numpy"] == "2.4.6"
    assert "late" not in project.pins_for("3.10", text)


def test_conda_and_binder_name_every_dependency_of_the_project():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    flat = [line for line in conda if isinstance(line, str)] + conda[-1]["pip"]
    spelled = {v: k for k, v in environments.CONDA_NAMES.items()}
    names = {project.normalised(re.split(r"[<>=]", line)[0]) for line in flat if not line.startswith("-")}
    names = {spelled.get(name, name) for name in names}
    binder = (ROOT / "binder" / "lock.txt").read_text() + (ROOT / "binder" / "requirements.txt").read_text()
    for line in project.requirements():
        name = project.name_of(line)
        assert name in names, f"environment.yml lacks {name}"
        assert name == "jupyterlab" or f"\n{name}==" in binder, f"binder/ lacks {name}"


def test_binder_takes_the_cpu_torch_of_the_lock():
    text = (ROOT / "binder" / "requirements.txt").read_text()
    assert f"torch=={lock.TORCH}+cpu" in text
    assert "whl/cpu" in text


def test_the_repository_is_named_in_one_place_only():
    slug = project.repository_slug()
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", slug)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [found[1] for found in environments.BLOCK.finditer(readme)] == ["badges", "clone"]
    assert slug not in environments.BLOCK.sub("", readme), "README.md names the repository outside its made parts"
    assert slug not in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["Makefile", "README.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", ".ci/run"])
def test_the_top_level_is_complete(name):
    assert (ROOT / name).stat().st_size > 500


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, flags=re.MULTILINE))
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert targets == set(re.findall(r"^  make ([a-z-]+) ", told, flags=re.MULTILINE))
    assert {"lab", "test", "help", "notebooks", "models", "bench", "test-browser", "lint", "clean"} <= targets


def test_ci_script_parses_and_is_executable():
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_requirement_names_are_compared_as_registries_do():
    assert project.name_of("Pretty_MIDI>=0.2 ; python_version > '3'") == "pretty-midi"
    with pytest.raises(ValueError, match="no package name"):
        project.name_of(">=1.0")
