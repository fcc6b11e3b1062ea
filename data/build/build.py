"""Re-make everything in data/ (except the models) from public packages.

    python data/build/build.py --packages FOLDER             re-make all, then refresh the manifest
    python data/build/build.py --packages FOLDER --check     re-make in a temporary folder and compare with data/
    python data/build/build.py --only clips                  one step: licences, freedoom, songs, soundfont or clips

FOLDER holds the packages as downloaded (`.whl`, `.deb`, `.tgz`); one that is installed need not be there.  This script
uses no network: a missing package ends the step with the command that fetches it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # course_utils, from the clone

import clips
import freedoom
import licences
import manifest
import numpy as np
import songs
import soundfile
import soundfont
from packages import MissingPackageError

DATA = Path(__file__).resolve().parents[1]
STEPS = {
    "licences": licences.build,
    "freedoom": freedoom.build,
    "songs": songs.build,
    "soundfont": soundfont.build,
    "clips": clips.build,
}


def compare(made: Path, stored: Path) -> str:
    """Return what differs between a file made now and the stored one; "" if nothing does.

    Clips are compared by their samples (a newer FLAC library may pack the same samples into other bytes) and may
    differ by one step of 16 bits, since processors round the synthesiser's arithmetic differently.
    """
    if not stored.is_file():
        return "is not in data/"
    if made.suffix != ".flac":
        return "" if made.read_bytes() == stored.read_bytes() else "has other bytes"
    new, old = (soundfile.read(path, dtype="int16")[0].astype(int) for path in (made, stored))
    if new.shape != old.shape:
        return f"has {len(new)} samples, stored {len(old)}"
    worst = int(np.abs(new - old).max())
    return "" if worst <= 1 else f"has samples up to {worst} steps away"


def run(steps: list[str], target: Path, packages: Path | None) -> list[str]:
    """Make the files of the steps in `target`; returns what could not be made, one sentence a step."""
    failed = []
    for step in steps:
        print(f"{step} ...", flush=True)
        try:
            STEPS[step](target, packages)
        except (MissingPackageError, ValueError, KeyError) as error:
            failed.append(f"{step}: {error}")
    return failed


def check(steps: list[str], packages: Path | None) -> list[str]:
    """Re-make in a temporary folder and return every difference from data/."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        if "soundfont" not in steps:  # the guitar is played by the stored soundfont
            shutil.copytree(DATA / "soundfont", target / "soundfont")
        found = run(steps, target, packages)
        files = [path.relative_to(target) for path in sorted(target.rglob("*")) if path.is_file()]
        for name in files:
            difference = compare(target / name, DATA / name)
            found += [f"{name} {difference}"] if difference else []
        if len(steps) == len(STEPS) and not found:
            ours = [name for name in manifest.material(DATA) if not name.startswith(("models/", "recorded/"))]
            extra = set(ours) - {name.as_posix() for name in files}
            found += [f"{name} is in data/ but no step makes it" for name in sorted(extra)]
        print(f"{len(files)} files re-made")
    return found


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, help="folder with the downloaded packages")
    parser.add_argument("--only", choices=STEPS, help="one step instead of all")
    parser.add_argument("--check", action="store_true", help="compare with data/ instead of changing it")
    options = parser.parse_args()
    if options.packages and not options.packages.is_dir():
        parser.error(f"{options.packages} is not a folder")
    steps = [options.only] if options.only else list(STEPS)
    problems = check(steps, options.packages) if options.check else run(steps, DATA, options.packages)
    if not options.check and not problems:
        manifest.write(DATA)
    print("\n".join(problems) or ("data/ is what the packages make" if options.check else "done"))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
