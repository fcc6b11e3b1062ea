"""`course codec`: the files it writes, the figures it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import typer
from course_command import cancelled, check_refused, course
from hypothesis import given
from hypothesis import strategies as st

from course_utils import facts
from course_utils.audio import demo_clip, load_audio, mel_distance, si_sdr, spectral_centroid
from course_utils.cli.codec import parse_levels


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer for the ladder clip, all levels."""
    command = [sys.executable, "-m", "course_utils", "codec", "--out", tmp_path_factory.mktemp("ladder"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "No --input given: taking the course's own ladder clip." in done.stderr
    return json.loads(done.stdout)


def test_the_ladder_is_complete(ladder: dict[str, Any]) -> None:
    assert ladder["ok"] is True
    assert (Path(ladder["input"]).stem, ladder["demo"]) == ("ladder", True)
    assert ladder["seconds"] == 4.0
    assert ladder["frames"] == -(-4 * 44100 // facts.DAC_HOP.value)
    assert [row["level"] for row in ladder["levels"]] == list(range(1, 10))
    written = sorted(p.name for p in Path(ladder["full"]).parent.iterdir())
    assert written == ["ladder_full.wav", *(f"ladder_level{n}.wav" for n in range(1, 10))]
    for path in [ladder["full"], *(row["file"] for row in ladder["levels"])]:
        info = sf.info(path)
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (44100, 1, 4 * 44100, "PCM_16")


def test_the_bit_rates_are_the_facts(ladder: dict[str, Any]) -> None:
    rates = [row["bits_per_second"] for row in ladder["levels"]]
    np.testing.assert_allclose(rates, facts.DAC_LEVEL_BIT_RATE.value * np.arange(1, 10))
    assert rates[-1] == pytest.approx(facts.DAC_BIT_RATE.value)


def test_the_figures_are_those_of_the_files(ladder: dict[str, Any]) -> None:
    clip = demo_clip("ladder").samples
    assert ladder["centroid"] == pytest.approx(spectral_centroid(clip))
    for row in ladder["levels"]:
        heard = load_audio(row["file"]).samples
        assert row["si_sdr"] == pytest.approx(si_sdr(heard, clip), abs=0.02)
        assert row["mel_distance"] == pytest.approx(mel_distance(heard, clip), abs=0.01)
        assert row["centroid"] == pytest.approx(spectral_centroid(heard), rel=0.02)


def test_more_levels_come_closer(ladder: dict[str, Any]) -> None:
    first, last = ladder["levels"][0], ladder["levels"][-1]
    assert last["si_sdr"] > first["si_sdr"] + 2
    assert last["mel_distance"] < first["mel_distance"]


def test_the_full_reconstruction_has_all_levels(ladder: dict[str, Any], tmp_path: Path) -> None:
    full = Path(ladder["full"]).read_bytes()
    assert full == Path(ladder["levels"][-1]["file"]).read_bytes()
    done = course("codec", "--levels", 1, "--out", tmp_path, "--json")
    assert Path(json.loads(done.stdout)["full"]).read_bytes() == full


def test_the_table_says_what_the_json_says(ladder: dict[str, Any], tmp_path: Path) -> None:
    done = course("codec", "--levels", "1,9", "--out", tmp_path)
    assert done.returncode == 0
    assert "No --input given: taking the course's own ladder clip." in done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if "_level" in line]
    expected = []
    for row in (ladder["levels"][0], ladder["levels"][8]):
        rate, decibels = f"{row['bits_per_second'] / 1000:.2f}", f"{row['si_sdr']:.1f}"
        name = Path(row["file"]).name
        expected.append(
            [str(row["level"]), rate, decibels, f"{row['mel_distance']:.3f}", f"{row['centroid']:.0f}", name]
        )
    assert rows == expected
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_part_of_a_file_as_flac(tmp_path: Path) -> None:
    sf.write(tmp_path / "in.wav", np.tile(demo_clip("guitar").samples, 2), 44100)
    out = tmp_path / "new" / "folder"
    part = ("--start", 12.5, "--duration", 1.25, "--levels", "2-3", "--format", "flac")
    done = course("codec", "--input", tmp_path / "in.wav", *part, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["demo"] is False
    assert answer["seconds"] == 1.25
    assert sorted(p.name for p in out.iterdir()) == ["in_full.flac", "in_level2.flac", "in_level3.flac"]
    guitar = load_audio(tmp_path / "in.wav", start=12.5, duration=1.25).samples
    heard = load_audio(answer["full"]).samples
    assert si_sdr(heard, guitar) > 0, "the right part"


def test_a_sound_longer_than_a_block(tmp_path: Path) -> None:
    """25 s are measured in three blocks; the last must line up with its input as the first does."""
    sf.write(tmp_path / "in.flac", np.tile(demo_clip("guitar").samples, 3)[: 25 * 44100], 44100)
    done = course("codec", "--input", tmp_path / "in.flac", "--levels", 9, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)["levels"][0]
    heard, clip = load_audio(row["file"]).samples, load_audio(tmp_path / "in.flac").samples
    assert row["si_sdr"] == pytest.approx(si_sdr(heard, clip), abs=0.02)
    assert si_sdr(heard[21 * 44100 :], clip[21 * 44100 :]) > si_sdr(heard, clip) - 3


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--levels", "0-3"], 2, "no rising range"),
        (["--levels", "9-1"], 2, "no rising range"),
        (["--levels", "many"], 2, "is not understood; write 1-9, 4, or 1,3,9"),
        (["--levels", "1-10"], 1, "level 10 was asked for; this codec has 9 levels"),
        (["--model", "best"], 2, "best"),
        (["--device", "abacus"], 1, "--device abacus cannot be used here"),
        (["--start", "4"], 1, "past the end"),
        (["--start", "-1"], 1, "start must be 0 s or later"),
        (["--duration", "0"], 1, "duration must be above 0 s"),
    ],
)
def test_arguments_that_cannot_be(tmp_path: Path, arguments: list[str], status: int, message: str) -> None:
    done = course("codec", "--out", tmp_path / "out", *arguments)
    check_refused(done, status, message, tmp_path / "out")


def test_the_folder_must_be_named() -> None:
    done = course("codec")
    assert done.returncode == 2
    assert "--out" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_cancelling_leaves_no_partial_file(tmp_path: Path) -> None:
    sf.write(tmp_path / "in.wav", np.tile(demo_clip("guitar").samples, 18), 44100)
    out = tmp_path / "out"
    arguments = ("codec", "--input", tmp_path / "in.wav", "--out", out)
    # A hidden name: the file of the level that is being written.
    cancelled(arguments, lambda: bool(list(out.glob(".in_level*"))), seconds=120)
    assert list(out.glob(".*")) == []
    for path in out.iterdir():  # what had been finished before is whole
        assert sf.info(path).frames == 180 * 44100


@given(st.sets(st.integers(1, 9), min_size=1))
def test_levels_are_read_in_any_order(numbers: set[int]) -> None:
    assert parse_levels(",".join(map(str, numbers))) == sorted(numbers)
    assert parse_levels(f"{min(numbers)}-{max(numbers)}") == list(range(min(numbers), max(numbers) + 1))


@pytest.mark.parametrize("text", ["", "-", "1-", "a", "1;2", "1,,2", "1.5", "-3", "0"])
def test_other_levels_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_levels(text)
