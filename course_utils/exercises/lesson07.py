"""The exercises of lesson 07, anticipatory sampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from course_utils.amt import Triples, vocab
from course_utils.exercises.check import Checker
from course_utils.exercises.exercise import Exercise, Mistake

# The solutions are shown in the lesson as they stand here; `math`, `np`, `torch` and `vocab` are what the lesson has.


# --- the nucleus --------------------------------------------------------------------------------------------------


def draw_from_nucleus(probability, p, dart):
    """One token of the nucleus: probability [V], share p, dart from 0 up to 1 -> its number."""
    sorted_probability, order = probability.sort(descending=True, stable=True)
    heap = sorted_probability.cumsum(-1)
    size = 1 + int((heap[:-1] <= p).sum())
    place = int(torch.searchsorted(heap, dart * heap[size - 1], right=True))
    return int(order[min(place, size - 1)])


def _no_nucleus(probability, p, dart):
    return draw_from_nucleus(probability, 1.0, dart)


def _just_p_is_enough(probability, p, dart):
    sorted_probability, order = probability.sort(descending=True, stable=True)
    heap = sorted_probability.cumsum(-1)
    size = 1 + int((heap[:-1] < p).sum())
    place = int(torch.searchsorted(heap, dart * heap[size - 1], right=True))
    return int(order[min(place, size - 1)])


def _stops_before(probability, p, dart):
    sorted_probability, order = probability.sort(descending=True, stable=True)
    heap = sorted_probability.cumsum(-1)
    size = max(int((heap <= p).sum()), 1)
    place = int(torch.searchsorted(heap, dart * heap[size - 1], right=True))
    return int(order[min(place, size - 1)])


def _dart_not_scaled(probability, p, dart):
    sorted_probability, order = probability.sort(descending=True, stable=True)
    heap = sorted_probability.cumsum(-1)
    size = 1 + int((heap[:-1] <= p).sum())
    return int(order[min(int(torch.searchsorted(heap, dart, right=True)), size - 1)])


def _place_for_token(probability, p, dart):
    order = probability.sort(descending=True, stable=True).indices
    return int((order == draw_from_nucleus(probability, p, dart)).nonzero()[0, 0])


def _unlikeliest_first(probability, p, dart):
    sorted_probability, order = probability.sort(stable=True)
    heap = sorted_probability.cumsum(-1)
    size = 1 + int((heap[:-1] <= p).sum())
    place = int(torch.searchsorted(heap, dart * heap[size - 1], right=True))
    return int(order[min(place, size - 1)])


def _likeliest(probability, p, dart):
    return int(probability.argmax())


def _random_draw(rng: np.random.Generator) -> tuple[torch.Tensor, float, float]:
    logits = torch.from_numpy(rng.normal(0, 2.5, size=40).astype(np.float32))
    return logits.softmax(-1), float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.55, 0.99))


# --- the rules ----------------------------------------------------------------------------------------------------


def slot_range(slot, now):
    """First token that may come in a slot (0 time, 1 duration, 2 note), and the one behind the last; now in ticks."""
    if slot == 0:
        return now, min(now + 101, 10_000)
    if slot == 1:
        return 10_000, 11_000
    return 11_000, 27_513


def _back_in_time(slot, now):
    return (0, slot_range(slot, now)[1]) if slot == 0 else slot_range(slot, now)


def _leaps(slot, now):
    return (now, 10_000) if slot == 0 else slot_range(slot, now)


def _no_chords(slot, now):
    return (now + 1, slot_range(slot, now)[1]) if slot == 0 else slot_range(slot, now)


def _no_rest(slot, now):
    return (11_000, 27_512) if slot == 2 else slot_range(slot, now)


def _controls_too(slot, now):
    return (11_000, 55_025) if slot == 2 else slot_range(slot, now)


def _specials_too(slot, now):
    return (11_000, 55_028) if slot == 2 else slot_range(slot, now)


def _last_ones(slot, now):
    low, high = slot_range(slot, now)
    return low, high - 1


def _past_the_last_time(slot, now):
    return (now, now + 101) if slot == 0 else slot_range(slot, now)


def _random_slot(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(0, 3)), int(rng.integers(1, 10_000))


# --- one step -----------------------------------------------------------------------------------------------------


class ToyModel(dict):  # type: ignore[type-arg]
    """Stands in for the network in the check: logits by chance, others for every history, always the same."""

    def __call__(self, history: Triples, event: list[int], low: int = 0, high: int = vocab.VOCAB_SIZE) -> torch.Tensor:
        """Logits float32 [high - low]."""
        seen = [*np.asarray(history).reshape(-1).tolist(), *event]
        seed = self["seed"] + sum((i + 1) * int(token) for i, token in enumerate(seen))
        logits = 3 * torch.randn(vocab.VOCAB_SIZE, generator=torch.Generator().manual_seed(seed))
        return logits[low:high]  # of whatever range is asked: the same

    def __repr__(self) -> str:
        return "model"


def anticipatory_step(ask, history, waiting, now, delta, darts):
    """Put in controls that begin within delta, draw an event: history, waiting int64 [N, 3] -> both, a step on."""
    due = vocab.onsets(waiting) <= now + delta
    history = np.concatenate([history, waiting[due]])
    event: list[int] = []
    for slot in range(3):
        low, high = slot_range(slot, now)
        probability = ask(history, event, low, high).softmax(-1)
        event.append(low + draw_from_nucleus(probability, 0.95, darts[slot]))
    return np.concatenate([history, [event]]), waiting[~due]


def _drawn(ask: Any, history: Triples, now: int, darts: Any) -> Triples:
    """History with one event behind it, and nothing put in before."""
    return np.asarray(anticipatory_step(ask, history, vocab.as_triples([]), now, 0, darts)[0])


def _controls_late(ask, history, waiting, now, delta, darts):
    due = vocab.onsets(waiting) <= now + delta
    return np.concatenate([_drawn(ask, history, now, darts), waiting[due]]), waiting[~due]


def _not_ahead(ask, history, waiting, now, delta, darts):
    return anticipatory_step(ask, history, waiting, now, 0, darts)


def _all_at_once(ask, history, waiting, now, delta, darts):
    return anticipatory_step(ask, history, waiting, now, 10_000, darts)


def _still_waiting(ask, history, waiting, now, delta, darts):
    return anticipatory_step(ask, history, waiting, now, delta, darts)[0], waiting


def _never_put_in(ask, history, waiting, now, delta, darts):
    return _drawn(ask, history, now, darts), waiting


def _slots_apart(ask, history, waiting, now, delta, darts):
    def forgetful(rows, event, low, high):
        return ask(rows, [], low, high)

    return anticipatory_step(forgetful, history, waiting, now, delta, darts)


def _one_dart(ask, history, waiting, now, delta, darts):
    return anticipatory_step(ask, history, waiting, now, delta, [darts[0]] * 3)


def _not_moved(ask, history, waiting, now, delta, darts):
    def shown(rows, event, low, high):
        return ask(rows, [token - base for token, base in zip(event, lows, strict=False)], low, high)

    lows = [slot_range(slot, now)[0] for slot in range(3)]
    rows, left = anticipatory_step(shown, history, waiting, now, delta, darts)
    rows[-1] -= lows
    return rows, left


def _random_step(rng: np.random.Generator) -> tuple[ToyModel, Triples, Triples, int, int, list[float]]:
    now = int(rng.integers(300, 600))
    times = np.sort(np.concatenate([rng.integers(0, now, 5), [now]]))
    history = np.stack([times, rng.integers(10_010, 10_300, 6), rng.integers(11_000, 27_000, 6)], axis=1)
    ahead = np.sort(np.concatenate([[now, now + 499], rng.integers(now + 510, now + 2_000, 3)]))
    waiting = np.stack([ahead, rng.integers(10_010, 10_300, 5), rng.integers(11_000, 27_000, 5)], axis=1)
    return (
        ToyModel(seed=int(rng.integers(0, 1000))),
        history,
        waiting + vocab.CONTROL_OFFSET,
        now,
        500,
        rng.uniform(0.2, 0.9, 3).round(3).tolist(),
    )


def _where_one_is_empty() -> list[tuple[Any, ...]]:
    """The same step where no control is due, and where none is left."""
    model, history, waiting, *others = _random_step(np.random.default_rng(7))
    return [(model, history, some, *others) for some in (waiting[2:], waiting[:2])]


_NONE_DUE_OR_LEFT = _where_one_is_empty()

# --- repetition ---------------------------------------------------------------------------------------------------


def repeated_share(notes, n=4):
    """Share of the groups of n notes in a row that were there before: int64 [N] -> 0 to 1."""
    groups = [tuple(notes[i : i + n]) for i in range(len(notes) - n + 1)]
    return 1 - len(set(groups)) / len(groups)


def _single_notes(notes, n=4):
    return 1 - len(set(notes.tolist())) / len(notes)


def _different_share(notes, n=4):
    return 1 - repeated_share(notes, n)


def _last_groups_missing(notes, n=4):
    groups = [tuple(notes[i : i + n]) for i in range(len(notes) - n)]
    return 1 - len(set(groups)) / len(groups)


def _side_by_side(notes, n=4):
    groups = [tuple(notes[i : i + n]) for i in range(0, len(notes) - n + 1, n)]
    return 1 - len(set(groups)) / len(groups)


def _number_of_notes(notes, n=4):
    groups = [tuple(notes[i : i + n]) for i in range(len(notes) - n + 1)]
    return 1 - len(set(groups)) / len(notes)


def _random_notes(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    return rng.integers(60, 63, size=int(rng.integers(20, 50))), int(rng.integers(2, 4))


# --- the test -----------------------------------------------------------------------------------------------------


def signed_rank_p(wins, ties, losses):
    """Two-sided p of Wilcoxon's signed-rank test, differences all of one size, by the normal approximation."""
    z = (wins - losses) / math.sqrt(wins + losses)
    return math.erfc(abs(z) / math.sqrt(2))


