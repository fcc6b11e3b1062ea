"""data/manifest.json: where every file in data/ comes from, under which licence, how it was made, its size and hash.

    python data/build/manifest.py            scan data/ and rewrite the manifest
    python data/build/manifest.py --check    report every difference, change nothing; exit status 1 if there is one

A file that no entry of ORIGINS declares is refused: material without a known origin must not enter the project.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent
MIT, CC0 = "MIT (the project's LICENSE)", "CC0-1.0 (clips/LICENCE-samples-CC0.txt)"
MIT_FONT, BSD = "MIT (soundfont/LICENCE-FluidR3Mono.txt)", "BSD-3-Clause (midi/freedoom/LICENCE-freedoom.txt)"
FREESOUND = {
    "garzul": "loop_garzul by Garzul, freesound.org/people/Garzul/sounds/213524",
    "mika": "loop_mika by mika55, freesound.org/people/mika55/sounds/188551",
    "em9": "guit_em9 by Sub-d, freesound.org/people/Sub-d/sounds/46992",
}
SONIC_PI = "in Debian sonic-pi-samples 3.2.2 and npm supersonic-scsynth-samples"


class UnknownOriginError(ValueError):
    """A file in data/ that ORIGINS does not declare."""


@dataclass(frozen=True)
class Origin:
    """What is declared, by hand, of all files whose path in data/ matches a pattern."""

    pattern: str
    licence: str
    source: str
    how: str


ORIGINS = (
    Origin(
        "clips/electronic.flac",
        CC0,
        f"{FREESOUND['garzul']}; {FREESOUND['mika']}; {SONIC_PI}",
        "data/build/clips.py: both loops together, 5 bars at 120 bpm, -16 LUFS",
    ),
    Origin(
        "clips/guitar.flac",
        "MIT (notes: the project's LICENSE; sound: soundfont/LICENCE-FluidR3Mono.txt)",
        "clips/guitar.mid and soundfont/FluidR3Mono_GM_small.sf3",
        "data/build/clips.py: rendered with the steel string guitar, second of two rounds, -16 LUFS",
    ),
    Origin("clips/guitar.mid", MIT, "the project's own", "data/build/clips.py: Travis picking, 4 bars, 96 bpm"),
    Origin(
        "clips/ladder.flac",
        CC0,
        f"{FREESOUND['em9']}; {FREESOUND['mika']}; {SONIC_PI}",
        "data/build/clips.py: chord over loop, 2 bars at 120 bpm, -16 LUFS",
    ),
    Origin(
        "clips/heldout_arovane_*.flac",
        CC0,
        "arovane_beat_a and _b, donated by Uwe Zahn (Arovane); in npm supersonic-scsynth-samples",
        "data/build/clips.py: first 10 s, mono, -16 LUFS; they measure models, no model is trained on them",
    ),
    Origin(
        "clips/LICENCE-samples-CC0.txt",
        "free to copy (legal text)",
        "npm supersonic-scsynth-samples: package/LICENSE",
        "data/build/licences.py: copied",
    ),
    Origin(
        "soundfont/FluidR3Mono_GM_small.sf3",
        MIT_FONT,
        "FluidR3Mono_GM.sf3 in Debian fluidr3mono-gm-soundfont 2.315",
        "data/build/soundfont.py: drum kit 0 and 17 programs cut out, samples copied byte for byte",
    ),
    Origin(
        "soundfont/LICENCE-FluidR3Mono.txt",
        "free to copy (licence text)",
        "Debian fluidr3mono-gm-soundfont 2.315: copyright",
        "data/build/licences.py: copied",
    ),
    Origin(
        "midi/freedoom/fd12_freedm_*.mid",
        BSD,
        "freedm.wad in Debian freedm 0.12.1",
        "data/build/freedoom.py: music lump, copied byte for byte",
    ),
    Origin(
        "midi/freedoom/fd12_freedoom?_*.mid",
        BSD,
        "freedoom1.wad and freedoom2.wad in Debian freedoom 0.12.1",
        "data/build/freedoom.py: music lump, copied byte for byte",
    ),
    Origin(
        "midi/freedoom/fd13_freedoom?_*.mid",
        BSD,
        "freedoom1.wad and freedoom2.wad (Freedoom 0.13.0) in PyPI vizdoom 1.3.2",
        "data/build/freedoom.py: music lump, copied byte for byte",
    ),
    Origin(
        "midi/freedoom/LICENCE-freedoom.txt",
        "free to copy (licence text)",
        "Debian freedoom 0.12.1: copyright",
        "data/build/licences.py: copied",
    ),
    Origin(
        "midi/freedoom/CREDITS-freedoom.txt",
        BSD,
        "Debian freedoom 0.12.1: CREDITS",
        "data/build/licences.py: copied",
    ),
    Origin("midi/songs/*.mid", MIT, "the project's own", "data/build/songs.py: a song of the course's composer"),
    Origin("models/*/weights.safetensors", MIT, "the project's own", "course_utils/train: recipe in the card"),
    Origin("models/*/model.safetensors", MIT, "the project's own", "course_utils/train: recipe in the card"),
    Origin("models/*/config.json", MIT, "the project's own", "course_utils/train: sizes of the network"),
    Origin("models/*/card.json", MIT, "the project's own", "course_utils/train: measured by script"),
    Origin("models/*/card.md", MIT, "the project's own", "course_utils/train: written from card.json by script"),
    Origin("recorded/*", MIT, "the project's own", "recorded by script from a model and code whose hashes it holds"),
)  # fmt: skip
# Not material: the manifest itself, the page that explains it, and the scripts, which are code like any other.
NOT_LISTED = ("manifest.json", "README.md", "build/*")


@dataclass(frozen=True)
class Entry:
    """One file: path in data/, declared origin, and what was measured."""

    file: str
    licence: str
    source: str
    how: str
    sha256: str
    bytes: int


def origin_of(name: str) -> Origin:
    """Return the declared origin of a path in data/; UnknownOriginError if nobody declared one."""
    for origin in ORIGINS:
        if fnmatch.fnmatchcase(name, origin.pattern):
            return origin
    raise UnknownOriginError(
        f"data/{name} has no declared origin. Add licence, source and making to ORIGINS in data/build/manifest.py, "
        "or remove the file."
    )


def material(data: Path) -> list[str]:
    """Return the paths in data/ that the manifest must list, sorted; hidden and cache files are not material."""
    names = (path.relative_to(data) for path in data.rglob("*") if path.is_file())
    shown = (n.as_posix() for n in names if not any(p.startswith(".") or p == "__pycache__" for p in n.parts))
    return sorted(name for name in shown if not any(fnmatch.fnmatchcase(name, no) for no in NOT_LISTED))


def scan(data: Path) -> list[Entry]:
    """Return one measured entry per file of material."""
    entries = []
    for name in material(data):
        origin, content = origin_of(name), (data / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        entries.append(Entry(name, origin.licence, origin.source, origin.how, digest, len(content)))
    return entries


def read(data: Path) -> list[Entry]:
    """Return the entries of the stored manifest."""
    return [Entry(**item) for item in json.loads((data / "manifest.json").read_text("utf-8"))]


def differences(stored: list[Entry], found: list[Entry]) -> list[str]:
    """Return one sentence for every file that is missing, unlisted or changed, or whose declaration changed."""
    old, new = {e.file: e for e in stored}, {e.file: e for e in found}
    sentences = [f"{name} is listed but not there" for name in sorted(old.keys() - new.keys())]
    sentences += [f"{name} is there but not listed" for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        for field, value in asdict(old[name]).items():
            now = getattr(new[name], field)
            if now != value:
                sentences.append(f"{name}: {field} is {now!r}, the manifest says {value!r}")
    return sentences


def write(data: Path) -> list[Entry]:
    """Scan data/ and store the manifest; returns its entries."""
    entries = scan(data)
    text = json.dumps([asdict(entry) for entry in entries], indent=1, ensure_ascii=False)
    (data / "manifest.json").write_text(text + "\n", "utf-8")
    return entries


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="report differences, change nothing")
    if parser.parse_args().check:
        found = differences(read(DATA), scan(DATA))
        print("\n".join(found) or "the manifest is right")
        return bool(found)
    entries = write(DATA)
    print(f"{len(entries)} files, {sum(entry.bytes for entry in entries) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
