"""`course vamp`: the files it writes, the figures it prints, and how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import typer
from course_command import cancelled, check_refused, course

from course_utils.audio import chroma_similarity, demo_clip, load_audio
from course_utils.cli.vamp import ALL, DEMOS, parse_strategies
from course_utils.codec import Codec
from course_utils.vampnet import STRATEGIES, masks

RATE = 44100


@pytest.fixture(scope="module")
def guitar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the guitar as a stereo file at another rate."""
    path = tmp_path_factory.mktemp("sound") / "guitar.flac"
    x = demo_clip("guitar").samples[: 2 * RATE]
    sf.write(path, np.stack([x, x], axis=1), RATE)
    return path


@pytest.fixture(scope="module")
def answer(guitar: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All strategies on it, as JSON."""
    out = tmp_path_factory.mktemp("out") / "new"
    done = course("vamp", "--input", guitar, "--style", "faithful", "--passes", 4, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_every_strategy_has_a_file(answer: dict[str, Any]) -> None:
    (clip,) = answer["clips"]
    assert (answer["ok"], answer["model"], answer["passes"], answer["seed"]) == (True, "course", 4, 0)
    assert answer["demo"] is False
    assert (clip["style"], clip["seconds"], clip["frames"], clip["skipped"]) == ("faithful", 2.0, 173, {})
    assert [row["strategy"] for row in clip["variations"]] == list(STRATEGIES)
    files = [clip["target"], clip["codec"], *(row["file"] for row in clip["variations"])]
    names = ["guitar_target.wav", "guitar_codec.wav", *(f"guitar_faithful_{name}.wav" for name in STRATEGIES)]
    assert [Path(file).name for file in files] == names
    assert sorted(path.name for path in Path(files[0]).parent.iterdir()) == sorted(names)
    for file in files:
        info = sf.info(file)
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE, 1, 2 * RATE, "PCM_16")


def test_the_figures_are_those_of_the_masks_and_files(answer: dict[str, Any]) -> None:
    (clip,) = answer["clips"]
    rows = {row["strategy"]: row for row in clip["variations"]}
    shape = (1, 9, clip["frames"])
    wanted = {
        "vamp": masks.periodic(shape, 5),
        "dense": masks.periodic(shape, 2),
        "beat": masks.beats(shape, clip["beats"]["times"], RATE / 512, after=0.08),
        "continue": masks.continuation(shape, 86),
        "compress": masks.compression(shape, 3),
    }
    for name, mask in wanted.items():
        assert rows[name]["kept"] == mask.n_kept
        assert rows[name]["bits_per_second"] == pytest.approx(mask.bits_per_second(RATE / 512))
    target = load_audio(clip["target"]).samples
    for row in rows.values():
        assert row["kept_exact"] is True
        assert row["agreement_kept"] == 1
        assert 0 <= row["agreement_generated"] < 1
        heard = load_audio(row["file"]).samples
        assert row["chroma"] == pytest.approx(chroma_similarity(heard, target), abs=0.002)
        assert row["chroma"] < clip["codec_chroma"] <= 1
    assert clip["beats"]["how"] == "librosa beat tracker"
    by_codebook = rows["compress"]["agreement_by_codebook"]
    assert by_codebook[:3] == [None, None, None]
    assert None not in by_codebook[3:]


def test_kept_tokens_are_in_the_file_that_is_written(answer: dict[str, Any], course: Codec) -> None:
    """The half that a continuation keeps sounds as all its tokens do, up to where the codec hears what follows."""
    (clip,) = answer["clips"]
    row = next(row for row in clip["variations"] if row["strategy"] == "continue")
    kept = (86 - course.context) * 512
    heard, whole = (load_audio(file).samples for file in (row["file"], clip["codec"]))
    np.testing.assert_array_equal(heard[:kept], whole[:kept])
    assert not np.array_equal(heard, whole)


def test_a_seed_gives_the_same_file_and_the_table_says_what_the_json_says(
    guitar: Path, answer: dict[str, Any], tmp_path: Path
) -> None:
    arguments = ("--input", guitar, "--style", "faithful", "--passes", 4, "--strategy", "vamp")
    done = course("vamp", *arguments, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    row = answer["clips"][0]["variations"][0]
    written = tmp_path / "guitar_faithful_vamp.wav"
    assert written.read_bytes() == Path(row["file"]).read_bytes()
    (line,) = [line for line in done.stdout.splitlines() if "_vamp.wav" in line]
    figures = [f"{100 * row['kept_fraction']:.1f}", "%", f"{row['bits_per_second'] / 1000:.2f}"]
    figures += [f"{100 * row['agreement_generated']:.1f}", "%", f"{row['chroma']:.2f}"]
    assert line.split() == ["vamp", *figures, written.name]
    assert "Every kept token came through exactly: yes." in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    first = written.read_bytes()
    course("vamp", *arguments, "--seed", 1, "--out", tmp_path)
    assert written.read_bytes() != first


def test_a_part_of_a_long_file_and_beats_that_are_typed(tmp_path: Path) -> None:
    sf.write(tmp_path / "long.wav", np.tile(demo_clip("guitar").samples, 3), RATE)
    part = ("--start", 9.5, "--strategy", "beat", "--passes", 1, "--beats", "120 bpm from 0.25")
    done = course("vamp", "--input", tmp_path / "long.wav", *part, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    (clip,) = json.loads(done.stdout)["clips"]
    assert clip["seconds"] == 10, "the first 10 s from there, if nothing else is said"
    assert clip["beats"] == {"times": [0.25 + n / 2 for n in range(20)], "how": "given", "tempo": 120.0}


def test_more_than_ten_seconds(tmp_path: Path) -> None:
    sf.write(tmp_path / "long.wav", np.tile(demo_clip("guitar").samples, 2), RATE)
    part = ("--duration", 12.5, "--strategy", "vamp", "--passes", 1)
    done = course("vamp", "--input", tmp_path / "long.wav", *part, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    (clip,) = json.loads(done.stdout)["clips"]
    assert (clip["seconds"], clip["frames"]) == (12.5, 1077)
    assert clip["variations"][0]["kept_exact"] is True


def test_without_input_the_demo_clips_are_taken_and_it_says_so(tmp_path: Path) -> None:
    part = ("--duration", 1, "--strategy", "dense", "--passes", 1, "--html")
    done = course("vamp", *part, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "No --input given: taking the course's own clips, electronic (wild) and guitar (faithful)." in said
    assert DEMOS == (("electronic", "wild"), ("guitar", "faithful"))
    names = [f"{name}_{style}_dense.wav" for name, style in DEMOS]
    assert all((tmp_path / name).exists() for name in names)
    assert (
        np.corrcoef(load_audio(tmp_path / "guitar_target.wav").samples, demo_clip("guitar").samples[:RATE])[0, 1]
        > 0.999
    )
    page = (tmp_path / "vamp.html").read_text(encoding="utf-8")
    assert page.count("<iframe ") == 2
    assert "electronic: 1 variations, wild" in page
    assert "http" not in page.replace("http://www.w3.org/", "")
    done = course(
        "vamp", "--duration", 1, "--strategy", "dense", "--passes", 1, "--style", "wild", "--out", tmp_path / "w"
    )
    assert "guitar (wild)" in done.stderr
    assert (tmp_path / "w" / "guitar_wild_dense.wav").exists()


def test_without_input_the_json_says_that_the_demo_clips_were_taken(tmp_path: Path) -> None:
    done = course("vamp", "--duration", 1, "--strategy", "dense", "--passes", 1, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["demo"] is True
    assert [Path(clip["input"]).stem for clip in answer["clips"]] == [name for name, _ in DEMOS]
    assert done.stderr.startswith("No --input given: taking the course's own clips, ")


def drone(path: Path) -> Path:
    t = np.arange(2 * RATE) / RATE
    sf.write(path, 0.2 * np.sin(2 * np.pi * 220 * t), RATE)
    return path


def test_a_clip_without_beats_leaves_beat_out_unless_it_was_asked_for(tmp_path: Path) -> None:
    path = drone(tmp_path / "drone.wav")
    done = course("vamp", "--input", path, "--passes", 1, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    (clip,) = json.loads(done.stdout)["clips"]
    assert [row["strategy"] for row in clip["variations"]] == [name for name in STRATEGIES if name != "beat"]
    assert "no beats were found" in clip["skipped"]["beat"]
    done = course("vamp", "--input", path, "--strategy", "beat,vamp", "--out", tmp_path / "none")
    assert done.returncode == 1
    for word in ("no beats were found", "dense, inpaint, continue and compress", "120 bpm"):
        assert word in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--strategy", "remix"], 2, "no strategy is called 'remix': choose from vamp,dense"),
        (["--strategy", ","], 2, "no strategy is named"),
        (["--style", "tame"], 2, "tame"),
        (["--model", "best"], 2, "best"),
        (["--passes", "0"], 2, "'--passes'"),
        (["--seed", "-1"], 2, "'--seed'"),
        (["--beats", "120 bpm", "--strategy", "vamp"], 2, "only the strategy beat uses them"),
        (["--beats", "120 bmp"], 1, "'120 bmp' is not understood"),
        (["--beats", "1 99"], 1, "beats at 99 s are not in the clip"),
        (["--model", "official"], 1, "cannot be loaded yet"),
        (["--device", "abacus"], 1, "--device abacus cannot be used here"),
        (["--start", "4"], 1, "past the end"),
        (["--start", "-1"], 1, "start must be 0 s or later"),
        (["--duration", "0"], 1, "duration must be above 0 s"),
        (["--duration", "0.1"], 1, "gives 0.100 s: a prompt and something to generate need at least 0.5 s"),
    ],
)
def test_arguments_that_cannot_be(
    guitar: Path, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    done = course("vamp", "--input", guitar, "--out", tmp_path / "out", *arguments)
    check_refused(done, status, message, tmp_path / "out")


def silence(path: Path) -> None:
    sf.write(path, np.zeros(2 * RATE), RATE)


def too_short(path: Path) -> None:
    sf.write(path, np.ones(RATE // 10), RATE)


def not_numbers(path: Path) -> None:
    sf.write(path, np.array([0.1, np.nan, 0.1] * RATE), RATE, subtype="FLOAT")


def no_sound(path: Path) -> None:
    path.write_text("la la la")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (silence, "is silent from 0 to 2 s: there is nothing to vary"),
        (too_short, "gives 0.100 s: a prompt"),
        (not_numbers, "samples that are NaN or infinite, the first at"),
        (no_sound, "is not audio that can be read"),
        (lambda path: None, "there is no file"),
    ],
)
def test_sounds_that_cannot_be_varied(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "x.wav")
    done = course("vamp", "--input", tmp_path / "x.wav", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    done = course("vamp", "--input", tmp_path / "x.wav", "--out", tmp_path / "out", "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)
    assert not any((tmp_path / "out").glob("*"))


def test_beats_belong_to_one_sound(tmp_path: Path) -> None:
    done = course("vamp", "--beats", "120 bpm", "--out", tmp_path)
    assert done.returncode == 2
    assert "name it with --input" in " ".join(done.stderr.replace("│", " ").split())


def test_a_page_has_its_limits(guitar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_utils.cli.vamp.PAGE_SECONDS", 6)
    done = course("vamp", "--input", guitar, "--html", "--strategy", "vamp,dense", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "leave --html out" in done.stderr
    assert not any((tmp_path / "out").glob("*"))


def test_a_disk_too_small_is_refused_before_the_work(
    guitar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    done = course("vamp", "--input", guitar, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "1 MB are needed, 0 MB are free" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_where_the_folder_should_be(guitar: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    done = course("vamp", "--input", guitar, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "was not written" in done.stderr
    assert (tmp_path / "out").read_text() == "in the way"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_cancelling_leaves_no_partial_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("vamp", "--passes", "1000", "--strategy", "dense,vamp", "--out", out)
    cancelled(arguments, (out / "electronic_codec.wav").exists, seconds=240)
    assert sorted(path.name for path in out.iterdir()) == ["electronic_codec.wav", "electronic_target.wav"]
    for path in out.iterdir():  # what had been finished before is whole
        assert sf.info(path).frames == 10 * RATE


def test_strategies_are_read() -> None:
    assert tuple(parse_strategies(ALL)) == STRATEGIES
    assert parse_strategies(" Beat,vamp , beat") == ["beat", "vamp"]
    with pytest.raises(typer.BadParameter):
        parse_strategies("vamp;beat")
