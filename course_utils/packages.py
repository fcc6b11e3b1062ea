"""Which packages the course needs, which are missing, and the one command that installs those and changes no other.

A lesson's first cell on a notebook service calls `mend()`, so this needs no more than `packaging`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from course_utils.paths import ROOT

# Asked for by dependencies of ours and never used: see requirements.lock.
KEPT_OUT = ("torchaudio", "pyaudio")
ROUNDS = 5


@dataclass(frozen=True)
class Package:
    """One needed package: the requirement, the version that is here (None if it is missing) and the locked one."""

    name: str
    needed: str
    here: str | None
    locked: str | None

    @property
    def good(self) -> bool:
        """Return whether a fitting version is installed."""
        return self.here is not None and Requirement(self.needed).specifier.contains(self.here, prereleases=True)

    @property
    def said(self) -> str:
        """Return what is there, and what is needed where that is something else."""
        if self.here is None:
            return "missing"
        return self.here if self.good else f"{self.here}, but {Requirement(self.needed).specifier} is needed"


def direct() -> list[Package]:
    """Return the packages that the project itself names, in its order."""
    locked = _locked()
    return [_package(needed, locked) for needed in _applying(_named())]


def lacking() -> list[Package]:
    """Return what the installed packages of the course need in turn and is not installed, in alphabetical order."""
    locked, seen, waiting = _locked(), set(), [package.name for package in direct() if package.here]
    missing = {}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for needed in _applying(metadata.requires(name) or []):
            package = _package(Requirement(needed.name), locked)
            if package.here:
                waiting.append(package.name)
            elif package.name not in KEPT_OUT:
                missing[package.name] = package
    own = {package.name for package in direct()}
    return [missing[name] for name in sorted(missing) if name not in own]


def command(wanted: Iterable[Package]) -> str:
    """Return the line that installs packages as locked, and nothing else."""
    return " ".join([python(), *_arguments(list(wanted))])


def mend() -> int:
    """Install what is missing, change nothing that is there, and return the number of packages installed.

    Raises CalledProcessError if pip fails; its own message says why.
    """
    done = 0
    for _ in range(ROUNDS):  # what was missing may need more in turn
        missing = [package for package in direct() if package.here is None] + lacking()
        if not missing:
            break
        names = ", ".join(package.name for package in missing)
        print(f"installing {names}", file=sys.stderr, flush=True)
        for group in ([p for p in missing if p.name == "torch"], [p for p in missing if p.name != "torch"]):
            if group:
                subprocess.run([sys.executable, *_arguments(group)], check=True, stdout=subprocess.DEVNULL)
        done += len(missing)
    return done


def python() -> str:
    """Return this interpreter as one would type it here."""
    here, folder = Path(sys.executable), Path.cwd()
    return str(here.relative_to(folder)) if here.is_relative_to(folder) else str(here)


def _arguments(wanted: list[Package]) -> list[str]:
    # torch brings what fits the machine; all others come alone, and so never replace a package that is there.
    alone = [] if [package.name for package in wanted] == ["torch"] else ["--no-deps"]
    return ["-m", "pip", "install", *alone, *(f"{p.name}=={p.locked}" if p.locked else p.needed for p in wanted)]


def _named() -> list[str]:
    try:
        lines = metadata.requires("two-poles") or []
    except metadata.PackageNotFoundError:  # used from a folder, not installed
        from course_utils.project import requirements

        lines = requirements()
    return lines


def _applying(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        needed = Requirement(line)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield needed


def _package(needed: Requirement, locked: dict[str, str]) -> Package:
    name = re.sub(r"[-_.]+", "-", needed.name).lower()
    try:
        here = metadata.version(needed.name)
    except metadata.PackageNotFoundError:
        here = None
    return Package(name, f"{needed.name}{needed.specifier}", here, locked.get(name))


def _locked() -> dict[str, str]:
    lock = ROOT / "requirements.lock"
    if not lock.exists():
        return {}
    from course_utils.project import pins_for

    return pins_for(f"{sys.version_info[0]}.{sys.version_info[1]}", lock.read_text())
