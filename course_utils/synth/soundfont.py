"""What a SoundFont can play, and which of its presets stands in for one it lacks.

A SoundFont (`.sf2`, or `.sf3` with Vorbis-compressed samples) is a RIFF file; its `phdr` chunk names every preset by
bank and program number.  Source: SoundFont Technical Specification 2.04, section 7.2.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pretty_midi

DRUM_BANK = 128
# The tables of the `pdta` list that say which key plays what: a preset (phdr) is a run of zones (pbag), a zone a run of
# generators (pgen), one of which names an instrument (inst), which is a run of zones again (ibag, igen).
TABLES = {b"phdr": "<20sHHHIII", b"pbag": "<HH", b"pgen": "<HH", b"inst": "<20sH", b"ibag": "<HH", b"igen": "<HH"}
KEY_RANGE, INSTRUMENT, SAMPLE_ID = 43, 41, 53  # generators: lowest and highest key; what the zone plays
ALL_KEYS = frozenset(range(128))
Table: TypeAlias = "list[tuple[Any, ...]]"
Tables: TypeAlias = "dict[bytes, Table]"

# Who plays in place of a program, where the number beside it is of another kind: what is plucked or struck dies away by
# itself and must not be bowed or blown.  `data/build/stand_ins.py` measures how near each comes to what it stands for.
STAND_INS = {
    3: 0, 6: 0, 7: 0,  # honky-tonk, harpsichord, clavinet: a piano
    15: 0,  # dulcimer: struck strings
    20: 73, 21: 73, 22: 56, 23: 73,  # reed organ and accordions: a flute; harmonica: a trumpet
    26: 27, 31: 24,  # jazz guitar: a clean one; harmonics: nylon strings
    36: 33, 37: 33,  # slapped basses: a fingered one
    45: 24, 46: 24,  # pizzicato, harp: a plucked nylon string
    47: 32,  # timpani: an acoustic bass, which keeps the pitch
    51: 89, 52: 89, 53: 89, 54: 89,  # voices and soft synthetic strings: a warm pad
    60: 73,  # French horn: a flute
    64: 56, 65: 56, 66: 56, 67: 56,  # saxophones: a trumpet
    82: 73, 83: 73, 85: 89,  # leads that imitate pipes and a voice
    98: 4,  # crystal: an electric piano
    104: 25, 105: 24, 106: 24, 107: 24,  # sitar, banjo, shamisen, koto: plucked strings
    108: 4, 112: 4, 114: 4,  # kalimba, tinkle bell, steel drums: the tines of an electric piano
    109: 81, 110: 48, 111: 56,  # bagpipe, fiddle, shanai
    123: 73,  # bird tweet
}  # fmt: skip
# Programs that are drums: keys of the drum kit, of which a note takes the nearest.
KIT_STAND_INS = {
    113: (67, 68),  # agogo
    115: (76, 77),  # woodblock
    116: (41, 43), 117: (41, 43, 45, 47, 48, 50), 118: (41, 43, 45, 47, 48, 50),  # taiko, tom, synth drum: toms
    119: (49,), 122: (49,), 126: (49,),  # reverse cymbal, and what is noise (seashore, applause): a crash cymbal
    127: (41,),  # gunshot: the deepest tom
}  # fmt: skip
# General MIDI orders its 128 programs in 16 families of 8.  For a family with no preset at all, the families to try.
RELATED_FAMILIES = {
    0: (1, 3), 1: (0, 9), 2: (11, 6), 3: (0, 13), 4: (3, 0), 5: (6, 11), 6: (5, 11), 7: (8, 10),
    8: (9, 7), 9: (8, 7), 10: (11, 7), 11: (6, 10), 12: (11, 6), 13: (3, 0), 14: (1, 13, 3), 15: (11, 12),
}  # fmt: skip


class SoundFontError(ValueError):
    """The file is not a readable SoundFont, or has no preset that could play the request."""


class Preset(NamedTuple):
    """One instrument of a SoundFont: program (0-127), bank (128 = drum kits), name, and the keys that sound."""

    program: int
    bank: int
    name: str
    keys: frozenset[int] = ALL_KEYS

    def nearest_key(self, pitch: int) -> int:
        """Return the key that plays `pitch`: itself, else the same note in the nearest octave that sounds.

        In a drum kit each key is a drum of its own and octaves mean nothing: there it is the nearest key.
        """
        same_note = [key for key in self.keys if self.bank != DRUM_BANK and (key - pitch) % 12 == 0]
        return min(same_note or self.keys, key=lambda key: (abs(key - pitch), key), default=pitch)


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the sub-chunks of every LIST in a RIFF file, keyed by their four-letter name."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise SoundFontError(f"not a SoundFont: it starts with {data[:4]!r}, expected b'RIFF....sfbk'")
    found: dict[bytes, bytes] = {}
    for start, end in _lists(data):
        while start + 8 <= end:
            name, size = struct.unpack_from("<4sI", data, start)
            if start + 8 + size > len(data):
                raise SoundFontError(f"the SoundFont is cut short: chunk {name!r} claims {size} bytes")
            found[name] = data[start + 8 : start + 8 + size]
            start += 8 + size
            if size % 2 and start < end and data[start] == 0:  # RIFF pads to even; some writers forget
                start += 1
    return found


def _lists(data: bytes) -> Iterable[tuple[int, int]]:
    """Yield (start, end) of the content of each LIST, tolerating a missing or surplus pad byte between them."""
    position = 12
    while position + 12 <= len(data):
        if data[position : position + 4] != b"LIST":
            position += 1
            if data[position : position + 4] != b"LIST":
                raise SoundFontError(f"damaged SoundFont: no LIST chunk at byte {position}")
        size = struct.unpack_from("<I", data, position + 4)[0]
        yield position + 12, position + 8 + size
        position += 8 + size


def read_presets(font: str | Path) -> list[Preset]:
    """Return the presets of a SoundFont file, sorted by bank and program.

    Raises SoundFontError for a file that is not a SoundFont and FileNotFoundError for one that is not there.
    """
    found = chunks(Path(font).read_bytes())
    missing = [name.decode() for name in TABLES if name not in found]
    if missing:
        raise SoundFontError(f"{font}: no {', '.join(missing)} chunk, so it does not say what it can play")
    tables = {name: list(struct.iter_unpack(layout, found[name])) for name, layout in TABLES.items()}
    headers = tables[b"phdr"]
    presets = [
        Preset(this[1], this[2], this[0].split(b"\0")[0].decode("latin-1"), preset_keys(tables, this[3], after[3]))
        for this, after in itertools.pairwise(headers)  # the last record only marks the end
    ]
    return sorted(presets, key=lambda preset: (preset.bank, preset.program))


def preset_keys(tables: Tables, first: int, last: int) -> frozenset[int]:
    """Return the keys that sound in the preset made of zones first..last-1."""
    sounding: set[int] = set()
    for keys, instrument in zones(tables[b"pbag"], tables[b"pgen"], first, last, INSTRUMENT):
        begin, end = tables[b"inst"][instrument][1], tables[b"inst"][instrument + 1][1]
        for inner, _ in zones(tables[b"ibag"], tables[b"igen"], begin, end, SAMPLE_ID):
            sounding |= keys & inner
    return frozenset(sounding)


def zones(bags: Table, generators: Table, first: int, last: int, target: int) -> Iterator[tuple[frozenset[int], int]]:
    """Yield (keys, number of what is played) of zones first..last-1.

    A first zone that plays nothing is global: it holds the defaults of the others.
    """
    usual = ALL_KEYS
    for zone in range(first, last):
        values: dict[int, int] = dict(generators[bags[zone][0] : bags[zone + 1][0]])
        bounds = values.get(KEY_RANGE)  # lowest key in the low byte, highest in the high byte
        keys = usual if bounds is None else frozenset(range(bounds & 255, (bounds >> 8) + 1))
        if target in values:
            yield keys, values[target]
        elif zone == first:
            usual = keys


def nearest_program(program: int, available: Iterable[int], stand_ins: Mapping[int, int] = STAND_INS) -> int:
    """Return the available General MIDI program closest in kind to `program` (0-127).

    The program itself if present; else its stand-in; else the nearest number of its own family of eight; else of a
    related family; else the nearest number of all.  Raises SoundFontError when nothing is available.
    """
    programs = sorted(set(available))
    if not programs:
        raise SoundFontError("the SoundFont has no melodic preset: every note would be silent")
    if program not in programs and stand_ins.get(program) in programs:
        return stand_ins[program]
    family = program // 8
    for candidate in (family, *RELATED_FAMILIES[family]):
        members = [p for p in programs if p // 8 == candidate]
        if members:
            return min(members, key=lambda p: abs(p - program))
    return min(programs, key=lambda p: abs(p - program))


def choose_preset(program: int, is_drum: bool, presets: list[Preset]) -> tuple[Preset, str]:
    """Return the preset that plays `program`, and a note saying what was replaced ("" if nothing was).

    A preset without a key that sounds is passed over. A program that is a drum may be given a few keys of a kit.
    Raises SoundFontError when none is left.
    """
    sounding = [preset for preset in presets if preset.keys]
    kits = {preset.program: preset for preset in sounding if preset.bank == DRUM_BANK}
    melodic = {preset.program: preset for preset in reversed(sounding) if preset.bank != DRUM_BANK}
    if not is_drum:
        name = pretty_midi.program_to_instrument_name(program)
        drums = kits[min(kits)].keys.intersection(KIT_STAND_INS.get(program, ())) if kits else frozenset()
        if drums and program not in melodic:
            listed = ("key " if len(drums) == 1 else "keys ") + ", ".join(map(str, sorted(drums)))
            return kits[min(kits)]._replace(keys=drums), f"{name} is played by the drum kit ({listed})"
        chosen = melodic[nearest_program(program, melodic)]
        return chosen, "" if chosen.program == program else f"{name} is played by {chosen.name}"
    if not kits:
        raise SoundFontError("the SoundFont has no drum kit (bank 128): drum tracks would be silent")
    kit = kits.get(program, kits[min(kits)])
    return kit, "" if kit.program == program else f"drum kit {program} is played by kit {kit.program} ({kit.name})"
