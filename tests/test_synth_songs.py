"""Songs: the melody fits the chords, the form returns, every part keeps its key, meter and program."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter

import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.paths import ROOT
from course_utils.synth import song_melody
from course_utils.synth.harmony import chord, scale
from course_utils.synth.song_form import FORMS, LONGEST, SHORTEST, choose_form, plan_song
from course_utils.synth.song_melody import INTERVALS, local_scale, one_bar, section_rhythms, write_melody
from course_utils.synth.song_styles import HARMONIES, METERS, SONG_STYLES
from course_utils.synth.songs import DENSEST, MELODY, OPTIONAL, Song, compose_song, upper_tones

SEEDS = range(3)


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    """Three songs of every style."""
    return [compose_song(seed, style) for style in SONG_STYLES for seed in SEEDS]


def lead(song: Song) -> list[pretty_midi.Note]:
    return song.midi.instruments[song.melody].notes


def chord_at(song: Song, time: float):
    return next((c for start, end, c in song.chords if start <= time < end), song.chords[-1][2])


def step_of(song: Song, note: pretty_midi.Note) -> int:
    """Which sixteenth of its bar a note begins on."""
    return round(note.start * song.bpm / 15) % METERS[song.meter].steps


def everything(song: Song) -> list:
    return [
        (t.name, t.program, [(n.start, n.end, n.pitch, n.velocity) for n in t.notes]) for t in song.midi.instruments
    ]


# --- the same every time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", SONG_STYLES)
def test_same_seed_same_song_other_seed_other_song(style):
    assert everything(compose_song(5, style)) == everything(compose_song(5, style))
    assert everything(compose_song(5, style)) != everything(compose_song(6, style))


def test_same_song_in_another_process():
    code = (
        "from course_utils.synth.songs import compose_song\n"
        "for seed in range(6):\n"
        "    for t in compose_song(seed).midi.instruments: print(t.name, t.program, t.notes)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": s},
        ).stdout
        for s in ("1", "2")
    }
    assert len(printed) == 1


def test_unknown_style_is_refused():
    with pytest.raises(ValueError, match="no style 'polka'"):
        compose_song(0, "polka")


def test_seeds_choose_among_styles_keys_and_meters():
    plans = [plan_song(seed) for seed in range(200)]
    assert {plan.style_name for plan in plans} == set(SONG_STYLES)
    assert {plan.tonic for plan in plans} == set(range(12))
    assert {plan.meter.name for plan in plans} == {"4/4", "3/4", "6/8"}


# --- the data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SONG_STYLES)
def test_patterns_have_the_length_of_their_bar(name):
    style = SONG_STYLES[name]
    steps = METERS[style.meter].steps
    basses = [pattern for pattern in style.bass_patterns if pattern != "walk"]
    strokes = [pattern for groove in style.drums for pattern in groove.values()]
    for pattern in (*style.comp_patterns, *basses, *style.figure_patterns, *strokes):
        assert len(pattern) == steps, pattern
    assert set("".join(basses)) <= set("R58a3-.")
    assert all(pattern[0] == "R" for pattern in basses)


@pytest.mark.parametrize("name", HARMONIES)
def test_phrases_have_four_bars_of_chords_that_exist(name):
    harmony = HARMONIES[name]
    tonic = scale(0, harmony.mode)[0]
    for phrase in (*harmony.openings, *harmony.turns, *harmony.closings):
        words = phrase.split()
        assert len(words) == 4, phrase
        assert all(len(chord(part, 0).tones) >= 3 for word in words for part in word.split("_"))
    for phrase in harmony.closings:  # home, or the turn that leads home
        assert {chord(part, 0).root for word in phrase.split()[-2:] for part in word.split("_")} & {tonic, 7}


def test_every_form_has_the_length_it_is_filed_under():
    assert all(len(form) == count for count, forms in FORMS.items() for form in forms)


@given(st.floats(0.9, 4.0), st.randoms())
def test_a_form_lasts_as_long_as_asked(bar_seconds, chance):
    seconds = (len(choose_form(bar_seconds, chance)) * 8 + 4) * bar_seconds
    assert SHORTEST <= seconds <= LONGEST


# --- songs ----------------------------------------------------------------------------------------------------------


def test_length_density_and_instruments(songs):
    for song in songs:
        seconds = song.midi.get_end_time()
        density = sum(len(track.notes) for track in song.midi.instruments) / seconds
        assert 59 < seconds < 100
        # What cannot be sent home may be denser than asked.
        busy = any(track.name in OPTIONAL for track in song.midi.instruments)
        assert 6 < density <= (DENSEST if busy else 27)
        programs = [128 if track.is_drum else track.program for track in song.midi.instruments]
        assert len(set(programs)) == len(programs) <= 16
        assert song.midi.instruments[song.melody].name == MELODY


def test_chords_follow_one_another_without_gaps(songs):
    for song in songs:
        assert song.chords[0][0] == 0
        assert all(a[1] == b[0] for a, b in itertools.pairwise(song.chords))
        assert song.chords[-1][1] == pytest.approx(song.sections[-1][2])


def test_the_melody_sings_chord_tones_on_the_beats(songs):
    on_beat = fits = 0
    for song in songs:
        for note in lead(song):
            if step_of(song, note) in METERS[song.meter].beats:
                on_beat += 1
                fits += note.pitch % 12 in chord_at(song, (note.start + note.end) / 2).tones
    assert fits / on_beat > 0.97


def test_other_notes_of_the_melody_are_left_by_step(songs):
    foreign = stepwise = 0
    for song in songs:
        for note, after in itertools.pairwise(lead(song)):
            if (
                note.pitch % 12 not in chord_at(song, (note.start + note.end) / 2).tones
                and after.start - note.end < 0.3
            ):
                foreign += 1
                stepwise += abs(after.pitch - note.pitch) <= 2
    assert foreign > 500
    assert stepwise / foreign > 0.95


def test_the_melody_has_passing_notes_small_steps_and_rests(songs):
    # A melody of chord tones alone would pass the tests above and sound like a bugle.
    for song in songs:
        notes = lead(song)
        moves = [abs(b.pitch - a.pitch) for a, b in itertools.pairwise(notes)]
        assert sum(move > 12 for move in moves) <= 0.02 * len(moves)
        assert sum(move <= 4 for move in moves) / len(moves) > 0.6
        assert max(n.pitch for n in notes) - min(n.pitch for n in notes) <= 22
        assert any(b.start - a.end > 0.15 for a, b in itertools.pairwise(notes))
    shares = [
        sum(n.pitch % 12 not in chord_at(song, (n.start + n.end) / 2).tones for n in lead(song)) / len(lead(song))
        for song in songs
    ]
    assert 0.08 < sum(shares) / len(shares) < 0.35


def test_the_melody_ends_on_the_tonic(songs):
    for song in songs:
        assert lead(song)[-1].pitch % 12 == song.tonic


def test_one_voice_at_a_time(songs):
    for song in songs:
        assert all(b.start >= a.end - 0.02 for a, b in itertools.pairwise(lead(song)))


def test_the_second_voice_goes_with_the_melody_and_below_it():
    sung = duets = 0
    for song in map(compose_song, range(16)):
        for track in song.midi.instruments:
            if track.name != "second voice":
                continue
            above = {round(note.start * song.bpm / 15): note.pitch for note in lead(song)}
            steps = [round(note.start * song.bpm / 15) for note in track.notes]
            assert all(2 < above[step] - note.pitch <= 12 for step, note in zip(steps, track.notes, strict=True))
            sung += 1
            duets += len(track.notes) > 0.95 * len(lead(song))
    assert 0 < duets < sung < 16  # most songs have one, in most of them it sings throughout


def test_the_bass_plays_the_root_where_a_chord_begins(songs):
    rooted = total = 0
    for song in songs:
        bass = next(track for track in song.midi.instruments if track.name == "bass")
        starts = {round(note.start, 1): note.pitch % 12 for note in reversed(bass.notes)}
        for (_, _, before), (start, _, now) in itertools.pairwise(song.chords):
            if before != now:
                total += 1
                rooted += any(starts.get(round(start + d, 1)) == now.root for d in (-0.1, 0, 0.1))
    assert rooted / total > 0.93


def test_accompaniment_keeps_to_the_chords(songs):
    for song in songs:
        for track in song.midi.instruments:
            if track.name in ("chords", "second chords", "broken chords", "pad"):
                fit = [n.pitch % 12 in chord_at(song, (n.start + n.end) / 2).tones for n in track.notes]
                assert sum(fit) / len(fit) > 0.97, (song.style, track.name)


def test_the_key_is_heard(songs):
    for song in songs:
        notes = [n for t in song.midi.instruments if not t.is_drum for n in t.notes]
        in_key = sum(n.pitch % 12 in scale(song.tonic, song.mode) for n in notes) / len(notes)
        assert in_key > 0.8, (song.style, in_key)


def test_notes_of_one_pitch_do_not_overlap_and_pitches_are_midi(songs):
    for song in songs:
        for track in song.midi.instruments:
            assert all(0 <= n.pitch < 128 and n.end > n.start >= 0 and 0 < n.velocity < 128 for n in track.notes)
            for _, group in itertools.groupby(sorted(track.notes, key=lambda n: n.pitch), key=lambda n: n.pitch):
                line = sorted(group, key=lambda n: n.start)
                assert all(b.start >= a.end for a, b in itertools.pairwise(line))


def test_sections_of_one_letter_share_their_melody():
    for seed in range(12):
        song = compose_song(seed)
        by_letter: dict[str, list[Counter]] = {}
        for name, start, end in song.sections:
            if name in "ABC":
                sung = [n for n in lead(song) if start - 0.02 <= n.start < end - 0.02]
                tune = Counter((round((n.start - start) * song.bpm / 15), n.pitch) for n in sung)
                by_letter.setdefault(name, []).append(tune)
        for tunes in by_letter.values():
            for tune in tunes[1:]:
                assert (tunes[0] & tune).total() / tunes[0].total() > 0.75
        if "B" in by_letter:
            assert (by_letter["A"][0] & by_letter["B"][0]).total() / by_letter["A"][0].total() < 0.5


def test_strong_beats_carry_the_meter(songs):
    # In each song the first step of the bar has at least as many onsets of bass and melody as any other.
    for song in songs:
        notes = [n for t in song.midi.instruments if t.name in ("bass", "chords") for n in t.notes]
        counts = Counter(step_of(song, note) for note in notes)
        bars = song.sections[-1][2] / (METERS[song.meter].steps * 15 / song.bpm)
        assert set(counts) <= set(range(METERS[song.meter].steps))
        assert counts[0] >= 0.9 * bars


# --- building blocks ------------------------------------------------------------------------------------------------


def test_a_foreign_chord_tone_replaces_its_neighbours():
    minor = scale(9, "minor")  # A minor
    assert set(local_scale(chord("V7", 9), minor)) == {4, 8, 11, 2, 9, 0, 5}  # G gives way to G sharp
    assert set(local_scale(chord("i", 9), minor)) == set(minor)
    major = scale(0, "major")
    assert set(local_scale(chord("II7", 0), major)) == {0, 2, 4, 6, 7, 9, 11}  # F sharp for F
    assert set(local_scale(chord("iv", 0), major)) == {0, 2, 4, 5, 7, 8, 11}  # A flat for A
    assert set(local_scale(chord("I7", 0), major)) == {0, 2, 4, 5, 7, 9, 10}  # B flat for B


@given(st.sampled_from(list(METERS.values())), st.floats(0, 1), st.randoms())
def test_a_bar_of_rhythm_fills_its_bar(meter, busy, chance):
    rhythm = one_bar(meter, busy, chance)
    assert all(step + length <= meter.steps for step, length in rhythm)
    assert all(a + length <= b for (a, length), (b, _) in itertools.pairwise(rhythm))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.randoms())
def test_units_of_rhythm_do_not_overlap(seed, chance):
    plan = plan_song(seed)
    motifs = [one_bar(plan.meter, plan.style.busy, chance) for _ in range(3)]
    for unit in section_rhythms(plan, motifs, chance):
        assert all(a + length <= b for (a, length), (b, _) in itertools.pairwise(unit))
        assert unit[0][0] >= 0
        assert unit[-1][0] + unit[-1][1] <= 2 * plan.meter.steps


def test_the_melody_stays_in_its_voice():
    for seed in range(10):
        notes = write_melody(plan_song(seed), 70)
        assert all(70 - 1 - song_melody.RANGE <= n.pitch <= 70 + 3 + song_melody.RANGE for n in notes)


def test_intervals_are_known_for_the_whole_voice():
    assert len(INTERVALS) == 2 * song_melody.RANGE + 1


@pytest.mark.parametrize(
    ("numeral", "tones"),
    [("I", {0, 4, 7}), ("V7", {7, 11, 5}), ("Imaj9", {4, 11, 2}), ("iim7b5", {2, 5, 8, 0}), ("Vsus4", {7, 0, 2})],
)
def test_what_of_a_chord_is_voiced(numeral, tones):
    assert set(upper_tones(chord(numeral, 0))) == tones
