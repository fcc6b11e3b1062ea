"""The composer: same seed same notes, inside the piece, in key, and every style playable by the small soundfont."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.synth import compose as composer
from course_utils.synth.compose import compose, make_plan
from course_utils.synth.harmony import chord, lead_voices, motion, nearest_pitch, scale, voicings
from course_utils.synth.render import Renderer
from course_utils.synth.soundfont import read_presets
from course_utils.synth.styles import STYLES

ROOT = Path(__file__).resolve().parent.parent
FONT = ROOT / "data" / "soundfont" / "FluidR3Mono_GM_small.sf3"


def everything(midi: pretty_midi.PrettyMIDI) -> list[tuple]:
    """All that makes two pieces equal."""
    return [
        (
            track.name,
            track.program,
            [(n.start, n.end, n.pitch, n.velocity) for n in track.notes],
            [(c.time, c.number, c.value) for c in track.control_changes],
            [(b.time, b.pitch) for b in track.pitch_bends],
        )
        for track in midi.instruments
    ]


def all_notes(midi: pretty_midi.PrettyMIDI) -> list[pretty_midi.Note]:
    return [note for track in midi.instruments for note in track.notes]


# --- pieces ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_same_seed_same_piece_other_seed_other_piece(style: str):
    assert everything(compose(3, 20, style)) == everything(compose(3, 20, style))
    assert everything(compose(3, 20, style)) != everything(compose(4, 20, style))


def test_same_piece_in_another_process():
    # A composer that drew from a set of strings would differ from process to process: their order does.
    code = "from course_utils.synth.compose import compose; print(compose(0, 10).instruments[0].notes[:20])"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {f"{compose(0, 10).instruments[0].notes[:20]}\n"}


@given(seed=st.integers(0, 10**9), seconds=st.floats(0.5, 60), style=st.sampled_from([None, *STYLES]))
@settings(max_examples=40, deadline=None)
def test_notes_lie_within_the_piece(seed: int, seconds: float, style: str | None):
    midi = compose(seed, seconds, style)
    notes = all_notes(midi)
    assert all(0 <= note.start < note.end <= seconds for note in notes)
    assert all(1 <= note.velocity <= 127 and 21 <= note.pitch <= 108 for note in notes)
    assert all(0 <= change.value <= 127 for track in midi.instruments for change in track.control_changes)
    assert len(midi.instruments) == len({track.name for track in midi.instruments}) <= len(composer.PARTS)


@pytest.mark.parametrize("style", STYLES)
def test_music_goes_on_to_the_end(style: str):
    for seed in range(5):
        notes = all_notes(compose(seed, 40, style))
        starts = np.sort([note.start for note in notes])
        assert starts[-1] > 34
        assert np.diff(starts).max() < 8.5  # at most a bar or two of a long chord


def test_every_style_uses_only_presets_of_the_small_font():
    programs = {preset.program for preset in read_presets(FONT) if preset.bank == 0}
    for name, style in STYLES.items():
        used = {*style.comp, *style.bass, *style.lead, *style.pad, *style.arpeggio}
        assert used <= programs, name


def test_every_pattern_has_sixteen_steps_and_every_numeral_is_known():
    for name, style in STYLES.items():
        drums = [pattern for groove in style.drums for pattern in groove.values()]
        for pattern in (*style.comp_patterns, *style.bass_patterns, *drums):
            assert len(pattern) == 16, (name, pattern)
            assert set(pattern) <= set(".123456789R58a-"), (name, pattern)
        for progression in style.progressions:
            assert all(chord(numeral, 0).tones for numeral in progression.split())


@pytest.mark.parametrize("style", STYLES)
def test_melody_and_bass_fit_the_harmony(style: str):
    fitting, notes = 0, 0
    for seed in range(8):
        plan, midi = make_plan(seed, 40, style), compose(seed, 40, style)
        for track in midi.instruments:
            if track.name not in ("lead", "bass"):
                continue
            for note in track.notes:
                bar = int((note.start + 0.03) * plan.bpm / 240)
                beat = ((note.start + 0.03) * plan.bpm / 60) % 1 < 0.15
                if beat and bar < len(plan.chords):
                    notes += 1
                    fitting += note.pitch % 12 in plan.chords[bar].tones
    assert notes > 50
    assert fitting / notes > 0.9


@pytest.mark.parametrize("style", STYLES)
def test_chords_and_melody_stay_in_the_key(style: str):
    inside = []
    for seed in range(12):
        plan, midi = make_plan(seed, 40, style), compose(seed, 40, style)
        chord_tones = [tone in plan.scale for one in plan.chords for tone in one.tones]
        assert np.mean(chord_tones) > 0.75, (seed, plan.mode)
        inside += [n.pitch % 12 in plan.scale for t in midi.instruments if t.name == "lead" for n in t.notes]
    assert np.mean(inside) > 0.88


def test_pieces_vary():
    plans = [make_plan(seed, 30) for seed in range(150)]
    assert len({plan.bpm for plan in plans}) > 20
    assert {plan.tonic for plan in plans} == set(range(12))
    assert len({id(plan.style) for plan in plans}) == len(STYLES)
    velocities = [note.velocity for seed in range(5) for note in all_notes(compose(seed, 30))]
    assert np.std(velocities) > 8


def test_changing_one_part_leaves_the_others(monkeypatch: pytest.MonkeyPatch):
    before = {track.name: everything_of(track) for track in compose(1, 20, "pop").instruments}
    monkeypatch.setitem(composer.WRITERS, "drums", lambda plan, bars, chance: pretty_midi.Instrument(0, is_drum=True))
    after = {track.name: everything_of(track) for track in compose(1, 20, "pop").instruments}
    assert "drums" in before
    assert "drums" not in after
    assert {name: notes for name, notes in before.items() if name != "drums"} == after


def everything_of(track: pretty_midi.Instrument) -> list[tuple]:
    return [(n.start, n.end, n.pitch, n.velocity) for n in track.notes]


@pytest.mark.parametrize("style", STYLES)
def test_rendered_level(style: str):
    renderer = Renderer(FONT)
    for seed in range(2):
        sound = renderer.stereo(compose(seed, 12, style), seconds=12)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() < 1.0
        assert -45 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -10


@pytest.mark.parametrize(
    ("seconds", "style", "message"),
    [
        (0, None, "above 0 s"),
        (float("nan"), None, "above 0 s"),
        (5, "polka", "no style 'polka'; choose one of pop"),
    ],
)
def test_bad_requests(seconds: float, style: str | None, message: str):
    with pytest.raises(ValueError, match=message):
        compose(1, seconds, style)


# --- harmony --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numeral", "tones"),
    [
        ("I", (0, 4, 7)),
        ("vi", (9, 0, 4)),
        ("V7", (7, 11, 2, 5)),
        ("ii7", (2, 5, 9, 0)),
        ("bVII", (10, 2, 5)),
        ("Imaj9", (0, 4, 7, 11, 2)),
        ("vii" + "m7b5", (11, 2, 5, 9)),
        ("Vsus4", (7, 0, 2)),
        ("i5", (0, 7)),
        ("IV", (5, 9, 0)),
        ("iv", (5, 8, 0)),
    ],
)
def test_chords_of_c(numeral: str, tones: tuple[int, ...]):
    assert chord(numeral, 0).tones == tones
    assert chord(numeral, 5).tones == tuple((tone + 5) % 12 for tone in tones)


@pytest.mark.parametrize("numeral", ["", "VIII", "H", "I13", "Imaj", "b"])
def test_unknown_chord(numeral: str):
    with pytest.raises(ValueError, match="not a chord this module knows"):
        chord(numeral, 0)


def test_minor_is_told_by_the_tonic_chord():
    assert composer.in_minor("bVI i7 iv7")
    assert not composer.in_minor("vi IV I V")
    assert not composer.in_minor("iii7 vi7 ii7 V7")


def test_scales_of_c_and_g():
    assert scale(0, "major") == (0, 2, 4, 5, 7, 9, 11)
    assert set(scale(7, "major")) == {7, 9, 11, 0, 2, 4, 6}


@given(tonic=st.integers(0, 11), numeral=st.sampled_from(["I", "ii7", "V7", "Imaj9", "i5", "Vsus4"]))
def test_voicings_are_close_and_complete(tonic: int, numeral: str):
    tones = chord(numeral, tonic).tones
    for notes in voicings(tones, 48, 80):
        assert {note % 12 for note in notes} == set(tones)
        assert all(0 < high - low <= 12 for low, high in itertools.pairwise(notes))
        assert notes[0] >= 48
        assert notes[-1] <= 80


def test_voice_leading_from_c_to_g_keeps_the_common_tone():
    c = lead_voices(chord("I", 0).tones, (), 52, 76)
    g = lead_voices(chord("V", 0).tones, c, 52, 76)
    assert set(c) & set(g), "C and G share a G"
    assert motion(c, g) <= min(motion(c, other) for other in voicings(chord("V", 0).tones, 52, 76))
    with pytest.raises(ValueError, match="no close voicing"):
        lead_voices((0, 4, 7), (), 60, 62)


@given(tone=st.integers(0, 11), around=st.integers(30, 90))
def test_nearest_pitch(tone: int, around: int):
    pitch = nearest_pitch(tone, around)
    assert pitch % 12 == tone
    assert abs(pitch - around) <= 6
