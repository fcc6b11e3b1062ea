"""Read pyproject.toml, the one source of dependencies, and the lock that is derived from it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from course_utils.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:  # Python 3.10 has no TOML reader of its own
    import tomli as tomllib

PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def project_table(root: Path = ROOT) -> dict[str, Any]:
    """Return the `[project]` table of pyproject.toml."""
    with (root / "pyproject.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
    return table


def requirements(*extras: str, root: Path = ROOT) -> list[str]:
    """Return the requirement lines of the project and of the named extras, in the order of the file.

    Raises KeyError for an extra that pyproject.toml does not have.
    """
    table = project_table(root)
    lines = list(table["dependencies"])
    for extra in extras:
        lines += table["optional-dependencies"][extra]
    return lines


def repository_slug(root: Path = ROOT) -> str:
    """Return `owner/name` of the published repository, as `[project.urls]` has it."""
    url: str = project_table(root)["urls"]["Repository"]
    return "/".join(url.rstrip("/").split("/")[-2:])


def normalised(name: str) -> str:
    """Return a package name in the one spelling in which registries compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """Return the normalised package name at the start of a requirement line.

    Raises ValueError if the line does not start with a name.
    """
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.strip())
    if match is None:
        raise ValueError(f"no package name at the start of {requirement!r}; write it as name>=version")
    return normalised(match.group())


def pins_for(python: str, text: str) -> dict[str, str]:
    """Return {package: version} that a lock's text gives for one Python version on Linux."""
    pins = {}
    for line in text.splitlines():
        match = re.match(r"([a-z0-9-]+)==(\S+)(?: ; (.*))?$", line)
        if match and _holds(match.group(3) or "", python):
            pins[match.group(1)] = match.group(2)
    return pins


def _holds(marker: str, python: str) -> bool:
    from packaging.markers import Marker

    return not marker or Marker(marker).evaluate({"python_version": python, "sys_platform": "linux"})
