"""Write requirements.lock: one exact version of everything, valid for Python 3.10 to 3.13.

Run by `make lock`, after changing pyproject.toml, with python3.10 to python3.13 at hand (named with --python or on
the PATH): each resolves the list for itself, and where they differ the lock carries an environment marker.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from course_utils.files import atomic_write
from course_utils.paths import ROOT
from course_utils.project import PYTHONS, name_of, normalised, requirements

LOCK = ROOT / "requirements.lock"
TORCH = "2.13.0"

# Not resolved by pip but pinned as installed here, their own requirements added by hand below: they either ask for
# torch (which comes first, alone) or, as audiotools, for a torchaudio and a protobuf that the course keeps out.
UNRESOLVED = (
    "accelerate",
    "descript-audio-codec",
    "descript-audiotools",
    "julius",
    "tinysoundfont",  # asks for pyaudio, which needs PortAudio's headers to build and is never used
    "torch-stoi",
)
KEPT_OUT = ("torch", "torchaudio", "pyaudio")
# Unpinned on purpose: audiotools asks for protobuf<3.20, tensorboard (which it imports) for a current one.
PIN_DROPPED = ("protobuf",)
# What other systems add to JupyterLab and the command line; no resolver run on Linux sees these.
ELSEWHERE = {
    "appnope": ("0.1.4", 'sys_platform == "darwin"'),
    "colorama": ("0.4.6", 'sys_platform == "win32"'),
    "pywinpty": ("3.0.2", 'sys_platform == "win32"'),
}

HEADER = f"""\
# Every package of the course's environment, one exact version each, for Python 3.10 to 3.13.
# Written by `make lock` from pyproject.toml: edit that, not this.
#
# Installed in two steps (make does it; README.md has the commands):
#   1. torch=={TORCH}, with its own dependencies, since they differ from system to system;
#   2. this file with --no-deps: it is complete, and it leaves out on purpose
#        torchaudio         imported by audiotools, never called; its last release does not load beside this torch
#                           (course_utils/compat/torchaudio.py stands in for it),
#        protobuf<3.20      asked for by audiotools; tensorboard needs a current one,
#        pyaudio            asked for by tinysoundfont to play aloud; needs system headers, never used here.
"""


def wanted() -> list[str]:
    """Return the requirement lines that pip resolves: the project's, the unresolved packages' own in their place."""
    lines = []
    for line in requirements("train", "dev"):
        if name_of(line) not in (*KEPT_OUT, *UNRESOLVED):
            lines.append(line)
    for package in UNRESOLVED:
        for line in metadata.requires(package) or []:
            name = name_of(line)
            if "extra ==" in line or name in (*KEPT_OUT, *UNRESOLVED):
                continue
            lines.append(name if name in PIN_DROPPED else line)
    return lines


def resolve(python: str, no_newer_than: dict[str, str]) -> dict[str, str]:
    """Return {package: version} as pip resolves the wanted list for one interpreter, without installing.

    Raises RuntimeError with pip's own words if there is no answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        limits = Path(folder, "limits.txt")
        limits.write_text("".join(f"{name}<={version}\n" for name, version in no_newer_than.items()))
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--report", str(report), "--constraint", str(limits), *wanted()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pip found no set of versions for {python}:\n{done.stderr.strip()}")
        installs = json.loads(report.read_text())["install"]
    return {normalised(item["metadata"]["name"]): item["metadata"]["version"] for item in installs}


def lock_text(resolved: dict[str, dict[str, str]], by_hand: dict[str, str]) -> str:
    """Return the lock file's text from {python version: {package: version}} and the packages pinned by hand.

    A package that every Python resolves to one version gets a plain pin; otherwise one line per version, with a marker.
    """
    lines = {"torch": [f"torch=={TORCH}"]}
    lines |= {name: [f"{name}=={version}"] for name, version in by_hand.items()}
    lines |= {name: [f"{name}=={version} ; {marker}"] for name, (version, marker) in ELSEWHERE.items()}
    for name in sorted({name for versions in resolved.values() for name in versions}):
        lines[name] = _pins(name, {python: versions.get(name) for python, versions in resolved.items()})
    return HEADER + "\n" + "".join(f"{line}\n" for name in sorted(lines) for line in lines[name])


def _pins(name: str, by_python: dict[str, str | None]) -> list[str]:
    versions = [v for v in dict.fromkeys(by_python.values()) if v is not None]
    if len(versions) == 1 and None not in by_python.values():
        return [f"{name}=={versions[0]}"]
    return [f"{name}=={v} ; {_marker([p for p in by_python if by_python[p] == v])}" for v in versions]


def _marker(pythons: list[str]) -> str:
    """Return the marker for a run of neighbouring Python versions."""
    first, last = PYTHONS.index(pythons[0]), PYTHONS.index(pythons[-1])
    if list(PYTHONS[first : last + 1]) != pythons:
        return " or ".join(f'python_version == "{p}"' for p in pythons)
    bounds = []
    if first > 0:
        bounds.append(f'python_version >= "{PYTHONS[first]}"')
    if last < len(PYTHONS) - 1:
        bounds.append(f'python_version < "{PYTHONS[last + 1]}"')
    return " and ".join(bounds)


def _interpreters(named: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for candidate in [*named, *(f"python{version}" for version in PYTHONS)]:
        try:
            asked = subprocess.run(
                [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"],
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        version, path = asked.stdout.split(maxsplit=1)
        found.setdefault(version, path.strip())
    missing = [version for version in PYTHONS if version not in found]
    if missing:
        raise SystemExit(f"No interpreter for Python {', '.join(missing)}: name each with --python PATH.")
    return {version: found[version] for version in PYTHONS}


def main() -> None:
    """Resolve for every supported Python and write requirements.lock."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], help="an interpreter of a supported version")
    parser.add_argument("--newest", action="store_true", help="take newer versions than those installed here")
    arguments = parser.parse_args()
    installed = {normalised(d.metadata["Name"]): d.version for d in metadata.distributions()}
    limits = (
        {} if arguments.newest else {k: v for k, v in installed.items() if k not in (*KEPT_OUT, "two-poles", "pip")}
    )
    resolved = {}
    for version, path in _interpreters(arguments.python).items():
        print(f"Resolving for Python {version} ...", file=sys.stderr, flush=True)
        resolved[version] = resolve(path, limits)
    by_hand = {name: installed[name] for name in UNRESOLVED}
    with atomic_write(LOCK) as temporary:
        temporary.write_text(lock_text(resolved, by_hand))
    print(f"Wrote {os.path.relpath(LOCK)}.")


if __name__ == "__main__":
    main()
