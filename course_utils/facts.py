"""Every number the lessons quote, with its unit and where it comes from; what can be derived is derived.

In prose: `f"{facts.DAC_BIT_RATE}"` gives "7.75 kbit/s", `facts.DAC_BIT_RATE.cite()` adds the source. In arithmetic:
`facts.DAC_HOP.value`. A lesson that quotes a new number adds a `Fact` here and, where it can, derives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Number = int | float

DAC_PAPER = "DAC, arXiv 2306.06546"
DAC_CODE = "released code of DAC, dac/model/dac.py"
VAMPNET_PAPER = "VampNet, arXiv 2307.04686v2"
VAMPNET_CODE = "released code of VampNet"
AMT_PAPER = "Anticipatory Music Transformer, arXiv 2306.08620v2"
AMT_CODE = "released code of the Anticipatory Music Transformer"


@dataclass(frozen=True)
class Fact:
    """One number that a lesson quotes.

    value: as a plain number in base units; unit: as written after it ("" for a count or a ratio); source: paper and
    section, file of the released code, or how it is derived; digits: decimals in prose; parents: the facts it is
    derived from.
    """

    value: Number
    unit: str
    source: str
    digits: int = 0
    parents: tuple[Fact, ...] = ()

    def __str__(self) -> str:
        """The number as written in a sentence: thousands separated, its unit behind it."""
        return format(self, f",.{self.digits}f")

    def __format__(self, spec: str) -> str:
        """`f"{fact:.1f}"` sets the digits; the unit, scaled to kilo or mega where it is a rate, follows."""
        scale, prefix = _prefix(self.value, self.unit)
        number = format(self.value / scale, spec or f",.{self.digits}f")
        return f"{number} {prefix}{self.unit}".rstrip()

    def cite(self) -> str:
        """The number and its source in brackets: "7.75 kbit/s (derived: ...)"."""
        return f"{self} ({self.source})"


def derived(value: Number, unit: str, how: str, *parents: Fact, digits: int = 0) -> Fact:
    """A fact computed from other facts; `how` says the computation in words."""
    return Fact(value, unit, f"derived: {how}", digits, parents)


def _prefix(value: Number, unit: str) -> tuple[float, str]:
    """Kilo and mega for the units that take them in prose."""
    if unit not in ("bit/s", "B", "Hz"):
        return 1, ""
    if abs(value) >= 1e6:
        return 1e6, "M"
    return (1e3, "k") if abs(value) >= 1e3 else (1, "")


def by_name() -> dict[str, Fact]:
    """All facts by the name they have here."""
    return {name: value for name, value in globals().items() if isinstance(value, Fact)}


# Sound as a computer keeps it (lesson 01)

SAMPLE_RATE = Fact(44_100, "Hz", f"{DAC_PAPER}, section 4.3; the rate of the compact disc", 1)
PCM_BITS = Fact(16, "bit", "IEC 60908, the compact disc: 16 bits a sample")
PCM_BIT_RATE = derived(
    SAMPLE_RATE.value * PCM_BITS.value,
    "bit/s",
    "samples per second x bits per sample, one channel",
    SAMPLE_RATE,
    PCM_BITS,
    digits=1,
)

# The Descript Audio Codec, public 44.1 kHz model (lessons 00 and 01)

DAC_CODEBOOKS = Fact(9, "", f"{DAC_CODE}: n_codebooks=9")
DAC_ENTRIES = Fact(1024, "", f"{DAC_CODE}: codebook_size=1024")
DAC_CODEBOOK_DIM = Fact(8, "", f"{DAC_CODE}: codebook_dim=8; {DAC_PAPER}, section 3.2")
DAC_STRIDES = (2, 4, 8, 8)  # encoder_rates in the released code, dac/model/dac.py
DAC_HOP = derived(math.prod(DAC_STRIDES), "samples", "product of the encoder's strides 2 x 4 x 8 x 8")
DAC_LATENT = derived(64 * 2 ** len(DAC_STRIDES), "", "encoder_dim 64, doubled at each of the four strides")
DAC_FRAME_RATE = derived(
    SAMPLE_RATE.value / DAC_HOP.value,
    "frames/s",
    "samples per second / samples per frame",
    SAMPLE_RATE,
    DAC_HOP,
    digits=2,
)
DAC_FRAME_MS = derived(1000 / DAC_FRAME_RATE.value, "ms", "1 / frame rate", DAC_FRAME_RATE, digits=1)
DAC_BITS_PER_CODE = derived(
    round(math.log2(DAC_ENTRIES.value)), "bit", "log2 of the entries of one codebook", DAC_ENTRIES
)
DAC_BITS_PER_FRAME = derived(
    DAC_CODEBOOKS.value * DAC_BITS_PER_CODE.value, "bit", "codebooks x bits per code", DAC_CODEBOOKS, DAC_BITS_PER_CODE
)
DAC_LEVEL_BIT_RATE = derived(
    DAC_BITS_PER_CODE.value * DAC_FRAME_RATE.value,
    "bit/s",
    "bits per code x frames per second: what one level costs",
    DAC_BITS_PER_CODE,
    DAC_FRAME_RATE,
    digits=2,
)
DAC_BIT_RATE = derived(
    DAC_BITS_PER_FRAME.value * DAC_FRAME_RATE.value,
    "bit/s",
    "bits per frame x frames per second",
    DAC_BITS_PER_FRAME,
    DAC_FRAME_RATE,
    digits=2,
)
DAC_RATIO = derived(
    PCM_BIT_RATE.value / DAC_BIT_RATE.value, "", "PCM bit rate / codec bit rate", PCM_BIT_RATE, DAC_BIT_RATE
)
DAC_RATIO_PAPER = Fact(90, "", f"{DAC_PAPER}, abstract: about 90x")
DAC_BIT_RATE_PAPER = Fact(8000, "bit/s", f"{DAC_PAPER}, abstract: rounded up from 7.75 kbit/s")
DAC_PARAMETERS = Fact(76_651_890, "", f"counted in {DAC_CODE} at its default sizes")
DAC_FLOAT32_BYTES = derived(DAC_PARAMETERS.value * 4, "B", "parameters x 4 bytes", DAC_PARAMETERS)
DAC_ENCODE_FRAMES_10S = derived(
    math.ceil(10 * SAMPLE_RATE.value / DAC_HOP.value),
    "frames",
    "10 s of samples / hop, rounded up to a whole frame",
    SAMPLE_RATE,
    DAC_HOP,
)
DAC_COMPRESS_FRAMES_10S = Fact(1152, "frames", "counted: `DAC.compress` of 10 s works in overlapping windows")

# VampNet (lesson 00; lessons 02 to 04 add theirs)

VAMPNET_CODEBOOKS = Fact(14, "", f"{VAMPNET_PAPER}, on its tokenizer")
VAMPNET_COARSE = Fact(4, "", f"{VAMPNET_PAPER}: the coarse model predicts the first 4 codebooks")
VAMPNET_FINE = derived(
    VAMPNET_CODEBOOKS.value - VAMPNET_COARSE.value, "", "codebooks - coarse ones", VAMPNET_CODEBOOKS, VAMPNET_COARSE
)
VAMPNET_HOP = Fact(768, "samples", f"{VAMPNET_PAPER}, on its tokenizer")
VAMPNET_FRAME_RATE = derived(
    SAMPLE_RATE.value / VAMPNET_HOP.value,
    "frames/s",
    "samples per second / samples per frame",
    SAMPLE_RATE,
    VAMPNET_HOP,
    digits=2,
)
VAMPNET_BIT_RATE = derived(
    VAMPNET_CODEBOOKS.value * 10 * VAMPNET_FRAME_RATE.value,
    "bit/s",
    "codebooks x 10 bit x frames per second; the paper rounds to 8 kbit/s",
    VAMPNET_CODEBOOKS,
    VAMPNET_FRAME_RATE,
    digits=2,
)
VAMPNET_PASSES = Fact(36, "passes", f"{VAMPNET_PAPER}, abstract")
VAMPNET_TOKEN_BY_TOKEN_10S = derived(
    math.floor(10 * VAMPNET_FRAME_RATE.value), "steps", "whole frames in 10 s, one step each", VAMPNET_FRAME_RATE
)
VAMPNET_CLIP_SECONDS = Fact(10, "s", f"{VAMPNET_PAPER}: the length its experiments generate")

# The Anticipatory Music Transformer (lesson 00; lessons 05 to 07 add theirs)

AMT_TICK_MS = Fact(10, "ms", f"{AMT_PAPER}, arrival-time encoding")
AMT_TIMES = Fact(10_000, "", f"{AMT_PAPER}, arrival-time encoding: up to 100 s in 10 ms")
AMT_DURATIONS = Fact(1_000, "", f"{AMT_PAPER}, arrival-time encoding: up to 10 s in 10 ms")
AMT_PITCHES = Fact(128, "", "MIDI 1.0: note numbers 0 to 127")
AMT_INSTRUMENTS = Fact(129, "", f"{AMT_PAPER}: 128 General MIDI programs and drums")
AMT_NOTES = derived(
    AMT_PITCHES.value * AMT_INSTRUMENTS.value, "", "pitches x instruments", AMT_PITCHES, AMT_INSTRUMENTS
)
AMT_EVENT_VOCABULARY = derived(
    AMT_TIMES.value + AMT_DURATIONS.value + AMT_NOTES.value,
    "",
    "times + durations + notes",
    AMT_TIMES,
    AMT_DURATIONS,
    AMT_NOTES,
)
AMT_VOCABULARY = derived(
    2 * AMT_EVENT_VOCABULARY.value + 1 + 3,
    "",
    "events, the same again as controls, REST, and the three special tokens",
    AMT_EVENT_VOCABULARY,
)
AMT_DELTA = Fact(5, "s", f"{AMT_PAPER}: the anticipation interval used in its experiments")

# The course codec's aim: what the official model does on a chord synthesised for the purpose (lesson 01)

_CHORD = "measured once with the public DAC weights on a synthetic chord"
OFFICIAL_CHORD_SI_SDR_1 = Fact(1.3, "dB", f"{_CHORD}, level 1", 1)
OFFICIAL_CHORD_SI_SDR_9 = Fact(16.9, "dB", f"{_CHORD}, levels 1 to 9", 1)
OFFICIAL_CHORD_MEL_1 = Fact(0.348, "", f"{_CHORD}, level 1", 3)
OFFICIAL_CHORD_MEL_9 = Fact(0.153, "", f"{_CHORD}, levels 1 to 9", 3)


@dataclass(frozen=True)
class Box:
    """Paper, article and released code on one point where they differ: shown beside the lesson's text."""

    topic: str
    article: str
    paper: str
    code: str
    here: str

    def markdown(self) -> str:
        """As a small table for a lesson."""
        rows = [("article", self.article), ("paper", self.paper), ("released code", self.code), ("here", self.here)]
        body = "\n".join(f"| {who} | {what} |" for who, what in rows if what)
        return f"**{self.topic}**\n\n| source | says |\n|---|---|\n{body}"


