"""The exercises of lesson 01, RVQ codes."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The solutions are shown in the lesson as they stand here; `np`, `math` and `torch` are what the lesson has imported.


# --- the nearest entry --------------------------------------------------------------------------------------------


def nearest_entry(points, codebook):
    """Number of the nearest entry for each point: points [N, D], codebook [K, D] -> [N]."""
    distances = ((points[:, None, :] - codebook[None, :, :]) ** 2).sum(2)
    return distances.argmin(1)


def _farthest(points, codebook):
    return ((points[:, None, :] - codebook[None, :, :]) ** 2).sum(2).argmax(1)


def _nearest_point(points, codebook):
    return ((points[:, None, :] - codebook[None, :, :]) ** 2).sum(2).argmin(0)


def _signed(points, codebook):
    return (points[:, None, :] - codebook[None, :, :]).sum(2).argmin(1)


def _distance_itself(points, codebook):
    return ((points[:, None, :] - codebook[None, :, :]) ** 2).sum(2).min(1).values


def _random_cloud(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    n, k, d = rng.integers(5, 30), rng.integers(3, 9), rng.integers(2, 6)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.normal(size=(k, d)))


# --- the residual loop --------------------------------------------------------------------------------------------


def residual_codes(point, codebooks):
    """Codes of one point [D], one for each codebook [K, D], each for what the codebooks before it left over."""
    codes, residual = [], point
    for codebook in codebooks:
        code = ((codebook - residual) ** 2).sum(1).argmin()
        residual = residual - codebook[code]
        codes.append(int(code))
    return codes


def _no_subtraction(point, codebooks):
    return [int(((codebook - point) ** 2).sum(1).argmin()) for codebook in codebooks]


def _from_the_point(point, codebooks):
    codes, residual = [], point
    for codebook in codebooks:
        code = ((codebook - residual) ** 2).sum(1).argmin()
        residual = point - codebook[code]
        codes.append(int(code))
    return codes


def _adds(point, codebooks):
    codes, residual = [], point
    for codebook in codebooks:
        code = ((codebook - residual) ** 2).sum(1).argmin()
        residual = residual + codebook[code]
        codes.append(int(code))
    return codes


def _random_levels(rng: np.random.Generator) -> tuple[torch.Tensor, list[torch.Tensor]]:
    d = int(rng.integers(2, 5))
    return torch.from_numpy(rng.normal(size=d)), [torch.from_numpy(rng.normal(size=(6, d)) / 2**i) for i in range(5)]


# --- frames -------------------------------------------------------------------------------------------------------


def count_frames(samples, hop):
    """Frames needed for so many samples; the last one may be filled up with silence."""
    return math.ceil(samples / hop)


def _rounded_down(samples, hop):
    return samples // hop


def _always_one_more(samples, hop):
    return samples // hop + 1


# --- look-up by angle ---------------------------------------------------------------------------------------------


def cosine_codes(latents, codebook):
    """Number of the entry at the smallest angle to each latent: latents [N, 8], codebook [K, 8] -> [N]."""
    latents = latents / latents.norm(dim=1, keepdim=True)
    codebook = codebook / codebook.norm(dim=1, keepdim=True)
    return (latents @ codebook.T).argmax(1)


def _by_distance(latents, codebook):
    return torch.cdist(latents, codebook).argmin(1)


def _entries_not_scaled(latents, codebook):
    return (latents @ codebook.T).argmax(1)


def _over_wrong_axis(latents, codebook):
    latents = latents / latents.norm(dim=0, keepdim=True)
    codebook = codebook / codebook.norm(dim=0, keepdim=True)
    return (latents @ codebook.T).argmax(1)


def _random_latents(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = 2.0 ** rng.uniform(-3, 3, size=(12, 1))
    return torch.from_numpy(rng.normal(size=(20, 8))), torch.from_numpy(rng.normal(size=(12, 8)) * sizes)


# --- bits ---------------------------------------------------------------------------------------------------------


def bit_rate(codebooks, entries, frame_rate):
    """Bits per second of the codes of a residual vector quantiser."""
    return codebooks * math.log2(entries) * frame_rate


def _entries_for_bits(codebooks, entries, frame_rate):
    return codebooks * entries * frame_rate


def _one_codebook(codebooks, entries, frame_rate):
    return math.log2(entries) * frame_rate


def _natural_logarithm(codebooks, entries, frame_rate):
    return codebooks * math.log(entries) * frame_rate


def _kilobits(codebooks, entries, frame_rate):
    return bit_rate(codebooks, entries, frame_rate) / 1000


def _random_sizes(rng: np.random.Generator) -> tuple[int, int, float]:
    return int(rng.integers(2, 15)), int(2 ** rng.integers(3, 13)), float(rng.uniform(20, 100))


# --- entropy ------------------------------------------------------------------------------------------------------


def entropy_bits(counts):
    """Entropy in bits of how often each entry was chosen: counts [K] of whole numbers, some of them 0."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _nats(counts):
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def _not_a_number(counts):
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _unweighted(counts):
    share = counts[counts > 0] / counts.sum()
    return float(-np.log2(share).sum())


def _as_if_even(counts):
    return float(np.log2((counts > 0).sum()))


def _random_counts(rng: np.random.Generator) -> tuple[np.ndarray]:
    counts = rng.poisson(rng.exponential(5, size=64))
    counts[rng.integers(64, size=4)] = 0
    return (counts,)


