"""Beats are found where they are, not where they are not, and may be given instead."""

from __future__ import annotations

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.audio import demo_clip
from course_utils.paths import data_folder
from course_utils.vampnet import Beats, BeatsError, find_beats, find_onsets, masks
from course_utils.vampnet.beats import GIVEN, ONSETS, TRACKER, given_beats

RATE = 44100


def hits(*seconds: float, length: float) -> np.ndarray:
    """Decaying bursts of noise at the times named."""
    rng = np.random.default_rng(0)
    x = np.zeros(round(length * RATE), np.float32)
    for second in seconds:
        at = round(second * RATE)
        burst = rng.standard_normal(4000) * np.exp(-np.arange(4000) / 800) * 0.3
        x[at : at + 4000] += burst[: len(x) - at].astype(np.float32)
    return x


def tone(length: float, *hertz: float) -> np.ndarray:
    t = np.arange(round(length * RATE)) / RATE
    return sum(0.1 * np.sin(2 * np.pi * f * t) for f in hertz).astype(np.float32)


def test_the_beats_of_the_guitar_lie_on_its_notes() -> None:
    """The clip was rendered from this MIDI file, 96 beats a minute: its notes are where the beats must be."""
    midi = pretty_midi.PrettyMIDI(str(data_folder() / "clips/guitar.mid"))
    notes = np.array([note.start for part in midi.instruments for note in part.notes])
    beats = find_beats(demo_clip("guitar").samples, RATE)
    assert beats.how == TRACKER
    assert beats.tempo == pytest.approx(96, rel=0.02)
    inside = [time for time in beats.times if time < notes.max() + 0.1]
    assert len(inside) >= 15
    away = [np.abs(notes - time).min() for time in inside]
    assert np.median(away) < 0.006, "half a window's delay would be 0.023 s"
    assert max(away) < 0.03


@pytest.mark.parametrize(("name", "tempo"), [("electronic", 120), ("ladder", 120)])
def test_the_beats_of_the_other_clips(name: str, tempo: float) -> None:
    beats = find_beats(demo_clip(name).samples, RATE)
    assert beats.tempo == pytest.approx(tempo, rel=0.02)
    assert np.diff(beats.times) == pytest.approx(60 / tempo, abs=0.03)
    assert masks.beats((1, 9, 862), beats.times, RATE / 512).kept_fraction > 0


def test_where_the_tracker_fails_onsets_are_taken() -> None:
    beats = find_beats(hits(0.1, 0.2, length=0.3), RATE)
    assert beats.how == ONSETS
    assert beats.tempo is None
    np.testing.assert_allclose(beats.times, [0.1, 0.2], atol=0.025)


def test_onsets_are_where_something_begins() -> None:
    times = (0.5, 0.9, 1.7, 2.0)
    np.testing.assert_allclose(find_onsets(hits(*times, length=2.5), RATE), times, atol=0.02)


NOTHING = {
    "silence": np.zeros(3 * RATE, np.float32),
    "a drone": tone(4, 110, 165, 220.7, 331),
    "a swell": tone(4, 220) * np.linspace(0, 1, 4 * RATE, dtype=np.float32),
    "noise": (0.1 * np.random.default_rng(1).standard_normal(5 * RATE)).astype(np.float32),
    "a single sample": np.ones(1, np.float32),
    "a tenth of a second": tone(0.1, 440),
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_clip_without_beats_says_so_and_names_the_other_masks(name: str) -> None:
    with pytest.raises(BeatsError, match="no beats were found") as error:
        find_beats(NOTHING[name], RATE)
    for word in ("vamp", "dense", "inpaint", "continue", "compress", "120 bpm"):
        assert word in str(error.value)
    assert ("is silent" in str(error.value)) == (name == "silence")


def test_one_hit_is_no_beat_but_an_onset() -> None:
    x = hits(1.0, length=3)
    with pytest.raises(BeatsError, match="a single clear onset"):
        find_beats(x, RATE)
    assert find_onsets(x, RATE) == pytest.approx((1.0,), abs=0.02)
    with pytest.raises(BeatsError, match="no onsets were found"):
        find_onsets(NOTHING["silence"], RATE)


# --- given beats ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taps", "times", "tempo"),
    [
        ("0.5 1.0 1.5", (0.5, 1.0, 1.5), 120),
        ("0.5, 1;1.5", (0.5, 1.0, 1.5), 120),
        ([1.5, 0.5, 1.0, 0.5], (0.5, 1.0, 1.5), 120),  # sorted, and each once
        ("0", (0.0,), None),
        ("60 bpm", (0.0, 1.0), 60),
        ("120BPM from 0.25", (0.25, 0.75, 1.25, 1.75), 120),
        (np.array([0.25]), (0.25,), None),
    ],
)
def test_given_beats_are_taken(taps: object, times: tuple[float, ...], tempo: float | None) -> None:
    beats = find_beats(NOTHING["silence"][: 2 * RATE], RATE, taps)  # type: ignore[arg-type]
    assert beats == Beats(times, GIVEN, pytest.approx(tempo) if tempo else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("taps", "says"),
    [
        ("", "no beats were given"),
        ([], "no beats were given"),
        ("now and then", "'now and then' is not understood"),
        ("1 2 3", "beats at 2, 3 s are not in the clip, which lasts from 0 to 2.00 s"),
        ([-0.1], "beats at -0.1 s"),
        ([float("nan")], "beats at nan s"),
        ("1 inf", "beats at inf s"),
        ("0 bpm", "0 bpm is no tempo"),
        ("9000 bpm", "9000 bpm is no tempo"),
        ("-60 bpm", "is not understood"),
        ("60 bpm from 2", "the first beat at 2 s is not in the clip"),
    ],
)
def test_beats_that_cannot_be_are_refused(taps: object, says: str) -> None:
    with pytest.raises(BeatsError, match=says):
        find_beats(tone(2, 220), RATE, taps)  # type: ignore[arg-type]


@given(st.sets(st.integers(0, 999), min_size=1), st.randoms())
@settings(max_examples=30)
def test_the_order_of_taps_does_not_matter(milliseconds: set[int], random: object) -> None:
    times = [number / 1000 for number in milliseconds]
    random.shuffle(times)  # type: ignore[attr-defined]
    assert given_beats(times, 1.0).times == tuple(sorted(times)) == given_beats(" ".join(map(str, times)), 1.0).times


@pytest.mark.parametrize(
    ("samples", "rate", "says"),
    [
        (np.zeros((2, 9), np.float32), RATE, r"mono samples \[N\].*not in the shape \(2, 9\)"),
        (np.zeros(0, np.float32), RATE, "at least 1"),
        (np.array([0, np.nan, np.inf], np.float32), RATE, "2 samples are NaN or infinite"),
        (np.ones(9, np.float32), 0, "above 0 Hz, not 0"),
    ],
)
def test_samples_that_cannot_be_are_refused(samples: np.ndarray, rate: int, says: str) -> None:
    with pytest.raises(BeatsError, match=says):
        find_beats(samples, rate)


def test_beats_say_what_they_are() -> None:
    assert str(Beats((0.5, 1.0), GIVEN, 120.0)) == "2 beats (given, 120 beats a minute)"
    assert str(Beats((0.5, 1.0), ONSETS)) == "2 beats (onset strength)"
