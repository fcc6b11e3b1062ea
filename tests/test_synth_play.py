"""The choice of a synthesiser: the course's own by default, FluidSynth only where it is there; never silence."""

import subprocess
import sys
import time
import types

import numpy as np
import pretty_midi
import pytest

from course_utils.amt import Event, TokensError, as_controls, to_pretty_midi, to_triples, write_midi
from course_utils.amt.vocab import DRUMS
from course_utils.paths import data_folder
from course_utils.synth import play as playing
from course_utils.synth.play import FluidSynthError, PieceError, play, what_is_said
from course_utils.synth.render import Renderer, SubstitutionWarning
from course_utils.synth.soundfont import SoundFontError

RATE = 44100
REAL_TIME = 30  # times real time that a piece of real music is rendered, at least


def piece(*events):
    """A piece from (time, duration, pitch, instrument)."""
    return to_pretty_midi(to_triples(Event(*event) for event in events))


def first_sound(samples):
    return int(np.flatnonzero(np.abs(samples) > 0)[0])


def test_events_are_heard_where_they_are_due():
    start = first_sound(play(piece((0, 0.3, 60, 0)), seconds=0.5))
    for ticks in (1, 17, 123):
        later = play(piece((ticks / 100, 0.3, 60, 0)), seconds=2)
        assert first_sound(later) == start + ticks * RATE // 100


def test_the_length_is_what_was_asked_for_or_the_last_note_and_its_decay():
    assert play(piece((0, 0.3, 60, 0)), rate=22050, seconds=0.7).shape == (15435,)
    assert play(piece((0, 0.3, 60, 0))).shape == (round(1.8 * RATE),)
    assert play(piece((0, 0.3, 60, 0))).dtype == np.float32


def test_the_same_as_the_renderer_s():
    midi = piece((0, 0.3, 60, 0), (0.1, 0.2, 38, 128))
    expected = Renderer(playing.shipped_font()).mono(midi, 1.0)
    np.testing.assert_array_equal(play(midi, seconds=1.0), expected)


@pytest.mark.parametrize("instrument", [*range(0, 128, 9), 128])
def test_no_instrument_is_silent_and_a_stand_in_is_named(instrument):
    midi = piece((0, 0.4, 60, instrument))
    said = what_is_said(midi)
    if said:
        with pytest.warns(SubstitutionWarning, match="is played by"):
            sound = play(midi, seconds=0.5)
        assert said[0].startswith(f"{pretty_midi.program_to_instrument_name(instrument)} is played by ")
    else:
        sound = play(midi, seconds=0.5)
    assert np.abs(sound).max() > 1e-3


def test_real_music_takes_a_thirtieth_of_its_time_at_most():
    midi = pretty_midi.PrettyMIDI(str(data_folder() / "midi" / "freedoom" / "fd12_freedoom1_D_INTRO.mid"))
    renderer = Renderer(playing.shipped_font())
    best = np.inf
    for _ in range(3):
        began = time.process_time()  # this process's own time, whatever else the machine does
        with pytest.warns(SubstitutionWarning):
            renderer.mono(midi, 20)
        best = min(best, time.process_time() - began)
    assert 20 / best >= REAL_TIME


def test_without_fluidsynth_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "fluidsynth", None)  # an import of it fails
    assert not playing.has_fluidsynth()
    with pytest.raises(FluidSynthError, match=r"needs the package pyfluidsynth.*leave fluidsynth=True away"):
        play(piece((0, 0.3, 60, 0)), fluidsynth=True)


def test_fluidsynth_plays_when_it_is_there_and_asked(monkeypatch):
    asked = []

    def by_fluidsynth(self, fs, sf2_path):
        asked.append((fs, sf2_path))
        return np.full(fs, 0.5)

    monkeypatch.setitem(sys.modules, "fluidsynth", types.ModuleType("fluidsynth"))
    monkeypatch.setattr(pretty_midi.PrettyMIDI, "fluidsynth", by_fluidsynth)
    midi = piece((0, 0.3, 60, 0))
    assert np.abs(play(midi, seconds=0.5)).max() != 0.5  # not asked for
    assert asked == []
    sound = play(midi, rate=8000, seconds=1.5, fluidsynth=True)
    assert asked == [(8000, str(playing.shipped_font()))]
    assert sound.shape == (12000,)
    assert sound.dtype == np.float32
    assert (sound[:8000] == 0.5).all()
    assert not sound[8000:].any()  # filled up with silence
    assert play(midi, rate=8000, seconds=0.5, fluidsynth=True).shape == (4000,)


