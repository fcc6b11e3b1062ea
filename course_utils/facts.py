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

# VampNet's masks and its training (lesson 02)

VAMPNET_MEAN_RATIO = derived(
    2 / math.pi, "", "mean of cos(pi r / 2) for r uniform in 0 to 1: the share masked in training", digits=2
)
VAMPNET_LABEL_SMOOTHING = Fact(0.1, "", f"{VAMPNET_PAPER}, on its training: label smoothing", 1)
VAMPNET_TRACKS = Fact(797_000, "", f"{VAMPNET_PAPER}, on its data: music tracks")
VAMPNET_COARSE_STEPS = Fact(1_000_000, "steps", f"{VAMPNET_PAPER}, on its training: the coarse model")
VAMPNET_FINE_STEPS = Fact(500_000, "steps", f"{VAMPNET_PAPER}, on its training: the coarse-to-fine model")
VAMPNET_WIDTH = Fact(1280, "", f"{VAMPNET_PAPER}, on its network: embedding dimension")
VAMPNET_COARSE_LAYERS = Fact(20, "", f"{VAMPNET_PAPER}, on its network: layers of the coarse model")
VAMPNET_BIAS_BUCKETS = Fact(32, "", f"{VAMPNET_CODE}, vampnet/modules/transformer.py: buckets of the position bias")
VAMPNET_BIAS_DISTANCE = Fact(128, "frames", f"{VAMPNET_CODE}, vampnet/modules/transformer.py: attention_max_distance")

# VampNet's decoding (lesson 03)

VAMPNET_PASSES_SWEPT = (1, 4, 8, 12, 36, 64, 72)  # VampNet, arXiv 2307.04686v2, on the number of sampling steps
VAMPNET_PASSES_COMPARABLE = Fact(12, "", f"{VAMPNET_PAPER}: passes comparable to the best number")
VAMPNET_PASSES_FAIR = Fact(24, "", f"{VAMPNET_PAPER}: passes called a fair trade-off of quality and speed")
VAMPNET_PASSES_APP = Fact(36, "", f"{VAMPNET_CODE}, its app: the coarse model's sampling steps")
VAMPNET_FINE_PASSES = Fact(2, "passes", f"{VAMPNET_CODE}: the fine model's sampling steps, fixed")
VAMPNET_MASK_TEMPERATURE = Fact(10.5, "", f"{VAMPNET_CODE}: mask_temperature", 1)
VAMPNET_MASK_TEMPERATURE_PAPER = Fact(6, "", f"{VAMPNET_PAPER}: mask temperatures above this are preferred")

# Prompts (lesson 04)

VAMPNET_UPPER_CODEBOOKS = Fact(3, "", f"{VAMPNET_CODE}, vampnet/interface.py: upper_codebook_mask=3 by default")
VAMPNET_CODE_PASSES = Fact(12, "passes", f"{VAMPNET_CODE}: the default of the coarse model's sampling steps")

_REFERENCE = "measured once with the authors' weights on the article's own clip; chroma correlation with the original"
REFERENCE_WILD_VAMP = Fact(0.20, "", f"{_REFERENCE}, electronic, wild: vamp", 2)
REFERENCE_WILD_DENSE = Fact(0.53, "", f"{_REFERENCE}, electronic, wild: dense vamp", 2)
REFERENCE_WILD_INPAINT = Fact(0.60, "", f"{_REFERENCE}, electronic, wild: inpaint 3-7 s", 2)
REFERENCE_WILD_BEAT = Fact(0.14, "", f"{_REFERENCE}, electronic, wild: beat-driven", 2)
REFERENCE_FAITHFUL_VAMP = Fact(0.79, "", f"{_REFERENCE}, guitar, faithful: vamp", 2)
REFERENCE_FAITHFUL_DENSE = Fact(0.90, "", f"{_REFERENCE}, guitar, faithful: dense vamp", 2)
REFERENCE_FAITHFUL_INPAINT = Fact(0.91, "", f"{_REFERENCE}, guitar, faithful: inpaint 3-7 s", 2)
REFERENCE_FAITHFUL_BEAT = Fact(0.70, "", f"{_REFERENCE}, guitar, faithful: beat-driven", 2)

# The prompts of the article's two demos, and those of the course (lesson 04, `course vamp`)

