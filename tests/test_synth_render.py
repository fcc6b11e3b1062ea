"""Rendering: sample-exact, deterministic, nothing silent, pedals and controllers obeyed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.synth.render import Renderer, SubstitutionWarning, render, sustained_ends
from course_utils.synth.soundfont import (
    Preset,
    SoundFontError,
    choose_preset,
    nearest_program,
    read_presets,
)

FONT = Path(__file__).resolve().parent.parent / "data" / "soundfont" / "FluidR3Mono_GM_small.sf3"
RATE = 44100


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(FONT)


def piece(*notes: tuple[float, float, int], program: int = 0, is_drum: bool = False) -> pretty_midi.PrettyMIDI:
    """A piece of one track; notes are (start, end, pitch)."""
    midi = pretty_midi.PrettyMIDI()
    track = pretty_midi.Instrument(program, is_drum)
    track.notes = [pretty_midi.Note(100, pitch, start, end) for start, end, pitch in notes]
    midi.instruments.append(track)
    return midi


def first_sound(samples: np.ndarray) -> int:
    return int(np.flatnonzero(np.abs(samples).max(axis=0))[0])


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_shape_and_kind(renderer: Renderer):
    out = renderer.stereo(piece((0, 0.5, 60)), seconds=1.0)
    assert out.shape == (2, RATE)
    assert out.dtype == np.float32
    assert renderer.mono(piece((0, 0.5, 60)), tail=0.25).shape == (round(0.75 * RATE),)
    assert render(piece((0, 0.5, 60)), FONT, rate=22050, seconds=1).shape == (2, 22050)


def test_mono_is_the_mean_of_both_channels(renderer: Renderer):
    midi = piece((0, 0.5, 60))
    np.testing.assert_allclose(renderer.mono(midi, 1), renderer.stereo(midi, 1).mean(axis=0), atol=1e-7)


@given(shift=st.integers(1, 20_000))
@settings(max_examples=15, deadline=None)
def test_a_later_note_is_the_same_sound_later(renderer: Renderer, shift: int):
    one = renderer.stereo(piece((0.1, 0.3, 64), program=25), seconds=0.5)
    later = renderer.stereo(piece((0.1 + shift / RATE, 0.3 + shift / RATE, 64), program=25), seconds=1.0)
    assert first_sound(later) == first_sound(one) + shift
    span = one.shape[1]
    np.testing.assert_allclose(later[:, shift : shift + span], one, atol=1e-6)


def test_same_piece_same_samples_whatever_came_before(renderer: Renderer):
    midi = piece((0, 1, 60), (0.2, 0.7, 67), program=25)
    before = renderer.stereo(midi, 1.5)
    renderer.stereo(piece((0, 5, 40), program=30), seconds=0.5)  # breaks off in the middle of a loud note
    np.testing.assert_array_equal(renderer.stereo(midi, 1.5), before)
    np.testing.assert_array_equal(Renderer(FONT).stereo(midi, 1.5), before)


def test_a_piece_can_be_cut_anywhere(renderer: Renderer):
    midi = piece((0, 1, 60), (0.5, 1.5, 67))
    np.testing.assert_array_equal(renderer.stereo(midi, 2.0)[:, : RATE // 3], renderer.stereo(midi, 1 / 3))


def test_nothing_to_play_is_silence(renderer: Renderer):
    assert renderer.stereo(pretty_midi.PrettyMIDI(), seconds=0.1).max() == 0
    assert renderer.stereo(pretty_midi.PrettyMIDI(), seconds=0.0).shape == (2, 0)


@pytest.mark.parametrize("program", range(0, 128, 5))
def test_every_program_sounds_and_says_what_plays_it(renderer: Renderer, program: int):
    present = {preset.program for preset in renderer.presets if preset.bank == 0}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = renderer.mono(piece((0, 0.5, 60), program=program), seconds=0.6)
    assert level(out) > 1e-3
    said = [str(w.message) for w in caught if w.category is SubstitutionWarning]
    assert len(said) == (program not in present)
    name = pretty_midi.program_to_instrument_name(program)
    assert all(sentence.startswith(f"{name} is played by ") for sentence in said)


def test_another_drum_kit_sounds_and_says_so(renderer: Renderer):
    with pytest.warns(SubstitutionWarning, match=r"drum kit 16 is played by kit 0 \(Standard\)"):
        out = renderer.mono(piece((0, 0.1, 38), program=16, is_drum=True), seconds=0.3)
    assert level(out) > 1e-3


def test_forty_instruments_do_not_disturb_each_other(renderer: Renderer):
    programs = [0, 4, 16, 24, 25, 33, 48, 56, 73, 89] * 4
    together = pretty_midi.PrettyMIDI()
    alone = np.zeros((2, RATE), np.float32)
    for index, program in enumerate(programs):
        midi = piece((0.02 * index, 0.02 * index + 0.1, 40 + index), program=program)
        midi.instruments[0].control_changes.append(pretty_midi.ControlChange(7, 40 + 2 * index, 0))
        together.instruments += midi.instruments
        alone += renderer.stereo(midi, 1.0)
    # Not bit for bit: envelopes advance once per span rendered, and other tracks' events cut the spans.
    assert level(renderer.stereo(together, 1.0) - alone) < 0.02 * level(alone)


def test_volume_pan_and_expression(renderer: Renderer):
    def with_control(number: int, value: int) -> np.ndarray:
        midi = piece((0, 0.8, 60), program=73)
        midi.instruments[0].control_changes = [pretty_midi.ControlChange(number, value, 0.0)]
        return renderer.stereo(midi, 1.0)

    plain = renderer.stereo(piece((0, 0.8, 60), program=73), 1.0)
    assert level(with_control(7, 30)) < 0.5 * level(plain)
    assert level(with_control(11, 30)) < 0.5 * level(plain)
    left, right = with_control(10, 0)
    assert level(left) > 10 * level(right)


def test_pitch_bend_and_its_range(renderer: Renderer):
    def pitch(bend: int, semitones: int | None = None) -> float:
        midi = piece((0, 1, 69), program=73)
        track = midi.instruments[0]
        if semitones is not None:
            settings = ((101, 0), (100, 0), (6, semitones))
            track.control_changes = [pretty_midi.ControlChange(number, value, 0.0) for number, value in settings]
        track.pitch_bends = [pretty_midi.PitchBend(bend, 0.0)]
        sound = renderer.mono(midi, 1.0)[RATE // 4 : 3 * RATE // 4]
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
        return float(spectrum[: len(spectrum) // 8].argmax() * RATE / (8 * len(sound)))

    plain = pitch(0)
    assert 12 * np.log2(pitch(8191) / plain) == pytest.approx(2, abs=0.1)
    assert 12 * np.log2(pitch(8191, 7) / plain) == pytest.approx(7, abs=0.1)


def test_pedal_lets_a_note_ring(renderer: Renderer):
    midi = piece((0, 0.2, 60))
    dry = renderer.mono(midi, 1.5)
    midi.instruments[0].control_changes = [
        pretty_midi.ControlChange(64, 127, 0.1),
        pretty_midi.ControlChange(64, 0, 1.0),
    ]
    held = renderer.mono(midi, 1.5)
    assert level(held[RATE * 6 // 10 : RATE * 9 // 10]) > 30 * level(dry[RATE * 6 // 10 : RATE * 9 // 10])
    assert level(held[RATE * 14 // 10 :]) < 0.1 * level(held[RATE * 6 // 10 : RATE * 9 // 10])


def test_pedal_by_hand():
    track = piece((0, 1, 60), (0, 1, 62), (2, 3, 60), (5, 6, 64)).instruments[0]
    down_up = [(0.5, 127), (4.0, 0), (5.5, 64)]
    track.control_changes = [pretty_midi.ControlChange(64, value, time) for time, value in down_up]
    # 60 is struck again at 2, 62 rings to the release at 4, the second 60 too; the last pedal never comes up
    assert sustained_ends(track) == [2.0, 4.0, 4.0, 6.0]


def test_a_touching_note_is_struck_again(renderer: Renderer):
    out = renderer.mono(piece((0, 0.5, 60), (0.5, 1.0, 60), program=25), 1.0)
    around = RATE // 2
    assert level(out[around : around + 2000]) > 2 * level(out[around - 2000 : around])


def test_a_note_beyond_the_keys_is_played_in_another_octave(renderer: Renderer):
    with pytest.warns(SubstitutionWarning, match=r"Fingered Bass has no sound for keys 100: they are played in"):
        high = renderer.mono(piece((0, 0.5, 100), program=33), 0.6)
    assert level(high) > 1e-3
    np.testing.assert_array_equal(high, renderer.mono(piece((0, 0.5, 76), program=33), 0.6))
    assert [Preset(0, 0, "", frozenset({60, 61})).nearest_key(p) for p in (60, 72, 49, 65)] == [60, 60, 61, 61]


def test_keys_that_a_kit_lacks_are_played_by_the_nearest_and_named(renderer: Renderer):
    said = r"^Standard has no sound for keys 5, 6, 90: they are played by the nearest keys, 27, 87$"
    with pytest.warns(SubstitutionWarning, match=said):
        out = renderer.mono(piece((0, 0.1, 5), (0.1, 0.2, 90), (0.2, 0.3, 6), is_drum=True), 0.4)
    instead = piece((0, 0.1, 27), (0.1, 0.2, 87), (0.2, 0.3, 27), is_drum=True)
    np.testing.assert_array_equal(out, renderer.mono(instead, 0.4))


@pytest.mark.parametrize("key", [0, 12, 26, 88, 96, 127])
def test_no_drum_key_is_silent(renderer: Renderer, key: int):
    with pytest.warns(SubstitutionWarning, match=f"no sound for keys {key}:"):
        assert level(renderer.mono(piece((0, 0.05, key), is_drum=True), 0.1)) > 1e-3


@pytest.mark.parametrize(("key", "is_drum"), [(36, True), (38, True), (42, True), (60, False), (84, False)])
@pytest.mark.parametrize("length", [0.0, 0.001, 0.01])
def test_a_note_of_no_length_is_heard(renderer: Renderer, key: int, is_drum: bool, length: float):
    short, long = (renderer.mono(piece((0, end, key), is_drum=is_drum), 0.5) for end in (length, 0.3))
    assert np.abs(short).max() > np.abs(long).max() / 4


def test_a_note_of_no_length_does_not_end_the_next_one(renderer: Renderer):
    alone = renderer.mono(piece((0.01, 0.5, 60)), 0.5)
    behind = renderer.mono(piece((0, 0, 60), (0.01, 0.5, 60)), 0.5)
    assert level(behind[RATE // 4 :]) > 0.7 * level(alone[RATE // 4 :])


def test_in_a_kit_the_nearest_key_is_not_an_octave_away():
    kit = Preset(0, 128, "", frozenset({40, 51}))
    assert [kit.nearest_key(pitch) for pitch in (39, 40, 45, 46, 52, 64)] == [40, 40, 40, 51, 51, 51]


def test_keys_read_from_the_font_are_those_that_sound():
    renderer = Renderer(FONT)
    kit = next(preset for preset in renderer.presets if preset.bank == 128)
    # Told that it has all keys, it replaces none.
    renderer.presets = [preset._replace(keys=frozenset(range(128))) for preset in renderer.presets]
    loud = {k for k in range(128) if level(renderer.mono(piece((0, 0.05, k), is_drum=True), 0.1)) > 1e-5}
    assert loud == set(kit.keys) == set(range(27, 88))


def test_nearest_program_stays_in_the_family():
    available = [0, 16, 25, 33, 48, 56, 73, 81, 89]
    assert [nearest_program(p, available) for p in (0, 7, 20, 30, 39, 44, 62, 75, 80, 95)] == [
        0, 0, 73, 25, 33, 48, 56, 73, 81, 89,
    ]  # fmt: skip
    assert nearest_program(70, available) == 73  # a bassoon: pipes are next to reeds
    assert nearest_program(9, available) == 0  # a glockenspiel: struck, like a piano


PLUCKED_OR_STRUCK = ("Harpsichord", "Dulcimer", "Pizzicato Strings", "Orchestral Harp", "Timpani", "Sitar", "Banjo",
                     "Shamisen", "Koto", "Kalimba", "Tinkle Bell", "Steel Drums", "FX 3 (crystal)")  # fmt: skip
HELD = ("Choir Aahs", "Voice Oohs", "Accordion", "Harmonica", "Alto Sax", "French Horn", "Fiddle", "Shanai", "Bagpipe")


@pytest.mark.parametrize(("names", "dies_away"), [(PLUCKED_OR_STRUCK, True), (HELD, False)])
def test_a_stand_in_is_held_or_dies_away_as_what_it_stands_for(renderer: Renderer, names: Any, dies_away: bool):
    for name in names:
        program = pretty_midi.instrument_name_to_program(name)
        with pytest.warns(SubstitutionWarning, match=re.escape(f"{name} is played by")):
            out = renderer.mono(piece((0, 3, 67), program=program), seconds=3)
        loud = [level(out[round(s * RATE) : round((s + 0.2) * RATE)]) for s in np.arange(0, 2.8, 0.2)]
        assert (loud[-1] < max(loud) / 3) == dies_away, name


@pytest.mark.parametrize(
    ("name", "keys"), [("Woodblock", {76, 77}), ("Taiko Drum", {41, 43}), ("Applause", {49}), ("Agogo", {67, 68})]
)
def test_what_is_a_drum_is_played_by_the_drum_kit(renderer: Renderer, name: str, keys: set[int]):
    program = pretty_midi.instrument_name_to_program(name)
    listed = ("key " if len(keys) == 1 else "keys ") + ", ".join(map(str, sorted(keys)))
    with pytest.warns(SubstitutionWarning) as caught:
        out = renderer.mono(piece((0, 0.3, 60), program=program), seconds=0.5)
    assert [str(warning.message) for warning in caught] == [f"{name} is played by the drum kit ({listed})"]
    kit = renderer.mono(piece((0, 0.3, min(keys, key=lambda key: abs(key - 60))), is_drum=True), seconds=0.5)
    np.testing.assert_array_equal(out, kit)


def test_toms_that_are_a_program_rise_with_the_pitch(renderer: Renderer):
    preset, _ = choose_preset(117, False, renderer.presets)
    assert [preset.nearest_key(pitch) for pitch in (36, 44, 46, 60)] == [41, 43, 45, 50]


def test_stand_ins_give_way_to_what_a_font_has():
    presets = [Preset(24, 0, "Nylon"), Preset(104, 0, "Sitar"), Preset(116, 0, "Taiko"), Preset(0, 128, "Kit")]
    assert choose_preset(104, False, presets) == (presets[1], "")
    assert choose_preset(116, False, presets) == (presets[2], "")
    assert choose_preset(104, False, presets[:1]) == (presets[0], "Sitar is played by Nylon")  # no steel strings
    assert choose_preset(116, False, presets[:1])[0] == presets[0]  # no kit
    without = Preset(0, 128, "Kit", frozenset({38}))
    assert choose_preset(116, False, [presets[0], without])[0] == presets[0]  # a kit without toms


@given(program=st.integers(0, 127), available=st.sets(st.integers(0, 127), min_size=1))
def test_nearest_program_is_one_of_those_available(program: int, available: set[int]):
    chosen = nearest_program(program, available)
    assert chosen in available
    assert (chosen == program) == (program in available)


def test_a_font_without_drums_or_melody_is_refused_not_silent():
    with pytest.raises(SoundFontError, match="no drum kit"):
        choose_preset(0, True, [Preset(0, 0, "Piano")])
    with pytest.raises(SoundFontError, match="no melodic preset"):
        choose_preset(0, False, [Preset(0, 128, "Standard")])
    with pytest.raises(SoundFontError, match="no drum kit"):
        choose_preset(0, True, [Preset(0, 128, "Empty", frozenset())])
    heard = Preset(8, 128, "Heard")
    assert choose_preset(0, True, [Preset(0, 128, "Empty", frozenset()), heard])[0] == heard


def test_bad_fonts(tmp_path: Path):
    text = tmp_path / "text.sf3"
    text.write_text("this is not a soundfont")
    with pytest.raises(SoundFontError, match="not a SoundFont"):
        Renderer(text)
    short = tmp_path / "short.sf3"
    short.write_bytes(FONT.read_bytes()[:1_000_000])
    with pytest.raises(SoundFontError, match="cut short"):
        read_presets(short)
    with pytest.raises(FileNotFoundError):
        Renderer(tmp_path / "absent.sf3")
