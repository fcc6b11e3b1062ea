"""From checkpoint to shipped weights and their card: what the card says is what a fresh measurement gives."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import zoo
from course_utils.audio import Clip, demo_clip, load_audio, mel_distance, si_sdr
from course_utils.codec import Codec, load_codec
from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.files import sha256_of
from course_utils.paths import ROOT, data_folder
from course_utils.train import card as card_module
from course_utils.train.card import (
    HELD_OUT_PIECES,
    HELD_OUT_RECORDINGS,
    as_markdown,
    card_clips,
    codebook_use,
    codec_card,
    judge,
    write_card,
)
from course_utils.train.codec import CodecRecipe
from course_utils.train.corpus import Corpus
from course_utils.train.export import export_codec, training_story

TINY = CourseCodecConfig(width=16, latent_dim=24, encoder_blocks=1, decoder_blocks=1, codebook_size=32, n_codebooks=3)


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the material a codec's export touches, in force as data/."""
    folder = tmp_path / "data"
    for part in ("clips", "build"):
        shutil.copytree(ROOT / "data" / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a best.pt, of a network at random."""
    folder = tmp_path / "run"
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CourseCodecNetwork(TINY)
    state = {
        "network": network.state_dict(),
        "network_config": TINY.as_dict(),
        "step": 123,
        "recipe": json.dumps(dataclasses.asdict(CodecRecipe(network=TINY, seed=5))),
    }
    torch.save(state, folder / "best.pt")
    return folder


@pytest.fixture
def short_clips(monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """The card measures the first half second of the demo clips."""
    clips = [Clip(demo_clip(name).samples[:22050], 44100, name) for name in ("electronic", "guitar")]
    monkeypatch.setattr(card_module, "card_clips", lambda: ((f"start of {clip.name}", clip) for clip in clips))
    return clips


def test_exported_weights_are_the_checkpoints_and_load_verified(run: Path, own_data: Path, tiny_corpus: Path) -> None:
    path = export_codec(run, Corpus(tiny_corpus), "two cores")
    assert path == own_data / "models" / "course-codec" / "weights.safetensors"
    codec = load_codec("course")  # verifies the hash in the manifest that the export has written
    assert codec.network.config == TINY
    stored = torch.load(run / "best.pt", weights_only=True)["network"]
    for name, tensor in codec.network.state_dict().items():
        assert torch.equal(tensor, stored[name].half().float()), name
    story = training_story(path)
    assert story["steps"] == "123 joint, 0 adversarial"
    assert story["hardware"] == "two cores"
    assert story["seed"] == 5
    assert story["data"] == Corpus(tiny_corpus).story()
    assert story["recipe"]["batch"] == CodecRecipe().batch


def test_changed_weights_are_refused_after_export(run: Path, own_data: Path, tiny_corpus: Path) -> None:
    path = export_codec(run, Corpus(tiny_corpus), "two cores")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(zoo.DamagedWeightsError):
        load_codec("course")


def test_nothing_to_export_says_what_to_do(tmp_path: Path, tiny_corpus: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no best\.pt in .*: train first"):
        export_codec(tmp_path, Corpus(tiny_corpus), "")


def test_a_card_says_what_a_fresh_measurement_gives(
    run: Path, own_data: Path, tiny_corpus: Path, short_clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_module, "USAGE_MINUTES", 1)
    path = export_codec(run, Corpus(tiny_corpus), "two cores")
    codec = load_codec("course")
    write_card(codec_card(codec, path, Corpus(tiny_corpus), training_story(path)), path.parent)
    stored = json.loads((path.parent / "card.json").read_text("utf-8"))
    assert stored["weights_sha256"] == sha256_of(path)
    assert stored["weights_bytes"] == path.stat().st_size
    assert stored["parameters"] == sum(p.numel() for p in CourseCodecNetwork(TINY).parameters())
    assert stored["codebooks"] == "3 x 32 x 8"
    assert [clip["name"] for clip in stored["clips"]] == ["electronic", "guitar"]
    for clip, figures in zip(short_clips, stored["clips"], strict=True):
        samples = torch.as_tensor(clip.samples)[None, None]
        for n in (1, 2, 3):
            decoded = codec.decode(codec.encode(clip), levels=n, length=samples.shape[-1])
            assert figures["si_sdr"][n - 1] == pytest.approx(float(si_sdr(decoded, samples)), abs=1e-3)
            assert figures["mel"][n - 1] == pytest.approx(float(mel_distance(decoded, samples)), abs=1e-5)
    assert stored["mean"]["mel"] == pytest.approx(np.mean([clip["mel"] for clip in stored["clips"]], axis=0))
    page = (path.parent / "card.md").read_text("utf-8")
    assert stored["weights_sha256"] in page
    for clip in stored["clips"]:
        assert f"{clip['si_sdr'][2]:.1f} / {clip['mel'][2]:.3f}" in page
    assert ("NOT met" in page) == (not all(stored["floor"].values()))
    assert "two cores" in page


def test_the_shipped_card_is_of_the_shipped_weights() -> None:
    path = zoo.weights_path("course-codec")
    if not (path.parent / "card.json").exists():
        pytest.fail("data/models/course-codec has no card.json: run `python -m course_utils.train card`")
    stored = json.loads((path.parent / "card.json").read_text("utf-8"))
    assert stored["weights_sha256"] == sha256_of(path)
    assert stored["weights_bytes"] == path.stat().st_size
    assert (path.parent / "card.md").read_text("utf-8") == as_markdown(stored)
    assert stored["floor"] == judge(stored["mean"], stored["codebook_use"]["used"])
    names = [clip["name"] for clip in stored["clips"]]
    assert names == ["electronic", "guitar", "ladder", *HELD_OUT_PIECES, *HELD_OUT_RECORDINGS]


def test_a_figure_of_the_shipped_card_is_what_its_weights_give(course: Codec) -> None:
    path = zoo.weights_path("course-codec").parent / "card.json"
    if not path.exists():
        pytest.fail("data/models/course-codec has no card.json: run `python -m course_utils.train card`")
    stored = next(clip for clip in json.loads(path.read_text("utf-8"))["clips"] if clip["name"] == "ladder")
    clip = demo_clip("ladder")
    samples = torch.as_tensor(clip.samples)[None, None]
    codes = course.encode(clip)
    for n in (1, 9):
        decoded = course.decode(codes, levels=n, length=samples.shape[-1])
        assert stored["si_sdr"][n - 1] == pytest.approx(float(si_sdr(decoded, samples)), abs=0.1)
        assert stored["mel"][n - 1] == pytest.approx(float(mel_distance(decoded, samples)), abs=0.005)


def test_the_cards_recordings_are_there() -> None:
    for name in HELD_OUT_RECORDINGS:
        assert load_audio(data_folder() / "clips" / f"{name}.flac", duration=10.0).seconds > 3


def test_the_cards_clips_are_the_demo_clips_then_what_was_held_out() -> None:
    clips: Iterator[tuple[str, Clip]] = itertools.islice(card_clips(), 4)
    named = [(what, clip.name, clip.seconds) for what, clip in clips]
    assert [name for _, name, _ in named] == ["electronic", "guitar", "ladder", HELD_OUT_PIECES[0]]
    assert named[3][0] == "held-out piece, rendered"
    assert named[3][2] == pytest.approx(10.0, abs=0.01)


def test_codebook_use_counts_what_is_chosen(course: Codec, tiny_corpus: Path) -> None:
    use = codebook_use(course, Corpus(tiny_corpus), 0.34)
    assert use["minutes"] == pytest.approx(0.33)
    for used, perplexity, bits in zip(use["used"], use["perplexity"], use["entropy_bits"], strict=True):
        assert 0 < used <= 1
        assert perplexity == pytest.approx(2**bits)
        assert 1 < perplexity <= used * course.codebook_size + 1e-6


def test_the_floor_is_judged_point_by_point() -> None:
    good = {"si_sdr": list(np.linspace(0, 6, 9)), "mel": list(np.linspace(0.5, 0.2, 9))}
    assert all(judge(good, [0.7] * 9).values())
    assert sum(judge({**good, "mel": [0.5, 0.4, 0.4, *good["mel"][3:]]}, [0.7] * 9).values()) == 5
    assert sum(judge({**good, "si_sdr": list(np.linspace(3, 6, 9))}, [0.7] * 9).values()) == 5
    assert sum(judge(good, [0.7] * 8 + [0.59]).values()) == 5
    assert sum(judge({**good, "mel": list(np.linspace(0.5, 0.29, 9))}, [0.7] * 9).values()) == 5


def test_the_module_runs_as_a_command_and_starts_fast() -> None:
    code = (
        "import sys, runpy; sys.argv[1:] = ['--help']\ntry: runpy.run_module('course_utils.train', run_name='__main__')"
    )
    code += "\nfinally: assert 'torch' not in sys.modules, 'help must not load torch'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        *("corpus", "codec", "export", "card", "tokens", "vampnet", "export-vampnet", "token-card"),
        *("amt", "export-amt", "amt-card", "lakh"),
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    from typer.testing import CliRunner

    from course_utils.train.__main__ import app

    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0, told.output
    assert "Usage" in told.output


@pytest.mark.parametrize("there_is_a_corpus", [False, True])
def test_without_a_command_every_step_runs_in_order(
    there_is_a_corpus: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from course_utils.recorded import __main__ as recorded
    from course_utils.train import __main__ as commands

    called: list[str] = []
    for step in ("corpus", "codec", "export", "card", "tokens", "token_card", "amt", "export_amt", "amt_card"):
        monkeypatch.setattr(commands, step, lambda step=step: called.append(step))
    for step in ("vampnet", "export_vampnet"):
        monkeypatch.setattr(commands, step, lambda stage, step=step: called.append(f"{step} {stage}"))
    monkeypatch.setattr(recorded, "main", lambda names: called.append("recorded"))
    monkeypatch.setattr(commands, "RUNS", tmp_path)
    if there_is_a_corpus:
        (tmp_path / "corpus").mkdir()
        (tmp_path / "corpus" / "corpus.json").write_text("{}")
    assert CliRunner().invoke(commands.app, []).exit_code == 0
    networks = [f"{step} {stage}" for stage in ("coarse", "fine", "causal") for step in ("vampnet", "export_vampnet")]
    steps = ["corpus", "codec", "export", "card", "tokens", *networks, "recorded", "token_card"]
    steps += ["amt", "export_amt", "amt_card"]
    assert called == steps[int(there_is_a_corpus) :]