_WILD, _FAITHFUL = "the article's wild preset (electronic loop)", "the article's faithful preset (guitar loop)"
_OURS = "the course's choice, not in the article:"
WILD_VAMP_PERIOD = Fact(9, "frames", f"{_WILD}: vamp keeps every 9th")
WILD_VAMP_TEMPERATURE = Fact(1.2, "", f"{_WILD}: vamp", 1)
WILD_DENSE_PERIOD = Fact(5, "frames", f"{_WILD}: dense vamp keeps every 5th")
WILD_DENSE_TEMPERATURE = Fact(1.0, "", f"{_WILD}: dense vamp", 1)
WILD_INPAINT_TEMPERATURE = Fact(1.0, "", f"{_WILD}: inpaint", 1)
WILD_BEAT_SECONDS = Fact(0.03, "s", f"{_WILD}: kept after each beat", 2)
WILD_BEAT_TEMPERATURE = Fact(1.1, "", f"{_WILD}: beat-driven", 1)
FAITHFUL_VAMP_PERIOD = Fact(5, "frames", f"{_FAITHFUL}: vamp keeps every 5th")
FAITHFUL_VAMP_TEMPERATURE = Fact(0.7, "", f"{_FAITHFUL}: vamp", 1)
FAITHFUL_DENSE_PERIOD = Fact(2, "frames", f"{_FAITHFUL}: dense vamp keeps every 2nd")
FAITHFUL_DENSE_TEMPERATURE = Fact(0.6, "", f"{_FAITHFUL}: dense vamp", 1)
FAITHFUL_INPAINT_TEMPERATURE = Fact(0.6, "", f"{_FAITHFUL}: inpaint", 1)
FAITHFUL_BEAT_SECONDS = Fact(0.08, "s", f"{_FAITHFUL}: kept after each beat", 2)
FAITHFUL_BEAT_TEMPERATURE = Fact(0.7, "", f"{_FAITHFUL}: beat-driven", 1)
INPAINT_START = Fact(3, "s", "the article's two demos: the gap of 10 s begins here")
INPAINT_STOP = Fact(7, "s", "the article's two demos: the gap of 10 s ends here")
CONTINUE_SHARE = Fact(0.5, "", f"{_OURS} a continuation keeps the first half", 1)
WILD_COMPRESS_CODEBOOKS = Fact(1, "", f"{_OURS} c0 alone, the roughest sketch there is")
FAITHFUL_COMPRESS_CODEBOOKS = Fact(3, "", f"{_OURS} c0 to c2, as many as the released mask builder keeps")
VAMPNET_BEAT_SECONDS = Fact(0.075, "s", f"{VAMPNET_PAPER}: beat-driven prompts keep 75 ms around each beat", 3)

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

# Music as events (lesson 05): the data, the encodings, and the paper's table

