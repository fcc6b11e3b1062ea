"""Sampling music event by event, with controls that arrive before they are due.

After every event each control that is due within delta seconds is put in, and the next event is sampled knowing it:
an accompaniment knows the melody's next 5 s, an infilling the music behind the gap.
Source: Thickstun et al. 2023 (arXiv 2306.08620, section 3, algorithm for anticipatory sampling) and its released code.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.amt import token_lists, vocab
from course_utils.amt.interleave import anticipate
from course_utils.amt.network import AMT
from course_utils.amt.rules import (
    ALL,
    NOTE,
    SLOT_NAMES,
    TIME,
    Rules,
    Span,
    allowed,
    broken_rules,
    instruments_in,
    joined,
    size,
    struck_at,
)
from course_utils.amt.sampling import Drawn, check_sampling, draw
from course_utils.amt.vocab import Triples
from course_utils.amt.window import BLOCK_SHARE, HEADROOM_TICKS, Reader, Window, relative, room_in
from course_utils.threads import one_for_small

Progress = Callable[[float, float], None]  # seconds of music done, seconds in all
COMPAT_CLIP_TICKS = 5  # the released code drops controls before 5 ticks, where 5 s was probably meant
SMALL_HOLE = vocab.MAX_PITCH  # holes of up to so many forbidden tokens are scored along with what is around them
LONGEST_DELTA = 60.0  # s: a control further ahead could not be said with times up to 100 s


class GenerateError(ValueError):
    """What was asked for cannot be sampled; the message says why and what to do."""


class Token(NamedTuple):
    """How one token was drawn."""

    event: int  # number of the sampled event, from 0
    slot: str  # "time", "duration" or "note"
    token: int  # as the network counts: times from the window's first event
    allowed: int  # tokens that the rules left
    nucleus: int  # tokens that it was drawn from
    probability: float  # of it, among those allowed, before the nucleus was cut out
    entropy: float  # bits, of those allowed


class Sampled(NamedTuple):
    """One sampled event."""

    triple: tuple[int, int, int]  # tokens, time counted from the start of the piece
    tokens: tuple[Token, ...]  # three
    broken: tuple[str, ...]  # rules that it breaks: () unless a rule is off
    rows_seen: int  # events and controls in the window
    offset: int  # ticks: the window's first onset

    @property
    def playable(self) -> bool:
        """Whether it is an event at all: time, duration, note."""
        return not {"slots", "specials"} & set(self.broken)


@dataclass(frozen=True)
class Generated:
    """What was sampled, and how.

    events: the music without controls and rests, in order of time: prompt, sampled events, and the inputs behind them.
    new: the sampled events alone, without rests. arrangement: all rows in the order in which the network read them.
    """

    events: Triples
    new: Triples
    arrangement: Triples
    trace: tuple[Token, ...]
    steps: tuple[Sampled, ...]  # the last may lie at or beyond the end, then it is not among the events
    broken: dict[str, int]  # how many sampled events break each rule, for rules that are broken at all
    stopped: str  # "end", "interrupted", "limit" (max_events) or "crowded" (most_at_once)
    reached: float  # s, up to where there is music
    readings: int  # how often the window was read from its beginning

    @property
    def complete(self) -> bool:
        """Whether sampling came to the end that was asked for."""
        return self.stopped == "end"


@dataclass(frozen=True)
class Settings:
    """How to sample. Raises ValueError for what cannot be.

    top_p: share of the probability to sample from. delta: seconds by which controls are anticipated. slide: "block",
    "exact", or the number of events that leave a full window at once. cache: compute only what is new.
    compat: as the released code, with its faults (see `generate`).
    """

    top_p: float = 0.95
    temperature: float = 1.0
    delta: float = vocab.DELTA
    seed: int = 0
    rules: Rules = ALL
    slide: str | int = "block"
    cache: bool = True
    compat: bool = False
    max_events: int = 10_000
    most_at_once: int | None = None

    def __post_init__(self) -> None:
        check_sampling(self.top_p, self.temperature)
        if not 0 <= self.delta <= LONGEST_DELTA:
            raise ValueError(
                f"delta is how many seconds ahead a control is known, from 0 to {LONGEST_DELTA:g}, not {self.delta}"
            )
        known = self.slide in ("block", "exact") if isinstance(self.slide, str) else self.slide >= 1
        if not known:
            raise ValueError(f"slide is 'block', 'exact' or a number of events from 1 on, not {self.slide!r}")
        if self.max_events < 1:
            raise ValueError(f"max_events is at least 1, not {self.max_events}")
        if self.most_at_once is not None and self.most_at_once < 1:
            raise ValueError(f"most_at_once is at least 1, or None for no limit, not {self.most_at_once}")

    @property
    def delta_ticks(self) -> int:
        """Delta in ticks of 10 ms."""
        return vocab.ticks(self.delta)

    def window(self, context: int) -> Window:
        """A fresh window for a network of this context."""
        room = room_in(context)
        drop = {"exact": 1, "block": max(room // BLOCK_SHARE, 1)}.get(str(self.slide)) or min(int(self.slide), room)
        reach = None if self.compat else vocab.MAX_TIME - HEADROOM_TICKS - self.delta_ticks
        return Window(room, drop, reach)


def generate(
    model: AMT,
    start: float,
    end: float,
    inputs: Triples | None = None,
    controls: Triples | None = None,
    *,
    top_p: float = 0.95,
    temperature: float = 1.0,
    delta: float = vocab.DELTA,
    seed: int = 0,
    rules: Rules = ALL,
    slide: str | int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
    compat: bool = False,
    max_events: int = 10_000,
    most_at_once: int | None = None,
) -> Generated:
    """Sample events from `start` to `end` seconds.

    inputs: events int64 [N, 3]. Those up to `start` are the prompt; later ones are known beforehand like controls and
    are part of the result: leave a gap from start to end for infilling, leave them out for a continuation.
    controls: controls int64 [M, 3] that are known beforehand and not part of the result. seed: the same seed gives the
    same events. rules: see `Rules`. slide: by default "block", with compat "exact". An interrupt (KeyboardInterrupt)
    ends sampling and returns what there is; `stopped` says so. max_events, most_at_once: so does more than so many
    events, or more than so many that begin at one tick: then a model has lost its way, and goes on piling up notes.

    compat: as the released code: controls in the first 5 ticks are dropped, the prompt is interleaved with 5 s
    whatever delta is, REST may stand for a time or duration, time may leap by more than a second and a note may begin
    again at its own tick (that they may not are our rules, see `Rules`), 15 instruments of any kind are the limit,
    seconds are cut to ticks, and a window of more than 100 s ends the music. By default none of this is so.
    Raises GenerateError for lists that are not what they should be (without compat token by token), ValueError for
    impossible settings.
    """
    slide = slide or ("exact" if compat else "block")
    settings = Settings(top_p, temperature, delta, seed, rules, slide, cache, compat, max_events, most_at_once)
    return _run(model, prepare(start, end, inputs, controls, settings), settings, progress)


def generate_ar(
    model: AMT,
    start: float,
    end: float,
    inputs: Triples | None = None,
    controls: Triples | None = None,
    *,
    top_p: float = 0.95,
    temperature: float = 1.0,
    seed: int = 0,
    rules: Rules = ALL,
    slide: str | int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
    compat: bool = False,
    max_events: int = 10_000,
    most_at_once: int | None = None,
) -> Generated:
    """The baseline without anticipation: each given event or control is put in only when its time has come.

    Arguments and errors as `generate`; controls become ordinary events and are part of the result.
    compat: as the released code, which returns the events that were put in twice.
    """
    slide = slide or ("exact" if compat else "block")
    settings = Settings(top_p, temperature, 0.0, seed, rules, slide, cache, compat, max_events, most_at_once)
    return _run(model, prepare_ar(start, end, inputs, controls, settings), settings, progress)


# --- what sampling starts from ----------------------------------------------------------------------------------------


@dataclass
class Task:
    """The state of a run: what has been read, what waits, and where in time we are."""

    start_ticks: int
    end_ticks: int
    mode: int  # the first token of every window
    history: Triples  # rows read so far, in order
    waiting: Triples  # rows still to be put in, in order of time
    future: Triples  # inputs behind the start: part of the result
    now_ticks: int  # onset of the last event
    anticipates: bool = True
    sound: list[bool] = field(default_factory=list)  # of each row of history: whether its first token is a time
    used: set[int] = field(default_factory=set)  # instruments that count for the limit

    def put_in(self, due: int) -> None:
        """Move the rows that begin up to `due` ticks from the waiting ones to the history."""
        count = int(np.searchsorted(vocab.onsets(self.waiting), due, side="right"))
        rows, self.waiting = self.waiting[:count], self.waiting[count:]
        self.append(rows)

    def append(self, rows: Triples, sound: bool = True) -> None:
        """Rows [N, 3] behind the history."""
        if len(rows):
            self.history = np.concatenate([self.history, rows])
            self.sound += [sound] * len(rows)
            self.used |= instruments_in(rows)


def prepare(start: float, end: float, inputs: object, controls: object, settings: Settings) -> Task:
    """The prompt interleaved with the controls that are due, and what waits. Errors as `generate`."""
    first, last = _span(start, end, settings.compat)
    events, given = _checked(inputs, controls, settings.compat)
    prompt, future = _split_at(events, first, settings.compat)
    if settings.compat:
        given = token_lists.clip(given, COMPAT_CLIP_TICKS, token_lists.max_time(given), clip_duration=False)
    elif len(given) and int(vocab.onsets(given).min()) >= last:
        raise GenerateError(
            f"no control lies before {end:g} s: the first of {len(given)} is at "
            f"{vocab.seconds(int(vocab.onsets(given).min())):g} s. Move them, or ask for another stretch of time"
        )
    waiting = token_lists.sort(np.concatenate([given, vocab.as_controls(future)]))
    mode = vocab.ANTICIPATE if len(waiting) else vocab.AUTOREGRESS
    delta = vocab.DELTA if settings.compat else settings.delta
    history, left = anticipate(prompt, waiting, delta)
    task = Task(first, last, mode, history[:0], left, future, token_lists.max_time(prompt))
    task.append(history)
    if not settings.compat:
        task.used |= instruments_in(left)  # they will be heard as well
    return task


def prepare_ar(start: float, end: float, inputs: object, controls: object, settings: Settings) -> Task:
    """As `prepare`, with nothing known beforehand: controls are events, and all later events wait for their time."""
    first, last = _span(start, end, settings.compat)
    events, given = _checked(inputs, controls, settings.compat)
    events = token_lists.sort(np.concatenate([events, vocab.as_events(given)]))
    prompt, future = _split_at(events, first, settings.compat)
    now = token_lists.max_time(prompt)
    task = Task(first, last, vocab.AUTOREGRESS, prompt[:0], future, future, now, anticipates=False)
    task.append(prompt)
    return task


def _span(start: float, end: float, compat: bool) -> tuple[int, int]:
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
        raise GenerateError(f"music is sampled from a start to a later end, both in seconds; seen: {start} to {end}")
    return vocab.ticks(start, compat), vocab.ticks(end, compat)


def _checked(inputs: object, controls: object, compat: bool) -> tuple[Triples, Triples]:
    events = vocab.as_triples([] if inputs is None else inputs)
    given = vocab.as_triples([] if controls is None else controls)
    if vocab.is_control(events).any() or vocab.is_separator(events).any():
        raise GenerateError("inputs are events; controls go into `controls`, and there are no separators in one piece")
    if not vocab.is_control(given).all():
        raise GenerateError("controls must be control tokens: turn events into them with vocab.as_controls(events)")
    if not compat:
        _check_ranges("event", events)
        _check_ranges("control", vocab.as_events(given))
    return token_lists.sort(events), token_lists.sort(given)


def _check_ranges(what: str, rows: Triples) -> None:
    for number, (time, duration, note) in enumerate(rows.tolist()):
        sound = time >= 0, vocab.DUR_OFFSET <= duration < vocab.NOTE_OFFSET, vocab.NOTE_OFFSET <= note <= vocab.REST
        if not all(sound):
            slot = SLOT_NAMES[sound.index(False)]
            raise GenerateError(
                f"{what} {number} has no {slot}: [{time}, {duration}, {note}]; a time is 0 or more, a duration "
                f"{vocab.DUR_OFFSET} to {vocab.NOTE_OFFSET - 1}, a note {vocab.NOTE_OFFSET} to {vocab.REST} "
                "(of a control: as of an event)"
            )


def _split_at(events: Triples, start: int, compat: bool) -> tuple[Triples, Triples]:
    """The prompt up to `start` ticks, padded with rests, and the events behind it."""
    prompt = token_lists.clip(events, 0, start, clip_duration=False)
    future = token_lists.clip(events, start + 1, token_lists.max_time(events), clip_duration=False)
    return token_lists.pad(prompt, start), future


# --- the loop ---------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def _run(model: AMT, task: Task, settings: Settings, progress: Progress | None) -> Generated:
    if model.training:
        raise GenerateError("the network is in training mode, where dropout makes it guess: call model.eval() first")
    if model.config.vocabulary != vocab.VOCAB_SIZE:
        raise GenerateError(f"a network of {model.config.vocabulary:,} tokens does not speak of these events")
    reader, window = Reader(model, settings.cache), settings.window(model.config.context)
    length = vocab.seconds(task.end_ticks - task.start_ticks)
    chance = torch.Generator().manual_seed(settings.seed)
    steps: list[Sampled] = []
    stopped, at_once = "limit", 0
    try:
        with one_for_small(model.blocks):
            while len(steps) < settings.max_events:
                if task.anticipates:
                    task.put_in(task.now_ticks + settings.delta_ticks)
                uniform = torch.rand(3, generator=chance).tolist()
                step = sample_event(reader, window, task, uniform, settings, len(steps))
                steps.append(step)
                before = task.now_ticks
                if not _take(task, step, settings):
                    stopped = "end"
                    break
                at_once = at_once + 1 if task.now_ticks == before else 1
                if settings.most_at_once is not None and at_once > settings.most_at_once:
                    stopped = "crowded"
                    break
                if progress is not None:
                    progress(vocab.seconds(max(task.now_ticks - task.start_ticks, 0)), length)
        if progress is not None and stopped == "end":
            progress(length, length)
    except KeyboardInterrupt:
        if stopped != "end":
            stopped = "interrupted"  # all that was sampled so far is returned
    return _result(task, steps, stopped, reader, settings)


def sample_event(
    reader: Reader, window: Window, task: Task, uniform: list[float], settings: Settings, number: int = 0
) -> Sampled:
    """Sample time, duration and note of one event by three numbers from 0 to 1."""
    floor_ticks = max(task.start_ticks, task.now_ticks)
    begins = np.where(task.sound, vocab.onsets(task.history), floor_ticks)
    first = window.slide(begins, floor_ticks)
    offset = int(begins[first:].min()) if first < len(begins) else (0 if settings.compat else floor_ticks)
    seen = relative(task.history[first:], offset, np.array(task.sound[first:], dtype=bool))
    hidden = reader.read(np.concatenate([[task.mode], seen.reshape(-1)]))
    drawn: list[Tensor] = []
    spans: list[tuple[Span, ...]] = []
    struck: frozenset[int] = frozenset()
    for slot in range(vocab.EVENT_SIZE):
        if slot == NOTE:
            struck = _struck(task, int(drawn[TIME][0]), offset)
        spans.append(_allowed(slot, floor_ticks - offset, task.used, struck, settings))
        token, how = draw_token(reader.model, hidden, spans[slot], uniform[slot], settings)
        drawn.append(torch.stack([token.double(), *(number.double() for number in how[1:])]))
        if slot + 1 < vocab.EVENT_SIZE:
            hidden = reader.push(token)
    numbers = torch.stack(drawn).tolist()  # the host waits for a GPU here, and for the time before the note
    tokens = [int(row[0]) for row in numbers]
    reader.pushed(tokens[:2])
    trace = tuple(
        Token(number, SLOT_NAMES[slot], tokens[slot], size(spans[slot]), int(row[1]), row[2], row[3])
        for slot, row in enumerate(numbers)
    )
    broken = broken_rules(tokens, floor_ticks - offset, task.used, struck)
    shift = offset if settings.compat or _is_time(tokens[0]) else 0
    return Sampled((tokens[0] + shift, tokens[1], tokens[2]), trace, broken, len(seen), offset)


def _struck(task: Task, time: int, offset: int) -> frozenset[int]:
    """The notes that begin already at the time that was drawn; none if it is no time, which only a rule off allows."""
    if time >= vocab.DUR_OFFSET:
        return frozenset()
    return struck_at(task.history[np.array(task.sound, dtype=bool)], time + offset)


def _allowed(
    slot: int, floor_ticks: int, used: set[int], struck: frozenset[int], settings: Settings
) -> tuple[Span, ...]:
    spans = allowed(slot, floor_ticks, used, struck, settings.rules, settings.compat)
    if not spans:  # cannot be, unless the window counts further than times go
        into = vocab.seconds(floor_ticks)
        raise GenerateError(f"the rules leave no {SLOT_NAMES[slot]} token: {into:g} s into the window")
    return spans


def draw_token(
    model: AMT, hidden: Tensor, spans: tuple[Span, ...], uniform: float, settings: Settings
) -> tuple[Tensor, Drawn]:
    """One token, int64 [], of those in the spans, from the network's output [width] at the last position.

    Only the allowed tokens are scored: a time needs no logits of 16,512 notes. Small holes between them are scored as
    well and left out afterwards, for one product is faster than many.
    """
    logits, tokens = [], []
    for first, last in joined(spans, SMALL_HOLE):
        scores, numbers = model.logits(hidden, first, last), torch.arange(first, last, device=hidden.device)
        for low, high in spans:
            if first <= low < last:
                logits.append(scores[low - first : high - first])
                tokens.append(numbers[low - first : high - first])
    drawn = draw(torch.cat(logits), uniform, settings.top_p, settings.temperature)
    return torch.cat(tokens)[drawn.index], drawn


def _is_time(token: int) -> bool:
    """Whether a token, as the window counts, is a time, of an event or a control."""
    return 0 <= token < vocab.DUR_OFFSET or vocab.ATIME_OFFSET <= token < vocab.ADUR_OFFSET


def _take(task: Task, step: Sampled, settings: Settings) -> bool:
    """Put a sampled event behind the history; False if it lies at or beyond the end, and is not taken."""
    sound = settings.compat or _is_time(step.tokens[TIME].token)
    moves = settings.compat or (sound and "specials" not in step.broken)
    time = step.triple[0] if moves else task.now_ticks
    if not task.anticipates:
        task.put_in(time)  # what should have come before it
    if moves and time >= task.end_ticks:
        return False
    task.append(np.array([step.triple], dtype=np.int64), sound)
    task.now_ticks = time
    return True


def _result(task: Task, steps: list[Sampled], stopped: str, reader: Reader, settings: Settings) -> Generated:
    taken = steps[:-1] if stopped == "end" else steps
    new = [step.triple for step in taken if step.playable or settings.compat]
    new_rows = token_lists.unpad(vocab.as_triples(new))
    prompt_and_new = _prompt_and_new(task, taken, settings)
    behind = task.future if task.anticipates or settings.compat else task.waiting
    events = token_lists.sort(np.concatenate([token_lists.unpad(prompt_and_new), behind]))
    return Generated(
        events=events,
        new=new_rows,
        arrangement=task.history,
        trace=tuple(token for step in steps for token in step.tokens),
        steps=tuple(steps),
        broken=dict(Counter(name for step in steps for name in step.broken)),
        stopped=stopped,
        reached=vocab.seconds(task.end_ticks if stopped == "end" else max(task.now_ticks, task.start_ticks)),
        readings=reader.readings,
    )


def _prompt_and_new(task: Task, taken: list[Sampled], settings: Settings) -> Triples:
    """The history without controls, and without what was sampled but cannot be played."""
    events, _ = token_lists.split(task.history)
    if settings.compat or all(step.playable for step in taken):
        return events
    unplayable = {step.triple for step in taken if not step.playable}
    return events[[tuple(row) not in unplayable for row in events.tolist()]]
