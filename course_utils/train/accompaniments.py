"""Does a melody that is given help? How many bits the accompaniment takes, and what accompaniments are made.

Held-out songs of the course's composer, whose melody, chords and key are known, and held-out pieces that people wrote,
of which nobody has told them: there the part that sings most is the melody, and the key the one that fits best. A
melody is right, or wrong: another piece's, stretched to begin and end with the right one and as many notes as it, on
the same instrument, in the octave nearest to it. So only the notes tell them apart, not how much is given or when.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from course_utils.amt import token_lists
from course_utils.amt.accompany import cut
from course_utils.amt.generate import generate
from course_utils.amt.network import AMT
from course_utils.amt.rules import SLOT_NAMES
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    DRUMS,
    DUR_OFFSET,
    MAX_DUR,
    MAX_PITCH,
    NOTE_OFFSET,
    TIME_RESOLUTION,
    Triples,
    as_controls,
    durations,
    onsets,
)
from course_utils.synth.harmony import Chord
from course_utils.train.music import ChordSpan, Piece
from course_utils.train.music_measures import difference, event_bits, melody_of, sequence
from course_utils.train.token_guesses import SEED, share

Floats = npt.NDArray[np.float64]

SECONDS, PROMPT = 20.0, 5.0  # of an excerpt, and of its accompaniment that is given: as in the paper's listening test
TOP_P = 0.95
TAKES = 2  # accompaniments of an excerpt to each melody, with other seeds: one alone is half chance
MAJOR = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=float)
UNKNOWN = Chord("?", ())
GIVEN = ("right", "none", "wrong")
MEASURES = ("chord", "key")


@dataclass(frozen=True, eq=False)
class Excerpt:
    """The first SECONDS from a piece's first sung note on, times from there: melody and accompaniment, int64 [N, 3]."""

    name: str
    melody: Triples
    accompaniment: Triples
    tune: Triples  # the melody to the end of the piece
    chords: tuple[ChordSpan, ...]  # in s, as far as the excerpt goes; none where unknown
    key: int  # the major key, as `key_signature`: of the excerpt's chords, or of all the piece's notes


def excerpt(piece: Piece) -> Excerpt:
    """The excerpt of a piece. Raises MelodyError for a piece of which nobody has told the melody, if nothing sings."""
    sings = melody_of(piece)
    start = token_lists.min_time(piece.triples, sings) / TIME_RESOLUTION
    rows = cut(piece.triples, start, SECONDS)
    sung = token_lists.instrument_of(rows) == sings
    spans = [(max(a - start, 0.0), min(b - start, SECONDS), chord) for a, b, chord in piece.chords or ()]
    chords = tuple(span for span in spans if span[0] < span[1])
    key = key_signature(chord_profile(chords) if chords else note_profile(piece.triples))
    tune = piece.triples[token_lists.instrument_of(piece.triples) == sings]
    return Excerpt(piece.name, rows[sung], rows[~sung], tune, chords, key)


# --- wrong melodies ---------------------------------------------------------------------------------------------------


def strangers(count: int, seed: int = SEED) -> list[int]:
    """For each of `count` songs another one, each once. Raises ValueError for fewer than two."""
    if count < 2:
        raise ValueError(f"a wrong melody is another song's: {count} song is not enough")
    order = np.random.default_rng(seed).permutation(count)
    return [int(order[(int(place) + 1) % count]) for place in np.argsort(order)]


def disguised(melody: Triples, right: Triples, semitones: int = 0) -> Triples:
    """The first notes of a melody in place of the right one: as many, as long, on its instrument, near its octave.

    A melody of fewer notes begins again. semitones: moved by so many before the octave is chosen. Both int64 [N, 3] in
    order of time. Raises ValueError for a melody without notes.
    """
    if not len(melody):
        raise ValueError("a melody without notes cannot stand for another")
    lasts = int(onsets(melody)[-1] + durations(melody)[-1] - onsets(melody)[0])
    again = [melody + np.array([number * lasts, 0, 0]) for number in range(math.ceil(len(right) / len(melody)))]
    taken = np.concatenate([melody[:0], *again])[: len(right)]
    at, length = onsets(taken), durations(taken)
    target, span = onsets(right), max(int(np.ptp(onsets(taken))), 1)
    scale = max(int(np.ptp(target)), 1) / span
    pitch = token_lists.pitch_of(taken) + semitones
    pitch = pitch + 12 * round(float(token_lists.pitch_of(right).mean() - pitch.mean()) / 12)
    top = MAX_PITCH - 12  # what leaves the range comes back by octaves
    pitch = np.where(pitch < 0, pitch % 12, np.where(pitch >= MAX_PITCH, top + (pitch - top) % 12, pitch))
    instrument = int(token_lists.instrument_of(right)[0])
    return np.stack(
        [
            target[0] + np.rint((at - at[0]) * scale).astype(np.int64),
            DUR_OFFSET + np.clip(np.rint(length * scale).astype(np.int64), 1, MAX_DUR - 1),
            NOTE_OFFSET + MAX_PITCH * instrument + pitch,
        ],
        axis=1,
    )