_LAKH = f"{AMT_PAPER}, on the Lakh MIDI data set"
AMT_FILES = Fact(178_561, "", f"{_LAKH}: all files")
AMT_FILES_ARTICLE = Fact(176_581, "", "the article's number of Lakh files: two digits transposed")
AMT_FILES_PARSED = Fact(174_046, "", f"{_LAKH}: files that could be read")
AMT_SEQUENCES = Fact(164_747, "", f"{_LAKH}: event sequences kept")
AMT_EVENTS = Fact(663_555_310, "events", f"{_LAKH}: events in them")
AMT_HOURS = Fact(8_943, "h", f"{_LAKH}: hours of music in them")
AMT_TOKENS = derived(3 * AMT_EVENTS.value / 1e9, "billion tokens", "three tokens an event", AMT_EVENTS, digits=2)
AMT_EVENTS_PER_SECOND = derived(
    AMT_EVENTS.value / (AMT_HOURS.value * 3600), "events/s", "events / seconds of Lakh", AMT_EVENTS, AMT_HOURS, digits=1
)
AMT_TOKENS_PER_SECOND = Fact(68, "tokens/s", f"{_LAKH}: mean over its sequences")
AMT_TOKENS_PER_SECOND_SPREAD = Fact(51, "tokens/s", f"{_LAKH}: standard deviation over its sequences")
AMT_CONTEXT = Fact(1024, "tokens", f"{AMT_PAPER}, on its network: context length")
AMT_CONTEXT_EVENTS = derived((AMT_CONTEXT.value - 1) // 3, "events", "one token for the mode, then threes", AMT_CONTEXT)
AMT_CONTEXT_SECONDS = derived(
    AMT_CONTEXT.value / AMT_TOKENS_PER_SECOND.value,
    "s",
    "context / tokens per second",
    AMT_CONTEXT,
    AMT_TOKENS_PER_SECOND,
)
AMT_REST_SECONDS = Fact(1, "s", f"{AMT_PAPER}: a REST wherever nothing begins for longer")
AMT_CONTROL_OFFSET = derived(
    AMT_EVENT_VOCABULARY.value + 1, "", "first control token: after the events and REST", AMT_EVENT_VOCABULARY
)
AMT_INTERARRIVAL_VOCABULARY = derived(
    AMT_DURATIONS.value + 2 * AMT_NOTES.value + 1,
    "",
    "waits up to 10 s in 10 ms + beginnings of notes + ends of notes + a separator",
    AMT_DURATIONS,
    AMT_NOTES,
)

_TABLE = f"{AMT_PAPER}, its table of results on the Lakh test set"
AMT_BITS_SMALL_INTERARRIVAL = Fact(85.9, "bit/s", f"{_TABLE}: Small, 100k steps, interarrival", 1)
AMT_BITS_SMALL_AR = Fact(80.4, "bit/s", f"{_TABLE}: Small, 100k steps, autoregressive", 1)
AMT_BITS_SMALL = Fact(80.7, "bit/s", f"{_TABLE}: Small, 100k steps, anticipatory", 1)
AMT_BITS_SMALL_800K_AR = Fact(75.7, "bit/s", f"{_TABLE}: Small, 800k steps, autoregressive", 1)
AMT_BITS_SMALL_800K = Fact(75.0, "bit/s", f"{_TABLE}: Small, 800k steps, anticipatory", 1)
AMT_BITS_MEDIUM = Fact(74.4, "bit/s", f"{_TABLE}: Medium, 100k steps, anticipatory", 1)
AMT_BITS_MEDIUM_200K = Fact(71.5, "bit/s", f"{_TABLE}: Medium, 200k steps, anticipatory", 1)
AMT_BITS_MEDIUM_800K = Fact(69.7, "bit/s", f"{_TABLE}: Medium, 800k steps, anticipatory", 1)
AMT_BITS_LARGE = Fact(73.2, "bit/s", f"{_TABLE}: Large, 100k steps", 1)
AMT_BITS_TABLE = (
    ("Small, 100k, interarrival", AMT_BITS_SMALL_INTERARRIVAL),
    ("Small, 100k, autoregressive", AMT_BITS_SMALL_AR),
    ("Small, 100k, anticipatory", AMT_BITS_SMALL),
    ("Small, 800k, autoregressive", AMT_BITS_SMALL_800K_AR),
    ("Small, 800k, anticipatory", AMT_BITS_SMALL_800K),
    ("Medium, 100k, anticipatory", AMT_BITS_MEDIUM),
    ("Medium, 200k, anticipatory", AMT_BITS_MEDIUM_200K),
    ("Medium, 800k, anticipatory", AMT_BITS_MEDIUM_800K),
    ("Large, 100k", AMT_BITS_LARGE),
)  # the lines of the table in bits per second
AMT_PPL_EVENT = Fact(10.4, "", f"{_TABLE}: Medium, 800k steps, perplexity of an event", 1)
AMT_PPL_TIME = Fact(1.49, "", f"{_TABLE}: Medium, 800k steps, perplexity of a time token", 2)
AMT_PPL_DURATION = Fact(3.29, "", f"{_TABLE}: Medium, 800k steps, perplexity of a duration token", 2)
AMT_PPL_NOTE = Fact(2.12, "", f"{_TABLE}: Medium, 800k steps, perplexity of a note token", 2)
AMT_PPL_PRODUCT = derived(
    AMT_PPL_TIME.value * AMT_PPL_DURATION.value * AMT_PPL_NOTE.value,
    "",
    "the perplexities of the three tokens of an event, multiplied",
    AMT_PPL_TIME,
    AMT_PPL_DURATION,
    AMT_PPL_NOTE,
    digits=2,
)
AMT_BITS_FROM_PPL = derived(
    math.log2(AMT_PPL_EVENT.value) * AMT_EVENTS_PER_SECOND.value,
    "bit/s",
    "log2 of an event's perplexity x events per second",
    AMT_PPL_EVENT,
    AMT_EVENTS_PER_SECOND,
    digits=1,
)

# Anticipatory sampling (lesson 07)

AMT_TOP_P = Fact(0.95, "", f"{AMT_PAPER}, on its human evaluation: nucleus sampling", 2)
AMT_TOP_P_README = Fact(0.98, "", f"{AMT_CODE}, README.md: nucleus sampling in its examples", 2)
AMT_COPIES = Fact(30, "", f"{AMT_PAPER}, on training: augmented copies of each sequence")
AMT_SHARE_NONE = Fact(10, "%", f"{AMT_PAPER}, on training: copies without controls")
AMT_SHARE_SPAN = Fact(10, "%", f"{AMT_PAPER}, on training: copies with spans as controls")
AMT_SHARE_INSTRUMENT = Fact(40, "%", f"{AMT_PAPER}, on training: copies with instruments as controls")
AMT_SHARE_RANDOM = Fact(40, "%", f"{AMT_PAPER}, on training: copies with random events as controls")
AMT_SPAN_RATE = Fact(0.05, "", f"{AMT_PAPER}, on training: rate at which spans begin, a second", 2)
AMT_MOST_INSTRUMENTS = Fact(16, "instruments", f"{AMT_PAPER}, on sampling: as many as a MIDI file has channels")
AMT_CLIP_TICKS = Fact(5, "ticks", f"{AMT_CODE}, anticipation/sample.py: controls before it are dropped")
AMT_LISTENING_SECONDS = Fact(20, "s", f"{AMT_PAPER}, on its human evaluation: length of a clip")

_LISTENERS = f"{AMT_PAPER}, its tables of the human evaluation"


def _votes(wins: int, ties: int, losses: int, what: str) -> tuple[Fact, Fact, Fact]:
    """Wins, ties and losses of one row."""
    counts = (("wins", wins), ("ties", ties), ("losses", losses))
    one, two, three = (Fact(count, "", f"{_LISTENERS}: {what}, {name}") for name, count in counts)
    return one, two, three


AMT_WINS, AMT_TIES, AMT_LOSSES = _votes(18, 31, 11, "anticipatory accompaniment against the human one")
AMT_P_ACCOMPANIMENT = Fact(0.194, "", f"{_LISTENERS}: anticipatory accompaniment against the human one, p", 3)
AMT_P_CONTINUATION = Fact(0.0027, "", f"{_LISTENERS}: continuation by Medium against the human one, p", 4)
AMT_HUMAN_TABLE: tuple[tuple[str, tuple[Fact, Fact, Fact], Fact | None], ...] = (
    (
        "accompaniment, anticipatory against human",
        (AMT_WINS, AMT_TIES, AMT_LOSSES),
        AMT_P_ACCOMPANIMENT,
    ),
    (
        "accompaniment, autoregressive against human",
        _votes(5, 10, 45, "autoregressive accompaniment against the human one"),
        None,
    ),
    (
        "accompaniment, retrieved against human",
        _votes(2, 6, 52, "an accompaniment taken from elsewhere, not made for the melody, against the human one"),
        None,
    ),
    (
        "accompaniment, anticipatory against autoregressive",
        _votes(47, 6, 7, "anticipatory against autoregressive accompaniment"),
        None,
    ),
    (
        "continuation, Medium against human",
        _votes(44, 29, 77, "continuation by Medium against the human one"),
        AMT_P_CONTINUATION,
    ),
)  # wins, ties and losses of the first against the second, and the p that the paper gives

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
BOX_SCHEDULE = Box(
    topic="Which schedule?",
    article="linear, cosine or random",
    paper="the cosine, in training and in decoding",
    code="the cosine; a linear one is there for experiments",
    here="the cosine; `vampnet.schedule` has all three",
)
BOX_FRAMES = Box(
    topic="How many frames has a 10 s clip?",
    article="",
    paper="",
    code=f"{DAC_ENCODE_FRAMES_10S} from `encode`, {DAC_COMPRESS_FRAMES_10S} from `compress`, in overlapping windows",
    here=f"{DAC_ENCODE_FRAMES_10S}: 10 s / {DAC_HOP}, the last frame padded",
)
