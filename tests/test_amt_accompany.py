"""Parts, the melody among them, excerpts, and the three tasks; and what is said about bad input."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mido
import numpy as np
import pytest
import torch

from course_utils.amt import token_lists, vocab
from course_utils.amt.accompany import (
    MelodyError,
    Part,
    accompany,
    choose_melody,
    continue_piece,
    cut,
    densest,
    infill,
    joined,
    parts_of,
    readable,
    singing,
    with_seeds,
)
from course_utils.amt.generate import GenerateError
from course_utils.amt.midi import MidiError
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.vocab import Triples, as_triples, onsets

FLUTE, PIANO, BASS = 73, 0, 32


def model() -> AMT:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AMT(AMTConfig(context=190, width=8, layers=1, heads=1)).eval().requires_grad_(False)


def notes(*rows: tuple[float, float, int, int]) -> Triples:
    return as_triples([[round(100 * t), 10_000 + round(100 * d), 11_000 + 128 * i + p] for t, d, p, i in rows])


def piece() -> Triples:
    """30 s: a flute above, chords of a piano, a bass, drums."""
    beats = np.arange(0, 30, 0.5).tolist()
    rows = [(t, 0.45, 76 + round(2 * t) % 5, FLUTE) for t in beats]
    rows += [(t, 0.5, p, PIANO) for t in beats[::2] for p in (60, 64, 67)]
    rows += [(t, 0.9, 36, BASS) for t in beats[::2]]
    rows += [(t, 0.1, 38, vocab.DRUMS) for t in beats]
    return token_lists.sort(notes(*rows))


# --- parts and melody -------------------------------------------------------------------------------------------------


def test_events_have_one_part_an_instrument() -> None:
    parts = parts_of(piece())
    assert sorted(part.instrument for part in parts) == [PIANO, BASS, FLUTE, vocab.DRUMS]
    assert [part.number for part in parts] == [0, 1, 2, 3]
    assert sorted(map(tuple, joined(parts).tolist())) == sorted(map(tuple, piece().tolist()))


def midi(*tracks: tuple[str, int, list[int]], tempo: int = 500_000) -> mido.MidiFile:
    """A file of a tempo track and one for each (name, program, pitches), a beat each."""
    file = mido.MidiFile(ticks_per_beat=480)
    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo, time=0)])
    file.tracks.append(head)
    for channel, (name, program, pitches) in enumerate(tracks):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name, time=0)])
        track.append(mido.Message("program_change", channel=channel, program=program, time=0))
        for pitch in pitches:
            track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=80, time=0))
            track.append(mido.Message("note_off", channel=channel, note=pitch, time=480))
        file.tracks.append(track)
    return file


def test_tracks_of_a_file_are_parts_with_their_names(tmp_path: Path) -> None:
    file = midi(("Vocals", 0, [72, 74, 76, 77]), ("Keys", 0, [60, 60]), ("", BASS, [40]), tempo=250_000)
    parts = parts_of(file)
    assert [part.name for part in parts[:2]] == ["Vocals", "Keys"]
    assert [len(part.events) for part in parts] == [4, 2, 1]
    assert onsets(parts[0].events).tolist() == [0, 25, 50, 75]  # the tempo of another track counts
    file.save(tmp_path / "a.mid")
    again = parts_of(tmp_path / "a.mid")
    assert [part.label for part in again] == [part.label for part in parts]


def test_the_highest_line_is_the_melody_and_it_is_said_why() -> None:
    chosen = choose_melody(parts_of(piece()))
    assert chosen.part.instrument == FLUTE
    assert "highest in 100% of its notes, 100% of them one at a time, one begins in 100%" in chosen.why


def test_high_chords_are_no_melody_and_neither_are_a_few_high_notes() -> None:
    line = notes(*((t / 2, 0.4, 67 + t % 3, FLUTE) for t in range(40)))
    chords = notes(*((float(t), 0.9, p, PIANO) for t in range(20) for p in (60, 64, 72)))
    bells = notes((3.0, 1, 100, 14), (9.0, 1, 100, 14))
    parts = parts_of(np.concatenate([line, chords, bells]))
    assert choose_melody(parts).part.instrument == FLUTE
    marks = {part.instrument: singing(part, parts) for part in parts}
    assert marks[PIANO].single == 0
    assert marks[14].present == pytest.approx(0.1)


def test_a_choice_that_is_weak_says_what_speaks_against_it() -> None:
    line = [(t / 2, 0.4, 67 + t % 3, FLUTE) for t in range(40)]
    assert choose_melody(parts_of(notes(*line))).doubt == ""
    chords = [(float(t), 0.9, p, PIANO) for t in range(20) for p in (60, 64, 72)]
    bells = [(float(t), 1, 100, 14) for t in (3, 9, 15, 18)]
    chosen = choose_melody(parts_of(notes(*chords, *bells)))
    assert (chosen.part.instrument, chosen.doubt) == (14, "begins a note in only 20% of the seconds")
    assert choose_melody(parts_of(notes(*chords))).doubt == (
        "is the highest in only 33% of its notes and plays none of its notes one at a time"
    )
    assert choose_melody(parts_of(notes((0, 1, 70, 0)))).doubt == "has only 1 note"
    assert choose_melody(parts_of(notes((0, 1, 70, 0), (9, 1, 71, 0)))).doubt == (
        "begins a note in only 20% of the seconds and has only 2 notes"
    )
    assert choose_melody(parts_of(notes(*chords)), 0).doubt == "", "what was asked for is not doubted"


def test_what_has_no_pitch_is_no_melody() -> None:
    knocks = [(t / 2, 0.1, 100, 115) for t in range(40)]  # a woodblock, above all
    line = [(t / 2, 0.4, 67 + t % 3, FLUTE) for t in range(40)]
    assert choose_melody(parts_of(notes(*knocks, *line))).part.instrument == FLUTE
    assert choose_melody(parts_of(notes(*knocks))).part.instrument == 115, "there is nothing else"


def test_an_instrument_s_own_name_does_not_say_that_it_sings() -> None:
    lead = parts_of(notes(*[(t / 2, 0.4, 67 + t % 3, 80) for t in range(40)]))  # "Lead 1 (square)"
    assert "its name says so" not in choose_melody(lead).why
    assert "its name says so" in choose_melody([replace(lead[0], name="Lead")]).why


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("メロディ".encode(), "メロディ"),
        ("メロディ".encode("cp932"), "メロディ"),
        ("Flöte".encode("latin-1"), "Flöte"),
        ("Mélodie".encode("latin-1"), "Mélodie"),
        ("Größe".encode(), "Größe"),
        (b" Lead\x00\x07 ", "Lead"),
        (b"", ""),
    ],
)
def test_names_are_read_as_they_were_meant(raw: bytes, name: str) -> None:
    assert readable(raw.decode("latin-1")) == name


# --- another seed -----------------------------------------------------------------------------------------------------


def astray(*where: float | None) -> tuple[Any, list[tuple[int, int | None]]]:
    """A task that loses its way at these seconds, seed by seed from 7 on; None: with this one it does not."""
    asked: list[tuple[int, int | None]] = []

    def sample(seed: int, most_at_once: int | None) -> Any:
        asked.append((seed, most_at_once))
        reached = where[seed - 7]
        stopped = "end" if reached is None or most_at_once is None else "crowded"
        return SimpleNamespace(generated=SimpleNamespace(stopped=stopped, reached=reached, trace=range(10)))

    return sample, asked


def test_the_next_seed_is_tried_while_the_model_loses_its_way() -> None:
    sample, asked = astray(3.0, 9.0, None, 1.0)
    tried = with_seeds(sample, 7, 5, 16)
    assert (tried.seed, tried.lost) == (9, ((7, 3.0), (8, 9.0)))
    assert asked == [(7, 16), (8, 16), (9, 16)]
    assert tried.tokens == 30


def test_of_none_that_found_its_way_the_furthest_is_kept() -> None:
    sample, _ = astray(3.0, 9.0, 4.0)
    tried = with_seeds(sample, 7, 3, 16)
    assert (tried.seed, tried.made.generated.reached) == (8, 9.0)
    assert [seed for seed, _ in tried.lost] == [7, 8, 9]


def test_a_single_try_is_left_alone() -> None:
    sample, asked = astray(3.0)
    assert with_seeds(sample, 7, 1, 16).lost == ()
    assert asked == [(7, None)]


def test_the_densest_moment() -> None:
    assert densest(notes((0, 1, 60, 0), (1, 1, 60, 0), (1, 1, 62, 0), (2, 1, 60, 0))) == 2
    assert densest(vocab.as_triples([])) == 0


def test_a_name_that_says_so_counts() -> None:
    parts = parts_of(midi(("strings", 48, [70] * 8), ("Lead vocal", 48, [70] * 8)))
    assert choose_melody(parts).part.name == "Lead vocal"


@pytest.mark.parametrize(
    ("asked", "instrument"), [("flute", FLUTE), ("Acoustic Bass", BASS), (0, PIANO), ("drums", 128)]
)
def test_a_melody_by_name_or_number(asked: str | int, instrument: int) -> None:
    parts = sorted(parts_of(piece()), key=lambda part: part.instrument)
    parts = [Part(number, p.name, p.instrument, p.events) for number, p in enumerate(parts)]
    assert choose_melody(parts, asked).part.instrument == instrument


def test_melodies_that_are_not_there() -> None:
    with pytest.raises(MelodyError, match=r"no part 'kazoo'; there are: 0 .*; 3 "):
        choose_melody(parts_of(piece()), "kazoo")
    with pytest.raises(MelodyError, match="no part 9"):
        choose_melody(parts_of(piece()), 9)
    with pytest.raises(MelodyError, match=r"no part '\u00b2'"):
        choose_melody(parts_of(piece()), "\u00b2")
    with pytest.raises(MelodyError, match="only drums play here, .* ask for the melody 'drums'"):
        choose_melody(parts_of(notes((0, 1, 38, vocab.DRUMS))))


def test_of_several_with_the_name_the_busiest_is_taken_and_the_others_are_named() -> None:
    parts = parts_of(midi(("Lead", FLUTE, [72] * 3), ("Lead", 56, [70] * 8), ("Lead guitar", 29, [50] * 9)))
    chosen = choose_melody(parts, "lead")
    assert chosen.part.number == 1, "the very name comes before a part of a name"
    assert "1 Lead (Trumpet): asked for as 'lead'; the busiest of 2 with that name, beside 0 Lead (Flute)" in chosen.why
    assert choose_melody(parts, 2).why == "2 Lead guitar (Overdriven Guitar): asked for as '2'"


def test_where_only_drums_play_another_part_can_still_be_named() -> None:
    late = np.concatenate([notes((40, 1, 70, FLUTE)), piece()[token_lists.instrument_of(piece()) == vocab.DRUMS]])
    with pytest.raises(MelodyError, match="only drums play here"):
        accompany(model(), late)
    assert accompany(model(), late, "drums", max_events=1).melody.part.instrument == vocab.DRUMS  # type: ignore[union-attr]


def test_a_track_of_ends_alone_is_no_part() -> None:
    file = midi(("Keys", 0, [60, 62]))
    file.tracks.append(mido.MidiTrack([mido.Message("note_on", channel=5, note=60, velocity=0, time=10)]))
    assert [part.name for part in parts_of(file)] == ["Keys"]


def test_a_file_without_notes_or_no_file_is_named(tmp_path: Path) -> None:
    midi(("Keys", 0, [])).save(tmp_path / "none.mid")
    with pytest.raises(MidiError, match=r"none\.mid holds no notes"):
        parts_of(tmp_path / "none.mid")
    with pytest.raises(MidiError, match=r"gone\.mid: cannot be read"):
        accompany(model(), tmp_path / "gone.mid")


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    midi(("Vocals", 0, [72, 74, 76, 77]), ("Keys", 0, [60, 60])).save(tmp_path / "a.mid")
    opened: list[Path] = []
    read = Path.read_bytes

    def noting(path: Path) -> bytes:
        opened.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", noting)
    made = accompany(model(), tmp_path / "a.mid", duration=2, prompt=1, max_events=2)
    assert made.melody is not None
    assert made.melody.part.name == "Vocals"
    assert opened == [tmp_path / "a.mid"]


def test_the_melody_of_two_hours_is_found_in_seconds() -> None:
    at = np.arange(0, 7200, 0.25)
    line = [(t, 0.2, 80 + round(t) % 5, FLUTE) for t in at]
    parts = parts_of(notes(*line, *((t, 0.2, p, PIANO) for t in at for p in (50, 55))))
    began = time.process_time()
    chosen = choose_melody(parts)
    assert time.process_time() - began < 8, "every note against every other takes three times as long"
    assert "highest in 100% of its notes, 100% of them one at a time, one begins in 100%" in chosen.why


# --- the three tasks --------------------------------------------------------------------------------------------------


def test_an_accompaniment_keeps_the_melody_and_the_prompt_only() -> None:
    made = accompany(model(), piece(), start=5, duration=10, prompt=3, max_events=40, seed=1)
    flute = cut(piece()[token_lists.instrument_of(piece()) == FLUTE], 5, 10)
    heard = {tuple(row) for row in made.events.tolist()}
    assert heard >= {tuple(row) for row in flute.tolist()}
    old = {tuple(row) for row in made.original.tolist()} - {tuple(row) for row in flute.tolist()}
    kept = heard & old
    assert {row for row in old if row[0] < 300} <= kept
    assert all(row[0] < 300 for row in kept - {tuple(row) for row in made.new.tolist()})
    assert made.melody is not None
    assert made.melody.part.instrument == FLUTE
    assert (np.diff(onsets(made.events)) >= 0).all()
    assert len(made.events) == len(made.given) + len(made.new)
    assert len(made.given) == len(flute) + sum(row[0] < 300 for row in old)  # nothing is there twice
    assert vocab.is_control(made.generated.arrangement).sum() >= len(flute) // 2


def test_an_infilling_empties_the_gap_and_keeps_the_rest() -> None:
    made = infill(model(), piece(), (4, 6), start=2, duration=10, max_events=40)
    at = onsets(made.given)
    assert not ((at >= 400) & (at < 600)).any()
    assert len(made.given) == len(made.original) - sum(400 <= t < 600 for t in onsets(made.original))
    assert ((onsets(made.new) >= 400) & (onsets(made.new) < 600)).all()
    assert len(made.events) == len(made.given) + len(made.new)


def test_a_continuation_knows_nothing_of_what_came() -> None:
    made = continue_piece(model(), piece(), duration=10, prompt=3, max_events=40)
    assert onsets(made.given).max() < 300
    assert not vocab.is_control(made.generated.arrangement).any()
    assert made.original.tolist() == cut(piece(), 0, 10).tolist()


def test_an_excerpt_begins_at_zero_and_ends_in_time() -> None:
    found = cut(piece(), 5.25, 3)
    assert onsets(found).min() == 25
    assert (onsets(found) + vocab.durations(found)).max() <= 300
    assert (vocab.durations(found) >= 1).all()


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start": 90}, r"no note begins between 90 and 110 s \(notes begin from 0 to 29.5 s\)"),
        ({"prompt": 20}, "prompt must be 0 s or more and shorter than the 20 s of the excerpt, not 20 s"),
        ({"prompt": -1}, "prompt must be 0 s or more .* not -1 s"),
        ({"duration": 0, "prompt": 0}, "prompt must be 0 s or more and shorter than the 0 s"),
        ({"duration": -3, "prompt": -4}, "prompt must be 0 s or more"),
        ({"start": float("nan")}, "not a start of nan and a duration of 20"),
        ({"start": -1}, "a start from 0 on"),
        ({"delta": -1}, "delta is how many seconds"),
        ({"top_p": 2}, "above 0 and at most 1"),
        ({"melody": "banjo"}, "no part 'banjo'"),
    ],
)
def test_what_cannot_be_accompanied(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        accompany(model(), piece(), **options)


def test_a_melody_that_is_silent_in_the_excerpt() -> None:
    late = np.concatenate([piece(), notes((50, 1, 90, 10), (51, 1, 90, 10))])
    with pytest.raises(MelodyError, match=r"\(4 .*\) is silent there: .* 0 and 20 s .*: choose another start"):
        accompany(model(), late, 4)
    assert accompany(model(), late, max_events=2).melody.part.instrument == FLUTE  # type: ignore[union-attr]


def test_gaps_and_prompts_that_cannot_be() -> None:
    for gap in ((5, 5), (-1, 3), (15, 21)):
        with pytest.raises(GenerateError, match="gap must lie within the 20 s"):
            infill(model(), piece(), gap)
    with pytest.raises(GenerateError, match=r"nothing to continue; the first is at 8 s, so choose a later start"):
        continue_piece(model(), notes((8, 1, 60, 0)))
    with pytest.raises(GenerateError, match="no notes"):
        parts_of(as_triples([]))
