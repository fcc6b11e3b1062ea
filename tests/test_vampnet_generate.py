"""Coarse and fine in one call, over any length: prompts stay, seeds and windows decide alone, and nothing else fits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils.codec import Codec
from course_utils.vampnet import (
    DecodeSettings,
    ModelError,
    VampNet,
    VampNetConfig,
    VampNetModels,
    decode,
    decode_coarse_to_fine,
    generate,
    masks,
    windows,
)
from course_utils.vampnet.generate import CHUNK, CONTEXT, window_seed

COARSE = VampNetConfig(codebooks=2, width=16, layers=1, heads=2, vocabulary=20, entry_dim=4)
FINE = replace(COARSE, codebooks=5, conditioning=2)
SHORT = {"chunk": 12, "context": 3}  # frames


def made(config: VampNetConfig, seed: int, codebooks: Tensor) -> VampNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = VampNet(config, codebooks[: config.codebooks])
        nn.init.normal_(network.out.weight, std=0.5)  # so that some tokens are surer than others
        nn.init.normal_(network.distance_bias.weight)  # and neighbours matter
    return network.eval().requires_grad_(False)


BOOKS = torch.randn((5, 20, 4), generator=torch.Generator().manual_seed(9))
MODELS = VampNetModels("tiny", made(COARSE, 0, BOOKS), made(FINE, 1, BOOKS))


def clip(frames: int = 40, batch: int = 1, seed: int = 0, codebooks: int = 5) -> Tensor:
    return torch.randint(20, (batch, codebooks, frames), generator=torch.Generator().manual_seed(seed))


def some_mask(codes: Tensor, share: float, seed: int = 0) -> Tensor:
    return torch.rand(codes.shape, generator=torch.Generator().manual_seed(seed)) < share


# --- windows ----------------------------------------------------------------------------------------------------------


@given(frames=st.integers(1, 3000), chunk=st.integers(1, 900), context=st.integers(0, 200))
@settings(max_examples=200)
def test_windows_cover_a_clip_once_and_see_both_sides(frames: int, chunk: int, context: int) -> None:
    if frames > chunk and chunk <= 2 * context:
        with pytest.raises(ValueError, match=f"at least {2 * context + 1} frames"):
            windows(frames, chunk, context)
        return
    made = windows(frames, chunk, context)
    assert (made[0].start, made[-1].stop) == (0, frames)
    assert all(a.stop == b.start for a, b in pairwise(made))
    for window in made:
        assert 0 <= window.low <= window.start < window.stop <= window.high <= frames
        assert window.high - window.low == min(chunk, frames)
        assert window.low <= max(window.start - context, 0)
        assert window.high >= min(window.stop + context, frames)


def test_ten_seconds_are_one_window() -> None:
    assert CHUNK == 862
    assert masks.seconds_of(CONTEXT, 44100 / 512) == pytest.approx(2, abs=0.01)
    assert len(windows(862)) == 1
    assert [(w.start, w.stop) for w in windows(1723)] == [(0, 690), (690, 1208), (1208, 1723)]
    assert len(windows(51680)) == 100  # 10 min
    assert len(windows(51680, None)) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((0,), "at least 1 frame, not 0"), ((9, 5, -1), "context must be 0 frames or more"), ((9, 0, 0), "at least 1 ")],
)
def test_windows_that_cannot_be(arguments: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        windows(*arguments)


# --- one window -------------------------------------------------------------------------------------------------------


@given(frames=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 99), compat=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_clip_within_one_window_is_decoded_as_it_is(frames: int, share: float, seed: int, compat: bool) -> None:
    codes = clip(frames, 2, seed)
    mask, options = some_mask(codes, share, seed), DecodeSettings(4, compat=compat)
    whole = decode_coarse_to_fine(MODELS.coarse, MODELS.fine, codes, mask, options, seed=seed)
    for chunk in (12, None, 862):
        windowed = generate(MODELS, codes, mask, options, seed=seed, chunk=chunk, context=3)
        assert torch.equal(windowed.codes, whole.codes)
        assert len(windowed.trace) == len(whole.trace) == 6
        assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(windowed.trace, whole.trace, strict=True))


def test_the_fine_stage_has_settings_of_its_own() -> None:
    codes = clip(10)
    warm, cold = DecodeSettings(4), DecodeSettings(3, temperature=0, mask_temperature=0)
    made = generate(MODELS, codes, None, warm, cold, seed=1)
    assert [(record.first, record.passes) for record in made.trace] == 4 * [(0, 4)] + 3 * [(2, 3)]
    other = generate(MODELS, codes, None, warm, seed=1)
    assert torch.equal(made.codes[:, :2], other.codes[:, :2])
    assert not torch.equal(made.codes[:, 2:], other.codes[:, 2:])
    assert [record.passes for record in other.trace[4:]] == [2, 2], "the authors' two, unless told otherwise"
    # at temperature 0 chance has no say: the fine stage is what the fine network alone makes of the coarse codes
    given_coarse = torch.cat([made.codes[:, :2], codes[:, 2:]], dim=1)
    assert torch.equal(made.codes, decode(MODELS.fine, given_coarse, None, cold, seed=77).codes)


def test_a_stage_without_anything_to_generate_asks_no_network() -> None:
    codes = clip(10)
    calls = []
    hook = MODELS.coarse.norm.register_forward_hook(lambda *_: calls.append(1))
    try:
        generate(MODELS, codes, masks.compression(codes.shape, 2), DecodeSettings(4))
        assert calls == []
        generate(MODELS, codes, masks.compression(codes.shape, 1), DecodeSettings(4))
        assert len(calls) == 4
    finally:
        hook.remove()


# --- several windows --------------------------------------------------------------------------------------------------


@given(frames=st.integers(13, 60), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_prompts_come_through_exactly_and_all_is_finished(frames: int, share: float, seed: int) -> None:
    codes = clip(frames, 2, seed)
    mask = some_mask(codes, share, seed)
    before = codes.clone()
    made = generate(MODELS, codes, mask, DecodeSettings(3), seed=seed, **SHORT)
    assert torch.equal(made.codes[~mask], codes[~mask])
    assert made.codes.dtype == torch.int64
    assert made.codes.min() >= 0
    assert made.codes.max() < 20
    assert torch.equal(codes, before)


@given(batch=st.integers(2, 3), share=st.floats(0.02, 1), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_a_clip_in_a_batch_is_what_it_is_alone(batch: int, share: float, seed: int) -> None:
    """With few open tokens some windows have work for one clip only; the others must not notice."""
    codes = clip(40, batch, seed)
    mask = some_mask(codes, share, seed)
    mask[0, :, :20] = False
    together = generate(MODELS, codes, mask, DecodeSettings(3), seed=seed, **SHORT).codes
    for b in range(batch):
        alone = generate(MODELS, codes[b : b + 1], mask[b : b + 1], DecodeSettings(3), seed=seed + b, **SHORT).codes
        assert torch.equal(together[b : b + 1], alone)


def test_a_seed_decides() -> None:
    codes = clip(40)
    first = generate(MODELS, codes, None, DecodeSettings(3), seed=3, **SHORT).codes
    torch.rand(3)
    assert torch.equal(first, generate(MODELS, codes, None, DecodeSettings(3), seed=3, **SHORT).codes)
    other = generate(MODELS, codes, None, DecodeSettings(3), seed=4, **SHORT).codes
    for window in windows(40, **SHORT):
        assert not torch.equal(first[..., window.start : window.stop], other[..., window.start : window.stop])
    assert torch.equal(first, generate(MODELS, codes, None, DecodeSettings(3), seed=[3], **SHORT).codes)


@given(st.integers(0, 2**40), st.integers(1, 50))
def test_windows_draw_from_seeds_of_their_own(seed: int, number: int) -> None:
    assert window_seed(seed, 0) == seed
    assert window_seed(seed, number) == window_seed(seed, number)
    assert len({window_seed(seed, n) for n in range(number + 1)}) == number + 1


def test_a_window_knows_what_is_finished_and_looks_ahead_to_the_prompt() -> None:
    codes = clip(40)
    mask = torch.ones_like(codes, dtype=torch.bool)
    mask[..., 10:11] = False  # a prompt in the look-ahead of the first window
    made = generate(MODELS, codes, mask, DecodeSettings(2), **SHORT)
    plan = windows(40, **SHORT)
    firsts = [record for record in made.trace if record.number == 1 and record.first == 0]
    assert [record.offset for record in firsts] == [window.low for window in plan]
    assert plan[0].stop == 9
    assert torch.equal(firsts[0].seen[..., 10], codes[:, :2, 10])
    for window, record in zip(plan, firsts, strict=True):
        before = slice(window.low, window.start)
        assert torch.equal(record.seen[..., : window.start - window.low], made.codes[:, :2, before])
        is_open = (record.seen == 20)[..., window.start - window.low :]
        assert torch.equal(is_open, mask[:, :2, window.start : window.high])
        assert int(record.asked) < int(is_open.sum())


def test_a_window_is_a_decode_of_its_own_with_a_seed_of_its_own() -> None:
    codes, options = clip(18), DecodeSettings(3)
    made = generate(MODELS, codes, None, options, seed=5, **SHORT).codes
    _, second = windows(18, **SHORT)
    assert (second.low, second.start, second.stop, second.high) == (6, 9, 18, 18)
    mask = torch.ones((1, 5, 12), dtype=torch.bool)
    mask[..., : second.start - second.low] = False
    seed = window_seed(5, 1)
    alone = decode_coarse_to_fine(MODELS.coarse, MODELS.fine, made[..., second.low :], mask, options, seed=seed)
    assert torch.equal(alone.codes, made[..., second.low :])


def test_what_lies_before_changes_what_follows() -> None:
    """A join that saw nothing of the part before it would not depend on it: the released code's fine stage."""
    codes = clip(24)
    changed = codes.clone()
    changed[..., 6:9] = (codes[..., 6:9] + 1) % 20  # kept, just before the second window's part
    mask = torch.zeros_like(codes, dtype=torch.bool)
    mask[..., 9:] = True
    for stage in (0, -1):  # the first coarse pass over the second window, and the last fine one
        seen = []
        for x in (codes, changed):
            trace = generate(MODELS, x, mask, DecodeSettings(3), **SHORT).trace
            record = [record for record in trace if record.offset == windows(24, **SHORT)[1].low][stage]
            seen.append(record.probability[(record.kept | record.remasked)])
        assert not torch.equal(*seen)


