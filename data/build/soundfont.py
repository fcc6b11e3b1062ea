"""The small soundfont: FluidR3Mono cut down to one drum kit and 17 programs.

A SoundFont is three lists: INFO (texts), sdta (all samples end to end) and pdta (nine tables of fixed-size records).
A preset is a run of zones (pbag), a zone a run of generators (pgen), one of which names an instrument; an instrument
is built alike (ibag, igen) and its zones name samples (shdr).  Cutting walks down from the presets wanted, keeps what
it meets, and renumbers.  In an .sf3 the samples are Ogg Vorbis streams: they are copied byte for byte.
Source: SoundFont Technical Specification 2.04, sections 5-7; the Vorbis flag is MuseScore's extension.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from packages import FLUID

from course_utils.synth.soundfont import DRUM_BANK, chunks

SOURCE = "usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3"
PROGRAMS = (0, 4, 16, 24, 25, 27, 29, 30, 32, 33, 38, 48, 56, 73, 80, 81, 89)
KEEP = {(0, program) for program in PROGRAMS} | {(DRUM_BANK, 0)}
INSTRUMENT, SAMPLE_ID = 41, 53  # the generators that name an instrument, and a sample
VORBIS = 0x10
LAYOUT = {
    b"phdr": "<20sHHHIII", b"pbag": "<HH", b"pmod": "<10s", b"pgen": "<HH", b"inst": "<20sH",
    b"ibag": "<HH", b"imod": "<10s", b"igen": "<HH", b"shdr": "<20sIIIIIBbHH",
}  # fmt: skip
INFO = (b"ifil", b"isng", b"INAM", b"ICRD", b"IENG", b"IPRD", b"ICOP", b"ICMT", b"ISFT")
Record = tuple[Any, ...]


class Cut:
    """A SoundFont being copied, preset by preset."""

    def __init__(self, source: bytes) -> None:
        self.chunks = chunks(source)
        self.old = {name: list(struct.iter_unpack(layout, self.chunks[name])) for name, layout in LAYOUT.items()}
        self.new: dict[bytes, list[Record]] = {name: [] for name in LAYOUT}
        self.samples = bytearray()
        self._instruments: dict[int, int] = {}  # old number -> new number
        self._samples: dict[int, int] = {}

    def keep_preset(self, index: int) -> None:
        """Copy a preset with everything it needs."""
        name, program, bank, first, *rest = self.old[b"phdr"][index]
        self.new[b"phdr"].append((name, program, bank, len(self.new[b"pbag"]), *rest))
        last = self.old[b"phdr"][index + 1][3]
        self._copy_zones(b"pbag", b"pgen", b"pmod", first, last, INSTRUMENT)

    def keep_instrument(self, index: int) -> int:
        """Copy an instrument once and return its new number."""
        if index not in self._instruments:
            self._instruments[index] = len(self.new[b"inst"])
            name, first = self.old[b"inst"][index]
            self.new[b"inst"].append((name, len(self.new[b"ibag"])))
            self._copy_zones(b"ibag", b"igen", b"imod", first, self.old[b"inst"][index + 1][1], SAMPLE_ID)
        return self._instruments[index]

    def keep_sample(self, index: int) -> int:
        """Copy a sample once and return its new number.  Loop points of a Vorbis stream count from its own start."""
        if index not in self._samples:
            name, start, end, loop_start, loop_end, rate, pitch, correction, _, kind = self.old[b"shdr"][index]
            if not kind & VORBIS:
                raise ValueError(f"sample {name!r} is not Vorbis-compressed; this cutter reads .sf3 only")
            self._samples[index] = len(self.new[b"shdr"])
            here = len(self.samples)
            self.samples += self.chunks[b"smpl"][start:end]
            moved = (here, here + end - start, loop_start, loop_end)
            self.new[b"shdr"].append((name, *moved, rate, pitch, correction, 0, kind))  # 0: mono, linked to nothing
        return self._samples[index]

    def _copy_zones(self, bag: bytes, gen: bytes, mod: bytes, first: int, last: int, names: int) -> None:
        """Copy zones first..last-1; generator number `names` points at what must be copied and renumbered."""
        keep = self.keep_instrument if names == INSTRUMENT else self.keep_sample
        for zone in range(first, last):
            (gen_from, mod_from), (gen_to, mod_to) = self.old[bag][zone : zone + 2]
            self.new[bag].append((len(self.new[gen]), len(self.new[mod])))
            self.new[gen] += [(g, keep(value) if g == names else value) for g, value in self.old[gen][gen_from:gen_to]]
            self.new[mod] += self.old[mod][mod_from:mod_to]

    def finish(self, comment: str) -> bytes:
        """Return the new file: closing records, the three lists, and a comment that says it was cut."""
        self._close_tables()
        texts = {**{k: v for k, v in self.chunks.items() if k in INFO}, b"ICMT": text(comment)}
        info = b"".join(chunk(name, texts[name]) for name in INFO if name in texts)
        tables = b"".join(
            chunk(name, b"".join(struct.pack(layout, *record) for record in self.new[name]))
            for name, layout in LAYOUT.items()
        )
        body = b"sfbk" + chunk(b"LIST", b"INFO" + info)
        body += chunk(b"LIST", b"sdta" + chunk(b"smpl", bytes(self.samples)))
        return chunk(b"RIFF", body + chunk(b"LIST", b"pdta" + tables))

    def _close_tables(self) -> None:
        """Append to each table the record that marks its end and points past the last entry of the next one."""
        count = {name: len(records) for name, records in self.new.items()}
        self.new[b"phdr"].append((b"EOP", 0, 0, count[b"pbag"], 0, 0, 0))
        self.new[b"pbag"].append((count[b"pgen"], count[b"pmod"]))
        self.new[b"inst"].append((b"EOI", count[b"ibag"]))
        self.new[b"ibag"].append((count[b"igen"], count[b"imod"]))
        self.new[b"shdr"].append((b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0))
        for generators, modulators in ((b"pgen", b"pmod"), (b"igen", b"imod")):
            self.new[generators].append((0, 0))
            self.new[modulators].append((bytes(10),))


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a RIFF chunk, padded to an even length."""
    content += b"\0" * (len(content) % 2)
    return name + struct.pack("<I", len(content)) + content


def text(words: str) -> bytes:
    """Return a zero-terminated text of even length, as INFO chunks want it."""
    data = words.encode("ascii") + b"\0"
    return data + b"\0" * (len(data) % 2)


def build(target: Path, packages: Path | None) -> None:
    """Write target/soundfont/FluidR3Mono_GM_small.sf3."""
    cut = Cut(FLUID.read(SOURCE, packages))
    wanted = [index for index, header in enumerate(cut.old[b"phdr"][:-1]) if (header[2], header[1]) in KEEP]
    for index in sorted(wanted, key=lambda i: (cut.old[b"phdr"][i][2], cut.old[b"phdr"][i][1])):
        cut.keep_preset(index)
    folder = target / "soundfont"
    folder.mkdir(parents=True, exist_ok=True)
    made = cut.finish("FluidR3Mono GM (MIT licence), cut to drum kit 0 and 17 programs for a course.")
    (folder / "FluidR3Mono_GM_small.sf3").write_bytes(made)
