"""What the network sees of a long piece, and how it reads on without computing everything anew.

A network of 1,024 positions sees about 15 s of music: older events must go. Inside the window times count from the
window's first event, as in training, so whenever the oldest event goes, every time and every position changes, and
nothing that was computed for the window holds any more. Dropping one event per new event (the exact slide) therefore
costs a full reading per event; dropping a block of them at once costs one per block.
Source: the window of 339 events is that of the released code; the block is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.amt import vocab
from course_utils.amt.network import AMT
from course_utils.amt.rules import LEARNED_RANGES
from course_utils.amt.vocab import Triples

BLOCK_SHARE = 3  # the block slide drops a third of the window
HEADROOM_TICKS = 1_000  # how far beyond the present a window must be able to count


def room_in(context: int) -> int:
    """How many events and controls fit into a context beside the mode token and those being sampled: 339 of 1,024."""
    room = (context - 1) // vocab.EVENT_SIZE - 2
    if room < 1:
        raise ValueError(f"a context of {context} tokens is too short to sample with: it must hold at least 10")
    return room


class Window:
    """Which of the latest rows of a piece the network sees.

    drop: events that go at once when the window is full: 1 is the exact slide. reach_ticks: the longest stretch of
    time it may cover, None for no limit, as the released code has it.
    """

    def __init__(self, room: int, drop: int, reach_ticks: int | None) -> None:
        if not 1 <= drop <= room:
            raise ValueError(f"a window of {room} events can drop 1 to {room} of them at once, not {drop}")
        self.room, self.drop, self.reach_ticks = room, drop, reach_ticks
        self.first = 0

    def slide(self, begins: NDArray[np.int64], floor_ticks: int) -> int:
        """Move on if need be, and return the first row to be seen.

        begins: onsets in ticks, int64 [N], of all rows so far. floor_ticks: the earliest time to be sampled, in ticks.
        """
        rows = len(begins)
        if rows - self.first > self.room:
            self.first = rows - self.room + self.drop - 1
        if self.reach_ticks is not None and rows > self.first:
            ahead = np.minimum.accumulate(begins[self.first :][::-1])[::-1]  # earliest onset from each row on
            if floor_ticks - ahead[0] > self.reach_ticks:
                # Like a block: half the reach is left, so that it does not happen again at once.
                keep = self.reach_ticks if self.drop == 1 else self.reach_ticks // 2
                self.first += int(np.searchsorted(ahead, floor_ticks - keep))
        return self.first


def relative(rows: Triples, offset: int, sound: NDArray[np.bool_] | None = None) -> Triples:
    """Rows [N, 3] with times counted from `offset` ticks on; those that are not `sound` stay as they are."""
    seen = rows.copy()
    seen[:, 0] -= offset if sound is None else offset * sound
    return seen


class Reader:
    """Reads token lists through a network, with a cache only what is new in them."""

    def __init__(self, model: AMT, cached: bool = True) -> None:
        self.model = model
        self.cache = model.cache() if cached else None
        self.seen: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # the tokens whose keys and values are there
        self.whole: Tensor | None = None  # without a cache: all tokens, [1, T]
        self.readings = 0  # how often a list was read from its beginning

    def read(self, tokens: NDArray[np.int64]) -> Tensor:
        """Output [width] of the network at the last of the tokens, int64 [T]."""
        known = 0 if self.cache is None else min(_common(self.seen, tokens), len(tokens) - 1)
        if len(tokens) - known > known:  # too little to build on: one plain reading is cheaper
            known, self.readings = 0, self.readings + 1
        new = torch.from_numpy(tokens[known:]).to(self.model.device)[None]
        self.seen = tokens
        if self.cache is None:
            self.whole = new
        else:
            self.cache.truncate(known)
        return self.model.hidden(new, self.cache)[0, -1]

    def push(self, token: Tensor) -> Tensor:
        """Output [width] after one more token, int64 []: it need not be known to the host yet."""
        new = token.view(1, 1)
        if self.whole is not None:
            new = self.whole = torch.cat([self.whole, new], dim=1)
            self.readings += 1
        return self.model.hidden(new, self.cache)[0, -1]

    def pushed(self, tokens: Sequence[int]) -> None:
        """Say which tokens `push` was given since `read`, now that they are known."""
        self.seen = np.concatenate([self.seen, np.asarray(tokens, dtype=np.int64)])


def _common(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """Length of the common beginning of two token lists."""
    n = min(len(a), len(b))
    differ = np.flatnonzero(a[:n] != b[:n])
    return int(differ[0]) if len(differ) else n


@dataclass(frozen=True)
class SlideEffect:
    """How the next event's odds change when the network sees fewer rows than the full window; means over places.

    An event's odds are those of its three tokens, each knowing the real ones before it, with times in the piece's own
    count and never before the present: what would be sampled from with top_p 1.
    """

    kept: int  # rows that it sees
    divergence: float  # bits per event: Kullback-Leibler divergence of these odds from those with the full window
    surprise: float  # bits per event: minus log2 of the probability of the event that really came
    surprise_full: float  # the same with the full window


@torch.inference_mode()
def slide_effect(
    model: AMT,
    piece: Triples,
    kept: Sequence[int],
    places: Sequence[int] | None = None,
    mode: int = vocab.AUTOREGRESS,
) -> list[SlideEffect]:
    """What dropping the older part of the window does to the odds of the next event, for each number of rows `kept`.

    piece: rows in the order in which the network reads them, more than fill the window. places: rows that are
    predicted, by default 8 spread over the part behind the first full window. Controls are not predicted: a place
    that is one is passed over. Raises ValueError for a piece that is too short, nothing to predict, or a window of more
    than 100 s.
    """
    room = room_in(model.config.context)
    if len(piece) <= room:
        raise ValueError(f"the piece has {len(piece)} events: the window holds {room}, and only longer ones slide")
    if not all(1 <= rows <= room for rows in kept):
        raise ValueError(f"a window of {room} events can keep 1 to {room} of them, not {list(kept)}")
    chosen = np.linspace(room, len(piece) - 1, 8).astype(int).tolist() if places is None else list(places)
    chosen = sorted({place for place in chosen if place >= room and not vocab.is_control(piece[place][None])[0]})
    if not chosen:
        raise ValueError("none of the places is an event with a full window before it")
    full = [_odds(model, piece, place, room, mode) for place in chosen]
    effects = []
    for rows in kept:
        short = [_odds(model, piece, place, rows, mode) for place in chosen]
        pairs = list(zip(full, short, strict=True))
        divergence = [sum(_divergence(f, s) for f, s in zip(a[0], b[0], strict=True)) for a, b in pairs]
        bits = np.array([np.mean(divergence), np.mean([s for _, s in short]), np.mean([s for _, s in full])])
        effects.append(SlideEffect(rows, *(bits / np.log(2)).tolist()))
    return effects


def _divergence(full: Tensor, short: Tensor) -> float:
    """Kullback-Leibler divergence in nats of log-probabilities [n] from others [n or more] of the same tokens."""
    return float((full.exp() * (full - short[: len(full)])).sum())


def _odds(model: AMT, piece: Triples, place: int, rows: int, mode: int) -> tuple[list[Tensor], float]:
    """Log-probabilities of the three slots of row `place` with `rows` rows before it, and its surprise in nats.

    Windows count from their own first event: one and the same time is another token in each. The times therefore begin
    at the present, the last event's, in all of them; a window that began later can count further.
    """
    before, seen = piece[:place], piece[place - rows : place]
    now = int(vocab.onsets(before[~vocab.is_control(before)]).max(initial=0))
    offset = min(int(vocab.onsets(seen).min()), now)
    real = relative(piece[place][None], offset)[0]
    if not now - offset <= real[0] < vocab.MAX_TIME:
        raise ValueError(
            f"row {place} begins at {vocab.seconds(int(piece[place, 0])):g} s; after its window, only "
            f"{vocab.seconds(now):g} s to {vocab.seconds(offset + vocab.MAX_TIME - 1):g} s can be said"
        )
    tokens = np.concatenate([[mode], relative(seen, offset).reshape(-1), real[:2]])
    hidden = model.hidden(torch.from_numpy(tokens).to(model.device)[None])[0, -3:]
    ranges = ((now - offset, vocab.MAX_TIME), *LEARNED_RANGES[1:])
    odds = [model.logits(hidden[slot], *span).float().log_softmax(-1) for slot, span in enumerate(ranges)]
    surprise = -sum(float(odds[slot][real[slot] - low]) for slot, (low, _) in enumerate(ranges))
    return odds, surprise