def chord_profile(chords: Sequence[ChordSpan]) -> Floats:
    """For how many seconds each pitch class is a tone of the chord, [12]."""
    profile = np.zeros(12)
    for start, end, chord in chords:
        profile[list(chord.tones)] += end - start
    return profile


def note_profile(events: Triples) -> Floats:
    """For how many seconds each pitch class sounds, [12]; drums have none."""
    pitched = events[token_lists.instrument_of(events) < DRUMS]
    sounds = np.eye(12)[token_lists.pitch_of(pitched) % 12]  # [notes, 12]
    return durations(pitched) / TIME_RESOLUTION @ sounds


def key_signature(profile: Floats) -> int:
    """The major key, 0 to 11 (C = 0), whose seven tones hold most of a profile [12]; minor keys count as relatives."""
    return int(np.argmax([profile @ np.roll(MAJOR, tonic) for tonic in range(12)]))


def wrong_melodies(excerpts: Sequence[Excerpt], in_key: bool = False) -> list[Triples]:
    """For each excerpt another one's melody, disguised; in_key: and moved into the excerpt's key."""
    found = []
    for place, other in enumerate(strangers(len(excerpts))):
        shift = (excerpts[place].key - excerpts[other].key) % 12 if in_key else 0
        found.append(disguised(excerpts[other].tune, excerpts[place].melody, shift))
    return found


# --- bits of the accompaniment ----------------------------------------------------------------------------------------


def melody_table(network: AMT, excerpts: Sequence[Excerpt]) -> dict[str, Any]:
    """Bits an event of the accompaniment, with the right melody as control, without, and with wrong ones.

    The same events in all cases: as many as every sequence holds. "none" is a sequence without controls; in "none,
    announced" the first token says that controls are to come, and none do.
    """
    nothing = excerpts[0].melody[:0]
    melodies = {
        "right": [e.melody for e in excerpts],
        "none": [nothing] * len(excerpts),
        "none, announced": [nothing] * len(excerpts),
        "wrong": wrong_melodies(excerpts),
        "wrong, in key": wrong_melodies(excerpts, in_key=True),
    }
    sums: dict[str, list[Floats]] = {name: [] for name in melodies}
    counts = []
    for place, e in enumerate(excerpts):
        bits = {}
        for name, sung in melodies.items():
            mode = AUTOREGRESS if name == "none" else ANTICIPATE
            bits[name] = event_bits(network, sequence(e.accompaniment, as_controls(sung[place]), mode))
        counts.append(float(min(map(len, bits.values()))))
        for name, found in bits.items():
            sums[name].append(found[: int(counts[-1])].sum(0))
    return {"pieces": len(excerpts), "events": sum(counts), **_bit_figures(sums, np.array(counts), excerpts)}


def _bit_figures(sums: Mapping[str, list[Floats]], count: Floats, excerpts: Sequence[Excerpt]) -> dict[str, Any]:
    by_name = {name: np.stack([[rows.sum(), *rows] for rows in found]) for name, found in sums.items()}
    figures = {}
    for name, bits in by_name.items():
        mean, error = share(bits, np.repeat(count[:, None], bits.shape[1], axis=1))
        named = ("event", *SLOT_NAMES)
        figures[name] = {
            "bits": dict(zip(named, mean.tolist(), strict=True)),
            "bits_error": dict(zip(named, error.tolist(), strict=True)),
        }
    pairs = (("none", "right"), ("wrong", "none"), ("wrong", "right"), ("wrong, in key", "right"))
    return {
        "given": figures,
        "differences": {
            f"{worse} - {better}": difference((by_name[worse][:, 0], count), (by_name[better][:, 0], count))
            for worse, better in pairs
        },
        "right_by_piece": {
            e.name: float(bits[0] / n) for e, bits, n in zip(excerpts, by_name["right"], count, strict=True)
        },
    }


