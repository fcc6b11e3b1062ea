"""The work of `course accompany`, `course infill` and `course continue`: read, check, sample, write.

Everything that can be wrong with the input is found before the model is loaded, and what needs no sampling is written
before it, so that an interrupt leaves something to listen to.
"""

from __future__ import annotations

import html
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.amt import token_lists, vocab
from course_utils.amt.accompany import (
    UNPITCHED,
    Made,
    Melody,
    MelodyError,
    Part,
    Tried,
    accompany,
    choose_melody,
    continue_piece,
    cut,
    densest,
    infill,
    is_auto,
    joined,
    parts_of,
    with_seeds,
    within,
)
from course_utils.amt.events import instrument_name
from course_utils.amt.generate import GenerateError, Settings
from course_utils.amt.load import load_amt
from course_utils.amt.midi import open_midi, read_midi_report, to_midi, to_pretty_midi
from course_utils.amt.rules import ALL, MELODIC, Rules
from course_utils.amt.tempo import on_the_beats_of
from course_utils.amt.vocab import Triples
from course_utils.cli.options import device_named
from course_utils.cli.output import Progress, check_folder, check_room, web_page

if TYPE_CHECKING:
    from course_utils.amt.network import AMT
    from course_utils.show.piano_roll import PianoRoll

RATE = 44100
FULL = 0.99  # a sum of parts beyond full scale is made quieter, to this
SHORTEST, LONGEST = 1.0, 600.0  # s of an excerpt
AFTER_THE_END = 2.0  # s by which an excerpt may outlast the piece without a word
PAGE_SECONDS = 120.0  # of an excerpt in a page, a few MB
PAGE_BUDGET = 12_000_000  # characters of sound in a piano roll
RULES = {"course": ALL, "paper": Rules(gap=False, once=False)}
CROWD = 16  # notes that begin at one tick: more than that, and more than in the excerpt, are a heap
GIVEN = {"accompaniment": "melody", "infilling": "given", "continuation": "prompt"}  # file of what was given


@dataclass(frozen=True)
class Job:
    """A command's arguments; times in seconds, `gap` and `prompt` from the beginning of the excerpt."""

    task: str  # as `amt.Made.task`
    midi: Path
    demo: bool  # whether no file was named, and the course's own was taken
    start: float
    duration: float
    out: Path
    page: bool
    top_p: float
    temperature: float
    delta: float
    rules: str  # one of RULES
    seed: int
    model: str
    device: str
    prompt: float = 0.0
    melody: str = "auto"
    gap: tuple[float, float] = (0.0, 0.0)
    tries: int = 1
    prompt_asked: bool = True  # whether the prompt was asked for: if not, it is left out where no band plays in it

    def target(self, what: str, suffix: str) -> Path:
        """The file for one result."""
        return self.out / f"{self.midi.stem}_{what}{suffix}"


@dataclass(frozen=True)
class Row:
    """Some notes, counted and written."""

    what: str
    notes: int
    instruments: dict[str, int]  # notes of each
    midi: str | None  # file
    wav: str | None
    quieter: float  # dB by which the sound was lowered to stay below full scale


@dataclass
class Report:
    """All that a command prints."""

    ok: bool  # whether sampling came to its end
    task: str
    input: str
    model: str
    seed: int  # with which this was made, the one that was asked for or a later one
    top_p: float
    temperature: float
    delta: float | None  # s; None where nothing lies ahead
    rules: str  # "course" or "paper"
    start: float  # s, of the excerpt in the piece
    duration: float  # s
    span: list[float]  # s of the excerpt, from where to where was sampled
    melody: dict[str, Any] | None
    parts: list[dict[str, Any]]  # that have notes in the piece: number, name, instrument, notes
    demo: bool  # whether no file was named, and the course's own was taken
    said: list[str]  # what reading and playing changed
    rows: list[Row] = field(default_factory=list)
    stopped: str = "end"  # or "interrupted", "limit"
    reached: float = 0.0  # s of the excerpt
    tokens: int = 0  # sampled, in all tries
    seconds: float = 0.0  # sampling took
    tokens_per_second: float = 0.0
    html: str | None = None


@dataclass(frozen=True, eq=False)
class Excerpt:
    """What was read and found usable."""

    job: Job  # as it was asked for, perhaps without a prompt
    parts: list[Part]
    original: Triples  # times from the beginning of the excerpt
    given: Triples  # what is written as given: the melody, the rest around the gap, or the prompt
    melody: Melody | None
    said: list[str]


