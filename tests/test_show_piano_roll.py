"""The piano roll in Python: its parts, its sound, words, picture and refusals."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from course_utils.amt import token_lists, vocab
from course_utils.amt.midi import to_pretty_midi
from course_utils.paths import data_folder
from course_utils.show import page, piano_roll
from course_utils.show import piano_roll_sound as sound
from course_utils.show.pack_lossy import from_mp3
from course_utils.show.piano_roll import COLOURS, DRUM_COLOUR, group_parts, pitch_name
from course_utils.synth.render import Renderer, SubstitutionWarning

HERE = Path(__file__).parent
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%,()*+-;.=:?@^_[{|}~"
PYTHON85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"


@pytest.fixture(scope="module")
def material() -> Iterator[Any]:
    sys.path.insert(0, str(HERE / "browser"))
    try:
        import amt_material

        yield amt_material
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def player(material: Any) -> Any:
    return material.roll()


def rows(*notes: tuple[float, float, int, int], control: bool = False) -> np.ndarray:
    """(seconds, seconds, pitch, instrument) as triples."""
    made = [
        (round(100 * t), vocab.DUR_OFFSET + round(100 * d), vocab.NOTE_OFFSET + 128 * n + p) for t, d, p, n in notes
    ]
    triples = np.array(made, dtype=np.int64).reshape(-1, 3)
    return vocab.as_controls(triples) if control else triples


# --- parts --------------------------------------------------------------------------------------------------------


def test_each_instrument_is_a_part_and_controls_come_first() -> None:
    events = rows((0, 1, 60, 0), (0, 1, 40, 33), (1, 1, 38, 128), (1, 1, 42, 128))
    parts = group_parts(np.concatenate([events, rows((0, 1, 72, 0), control=True)]))
    names = ["Acoustic Grand Piano (control)", "Drums", "Acoustic Grand Piano", "Electric Bass (finger)"]
    assert [part.name for part in parts] == names
    assert [part.control for part in parts] == [True, False, False, False]
    assert parts[1].colour == DRUM_COLOUR
    assert len({part.colour for part in parts}) == 4, "the same instrument as control has another colour"


def test_many_instruments_become_families_and_then_one_rest() -> None:
    guitars = rows(*((0, 1, 60, n) for n in (24, 25, 26, 27, 28)), (0, 1, 36, 33), (1, 1, 38, 128))
    parts = group_parts(guitars)
    assert [(part.name, part.instruments) for part in parts] == [
        ("Guitar", (24, 25, 26, 27, 28)), ("Electric Bass (finger)", (33,)), ("Drums", (128,))
    ]  # fmt: skip
    wide = rows(*((0.1 * k, 1, 60, 8 * n) for n in range(16) for k in range(n + 1)), (1, 1, 38, 128))
    parts = group_parts(wide)
    assert len(parts) == 6
    assert sorted(n for part in parts for n in part.instruments) == [*range(0, 128, 8), 128]
    assert parts[-1].name == "Other instruments"
    both = np.concatenate([wide, rows((0, 1, 72, 0), control=True)])
    assert [part.control for part in group_parts(both)] == [True] + [False] * 5, "never a control with events"


def test_every_row_but_rests_belongs_to_the_part_of_its_instrument(player: Any) -> None:
    numbers = token_lists.instrument_of(player.triples)
    for row, part in enumerate(player.part_of):
        if vocab.is_rest(player.triples)[row]:
            assert part == -1
        else:
            assert numbers[row] in player.parts[part].instruments
            assert player.parts[part].control == vocab.is_control(player.triples)[row]


def test_colours_are_apart_for_every_eye_and_on_both_papers() -> None:
    def lightness(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    assert len(COLOURS["light"]) == len(COLOURS["dark"]) == 7
    for colour in COLOURS["light"]:
        assert 1.05 / (lightness(colour) + 0.05) > 2.8, f"{colour} on white"
    for colour in COLOURS["dark"]:
        assert (lightness(colour) + 0.05) / (lightness("#111417") + 0.05) > 6, f"{colour} on dark paper"


# --- sound --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::course_utils.synth.render.SubstitutionWarning")
def test_the_parts_add_up_to_the_piece(player: Any) -> None:
    whole = Renderer(data_folder() / sound.FONT).mono(to_pretty_midi(player.triples), player.seconds)
    total = np.sum(player.sounds, axis=0)
    assert total.shape == whole.shape == (round(player.seconds * 44100),)
    np.testing.assert_allclose(total, whole, atol=2e-3)


def test_the_synthesiser_is_loaded_once_and_forgets_what_it_played(
    player: Any, material: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the soundfont was loaded again")

    piano_roll(rows((0, 2, 40, 33), (0, 2, 36, 128), (0, 2, 64, 56)))
    monkeypatch.setattr(Renderer, "__init__", refuse)
    again = material.roll()
    for samples, before in zip(again.sounds, player.sounds, strict=True):
        np.testing.assert_array_equal(samples, before)


def test_no_part_is_silent_and_rests_make_no_sound(player: Any) -> None:
    assert len(player.sounds) == len(player.parts)
    for samples in player.sounds:
        assert np.abs(samples).max() > 0.005


def test_instruments_keep_the_colours_of_another_roll(material: Any) -> None:
    busy = [(t / 4, 0.2, 60, 0) for t in range(12)]
    some = [(t / 2, 0.2, 70, 73) for t in range(5)]
    bass, drums = [(1.0, 0.5, 40, 33)], [(1.5, 0.1, 36, 128)]
    one = piano_roll(rows(*busy, *some, *drums))
    other = piano_roll(rows(*bass, *drums, *[(t / 8, 0.1, 70, 73) for t in range(30)], *busy[:3]), like=one)
    colours = [{part.name: part.colour for part in roll.parts} for roll in (one, other)]
    shared = colours[0].keys() & colours[1].keys()
    assert len(shared) == 3
    assert all(colours[0][name] == colours[1][name] for name in shared)
    assert len(set(colours[1].values())) == len(colours[1])
    given = piano_roll(np.concatenate([vocab.as_controls(rows(*some)), rows(*busy)]), like=one)
    assert [part.colour for part in given.parts] == [colours[0]["Flute"], colours[0]["Acoustic Grand Piano"]]


def test_an_excerpt_begins_at_its_start(material: Any) -> None:
    events = rows((30.0, 0.5, 60, 0), (31.0, 0.5, 62, 0))
    made = piano_roll(events)
    assert made.start == 30.0
    assert made.seconds == pytest.approx(2.5)
    assert np.abs(made.sounds[0][:4410]).max() > 0.005
    cut = piano_roll(events, start=30.5, seconds=1.0)
    assert len(cut.triples) == 1
    first = int(np.flatnonzero(np.abs(cut.sounds[0]) > 1e-3)[0])
    assert 0.5 * 44100 <= first < 0.53 * 44100


def test_a_program_without_a_sound_of_its_own_is_said(player: Any) -> None:
    with pytest.warns(SubstitutionWarning):
        Renderer(data_folder() / sound.FONT).mono(to_pretty_midi(rows((0, 1, 60, 47))), 1.0)
    assert "Timpani is played by" in player.note
    assert player.note.startswith("Sound: ")


def test_packed_sound_starts_on_its_sample_and_is_as_good_as_said(player: Any) -> None:
    total, error = 0.0, 0.0
    back = []
    for track, samples in zip(player.tracks, player.sounds, strict=True):
        stream = base64.b85decode(track.mp3.translate(str.maketrans(ALPHABET, PYTHON85)))
        back.append(from_mp3(stream, track.length))
        match = [float(np.dot(np.roll(back[-1], lag), samples)) for lag in range(-200, 201)]
        assert abs(int(np.argmax(match)) - 200) <= 1
    total = float(np.sum(np.sum(player.sounds, axis=0, dtype=np.float64) ** 2))
    error = float(np.sum((np.sum(back, axis=0, dtype=np.float64) - np.sum(player.sounds, axis=0)) ** 2))
    said = int(player.note.rsplit(" dB below", 1)[0].rsplit(" ", 1)[1])
    assert 10 * np.log10(total / error) == pytest.approx(said, abs=1.5)
    assert said > 15


def test_sound_fits_the_budget_or_says_what_would(material: Any) -> None:
    size = sum(len(track.mp3) for track in material.roll().tracks)
    small = material.roll(budget=round(0.75 * size))
    assert sum(len(track.mp3) for track in small.tracks) <= 0.75 * size
    with pytest.raises(ValueError, match=r"more than the 20,000 allowed: give `seconds` of about"):
        material.roll(budget=20_000)


def test_a_sum_beyond_full_scale_is_made_quieter_and_said() -> None:
    loud = rows(*((0, 1, pitch, program) for program in (0, 16, 29, 48, 61) for pitch in range(40, 70, 2)))
    made = piano_roll(loud)
    assert np.abs(np.sum(made.sounds, axis=0)).max() <= 1.0
    assert "dB quieter" in made.note


# --- the player -----------------------------------------------------------------------------------------------------


def test_words_come_from_the_data(player: Any) -> None:
    controls = int(vocab.is_control(player.triples).sum())
    assert f"{controls} controls" in player.alt
    assert "Controls are drawn as outlines" in player.alt
    assert "Timpani: 17 events on G2" in player.alt
    assert f"{3 * len(player.triples):,} tokens" in player.alt
    assert "outlines" not in piano_roll(rows((0, 1, 60, 0))).alt


def test_data_is_json_and_names_all_that_is_used(player: Any) -> None:
    data = json.loads(page.as_json(player.data()))
    np.testing.assert_array_equal(np.array(data["tokens"]).reshape(-1, 3), player.triples)
    used = set(token_lists.instrument_of(player.triples[~vocab.is_rest(player.triples)]).tolist())
    assert set(data["names"]["instruments"]) == set(map(str, used))
    assert data["names"]["drums"] == {"52": "Chinese Cymbal"}
    assert len(data["part_of"]) == len(player.triples)


def test_pitches_are_named_as_in_javascript() -> None:
    assert [pitch_name(p) for p in (60, 61, 69, 0, 127, 34)] == ["C4", "C\u266f4", "A4", "C-1", "G9", "B\u266d1"]


def test_the_picture_has_every_part_in_its_colour(player: Any) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(player.png())).convert("RGB")).reshape(-1, 3).astype(int)
    for part in player.parts:
        hexadecimal = COLOURS["light"][part.colour]
        colour = [int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(pixels - colour).sum(1) < 30).sum() > 20, part.name


def test_bad_input_is_refused(material: Any) -> None:
    with pytest.raises(ValueError, match="nothing to show"):
        piano_roll(np.empty((0, 3), dtype=np.int64))
    rest = np.array([[0, vocab.DUR_OFFSET, vocab.REST]])
    with pytest.raises(ValueError, match="nothing to show"):
        piano_roll(rest)
    with pytest.raises(ValueError, match="no event begins between 50 s"):
        piano_roll(rows((0, 1, 60, 0)), start=50)
    sequence = np.concatenate([[vocab.ANTICIPATE], rows((0, 1, 60, 0), (1, 1, 60, 0)).reshape(-1)])[:6]
    with pytest.raises(ValueError, match="mode token and the triples kept apart"):
        piano_roll(sequence)
    with pytest.raises(vocab.TokensError, match="three tokens each"):
        piano_roll(sequence[:5])
    with pytest.raises(ValueError, match="too many for one roll"):
        piano_roll(np.repeat(rows((0, 1, 60, 0)), 7000, axis=0))
