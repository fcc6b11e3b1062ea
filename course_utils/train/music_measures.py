"""How well the next event is foretold on held-out music, with error bars: by a network, and without one.

A network is asked for each event's time, duration and note, among the tokens of that slot, as the sampler asks it.
Controls are given, and cost nothing. The music: one stretch of each held-out piece, as long as the context holds; rests
are events like others. No model was trained on any of it. Errors are those of a bootstrap over pieces: events of one
piece are no independent sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from course_utils.amt import token_lists
from course_utils.amt.accompany import choose_melody, parts_of
from course_utils.amt.augment import augment, extract_instruments
from course_utils.amt.interleave import anticipate
from course_utils.amt.network import AMT
from course_utils.amt.rules import LEARNED_RANGES, SLOT_NAMES
from course_utils.amt.sequences import ROWS
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    DUR_OFFSET,
    MAX_TIME,
    NOTE_OFFSET,
    TIME_RESOLUTION,
    Triples,
    is_control,
    onsets,
)
from course_utils.train.anticipation import slot_nats
from course_utils.train.music import Piece
from course_utils.train.token_guesses import SEED, resampled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONTROLS = ("none", "span", "random", "instrument", "melody")
GROUPS = {"Freedoom": False, "songs": True}  # whether the composer has told the chords
GUESSES = ("chance", "unigram", "repeat", "bigram")
SIZES = tuple(high - low for low, high in LEARNED_RANGES)
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SMOOTHING = 0.1  # of an event more for every token


@dataclass(frozen=True)
class Sums:
    """By piece: bits [pieces, 3] of the slots of `count` [pieces] events in `seconds` [pieces] of music."""

    bits: Floats
    count: Floats
    seconds: Floats

    def of(self, chosen: Sequence[bool] | npt.NDArray[np.bool_]) -> Sums:
        """Those of some of the pieces, bool [pieces]."""
        kept = np.asarray(chosen, dtype=bool)
        return Sums(self.bits[kept], self.count[kept], self.seconds[kept])


# --- sequences --------------------------------------------------------------------------------------------------------


def sequence(events: Triples, controls: Triples, mode: int | None = None) -> Tensor:
    """Mode, then events and controls interleaved: int64 [T], no more than a context holds, nor beyond 100 s.

    Both in order of time, counted from 0. mode: by default what training has: ANTICIPATE where there are controls.
    """
    end = max(token_lists.max_time(events), token_lists.max_time(controls))
    rows, _ = anticipate(token_lists.pad(events, end), controls)
    rows = rows[:ROWS]
    rows = rows[onsets(rows) < MAX_TIME]
    mode = mode or (ANTICIPATE if len(controls) else AUTOREGRESS)
    return torch.from_numpy(np.concatenate([[mode], rows.reshape(-1)]))


def stretch(piece: Piece) -> Triples:
    """The second third of a piece, or from nearer its beginning on where that is short; times from 0, int64 [N, 3]."""
    first = max(min(len(piece.triples) // 3, len(piece.triples) - ROWS), 0)
    return token_lists.from_zero(piece.triples[first : first + 3 * ROWS])


def controlled(piece: Piece, kind: str, chance: np.random.Generator) -> Tensor:
    """A stretch of a piece as a sequence with controls of a kind, one of CONTROLS, drawn as in the paper's mixture.

    "melody" gives the melody alone (`melody_of`).
    """
    music = stretch(piece)
    if kind != "melody":
        return sequence(*augment(music, kind, chance))
    return sequence(*extract_instruments(music, [melody_of(piece)]))


def melody_of(piece: Piece) -> int:
    """The instrument of a piece's melody, 0 to 127; of the part that sings most, where nobody has told which it is.

    Raises MelodyError if nothing sings.
    """
    return piece.melody if piece.melody is not None else choose_melody(parts_of(piece.triples)).part.instrument


def rows_of(tokens: Tensor) -> Triples:
    """Events and controls of a sequence int64 [T]: int64 [N, 3]."""
    return tokens[1:].reshape(-1, 3).numpy()


# --- bits -------------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def event_bits(network: AMT, tokens: Tensor) -> Floats:
    """Bits of time, duration and note of every event in a sequence int64 [T]: [events, 3]; controls are left out."""
    batch = tokens[None].to(network.device)
    nats = slot_nats(network, network.hidden(batch[:, :-1]), batch)
    return torch.stack(nats, dim=1).double().cpu().numpy() / math.log(2)


def tally(bits: Sequence[Floats], sequences: Sequence[Tensor]) -> Sums:
    """Sums of the events' bits [events, 3] of each piece, of one sequence each."""
    rows = [rows_of(tokens) for tokens in sequences]
    seconds = [max(float(np.ptp(onsets(r[~is_control(r)]))) / TIME_RESOLUTION, 0.01) for r in rows]
    return Sums(np.stack([b.sum(0) for b in bits]), np.array([float(len(b)) for b in bits]), np.array(seconds))


