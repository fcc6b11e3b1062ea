"""Recordings: what is written is read, what has changed is refused, what is shipped is of the shipped models."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.recorded import (
    RECORDINGS,
    RecordingError,
    StaleRecordingError,
    changed,
    code_hash,
    fingerprint,
    make_recording,
    read_recording,
)
from course_utils.recorded.__main__ import main
from course_utils.recorded.frechet import embed, frechet_distance, jackknife, reference_of
from course_utils.recorded.material import CLIPS, REFERENCE, music
from course_utils.recorded.registry import record
from course_utils.recorded.sounding import MEASURES, spread, surprise
from course_utils.recorded.store import folder_of, read_as_it_is
from course_utils.recorded.sweeps import SCHEDULES, frechet_change, hasty, schedules_sweep
from course_utils.vampnet import VampNet, VampNetConfig, fixed_counts

CODE = '''"""What it does."""

def f(x, *, times=3):
    """Multiply."""
    return x * times  # by three
'''


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data/ and an empty cache of this test's own, in force."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "weights").write_bytes(b"one")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return folder


class Counting:
    """A recorder of three jobs that says which of them it did; job "b" fails as often as it is told to."""

    name, says = "counting", "nothing of use"

    def __init__(self, failures: int = 0) -> None:
        self.settings: dict[str, Any] = {"seed": 7}
        self.did: list[str] = []
        self.failures = failures

    def files(self) -> list[str]:
        return ["data/weights", "course_utils/files.py"]

    def jobs(self) -> list[str]:
        return ["a", "b", "c"]

    def measure(self, job: str) -> tuple[dict[str, Any], dict[str, Any]]:
        if job == "b" and self.failures:
            self.failures -= 1
            raise KeyboardInterrupt
        self.did.append(job)
        return {"value": ord(job) / 3}, {"codes": np.full((9, 4), ord(job), dtype=np.int16)}

    def summary(self, parts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        values = {job: figures["value"] for job, (figures, _) in parts.items()}
        return {"values": values}, {job: arrays["codes"] for job, (_, arrays) in parts.items()}


# --- what decides the hash ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("  # by three", ""),
        CODE.replace('"""Multiply."""', '"""Multiply, as one does."""'),
        CODE.replace('"""What it does."""\n', ""),
        CODE.replace("x * times", "(x\n        * times)"),
    ],
)
def test_comments_layout_and_docstrings_do_not_change_the_hash(same: str) -> None:
    assert same != CODE
    assert code_hash(same) == code_hash(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("times=3", "times=4"), ("x * times", "x + times"), ("f(x", "g(x"), ("return x * times", "pass"), ("*, ", "")],
)
def test_what_the_code_does_changes_the_hash(old: str, new: str) -> None:
    assert code_hash(CODE.replace(old, new)) != code_hash(CODE)


def test_strings_that_are_no_docstrings_count() -> None:
    assert code_hash('def f():\n    x = 1\n    "said"\n') != code_hash("def f():\n    x = 1\n")
    assert code_hash("x = 1") != code_hash("x = '1'")


def test_the_hash_is_the_same_on_every_python() -> None:
    assert code_hash(CODE) == "40eda2ac2632f2a28a3efba44f990c72a5d00b895a71bb2f98048ab5ff6ff688"


def test_a_fingerprint_tells_what_changed(own_data: Path) -> None:
    made_by = fingerprint(["data/weights", "data/absent", "course_utils/files.py"])
    assert list(made_by) == ["course_utils/files.py", "data/absent", "data/weights"]
    assert made_by["data/absent"] == "missing"
    assert changed(made_by) == []
    (own_data / "weights").write_bytes(b"two")
    (own_data / "absent").write_bytes(b"")
    assert changed(made_by) == ["data/absent", "data/weights"]


# --- making and reading -------------------------------------------------------------------------------------------


def test_what_is_recorded_is_read(own_data: Path) -> None:
    told: list[tuple[int, int]] = []
    record(Counting(), lambda done, total: told.append((done, total)))
    recording = read_recording("counting")
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert recording.numbers["values"] == {"a": 32.333, "b": 32.667, "c": 33.0}  # five digits
    assert recording.settings["seed"] == 7
    assert recording.codes("b").dtype == torch.int64
    assert recording.codes("b").tolist() == [[[ord("b")] * 4] * 9]
    assert set(recording.made_by) == set(Counting().files())
    with pytest.raises(KeyError, match="no codes are called 'x'; there are a, b, c"):
        recording.codes("x")


def test_the_same_work_gives_the_same_files(own_data: Path) -> None:
    record(Counting(), lambda *_: None)
    first = (folder_of("counting") / "arrays.npz").read_bytes()
    record(Counting(), lambda *_: None)
    assert (folder_of("counting") / "arrays.npz").read_bytes() == first


def test_an_interrupted_recording_goes_on_where_it_stopped(own_data: Path, tmp_path: Path) -> None:
    recorder = Counting(failures=1)
    with pytest.raises(KeyboardInterrupt):
        record(recorder, lambda *_: None)
    assert not folder_of("counting").exists()
    record(recorder, lambda *_: None)
    assert recorder.did == ["a", "b", "c"]
    assert list((tmp_path / "cache" / "recorded").iterdir()) == []


def test_jobs_of_other_models_are_not_taken_over(own_data: Path) -> None:
    recorder = Counting(failures=1)
    with pytest.raises(KeyboardInterrupt):
        record(recorder, lambda *_: None)
    (own_data / "weights").write_bytes(b"two")
    record(recorder, lambda *_: None)
    assert recorder.did == ["a", "a", "b", "c"]


def test_a_stale_recording_is_refused_and_says_what_changed(own_data: Path) -> None:
    record(Counting(), lambda *_: None)
    (own_data / "weights").write_bytes(b"two")
    with pytest.raises(StaleRecordingError) as refused:
        read_recording("counting")
    assert "others than these: data/weights." in str(refused.value)
    assert "python -m course_utils.recorded counting" in str(refused.value)
    assert 'make_recording("counting")' in str(refused.value)
    assert read_as_it_is("counting").numbers["values"]["c"] == 33


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": "counting"}', '{"name": "counting", "surprising": 1}', "null"]
)
def test_a_damaged_recording_is_refused(content: str, own_data: Path) -> None:
    record(Counting(), lambda *_: None)
    (folder_of("counting") / "recording.json").write_text(content)
    with pytest.raises(RecordingError, match="is damaged"):
        read_recording("counting")


def test_damaged_arrays_are_refused(own_data: Path) -> None:
    record(Counting(), lambda *_: None)
    path = folder_of("counting") / "arrays.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RecordingError, match="is damaged"):
        read_recording("counting")


def test_a_recording_that_is_not_there_says_how_to_make_it(own_data: Path) -> None:
    with pytest.raises(RecordingError, match=r"no recording 'passes' in .*`python -m course_utils\.recorded passes"):
        read_recording("passes")
    with pytest.raises(RecordingError, match="no recording is called 'pases'; there are passes, "):
        make_recording("pases")


def test_the_command_refuses_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pases"]) == 1
    assert "there are passes, " in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "passes" in capsys.readouterr().out


# --- what is measured ---------------------------------------------------------------------------------------------


def test_the_music_was_not_trained_on() -> None:
    from course_utils.train.corpus import FIRST_TRAINING_SEED, is_held_out

    assert not set(CLIPS) & set(REFERENCE)
    for name in (*CLIPS, *REFERENCE):
        if name.startswith("fd"):
            assert is_held_out(name), name
        if name.startswith("composed-"):
            assert 10 <= int(name.removeprefix("composed-")) < FIRST_TRAINING_SEED, name  # below 10: they chose models


def test_the_music_is_there_and_sounds() -> None:
    for name in ("ladder", "heldout_arovane_a", "fd12_freedoom1_D_E3M7", "composed-100"):
        samples = music(name, 1.0)
        assert samples.shape == (44100,), name
        assert samples.dtype == np.float32
        assert np.sqrt(np.mean(samples**2)) > 0.02, name


def test_an_embedding_is_24_numbers_for_every_quarter_second() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * 44100).astype(np.float32)
    quiet, loud = embed(noise), embed(noise * 2)
    assert quiet.shape == (13, 24)
    assert (loud - quiet)[:, 0] == pytest.approx(math.log(2) * math.sqrt(40), rel=1e-3)  # loudness is the first number
    assert np.abs(loud - quiet)[:, 1:].max() < 1e-3
    with pytest.raises(ValueError, match=r"a window is 1 s, this sound only 0\.50 s"):
        embed(noise[:22050])


def test_the_frechet_distance_of_normal_distributions() -> None:
    chance = np.random.default_rng(0)
    windows = chance.normal(size=(400, 3)) * [1, 2, 3] + [0, 5, 0]
    reference = reference_of(windows)
    assert frechet_distance(windows, reference) == pytest.approx(0, abs=1e-9)
    moved = windows + 2 * windows.std(0) * [1, 0, 0]
    assert frechet_distance(moved, reference) == pytest.approx(4)  # |difference of means|^2
    wide = (windows - windows.mean(0)) * 3 + windows.mean(0)
    traces = np.trace(reference.covariance)
    assert frechet_distance(wide, reference) == pytest.approx(traces * (1 + 9 - 2 * 3))  # (s - 1)^2 for each dimension


def test_the_jackknife_of_equal_clips_has_no_error() -> None:
    windows = np.random.default_rng(0).normal(size=(50, 3))
    reference = reference_of(windows)
    assert jackknife([windows] * 4, reference)[1] == pytest.approx(0, abs=1e-3)
    different = jackknife([windows, windows + 1, windows - 2], reference)
    assert different[1] > 0.5
    assert math.isnan(jackknife([windows], reference)[1])


def test_the_change_of_the_frechet_distance_is_taken_clip_by_clip() -> None:
    chance = np.random.default_rng(0)
    reference = reference_of(chance.normal(size=(400, 3)))
    before = [chance.normal(size=(50, 3)) + place for place in (-6, 0, 1, 5)]  # clips differ much
    after = [windows + 1 for windows in before]  # and all change alike
    change, error = frechet_change(before, after, reference)
    distances = [jackknife(side, reference) for side in (before, after)]
    assert change == pytest.approx(distances[1][0] - distances[0][0])
    assert error < math.hypot(distances[0][1], distances[1][1]) / 2
    assert frechet_change(before, before, reference) == pytest.approx((0, 0))
    assert math.isnan(frechet_change(before[:1], after[:1], reference)[1])
    with pytest.raises(ValueError, match="clips are compared one by one, these are 4 and 3"):
        frechet_change(before, after[:3], reference)


def test_the_error_of_a_change_is_that_of_a_jackknife() -> None:
    chance = np.random.default_rng(0)
    reference = reference_of(chance.normal(size=(400, 3)))
    before, after = ([chance.normal(size=(50, 3)) + chance.normal(size=3) for _ in range(4)] for _ in range(2))
    rest = [[k for k in range(4) if k != i] for i in range(4)]
    left = [frechet_change([before[k] for k in r], [after[k] for k in r], reference)[0] for r in rest]
    expected = math.sqrt(3 / 4 * sum((value - np.mean(left)) ** 2 for value in left))
    assert frechet_change(before, after, reference)[1] == pytest.approx(expected)


def test_the_schedules_run_from_all_to_none_and_differ_in_the_first_pass() -> None:
    first = {name: fixed_counts(1000, 12, gamma)[0] for name, gamma in SCHEDULES.items()}
    assert list(first) == ["cosine", "linear", "random", "hasty"]
    assert first["cosine"] < first["linear"] < first["hasty"]
    assert len(set(first.values())) == 4
    ends = torch.tensor([0.0, 1.0])
    assert [gamma(ends).tolist() for gamma in SCHEDULES.values()] == [pytest.approx([1, 0], abs=1e-6)] * 4
    assert hasty(torch.tensor(2 / 3)) == pytest.approx(1 - math.cos(math.pi / 6))
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        hasty(torch.tensor([1.5]))


def test_the_schedules_change_the_curve_alone() -> None:
    assert RECORDINGS["schedules"] is schedules_sweep
    sweep = schedules_sweep()
    assert [point.settings.gamma for point in sweep.points] == list(SCHEDULES.values())
    assert len({replace(point.settings, gamma=hasty) for point in sweep.points}) == 1
    assert sweep.settings["passes"] == 12
    assert sweep.settings["schedule"] == "swept"
    assert (sweep.tasks, sweep.clips, len(sweep.seeds)) == (("vamp",), CLIPS, 2)


def test_other_music_makes_a_sweep_stale() -> None:
    files = schedules_sweep().files()
    assert "data/clips/guitar.flac" in files  # measured
    assert "data/midi/freedoom/fd12_freedm_D_SHAWN.mid" in files  # compared with
    assert "missing" not in fingerprint(files).values()
    assert "data/clips/guitar.flac" not in replace(schedules_sweep(), clips=("ladder",)).files()


def test_a_sweep_tells_what_changed_from_its_first_point() -> None:
    """Made-up figures of two clips and two seeds: what one clip has more at every point is not in the error."""
    whole = schedules_sweep()
    sweep = replace(whole, points=whole.points[:2], clips=("electronic", "b"))
    chance = np.random.default_rng(0)
    parts: dict[str, Any] = {"reference": ({}, {"reference": chance.normal(size=(99, 24))})}
    for clip, much in (("electronic", 1.0), ("b", 9.0)):
        for seed in (0, 1):
            rows = [dict.fromkeys((*MEASURES, "coarse_seconds"), much + seed + 0.5 * n) for n in range(2)]
            labels = ("original", "cosine", "linear")
            arrays = {f"windows-{label}": chance.normal(size=(40, 24)) for label in labels}
            codes = {f"codes-{label}": np.zeros((9, 4), dtype=np.int16) for label in labels}
            parts[f"vamp.{seed}.{clip}"] = {"rows": rows, "real": much}, arrays | codes
    numbers, kept = sweep.summary(parts)
    first, second = numbers["tasks"]["vamp"]["rows"]
    assert (first["schedule"], second["schedule"]) == ("cosine", "linear")
    assert second["mel"] == pytest.approx([6, 4])
    assert first["change"]["mel"] == pytest.approx([0, 0])
    assert second["change"]["mel"] == pytest.approx([0.5, 0])
    assert first["change"]["frechet"] == pytest.approx([0, 0])
    assert second["change"]["frechet"][0] == pytest.approx(second["frechet"][0] - first["frechet"][0])
    assert set(kept) == {"electronic-original", "electronic-vamp-cosine", "electronic-vamp-linear"}


def test_spread_is_over_clips_not_seeds() -> None:
    assert spread([[1, 3], [4, 4], [6, 6]]) == pytest.approx([4, 2 / math.sqrt(3)])
    assert spread([[1, 3]]) == [2, 0]


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 40))
def test_a_network_that_knows_nothing_is_surprised_by_all_bits(vocabulary: int) -> None:
    config = VampNetConfig(codebooks=2, width=8, layers=1, heads=2, vocabulary=vocabulary)
    network = VampNet(config, torch.zeros(2, vocabulary, 8)).eval()
    torch.nn.init.zeros_(network.out.weight)
    torch.nn.init.zeros_(network.out.bias)
    codes = torch.randint(vocabulary, (1, 2, 30))
    opened = torch.ones_like(codes, dtype=torch.bool)
    assert surprise(network, codes, opened) == pytest.approx(math.log2(vocabulary), rel=1e-5)
    with torch.no_grad():
        network.out.bias.view(2, vocabulary)[:, 0] = math.log(vocabulary - 1) if vocabulary > 1 else 0  # p(0) = 1/2
    assert surprise(network, torch.zeros_like(codes), opened) == pytest.approx(1, rel=1e-5)


# --- what is shipped ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_shipped_recording_is_of_the_shipped_models_and_code(name: str) -> None:
    recording, recorder = read_recording(name), RECORDINGS[name]()  # refuses a stale one
    assert set(recording.made_by) == set(recorder.files())
    assert "missing" not in recording.made_by.values()
    assert recorder.settings.items() <= recording.settings.items()
    assert (recording.name, recording.says) == (name, recorder.says)
    size = sum(path.stat().st_size for path in folder_of(name).iterdir())
    assert size < 2e6


@pytest.mark.parametrize("name", ["passes", "temperatures", "density", "schedules"])
def test_the_shipped_sweeps_hold_every_point(name: str) -> None:
    recording, sweep = read_recording(name), RECORDINGS[name]()
    assert recording.numbers["clips"] == list(sweep.clips)
    for task, table in recording.numbers["tasks"].items():
        assert [{k: row[k] for k in point.changed} for row, point in zip(table["rows"], sweep.points, strict=True)] == [
            point.changed for point in sweep.points
        ]
        for row in table["rows"]:
            assert row["mel"][0] > 0
            assert -1 <= row["chroma"][0] <= 1
            assert 0 <= row["onset"][0] <= 1
            above = row["mel"][0] - table["rows"][0]["mel"][0]
            assert row["change"]["mel"][0] == pytest.approx(above, abs=1e-4)
        for point in sweep.points:
            assert recording.codes(f"electronic-{task}-{point.label}").shape[1] == 9


def test_the_shipped_codes_are_what_the_models_make() -> None:
    recording, sweep = read_recording("passes"), RECORDINGS["passes"]()
    original = sweep.studio.codes("electronic")
    assert torch.equal(recording.codes("electronic-original"), original)
    point = sweep.points[0]
    mask = sweep.studio.mask("vamp", original, point.period)
    made, _ = sweep.studio.decode(original, mask, point.settings, sweep.fine, 0)
    stored = recording.codes("electronic-vamp-1")
    assert torch.equal(stored[~mask.generate], original[~mask.generate])
    # On another processor a sum may be rounded otherwise, and a token fall to its neighbour.
    assert float((stored == made)[mask.generate].float().mean()) > 0.95


def test_the_shipped_strategies_keep_their_prompts_and_presets() -> None:
    from course_utils.codec import load_codec
    from course_utils.recorded.strategies import STYLES, plain_settings
    from course_utils.vampnet.strategies import STRATEGIES, strategy

    recording, codec = read_recording("strategies"), load_codec("course")
    players = recording.numbers["players"]
    assert [(p["clip"], p["strategy"]) for p in players] == [(c, s) for c in STYLES for s in STRATEGIES]
    for player in players:
        name = f"{player['clip']}-{player['strategy']}"
        original, made = recording.codes(f"{player['clip']}-original"), recording.codes(name)
        mask = torch.from_numpy(recording.arrays[f"{name}-mask"])[None]
        assert torch.equal(made[~mask], original[~mask])
        assert player["figures"]["kept_exact"] is True
        assert player["figures"]["kept"] == int((~mask).sum())
        chosen = strategy(player["strategy"], player["style"], tuple(original.shape), codec.frame_rate, [1.0])
        assert json.loads(json.dumps(plain_settings(chosen))) == player["settings"]
        if player["strategy"] != "beat":
            assert torch.equal(chosen.mask.generate, mask)
