"""Four ways to write events and controls as one sequence, and what each is worth.

Events are what the model is to sample; controls are given, such as a melody to accompany. All four arrangements are
orders of the same rows:

    autoregressive  everything in order of time, as events: nothing is given
    seq2seq         all controls, then all events: far from what they concern
    sort            everything in order of time: close, but the sampler cannot know when a control is due
    anticipation    each control after the first event that begins no more than delta before it: close, and known

Source: arXiv 2306.08620v2, on interleaving and stopping times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.amt import token_lists
from course_utils.amt.vocab import (
    DELTA,
    DUR_OFFSET,
    EVENT_SIZE,
    MAX_DUR,
    MAX_NOTE,
    NOTE_OFFSET,
    TIME_RESOLUTION,
    TokensError,
    Triples,
    as_controls,
    as_events,
    as_triples,
    durations,
    is_control,
    is_rest,
    is_separator,
    notes,
    onsets,
    ticks,
)

MODES = ("autoregressive", "seq2seq", "sort", "anticipation")


# Orders: from the onsets of events and controls, in ticks, to the places of the rows. Place i below the number of
# events is event i; the controls count on from there.


def seq2seq_order(events: Sequence[int], controls: Sequence[int], delta_ticks: int) -> list[int]:
    """First all controls, then all events."""
    n = len(events)
    return [*range(n, n + len(controls)), *range(n)]


def sort_order(events: Sequence[int], controls: Sequence[int], delta_ticks: int) -> list[int]:
    """In order of time; on the same tick the events come first."""
    times = [*events, *controls]
    return sorted(range(len(times)), key=times.__getitem__)


def anticipation_order(events: Sequence[int], controls: Sequence[int], delta_ticks: int) -> list[int]:
    """Each control as soon as an event has begun no more than `delta_ticks` before it, and only before a next event.

    Controls that are not reached are left out: they are always the last ones.
    """
    order: list[int] = []
    heard = 0  # onset of the last event in the sequence: all that the sampler knows of time
    waiting = 0  # the first control that is not in the sequence yet
    for place, onset in enumerate(events):
        while waiting < len(controls) and controls[waiting] - delta_ticks <= heard:
            order.append(len(events) + waiting)
            waiting += 1
        order.append(place)
        heard = onset
    return order


ORDERS: dict[str, Callable[[Sequence[int], Sequence[int], int], list[int]]] = {
    "autoregressive": sort_order,
    "seq2seq": seq2seq_order,
    "sort": sort_order,
    "anticipation": anticipation_order,
}


def anticipate(events: Triples, controls: Triples, delta: float = DELTA) -> tuple[Triples, Triples]:
    """Interleave events with controls that arrive `delta` seconds before they sound.

    Both int64 [N, 3] in order of onset; pad the events first, or controls in a silence wait for its end. Returns the
    sequence and the controls left over because no event follows. Raises TokensError for a delta below 0, for lists out
    of order, and for events among the controls or the reverse.
    """
    events, controls, delta_ticks = _checked(events, controls, delta)
    order = anticipation_order(onsets(events).tolist(), onsets(controls).tolist(), delta_ticks)
    placed = len(order) - len(events)
    return np.concatenate([events, controls])[order], controls[placed:]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """One sequence made of events and controls, and where each of its rows comes from.

    tokens: int64 [N, 3]; event, control: int64 [N], the number of the event or control that a row is, else -1;
    leftover: controls that found no place, int64 [L, 3].
    """

    mode: str
    delta: float  # seconds
    tokens: Triples
    event: NDArray[np.int64]
    control: NDArray[np.int64]
    leftover: Triples


def arrange(events: Triples, controls: Triples, mode: str = "anticipation", delta: float = DELTA) -> Arrangement:
    """Events and controls in one of the four MODES; delta in seconds, of use to "anticipation" only.

    In "autoregressive" the controls become events, because the model samples them like the rest. Raises TokensError as
    `anticipate`, and for another mode.
    """
    if mode not in MODES:
        raise TokensError(f"no arrangement is called {mode!r}; there are {', '.join(MODES)}")
    events, controls, delta_ticks = _checked(events, controls, delta)
    order = np.array(ORDERS[mode](onsets(events).tolist(), onsets(controls).tolist(), delta_ticks), dtype=np.int64)
    given = as_events(controls) if mode == "autoregressive" else controls
    n = len(events)
    return Arrangement(
        mode=mode,
        delta=delta,
        tokens=np.concatenate([events, given])[order],
        event=np.where(order < n, order, -1),
        control=np.where(order >= n, order - n, -1),
        leftover=controls[len(order) - n :],
    )


def de_interleave(arrangement: Arrangement) -> tuple[Triples, Triples]:
    """The events and controls that an arrangement was made of, both int64 [N, 3]."""
    event, control = arrangement.event >= 0, arrangement.control >= 0
    controls = as_controls(arrangement.tokens[control])
    return arrangement.tokens[event], np.concatenate([controls, arrangement.leftover])


# How far from each other a control and the events it concerns are


@dataclass(frozen=True, eq=False)
class Distances:
    """For each control in a sequence, how many tokens after it the event stands that it concerns most.

    tokens: int64 [controls]; negative where the event comes before the control.
    """

    tokens: NDArray[np.int64]

    @property
    def median(self) -> float:
        """Median distance in tokens, whichever comes first; nan without controls."""
        return float(np.median(np.abs(self.tokens))) if len(self.tokens) else float("nan")

    @property
    def max(self) -> int:
        """Largest distance in tokens, whichever comes first; 0 without controls."""
        return int(np.abs(self.tokens).max(initial=0))

    @property
    def known_before(self) -> float:
        """Share of controls that stand before the event they concern most; nan without controls."""
        return float((self.tokens > 0).mean()) if len(self.tokens) else float("nan")


def distances(arrangement: Arrangement) -> Distances:
    """Distance in tokens from each control to the event whose onset is nearest its own (the first of several).

    Rests are no music and concern nobody, but their tokens count. Controls left over have no distance. In
    "autoregressive", where controls are events, the distance is to the nearest of the other events.
    """
    tokens = arrangement.tokens
    concerned = np.flatnonzero((arrangement.event >= 0) & ~is_rest(tokens))
    controls = np.flatnonzero(arrangement.control >= 0)
    if not len(concerned) or not len(controls):
        return Distances(np.empty(0, dtype=np.int64))
    times = onsets(tokens)
    apart = np.abs(times[controls][:, None] - times[concerned][None, :])  # [controls, events]
    nearest = concerned[apart.argmin(axis=1)]
    return Distances(EVENT_SIZE * (nearest - controls))


# The stopping-time test

Rule = Callable[[Triples, Triples], Triples]  # (events, controls) -> the sequence


@dataclass(frozen=True, eq=False)
class Violation:
    """A place where two futures share all that was sampled, and the rule still goes two ways.

    history: the sequence up to there, int64 [N, 3]; one, other: the row that comes next in either future, int64 [3].
    At least one of them is a control: a sampler that stands here cannot know whether to insert it.
    """

    history: Triples
    one: NDArray[np.int64]
    other: NDArray[np.int64]


def rule_of(mode: str, delta: float = DELTA) -> Rule:
    """The arrangement called `mode` as a function from events and controls to the sequence."""
    return lambda events, controls: arrange(events, controls, mode, delta).tokens


def parting(one: Triples, other: Triples) -> Violation | None:
    """Where two sequences first differ, if a control is in play there; None if a sampled token makes the difference.

    Up to a difference between two sampled events the two sequences are one and the same history: what is different is
    the music. A control is not sampled. If it comes next in one future and not in the other, then the rule has looked
    at something that nobody knows yet.
    """
    shared = min(len(one), len(other))
    differ = np.flatnonzero((one[:shared] != other[:shared]).any(axis=1))
    if not len(differ):
        return None  # one ends, which says nothing about controls
    place = int(differ[0])
    if not (is_control(one[place : place + 1])[0] or is_control(other[place : place + 1])[0]):
        return None
    return Violation(one[:place], one[place], other[place])


def futures(events: Triples, cut: int, shifts_ticks: Sequence[int]) -> list[Triples]:
    """Continuations of the first `cut` events: as it was, at once, later by each of `shifts_ticks`, others, and more.

    Others: at the same times with other notes and durations. More: with a second event at each time. Each is a whole
    list of events, int64 [N, 3], in order of time and equal to `events` in its first `cut` rows.
    """
    events = as_triples(events)
    earliest = int(onsets(events[cut - 1 : cut])[0]) if cut else 0
    gap = int(onsets(events[cut : cut + 1])[0]) - earliest
    found = [events]
    for shift in (-gap, *shifts_ticks):
        moved = events.copy()
        moved[cut:, 0] += shift
        found.append(moved)
    others = mirrored(events)
    more = np.stack([events[cut:], others[cut:]], axis=1).reshape(-1, EVENT_SIZE)  # each event, and its mirror image
    return [*found, *(np.concatenate([events[:cut], rows]) for rows in (others[cut:], more))]


def mirrored(events: Triples) -> Triples:
    """The events [N, 3] with every duration, pitch and instrument counted from the other end; rests stay rests."""
    image = events.copy()
    image[:, 1] = DUR_OFFSET + MAX_DUR - 1 - durations(events)
    sounding = ~is_rest(events)
    image[sounding, 2] = NOTE_OFFSET + MAX_NOTE - 1 - notes(events[sounding])
    return image


def stopping_time_violations(
    rule: Rule, events: Triples, controls: Triples, shifts_ticks: Sequence[int] = (1, 50, 200, 1000)
) -> list[Violation]:
    """Where `rule` uses what is not known yet: one violation for each cut at which two futures betray it; [] if none.

    rule: (events, controls) -> sequence. The events are cut before each of them, and the music goes on as it did, at
    once, later, with other notes, or with more; the rule must not place a control differently before a sampled token
    differs. It is judged by what it does, so it can be anybody's. Source: arXiv 2306.08620v2, on stopping times.
    """
    events, controls, _ = _checked(events, controls, 0.0)
    found = []
    for cut in range(len(events)):
        as_it_was, *others = (rule(future, controls) for future in futures(events, cut, shifts_ticks))
        violation = next(filter(None, (parting(as_it_was, other) for other in others)), None)
        if violation is not None:
            found.append(violation)
    return found


def _checked(events: Triples, controls: Triples, delta: float) -> tuple[Triples, Triples, int]:
    """Both lists as triples and delta in ticks, or TokensError."""
    events, controls = as_triples(events), as_triples(controls)
    if not delta >= 0:
        raise TokensError(f"delta is a time in seconds, 0 or more; seen: {delta}")
    if is_separator(events).any() or is_control(events).any():
        raise TokensError("the events hold controls or separators; use token_lists.split, and one piece at a time")
    if not is_control(controls).all():
        raise TokensError("the controls hold events; make them controls with vocab.as_controls")
    for name, rows in (("events", events), ("controls", controls)):
        if (np.diff(onsets(rows)) < 0).any():
            raise TokensError(f"the {name} are not in order of time; use token_lists.sort")
    # A delta beyond all times is as good as infinite, and infinity has no tick.
    longest = token_lists.max_time(controls)
    return events, controls, ticks(delta) if delta * TIME_RESOLUTION < longest else longest
