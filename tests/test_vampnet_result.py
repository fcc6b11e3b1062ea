"""What is measured of a variation is what was done to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.audio import chroma_similarity, demo_clip
from course_utils.vampnet import Mask, MaskError, masks, measure
from course_utils.vampnet.result import Agreement

RATE = 44100 / 512
SHAPE = (2, 3, 10)


def codes(seed: int = 0) -> torch.Tensor:
    return torch.randint(1024, SHAPE, generator=torch.Generator().manual_seed(seed))


def test_by_hand() -> None:
    before = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]])
    after = torch.tensor([[[1, 2, 0, 4], [5, 0, 7, 0]]])
    mask = Mask([[[0, 1, 1, 1], [0, 1, 0, 1]]])
    found = measure(before, after, mask, frame_rate=10)
    assert (found.kept, found.kept_fraction, found.kept_exact) == (3, 3 / 8, True)
    assert (found.agreement_kept, found.agreement_generated) == (1.0, 2 / 5)
    assert found.by_codebook == (Agreement(1.0, 2 / 3), Agreement(1.0, 0.0))
    assert found.bits_per_second == pytest.approx(3 / 8 * 2 * 10 * 10)
    assert found.chroma is None
    assert measure(before, after, mask, frame_rate=10, codebook_size=16).bits_per_second == pytest.approx(30)


@given(share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_result_that_keeps_its_prompt_is_exact_and_one_that_does_not_is_not(share: float, seed: int) -> None:
    mask = masks.random_ratio(SHAPE, share, seed)
    before = codes(seed)
    found = measure(before, mask.merge(before, codes(seed + 1)), mask, RATE)
    assert found.kept_exact
    assert found.agreement_kept == (1.0 if mask.n_kept else None)
    if mask.n_kept:
        broken = before.clone()
        place = tuple((~mask.generate).nonzero()[0])
        broken[place] = (broken[place] + 1) % 1024
        found = measure(before, broken, mask, RATE)
        assert not found.kept_exact
        assert found.agreement_kept == pytest.approx(1 - 1 / mask.n_kept)


def test_places_that_there_are_not_have_no_agreement() -> None:
    found = measure(codes(), codes(), masks.compression(SHAPE, 1), RATE)
    assert found.by_codebook == (Agreement(1.0, None), Agreement(None, 1.0), Agreement(None, 1.0))
    assert measure(codes(), codes(), masks.full(SHAPE), RATE).agreement_kept is None
    assert measure(codes(), codes(), masks.none(SHAPE), RATE).agreement_generated is None


def test_chroma_is_that_of_the_audio() -> None:
    clip = demo_clip("guitar").samples
    other = np.roll(clip, 44100)
    one = codes()[:1]
    mask = masks.full(one.shape)
    assert measure(one, one, mask, RATE, audio=(clip, clip)).chroma == pytest.approx(1)
    found = measure(one, one, mask, RATE, audio=(torch.from_numpy(clip)[None, None], torch.from_numpy(other))).chroma
    assert found == pytest.approx(chroma_similarity(other, clip))
    assert found < 0.9
    assert measure(one, one, mask, RATE, audio=(clip, 0 * clip)).chroma is None
    with pytest.raises(ValueError, match="differ in shape"):
        measure(one, one, mask, RATE, audio=(clip, clip[1:]))


def test_codes_that_do_not_fit_are_refused() -> None:
    mask = masks.full(SHAPE)
    with pytest.raises(MaskError, match=r"the mask is \[2, 3, 10\], the codes are \[2, 3, 9\]"):
        measure(codes(), codes()[..., :9], mask, RATE)
    with pytest.raises(MaskError, match="whole numbers"):
        measure(codes().float(), codes(), mask, RATE)
    with pytest.raises(MaskError, match="frame rate must be above 0"):
        measure(codes(), codes(), mask, 0)
