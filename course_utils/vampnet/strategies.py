"""Six ways to prompt, each a mask and the settings that go with it: what the lessons and `course vamp` offer.

wild strays far from the clip, faithful stays near: the presets of the article's two demos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from course_utils import facts
from course_utils.vampnet import masks
from course_utils.vampnet.beats import Beats, BeatsError
from course_utils.vampnet.decoding import DecodeSettings
from course_utils.vampnet.masks import Mask, MaskError, seconds_of

STRATEGIES = ("vamp", "dense", "inpaint", "beat", "continue", "compress")
STYLES = ("wild", "faithful")


@dataclass(frozen=True)
class Preset:
    """The numbers of one style; times in seconds, periods in frames. Source: `course_utils.facts`.

    upper: how many codebooks keep the prompt of a kept frame, None for all. All is the default: the paper keeps whole
    frames, and what is kept then sounds as it did. The released mask builder keeps the first 3 unless told otherwise.
    start, stop: of the gap. share: of the clip that a continuation keeps. codebooks: kept by compression.
    """

    temperature: float
    period: int = 1
    start: float = float(facts.INPAINT_START.value)
    stop: float = float(facts.INPAINT_STOP.value)
    kept_after: float = facts.VAMPNET_BEAT_SECONDS.value
    kept_before: float = 0.0
    share: float = facts.CONTINUE_SHARE.value
    codebooks: int = 1
    upper: int | None = None


def _preset(temperature: facts.Fact, period: facts.Fact | None = None, **more: facts.Fact) -> Preset:
    numbers = {name: fact.value for name, fact in more.items()}
    return Preset(float(temperature.value), int(period.value) if period else 1, **numbers)  # type: ignore[arg-type]


PRESETS: dict[tuple[str, str], Preset] = {  # (strategy, style)
    ("vamp", "wild"): _preset(facts.WILD_VAMP_TEMPERATURE, facts.WILD_VAMP_PERIOD),
    ("vamp", "faithful"): _preset(facts.FAITHFUL_VAMP_TEMPERATURE, facts.FAITHFUL_VAMP_PERIOD),
    ("dense", "wild"): _preset(facts.WILD_DENSE_TEMPERATURE, facts.WILD_DENSE_PERIOD),
    ("dense", "faithful"): _preset(facts.FAITHFUL_DENSE_TEMPERATURE, facts.FAITHFUL_DENSE_PERIOD),
    ("inpaint", "wild"): _preset(facts.WILD_INPAINT_TEMPERATURE),
    ("inpaint", "faithful"): _preset(facts.FAITHFUL_INPAINT_TEMPERATURE),
    ("beat", "wild"): _preset(facts.WILD_BEAT_TEMPERATURE, kept_after=facts.WILD_BEAT_SECONDS),
    ("beat", "faithful"): _preset(facts.FAITHFUL_BEAT_TEMPERATURE, kept_after=facts.FAITHFUL_BEAT_SECONDS),
    # Continuation and compression are the course's own: at the temperature that the style has for a gap.
    ("continue", "wild"): _preset(facts.WILD_INPAINT_TEMPERATURE),
    ("continue", "faithful"): _preset(facts.FAITHFUL_INPAINT_TEMPERATURE),
    ("compress", "wild"): _preset(facts.WILD_INPAINT_TEMPERATURE, codebooks=facts.WILD_COMPRESS_CODEBOOKS),
    ("compress", "faithful"): _preset(facts.FAITHFUL_INPAINT_TEMPERATURE, codebooks=facts.FAITHFUL_COMPRESS_CODEBOOKS),
}


@dataclass(frozen=True)
class Strategy:
    """A prompt ready to decode: mask, settings of the coarse stage, of the fine stage, and a line that says so."""

    name: str
    style: str
    mask: Mask
    settings: DecodeSettings
    fine: DecodeSettings
    says: str


@dataclass(frozen=True)
class Place:
    """What a mask is made for: (batch, codebooks, frames), frames/s, and the beats in seconds, if they are known."""

    shape: tuple[int, int, int]
    frame_rate: float
    beats: tuple[float, ...] | None = None

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return seconds_of(self.shape[2], self.frame_rate)


def preset(name: str, style: str, **overrides: float | int | None) -> Preset:
    """The numbers of a strategy in a style, with some replaced. Raises ValueError for names that there are not."""
    if name not in STRATEGIES:
        raise ValueError(f"no strategy is called {name!r}: there are {', '.join(STRATEGIES)}")
    if style not in STYLES:
        raise ValueError(f"no style is called {style!r}: there are {' and '.join(STYLES)}")
    numbers = PRESETS[name, style]
    wrong = sorted(set(overrides) - set(vars(numbers)))
    if wrong:
        raise ValueError(f"a strategy has no {', '.join(wrong)}: it has {', '.join(vars(numbers))}")
    return replace(numbers, **overrides)  # type: ignore[arg-type]


def strategy(
    name: str,
    style: str,
    shape: Sequence[int],
    frame_rate: float,
    beats: Beats | Iterable[float] | None = None,
    passes: int = int(facts.VAMPNET_PASSES.value),
    fine_passes: int = int(facts.VAMPNET_FINE_PASSES.value),
    **overrides: float | int | None,
) -> Strategy:
    """A prompt by name, one of STRATEGIES, in a style, "wild" or "faithful", for codes of this shape.

    shape: (batch, codebooks, frames); frame_rate in frames/s. beats: for "beat", from `find_beats` or in seconds.
    passes, fine_passes: of the two stages. overrides: numbers of `Preset` to take instead, such as temperature=0.9,
    period=4 or upper=3.
    A clip that ends before the gap of "inpaint" does is given one in proportion, from 3 to 7 tenths of it, unless the
    gap is set. Raises ValueError for names that there are not, BeatsError for "beat" without beats, MaskError for
    numbers that make no mask, and for a clip too short to keep something and generate something.
    """
    numbers = preset(name, style, **overrides)
    batch, codebooks, frames = shape
    place = Place((batch, codebooks, frames), frame_rate, _times(beats))
    seconds = place.seconds
    if name == "inpaint" and not {"start", "stop"} & set(overrides) and seconds <= numbers.stop:
        scale = seconds / facts.VAMPNET_CLIP_SECONDS.value
        numbers = replace(numbers, start=numbers.start * scale, stop=numbers.stop * scale)
    mask, says = _MASKS[name](place, numbers)
    if numbers.upper is not None and name != "compress":
        mask = masks.mask_upper(mask, numbers.upper)
        says += f", in the first {numbers.upper} codebooks"
    if not mask.generate.any() or mask.generate.all():
        left = "nothing to generate" if not mask.generate.any() else "no prompt"
        raise MaskError(f"{name} leaves {left} in a clip of {seconds:.2f} s ({frames} frames): {says}")
    settings = DecodeSettings(passes, temperature=numbers.temperature)
    fine = replace(settings, passes=fine_passes)
    return Strategy(name, style, mask, settings, fine, f"{says}, temperature {numbers.temperature:g}")


def _times(beats: Beats | Iterable[float] | None) -> tuple[float, ...] | None:
    if beats is None:
        return None
    return tuple(float(t) for t in (beats.times if isinstance(beats, Beats) else beats))


def _vamp(place: Place, numbers: Preset) -> tuple[Mask, str]:
    mask = masks.periodic(place.shape, numbers.period)
    return mask, f"keeps every {_ordinal(numbers.period)} frame"


def _inpaint(place: Place, numbers: Preset) -> tuple[Mask, str]:
    mask = masks.inpaint_span(place.shape, numbers.start, numbers.stop, place.frame_rate)
    stop = min(numbers.stop, place.seconds)
    return mask, f"keeps all but {numbers.start:.3g} to {stop:.3g} s"


def _beat(place: Place, numbers: Preset) -> tuple[Mask, str]:
    if not place.beats:
        raise BeatsError(
            "the beat strategy needs beats: pass beats=find_beats(samples, rate), or times in seconds; vamp, dense, "
            "inpaint, continue and compress need none"
        )
    mask = masks.beats(place.shape, place.beats, place.frame_rate, numbers.kept_before, numbers.kept_after)
    before = f"{numbers.kept_before:g} s before to " if numbers.kept_before else ""
    which = f"each of {len(place.beats)} beats" if len(place.beats) > 1 else "the one beat"
    return mask, f"keeps {before}{numbers.kept_after:g} s after {which}"


def _continue(place: Place, numbers: Preset) -> tuple[Mask, str]:
    if not 0 < numbers.share < 1:
        raise MaskError(f"a continuation keeps a share between 0 and 1 of the clip, not {numbers.share}")
    prefix = round(numbers.share * place.shape[2])
    mask = masks.continuation(place.shape, prefix)
    return mask, f"keeps the first {seconds_of(prefix, place.frame_rate):.3g} s"


def _compress(place: Place, numbers: Preset) -> tuple[Mask, str]:
    mask = masks.compression(place.shape, numbers.codebooks)
    which = "c0" if numbers.codebooks == 1 else f"c0 to c{numbers.codebooks - 1}"
    return mask, f"keeps {which}, {mask.bits_per_second(place.frame_rate):.0f} bit/s"


_MASKS: dict[str, Callable[[Place, Preset], tuple[Mask, str]]] = {
    "vamp": _vamp,
    "dense": _vamp,
    "inpaint": _inpaint,
    "beat": _beat,
    "continue": _continue,
    "compress": _compress,
}


def _ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
