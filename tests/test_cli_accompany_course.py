"""The three commands that sample notes, with the model that is shipped, as a reader first runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from course_command import course

from course_utils.amt import read_midi, vocab
from course_utils.amt.accompany import choose_melody, cut, parts_of, within
from course_utils.cli import accompany as commands
from course_utils.paths import data_folder
from course_utils.synth.songs import compose_song

RATE = 44100
HELD_OUT = 3  # seed of a song that the model was not trained on
DENSE = 60  # notes a second: more is noise


def answer_of(*arguments: object) -> dict[str, Any]:
    done = course(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def accompaniment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The command as it stands in the README, with nothing but a folder."""
    return answer_of("accompany", "--out", tmp_path_factory.mktemp("accompany"))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "song.mid"
    compose_song(HELD_OUT).midi.write(str(path))
    return path


def row(answer: dict[str, Any], what: str) -> dict[str, Any]:
    return next(row for row in answer["rows"] if row["what"] == what)


def notes_of(answer: dict[str, Any], what: str) -> set[tuple[int, int]]:
    """Onset in ticks and note of what was written."""
    events = read_midi(row(answer, what)["midi"])
    return set(zip(vocab.onsets(events).tolist(), vocab.notes(events).tolist(), strict=True))


def check_result(answer: dict[str, Any], given: str) -> None:
    """Notes of its own all over the range, nothing given is lost, and a sound that can be heard."""
    assert (answer["ok"], answer["stopped"], answer["model"]) == (True, "end", "course")
    begin, end = answer["span"]
    kept, heard = notes_of(answer, given), notes_of(answer, answer["task"])
    assert kept <= heard
    at = np.array([onset for onset, _ in heard - kept if onset >= 100 * begin])
    counts, _ = np.histogram(at, bins=3, range=(100 * begin, 100 * end))
    assert (counts > 0).all(), f"new notes in the three thirds of the range: {counts.tolist()}"
    assert row(answer, "sampled")["notes"] < DENSE * (end - begin)
    for what in (given, answer["task"]):
        samples, rate = sf.read(row(answer, what)["wav"])
        assert rate == RATE
        assert 0.02 < np.abs(samples).max() < 1
        assert np.sqrt(np.mean(samples**2)) > 0.002


def test_the_plain_command_accompanies_the_melody_of_a_shipped_piece(accompaniment: dict[str, Any]) -> None:
    check_result(accompaniment, "melody")
    piece = data_folder() / commands.DEMO
    sung = choose_melody(within(parts_of(piece), 0, 20)).part
    assert accompaniment["melody"]["number"] == sung.number
    melody = set(zip(vocab.onsets(sung.events).tolist(), vocab.notes(sung.events).tolist(), strict=True))
    assert notes_of(accompaniment, "melody") == melody, "the melody is kept to the tick"
    assert accompaniment["span"] == [5, 20]


def test_a_composed_song_is_accompanied(song: Path, tmp_path: Path) -> None:
    answer = answer_of("accompany", "--midi", song, "--duration", 12, "--out", tmp_path)
    check_result(answer, "melody")
    whole = cut(read_midi(song), 0, 12)
    program = vocab.notes(read_midi(row(answer, "melody")["midi"]))[0] // 128
    sung = whole[vocab.notes(whole) // 128 == program]
    assert notes_of(answer, "melody") == set(zip(vocab.onsets(sung).tolist(), vocab.notes(sung).tolist(), strict=True))


def test_a_gap_is_filled(song: Path, tmp_path: Path) -> None:
    answer = answer_of("infill", "--midi", song, "--duration", 12, "--out", tmp_path)
    check_result(answer, "given")
    assert answer["span"] == [3, 9]


def test_a_piece_is_continued(song: Path, tmp_path: Path) -> None:
    answer = answer_of("continue", "--midi", song, "--duration", 12, "--out", tmp_path)
    check_result(answer, "prompt")
    assert {onset < 500 for onset, _ in notes_of(answer, "prompt")} == {True}
