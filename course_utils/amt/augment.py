"""Which events of a piece become controls: the four ways that the model is trained on.

    none        no controls: the model learns to write music
    span        now and then 5 s of all instruments are given: to fill the rest in between
    instrument  some instruments are given: to accompany them
    random      single notes are given, one to nine in ten

Source: arXiv 2306.08620v2, on the training mixture; the shares, and the draws in their order, are those of the
released code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_utils.amt import token_lists
from course_utils.amt.vocab import DELTA, TokensError, Triples, as_controls, as_triples, is_control, is_separator, ticks

Rng = np.random.Generator | np.random.RandomState  # the released code draws from numpy's older generator

COPIES = 30  # of each piece in the training data
KINDS = ("none", "span", *["random"] * 4, *["instrument"] * 4)  # copy k of a piece is KINDS[k % 10]
SPAN_RATE = 0.05  # spans begin at random, on average this often a second after the last one
RANDOM_TENTHS = 10
Pair = tuple[Triples, Triples]  # events, controls


def extract_spans(events: Triples, rng: Rng, rate: float = SPAN_RATE, span_seconds: float = DELTA) -> Pair:
    """Spans of `span_seconds` become controls; the wait for the next is exponential, `rate` a second on average.

    Returns events and controls, both int64 [N, 3] in order of time, as the input must be. One draw each time a span
    ends, and one at the start.
    """
    events = _checked(events)
    times = events[:, 0]
    given = np.zeros(len(events), dtype=bool)
    after = 0  # the first event after the last span
    while after < len(events):
        next_span = times[after] + ticks(rng.exponential(1 / rate), compat=True)
        begin = max(after, int(np.searchsorted(times, next_span)))
        if begin == len(events):
            break
        after = int(np.searchsorted(times, times[begin] + ticks(span_seconds)))
        given[begin:after] = True
    return _part(events, given)


def extract_random(events: Triples, rng: Rng, tenths: int) -> Pair:
    """Each event becomes a control with probability `tenths` / 10; one draw an event. Returns events and controls."""
    events = _checked(events)
    if not 0 <= tenths <= RANDOM_TENTHS:
        raise TokensError(f"the share of controls is 0 to {RANDOM_TENTHS} tenths; seen: {tenths}")
    return _part(events, rng.random(len(events)) < tenths / RANDOM_TENTHS)


def extract_instruments(events: Triples, instruments: Sequence[int]) -> Pair:
    """All events of the named instruments (0 to 128) become controls. Returns events and controls."""
    events = _checked(events)
    return _part(events, np.isin(token_lists.instrument_of(events), np.asarray(instruments, dtype=np.int64)))


def choose_instruments(present: Sequence[int], rng: Rng) -> list[int]:
    """Some of the instruments, at least one and not all; each number of them is equally likely. Two draws.

    Raises TokensError for fewer than two.
    """
    if len(present) < 2:
        raise TokensError(f"some but not all of the instruments need two at least; seen: {len(present)}")
    count = 1 + below(rng, len(present) - 1)
    return [int(number) for number in rng.choice(list(present), count, replace=False)]


def augment(events: Triples, kind: str, rng: Rng) -> Pair:
    """Events and controls of one training copy; `kind` is one of KINDS.

    "instrument" leaves a piece that has a single one as it is, without controls. Raises TokensError for another kind.
    """
    events = _checked(events)
    if kind == "span":
        return extract_spans(events, rng)
    if kind == "random":
        return extract_random(events, rng, 1 + below(rng, RANDOM_TENTHS - 1))
    if kind == "instrument":
        present = list(token_lists.instruments(events))
        return extract_instruments(events, choose_instruments(present, rng) if len(present) > 1 else [])
    if kind == "none":
        return extract_instruments(events, [])
    raise TokensError(f"no augmentation is called {kind!r}; there are none, span, random and instrument")


def below(rng: Rng, limit: int) -> int:
    """A whole number from 0 to `limit` - 1, all equally likely; one draw."""
    return int(rng.randint(limit) if isinstance(rng, np.random.RandomState) else rng.integers(limit))


def _checked(events: Triples) -> Triples:
    events = as_triples(events)
    if is_control(events).any() or is_separator(events).any():
        raise TokensError("the events hold controls or separators; augment one piece of events at a time")
    if (np.diff(events[:, 0]) < 0).any():
        raise TokensError("the events are not in order of time; use token_lists.sort")
    return events


def _part(events: Triples, given: np.ndarray) -> Pair:
    return events[~given], as_controls(events[given])