def _ties_counted(wins, ties, losses):
    return math.erfc(abs(wins - losses) / math.sqrt(wins + losses + ties) / math.sqrt(2))


def _one_sided(wins, ties, losses):
    return signed_rank_p(wins, ties, losses) / 2


def _only_z(wins, ties, losses):
    return (wins - losses) / math.sqrt(wins + losses)


def _no_root(wins, ties, losses):
    return math.erfc(abs(wins - losses) / (wins + losses) / math.sqrt(2))


def _exact_signs(wins, ties, losses):
    n, most = wins + losses, max(wins, losses)
    return min(2 * sum(math.comb(n, k) for k in range(most, n + 1)) / 2**n, 1.0)


def _corrected(wins, ties, losses):
    return math.erfc(max(abs(wins - losses) - 1, 0) / math.sqrt(wins + losses) / math.sqrt(2))


def _random_counts(rng: np.random.Generator) -> tuple[int, int, int]:
    return int(rng.integers(20, 35)), int(rng.integers(5, 30)), int(rng.integers(8, 19))


# --- your own melody ----------------------------------------------------------------------------------------------


def melody_controls(events, instrument, start, seconds):
    """An instrument's notes that begin from `start` s on, before start + seconds, as controls counted from there."""
    at, played = vocab.onsets(events), vocab.notes(events) // 128
    chosen = (played == instrument) & (at >= 100 * start) & (at < 100 * (start + seconds))
    melody = events[chosen].copy()
    melody[:, 0] -= round(100 * start)
    return melody + 27_513