EXERCISES = (
    Exercise(
        name="nearest_entry",
        title="Find the nearest entry",
        difficulty=2,
        minutes=5,
        prompt="Write the search for any points and any codebook, in any number of dimensions.",
        hint="`points[:, None, :] - codebook[None, :, :]` holds every difference, [N, K, D]. Square, sum over D, and "
        "take the position of the smallest.",
        solution=nearest_entry,
        why="the entry with the smallest sum of squared differences",
        mistakes=(
            Mistake(_farthest, "that is the farthest entry: argmin, not argmax"),
            Mistake(
                _nearest_point, "that is the nearest point of each entry: take the minimum over the entries, axis 1"
            ),
            Mistake(_signed, "differences must be squared before they are summed, or left and right cancel out"),
            Mistake(
                _distance_itself, "that is the distance to the nearest entry; the number of the entry is asked for"
            ),
        ),
        cases=[(torch.tensor([[0.1, 0.2], [0.9, 0.8]]), torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]))],
        random=_random_cloud,
    ),
    Exercise(
        name="residual_codes",
        title="Write the residual loop",
        difficulty=3,
        minutes=8,
        prompt="One point, several codebooks: find the entry nearest to what is left over, note its number, subtract "
        "it, go on. This loop is the heart of most neural codecs.",
        hint="Start with `residual = point`. In each round, look for the entry nearest to `residual`, not to `point`.",
        solution=residual_codes,
        why="each codebook sees only what the ones before it left over",
        mistakes=(
            Mistake(
                _no_subtraction, "every codebook looks at the whole point: subtract the chosen entry before the next"
            ),
            Mistake(
                _from_the_point, "the left-over is taken from the point anew each time: subtract from the residual"
            ),
            Mistake(_adds, "the chosen entry is added; what is left over is the residual minus the entry"),
        ),
        cases=[
            (torch.tensor([1.0, 0.4]), [torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.5], [0.5, 0.0]])])
        ],
        random=_random_levels,
    ),
    Exercise(
        name="count_frames",
        title="How many frames?",
        difficulty=1,
        minutes=2,
        prompt="A codec cannot work on half a frame. How many frames does it need for so many samples, with this hop?",
        hint="Ten seconds are 441,000 samples. 441,000 / 512 is 861.3. The codec makes 862 frames.",
        solution=count_frames,
        why="the quotient, rounded up",
        mistakes=(
            Mistake(_rounded_down, "you rounded down: the samples after the last whole frame would be lost; round up"),
            Mistake(_always_one_more, "one too many when the samples fill the frames exactly, as with 1024 and 512"),
        ),
        cases=[(441000, 512), (1024, 512), (1, 512), (513, 512)],
    ),
    Exercise(
        name="cosine_codes",
        title="Look up by angle",
        difficulty=3,
        minutes=6,
        prompt="Write DAC's look-up: scale every latent and every entry to length one, and take the largest dot "
        "product.",
        hint="`x / x.norm(dim=1, keepdim=True)` scales every row of x to length one.",
        solution=cosine_codes,
        why="with lengths taken out, the largest dot product is the smallest angle",
        mistakes=(
            Mistake(
                _by_distance,
                "that is the nearest entry by distance: DAC compares directions, so scale both sides first",
            ),
            Mistake(
                _entries_not_scaled, "the entries keep their lengths: a long entry wins though it points elsewhere"
            ),
            Mistake(_over_wrong_axis, "you scaled the columns; each row is one vector, so take the norm over dim=1"),
        ),
        cases=[(torch.tensor([[2.0, 0.1], [0.1, 0.3]]), torch.tensor([[0.5, 0.0], [3.0, 3.0], [0.0, 0.2]]))],
        random=_random_latents,
    ),
    Exercise(
        name="bit_rate",
        title="How many bits a second?",
        difficulty=2,
        minutes=4,
        prompt="Each frame has one code from each codebook. Write the bits per second for any number of codebooks, "
        "entries and frames per second.",
        hint="To name one of 1024 entries you need 10 bits, because 2 to the power of 10 is 1024.",
        solution=bit_rate,
        why="codebooks x log2(entries) x frames per second",
        mistakes=(
            Mistake(_entries_for_bits, "you counted entries, not bits: a choice among K entries takes log2(K) bits"),
            Mistake(_one_codebook, "that is the rate of one codebook: each frame has a code from every one"),
            Mistake(_natural_logarithm, "that is the natural logarithm; bits take the logarithm to base 2, math.log2"),
            Mistake(_kilobits, "that is kbit/s: leave out the division by 1000"),
        ),
        cases=[(9, 1024, 44100 / 512), (1, 2, 1.0), (14, 1024, 44100 / 768)],
        random=_random_sizes,
    ),
    Exercise(
        name="entropy_bits",
        title="How many bits does a code really carry?",
        difficulty=3,
        minutes=6,
        prompt="`counts` says how often each entry was chosen. Return the entropy in bits: minus the sum of each share "
        "times its logarithm to base 2. Entries that were never chosen count nothing.",
        hint="Keep only `counts[counts > 0]`: 0 times the logarithm of 0 is meant to be 0, but a computer says nan.",
        solution=entropy_bits,
        why="minus the sum of p log2 p over the entries that occur",
        mistakes=(
            Mistake(_nats, "that is in nats, the natural logarithm's unit; bits take np.log2"),
            Mistake(_not_a_number, "the result is nan: leave out entries that never occur, before the logarithm"),
            Mistake(_unweighted, "every logarithm is weighted with its share: sum p * log2(p), not log2(p)"),
            Mistake(
                _as_if_even, "that would be right if all used entries were equally common; weight them by their shares"
            ),
        ),
        cases=[(np.array([1, 1, 2, 0]),), (np.array([5, 0, 0]),), (np.array([8, 8, 8, 8]),)],
        random=_random_counts,
    ),
)

check = Checker(EXERCISES)