# --- generated accompaniments -----------------------------------------------------------------------------------------


def agreement(
    notes: Triples, chords: Sequence[ChordSpan], start: float = PROMPT, end: float = SECONDS, key: int | None = None
) -> Floats:
    """Seconds in which pitched notes sound: on a tone of the chord, on one of the key's, in all (added over notes),
    and in which at least one does: [4]. Counted from `start` to `end` seconds; drums are left out.

    Under chords that end before, no longer. key: by default that of the chords; where there are none, it must be told.
    """
    if key is None:
        if not chords:
            raise ValueError("without chords nobody knows the key: tell it")
        key = key_signature(chord_profile(chords))
    pitched = notes[token_lists.instrument_of(notes) != DRUMS]
    begin = np.maximum(onsets(pitched) / TIME_RESOLUTION, start)
    stop = np.minimum((onsets(pitched) + durations(pitched)) / TIME_RESOLUTION, end)
    told = chords or [(start, end, UNKNOWN)]
    spans = np.array([(a, b) for a, b, _ in told])
    tones = np.array([np.isin(np.arange(12), chord.tones) for _, _, chord in told])
    together = np.minimum(stop[:, None], spans[:, 1]) - np.maximum(begin[:, None], spans[:, 0])
    together = np.maximum(together, 0.0)  # [notes, chords]
    classes = token_lists.pitch_of(pitched) % 12
    on_chord = (together * tones[:, classes].T).sum()
    in_key = np.roll(MAJOR, key)
    ticks = np.zeros(round((end - start) * TIME_RESOLUTION), dtype=bool)
    for a, b in zip(begin, stop, strict=True):
        ticks[round((a - start) * TIME_RESOLUTION) : max(round((b - start) * TIME_RESOLUTION), 0)] = True
    return np.array([on_chord, together.sum(1) @ in_key[classes], together.sum(), ticks.sum() / TIME_RESOLUTION])