def run(job: Job, quiet: bool = False) -> Report:
    """Read and check, load the model, write what is given, sample, write the result.

    Raises MidiError, GenerateError and ValueError (the input and settings), ZooError and CheckpointError (the model),
    SaveError (the output).
    """
    with Progress(quiet, f"reading {job.midi.name}") as say:
        excerpt = read(job)
        job = excerpt.job
        _check_out(job)
        say("loading the model")
        model = load_amt(job.model, device_named(job.device))
        report = _report(job, excerpt)
        say("playing what is given")
        report.rows += [_write(job, "original", excerpt.original, report)]
        report.rows += [_write(job, GIVEN[job.task], excerpt.given, report)]
        made = _sample(job, excerpt, model, report, say)
        if len(made.events) and (len(made.new) or report.ok):
            say("playing the result")
            report.rows += [_write_sampled(job, made.new, report), _write(job, job.task, made.events, report)]
            if job.page:
                say("writing the page")
                report.html = _write_page(job, excerpt, made, report.seed)
        report.said += _crowded(report.rows)
    return report


# --- before sampling --------------------------------------------------------------------------------------------------


def read(job: Job) -> Excerpt:
    """The excerpt of a MIDI file, with all that sampling needs. Raises MidiError, GenerateError, ValueError."""
    Settings(job.top_p, job.temperature, job.delta, job.seed)  # refuses what cannot be
    _check_times(job)
    midi = open_midi(job.midi)
    _, told = read_midi_report(midi)
    parts = parts_of(midi)
    original = cut(joined(parts), job.start, job.duration)
    said = replace(told, past_window=0).lines()  # the excerpt's times count from its own beginning
    whole = joined(parts)
    ends = vocab.seconds(int((vocab.onsets(whole) + vocab.durations(whole)).max()))
    if job.start + job.duration > ends + AFTER_THE_END:
        said.append(f"the piece ends at {ends:.1f} s, {job.start + job.duration - ends:.1f} s before the excerpt does")
    melody = None
    at = vocab.onsets(original)
    if job.task == "accompaniment":
        melody, given = _melody(job, parts)
        if melody.doubt:
            pitched = [part for part in within(parts, job.start, job.duration) if part.instrument not in UNPITCHED]
            another = "; --melody names another" if len(pitched) > 1 else ", and no other part has pitches"
            said.append(f"no part sings well here: {melody.part.label} {melody.doubt}{another}")
        others = [part for part in parts if part.number != melody.part.number]
        if job.prompt > 0 and not within(others, job.start, job.prompt):
            silent = f"no other part plays in the first {job.prompt:g} s"
            if job.prompt_asked:
                said.append(f"{silent}: with a silent band to go on from, the model adds little; try --prompt 0")
            else:
                said.append(f"{silent}: so there is no prompt, and the model chooses the band (--prompt keeps one)")
                job = replace(job, prompt=0.0)
        if not (vocab.onsets(given) >= vocab.ticks(job.prompt)).any():
            said.append(
                f"the melody ({melody.part.label}) begins no note after the {job.prompt:g} s of the prompt: what is "
                "made there goes by the prompt alone; take another --start, a shorter --prompt or another --melody"
            )
    elif job.task == "infilling":
        given = original[(at < vocab.ticks(job.gap[0])) | (at >= vocab.ticks(job.gap[1]))]
    else:
        given = original[at < vocab.ticks(job.prompt)]
        if job.prompt > 0 and not len(given):
            raise GenerateError(
                f"no note begins in the {job.prompt:g} s of the prompt: there is nothing to continue; the first is at "
                f"{vocab.seconds(int(at.min())):g} s, so choose a later --start or a longer --prompt"
            )
    return Excerpt(job, parts, original, given, melody, said)


def _check_times(job: Job) -> None:
    if not 0 <= job.start < 24 * 3600:
        raise GenerateError(f"--start is a second of the piece, from 0 on, not {job.start:g}")
    if not SHORTEST <= job.duration <= LONGEST:
        raise GenerateError(f"--duration is from {SHORTEST:g} to {LONGEST:g} s, not {job.duration:g}")
    begin, end = job.gap
    if job.task == "infilling" and not 0 <= begin < end <= job.duration:
        raise GenerateError(
            f"--gap must lie within the {job.duration:g} s of the excerpt and end after it begins, "
            f"not from {begin:g} to {end:g} s"
        )
    if job.task != "infilling" and not 0 <= job.prompt < job.duration:
        raise GenerateError(
            f"--prompt must be 0 s or more and shorter than the {job.duration:g} s of the excerpt, not {job.prompt:g} s"
        )


def _melody(job: Job, parts: list[Part]) -> tuple[Melody, Triples]:
    """The melody among all parts if it is named, else among those that play here; and its notes in the excerpt."""
    heard = within(parts, job.start, job.duration) if is_auto(job.melody) else parts
    chosen = choose_melody(heard, job.melody)
    whole = next(part for part in parts if part.number == chosen.part.number)
    try:
        return chosen, cut(whole.events, job.start, job.duration)
    except GenerateError as error:
        raise MelodyError(f"the melody ({whole.label}) is silent there: {error}") from error