def _all_instruments(events, instrument, start, seconds):
    at = vocab.onsets(events)
    melody = events[(at >= 100 * start) & (at < 100 * (start + seconds))].copy()
    melody[:, 0] -= round(100 * start)
    return melody + 27_513


def _still_events(events, instrument, start, seconds):
    return melody_controls(events, instrument, start, seconds) - 27_513


def _old_times(events, instrument, start, seconds):
    melody = melody_controls(events, instrument, start, seconds)
    melody[:, 0] += round(100 * start)
    return melody


def _only_the_note(events, instrument, start, seconds):
    melody = melody_controls(events, instrument, start, seconds)
    melody[:, :2] -= 27_513
    return melody


def _seconds_for_ticks(events, instrument, start, seconds):
    at, played = vocab.onsets(events), vocab.notes(events) // 128
    melody = events[(played == instrument) & (at >= start) & (at < start + seconds)].copy()
    melody[:, 0] -= round(start)
    return melody + 27_513


def _to_the_end(events, instrument, start, seconds):
    return melody_controls(events, instrument, start, 10_000)


def _random_piece(rng: np.random.Generator) -> tuple[np.ndarray, int, float, float]:
    onsets = np.sort(rng.integers(0, 3_000, 60))
    note = 128 * rng.choice([0, 40, 73], 60) + rng.integers(50, 80, 60)
    events = np.stack([onsets, 10_000 + rng.integers(5, 90, 60), 11_000 + note], axis=1)
    return events, 40, float(rng.integers(2, 8)), 12.0


