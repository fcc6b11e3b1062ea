"""Tokenising a folder of any size: every file is accounted for, and stopping loses nothing."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import dask
import numpy as np
import pytest
import torch
from scale_music import RECIPE
from typer.testing import CliRunner

from course_utils.amt.midi import compound_to_events, read_midi, write_midi
from course_utils.amt.vocab import ANTICIPATE, AUTOREGRESS
from course_utils.paths import ROOT
from course_utils.train import __main__ as commands
from course_utils.train import anticipation, export, lakh
from course_utils.train.lakh import (
    CorpusError,
    MidiShards,
    midi_files,
    shard_pieces,
    shards_story,
    split_of,
    tokenise,
)
from course_utils.train.music import by_time


@pytest.fixture(autouse=True)
def _in_this_process():
    with dask.config.set(scheduler="synchronous"):
        yield


def write_piece(path: Path, notes: int = 150, seed: int = 0, instruments: int = 2, apart: float = 0.2) -> None:
    """A piece of random notes, `apart` seconds apart."""
    chance = np.random.default_rng(seed)
    rows = [(round(100 * apart * i), 15, chance.integers(40, 80), i % instruments, 72) for i in range(notes)]
    write_midi(path, compound_to_events(np.array(rows)))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve files: six good ones of which two are the same, three broken ones, three not for training; and a text."""
    folder = tmp_path / "midi"
    for seed in range(4):
        write_piece(folder / f"{seed}" / f"piece{seed}.mid", seed=seed)
    write_piece(folder / "deep" / "er" / "LOUD.MID", seed=4)
    (folder / "copy.midi").write_bytes((folder / "0" / "piece0.mid").read_bytes())
    (folder / "truncated.mid").write_bytes((folder / "1" / "piece1.mid").read_bytes()[:200])
    (folder / "empty.mid").write_bytes(b"")
    (folder / "text.mid").write_text("no music\nbut two\tlines")
    write_piece(folder / "short.mid", notes=20)
    write_piece(folder / "orchestra.mid", notes=200, instruments=40)
    write_piece(folder / "long.mid", apart=25)
    (folder / "README.txt").write_text("not counted")
    return folder


def test_every_file_is_accounted_for(folder, tmp_path):
    report = tokenise(folder, tmp_path / "out", files_a_shard=5, say=lambda _: None)
    assert report["files"] == 12
    assert report["outcomes"] == {
        "used": 6, "broken": 3, "too short": 1, "too many instruments": 1, "too long": 1,
    }  # fmt: skip
    assert report["same_bytes_as_another"] == 1
    assert report["shards"] == 3
    assert sum(report["pieces"].values()) == 6
    lines = (tmp_path / "out" / "left_out.tsv").read_text().splitlines()
    listed = {line.split("\t")[0]: line.split("\t") for line in lines[1:]}
    assert set(listed) == {"truncated.mid", "empty.mid", "text.mid", "short.mid", "orchestra.mid", "long.mid"}
    assert all(len(row) == 3 for row in listed.values())
    assert listed["text.mid"][1] == "broken"
    assert listed["text.mid"][2]
    assert listed["short.mid"][1] == "too short"
    assert re.fullmatch(r"\d+ events, \d+\.\d s, \d+ instruments", listed["short.mid"][2])


def test_the_pieces_are_the_files_events_on_the_side_of_their_hash(folder, tmp_path):
    tokenise(folder, tmp_path / "out", files_a_shard=5, say=lambda _: None)
    shards = MidiShards(tmp_path / "out")
    expected: dict[str, list] = {split: [] for split in lakh.SPLITS}
    good = ("0/piece0.mid", "1/piece1.mid", "2/piece2.mid", "3/piece3.mid", "copy.midi", "deep/er/LOUD.MID")
    for name in good:
        md5 = hashlib.md5((folder / name).read_bytes()).hexdigest()
        expected[split_of(md5)].append(by_time(read_midi(folder / name)))
    for split in lakh.SPLITS:
        found = list(shards.pieces(split))
        assert len(found) == len(expected[split])
        assert all(np.array_equal(a, b) for a, b in zip(found, expected[split], strict=True))


@pytest.mark.parametrize(
    ("digit", "split"), [*((d, "train") for d in "0123456789abcd"), ("e", "validation"), ("f", "test")]
)
def test_split_by_the_first_digit(digit, split):
    assert split_of(digit + "0" * 31) == split
    assert split_of(digit.upper() + "f" * 31) == split


