"""The corpus of the Anticipatory Music Transformer: pieces as events, split by piece, varied anew each time.

Two kinds of piece, all free of licences that bind: Freedoom's MIDI files, and songs of the course's own composer, whose
melody and chords are known. Held out whole: Freedoom's pieces that the other course models never saw and a few more
(`is_held_out_music`), and songs of other seeds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils.amt.midi import compound_to_events, read_midi
from course_utils.amt.token_lists import instrument_of, instruments, pitch_of
from course_utils.amt.vocab import (
    DRUMS,
    DUR_OFFSET,
    MAX_DUR,
    MAX_PITCH,
    TIME_OFFSET,
    TIME_RESOLUTION,
    Triples,
    durations,
    is_rest,
    onsets,
)
from course_utils.files import atomic_write
from course_utils.paths import ROOT
from course_utils.synth.harmony import Chord
from course_utils.train.corpus import FIRST_TRAINING_SEED, freedoom_pieces

if TYPE_CHECKING:
    import pretty_midi

CACHE = ROOT / "runs" / "amt-music"
SONGS, HELD_OUT_SONGS = 700, 40
LOWEST, HIGHEST = -5, 6  # semitones: with all twelve, every key is as frequent as any other
SLOWEST, FASTEST = 0.85, 1.15  # times as fast
WHOLE_TICKS = 0.5  # share of the songs' copies whose sixteenths are whole ticks
HELD_OUT_DIGITS = (0, 2)  # of the title's hash: 0 is what the codec and VampNet held out, 2 are seven pieces more
# The text of what makes the songs: when any of it changes, the cache is made anew.
COMPOSER = ("synth/songs.py", "synth/song_form.py", "synth/song_melody.py", "synth/song_styles.py", "synth/harmony.py",
            "synth/compose.py", "synth/styles.py", "amt/midi.py", "train/music.py")  # fmt: skip
ChordSpan = tuple[float, float, Chord]


@dataclass(frozen=True)
class Piece:
    """One piece of the corpus."""

    name: str
    triples: Triples  # events, int64 [N, 3], in order of time; not limited to 100 s
    melody: int | None  # instrument of the melody (0 to 127), None where nobody has told which it is
    chords: tuple[ChordSpan, ...] | None  # (start s, end s, chord), None where unknown
    split: str  # "train" or "held out"
    sixteenth: float | None = None  # ticks of a sixteenth note, None where unknown


def training_pieces(songs: int = SONGS, cache: Path = CACHE) -> list[Piece]:
    """Freedoom's training pieces, then `songs` songs, always the same; made once, then read from `cache`."""
    return _pieces("train", songs, cache)


def held_out_pieces(songs: int = HELD_OUT_SONGS, cache: Path = CACHE) -> list[Piece]:
    """Freedoom's held-out pieces, then `songs` songs of seeds that no training song has; arguments as before.

    Raises ValueError for more songs than there are held-out seeds.
    """
    if songs > FIRST_TRAINING_SEED:
        raise ValueError(f"seeds below {FIRST_TRAINING_SEED} are held out; {songs} songs need more. Ask for fewer")
    return _pieces("held out", songs, cache)


def is_held_out_music(piece: str) -> bool:
    """Whether a Freedoom file is never trained on, decided by the hash of its level's name, as `corpus.is_held_out`."""
    title = Path(piece).stem.split("_D_")[-1]
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 10 in HELD_OUT_DIGITS


def freedoom_piece(path: Path) -> Piece:
    """A Freedoom file as a piece; nobody has marked its melody or chords."""
    split = "held out" if is_held_out_music(path.name) else "train"
    return Piece(path.stem, by_time(read_midi(path)), None, None, split)


def song_piece(seed: int) -> Piece:
    """The song of a seed as a piece; seeds from FIRST_TRAINING_SEED on are for training."""
    from course_utils.synth.songs import compose_song

    song = compose_song(seed)
    split = "train" if seed >= FIRST_TRAINING_SEED else "held out"
    melody = song.midi.instruments[song.melody].program
    name = f"song-{seed}-{song.style.replace(' ', '-')}"
    return Piece(name, triples_of(song.midi), melody, song.chords, split, 15 * TIME_RESOLUTION / song.bpm)


