"""Freedoom's music: MIDI files taken out of the game's WAD archives, one copy of each piece.

A WAD is a header (kind, number of lumps, position of the directory), the lumps, and the directory: 16 bytes a lump
(position, size, name).  Music lumps are named D_...; those of these releases are plain MIDI files.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pretty_midi
from packages import FREEDM, FREEDOOM, VIZDOOM, Package

# (name used in the files, package, file in it); where two releases hold the same piece, the first one here is kept.
WADS: tuple[tuple[str, Package, str], ...] = (
    ("fd12_freedoom1", FREEDOOM, "usr/share/games/doom/freedoom1.wad"),
    ("fd12_freedoom2", FREEDOOM, "usr/share/games/doom/freedoom2.wad"),
    ("fd12_freedm", FREEDM, "usr/share/games/doom/freedm.wad"),
    ("fd13_freedoom1", VIZDOOM, "vizdoom/freedoom1.wad"),
    ("fd13_freedoom2", VIZDOOM, "vizdoom/freedoom2.wad"),
)
SAME_PIECE = 0.8  # two files that share this part of their notes are two versions of one piece

Notes: TypeAlias = "Counter[tuple[int, int, bool]]"  # (pitch, program, drum?) of every note


def lumps(wad: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of every lump of a WAD; ValueError if it is none."""
    kind, count, directory = struct.unpack_from("<4sii", wad)
    if kind not in (b"IWAD", b"PWAD"):
        raise ValueError(f"not a WAD: it starts with {kind!r}")
    for index in range(count):
        position, size, name = struct.unpack_from("<ii8s", wad, directory + 16 * index)
        yield name.rstrip(b"\0").decode("ascii"), wad[position : position + size]


def music(wad: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, MIDI file) of every piece of music; ValueError for one in id Software's older MUS format."""
    for name, content in lumps(wad):
        if content.startswith(b"MThd"):
            yield name, content
        elif content.startswith(b"MUS\x1a"):
            raise ValueError(f"{name} is in MUS format; the Freedoom releases named in packages.py hold MIDI only")


def notes_of(content: bytes) -> Notes:
    """Return the notes of a MIDI file, regardless of when they sound."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # tempo changes on other tracks: common and harmless
        midi = pretty_midi.PrettyMIDI(io.BytesIO(content))
    return Counter((note.pitch, track.program, track.is_drum) for track in midi.instruments for note in track.notes)


def shared(one: Notes, other: Notes) -> float:
    """Return the part of the larger piece's notes that both have, 0-1."""
    larger = max(sum(one.values()), sum(other.values()))
    return sum((one & other).values()) / max(larger, 1)


def build(target: Path, packages: Path | None) -> None:
    """Write every piece to target/midi/freedoom/, once."""
    folder = target / "midi" / "freedoom"
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Notes] = []
    for prefix, package, member in WADS:
        for name, content in music(package.read(member, packages)):
            notes = notes_of(content)
            if all(shared(notes, earlier) < SAME_PIECE for earlier in kept):
                kept.append(notes)
                (folder / f"{prefix}_{name}.mid").write_bytes(content)