def test_windows_without_anything_to_generate_are_left_out() -> None:
    codes = clip(60)
    mask = torch.zeros_like(codes, dtype=torch.bool)
    mask[..., 30] = True
    calls: list[tuple[int, int]] = []
    made = generate(MODELS, codes, mask, DecodeSettings(3), progress=lambda *now: calls.append(now), **SHORT)
    assert {record.offset for record in made.trace} == {w.low for w in windows(60, **SHORT) if w.start <= 30 < w.stop}
    assert calls == [(n, 5) for n in range(1, 6)]
    assert torch.equal(made.codes[~mask], codes[~mask])
    nothing = generate(MODELS, codes, torch.zeros_like(mask), DecodeSettings(3), **SHORT)
    assert torch.equal(nothing.codes, codes)
    assert nothing.trace == ()


def test_tokens_that_are_not_known_are_open_too() -> None:
    codes = clip(40)
    mask = some_mask(codes, 0.3)
    known = codes.masked_fill(mask, MODELS.mask_token)
    made = generate(MODELS, known, torch.zeros_like(mask), DecodeSettings(2), **SHORT)
    assert torch.equal(made.codes, generate(MODELS, codes, mask, DecodeSettings(2), **SHORT).codes)


def test_progress_counts_the_passes_of_all_windows_and_the_trace_can_be_left_out() -> None:
    calls: list[tuple[int, int]] = []
    made = generate(
        MODELS, clip(40), None, DecodeSettings(3), progress=lambda *now: calls.append(now), trace=False, **SHORT
    )
    total = 5 * len(windows(40, **SHORT))
    assert calls == [(n, total) for n in range(1, total + 1)]
    assert made.trace == ()