def triples_of(midi: pretty_midi.PrettyMIDI) -> Triples:
    """The notes of a PrettyMIDI as events, int64 [N, 3]: by time, then track by track, then from low to high."""
    rows = []
    for place, track in enumerate(midi.instruments):
        instrument = DRUMS if track.is_drum else track.program
        for note in track.notes:
            start, end = round(note.start * TIME_RESOLUTION), round(note.end * TIME_RESOLUTION)
            rows.append((start, max(end - start, 1), note.pitch, instrument, note.velocity, place))
    rows.sort(key=lambda row: (row[0], row[5], row[2]))
    return compound_to_events(np.array(rows, dtype=np.int64).reshape(-1, 6)[:, :5])


def by_time(triples: Triples) -> Triples:
    """The same events in order of onset; what begins together keeps its order."""
    return triples[np.argsort(triples[:, 0], kind="stable")]


def augmented(piece: Piece, rng: np.random.Generator) -> Triples:
    """The piece's events in another key and tempo, int64 [N, 3]: LOWEST to HIGHEST semitones, SLOWEST to FASTEST.

    Of the transpositions, only those are drawn that keep every pitch within 0 to 127. Drums keep theirs. Where the
    length of a sixteenth note is known, some of the speeds make it a whole number of ticks (`drawn_speed`).
    """
    low, high = pitch_span(piece.triples)
    fitting = [s for s in range(LOWEST, HIGHEST + 1) if low + s >= 0 and high + s < MAX_PITCH]
    return faster(transposed(piece.triples, int(rng.choice(fitting))), drawn_speed(piece.sixteenth, rng))


def drawn_speed(sixteenth: float | None, rng: np.random.Generator) -> float:
    """A speed from SLOWEST to FASTEST, for a sixteenth note of so many ticks.

    In WHOLE_TICKS of the cases it turns that into a whole number: with any other, each beat is rounded differently, and
    that hides the meter from whoever is to learn it. In the rest it does not, for no musician's tempo is made of ticks.
    """
    if sixteenth is None or rng.random() >= WHOLE_TICKS:
        return float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST))))
    return sixteenth / int(rng.integers(math.ceil(sixteenth / FASTEST), math.floor(sixteenth / SLOWEST) + 1))


def transposed(triples: Triples, semitones: int) -> Triples:
    """Events with all pitches but the drums' moved. Raises ValueError where one would leave the range 0 to 127."""
    low, high = pitch_span(triples)
    if not 0 <= low + semitones <= high + semitones < MAX_PITCH:
        raise ValueError(
            f"pitches {low} to {high} moved by {semitones} semitones leave the range 0 to {MAX_PITCH - 1}; "
            f"from {-low} to {MAX_PITCH - 1 - high} is possible"
        )
    moved = triples.copy()
    moved[:, 2] += semitones * _has_pitch(triples)
    return moved


def faster(triples: Triples, speed: float) -> Triples:
    """Events `speed` times as fast, to the nearest tick: onsets and ends alike, so what did not overlap still does not.

    Durations stay from 1 (if they were) to 999 ticks. Raises ValueError for a speed that is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"a speed is above 0; seen: {speed}")
    start, length = onsets(triples), durations(triples)
    new_start = np.rint(start / speed).astype(np.int64)
    new_length = np.rint((start + length) / speed).astype(np.int64) - new_start
    changed = triples.copy()
    changed[:, 0] = TIME_OFFSET + new_start
    changed[:, 1] = DUR_OFFSET + np.clip(new_length, np.minimum(length, 1), MAX_DUR - 1)
    return changed


def pitch_span(triples: Triples) -> tuple[int, int]:
    """Lowest and highest pitch of all instruments but drums; (0, 0) where there are none."""
    pitches = pitch_of(triples)[_has_pitch(triples)]
    return (int(pitches.min()), int(pitches.max())) if len(pitches) else (0, 0)


def statistics(pieces: Sequence[Piece]) -> dict[str, float]:
    """What a corpus is like, for the model card: hours, events, events a second, instruments a piece, and so on.

    melody_on_chord: share of the melodies' sounding time that is a tone of the chord, for pieces that know both.
    key_entropy: bits of the distribution of the pieces' commonest pitch class; log2(12) = 3.58 is all equal.
    """
    seconds = sum(float((onsets(p.triples) + durations(p.triples)).max()) / TIME_RESOLUTION for p in pieces)
    events = sum(len(p.triples) for p in pieces)
    known = [share for p in pieces if (share := melody_on_chord(p)) is not None]
    commonest = [int(np.bincount(_pitched(p.triples) % 12, minlength=12).argmax()) for p in pieces]
    shares = np.bincount(commonest, minlength=12) / max(len(commonest), 1)
    return {
        "pieces": len(pieces),
        "hours": seconds / 3600,
        "events": events,
        "events_per_second": events / max(seconds, 1e-9),
        "instruments_per_piece": float(np.mean([len(instruments(p.triples)) for p in pieces])) if pieces else 0.0,
        "drum_share": sum(int((instrument_of(p.triples) == DRUMS).sum()) for p in pieces) / max(events, 1),
        "melody_on_chord": float(np.mean(known)) if known else float("nan"),
        "key_entropy": float(-sum(share * np.log2(share) for share in shares if share > 0)),
    }


def story(pieces: Sequence[Piece]) -> str:
    """What a corpus holds, in words, for the model card."""
    kinds = {
        "of Freedoom": [p for p in pieces if p.melody is None],
        "composed": [p for p in pieces if p.melody is not None],
    }
    told = [(kind, len(chosen), statistics(chosen)["hours"]) for kind, chosen in kinds.items() if chosen]
    parts = ", ".join(f"{count} {kind} ({hours:.1f} h)" for kind, count, hours in told)
    return f"{len(pieces)} pieces, {sum(len(p.triples) for p in pieces):,} events: {parts}"


def melody_on_chord(piece: Piece) -> float | None:
    """Share of the melody's sounding time that is a tone of the chord; None where either is unknown."""
    if piece.melody is None or piece.chords is None:
        return None
    sung = piece.triples[instrument_of(piece.triples) == piece.melody]
    starts = np.array([start for start, _, _ in piece.chords])
    middles = (onsets(sung) + durations(sung) / 2) / TIME_RESOLUTION
    chords = [piece.chords[max(int(i), 0)][2] for i in np.searchsorted(starts, middles, side="right") - 1]
    fits = np.array([pitch % 12 in chord.tones for pitch, chord in zip(pitch_of(sung).tolist(), chords, strict=True)])
    lengths = durations(sung)
    return float((fits * lengths).sum() / max(lengths.sum(), 1))