BOX_BIT_RATE = Box(
    topic="How many bits a second?",
    article="8 kbit/s, about 90 times smaller",
    paper=f"about {DAC_RATIO_PAPER} times smaller at {DAC_BIT_RATE_PAPER} ({DAC_PAPER}, abstract)",
    code=f"{DAC_CODEBOOKS} x {DAC_BITS_PER_CODE} x {DAC_FRAME_RATE} = {DAC_BIT_RATE}, {DAC_RATIO} times smaller",
    here=f"{DAC_BIT_RATE}: the course codec has the same frames and codebooks",
)
BOX_COARSE = Box(
    topic="How many codebooks, and which of them are coarse?",
    article="9 codebooks; c0 alone is coarse, c1 to c8 are fine",
    paper=f"{VAMPNET_CODEBOOKS} codebooks; the first {VAMPNET_COARSE} are coarse, the other {VAMPNET_FINE} fine",
    code="older configurations have 9 codebooks, with 3 or 4 of them given to the fine model",
    here="9 codebooks as in DAC; c0 to c3 are coarse, c4 to c8 fine",
)
BOX_FRAMES = Box(
    topic="How many frames has a 10 s clip?",
    article="",
    paper="",
    code=f"{DAC_ENCODE_FRAMES_10S} from `encode`, {DAC_COMPRESS_FRAMES_10S} from `compress`, in overlapping windows",
    here=f"{DAC_ENCODE_FRAMES_10S}: 10 s / {DAC_HOP}, the last frame padded",
)