def test_a_failing_fluidsynth_is_told_in_words(monkeypatch):
    def fails(self, fs, sf2_path):
        raise ValueError("no such format")

    monkeypatch.setitem(sys.modules, "fluidsynth", types.ModuleType("fluidsynth"))
    monkeypatch.setattr(pretty_midi.PrettyMIDI, "fluidsynth", fails)
    with pytest.raises(FluidSynthError, match=r"could not play.*no such format"):
        play(piece((0, 0.3, 60, 0)), fluidsynth=True)


def test_a_font_that_is_none_is_refused(tmp_path):
    text = tmp_path / "text.sf3"
    text.write_text("no font")
    with pytest.raises(SoundFontError, match="not a SoundFont"):
        play(piece((0, 0.3, 60, 0)), font=text)
    with pytest.raises(FileNotFoundError):
        play(piece((0, 0.3, 60, 0)), font=tmp_path / "absent.sf3")


def test_a_file_sounds_as_the_piece_in_it(tmp_path):
    path = tmp_path / "piece.mid"
    piece((0, 0.3, 60, 0), (0.1, 0.2, 38, 128), (0.2, 0.3, 64, 14)).write(str(path))
    midi = pretty_midi.PrettyMIDI(str(path))
    with pytest.warns(SubstitutionWarning, match="Tubular Bells"):
        expected = play(midi)
    for given in (path, str(path)):
        with pytest.warns(SubstitutionWarning, match="Tubular Bells"):
            np.testing.assert_array_equal(play(given), expected)
        assert what_is_said(given) == what_is_said(midi) != []
    assert np.abs(expected).max() > 1e-3


def test_a_file_of_forty_instruments_is_played_whole(tmp_path):
    path = write_midi(tmp_path / "forty.mid", to_triples(Event(0, 0.2, 60, number) for number in range(40)))
    assert {track.program for track in playing._piece(path).instruments} == set(range(40))


HEADER = b"MThd\0\0\0\6\0\1\0\1\0\x32"
END = b"MTrk\0\0\0\4\0\xff\x2f\0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a MIDI file; it begins with b''"),
        (b"RIFF1234WAVE", "not a MIDI file; it begins with b'RIFF', not with b'MThd'"),
        (HEADER[:10], "a damaged MIDI file"),
        (HEADER + END[:9], "a damaged MIDI file"),
        (HEADER + END, "holds no notes: there is nothing to play"),
        (HEADER[:9] + b"\2" + HEADER[10:] + END, "independent songs"),
        (HEADER[:12] + b"\xe7\x28" + END, "film frames"),
    ],
)
def test_a_file_that_cannot_be_played_says_why(tmp_path, data, message):
    path = tmp_path / "wrong.mid"
    path.write_bytes(data)
    with pytest.raises(PieceError) as raised:
        play(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    with pytest.raises(PieceError):
        what_is_said(path)


def test_what_is_no_piece_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        play(tmp_path / "absent.mid")
    with pytest.raises(TokensError, match="whole numbers"):
        play(np.zeros((4, 3)))
    with pytest.raises(TokensError, match="three tokens each"):
        play(np.zeros((4, 2), dtype=int))
    with pytest.raises(TypeError, match="not NoneType"):
        play(None)


def test_events_and_controls_are_played_as_their_midi_is():
    events = to_triples([Event(0, 0.3, 60, 0), Event(0.2, 0.3, 64, 40), Event(0.4, 0.1, 38, DRUMS)])
    both = np.concatenate([events[:2], as_controls(events[2:])])
    expected = play(to_pretty_midi(events), 22050, 1.0)
    assert abs(expected).max() > 0.01
    for given in (events, both, events.ravel()):
        assert np.array_equal(play(given, 22050, 1.0), expected)
    assert what_is_said(events) == what_is_said(to_pretty_midi(events))


def test_the_synthesiser_is_imported_without_the_models():
    text = "import sys, course_utils.synth.play; print([m for m in sys.modules if 'amt' in m or m == 'torch'])"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout == "[]\n"