def control_tallies(network: AMT, pieces: Sequence[Piece]) -> dict[str, tuple[list[Tensor], Sums]]:
    """For each kind of controls the sequences, one a piece, and the network's bits."""
    found = {}
    for number, kind in enumerate(CONTROLS):
        drawn = [
            controlled(piece, kind, np.random.default_rng([SEED, number, place])) for place, piece in enumerate(pieces)
        ]
        found[kind] = (drawn, tally([event_bits(network, tokens) for tokens in drawn], drawn))
    return found


# --- guesses without a network ----------------------------------------------------------------------------------------


def symbols(rows: Triples) -> Ints:
    """What the guesses guess, int64 [N, 3]: ticks since the event before, duration, note or rest, each from 0 on."""
    times = np.clip(np.diff(rows[:, 0], prepend=rows[:1, 0]), 0, SIZES[0] - 1)
    return np.stack([times, rows[:, 1] - DUR_OFFSET, rows[:, 2] - NOTE_OFFSET], axis=1)


@dataclass(frozen=True)
class SlotGuess:
    """What is known of one slot from counting: how frequent each symbol is, and what follows what."""

    unigram: Floats  # [V]
    pairs: Ints  # V * symbol before + symbol, sorted
    counts: Ints  # of each pair
    befores: Ints  # [V]: how often each symbol comes before another
    repeats: float  # share of the events whose symbol is that of the event before
    strength: float  # how many events the unigram counts for in the bigram

    def bits(self, guess: str, found: Ints) -> Floats:
        """Bits of each symbol of a piece, int64 [N] -> [N]; the first has none before it."""
        size = len(self.unigram)
        alone = self.unigram[found]
        if guess == "chance":
            return np.full(len(found), math.log2(size))
        if guess == "unigram":
            return -np.log2(alone)
        before, after = found[:-1], found[1:]
        if guess == "repeat":
            odds = self.repeats * (before == after) + (1 - self.repeats) * alone[1:]
        else:
            key = size * before + after
            place = np.minimum(np.searchsorted(self.pairs, key), len(self.pairs) - 1)
            seen = np.where(self.pairs[place] == key, self.counts[place], 0)
            odds = (seen + self.strength * alone[1:]) / (self.befores[before] + self.strength)
        return -np.log2(np.concatenate([alone[:1], odds]))


def count_slot(pieces: Sequence[Ints], size: int, strength: float) -> SlotGuess:
    """Count the symbols of one slot, int64 [N] for each piece."""
    everything = np.concatenate(pieces)
    before = np.concatenate([piece[:-1] for piece in pieces])
    after = np.concatenate([piece[1:] for piece in pieces])
    pairs, counts = np.unique(size * before + after, return_counts=True)
    unigram = np.bincount(everything, minlength=size) + SMOOTHING
    befores = np.bincount(before, minlength=size)
    repeats = float((before == after).mean())
    return SlotGuess(unigram / unigram.sum(), pairs, counts, befores, repeats, strength)


def fit_guesses(pieces: Sequence[Piece]) -> list[SlotGuess]:
    """Count the three slots of training pieces; the bigram's strength is what fits every tenth piece best."""
    told = [symbols(token_lists.pad(token_lists.from_zero(piece.triples))) for piece in pieces]
    fitted = []
    for slot, size in enumerate(SIZES):
        kept = [rows[:, slot] for number, rows in enumerate(told) if number % 10]
        first = count_slot(kept, size, STRENGTHS[0])
        tried = {
            strength: sum(replace(first, strength=strength).bits("bigram", rows[:, slot]).sum() for rows in told[::10])
            for strength in STRENGTHS
        }
        fitted.append(count_slot([rows[:, slot] for rows in told], size, min(tried, key=tried.__getitem__)))
    return fitted