EXERCISES = (
    Exercise(
        name="draw_from_nucleus",
        title="Draw from the nucleus",
        difficulty=3,
        minutes=8,
        prompt="Sort the tokens, the likeliest first, and add their probabilities up. The nucleus ends with the token "
        "that carries the sum beyond p. Lay its tokens end to end in that order and throw the dart: 0 is the beginning "
        "of the first, 1 the end of the last. Return the number of the token that it hits, as an `int`.",
        hint="`probability.sort(descending=True, stable=True)` gives values and order, `cumsum(-1)` the heap. How many "
        "of the heap are at most p? The token behind those belongs to the nucleus too. The heap ends at less than 1: "
        "stretch the dart by where the nucleus ends.",
        solution=draw_from_nucleus,
        why="sorted, cut behind the token that crosses p, and the dart scaled to what is left",
        mistakes=(
            Mistake(_no_nucleus, "that draws from all tokens: cut the heap behind the token that crosses p"),
            Mistake(_just_p_is_enough, "a sum of just p is not beyond p: one more token belongs to it"),
            Mistake(_stops_before, "the token that crosses p belongs to the nucleus, or a sure one leaves it empty"),
            Mistake(_dart_not_scaled, "the nucleus sums to less than 1: multiply the dart by its sum"),
            Mistake(_place_for_token, "that is a place in the sorted list: look up in `order` which token it is"),
            Mistake(_unlikeliest_first, "you sorted the unlikeliest first: descending=True"),
            Mistake(_likeliest, "that is always the likeliest token: the dart decides nothing"),
        ),
        cases=[
            (torch.tensor([0.15, 0.5, 0.05, 0.3]), 0.7, 0.9),
            (torch.tensor([0.02, 0.97, 0.01]), 0.9, 0.5),
            (torch.tensor([0.5, 0.25, 0.25]), 0.5, 0.9),
        ],
        random=_random_draw,
    ),
    Exercise(
        name="slot_range",
        title="Which tokens may come?",
        difficulty=2,
        minutes=5,
        prompt="Write the first four rules. `now` is the time reached so far, in ticks: the next event begins then "
        "or up to 100 ticks later, for a longer silence is written with rests. Times are 0 to 9,999, durations 10,000 "
        "to 10,999, notes 11,000 to 27,511. REST, 27,512, stands in the note's place. Return the first token that may "
        "come and the one *behind* the last.",
        hint="Only one of the three slots looks at `now`. Two notes of a chord begin at the same tick. `min` keeps the "
        "last second within the 10,000 times.",
        solution=slot_range,
        tolerance=0,
        why="each slot has its own range, time never runs back nor leaps, and controls and special tokens lie above",
        mistakes=(
            Mistake(_back_in_time, "that lets time run back: times begin at `now`"),
            Mistake(_leaps, "that leaves out the course's own rule, the gap: the last time that may come is now + 100"),
            Mistake(_past_the_last_time, "10,000 is a duration already: no time is later than 9,999"),
            Mistake(_no_chords, "with now + 1 there are no chords: several notes may begin at the same tick"),
            Mistake(_no_rest, "REST may come in the note's place: without it the music cannot pause"),
            Mistake(_controls_too, "that lets the model write controls: they are given, stop at 27,513"),
            Mistake(_specials_too, "that lets controls and special tokens come: stop at 27,513"),
            Mistake(_last_ones, "the second number is the one behind the last token that may come"),
        ),
        cases=[(0, 0), (0, 412), (0, 9_950), (1, 412), (2, 412)],
        random=_random_slot,
    ),
    Exercise(
        name="anticipatory_step",
        title="One step of anticipatory sampling",
        difficulty=4,
        minutes=12,
        prompt="Controls that begin up to `now + delta` (ticks) go behind the history. Then the event is drawn: time, "
        "duration, note. `ask(history, event, low, high)` gives the logits of the tokens from low up to high; `event` "
        "is the list of what was drawn of this event so far. Use p = 0.95 and one dart a slot. Return the longer "
        "history and what still waits. Often no control is due, or none is left: both stay int64 [N, 3], with N = 0.",
        hint="`vocab.onsets(waiting)` are the controls' times without their offset. Begin with `event = []`. What "
        "`draw_from_nucleus` returns counts from `low`.",
        solution=anticipatory_step,
        tolerance=0,
        why="controls first, then three draws, each knowing all before it",
        mistakes=(
            Mistake(_controls_late, "the controls go in before the event is drawn: it must know them"),
            Mistake(_not_ahead, "a control goes in when it begins no later than now + delta, not now: that is sorting"),
            Mistake(_all_at_once, "all controls go in at once: that is the seq2seq order; stop at now + delta"),
            Mistake(_still_waiting, "what was put in no longer waits: return only the rest of the controls"),
            Mistake(
                _never_put_in, "no control ever goes in: compare vocab.onsets(waiting), the tokens are 27,513 higher"
            ),
            Mistake(_slots_apart, "each slot must know the ones drawn before: hand `event` to ask"),
            Mistake(_one_dart, "each slot has a dart of its own: darts[slot]"),
            Mistake(_not_moved, "what is drawn counts from `low`: add it to have the token"),
        ),
        cases=[_random_step(np.random.default_rng(7)), *_NONE_DUE_OR_LEFT],
        random=_random_step,
    ),
    Exercise(
        name="repeated_share",
        title="How much is repetition?",
        difficulty=2,
        minutes=5,
        prompt="Look at every group of n notes in a row: notes 0 to n-1, 1 to n, and so on. Return the share of the "
        "groups that were there before.",
        hint="A `set` of tuples keeps each group once. What is missing from it was a repetition.",
        solution=repeated_share,
        why="one minus the share of groups that are new",
        mistakes=(
            Mistake(_single_notes, "that compares single notes: take groups of n"),
            Mistake(_different_share, "that is the share of groups that are new: take it from 1"),
            Mistake(_last_groups_missing, "the last group is missing: there are len(notes) - n + 1"),
            Mistake(_side_by_side, "the groups overlap: one begins at every note"),
            Mistake(_number_of_notes, "divide by the number of groups, not of notes"),
        ),
        cases=[(np.array([60, 62, 64, 65, 60, 62, 64, 65, 67]), 4)],
        random=_random_notes,
    ),
    Exercise(
        name="signed_rank_p",
        title="The test of the paper",
        difficulty=3,
        minutes=8,
        prompt="Drop the ties. If the two were equally good, each of the n = wins + losses judgements would be a coin "
        "that adds or takes 1: wins - losses has mean 0 and standard deviation sqrt(n). Return the two-sided p: how "
        "likely a normal variable lies at least that far from 0, either way.",
        hint="For a standard normal variable the chance of being beyond z on either side is "
        "`math.erfc(abs(z) / math.sqrt(2))`.",
        solution=signed_rank_p,
        why="z is wins minus losses over the root of their number, and erfc gives both tails",
        mistakes=(
            Mistake(_ties_counted, "ties are dropped: n is wins + losses"),
            Mistake(_one_sided, "that is one side: a difference the other way would count too"),
            Mistake(_only_z, "that is z; p is the chance of being at least that far from 0"),
            Mistake(_no_root, "the standard deviation of n coins is the square root of n"),
            Mistake(_exact_signs, "that is the exact sign test; the paper's numbers come from the normal curve"),
            Mistake(_corrected, "no continuity correction here: use wins - losses as it is"),
        ),
        cases=[(12, 3, 6), (9, 20, 25)],
        random=_random_counts,
    ),
    Exercise(
        name="melody_controls",
        title="Your own melody",
        difficulty=3,
        minutes=9,
        prompt="Take a melody out of any piece. Choose the events of one instrument that begin from `start` on and "
        "before `start + seconds`, count their times from `start`, and make them controls: every token 27,513 higher.",
        hint="`vocab.notes(events) // 128` is the instrument. Times are ticks: 100 a second. Change a copy.",
        solution=melody_controls,
        tolerance=0,
        why="one instrument, one stretch of time, counted from its beginning, every token in the controls' range",
        mistakes=(
            Mistake(_all_instruments, "those are all instruments: what is given need not be accompanied"),
            Mistake(_still_events, "those are events: controls are 27,513 higher in all three tokens"),
            Mistake(_old_times, "the times still count from the beginning of the piece: take off `start`"),
            Mistake(_only_the_note, "all three tokens of a control are 27,513 higher, time and duration too"),
            Mistake(_seconds_for_ticks, "times are in ticks of 10 ms: 100 a second"),
            Mistake(_to_the_end, "it must end at start + seconds"),
        ),
        cases=[_random_piece(np.random.default_rng(3))],
        random=_random_piece,
    ),
)

check = Checker(EXERCISES)