@pytest.mark.parametrize("frames", [1, 9], ids=["one frame", "0.1 s"])
def test_a_very_short_clip(frames: int) -> None:
    codes = clip(frames)
    made = generate(MODELS, codes, None, DecodeSettings(36))  # more passes than the 2 coarse tokens of a frame
    assert made.codes.shape == codes.shape
    assert int(made.codes.max()) < 20


def test_ten_minutes() -> None:
    """At the sizes of the course's codes; the network is a small one with random weights."""
    sizes = VampNetConfig(codebooks=4, width=8, layers=1, heads=1)
    books = torch.randn((9, 1024, 8), generator=torch.Generator().manual_seed(0))
    models = VampNetModels("tiny", made(sizes, 0, books), made(replace(sizes, codebooks=9, conditioning=4), 1, books))
    codes = torch.randint(1024, (1, 9, 51680), generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(51680, dtype=torch.bool)
    mask[::4] = True
    mask[10_000:] = False  # the rest of the windows have nothing to do
    result = generate(models, codes, mask, DecodeSettings(1), DecodeSettings(1), trace=False)
    kept = ~mask.expand(1, 9, -1)
    assert torch.equal(result.codes[kept], codes[kept])
    assert (result.codes != codes)[..., :10_000:4].float().mean() > 0.9


# --- models and codes that do not fit ---------------------------------------------------------------------------------


def test_models_tell_their_sizes() -> None:
    assert (MODELS.n_codebooks, MODELS.n_coarse, MODELS.codebook_size, MODELS.mask_token) == (5, 2, 20, 20)


def test_codes_of_another_codec_are_refused() -> None:
    with pytest.raises(ModelError, match=r"the codes have 14 codebooks, the model 'tiny' takes 5: .* another codec"):
        generate(MODELS, clip(codebooks=14))
    with pytest.raises(ValueError, match=r"not \[5, 40\]"):
        generate(MODELS, clip()[0])
    with pytest.raises(ValueError, match="from 0 to 19, or 20 for the mask; these are from 0 to 21"):
        generate(MODELS, torch.arange(0, 22).repeat(1, 5, 1))
    with pytest.raises(ValueError, match="whole numbers, not torch.float32"):
        generate(MODELS, clip().float())


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (torch.ones(1, 5, 9, dtype=torch.bool), r"\[1, 5, 40\].*not \[1, 5, 9\]"),
        (torch.ones(1, 5, 40), "this is torch.float32"),
        (masks.full((1, 5, 41)), r"not \[1, 5, 41\]"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        generate(MODELS, clip(), mask, **SHORT)


def test_seeds_and_chunks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 seeds for 1 clips"):
        generate(MODELS, clip(), seed=[1, 2])
    with pytest.raises(ValueError, match="a chunk of 12 frames has no room beside a context of 6"):
        generate(MODELS, clip(), chunk=12, context=6)


def test_networks_that_do_not_belong_together_are_no_models() -> None:
    with pytest.raises(ModelError, match="predicts 5 codebooks from 2, the fine one takes 2"):
        VampNetModels("twice fine", MODELS.fine, MODELS.fine)
    three = made(replace(FINE, conditioning=3), 0, BOOKS)
    with pytest.raises(ModelError, match="predicts 2 codebooks from 0, the fine one takes 3"):
        VampNetModels("another split", MODELS.coarse, three)
    large = made(replace(FINE, vocabulary=30), 0, torch.randn(5, 30, 4))
    with pytest.raises(ModelError, match="codebooks of 20 entries of 4 numbers, the fine one of 30 of 4"):
        VampNetModels("another codec", MODELS.coarse, large)


def test_a_codec_with_other_codebooks_is_refused(course: Codec) -> None:
    books = torch.stack([course.codebook(level).detach() for level in range(9)])
    sizes = VampNetConfig(codebooks=4, width=8, layers=1, heads=1)
    fine_sizes = replace(sizes, codebooks=9, conditioning=4)
    models = VampNetModels("fitting", made(sizes, 0, books), made(fine_sizes, 0, books))
    models.check_codec(course)
    models.fine.half()
    models.check_codec(course)
    books[7, 3, 1] += 0.5
    with pytest.raises(ModelError, match="codebook c7 of the codec 'course' is not the one that the model 'other'"):
        VampNetModels("other", models.coarse, made(fine_sizes, 0, books)).check_codec(course)
    with pytest.raises(ModelError, match="has 9 codebooks of 1024 entries, the model 'tiny' takes 5 of 20"):
        MODELS.check_codec(course)