def test_training_sequences_come_with_copies_only(folder, tmp_path):
    without = tokenise(folder, tmp_path / "events", say=lambda _: None)
    assert without["sequences"] == {"train": 0, "validation": 0, "test": 0}
    report = tokenise(folder, tmp_path / "out", copies=10, files_a_shard=6, say=lambda _: None)
    shards = MidiShards(tmp_path / "out")
    for split in lakh.SPLITS:
        rows = [row for part in shards.sequences(split) for row in part]
        assert len(rows) == report["sequences"][split]
        assert all(row.shape == (1024,) and row[0] in (AUTOREGRESS, ANTICIPATE) for row in rows)
    assert report["sequences"]["train"] > 10


def test_what_is_done_is_not_done_again(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    first = tokenise(folder, out, files_a_shard=5, say=lambda _: None)
    (out / "shard-00001.json").unlink()
    done = []
    real = lakh._tokenise_shard
    monkeypatch.setattr(lakh, "_tokenise_shard", lambda job: done.append(job[2]) or real(job))
    assert tokenise(folder, out, files_a_shard=5, say=lambda _: None) == first
    assert done == [1]


def test_shards_made_otherwise_are_not_mixed(folder, tmp_path):
    out = tmp_path / "out"
    tokenise(folder, out, files_a_shard=5, say=lambda _: None)
    with pytest.raises(CorpusError, match="copies was 0, now 3"):
        tokenise(folder, out, files_a_shard=5, copies=3, say=lambda _: None)
    write_piece(folder / "another.mid", seed=9)
    with pytest.raises(CorpusError, match="files was 12, now 13"):
        tokenise(folder, out, files_a_shard=5, say=lambda _: None)


def test_a_fault_that_no_one_thought_of_is_a_broken_file(folder, tmp_path, monkeypatch):
    def read(path):
        if path.name == "piece2.mid":
            raise KeyError("odd")
        return read_midi(path)

    monkeypatch.setattr(lakh, "read_midi", read)
    report = tokenise(folder, tmp_path / "out", say=lambda _: None)
    assert report["outcomes"]["broken"] == 4
    assert "piece2.mid\tbroken\tKeyError: 'odd'" in (tmp_path / "out" / "left_out.tsv").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_is_listed(folder, tmp_path):
    try:
        (Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.mid"))).write_bytes(b"no")
    except OSError:
        pytest.skip("this file system refuses such names")
    report = tokenise(folder, tmp_path / "out", say=lambda _: None)
    assert report["outcomes"]["broken"] == 4
    assert "bad\\udcff.mid" in (tmp_path / "out" / "left_out.tsv").read_text()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Shards of forty pieces: some on every side."""
    folder, out = (tmp_path_factory.mktemp(name) for name in ("midi", "shards"))
    for seed in range(40):
        write_piece(folder / f"{seed:02d}.mid", seed=seed)
    with dask.config.set(scheduler="synchronous"):
        report = tokenise(folder, out, files_a_shard=15, say=lambda _: None)
    assert min(report["pieces"].values()) > 0
    return out


def test_the_pieces_to_train_on_are_the_shards_and_stay_on_the_disk(corpus, tmp_path):
    for split, side in (("train", "train"), ("validation", "held out")):
        made, expected = shard_pieces([corpus], split), list(MidiShards(corpus).pieces(split))
        assert len(made) == len(expected)
        for piece, events in zip(made, expected, strict=True):
            np.testing.assert_array_equal(piece.triples, events)
            assert piece.triples.dtype == np.int64
            assert not piece.triples.flags.owndata
            assert (piece.melody, piece.chords, piece.split) == (None, None, side)
    (path,) = corpus.glob("train-*.npy")
    before = path.stat().st_mtime_ns
    pieces = shard_pieces([corpus])
    names = [piece.name for piece in pieces]
    assert path.stat().st_mtime_ns == before, "unpacked once"
    assert names == [o.file for o in MidiShards(corpus).outcomes()]
    write_piece(tmp_path / "again.mid", seed=int(Path(names[3]).stem))
    np.testing.assert_array_equal(pieces[3].triples, by_time(read_midi(tmp_path / "again.mid")))
    assert [piece.name for piece in shard_pieces([corpus, corpus])] == 2 * names
    assert shards_story(pieces).startswith(
        f"{len(names)} pieces of a folder of MIDI files, {150 * len(names):,} events ("
    )


def test_a_side_without_pieces_is_refused(folder, tmp_path):
    for seed in range(4):
        (folder / f"{seed}" / f"piece{seed}.mid").unlink()
    for name in ("copy.midi", "deep/er/LOUD.MID"):
        (folder / name).unlink()
    tokenise(folder, tmp_path / "out", say=lambda _: None)
    with pytest.raises(CorpusError, match="no pieces for validation in .*out: tokenise more files"):
        shard_pieces([tmp_path / "out"], "validation")
    with pytest.raises(CorpusError, match="no split is called 'dev'"):
        shard_pieces([tmp_path / "out"], "dev")


@pytest.fixture
def tiny(monkeypatch, tmp_path) -> list[anticipation.MusicTraining]:
    """The command `amt` with the smallest network; the list gets the runs that it makes."""
    made = []

    class Seen(anticipation.MusicTraining):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(commands, "RUNS", tmp_path)
    monkeypatch.setattr(anticipation, "MusicTraining", Seen)
    monkeypatch.setattr(anticipation, "MusicRecipe", lambda steps=3: replace(RECIPE, steps=steps, exercises=1))
    return made


def test_the_command_trains_on_the_shards_and_goes_on(corpus, tiny, monkeypatch, tmp_path):
    for stop in (1, 2):
        done = CliRunner().invoke(commands.app, ["amt", "--shards", str(corpus), "--stop-after", str(stop)])
        assert done.exit_code == 0, done.output
    first, second = tiny
    assert (first.step, second.step) == (1, 3)
    assert [piece.name for piece in second.pieces] == [o.file for o in MidiShards(corpus).outcomes("train")]
    assert second.folder == tmp_path / "amt-shards", "not that of the course's own music"
    state = torch.load(tmp_path / "amt-shards" / "ema.pt", weights_only=True)
    assert state["step"] == 3
    assert np.isfinite(state["bits"]).all()
    assert "of a folder of MIDI files" in state["data"]
    assert "training sequences of a full context (341 rows)" in state["data"]
    assert "Freedoom" not in state["data"]
    (tmp_path / "models" / "amt-course").mkdir(parents=True)
    monkeypatch.setattr(export, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(export, "enter_in_manifest", lambda: None)
    run = str(tmp_path / "amt-shards")
    done = CliRunner().invoke(commands.app, ["export-amt", "--run", run, "--hardware", "a core"])
    assert done.exit_code == 0, done.output
    story = export.training_story(tmp_path / "models" / "amt-course" / "model.safetensors")
    assert (story["data"], story["hardware"], story["steps"]) == (state["data"], "a core", 3)


def test_shards_that_are_not_there_are_told(tiny, tmp_path):
    done = CliRunner().invoke(commands.app, ["amt", "--shards", str(tmp_path)])
    assert done.exit_code == 1
    assert "Error: no finished corpus" in done.output
    assert not tiny


def test_folders_without_music_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="not a folder"):
        midi_files(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="no MIDI files"):
        midi_files(tmp_path)


def test_unfinished_and_unknown_are_refused(folder, tmp_path):
    with pytest.raises(CorpusError, match="no finished corpus"):
        MidiShards(tmp_path)
    tokenise(folder, tmp_path / "out", say=lambda _: None)
    with pytest.raises(CorpusError, match="no split is called 'dev'"):
        next(MidiShards(tmp_path / "out").pieces("dev"))


def test_without_dask_it_says_what_to_install(folder, tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(CorpusError, match="pip install"):
        tokenise(folder, tmp_path / "out", say=lambda _: None)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "course_utils.train", "lakh", *map(str, arguments)]


def test_the_command_says_what_is_wrong(tmp_path):
    done = subprocess.run(command(tmp_path, "--out", tmp_path / "out"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Error: no MIDI files" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_stopped_by_the_keyboard_it_goes_on(tmp_path):
    folder, out = tmp_path / "midi", tmp_path / "out"
    for seed in range(16):
        write_piece(folder / f"{seed:02d}.mid", notes=1500, seed=seed)
    arguments = command(folder, "--out", out, "--workers", 2, "--shard-files", 1)
    with subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        end = time.monotonic() + 120
        while not list(out.glob("shard-*.json")) and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)  # as the terminal does: to the command and its workers
        _, complaint = running.communicate(timeout=120)
    assert running.returncode == 130, complaint
    assert "Stopped" in complaint
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("shard-*.json")}
    assert 1 <= len(done) < 16
    assert not (out / "report.json").exists()
    subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True)
    assert {name: (out / name).stat().st_mtime_ns for name in done} == done
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    report = json.loads((out / "report.json").read_text())
    assert report["outcomes"] == {"used": 16}
    assert len([piece for split in lakh.SPLITS for piece in MidiShards(out).pieces(split)]) == 16
