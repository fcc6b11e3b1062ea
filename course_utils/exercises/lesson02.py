"""The exercises of lesson 02, Masked tokens."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The solutions are shown in the lesson as they stand here; `np`, `math` and `torch` are what the lesson has imported.


# --- hide codes ---------------------------------------------------------------------------------------------------


def hide_codes(codes, mask):
    """Codes int64 [C, T] with the number 1024 wherever the mask, bool [C, T], is true."""
    return torch.where(mask, 1024, codes)


def _hides_the_others(codes, mask):
    return torch.where(mask, codes, 1024)


def _zero(codes, mask):
    return torch.where(mask, 0, codes)


def _last_entry(codes, mask):
    return torch.where(mask, 1023, codes)


def _minus_one(codes, mask):
    return torch.where(mask, -1, codes)


def _added(codes, mask):
    return codes + 1024 * mask


def _in_place(codes, mask):
    codes[mask] = 1024
    return codes


def _random_grid(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    c, t = int(rng.integers(1, 5)), int(rng.integers(3, 12))
    return torch.from_numpy(rng.integers(0, 1024, (c, t))), torch.from_numpy(rng.random((c, t)) < 0.5)


# --- the loss on masked positions only ----------------------------------------------------------------------------


def masked_bits(logits, codes, mask):
    """Mean of -log2 p(right code) over the masked cells: logits [C, T, K], codes int64 [C, T], mask bool [C, T]."""
    log_p = logits.log_softmax(-1) / math.log(2)
    bits = -log_p.gather(-1, codes[..., None])[..., 0]  # [C, T]
    return bits[mask].mean()


def _all_cells(logits, codes, mask):
    return masked_bits(logits, codes, torch.ones_like(mask))


def _known_cells(logits, codes, mask):
    return masked_bits(logits, codes, ~mask)


def _nats(logits, codes, mask):
    return masked_bits(logits, codes, mask) * math.log(2)


def _sum(logits, codes, mask):
    return masked_bits(logits, codes, mask) * mask.sum()


def _shared_with_known(logits, codes, mask):
    return masked_bits(logits, codes, mask) * mask.double().mean()


def _sign(logits, codes, mask):
    return -masked_bits(logits, codes, mask)


def _no_softmax(logits, codes, mask):
    return -(logits.gather(-1, codes[..., None])[..., 0] / math.log(2))[mask].mean()


def _random_logits(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    c, t, k = int(rng.integers(1, 4)), int(rng.integers(4, 9)), int(rng.integers(3, 9))
    mask = rng.random((c, t)) < 0.5
    mask[0, :2] = True, False  # at least one of either kind
    codes = torch.from_numpy(rng.integers(0, k, (c, t)))
    return torch.from_numpy(rng.normal(size=(c, t, k))), codes, torch.from_numpy(mask)


# --- the schedule -------------------------------------------------------------------------------------------------


def mask_ratio(r):
    """The share of tokens that the cosine schedule masks at r, 0 to 1: 1 at r = 0, and 0 at r = 1."""
    return math.cos(math.pi * r / 2)


def _linear(r):
    return 1 - r


def _sine(r):
    return math.sin(math.pi * r / 2)


def _half_turn(r):
    return math.cos(math.pi * r)


def _degrees(r):
    return math.cos(90 * r)


def _raised(r):
    return (1 + math.cos(math.pi * r)) / 2


# --- what training sees -------------------------------------------------------------------------------------------

OVER_HALF = 2 / 3


# --- which frames reach an answer ---------------------------------------------------------------------------------


def frames_that_reach(gradient, frame):
    """How many frames before, and how many after `frame`, have any gradient: [T, D] -> (before, after)."""
    reach = (gradient != 0).any(1)  # [T]
    return int(reach[:frame].sum()), int(reach[frame + 1 :].sum())


def _counts_itself(gradient, frame):
    reach = (gradient != 0).any(1)
    return int(reach[:frame].sum()), int(reach[frame:].sum())


def _swapped(gradient, frame):
    before, after = frames_that_reach(gradient, frame)
    return after, before


def _cancels(gradient, frame):
    reach = gradient.sum(1).abs() > 1e-9
    return int(reach[:frame].sum()), int(reach[frame + 1 :].sum())


def _only_positive(gradient, frame):
    reach = (gradient > 0).any(1)
    return int(reach[:frame].sum()), int(reach[frame + 1 :].sum())


def _counts_numbers(gradient, frame):
    reach = gradient != 0
    return int(reach[:frame].sum()), int(reach[frame + 1 :].sum())


def _random_gradient(rng: np.random.Generator) -> tuple[torch.Tensor, int]:
    t = int(rng.integers(6, 14))
    frame = int(rng.integers(2, t - 2))
    gradient = rng.normal(size=(t, 4))
    gradient[rng.random(t) < 0.3] = 0
    gradient[frame] = 1.0
    gradient[frame - 1] = [1.0, -1.0, 0.5, -0.5]  # its sum is 0, and still it reaches
    gradient[frame + 1] = [-1.0, -2.0, -0.5, -0.5]
    return torch.from_numpy(gradient), frame


# --- the unigram guess --------------------------------------------------------------------------------------------


def unigram_bits(train, held_out, smoothing):
    """Bits per held-out code, guessed by its smoothed frequency in training; both are int64 [N] -> a number."""
    counts = torch.bincount(train, minlength=1024) + smoothing
    p = counts / counts.sum()
    return float(-torch.log2(p[held_out]).mean())


def _unsmoothed(train, held_out, smoothing):
    counts = torch.bincount(train, minlength=1024)
    p = counts / counts.sum()
    return float(-torch.log2(p[held_out]).mean())


def _own_entropy(train, held_out, smoothing):
    return unigram_bits(held_out, held_out, smoothing)


def _on_training(train, held_out, smoothing):
    return unigram_bits(train, train, smoothing)


def _unigram_nats(train, held_out, smoothing):
    return unigram_bits(train, held_out, smoothing) * math.log(2)


def _not_normalised(train, held_out, smoothing):
    counts = torch.bincount(train, minlength=1024) + smoothing
    return float(-torch.log2(counts / len(train))[held_out].mean())


def _random_codes(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, float]:
    weights = rng.dirichlet(np.full(1024, 0.3))
    drawn = rng.choice(1024, 900, p=weights)
    return torch.from_numpy(drawn[:700]), torch.from_numpy(drawn[700:]), float(rng.integers(1, 4))


EXERCISES = (
    Exercise(
        name="hide_codes",
        title="Hide codes",
        difficulty=1,
        minutes=3,
        prompt="Put [MASK], the number 1024, wherever the mask is true. Leave the codes that you were given as they "
        "are: the answers are still needed.",
        hint="`torch.where(condition, a, b)` takes a where the condition is true, and b elsewhere.",
        solution=hide_codes,
        why="1024 where the mask is true, the code itself elsewhere",
        mistakes=(
            Mistake(_hides_the_others, "the other way round: true means hide, and here the known codes were hidden"),
            Mistake(_zero, "0 is an entry of the codebook like any other: [MASK] is 1024, the number after the last"),
            Mistake(_last_entry, "1023 is the last entry of the codebook: [MASK] is 1024, the number after it"),
            Mistake(_minus_one, "-1 looks up the last row of a table, not [MASK]: that is 1024"),
            Mistake(_added, "1024 was added to the hidden codes, so they can still be told: put 1024 in their place"),
            Mistake(_in_place, "changes its argument: work on a copy"),
        ),
        cases=[
            (torch.tensor([[5, 6, 7, 8]]), torch.tensor([[False, True, False, True]])),
            (torch.tensor([[0, 1023]]), torch.tensor([[True, False]])),
        ],
        random=_random_grid,
    ),
    Exercise(
        name="masked_bits",
        title="The loss on masked positions only",
        difficulty=3,
        minutes=8,
        prompt="Write the loss for a whole grid: the mean of minus log2 of the right code's probability, over the "
        "masked cells and no others.",
        hint="`logits.log_softmax(-1)` gives natural logarithms of the probabilities; divide by `math.log(2)` for "
        "bits. `x.gather(-1, codes[..., None])[..., 0]` picks the right code's value in each cell, and `x[mask]` "
        "keeps the masked cells.",
        solution=masked_bits,
        why="the known cells take no part: the answer to them is in the question",
        mistakes=(
            Mistake(_all_cells, "you took the mean over all cells; the known ones must not count: use `[mask]`"),
            Mistake(_known_cells, "that is the mean over the known cells: the mask is true where a code was hidden"),
            Mistake(_nats, "that is in nats, the unit of the natural logarithm; divide by math.log(2) for bits"),
            Mistake(_sum, "that is the sum over the masked cells: take the mean, or long clips weigh more"),
            Mistake(
                _shared_with_known,
                "the sum over masked cells was divided by the number of all cells; divide by the masked ones",
            ),
            Mistake(_sign, "the sign is wrong: a logarithm of a probability is below 0, the loss is minus that"),
            Mistake(
                _no_softmax, "logits are no logarithms of probabilities yet: take log_softmax over the codes first"
            ),
        ),
        cases=[
            (
                torch.tensor([[[2.0, 0.0], [0.0, 0.0], [0.0, 3.0]]]),
                torch.tensor([[0, 1, 0]]),
                torch.tensor([[True, True, False]]),
            )
        ],
        random=_random_logits,
    ),
    Exercise(
        name="mask_ratio",
        title="The cosine schedule",
        difficulty=2,
        minutes=4,
        prompt="Write gamma(r): a quarter of a cosine wave, from 1 at r = 0 down to 0 at r = 1.",
        hint="The cosine comes down from 1 to 0 over a quarter of its circle, that is over pi / 2.",
        solution=mask_ratio,
        why="a quarter of the circle is pi / 2, so r times pi / 2",
        mistakes=(
            Mistake(_linear, "that is the linear schedule, a straight line; the cosine stays above it"),
            Mistake(_sine, "that rises from 0 to 1: with the sine, little is masked where everything should be"),
            Mistake(_half_turn, "that goes down to -1: a quarter of the circle is pi / 2, not pi"),
            Mistake(_degrees, "math.cos takes radians: 90 degrees are pi / 2"),
            Mistake(_raised, "that wave is flat at both ends; VampNet's cosine is steep where r comes close to 1"),
        ),
        cases=[(0.0,), (0.5,), (0.25,), (0.8,), (1.0,)],
    ),
    Exercise(
        name="over_half",
        title="What training sees",
        difficulty=2,
        minutes=4,
        prompt="In training r is drawn evenly from 0 to 1, and gamma(r), the cosine, is the share to mask. What share "
        "of the training examples has more than half of its tokens masked? Think first; a cell below measures it.",
        hint="For which r is cos(pi r / 2) equal to one half? Everything with a smaller r is masked more.",
        solution=OVER_HALF,
        why="cos(pi r / 2) is above 1/2 as long as r is below 2/3",
        mistakes=(
            Mistake(0.5, "that would be the linear schedule; the cosine is above 1/2 for longer"),
            Mistake(
                math.sqrt(0.5), "that is gamma(1/2), the share masked in the middle; asked is how often it is over 1/2"
            ),
            Mistake(2 / math.pi, "that is the mean share masked; asked is how often the share is above 1/2"),
            Mistake(1 / 3, "that is the share of examples with less than half masked"),
        ),
        tolerance=0.008,
    ),
    Exercise(
        name="frames_that_reach",
        title="Which frames reach the answer?",
        difficulty=3,
        minutes=6,
        prompt="The gradient [T, D] says how much the answer at one frame changes with every number of every frame. "
        "Count the frames before it, and those after it, that change it at all.",
        hint="A frame reaches the answer if any of its D numbers is not 0: `(gradient != 0).any(1)`. Sums can cancel.",
        solution=frames_that_reach,
        why="a model that looks both ways has frames on both sides",
        mistakes=(
            Mistake(_counts_itself, "the frame itself was counted among those after it: begin at frame + 1"),
            Mistake(_swapped, "before and after are swapped"),
            Mistake(_cancels, "plus and minus cancel in the sum: ask whether any number of the frame is not 0"),
            Mistake(_only_positive, "a negative gradient reaches the answer too: compare with 0, do not ask for more"),
            Mistake(_counts_numbers, "you counted numbers; each frame has D of them and counts once"),
        ),
        cases=[(torch.tensor([[0.0, 0.1], [1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [-0.5, -0.2]]), 2)],
        random=_random_gradient,
    ),
    Exercise(
        name="unigram_bits",
        title="The guess to beat",
        difficulty=3,
        minutes=6,
        prompt="The unigram guess ignores everything around a gap: it only knows how often each code occurred in "
        "training. What does it pay, in bits, for a code of music that it has not heard? `smoothing` is added to the "
        "count of each of the 1024 codes, so that none has probability 0.",
        hint="`torch.bincount(train, minlength=1024)` counts. Add the smoothing, divide by the sum, look up "
        "`p[held_out]`, and take the mean of minus log2.",
        solution=unigram_bits,
        why="the cross-entropy of the held-out codes under the frequencies of the training codes",
        mistakes=(
            Mistake(
                _unsmoothed, "a code that never occurred has probability 0 and costs infinitely much: add smoothing"
            ),
            Mistake(_own_entropy, "the held-out codes were counted themselves: that guess has seen the answers"),
            Mistake(_on_training, "you measured on the training codes; asked is the cost of the held-out ones"),
            Mistake(_unigram_nats, "that is in nats; bits take torch.log2"),
            Mistake(_not_normalised, "the probabilities do not sum to 1: divide by the sum of the smoothed counts"),
        ),
        cases=[(torch.tensor([3, 3, 3, 5]), torch.tensor([3, 5, 7]), 1.0)],
        random=_random_codes,
    ),
)

check = Checker(EXERCISES)
