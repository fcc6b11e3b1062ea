"""Masks: a value with an algebra, prompts that keep what they say, and the released code's oddities on request."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from course_utils.vampnet import Mask, MaskError, frame_at, frames_in, masks, seconds_of

RATE = 44100 / 512  # frames per second of the course codec
CLIP = (1, 9, 862)  # ten seconds
shapes = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 60))
seeds = st.integers(0, 2**31)


def kept_frames(mask: Mask) -> list[int]:
    """Frames kept, the same in every clip and codebook."""
    kept = ~mask.generate
    assert (kept == kept[:1, :1]).all()
    return kept[0, 0].nonzero()[:, 0].tolist()


def some(shape: tuple[int, int, int], seed: int) -> Mask:
    return masks.random_ratio(shape, 0.5, seed)


def codes(shape: tuple[int, int, int]) -> Tensor:
    return torch.arange(math.prod(shape)).reshape(shape) % 1024


# --- seconds and frames -------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.sampled_from([RATE, 44100 / 768, 50.0, 100.0]))
def test_frames_to_seconds_and_back(frames: int, rate: float) -> None:
    assert frames_in(seconds_of(frames, rate), rate) == frame_at(seconds_of(frames, rate), rate) == frames


@given(st.floats(0, 1000))
def test_a_moment_lies_in_its_frame(seconds: float) -> None:
    frame = frame_at(seconds, RATE)
    assert seconds_of(frame, RATE) - 1e-6 <= seconds <= seconds_of(frame + 1, RATE) + 1e-6
    assert frames_in(seconds, RATE) - frame in (0, 1)


def test_ten_seconds_are_862_frames() -> None:
    assert frames_in(10, RATE) == 862
    assert frame_at(10, RATE) == 861
    assert frames_in(0.03, RATE) == 3


# --- the value ----------------------------------------------------------------------------------------------------


@given(shapes, seeds, seeds, seeds)
def test_algebra(shape: tuple[int, int, int], i: int, j: int, k: int) -> None:
    a, b, c = some(shape, i), some(shape, j), some(shape, k)
    everything, nothing = masks.full(shape), masks.none(shape)
    assert a & b == b & a
    assert a | b == b | a
    assert (a & b) & c == a & (b & c)
    assert a & (b | c) == (a & b) | (a & c)
    assert ~(a & b) == ~a | ~b
    assert ~~a == a == a & a == a | a
    assert a & everything == a == a | nothing
    assert a & ~a == nothing
    assert a | ~a == everything


@given(shapes, seeds)
def test_and_keeps_the_prompts_of_both(shape: tuple[int, int, int], seed: int) -> None:
    a, b = some(shape, seed), some(shape, seed + 1)
    assert torch.equal(~(a & b).generate, ~a.generate | ~b.generate)


@given(shapes, seeds)
def test_kept_tokens_come_through_and_the_others_do_not(shape: tuple[int, int, int], seed: int) -> None:
    mask, before = some(shape, seed), codes(shape)
    masked, merged = mask.apply(before), mask.merge(before, before + 1)
    assert torch.equal(masked[~mask.generate], before[~mask.generate])
    assert (masked[mask.generate] == 1024).all()
    assert torch.equal(merged, before + mask.tensor)
    assert torch.equal(before, codes(shape))  # untouched


@given(shapes, seeds)
def test_counts(shape: tuple[int, int, int], seed: int) -> None:
    mask = some(shape, seed)
    assert mask.n_kept + mask.tensor.sum() == math.prod(shape)
    assert mask.kept_fraction == pytest.approx(np.mean(mask.kept_by_codebook))


def test_a_mask_does_not_change_with_the_tensor_it_was_made_from() -> None:
    values = torch.ones(1, 2, 3, dtype=torch.bool)
    mask = Mask(values)
    values[:] = False
    assert mask == masks.full((1, 2, 3))
    assert Mask(np.ones((1, 2, 3), np.uint8)) == mask == Mask([[[1, 1, 1], [1, 1, 1]]])


def test_masks_of_different_shapes_are_not_equal() -> None:
    assert masks.full((1, 2, 3)) != masks.full((1, 2, 4))
    assert masks.full((1, 2, 3)) != "full"


def test_printed() -> None:
    mask = masks.mask_upper(masks.periodic((1, 3, 8), 4) & masks.inpaint((1, 3, 8), suffix=1), 2)
    title, *rows = str(mask).splitlines()
    assert title == (
        "Mask mask_upper((periodic(4, width=1, roll=0) & inpaint(0, 1)), 2) [1, 3, 8]: keeps 6 of 24 tokens (25.0%)"
    )
    assert rows == ["c0  #...#..#", "c1  #...#..#", "c2  ........"]


def test_a_long_mask_is_printed_in_few_characters() -> None:
    rows = masks.inpaint((2, 1, 10), prefix=5).picture(clip=1, width=4).splitlines()
    assert rows == ["c0  #+..", "    (a character is 3 frames)"]


# --- bits per second ----------------------------------------------------------------------------------------------


def test_compression_to_one_codebook() -> None:
    mask = masks.compression(CLIP, 1)
    assert mask.kept_by_codebook == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert mask.bits_per_second(RATE) == pytest.approx(861.328125)  # 10 bit * 86.13 frames/s
    assert masks.none(CLIP).bits_per_second(RATE) == pytest.approx(7751.953125)  # all nine codebooks
    assert masks.full(CLIP).bits_per_second(RATE) == 0
    assert masks.none((2, 4, 10)).bits_per_second(50, codebook_size=256) == 4 * 8 * 50


# --- prompts ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 80), st.integers(1, 20), st.integers(1, 20), st.integers(0, 19))
def test_periodic_keeps_as_many_frames_as_its_width(length: int, period: int, width: int, roll: int) -> None:
    roll %= period
    kept = kept_frames(masks.periodic((1, 2, length), period, width, roll))
    assert set(range(roll, length, period)) <= set(kept)
    if width <= period:
        inside = [p for p in range(roll, length, period) if p - (width - 1) // 2 >= 0 and p + width // 2 < length]
        assert all(sum(p - (width - 1) // 2 <= k <= p + width // 2 for k in kept) == width for p in inside)
        assert len(kept) <= width * len(range(roll, length, period))


def test_periodic_by_hand() -> None:
    assert kept_frames(masks.periodic((2, 4, 20), 8)) == [0, 8, 16]
    assert kept_frames(masks.periodic((1, 4, 20), 8, width=3)) == [0, 1, 7, 8, 9, 15, 16, 17]
    assert kept_frames(masks.periodic((1, 4, 20), 8, width=2)) == [0, 1, 8, 9, 16, 17]
    assert kept_frames(masks.periodic((1, 4, 20), 8, roll=5)) == [5, 13]


def test_periodic_as_released() -> None:
    even = masks.periodic((1, 4, 20), 8, width=2, compat=True)
    assert kept_frames(even) == [0, 1, 7, 8, 9, 15, 16, 17]  # three frames
    assert kept_frames(masks.periodic((1, 4, 20), 8, roll=5, compat=True)) == [1, 5, 13]  # 16 + 5 comes round to 1
    assert masks.periodic((1, 4, 20), 0, compat=True) == masks.full((1, 4, 20))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 4))
def test_odd_widths_are_as_released(length: int, period: int, half: int) -> None:
    shape, width = (1, 2, length), 2 * half + 1
    assert masks.periodic(shape, period, width) == masks.periodic(shape, period, width, compat=True)


@given(st.integers(1, 60), st.integers(0, 70), st.integers(0, 70))
def test_inpaint_keeps_both_ends(length: int, prefix: int, suffix: int) -> None:
    kept = kept_frames(masks.inpaint((2, 3, length), prefix, suffix))
    assert kept == [f for f in range(length) if f < prefix or f >= length - suffix]


def test_inpaint_span_of_the_article() -> None:
    mask = masks.inpaint_span(CLIP, 3, 7, RATE)
    assert mask == masks.inpaint(CLIP, prefix=259, suffix=862 - 603)
    assert kept_frames(~mask) == list(range(259, 603))


@given(st.lists(st.floats(0, 9.99), min_size=2, max_size=6, unique=True))
def test_spans_in_a_row_meet_without_gap_or_overlap(times: list[float]) -> None:
    cuts = [0.0, *sorted(times), 10.1]
    count = torch.zeros(CLIP, dtype=torch.long)
    for start, stop in itertools.pairwise(cuts):
        if frames_in(start, RATE) < min(frames_in(stop, RATE), 862):
            count += masks.inpaint_span(CLIP, start, stop, RATE).tensor
    assert (count == 1).all()


def test_continuation() -> None:
    assert kept_frames(masks.continuation((1, 2, 10), 4)) == [0, 1, 2, 3]


def test_onsets() -> None:
    shape = (1, 4, 20)
    assert kept_frames(masks.onsets(shape, [1, 10, 19], before=2, after=3)) == [
        0,
        1,
        2,
        3,
        8,
        9,
        10,
        11,
        12,
        17,
        18,
        19,
    ]
    assert kept_frames(masks.onsets(shape, np.array([4]))) == [3, 4]


def test_onsets_as_released() -> None:
    shape = (1, 4, 20)
    assert kept_frames(masks.onsets(shape, [1, 10], 2, 2, compat=True)) == [8, 9, 10, 11]  # the first is lost
    assert masks.onsets(shape, [], compat=True) == masks.full(shape)
    assert masks.onsets(shape, [2, 10], 2, 2, compat=True) == masks.onsets(shape, [2, 10], 2, 2)


@given(st.lists(st.floats(0, 9.9), min_size=1, max_size=20), st.floats(0, 0.2), st.floats(0.001, 0.2))
def test_beats_keep_the_time_around_them(times: list[float], before: float, after: float) -> None:
    kept = set(kept_frames(masks.beats(CLIP, times, RATE, before, after)))
    touched = set()
    for time in times:
        first, last = frame_at(max(time - before, 0), RATE), frames_in(time + after, RATE) - 1
        touched |= {frame for frame in range(first, last + 1) if frame < 862}
        assert frame_at(time, RATE) in kept
    assert kept == touched


def test_beats_at_120_bpm() -> None:
    mask = masks.beats(CLIP, np.arange(20) / 2, RATE)
    assert kept_frames(mask)[:8] == [0, 1, 2, 3, 4, 5, 6, 43]
    assert 0.075 / 0.5 <= mask.kept_fraction <= (0.075 + 2 / RATE) / 0.5  # up to a frame more at either end


def test_beats_as_released() -> None:
    ours, theirs = (
        kept_frames(masks.beats((1, 2, 100), [0.05, 0.5], 100.0, 0.1, 0.02, compat=c)) for c in (False, True)
    )
    assert ours == [*range(0, 7), *range(40, 52)]
    assert theirs == list(range(40, 52))  # the first beat is lost: its slice starts at -5
    assert kept_frames(masks.beats((1, 2, 100), [0.505], 100.0, 0, 0.02)) == [50, 51, 52]
    assert kept_frames(masks.beats((1, 2, 100), [0.505], 100.0, 0, 0.02, compat=True)) == [
        51,
        52,
    ]  # later by part of one


@given(shapes, seeds, st.integers(0, 12))
def test_codebook_masks(shape: tuple[int, int, int], seed: int, n: int) -> None:
    mask = some(shape, seed)
    given_all, upper = masks.unmask_conditioning(mask, n), masks.mask_upper(mask, n)
    assert not given_all.generate[:, :n].any()
    assert torch.equal(given_all.generate[:, n:], mask.generate[:, n:])
    assert upper.generate[:, n:].all()
    assert torch.equal(upper.generate[:, :n], mask.generate[:, :n])


# --- chance -------------------------------------------------------------------------------------------------------


@given(shapes, seeds, st.floats(0, 1))
def test_a_seed_decides_and_the_global_generator_is_left_alone(shape, seed: int, p: float) -> None:
    state = torch.get_rng_state()
    for make in (masks.random_ratio, masks.random_cosine):
        assert make(shape, p, seed) == make(shape, p, seed)
    for compat in (False, True):
        mask = masks.none(shape)
        assert masks.dropout(mask, p, seed, compat) == masks.dropout(mask, p, seed, compat)
    assert torch.equal(torch.get_rng_state(), state)


def test_random_ratios() -> None:
    shape = (4, 9, 2000)
    assert masks.random_ratio(shape, 0.3).kept_fraction == pytest.approx(0.7, abs=0.01)
    assert masks.random_cosine(shape, 0.5).kept_fraction == pytest.approx(1 - math.sqrt(0.5), abs=0.01)
    assert masks.random_ratio(shape, 0) == masks.none(shape) == masks.random_cosine(shape, 1)
    assert masks.random_ratio(shape, 1) == masks.full(shape) == masks.random_cosine(shape, 0)
    assert masks.random_ratio(shape, 0.3, seed=1) != masks.random_ratio(shape, 0.3, seed=2)


def test_dropout_loses_whole_frames_clip_by_clip() -> None:
    mask = masks.none((2, 3, 4000))
    dropped = masks.dropout(mask, 0.3).generate
    assert (dropped == dropped[:, :1]).all()
    assert dropped.float().mean() == pytest.approx(0.3, abs=0.02)
    assert not torch.equal(dropped[0], dropped[1])
    assert masks.dropout(mask, 0) == mask
    assert masks.dropout(mask, 1) == masks.full((2, 3, 4000))


def test_dropout_as_released_leaves_a_third_at_one() -> None:
    dropped = masks.dropout(masks.none((2, 3, 4000)), 1, compat=True)
    assert dropped.kept_fraction == pytest.approx(math.exp(-1), abs=0.03)
    assert torch.equal(dropped.generate[0], dropped.generate[1])


@given(shapes, seeds, st.floats(0, 1))
def test_dropout_never_keeps_more(shape, seed: int, p: float) -> None:
    mask = some(shape, seed)
    for compat in (False, True):
        assert masks.dropout(mask, p, seed, compat) | mask == masks.dropout(mask, p, seed, compat)


# --- order of tokens ----------------------------------------------------------------------------------------------


@given(shapes)
def test_flatten_and_back(shape: tuple[int, int, int]) -> None:
    grid = codes(shape)
    flat = masks.flatten_codebooks(grid)
    t, c = shape[2] - 1, shape[1] - 1
    assert flat[0, t * shape[1] + c] == grid[0, c, t]
    assert torch.equal(masks.unflatten_codebooks(flat, shape[1]), grid)


# --- bad input ----------------------------------------------------------------------------------------------------

SMALL = (1, 4, 20)
FULL = masks.full(SMALL)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Mask(torch.ones(4, 20, dtype=torch.bool)), r"\[batch, codebooks, frames\].*\[4, 20\]"),
        (lambda: Mask(torch.ones(1, 4, 0, dtype=torch.bool)), r"at least 1 each; this is \[1, 4, 0\]"),
        (lambda: Mask(torch.ones(SMALL)), r"not torch\.float32"),
        (lambda: Mask(torch.full(SMALL, 2)), "only 0 .* and 1 .*; seen: 2 to 2"),
        (lambda: FULL & masks.full((1, 4, 21)), r"full is \[1, 4, 20\] and full is \[1, 4, 21\]"),
        (lambda: FULL | masks.full((2, 4, 20)), "combine only when"),
        (lambda: FULL.apply(codes((1, 14, 20))), r"the mask is \[1, 4, 20\], the codes are \[1, 14, 20\]"),
        (lambda: FULL.apply(torch.zeros(SMALL)), r"codes are whole numbers, not torch\.float32"),
        (lambda: FULL.merge(codes(SMALL), codes((1, 4, 21))), r"the codes are \[1, 4, 21\]"),
        (lambda: FULL.picture(clip=1), "no clip 1"),
        (lambda: FULL.picture(width=0), "at least 1 character wide, not 0"),
        (lambda: FULL.bits_per_second(0), r"above 0 frames/s, not 0"),
        (lambda: FULL.bits_per_second(RATE, 0), "at least 1 entry, not 0"),
        (lambda: masks.full((4, 20)), r"\(batch, codebooks, frames\), at least 1 each, not \(4, 20\)"),
        (lambda: masks.none((1, 4, 0)), r"not \(1, 4, 0\)"),
        (lambda: masks.periodic(SMALL, 0), "at least 1 frame, not 0 and 1"),
        (lambda: masks.periodic(SMALL, 5, width=0), "not 5 and 0"),
        (lambda: masks.periodic(SMALL, 5, roll=5), "0 to 4 frames for a period of 5, not 5"),
        (lambda: masks.inpaint(SMALL, -1), "0 frames or more, not -1 and 0"),
        (lambda: masks.inpaint_span(CLIP, 7, 3, RATE), r"no frame begins from 7 s to 3 s in a clip of 10\.01 s"),
        (lambda: masks.inpaint_span(CLIP, 11, 12, RATE), "nothing to generate"),
        (lambda: masks.inpaint_span(CLIP, -1, 3, RATE), "0 s or later, not -1 s"),
        (lambda: masks.inpaint_span(CLIP, 1, math.inf, RATE), "not inf s"),
        (lambda: masks.inpaint_span(CLIP, 1, 2, math.nan), "frame rate must be above 0"),
        (lambda: masks.continuation(SMALL, 20), "keeps 1 to 19 of them, not 20"),
        (lambda: masks.onsets(SMALL, [20]), r"\[20\] lie outside the clip's frames 0 to 19"),
        (lambda: masks.onsets(SMALL, [0.5]), r"whole, these are \[0\.5\]: for times in seconds use beats"),
        (lambda: masks.onsets(SMALL, []), "no onsets to keep"),
        (lambda: masks.onsets(SMALL, [3], before=-1), "not -1 and 1"),
        (lambda: masks.beats(CLIP, [], RATE), "no beats to keep: tap or type them"),
        (lambda: masks.beats(CLIP, [3, 12.5], RATE), r"\[12\.5\] s lie outside the clip"),
        (lambda: masks.beats(CLIP, [math.nan], RATE), "lie outside"),
        (lambda: masks.beats(CLIP, [1], RATE, after=-0.1), "0 or more, not 0.0 and -0.1"),
        (lambda: masks.compression(SMALL, 5), "of 4 codebooks the first 0 to 4 can be kept, not 5"),
        (lambda: masks.mask_upper(FULL, -1), "0 or more, not -1"),
        (lambda: masks.unmask_conditioning(FULL, -1), "0 or more, not -1"),
        (lambda: masks.random_ratio(SMALL, 1.1), "the ratio must lie between 0 and 1, not 1.1"),
        (lambda: masks.random_cosine(SMALL, -0.1), "r must lie"),
        (lambda: masks.dropout(FULL, math.nan), "dropout must lie between 0 and 1, not nan"),
        (lambda: masks.drop_frames(FULL, [-1]), r"\[-1\] lie outside"),
        (lambda: masks.flatten_codebooks(torch.zeros(4, 20)), r"not \[4, 20\]"),
        (lambda: masks.unflatten_codebooks(torch.zeros(1, 21), 4), r"frames \* 4\], not \[1, 21\]"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(MaskError, match=message):
        call()
