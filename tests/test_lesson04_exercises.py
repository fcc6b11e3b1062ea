"""The exercises of lesson 04 agree with the library's masks and measures, on any input."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils.exercises import lesson04
from course_utils.vampnet import masks
from course_utils.vampnet.result import measure

RATE = 44100 / 512
bits = st.integers(0, 2**31)


def _random(shape, seed, share=0.5):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


@given(st.integers(1, 60), st.integers(1, 20), st.data())
def test_the_periodic_mask_is_the_library_s(frames, period, data):
    roll = data.draw(st.integers(0, period - 1))
    theirs = masks.periodic((1, 1, frames), period, roll=roll).tensor[0, 0]
    assert torch.equal(lesson04.periodic_mask(frames, period, roll), theirs)


@given(st.floats(0, 5), st.floats(0.05, 5))
def test_the_gap_in_seconds_is_the_library_s(start, length):
    # At a frame's very beginning the library allows for the rounding of floats, the reader need not.
    assume(all(abs(time * RATE - round(time * RATE)) > 1e-5 for time in (start, start + length)))
    theirs = masks.inpaint_span((1, 1, 862), start, start + length, RATE).tensor[0, 0]
    assert torch.equal(lesson04.inpaint_mask(862, start, start + length, RATE), theirs)


@given(st.integers(1, 9), st.integers(1, 50), bits)
def test_the_cost_of_a_prompt_is_the_library_s(codebooks, frames, seed):
    mask = masks.Mask(_random((1, codebooks, frames), seed))
    assert lesson04.prompt_bits(mask.tensor[0], RATE) == pytest.approx(mask.bits_per_second(RATE))


@given(bits)
def test_a_vamp_inside_a_span_is_the_library_s_and(seed):
    vamp, span = (masks.Mask(_random((1, 9, 40), seed + n)) for n in (0, 1))
    assert torch.equal(lesson04.vamp_inside(vamp.generate[0], span.generate[0]), (vamp & span).generate[0])


@given(bits)
def test_the_agreement_is_the_library_s(seed):
    generator = torch.Generator().manual_seed(seed)
    before, after = (torch.randint(0, 4, (1, 3, 30), generator=generator) for _ in range(2))
    mask = masks.Mask(_random((1, 3, 30), seed, share=0.7))
    outcome = measure(before, after, mask, RATE)
    ours = lesson04.agreement(before[0], after[0], mask.tensor[0])
    assert ours == pytest.approx(outcome.agreement_generated)


def test_the_blind_sounds_are_three_of_the_strategies_and_one_is_the_gap():
    from course_utils.vampnet import STRATEGIES

    assert set(lesson04.BLIND.values()) < set(STRATEGIES)
    (answer,) = (letter for letter, name in lesson04.BLIND.items() if name == "inpaint")
    assert lesson04.check.exercises["which_inpaint"].solution == answer