def chance_agreement(chords: Sequence[ChordSpan], start: float = PROMPT, end: float = SECONDS) -> Floats:
    """What notes of any pitch class would have, as `agreement`, for one second of sound; on no chord where none is
    known.
    """
    told = chords or [(start, end, UNKNOWN)]
    spans = [(max(min(b, end) - max(a, start), 0.0), len(chord.tones) / 12) for a, b, chord in told]
    seconds = sum(length for length, _ in spans)
    return np.array([sum(length * odds for length, odds in spans) / seconds, 7 / 12, 1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Request:
    """An accompaniment to be made: how it begins and the melody that is given, both events int64 [N, 3]."""

    prompt: Triples
    melody: Triples
    seed: int

    def made(self, network: AMT) -> Triples:
        """The new events from PROMPT to SECONDS, int64 [N, 3]."""
        controls = as_controls(self.melody)
        return generate(network, PROMPT, SECONDS, self.prompt, controls, top_p=TOP_P, seed=self.seed).new


def requests(excerpts: Sequence[Excerpt]) -> dict[str, list[Request]]:
    """For each of GIVEN, TAKES requests for each excerpt in turn; with the same seeds to all three melodies."""
    found: dict[str, list[Request]] = {name: [] for name in GIVEN}
    wrong = wrong_melodies(excerpts)
    for place, e in enumerate(excerpts):
        prompt = e.accompaniment[onsets(e.accompaniment) < PROMPT * TIME_RESOLUTION]
        for name, sung in zip(GIVEN, (e.melody, e.melody[:0], wrong[place]), strict=True):
            found[name] += [Request(prompt, sung, SEED + TAKES * place + take) for take in range(TAKES)]
    return found


def fulfilled(network: AMT, asked: Sequence[Request], processes: int) -> Iterator[Triples]:
    """What is made for each request, in their order; in several processes if told, each with one thread."""
    if processes <= 1:
        yield from (request.made(network) for request in asked)
        return
    context = multiprocessing.get_context("spawn")  # a forked process may hang in torch
    pool = ProcessPoolExecutor(processes, context, _start_worker, (network,))
    try:
        yield from pool.map(_made_by_worker, asked)
    finally:
        pool.shutdown(cancel_futures=True)


_worker: list[AMT] = []  # the network of this process


def _start_worker(network: AMT) -> None:
    torch.set_num_threads(1)
    _worker.append(network)


def _made_by_worker(request: Request) -> Triples:
    return request.made(_worker[-1])


def generated_table(
    network: AMT, excerpts: Sequence[Excerpt], progress: Callable[[str], None], processes: int = 1
) -> dict[str, Any]:
    """How accompaniments made to the right, no and a wrong melody agree with the chords, where known, and the key.

    Each goes on from the first PROMPT seconds of the piece's own accompaniment, TAKES times; "original" is how that
    really goes on, "chance" notes of any pitch. Each take counts alike, or one in which notes pile up would outweigh
    many others; "pooled" has the same with each second of a note alike.
    """
    asked = requests(excerpts)
    done = fulfilled(network, [request for name in GIVEN for request in asked[name]], processes)
    made = {"original": [[e.accompaniment[onsets(e.accompaniment) >= PROMPT * TIME_RESOLUTION]] for e in excerpts]}
    for name in GIVEN:
        made[name] = []
        for e in excerpts:
            progress(f"accompanying {e.name}, melody: {name}")
            made[name].append([next(done) for _ in range(TAKES)])
    heard = {
        name: np.stack(
            [
                [agreement(notes, e.chords, key=e.key) for notes in takes]
                for takes, e in zip(found, excerpts, strict=True)
            ]
        )
        for name, found in made.items()
    }
    heard["chance"] = np.stack([[chance_agreement(e.chords)] for e in excerpts])
    measures = MEASURES if all(e.chords for e in excerpts) else ("key",)
    table = compared(heard, measures)
    for name, found in made.items():
        table["given"][name] |= {
            "sounding": float(heard[name][..., 3].mean() / (SECONDS - PROMPT)),
            "notes_per_second": float(np.mean([len(notes) for takes in found for notes in takes])) / (SECONDS - PROMPT),
        }
    return {
        "pieces": len(excerpts),
        "settings": {"seconds": SECONDS, "prompt": PROMPT, "top_p": TOP_P, "seed": SEED, "takes": TAKES},
        **table,
        "pooled": compared(heard, measures, pooled=True),
    }


def compared(heard: Mapping[str, Floats], measures: Sequence[str], pooled: bool = False) -> dict[str, Any]:
    """{"given": by name the shares of the sounding time with standard errors; "differences": by measure and pair}.

    heard: by name what `agreement` gives for each take of each piece, [pieces, takes, 4]. Each take counts alike, and
    silence agrees with nothing; pooled: each second of a note counts alike.
    """
    sums, counts = {}, {}
    for name, rows in heard.items():
        agrees, seconds = rows[..., : len(MEASURES)], rows[..., 2]
        sums[name] = (agrees if pooled else agrees / np.maximum(seconds, 1e-9)[..., None]).sum(1)
        counts[name] = (seconds if pooled else np.ones_like(seconds)).sum(1)
    table: dict[str, Any] = {"given": {name: {} for name in heard}, "differences": {}}
    for measure in measures:
        column = MEASURES.index(measure)
        for name, found in table["given"].items():
            (mean,), (error,) = share(sums[name][:, [column]], counts[name][:, None])
            found |= {measure: float(mean), f"{measure}_error": float(error)}
        table["differences"][measure] = {
            f"{better} - {worse}": difference(
                (sums[better][:, column], counts[better]), (sums[worse][:, column], counts[worse])
            )
            for better, worse in (("original", "right"), ("right", "none"), ("none", "wrong"), ("right", "wrong"))
        }
    return table


# --- the floor --------------------------------------------------------------------------------------------------------


def judge_bits(differences: Mapping[str, Any], music: str) -> dict[str, bool]:
    """Right beats none beats wrong, in bits of an accompaniment, outside the error bars. music: whose they are."""
    pairs = {
        "none - right": "with the right melody than without",
        "wrong - none": "without a melody than with a wrong one",
    }
    return {
        f"the accompaniment takes fewer bits {given}, on {music}": differences[pair]["low"] > 0
        for pair, given in pairs.items()
    }


def judge_made(differences: Mapping[str, Any], music: str) -> dict[str, bool]:
    """The same of what is made, for each measure that there is: chord tones, and key."""
    words = {"chord": "on tones of the song's chords", "key": "in the piece's key"}
    pairs = {
        "right - none": "with the right melody than without",
        "none - wrong": "without a melody than with a wrong one",
    }
    return {
        f"what is made lies {where} more {given}, on {music}": differences[measure][pair]["low"] > 0
        for measure, where in words.items()
        if measure in differences
        for pair, given in pairs.items()
    }
