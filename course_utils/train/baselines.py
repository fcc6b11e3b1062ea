"""What can be guessed of hidden codes without a network: four ways, each a distribution, so with a cross-entropy.

- chance: every code is as likely as any other;
- unigram: how often each code occurs, whatever stands around it;
- bigram: how often it follows the code of the frame before, in the same codebook; unigram where that is hidden too;
- copy: the code of the nearest known frame, in the same codebook, with the chance that it is still there at that
  distance; for the rest unigram.

The others are fitted on training codes, never on those they are measured with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from course_utils.train.tokens import Tokens

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

NAMES = ("chance", "unigram", "bigram", "copy")
VOCABULARY = 1024
PSEUDO_COUNT = 0.5  # of a code never seen: no probability is 0
FARTHEST = 64  # frames; farther copies are treated as this far
STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)  # tried for the bigram: counts that the unigram stands for
FIT_CROPS, FIT_FRAMES = 300, 512


@dataclass(frozen=True)
class Baselines:
    """The fitted guesses for C codebooks of V codes.

    unigram: [C, V] probabilities. follow: [C, V, V] counts of (code before, code). strength: [C], how many counts the
    unigram is worth beside them. still: [C, FARTHEST], chance that the code is copied from 1, 2, ... frames away.
    """

    unigram: Floats
    follow: npt.NDArray[np.int32]
    strength: Floats
    still: Floats

    def nats(self, codes: Tensor, hidden: Tensor) -> dict[str, list[Floats]]:
        """-log p of every hidden code of one clip by each guess, in nats: for each codebook an array [hidden there].

        codes: int64 [C, T]; hidden: bool [C, T]. Raises ValueError for other shapes.
        """
        rows = self._rows(codes, hidden)
        chance = np.log(self.unigram.shape[1])
        return {
            "chance": [np.full(int(gap.sum()), chance) for _, gap in rows],
            "unigram": [-np.log(self.unigram[c][row[gap]]) for c, (row, gap) in enumerate(rows)],
            "bigram": [self._bigram(c, row, gap) for c, (row, gap) in enumerate(rows)],
            "copy": [self._copy(c, row, gap) for c, (row, gap) in enumerate(rows)],
        }

    def right(self, codes: Tensor, hidden: Tensor) -> dict[str, list[Floats]]:
        """1 where a guess's likeliest code is the hidden one, else 0; codes, shapes and errors as in `nats`.

        By chance all codes are equally likely, so it is right in 1 of V cases.
        """
        rows = self._rows(codes, hidden)
        likeliest = {
            "unigram": [np.full(int(gap.sum()), self.unigram[c].argmax()) for c, (_, gap) in enumerate(rows)],
            "bigram": [self._likeliest_bigram(c, row, gap) for c, (row, gap) in enumerate(rows)],
            "copy": [self._likeliest_copy(c, row, gap) for c, (row, gap) in enumerate(rows)],
        }
        hits = {
            name: [(code == row[gap]).astype(float) for code, (row, gap) in zip(found, rows, strict=True)]
            for name, found in likeliest.items()
        }
        return {"chance": [np.full(int(gap.sum()), 1 / self.unigram.shape[1]) for _, gap in rows], **hits}

    def _rows(self, codes: Tensor, hidden: Tensor) -> list[tuple[Whole, npt.NDArray[np.bool_]]]:
        """Codes and what of them is hidden, by codebook."""
        if codes.ndim != 2 or codes.shape != hidden.shape or len(codes) != len(self.unigram):
            raise ValueError(
                f"one clip at a time: codes and hidden are [{len(self.unigram)}, frames], not {list(codes.shape)} and "
                f"{list(hidden.shape)}"
            )
        return list(zip(codes.numpy(), hidden.numpy(), strict=True))

    def _bigram(self, c: int, row: Whole, gap: npt.NDArray[np.bool_]) -> Floats:
        place = np.flatnonzero(gap)
        plain = self.unigram[c][row[place]]
        known = (place > 0) & ~gap[place - 1]
        before = row[place - 1]
        count = self.follow[c][before, row[place]]
        seen = self.follow[c].sum(1)[before]
        follow = (count + self.strength[c] * plain) / (seen + self.strength[c])
        return -np.log(np.where(known, follow, plain))

    def _likeliest_bigram(self, c: int, row: Whole, gap: npt.NDArray[np.bool_]) -> Whole:
        place = np.flatnonzero(gap)
        known = (place > 0) & ~gap[place - 1]
        after = (self.follow[c][row[place - 1]] + self.strength[c] * self.unigram[c]).argmax(1)
        return np.where(known, after, self.unigram[c].argmax())

    def _copy(self, c: int, row: Whole, gap: npt.NDArray[np.bool_]) -> Floats:
        plain = self.unigram[c][row[gap]]
        copied, still = self._copied(c, row, gap)
        return -np.log(still * (copied == row[gap]) + (1 - still) * plain)

    def _likeliest_copy(self, c: int, row: Whole, gap: npt.NDArray[np.bool_]) -> Whole:
        copied, still = self._copied(c, row, gap)
        often = self.unigram[c].argmax()
        over = still + (1 - still) * self.unigram[c][copied] > (1 - still) * self.unigram[c][often]
        return np.where(over, copied, often)

    def _copied(self, c: int, row: Whole, gap: npt.NDArray[np.bool_]) -> tuple[Whole, Floats]:
        """For each hidden frame the nearest known code, and the chance that it is still there; 0 without one."""
        source, distance = (found[gap] for found in nearest_known(gap))
        still = self.still[c][np.minimum(distance, FARTHEST) - 1]
        return row[np.maximum(source, 0)], np.where(source >= 0, still, 0.0)


def nearest_known(gap: npt.NDArray[np.bool_]) -> tuple[Whole, Whole]:
    """For each frame of bool [T] the nearest one that is no gap, and how far it is: int64 [T] each.

    Of two equally near the earlier. Where every frame is a gap: -1, at distance T.
    """
    frames = np.arange(len(gap))
    before = np.maximum.accumulate(np.where(gap, -len(gap) * 2, frames))
    after = np.minimum.accumulate(np.where(gap, len(gap) * 3, frames)[::-1])[::-1]
    source = np.where(frames - before <= after - frames, before, after)
    distance = np.abs(source - frames)
    nowhere = gap.all()
    return np.where(nowhere, -1, source), np.where(nowhere, len(gap), distance)


def fit_baselines(tokens: Tokens, codebooks: int = 9, vocabulary: int = VOCABULARY, seed: int = 0) -> Baselines:
    """Count the training codes of a store, and fit what cannot be counted on crops of it.

    The bigram's strength is chosen with the last tenth of the pieces left out of the counts, then all are counted.
    """
    starts = [item.start for item in tokens.items]
    codes = tokens.codes[:codebooks]
    unigram = count_codes(codes, vocabulary)
    cut = starts[-max(len(starts) // 10, 1)]
    strength = np.array([_strength(row, starts, cut, unigram[c]) for c, row in enumerate(codes)])
    follow = np.stack([count_pairs(row, starts, vocabulary) for row in codes])
    chance = np.random.default_rng(seed)
    longest = max(item.length for item in tokens.items)
    crops = tokens.batch(chance, FIT_CROPS, min(FIT_FRAMES, longest), codebooks).numpy()
    still = np.array([[_still(crops[:, c], d, unigram[c]) for d in range(1, FARTHEST + 1)] for c in range(codebooks)])
    return Baselines(unigram, follow, strength, still)


def count_codes(codes: npt.NDArray[np.int16], vocabulary: int) -> Floats:
    """Share of each code in whole numbers [C, N], with PSEUDO_COUNT added: [C, vocabulary]."""
    counts = np.stack([np.bincount(row, minlength=vocabulary) for row in codes]) + PSEUDO_COUNT
    return counts / counts.sum(1, keepdims=True)


def count_pairs(row: npt.NDArray[np.int16], starts: Sequence[int], vocabulary: int) -> npt.NDArray[np.int32]:
    """How often each code follows each in one codebook [N]: int32 [before, after]; not across the pieces' starts."""
    pair = row[:-1].astype(np.int64) * vocabulary + row[1:]
    within = np.ones(len(pair), dtype=bool)
    within[[start - 1 for start in starts if 0 < start <= len(pair)]] = False
    return np.bincount(pair[within], minlength=vocabulary**2).reshape(vocabulary, vocabulary).astype(np.int32)