def guess_tally(guesses: Sequence[SlotGuess], name: str, sequences: Sequence[Tensor]) -> Sums:
    """What a guess without a network makes of the events of the same sequences, which hold no controls."""
    bits = []
    for tokens in sequences:
        found = symbols(rows_of(tokens))
        bits.append(np.stack([guess.bits(name, found[:, slot]) for slot, guess in enumerate(guesses)], axis=1))
    return tally(bits, sequences)


# --- figures with errors ----------------------------------------------------------------------------------------------


def figures(sums: Sums) -> dict[str, Any]:
    """Bits of event, time, duration and note, bits a second and events a second, with standard errors."""
    slots = np.concatenate([sums.bits.sum(1, keepdims=True), sums.bits], axis=1)
    weights = np.concatenate([np.ones((1, len(slots))), resampled(len(slots)).astype(float)])  # first: all as it is
    each = (weights @ slots) / (weights @ sums.count)[:, None]
    second = (weights @ slots[:, 0]) / (weights @ sums.seconds)
    names = ("event", *SLOT_NAMES)
    return {
        "pieces": len(slots),
        "bits": dict(zip(names, each[0].tolist(), strict=True)),
        "bits_error": dict(zip(names, each[1:].std(0).tolist(), strict=True)),
        "perplexity": dict(zip(names, (2 ** each[0]).tolist(), strict=True)),
        "perplexity_error": dict(zip(names, (2 ** each[1:]).std(0).tolist(), strict=True)),
        "bits_per_second": float(second[0]),
        "bits_per_second_error": float(second[1:].std()),
        "events_per_second": float(sums.count.sum() / sums.seconds.sum()),
    }


def difference(one: tuple[Floats, Floats], other: tuple[Floats, Floats], seed: int = SEED) -> dict[str, float]:
    """one - other, each (sums [pieces], counts [pieces]) of the same pieces, with the 95 % interval of a bootstrap."""
    weights = np.concatenate([np.ones((1, len(one[0]))), resampled(len(one[0]), seed).astype(float)])
    drawn = (weights @ one[0]) / (weights @ one[1]) - (weights @ other[0]) / (weights @ other[1])
    low, high = np.percentile(drawn[1:], [2.5, 97.5])
    return {"mean": float(drawn[0]), "low": float(low), "high": float(high)}


def members(pieces: Sequence[Piece]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which pieces are in each group, and in "all" of them, bool [pieces]; groups without pieces are left out."""
    composed = np.array([piece.chords is not None for piece in pieces])
    groups = {name: composed == is_song for name, is_song in GROUPS.items()}
    return {name: those for name, those in {**groups, "all": np.ones_like(composed)}.items() if those.any()}


def control_table(network: AMT, pieces: Sequence[Piece], guesses: Sequence[SlotGuess]) -> dict[str, Any]:
    """{"controls": by group and kind of controls the figures; "guesses": by group those of the guesses without a
    network on the events of "none", and by how much the network is better; "by_piece": bits an event without controls}.
    """
    tallies = control_tallies(network, pieces)
    plain, ours = tallies["none"]
    theirs = {name: guess_tally(guesses, name, plain) for name in GUESSES}
    groups = members(pieces)
    return {
        "controls": {
            group: {kind: figures(sums.of(those)) for kind, (_, sums) in tallies.items()}
            for group, those in groups.items()
        },
        "guesses": {
            group: {name: {**figures(sums.of(those)), "gain": gain(sums.of(those), ours.of(those))}
                    for name, sums in theirs.items()}
            for group, those in groups.items()
        },
        "by_piece": {
            piece.name: float(bits.sum() / count)
            for piece, bits, count in zip(pieces, ours.bits, ours.count, strict=True)
        },
    }  # fmt: skip


def gain(theirs: Sums, ours: Sums) -> dict[str, float]:
    """By how many bits an event `ours` is better."""
    return difference((theirs.bits.sum(1), theirs.count), (ours.bits.sum(1), ours.count))


def judge_guesses(table: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the network, without controls, beats every guess on each group, outside the error bar."""
    point = "without controls an event takes fewer bits than by {}, on {}, outside the 95 % interval"
    return {
        point.format(name, group): row["gain"]["low"] > 0
        for group, rows in table.items()
        if group != "all"
        for name, row in rows.items()
    }
