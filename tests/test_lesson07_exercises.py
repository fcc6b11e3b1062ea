"""The exercises of lesson 07 agree with the library's sampler, rules and test, on any input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils import facts
from course_utils.amt import vocab
from course_utils.amt.generate import generate
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.rules import Rules, allowed
from course_utils.amt.sampling import draw
from course_utils.exercises import lesson07
from course_utils.exercises.check import RIGHT, WRONG, verdict

shares = st.floats(0.05, 1.0)


@given(st.integers(0, 2**31), shares, st.floats(0, 1, exclude_max=True))
def test_the_draw_is_the_library_s(seed, p, dart):
    logits = 3 * torch.randn(50, generator=torch.Generator().manual_seed(seed))
    probability = logits.log_softmax(-1).exp()
    assert lesson07.draw_from_nucleus(probability, p, dart) == int(draw(logits, dart, p).index)


@given(st.integers(0, 2), st.integers(0, vocab.MAX_TIME - 1))
def test_the_ranges_are_the_library_s_rules(slot, now):
    assert (lesson07.slot_range(slot, now),) == allowed(slot, now)


def test_steps_one_after_the_other_are_the_library_s_generate():
    torch.manual_seed(0)
    model = AMT(AMTConfig(width=16, layers=2, heads=2)).eval()
    with torch.no_grad():  # times soon after the present are likely, so that the music goes on for some steps
        model.tokens.weight *= 20  # odds far apart, so that rounding does not reorder them
        model.norm.weight[0], model.norm.bias[0] = 0, 1
        model.tokens.weight[: vocab.MAX_TIME, 0] -= torch.arange(vocab.MAX_TIME) / 100
    melody = np.array([[100 * k, 10_050, 11_000 + 60 + k] for k in range(8)]) + vocab.CONTROL_OFFSET
    expected = generate(model, 0, 100, None, melody, seed=4, max_events=12, rules=Rules(once=False))

    def ask(history, event, low, high):
        tokens = np.concatenate([[vocab.ANTICIPATE], history.reshape(-1), event]).astype(np.int64)
        with torch.inference_mode():
            return model.logits(model.hidden(torch.from_numpy(tokens)[None])[0, -1], low, high)

    chance, history, waiting, now = torch.Generator().manual_seed(4), melody[:0], melody, 0
    for _ in range(12):
        darts = torch.rand(3, generator=chance).tolist()
        history, waiting = lesson07.anticipatory_step(ask, history, waiting, now, 500, darts)
        now = int(history[-1, 0])
    ours = [tuple(row) for row in history.tolist() if row[2] < vocab.CONTROL_OFFSET]
    assert now < 8_000, "the window slides only later"
    assert ours == [step.triple for step in expected.steps]
    assert len(waiting) < len(melody)


@pytest.mark.parametrize(
    ("fact", "counts"),
    [(fact, counts) for _, counts, fact in facts.AMT_HUMAN_TABLE if fact is not None],
)
def test_the_p_of_the_paper_s_rows(fact, counts):
    assert lesson07.signed_rank_p(*(c.value for c in counts)) == pytest.approx(fact.value, abs=0.5 * 10**-fact.digits)


def test_the_p_is_scipy_s():
    from scipy.stats import norm

    wins, ties, losses = 18, 31, 11
    assert lesson07.signed_rank_p(wins, ties, losses) == pytest.approx(2 * norm.sf(7 / math.sqrt(29)))


@pytest.mark.parametrize("exercise", lesson07.EXERCISES, ids=lambda exercise: exercise.name)
def test_each_mistake_is_recognised_and_the_solution_is_right(exercise):
    assert verdict(exercise, exercise.solution).state == RIGHT
    for mistake in exercise.mistakes:
        found = verdict(exercise, mistake.answer)
        assert found.state == WRONG
        assert mistake.says.rstrip(".") in found.line
