"""Derive environment.yml, binder/ and parts of README.md from pyproject.toml and the lock (`make lock`)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from course_utils.files import atomic_write
from course_utils.paths import ROOT
from course_utils.project import name_of, pins_for, repository_slug, requirements
from course_utils.upkeep.lock import KEPT_OUT, LOCK, TORCH

# The Python of conda and Binder; make and pip take any from 3.10 to 3.13.
PYTHON = "3.12"
BLOCK = re.compile(r"<!-- made: (\w+) -->\n.*?<!-- end -->", flags=re.DOTALL)

# conda-forge's names where they differ from PyPI's, and the packages that it may not have: those come through pip.
CONDA_NAMES = {"torch": "pytorch", "soundfile": "pysoundfile", "soxr": "soxr-python", "pillow": "pillow"}
FROM_PIP = (
    "argbind",
    "descript-audio-codec",
    "descript-audiotools",
    "julius",
    "pretty-midi",
    "randomname",
    "tinysoundfont",
    "torch-stoi",
)


def conda_text() -> str:
    """Return environment.yml: conda-forge packages with pyproject's bounds, and through pip what conda-forge lacks."""
    conda = [line for line in (*requirements(), *_needed_by_pip_packages()) if name_of(line) not in FROM_PIP]
    lines = [_conda_line(line) for line in conda]
    named = {name_of(line): line for line in requirements()}
    pip = [named.get(name, name) for name in FROM_PIP]
    return "\n".join(
        [
            "# Made from pyproject.toml by `make lock`. The solver takes pytorch's CPU or GPU build, as is fit:",
            "#   PIP_NO_DEPS=1 conda env create -f environment.yml      (Windows: set PIP_NO_DEPS=1 first)",
            "#   conda activate two-poles && course lab",
            "# PIP_NO_DEPS keeps pip from replacing conda's torch by what audiotools asks for and never calls.",
            "name: two-poles",
            "channels:",
            "  - conda-forge",
            "dependencies:",
            f"  - python={PYTHON}",
            "  - pip",
            "  - setuptools",
            *(f"  - {line}" for line in lines),
            "  - pip:",
            *(f"      - {line}" for line in pip),
            "      - -e .",
            "",
        ]
    )


def _conda_line(line: str) -> str:
    name = name_of(line)
    bound = re.search(r"[<>=!~].*$", line.split(";")[0].strip())
    return f"{CONDA_NAMES.get(name, name)}{bound.group().strip() if bound else ''}"


def _needed_by_pip_packages() -> list[str]:
    """Return what the packages that pip installs without dependencies need, and pyproject.toml does not name."""
    own = {name_of(line) for line in requirements()}
    lines = [line for name in FROM_PIP for line in metadata.requires(name) or [] if ";" not in line]
    return sorted({name_of(line) for line in lines} - own - {*FROM_PIP, *KEPT_OUT})


# --- Binder -------------------------------------------------------------------------------------------------------


def closure(names: Iterable[str]) -> set[str]:
    """Return the packages that the named ones need on Binder's Python, themselves included."""
    from packaging.requirements import Requirement

    place = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "sys_platform": "linux", "extra": ""}
    place |= {
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
    }
    waiting, found = set(names), set()
    while waiting:
        name = waiting.pop()
        if name in found or name in KEPT_OUT:
            continue
        found.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # needed on other Pythons only
            continue
        needed = [Requirement(line) for line in lines]
        waiting |= {name_of(r.name) for r in needed if not r.marker or r.marker.evaluate(place)}
    return found


def binder_pins() -> list[str]:
    """Return the lock's pins for Binder: what the lessons run on, without the server that the image brings itself."""
    own = {name_of(line) for line in requirements()} - {"torch"}
    wanted = closure(own - {"jupyterlab"}) - {"jupyterlab"}
    pins = pins_for(PYTHON, LOCK.read_text())
    missing = sorted(wanted - set(pins))
    if missing:
        raise ValueError(f"requirements.lock has no version for {', '.join(missing)}; run `make lock` again")
    return [f"{name}=={pins[name]}" for name in sorted(wanted)]


def binder_files() -> dict[str, str]:
    """Return {file name: text} of binder/, all that repo2docker reads of this project."""
    head = "# Made from pyproject.toml and requirements.lock by `make lock`.\n"
    return {
        "runtime.txt": f"python-{PYTHON}\n",
        "requirements.txt": head
        + "# Only torch, its CPU build, with its own dependencies; postBuild installs the rest.\n"
        + "--extra-index-url https://download.pytorch.org/whl/cpu\n"
        + f"torch=={TORCH}+cpu\n",
        "lock.txt": head + "".join(f"{pin}\n" for pin in binder_pins()),
        "postBuild": "#!/bin/bash\n"
        + head
        + "set -euo pipefail\n"
        + "python -m pip install --no-cache-dir --no-deps -r binder/lock.txt\n"
        + "python -m pip install --no-cache-dir --no-deps --editable .\n"
        + "# Saved players run only in notebooks that Jupyter trusts.\n"
        + "jupyter trust notebooks/[0-9][0-9]_*.ipynb\n",
    }


# --- README -------------------------------------------------------------------------------------------------------


def first_lesson() -> str:
    """Return the path of the notebook that a newcomer opens first."""
    found = sorted((ROOT / "notebooks" / "src").glob("00_*.py"))
    return f"notebooks/{found[0].stem if found else '00_start_here'}.ipynb"


def badges() -> str:
    """Return the Colab and Binder badges for the repository that pyproject.toml names."""
    slug, lesson = repository_slug(), first_lesson()
    colab = f"https://colab.research.google.com/github/{slug}/blob/main/{lesson}"
    binder = f"https://mybinder.org/v2/gh/{slug}/main?urlpath=lab/tree/{lesson}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
    )


def clone() -> str:
    """Return the two commands of a newcomer."""
    slug = repository_slug()
    return f"```sh\ngit clone https://github.com/{slug} && cd {slug.split('/')[1]}\nmake lab\n```\n"


def readme_text(text: str) -> str:
    """Return README.md with the parts made that name the repository: `<!-- made: badges -->` to `<!-- end -->`.

    Raises KeyError for a part that nothing makes.
    """
    makers = {"badges": badges, "clone": clone}
    return BLOCK.sub(lambda found: f"<!-- made: {found[1]} -->\n{makers[found[1]]()}<!-- end -->", text)


def derived(root: Path = ROOT) -> dict[Path, str]:
    """Return {path: text} of every file made from pyproject.toml and the lock."""
    files = {root / "environment.yml": conda_text()}
    files |= {root / "binder" / name: text for name, text in binder_files().items()}
    readme = root / "README.md"
    files[readme] = readme_text(readme.read_text(encoding="utf-8"))
    return files


def main() -> None:
    """Write all derived files."""
    for path, text in derived().items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        if path.name == "postBuild":
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        print(f"wrote {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