def _check_out(job: Job) -> None:
    """Refuse a folder that cannot be written, or has no room, before the work rather than after it."""
    first = job.target("original", ".mid")
    if job.page and job.duration > PAGE_SECONDS:
        raise ValueError(f"a page holds {PAGE_SECONDS:g} s, not {job.duration:g}: leave --html out or take less")
    check_folder(job.out, first)
    check_room(job.out, first, round(3 * 2 * RATE * (job.duration + 2)) + job.page * 2 * PAGE_BUDGET)


def _report(job: Job, excerpt: Excerpt) -> Report:
    melody = None
    if excerpt.melody is not None:
        melody = _told(excerpt.melody.part) | {"why": excerpt.melody.why}
    span = list(job.gap) if job.task == "infilling" else [job.prompt, job.duration]
    return Report(
        ok=False,
        task=job.task,
        input=str(job.midi),
        model=job.model,
        seed=job.seed,
        top_p=job.top_p,
        temperature=job.temperature,
        delta=None if job.task == "continuation" else job.delta,
        rules=job.rules,
        start=job.start,
        duration=job.duration,
        span=span,
        melody=melody,
        parts=[_told(part) | {"notes": len(part.events)} for part in excerpt.parts],
        demo=job.demo,
        said=list(excerpt.said),
    )


def _told(part: Part) -> dict[str, Any]:
    return {
        "number": part.number,
        "name": part.name,
        "instrument": instrument_name(part.instrument),
        "label": part.label,
    }


# --- sampling ---------------------------------------------------------------------------------------------------------


def _sample(job: Job, excerpt: Excerpt, model: AMT, report: Report, say: Progress) -> Made:
    """Sample, and note how it went."""
    began = time.perf_counter()

    def progress(done: float, total: float) -> None:
        say(f"{job.task}: {min(done, total):.1f} of {total:.1f} s")

    def sample(**options: Any) -> Made:
        return _task(job, excerpt)(
            model,
            excerpt.parts,
            start=job.start,
            duration=job.duration,
            top_p=job.top_p,
            temperature=job.temperature,
            rules=RULES[job.rules],
            progress=progress,
            **options,
        )

    crowd = max(CROWD, densest(excerpt.original))
    tried = with_seeds(sample, job.seed, job.tries, crowd)
    made = tried.made
    report.seconds = time.perf_counter() - began
    report.tokens = tried.tokens
    report.tokens_per_second = report.tokens / report.seconds
    report.ok, report.stopped = made.generated.complete, made.generated.stopped
    report.reached = made.generated.reached
    report.seed = tried.seed
    report.said += _astray(tried, crowd)
    return made


def _astray(tried: Tried, crowd: int) -> list[str]:
    """What to say of a model that piles up notes at one moment instead of going on."""
    said = []
    if tried.lost:
        where = ", ".join(f"seed {seed} at {seconds:.1f} s" for seed, seconds in tried.lost)
        lost = f"the model lost its way with {where} (more than {crowd} notes at one moment)"
        cut_short = tried.made.generated.stopped == "crowded"
        outcome = f"the furthest of them, seed {tried.seed}" if cut_short else f"seed {tried.seed}"
        said.append(f"{lost}; this is {outcome}" + ("; --tries allows more" if cut_short else ""))
    elif (most := densest(tried.made.new)) > crowd:
        said.append(
            f"the model lost its way: {most} notes begin at one moment; try another --seed, or let --tries find one"
        )
    return said


