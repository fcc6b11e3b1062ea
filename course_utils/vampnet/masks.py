"""Prompts as masks: which tokens of a grid [batch, codebooks, frames] are generated, and which are kept.

1 (true) means "generate this token", 0 (false) "keep it". A `Mask` can be printed, counted, combined and applied.
`a & b` generates what both generate, so it keeps the prompts of both; `a | b` generates what either does.
Where the authors' released code does something else than said here, `compat=True` does as it does.
Source: VampNet (arXiv 2307.04686v2), on prompts; released code, vampnet/mask.py and vampnet/interface.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_utils.vampnet.schedule import cosine

KEPT, SOME, GENERATED = "#", "+", "."  # one character of a printed mask
ROUNDING = 1e-6  # frames: a time that was computed from a frame number belongs to that frame


class MaskError(ValueError):
    """The mask cannot be made or used; the message says what was seen and what to do."""


# --- seconds and frames -------------------------------------------------------------------------------------------


def frames_in(seconds: float, frame_rate: float) -> int:
    """Number of frames needed to cover so many seconds: rounded up, as codec and authors do.

    frame_rate in frames/s. Raises MaskError for a negative or infinite time, or a frame rate that is not above 0.
    Source: released code of VampNet, vampnet/interface.py, `s2t`.
    """
    return math.ceil(_position(seconds, frame_rate) - ROUNDING)


def frame_at(seconds: float, frame_rate: float) -> int:
    """Number of the frame, from 0, in which a moment lies. Units and errors as `frames_in`."""
    return math.floor(_position(seconds, frame_rate) + ROUNDING)


def seconds_of(frames: int, frame_rate: float) -> float:
    """Seconds that so many frames last, which is also when frame number `frames` begins. frame_rate in frames/s.

    Raises MaskError for a frame rate that is not above 0.
    """
    _check_rate(frame_rate)
    return frames / frame_rate


def _position(seconds: float, frame_rate: float) -> float:
    _check_rate(frame_rate)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise MaskError(f"a time must be 0 s or later, not {seconds} s")
    return seconds * frame_rate


def _check_rate(frame_rate: float) -> None:
    if not (math.isfinite(frame_rate) and frame_rate > 0):
        raise MaskError(f"the frame rate must be above 0 frames/s, not {frame_rate}: take the codec's frame_rate")


# --- the value ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mask:
    """Which tokens to generate: bool [batch, codebooks, frames], true = generate; and a label that says why.

    Accepts a tensor, an array or nested lists of bool, or of whole numbers 0 and 1, and copies it, to the CPU. Raises
    MaskError for another shape, dtype or value, and for no tokens.
    """

    generate: Tensor
    label: str = field(default="mask")

    def __post_init__(self) -> None:
        values = torch.as_tensor(self.generate)
        if values.ndim != 3 or values.numel() == 0:
            raise MaskError(f"a mask is [batch, codebooks, frames], at least 1 each; this is {list(values.shape)}")
        if values.is_floating_point() or values.is_complex():
            raise MaskError(f"a mask holds true/false or whole numbers 0 and 1, not {values.dtype}: use mask > 0.5")
        if not bool(((values == 0) | (values == 1)).all()):
            raise MaskError(f"a mask holds only 0 (keep) and 1 (generate); seen: {values.min()} to {values.max()}")
        # A copy of its own, on the CPU: what happens to the tensor outside does not reach the mask.
        object.__setattr__(self, "generate", values.to("cpu", torch.bool, copy=True))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(batch, codebooks, frames)."""
        batch, codebooks, frames = self.generate.shape
        return batch, codebooks, frames

    @property
    def tensor(self) -> Tensor:
        """int64 [batch, codebooks, frames]: 1 = generate, 0 = keep."""
        return self.generate.long()

    @property
    def n_kept(self) -> int:
        """Number of tokens kept, in the whole batch."""
        return int((~self.generate).sum())

    @property
    def kept_fraction(self) -> float:
        """Share of tokens kept, 0 to 1."""
        return self.n_kept / self.generate.numel()

    @property
    def kept_by_codebook(self) -> list[float]:
        """Share of tokens kept in each codebook, 0 to 1, c0 first."""
        return (~self.generate).double().mean(dim=(0, 2)).tolist()

    def bits_per_second(self, frame_rate: float, codebook_size: int = 1024) -> float:
        """Bits per second of audio that the kept tokens take: what a clip compressed to them would need.

        frame_rate in frames/s. Raises MaskError for a frame rate or codebook size that cannot be.
        """
        _check_rate(frame_rate)
        if codebook_size < 1:
            raise MaskError(f"a codebook has at least 1 entry, not {codebook_size}")
        return self.kept_fraction * self.shape[1] * math.log2(codebook_size) * frame_rate

    def apply(self, codes: Tensor, mask_token: int = 1024) -> Tensor:
        """Codes with `mask_token` where tokens are to be generated: whole numbers [B, C, T] -> same shape and dtype.

        Raises MaskError for codes of another shape or not of whole numbers.
        Source: released code of VampNet, vampnet/mask.py, `apply_mask`.
        """
        self._check_codes(codes)
        return codes.masked_fill(self.generate.to(codes.device), mask_token)

    def merge(self, kept: Tensor, generated: Tensor) -> Tensor:
        """Codes [B, C, T]: `kept` where the mask keeps, `generated` elsewhere. Raises as `apply`."""
        self._check_codes(kept)
        self._check_codes(generated)
        return torch.where(self.generate.to(kept.device), generated, kept)

    def _check_codes(self, codes: Tensor) -> None:
        if tuple(codes.shape) != self.shape:
            raise MaskError(
                f"the mask is {list(self.shape)}, the codes are {list(codes.shape)}: make it for codes.shape"
            )
        if codes.is_floating_point() or codes.dtype == torch.bool:
            raise MaskError(f"codes are whole numbers, not {codes.dtype}")

    def __and__(self, other: Mask) -> Mask:
        """Generate what both generate: the prompts of both are kept. Raises MaskError for different shapes."""
        self._check_shape(other)
        return Mask(self.generate & other.generate, f"({self.label} & {other.label})")

    def __or__(self, other: Mask) -> Mask:
        """Generate what either generates: kept is only what both keep. Raises MaskError for different shapes."""
        self._check_shape(other)
        return Mask(self.generate | other.generate, f"({self.label} | {other.label})")

    def __invert__(self) -> Mask:
        """Generate what was kept, keep what was generated."""
        return Mask(~self.generate, f"~{self.label}")

    def _check_shape(self, other: Mask) -> None:
        if self.shape != other.shape:
            raise MaskError(
                f"{self.label} is {list(self.shape)} and {other.label} is {list(other.shape)}: "
                "masks combine only when batch, codebooks and frames agree"
            )

    def __eq__(self, other: object) -> bool:
        """Whether the same tokens are generated, whatever the labels say."""
        if not isinstance(other, Mask):
            return NotImplemented
        return self.shape == other.shape and torch.equal(self.generate, other.generate)

    def __repr__(self) -> str:
        total = self.generate.numel()
        return f"Mask {self.label} {list(self.shape)}: keeps {self.n_kept} of {total} tokens ({self.kept_fraction:.1%})"

    def __str__(self) -> str:
        return f"{self!r}\n{self.picture()}"

    def picture(self, clip: int = 0, width: int = 80) -> str:
        """The mask of one clip as text, a line for each codebook: `#` kept, `.` to be generated, `+` some of both.

        A character stands for one frame, or for several if the line would be longer than `width`. Raises MaskError for
        a clip that is not there or a width below 1.
        """
        if not 0 <= clip < self.shape[0]:
            raise MaskError(f"the batch has clips 0 to {self.shape[0] - 1}, so there is no clip {clip}")
        if width < 1:
            raise MaskError(f"a picture is at least 1 character wide, not {width}")
        step = -(-self.shape[2] // width)
        lines = []
        for codebook, row in enumerate(self.generate[clip]):
            marks = [GENERATED if part.all() else SOME if part.any() else KEPT for part in row.split(step)]
            lines.append(f"c{codebook:<3}{''.join(marks)}")
        if step > 1:
            lines.append(f"    (a character is {step} frames)")
        return "\n".join(lines)


# --- prompts along time -------------------------------------------------------------------------------------------


def full(shape: Sequence[int]) -> Mask:
    """Generate everything. shape: (batch, codebooks, frames), such as codes.shape. Raises MaskError for another."""
    return Mask(torch.ones(_checked(shape), dtype=torch.bool), "full")


def none(shape: Sequence[int]) -> Mask:
    """Generate nothing, keep everything. shape: (batch, codebooks, frames). Raises MaskError for another."""
    return Mask(torch.zeros(_checked(shape), dtype=torch.bool), "none")


def periodic(shape: Sequence[int], period: int, width: int = 1, roll: int = 0, compat: bool = False) -> Mask:
    """Keep `width` frames at every `period`-th frame, from frame `roll` on, in all codebooks.

    shape: (batch, codebooks, frames); period, width, roll: frames, with 0 <= roll < period. An even width has one frame
    more after the period's frame than before. compat: as released: an even width keeps one frame more, a period of 0
    keeps nothing, and the roll turns the mask around, so that frames from the end come to the front. Raises MaskError
    for a period or width below 1 or a roll outside the period.
    Source: VampNet, on periodic prompts; released code, `periodic_mask`.
    """
    frames = _checked(shape)[2]
    if compat and period == 0:
        return full(shape)
    if period < 1 or width < 1:
        raise MaskError(f"period and width must be at least 1 frame, not {period} and {width} (to keep none: full)")
    if not 0 <= roll < period:
        raise MaskError(f"the roll must be 0 to {period - 1} frames for a period of {period}, not {roll}")
    if compat:
        kept = _windows(frames, range(0, frames, period), width // 2, width // 2 + 1).roll(roll)
    else:
        kept = _windows(frames, range(roll, frames, period), (width - 1) // 2, width // 2 + 1)
    return _keeping(shape, kept, f"periodic({period}, width={width}, roll={roll})")


def inpaint(shape: Sequence[int], prefix: int = 0, suffix: int = 0) -> Mask:
    """Keep the first `prefix` and the last `suffix` frames, generate what lies between.

    shape: (batch, codebooks, frames). More frames than there are keep them all. Raises MaskError for negative ones.
    Source: VampNet, on inpainting prompts; released code, `inpaint`.
    """
    frames = _checked(shape)[2]
    if prefix < 0 or suffix < 0:
        raise MaskError(f"prefix and suffix must be 0 frames or more, not {prefix} and {suffix}")
    place = torch.arange(frames)
    return _keeping(shape, (place < prefix) | (place >= frames - suffix), f"inpaint({prefix}, {suffix})")


def inpaint_span(shape: Sequence[int], start: float, stop: float, frame_rate: float) -> Mask:
    """Generate the frames that begin in the span from `start` to `stop` seconds, keep those before and after.

    shape: (batch, codebooks, frames); frame_rate in frames/s. Raises MaskError for a span that ends before it starts,
    that holds no frame, or that begins after the last frame; one that runs past the end goes to the end.
    """
    frames = _checked(shape)[2]
    low, high = frames_in(start, frame_rate), min(frames_in(stop, frame_rate), frames)
    if low >= high:
        length = seconds_of(frames, frame_rate)
        raise MaskError(f"no frame begins from {start} s to {stop} s in a clip of {length:.2f} s: nothing to generate")
    place = torch.arange(frames)
    return _keeping(shape, (place < low) | (place >= high), f"inpaint_span({start:g} s, {stop:g} s)")


def continuation(shape: Sequence[int], prefix: int) -> Mask:
    """Keep the first `prefix` frames and generate all that follow.

    shape: (batch, codebooks, frames), with the frames to come. Raises MaskError if nothing precedes or nothing follows.
    Source: VampNet, on inpainting prompts: a prefix alone.
    """
    frames = _checked(shape)[2]
    if not 0 < prefix < frames:
        raise MaskError(f"a continuation of {frames} frames keeps 1 to {frames - 1} of them, not {prefix}")
    return Mask(inpaint(shape, prefix=prefix).generate, f"continuation({prefix})")


def onsets(shape: Sequence[int], frames: Iterable[int], before: int = 1, after: int = 1, compat: bool = False) -> Mask:
    """Keep the frames around onsets: `before` frames ahead of each, and `after` frames from the onset's own on.

    shape: (batch, codebooks, frames); frames: numbers of the onsets' frames, from 0. compat: as released: an onset
    closer to the start than `before` keeps nothing, and without onsets everything is generated. Raises MaskError
    without onsets, for an onset outside the clip or a negative width.
    Source: released code of VampNet, `onset_mask` (its `width` is both `before` and `after`).
    """
    length, places = _checked(shape)[2], _whole(frames)
    if not places and not compat:
        raise MaskError("there are no onsets to keep: use a periodic or inpaint mask, or full to generate everything")
    if before < 0 or after < 0:
        raise MaskError(f"frames before and after an onset must be 0 or more, not {before} and {after}")
    outside = [place for place in places if not 0 <= place < length]
    if outside:
        raise MaskError(f"onset frames {outside[:5]} lie outside the clip's frames 0 to {length - 1}")
    kept = (_slices if compat else _windows)(length, places, before, after)
    return _keeping(shape, kept, f"onsets({len(places)} of them, -{before} +{after})")


def beats(
    shape: Sequence[int],
    seconds: Iterable[float],
    frame_rate: float,
    before: float = 0.0,
    after: float = 0.075,
    compat: bool = False,
) -> Mask:
    """Keep every frame that touches the time from `before` ahead of a beat to `after` behind it.

    shape: (batch, codebooks, frames); seconds: times of the beats (or onsets, or taps); frame_rate in frames/s; before,
    after: seconds. compat: as released: beat, `before` and `after` are each rounded up to frames, and a beat closer to
    the start than `before` keeps nothing. Raises MaskError without beats, for a beat outside the clip or a negative
    width.
    Source: VampNet, on beat-driven prompts (75 ms); released code, `make_beat_mask`.
    """
    length, times = _checked(shape)[2], [float(time) for time in seconds]
    if not times:
        raise MaskError("there are no beats to keep: tap or type them, or use a periodic, inpaint or onset mask")
    if not (math.isfinite(before) and math.isfinite(after)) or before < 0 or after < 0:
        raise MaskError(f"seconds before and after a beat must be 0 or more, not {before} and {after}")
    end = seconds_of(length, frame_rate)
    outside = [time for time in times if not 0 <= time < end]
    if outside:
        raise MaskError(f"beats at {outside[:5]} s lie outside the clip, which lasts 0 to {end:.3f} s")
    label = f"beats({len(times)} of them, -{before:g} s +{after:g} s)"
    if compat:
        places = [frames_in(time, frame_rate) for time in times]
        return _keeping(
            shape, _slices(length, places, frames_in(before, frame_rate), frames_in(after, frame_rate)), label
        )
    kept = torch.zeros(length, dtype=torch.bool)
    for time in times:
        kept[frame_at(max(time - before, 0.0), frame_rate) : frames_in(time + after, frame_rate)] = True
    return _keeping(shape, kept, label)


# --- prompts by codebook ------------------------------------------------------------------------------------------


def compression(shape: Sequence[int], codebooks: int) -> Mask:
    """Keep the first `codebooks` codebooks of every frame and generate the rest: c0, c1, ... are the coarse ones.

    shape: (batch, codebooks, frames). `bits_per_second` of the mask is the rate to which this compresses. Raises
    MaskError for fewer than 0 codebooks or more than there are.
    Source: VampNet, on compression prompts.
    """
    there = _checked(shape)[1]
    if not 0 <= codebooks <= there:
        raise MaskError(f"of {there} codebooks the first 0 to {there} can be kept, not {codebooks}")
    return Mask(unmask_conditioning(full(shape), codebooks).generate, f"compression({codebooks})")


def unmask_conditioning(mask: Mask, codebooks: int) -> Mask:
    """The mask with the first `codebooks` codebooks kept in every frame: those that the fine model is given.

    With more than there are all are kept. Raises MaskError for a negative number.
    Source: released code of VampNet, `codebook_unmask`.
    """
    _check_codebooks(codebooks)
    generate = mask.generate.clone()
    generate[:, :codebooks] = False
    return Mask(generate, f"unmask_conditioning({mask.label}, {codebooks})")


def mask_upper(mask: Mask, codebooks: int) -> Mask:
    """The mask with all but the first `codebooks` codebooks generated in every frame: the prompt remains in those only.

    With as many as there are, or more, nothing changes. Raises MaskError for a negative number.
    Source: released code of VampNet, `codebook_mask` (`upper_codebook_mask`, 3 by default).
    """
    _check_codebooks(codebooks)
    generate = mask.generate.clone()
    generate[:, codebooks:] = True
    return Mask(generate, f"mask_upper({mask.label}, {codebooks})")


def _check_codebooks(codebooks: int) -> None:
    if codebooks < 0:
        raise MaskError(f"the number of codebooks must be 0 or more, not {codebooks}")


# --- chance -------------------------------------------------------------------------------------------------------


def random_ratio(shape: Sequence[int], ratio: float, seed: int = 0) -> Mask:
    """Generate each token with probability `ratio`, 0 to 1, independently.

    shape: (batch, codebooks, frames). Raises MaskError for a ratio outside 0 to 1.
    Source: released code of VampNet, `linear_random`; with the same seed of the global generator the same mask.
    """
    chance = torch.full(_checked(shape), _probability(ratio, "the ratio"), dtype=torch.float32)
    return Mask(torch.bernoulli(chance, generator=_generator(seed)).bool(), f"random_ratio({ratio:g})")


def random_cosine(shape: Sequence[int], r: float, seed: int = 0) -> Mask:
    """Generate each token with probability cos(pi r / 2): with r uniform, the masks that VampNet is trained on.

    shape: (batch, codebooks, frames). Raises MaskError for r outside 0 to 1.
    Source: VampNet, on its training; released code, `random`; with the same seed of the global generator the same mask.
    """
    share = cosine(torch.tensor(_probability(r, "r"), dtype=torch.float32))
    chance = torch.ones(_checked(shape)) * share
    return Mask(torch.bernoulli(chance, generator=_generator(seed)).bool(), f"random_cosine({r:g})")


def dropout(mask: Mask, p: float, seed: int = 0, compat: bool = False) -> Mask:
    """The mask with each frame of each clip generated in all codebooks with probability p: prompts are lost by chance.

    compat: as released: floor(p * frames) frames, drawn with repetition and the same for the whole batch, so that p = 1
    leaves about 37 % of the prompts. Raises MaskError for p outside 0 to 1.
    Source: released code of VampNet, `dropout`; in compat with the same seed of the global generator the same frames.
    """
    batch, _, frames = mask.shape
    _probability(p, "the probability of dropout")
    if compat:
        drawn = torch.randint(0, frames, (int(p * frames),), generator=_generator(seed))
        return Mask(drop_frames(mask, drawn.tolist()).generate, f"dropout({mask.label}, {p:g})")
    dropped = torch.rand(batch, 1, frames, generator=_generator(seed)) < p
    return Mask(mask.generate | dropped, f"dropout({mask.label}, {p:g})")


def drop_frames(mask: Mask, frames: Iterable[int]) -> Mask:
    """The mask with the named frames generated in all codebooks. Raises MaskError for a frame that is not there."""
    places = _whole(frames)
    outside = [place for place in places if not 0 <= place < mask.shape[2]]
    if outside:
        raise MaskError(f"frames {outside[:5]} lie outside the mask's frames 0 to {mask.shape[2] - 1}")
    generate = mask.generate.clone()
    generate[:, :, places] = True
    return Mask(generate, f"drop_frames({mask.label}, {len(set(places))} of them)")


# --- the order of tokens ------------------------------------------------------------------------------------------


def flatten_codebooks(codes: Tensor) -> Tensor:
    """All codebooks of frame 0, then of frame 1, and so on: [B, C, T] -> [B, T * C]; place t * C + c.

    Any dtype. Raises MaskError for another shape. Source: released code of VampNet, `codebook_flatten`.
    """
    if codes.ndim != 3:
        raise MaskError(f"expected [batch, codebooks, frames], not {list(codes.shape)}")
    return codes.transpose(1, 2).flatten(1)


def unflatten_codebooks(flat: Tensor, codebooks: int) -> Tensor:
    """The inverse of `flatten_codebooks`: [B, T * C] -> [B, C, T] with C = `codebooks`.

    Any dtype. Raises MaskError for a length that is no multiple of C. Source: released code, `codebook_unflatten`.
    """
    if flat.ndim != 2 or codebooks < 1 or flat.shape[1] % codebooks:
        raise MaskError(f"expected [batch, frames * {codebooks}], not {list(flat.shape)}")
    return flat.unflatten(1, (-1, codebooks)).transpose(1, 2)


# --- shared -------------------------------------------------------------------------------------------------------


def _checked(shape: Sequence[int]) -> tuple[int, int, int]:
    if len(shape) != 3 or min(shape) < 1:
        raise MaskError(f"the shape must be (batch, codebooks, frames), at least 1 each, not {tuple(shape)}")
    batch, codebooks, frames = (int(size) for size in shape)
    return batch, codebooks, frames


def _keeping(shape: Sequence[int], kept: Tensor, label: str) -> Mask:
    """Mask that keeps the frames marked in bool [T], in all clips and codebooks."""
    return Mask((~kept).expand(_checked(shape)), label)


def _windows(length: int, places: Iterable[int], before: int, after: int) -> Tensor:
    """bool [length]: true from `before` frames ahead of each place to `after` frames from it on, cut at the ends."""
    kept = torch.zeros(length, dtype=torch.bool)
    for place in places:
        kept[max(place - before, 0) : place + after] = True
    return kept


def _slices(length: int, places: Iterable[int], before: int, after: int) -> Tensor:
    """As `_windows`, but a start before the first frame is counted from the end: the slice is then mostly empty."""
    kept = torch.zeros(length, dtype=torch.bool)
    for place in places:
        kept[place - before : place + after] = True
    return kept


def _whole(frames: Iterable[int]) -> list[int]:
    places = list(frames)
    if any(place != int(place) for place in places):
        raise MaskError(f"frame numbers are whole, these are {places[:5]}: for times in seconds use beats or frame_at")
    return [int(place) for place in places]


def _probability(value: float, what: str) -> float:
    if not 0 <= value <= 1:  # NaN too
        raise MaskError(f"{what} must lie between 0 and 1, not {value}")
    return float(value)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
