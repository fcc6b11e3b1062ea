"""The exercises of lesson 04, prompting with masks."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The solutions are shown in the lesson as they stand here; `math` and `torch` are what the lesson has imported. In all
# of them 1 (true) means "generate this token" and 0 (false) "keep it".


# --- the periodic mask --------------------------------------------------------------------------------------------


def periodic_mask(frames, period, roll=0):
    """Mask int64 [frames]: 0 (keep) at every period-th frame from number `roll` on, 1 (generate) elsewhere."""
    mask = torch.ones(frames, dtype=torch.int64)
    mask[roll::period] = 0
    return mask


def _kept_and_generated_swapped(frames, period, roll=0):
    return 1 - periodic_mask(frames, period, roll)


def _without_roll(frames, period, roll=0):
    return periodic_mask(frames, period)


def _one_period_late(frames, period, roll=0):
    return periodic_mask(frames, period, roll + period)


def _one_frame_early(frames, period, roll=0):
    place = torch.arange(frames)
    return ((place + 1 - roll) % period != 0).long()


def _starts_before_roll(frames, period, roll=0):
    place = torch.arange(frames)
    return ((place - roll) % period != 0).long()


def _random_period(rng: np.random.Generator) -> tuple[int, int, int]:
    period = int(rng.integers(2, 12))
    return int(rng.integers(20, 60)), period, int(rng.integers(0, 2 * period))


# --- the inpaint mask in seconds ----------------------------------------------------------------------------------


def inpaint_mask(frames, start, stop, frame_rate):
    """Mask int64 [frames] that generates (1) the frames that begin from `start` on and before `stop`, in seconds."""
    low, high = math.ceil(start * frame_rate), math.ceil(stop * frame_rate)
    mask = torch.zeros(frames, dtype=torch.int64)
    mask[low:high] = 1
    return mask


def _span_kept(frames, start, stop, frame_rate):
    return 1 - inpaint_mask(frames, start, stop, frame_rate)


def _seconds_as_frames(frames, start, stop, frame_rate):
    mask = torch.zeros(frames, dtype=torch.int64)
    mask[math.ceil(start) : math.ceil(stop)] = 1
    return mask


def _rounded_down(frames, start, stop, frame_rate):
    mask = torch.zeros(frames, dtype=torch.int64)
    mask[int(start * frame_rate) : int(stop * frame_rate)] = 1
    return mask


def _one_frame_more(frames, start, stop, frame_rate):
    mask = torch.zeros(frames, dtype=torch.int64)
    mask[math.ceil(start * frame_rate) : math.ceil(stop * frame_rate) + 1] = 1
    return mask


def _random_span(rng: np.random.Generator) -> tuple[int, float, float, float]:
    start = float(rng.uniform(0.1, 2.0))
    return 100, start, start + float(rng.uniform(0.4, 2.0)), float(rng.uniform(8.0, 20.0))


# --- what a prompt costs ------------------------------------------------------------------------------------------


def prompt_bits(mask, frame_rate, entries=1024):
    """Bits per second that the kept tokens (0) of a mask [codebooks, frames] take."""
    kept_per_frame = (mask == 0).sum().item() / mask.shape[1]
    return kept_per_frame * math.log2(entries) * frame_rate


def _of_the_generated(mask, frame_rate, entries=1024):
    return prompt_bits(1 - mask, frame_rate, entries)


def _not_per_second(mask, frame_rate, entries=1024):
    return (mask == 0).sum().item() * math.log2(entries)


def _of_one_codebook(mask, frame_rate, entries=1024):
    return prompt_bits(mask, frame_rate, entries) / mask.shape[0]


def _entries_not_bits(mask, frame_rate, entries=1024):
    return (mask == 0).sum().item() / mask.shape[1] * entries * frame_rate


def _natural_logarithm(mask, frame_rate, entries=1024):
    return prompt_bits(mask, frame_rate, entries) * math.log(2)


def _random_grid(rng: np.random.Generator) -> tuple[torch.Tensor, float, int]:
    codebooks, frames = int(rng.integers(2, 10)), int(rng.integers(10, 40))
    mask = torch.from_numpy((rng.random((codebooks, frames)) < 0.6).astype(np.int64))
    return mask, float(rng.uniform(20, 100)), int(2 ** rng.integers(4, 12))


# --- two masks in one ---------------------------------------------------------------------------------------------


def vamp_inside(vamp, span):
    """Mask that varies the span only: outside it keeps all, inside it keeps what `vamp` keeps. bool [C, T] each."""
    return vamp & span


def _vamp_outside_too(vamp, span):
    return vamp | span


def _span_alone(vamp, span):
    return span.clone()


def _vamp_alone(vamp, span):
    return vamp.clone()


def _vamp_beside_the_span(vamp, span):
    return vamp & ~span


def _answer_inverted(vamp, span):
    return ~(vamp & span)


def _random_pair(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    shape = int(rng.integers(1, 10)), int(rng.integers(12, 40))
    return torch.from_numpy(rng.random(shape) < 0.7), torch.from_numpy(rng.random(shape) < 0.4)


# --- how much came out the same -----------------------------------------------------------------------------------


def agreement(before, after, mask):
    """Share of the generated tokens (1) that came out as they were. Codes and mask int64 [C, T]."""
    generated = mask == 1
    return (before == after)[generated].float().mean().item()


def _over_all_tokens(before, after, mask):
    return (before == after).float().mean().item()


def _over_the_kept(before, after, mask):
    return (before == after)[mask == 0].float().mean().item()


def _counted(before, after, mask):
    return float((before == after)[mask == 1].sum())


def _divided_by_all(before, after, mask):
    return ((before == after) & (mask == 1)).float().mean().item()


def _disagreement(before, after, mask):
    return (before != after)[mask == 1].float().mean().item()


def _random_result(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    before, other = (torch.from_numpy(rng.integers(0, 4, (3, 30))) for _ in range(2))
    mask = torch.from_numpy((rng.random((3, 30)) < 0.6).astype(np.int64))
    return before, torch.where(mask == 1, other, before), mask


_TINY = torch.tensor([[0, 1, 1, 0, 1, 1], [0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1]])

# The three sounds of the blind task by their letters.
BLIND = {"a": "vamp", "b": "continue", "c": "inpaint"}

EXERCISES = (
    Exercise(
        name="periodic_mask",
        title="Write the periodic mask",
        difficulty=2,
        minutes=5,
        prompt="Keep every period-th frame, from frame number `roll` on. Everything else is generated. Before frame "
        "`roll` nothing is kept.",
        hint="A slice takes a step: `x[2::5]` is every fifth element from number 2 on. Start with all ones.",
        solution=periodic_mask,
        why="ones everywhere, and zeros at roll, roll + period, roll + 2 period, and so on",
        mistakes=(
            Mistake(_kept_and_generated_swapped, "0 and 1 are swapped: 1 means generate, 0 means keep"),
            Mistake(_without_roll, "`roll` is not used: the first kept frame is number `roll`, not 0"),
            Mistake(_one_period_late, "the first kept frame is missing: begin at `roll`, not one period after it"),
            Mistake(_one_frame_early, "every kept frame is one too early: frames are counted from 0"),
            Mistake(_starts_before_roll, "something is kept before frame `roll`: begin there"),
        ),
        cases=[(12, 4), (12, 4, 1), (12, 3, 5)],
        random=_random_period,
    ),
    Exercise(
        name="inpaint_mask",
        title="A gap in seconds",
        difficulty=3,
        minutes=6,
        prompt="Musicians count seconds, masks count frames. Frame n begins at n / frame_rate seconds. Generate the "
        "frames that begin at `start` or later and before `stop`; keep all others.",
        hint="The first frame that begins at `start` or later has the number start * frame_rate, rounded up. The first "
        "one that begins at `stop` or later is no longer generated.",
        solution=inpaint_mask,
        why="both ends are rounded up to whole frames, and the end itself is not included",
        mistakes=(
            Mistake(_span_kept, "0 and 1 are swapped: the span itself is generated (1), what is around it is kept (0)"),
            Mistake(_seconds_as_frames, "the seconds are used as frame numbers: multiply them by frame_rate"),
            Mistake(_rounded_down, "you rounded down: frame 14.2 began before `start`; round up"),
            Mistake(_one_frame_more, "one frame too many at the end: a slice stops before its second number"),
        ),
        cases=[(12, 2.0, 4.0, 2.0), (12, 0.7, 3.2, 3.0)],
        random=_random_span,
    ),
    Exercise(
        name="prompt_bits",
        title="What does a prompt cost?",
        difficulty=2,
        minutes=5,
        prompt="A prompt is what has to be sent; the rest is made up by the receiver. Each kept token takes log2 of "
        "`entries` bits. Write the bits per second of what a mask [codebooks, frames] keeps.",
        hint="Count the zeros, divide by the number of frames: that many tokens are sent for each frame. Lesson 01 had "
        "the rest: bits per token, frames per second.",
        solution=prompt_bits,
        why="kept tokens per frame x bits per token x frames per second",
        mistakes=(
            Mistake(_of_the_generated, "you counted the generated tokens: those are not sent; kept ones are 0"),
            Mistake(_not_per_second, "that is the whole clip: divide by its frames, multiply by the frames per second"),
            Mistake(_of_one_codebook, "that is the rate of one codebook: count the tokens of all of them"),
            Mistake(_entries_not_bits, "you counted entries, not bits: one of K entries takes log2(K) bits"),
            Mistake(_natural_logarithm, "that is the natural logarithm; bits take the one to base 2, math.log2"),
        ),
        cases=[(_TINY, 2.0, 1024), (1 - _TINY, 2.0, 16)],
        random=_random_grid,
    ),
    Exercise(
        name="vamp_inside",
        title="Vary one span only",
        difficulty=3,
        minutes=5,
        prompt="You like a recording except for one span, and there you want a variation. `vamp` is a periodic mask of "
        "the whole clip, `span` an inpaint mask that is true in the span. Combine them: outside the span all is kept, "
        "inside it only what `vamp` keeps.",
        hint="A token is generated if it lies in the span **and** the vamp generates it.",
        solution=vamp_inside,
        why="& generates what both generate, so whatever one of them keeps stays kept",
        mistakes=(
            Mistake(_vamp_outside_too, "| generates what either generates: now the vamp runs outside the span too"),
            Mistake(_span_alone, "that generates all of the span: what the vamp keeps in it is lost"),
            Mistake(_vamp_alone, "that varies the whole clip: what lies outside the span must be kept"),
            Mistake(_vamp_beside_the_span, "that varies everything but the span: leave out the ~"),
            Mistake(_answer_inverted, "that is the answer turned round: it keeps what should be generated"),
        ),
        cases=[
            (
                torch.tensor([[False, True, True, False, True, True]]),
                torch.tensor([[False, False, True, True, True, False]]),
            )
        ],
        random=_random_pair,
    ),
    Exercise(
        name="agreement",
        title="How much came out the same?",
        difficulty=2,
        minutes=4,
        prompt="The model does not see the covered tokens. How often does it guess right? Return the "
        "share of the generated tokens (1) that are the same before and after.",
        hint="`(before == after)[mask == 1]` is a list of true and false. Their mean is the share of true.",
        solution=agreement,
        why="only the generated tokens count: the kept ones agree by construction",
        mistakes=(
            Mistake(_over_all_tokens, "that is over all tokens: the kept ones agree anyway and make it look better"),
            Mistake(_over_the_kept, "that is over the kept tokens, which agree anyway: take those where mask is 1"),
            Mistake(_counted, "that is a number of tokens: divide by how many were generated"),
            Mistake(_divided_by_all, "you divided by all tokens: divide by the generated ones only"),
            Mistake(_disagreement, "that is the share that came out different: compare with ==, not !="),
        ),
        cases=[
            (
                torch.tensor([[5, 6, 7, 8, 9, 1]]),
                torch.tensor([[5, 0, 7, 8, 0, 0]]),
                torch.tensor([[0, 1, 1, 0, 1, 1]]),
            )
        ],
        random=_random_result,
    ),
    Exercise(
        name="which_inpaint",
        title="Which one has only its middle made up?",
        difficulty=1,
        minutes=3,
        prompt="Play the three sounds above. In one, every ninth frame was kept. In one, the beginning was kept, and "
        "in one both ends. Write the letter of the one with both ends.",
        hint="Do not listen to the middle. Compare the last second with the last second of the original.",
        solution=next(letter for letter, name in BLIND.items() if name == "inpaint"),
        why="sound c is the inpainting, sound a the vamp, sound b the continuation",
        choices=tuple(BLIND),
        mistakes=(
            Mistake("a", "a is the vamp: it departs from the original at once. Listen to both ends"),
            Mistake("b", "b is the continuation: its beginning is the original's, its end is not"),
        ),
    ),
)

check = Checker(EXERCISES)