def _task(job: Job, excerpt: Excerpt) -> Callable[..., Made]:
    """The function of the task with the arguments that only it has."""
    if job.task == "infilling":
        return lambda model, parts, **options: infill(model, parts, job.gap, delta=job.delta, **options)
    if excerpt.melody is None:
        return lambda model, parts, **options: continue_piece(model, parts, prompt=job.prompt, **options)
    number = excerpt.melody.part.number
    return lambda model, parts, **options: accompany(
        model, parts, number, prompt=job.prompt, delta=job.delta, **options
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def _row(what: str, events: Triples, files: tuple[str, str | None] | None = None, quieter: float = 0.0) -> Row:
    counts = token_lists.instruments(vocab.as_events(events))
    named = {instrument_name(number): count for number, count in counts.items()}
    midi, wav = files or (None, None)
    return Row(what, len(events), named, midi, wav, quieter)


def _write_sampled(job: Job, events: Triples, report: Report) -> Row:
    """What was sampled alone, as MIDI: in the result, melody and new notes may share an instrument."""
    if not len(events):
        return _row("sampled", events)
    midi = job.target("sampled", ".mid")
    _save_midi(job, midi, events, report)
    return _row("sampled", events, (str(midi), None))


def _save_midi(job: Job, path: Path, events: Triples, report: Report) -> None:
    """The events with the piece's own tempo and bars, and its names of the parts."""
    from course_utils.audio.save import saving

    midi = on_the_beats_of(to_midi(events), open_midi(job.midi), job.start)
    midi.charset = "utf-8"
    names: dict[str, list[str]] = {}
    for part in report.parts:
        names.setdefault(part["instrument"], []).append(part["name"])
    for track in midi.tracks:
        own = [name for name in dict.fromkeys(names.get(track.name, [])) if name != track.name]
        if own:
            track.name = f"{' / '.join(own)} ({track.name})"
    with saving(path) as temporary:
        midi.save(temporary)


def _write(job: Job, what: str, events: Triples, report: Report) -> Row:
    """Events as MIDI and as sound, each file whole or not at all; substitutions of the synthesiser are noted.

    No notes, such as those around a gap that takes up the whole excerpt, make no files.
    """
    from course_utils.audio import audio_writer

    if not len(events):
        return _row(what, events)
    midi, wav = job.target(what, ".mid"), job.target(what, ".wav")
    _save_midi(job, midi, events, report)
    samples, quieter, said = _sound(events, job.duration)
    report.said += [line for line in said if line not in report.said]
    with audio_writer(wav, RATE) as writer:
        writer.write(samples)
    return _row(what, events, (str(midi), str(wav)), quieter)


def _sound(events: Triples, duration: float) -> tuple[Any, float, list[str]]:
    """Samples float32 [N] of the excerpt and its decay, dB by which they were lowered, and what was substituted."""
    from course_utils.synth.play import RELEASE_SECONDS, play, what_is_said
    from course_utils.synth.render import SubstitutionWarning

    piece = to_pretty_midi(events)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SubstitutionWarning)  # said in the report instead
        samples = play(piece, RATE, duration + RELEASE_SECONDS)
    peak = float(np.abs(samples).max())
    quieter = 20 * float(np.log10(peak / FULL)) if peak > 1 else 0.0
    return (samples * np.float32(FULL / peak) if peak > 1 else samples), quieter, what_is_said(piece)


def _crowded(rows: list[Row]) -> list[str]:
    """What to know of more instruments than the model has practised on, or than one port of a MIDI file holds."""
    most = max(len(row.instruments) for row in rows)
    melodic = max(len(row.instruments.keys() - {instrument_name(vocab.DRUMS)}) for row in rows)
    said = []
    if most > MELODIC + 1:
        said.append(f"{most} instruments play; the model has practised on at most {MELODIC + 1} at a time")
    if melodic > MELODIC:
        said.append(
            f"{melodic} instruments besides drums: the MIDI file uses several ports, which some players ignore, "
            f"for one holds {MELODIC}"
        )
    return said


def _write_page(job: Job, excerpt: Excerpt, made: Made, seed: int) -> str:
    """One page with the result and the original as piano rolls that play."""
    from course_utils.audio.save import saving

    begin, end = made.span
    task = job.task.capitalize()
    piece = f"{job.midi.name} from {job.start:g} s"
    how = f"{piece}; {job.model} model, p {job.top_p:g}, temperature {job.temperature:g}, seed {seed}"
    how += ", the paper's rules" if job.rules == "paper" else ""
    result = _roll(_drawn(job, excerpt, made), f"{task}, sampled from {begin:g} to {end:g} s", how, job.duration)
    original = _roll(excerpt.original, "The excerpt as events", piece, job.duration, like=result)
    path = job.out / f"{job.midi.stem}_{job.task}.html"
    with saving(path) as temporary:
        temporary.write_text(
            web_page(f"{task}: {html.escape(job.midi.stem)}", [result.html(), original.html()]), "utf-8"
        )
    return str(path)


def _drawn(job: Job, excerpt: Excerpt, made: Made) -> Triples:
    """The result with its controls marked as such: the melody, or what lies behind the gap."""
    if job.task == "accompaniment":
        controls = vocab.as_controls(excerpt.given)
        return token_lists.sort(np.concatenate([made.generated.events, controls]))
    if job.task == "infilling":
        behind = excerpt.given[vocab.onsets(excerpt.given) >= vocab.ticks(job.gap[1])]
        before = made.events[vocab.onsets(made.events) < vocab.ticks(job.gap[1])]
        return token_lists.sort(np.concatenate([before, vocab.as_controls(behind)]))
    return made.events


def _roll(rows: Triples, title: str, source: str, seconds: float, like: PianoRoll | None = None) -> PianoRoll:
    from course_utils.show.piano_roll import piano_roll

    return piano_roll(rows, title, source=source, start=0.0, seconds=seconds + 1, budget=PAGE_BUDGET, like=like)