def _strength(row: npt.NDArray[np.int16], starts: Sequence[int], cut: int, unigram: Floats) -> float:
    """The strength that explains the codes from `cut` on best, with pairs counted before it."""
    vocabulary = len(unigram)
    follow = count_pairs(row[:cut], [s for s in starts if s < cut], vocabulary)
    seen = follow.sum(1)
    before, after = row[cut:-1].astype(np.int64), row[cut + 1 :].astype(np.int64)
    if len(before) == 0:
        return STRENGTHS[0]

    def nats(strength: float) -> float:
        return float(-np.log((follow[before, after] + strength * unigram[after]) / (seen[before] + strength)).mean())

    return min(STRENGTHS, key=nats)


def _still(crops: Whole, distance: int, unigram: Floats) -> float:
    """The likeliest chance w that a code is copied over this distance: p = w [same] + (1 - w) unigram; [B, T] -> w."""
    if crops.shape[1] <= distance:
        return 0.0
    before, after = crops[:, :-distance], crops[:, distance:]
    same = before == after
    hits, misses = unigram[after[same]], int((~same).sum())
    low, high = 0.0, 1.0 - 1e-6
    for _ in range(30):  # the slope of the log-likelihood falls with w: halve the interval around its zero
        w = (low + high) / 2
        slope = float(((1 - hits) / (w + (1 - w) * hits)).sum()) - misses / (1 - w)
        low, high = (w, high) if slope > 0 else (low, w)
    return (low + high) / 2