def _has_pitch(triples: Triples) -> np.ndarray:
    """Which rows are notes of instruments that have keys, bool [N]: neither drums nor rests."""
    return (instrument_of(triples) != DRUMS) & ~is_rest(triples)


def _pitched(triples: Triples) -> np.ndarray:
    return pitch_of(triples)[_has_pitch(triples)]


def _pieces(split: str, songs: int, cache: Path) -> list[Piece]:
    """The pieces of one side, from the cache if it holds just these."""
    held_out = split == "held out"
    first = 0 if held_out else FIRST_TRAINING_SEED
    files = [p for side in (True, False) for p in freedoom_pieces(side) if is_held_out_music(p.name) == held_out]
    path = cache / f"{split.replace(' ', '-')}-{songs}-{_fingerprint(files)}.npz"
    if not path.exists():
        made = [freedoom_piece(file) for file in sorted(files)]
        _write(path, made + [song_piece(seed) for seed in range(first, first + songs)])
    return _read(path)


def _fingerprint(files: Iterable[Path]) -> str:
    """A hash of the composer's text and the MIDI files' bytes: another hash, another cache."""
    digest = hashlib.sha256(_composer_text())
    for file in sorted(files):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def _composer_text() -> bytes:
    # Read once: the modules already loaded are those of the text as it was.
    return b"".join((ROOT / "course_utils" / name).read_bytes() for name in COMPOSER)


def _write(path: Path, pieces: list[Piece]) -> None:
    """Write pieces as one file: all triples one after the other, and the rest as JSON."""
    told = [
        {"name": p.name, "events": len(p.triples), "melody": p.melody, "chords": p.chords, "split": p.split}
        | {"sixteenth": p.sixteenth}
        for p in pieces
    ]
    triples = np.concatenate([np.empty((0, 3), np.int64), *(p.triples for p in pieces)]).astype(np.int32)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, triples=triples, pieces=np.frombuffer(json.dumps(told).encode(), np.uint8))


def _read(path: Path) -> list[Piece]:
    with np.load(path) as arrays:
        triples = arrays["triples"].astype(np.int64)
        told = json.loads(arrays["pieces"].tobytes())
    ends = np.cumsum([piece["events"] for piece in told])
    return [
        Piece(
            t["name"], triples[end - t["events"] : end], t["melody"], _chords(t["chords"]), t["split"], t["sixteenth"]
        )
        for t, end in zip(told, ends, strict=True)
    ]


def _chords(told: list | None) -> tuple[ChordSpan, ...] | None:
    """Chords as JSON has them, [[start, end, [name, tones]], ...], as they were."""
    if told is None:
        return None
    return tuple((start, end, Chord(name, tuple(tones))) for start, end, (name, tones) in told)
