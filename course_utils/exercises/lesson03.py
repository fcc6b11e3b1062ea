"""The exercises of lesson 03, parallel decoding."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The solutions are shown in the lesson as they stand here; `math`, `torch` and `draw` are what the lesson has.


def draw(probability, uniform):
    """The token in whose stretch of the cumulated probability [N, V] the number [N], 0 to 1, falls: int64 [N]."""
    heap = probability.cumsum(-1)
    token = torch.searchsorted(heap, uniform[:, None] * heap[:, -1:], right=True)[:, 0]
    return token.clamp(max=probability.shape[-1] - 1)


# --- the schedule -------------------------------------------------------------------------------------------------


def open_after(n, number, passes):
    """Tokens still open after pass `number` of `passes`, of n at the start, by the cosine, rounded down."""
    return math.floor(n * math.cos(math.pi / 2 * number / passes))


def _linear(n, number, passes):
    return math.floor(n * (1 - number / passes))


def _fixed_so_far(n, number, passes):
    return n - open_after(n, number, passes)


def _rounded_up(n, number, passes):
    return math.ceil(n * math.cos(math.pi / 2 * number / passes))


def _one_pass_late(n, number, passes):
    return math.floor(n * math.cos(math.pi / 2 * (number - 1) / passes))


def _half_a_turn(n, number, passes):
    return math.floor(n * math.cos(math.pi * number / passes))


def _not_whole(n, number, passes):
    return n * math.cos(math.pi / 2 * number / passes)


def _random_schedule(rng: np.random.Generator) -> tuple[int, int, int]:
    passes = int(rng.choice([5, 7, 11, 13]))  # no fraction of a prime is 2/3, where float32 rounds the other way
    return int(rng.integers(20, 4000)), int(rng.integers(1, passes)), passes


# --- the ranking --------------------------------------------------------------------------------------------------


def ranked_by(probability, noise, number, passes, temperature):
    """What samples are ranked by in a pass: log-probability plus Gumbel noise, whose weight falls to 0. All [N]."""
    weight = temperature * (1 - number / passes)
    return probability.log() + weight * noise


def _no_logarithm(probability, noise, number, passes, temperature):
    return probability + temperature * (1 - number / passes) * noise


def _noise_stays(probability, noise, number, passes, temperature):
    return probability.log() + temperature * noise


def _noise_rises(probability, noise, number, passes, temperature):
    return probability.log() + temperature * number / passes * noise


def _noise_late(probability, noise, number, passes, temperature):
    return probability.log() + temperature * (1 - (number - 1) / passes) * noise


def _divided(probability, noise, number, passes, temperature):
    return probability.log() / temperature + (1 - number / passes) * noise


def _gumbel(rng: np.random.Generator, n: int) -> torch.Tensor:
    return torch.from_numpy(rng.gumbel(size=n).astype(np.float32))


def _random_ranking(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, int, int, float]:
    probability = torch.from_numpy(rng.uniform(0.01, 1, size=12).astype(np.float32))
    return probability, _gumbel(rng, 12), int(rng.integers(2, 11)), 12, float(rng.uniform(2, 12))


# --- one pass -----------------------------------------------------------------------------------------------------


def decode_pass(logits, uniform, noise, count):
    """One pass over N cells: logits [N, V], uniform [N], noise [N], count -> tokens, confidence, remasked, [N]."""
    probability = logits.softmax(-1)
    tokens = draw(probability, uniform)
    confidence = probability.gather(1, tokens[:, None])[:, 0].log() + noise
    remasked = confidence.argsort().argsort() < count
    return tokens, confidence, remasked


def _opens_the_surest(logits, uniform, noise, count):
    tokens, confidence, _ = decode_pass(logits, uniform, noise, count)
    return tokens, confidence, (-confidence).argsort().argsort() < count


def _keeps_count(logits, uniform, noise, count):
    tokens, confidence, _ = decode_pass(logits, uniform, noise, count)
    return tokens, confidence, confidence.argsort().argsort() >= count


def _order_for_rank(logits, uniform, noise, count):
    tokens, confidence, _ = decode_pass(logits, uniform, noise, count)
    return tokens, confidence, confidence.argsort() < count


def _of_the_likeliest(logits, uniform, noise, count):
    probability = logits.softmax(-1)
    confidence = probability.max(-1).values.log() + noise
    return draw(probability, uniform), confidence, confidence.argsort().argsort() < count


def _takes_the_likeliest(logits, uniform, noise, count):
    probability = logits.softmax(-1)
    confidence = probability.max(-1).values.log() + noise
    return probability.argmax(-1), confidence, confidence.argsort().argsort() < count


def _without_noise(logits, uniform, noise, count):
    return decode_pass(logits, uniform, 0 * noise, count)


def _without_logarithm(logits, uniform, noise, count):
    probability = logits.softmax(-1)
    tokens = draw(probability, uniform)
    confidence = probability.gather(1, tokens[:, None])[:, 0] + noise
    return tokens, confidence, confidence.argsort().argsort() < count


def _logits_for_logarithm(logits, uniform, noise, count):
    tokens = draw(logits.softmax(-1), uniform)
    confidence = logits.gather(1, tokens[:, None])[:, 0] + noise
    return tokens, confidence, confidence.argsort().argsort() < count


def _random_pass(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
    n = int(rng.integers(6, 20))
    logits = torch.from_numpy(rng.normal(0, 2, size=(n, 16)).astype(np.float32))
    uniform = torch.from_numpy(rng.uniform(size=n).astype(np.float32))
    return logits, uniform, _gumbel(rng, n), int(rng.integers(2, n - 2))


# --- when was it settled? -----------------------------------------------------------------------------------------


def pass_fixed(remasked, hidden):
    """Pass that settled each cell, 0 for the prompt: bool [passes, C, T] and bool [C, T] -> int64 [C, T]."""
    return (1 + remasked.sum(0)) * hidden


def _counts_from_zero(remasked, hidden):
    return remasked.sum(0) * hidden


def _prompt_too(remasked, hidden):
    return 1 + remasked.sum(0)


def _passes_left(remasked, hidden):
    return (~remasked).sum(0) * hidden


def _first_opened(remasked, hidden):
    return (1 + remasked.int().argmax(0)) * hidden


def _random_trace(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    passes = int(rng.integers(3, 9))
    hidden = torch.from_numpy(rng.uniform(size=(4, 7)) < 0.8)
    settled = torch.from_numpy(rng.integers(1, passes + 1, size=(4, 7)))
    number = torch.arange(1, passes + 1)[:, None, None]
    return (number < settled) & hidden, hidden


EXERCISES = (
    Exercise(
        name="open_after",
        title="How many are still open?",
        difficulty=2,
        minutes=5,
        prompt="Write the schedule for any number of tokens, any pass and any number of passes.",
        hint="`math.cos` takes radians: a share of 1 is `math.pi / 2`. `math.floor` rounds down.",
        solution=open_after,
        why="n times the cosine of a quarter turn's share, rounded down",
        mistakes=(
            Mistake(_linear, "that falls by the same number in every pass: VampNet's curve is a cosine"),
            Mistake(_fixed_so_far, "that is how many are settled; the question is how many are still open"),
            Mistake(_rounded_up, "you rounded up: the released code rounds down"),
            Mistake(_one_pass_late, "that is the number before this pass: after pass 1 of 4 the share is 1/4, not 0"),
            Mistake(_half_a_turn, "the cosine reaches 0 at a quarter turn: pi / 2, not pi"),
            Mistake(_not_whole, "tokens come in whole numbers: round down with math.floor"),
        ),
        cases=[(6, 1, 4), (1000, 2, 7), (1508, 36, 36)],
        random=_random_schedule,
    ),
    Exercise(
        name="ranked_by",
        title="Rank with noise",
        difficulty=2,
        minutes=5,
        prompt="Write the number by which samples are ranked in a pass: the logarithm of the probability, plus the "
        "noise times its weight. The weight is the mask temperature times 1 - t/T: nearly all of it in the first "
        "pass, nothing in the last.",
        hint="`number` is t and `passes` is T. `probability.log()` takes the logarithm of every element.",
        solution=ranked_by,
        why="log p + temperature * (1 - t/T) * noise",
        mistakes=(
            Mistake(_no_logarithm, "the noise is added to log p, not to p: only then does it weigh ratios"),
            Mistake(_noise_stays, "the noise keeps its full weight to the end: multiply it by 1 - t/T"),
            Mistake(_noise_rises, "the noise grows from pass to pass: it must fall, so 1 - t/T and not t/T"),
            Mistake(_noise_late, "in the last pass some noise is left: the passes count from 1, so the share is t/T"),
            Mistake(_divided, "the temperature multiplies the noise; dividing log p by it leaves another scale"),
        ),
        cases=[(torch.tensor([0.9, 0.05, 0.3]), torch.tensor([-0.5, 2.0, 0.1]), 1, 4, 10.5)],
        random=_random_ranking,
    ),
    Exercise(
        name="decode_pass",
        title="Write one pass of the decoder",
        difficulty=4,
        minutes=12,
        prompt="As in section 1, for the N open cells of a grid: probabilities, a token for each with `draw`, its "
        "confidence (the logarithm of its probability, plus the noise that is given), and the `count` least confident "
        "ones, true where they are opened again. The next cells put your function in the place of the library's, in a "
        "real decode.",
        hint="`probability.gather(1, tokens[:, None])[:, 0]` picks each row's probability of its own token. Sorting "
        "tells who comes first: `argsort()`. Where each one comes: `argsort().argsort()`.",
        solution=decode_pass,
        why="sample, rank by log p plus noise, open the least confident again",
        mistakes=(
            Mistake(_opens_the_surest, "you open the most confident again: it is the least confident that must go"),
            Mistake(_keeps_count, "that marks the cells to keep; true must mean: open again"),
            Mistake(
                _order_for_rank, "argsort() tells which cell comes first; its own argsort() tells where a cell comes"
            ),
            Mistake(_of_the_likeliest, "confidence is the probability of the sampled token, not of the likeliest one"),
            Mistake(_takes_the_likeliest, "that takes the likeliest token; sample with draw(probability, uniform)"),
            Mistake(_without_noise, "the noise is not used: add it to the logarithm of the probability"),
            Mistake(_without_logarithm, "the noise is added to log p, not to p"),
            Mistake(_logits_for_logarithm, "logits are no log-probabilities yet: take the softmax first, then the log"),
        ),
        cases=[
            (
                torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 4.0], [1.0, 1.0, 0.0]]),
                torch.tensor([0.1, 0.9, 0.5, 0.4]),
                torch.tensor([0.0, 1.5, -0.5, 0.2]),
                2,
            )
        ],
        random=_random_pass,
    ),
    Exercise(
        name="pass_fixed",
        title="When was it settled?",
        difficulty=3,
        minutes=6,
        prompt="`remasked` is the trace: for each pass, which cells it opened again. `hidden` tells which were open at "
        "the start. A cell that was never opened again was settled in pass 1. One that was opened again in passes 1 "
        "and 2 was settled in pass 3. The prompt was there before: 0.",
        hint="How often was a cell opened again? `remasked.sum(0)` counts over the passes. What is one more than that?",
        solution=pass_fixed,
        why="one pass for each time it was opened again, and one to settle",
        mistakes=(
            Mistake(_counts_from_zero, "a cell that was never opened again was settled in pass 1, not 0"),
            Mistake(_prompt_too, "the prompt was not settled by any pass: it gets 0, multiply by `hidden`"),
            Mistake(_passes_left, "that counts the passes that did not open it, also those after it was settled"),
            Mistake(_first_opened, "that is the first pass that opened it again; count how many did"),
        ),
        cases=[
            (
                torch.tensor(
                    [[[True, False, False], [True, True, False]], [[False, False, False], [True, False, False]]]
                ),
                torch.tensor([[True, True, False], [True, True, False]]),
            )
        ],
        random=_random_trace,
    ),
    Exercise(
        name="open_tokens",
        title="The schedule of a batch",
        difficulty=3,
        minutes=4,
        prompt="Four clips with 400 open tokens each are decoded as one batch in 12 passes. The released code reads "
        "the cosine off the sum, 1,600, and caps it at one fewer than the clip has open now. How many tokens of one "
        "clip are still open after pass 6 of 12?",
        hint="The cosine at one half is 0.707. How many does it ask for, and how many can there be at most after 6 "
        "passes that settle at least one each?",
        solution=394,
        why="the sum asks for 1,131 open tokens, the clip has only 400, so each pass settles one: 400 - 6",
        mistakes=(
            Mistake(282, "that is the plan for a clip alone, 0.707 x 400; the batch is read off the sum, 1,600"),
            Mistake(1131, "that is what the sum asks for, but a clip has only 400 tokens"),
            Mistake(399, "that is after pass 1: each pass settles at least one, and there were six"),
            Mistake(400, "each pass settles at least one token of a clip"),
        ),
    ),
)

check = Checker(EXERCISES)
