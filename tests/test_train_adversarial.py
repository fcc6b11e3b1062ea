"""The adversarial phase's losses by hand, and that it asks for a joint phase first."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from course_utils.codec.network import CourseCodecConfig
from course_utils.train import adversarial
from course_utils.train.adversarial import discriminator_loss, feature_loss, generator_loss, train_adversarial
from course_utils.train.codec import CodecRecipe, train_codec, validation_audio

SIZES = CourseCodecConfig(
    n_codebooks=2, codebook_size=16, latent_dim=16, width=16, encoder_blocks=1, decoder_blocks=1, expansion=1
)
RECIPE = CodecRecipe(
    network=SIZES, steps=2, batch=2, segment=8192, start_segments=20, report_every=10, adversarial_steps=3,
    adversarial_batch=1, adversarial_report=1, adversarial_rate=1e-3, periods=(7,), fft_sizes=(512,),
)  # fmt: skip


def maps(inner: float, verdict: float) -> list[list[Tensor]]:
    """Two discriminators with one inner layer and a verdict each."""
    return [[torch.full((2, 3), inner), torch.full((2, 1), verdict)] for _ in range(2)]


def test_a_perfect_judge_has_nothing_to_learn() -> None:
    assert float(discriminator_loss(maps(0, 1.0), maps(0, 0.0))) == 0
    assert float(discriminator_loss(maps(0, 0.0), maps(0, 1.0))) == 2
    assert float(discriminator_loss(maps(0, 0.5), maps(0, 0.5))) == pytest.approx(0.5)


def test_the_decoder_wants_to_pass() -> None:
    assert float(generator_loss(maps(0, 1.0))) == 0
    assert float(generator_loss(maps(0, 0.0))) == 1


def test_features_are_compared_layer_by_layer_without_the_verdict() -> None:
    assert float(feature_loss(maps(2.0, 1.0), maps(2.0, 0.0))) == 0
    assert float(feature_loss(maps(2.0, 1.0), maps(3.0, 1.0))) == pytest.approx(0.5, abs=1e-3)


def test_the_judges_view_of_music_is_not_pulled_towards_the_decoder() -> None:
    real = [[torch.ones(2, requires_grad=True), torch.ones(1)]]
    fake = [[torch.zeros(2, requires_grad=True), torch.zeros(1)]]
    feature_loss(real, fake).backward()
    assert real[0][0].grad is None
    assert fake[0][0].grad is not None


def test_it_goes_on_from_a_joint_phase_only(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="goes on from a joint phase"):
        train_adversarial(tmp_path, tmp_path, CodecRecipe())


@pytest.fixture
def joint(tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a finished joint phase, tiny."""
    short = functools.partial(validation_audio, seconds=0.5, pieces=1)
    monkeypatch.setattr("course_utils.train.codec.validation_audio", short)
    monkeypatch.setattr(adversarial, "validation_audio", short)
    train_codec(tmp_path / "run", tiny_corpus, RECIPE)
    return tmp_path / "run"


def weights(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)["network"]


def test_only_the_decoder_learns_and_the_best_figures_stay(joint: Path, tiny_corpus: Path, monkeypatch) -> None:
    before = weights(joint / "best.pt")
    marks = iter([0.5, 0.6, 0.4, 0.7])  # of the joint phase, then of the three steps: only the second is better
    monkeypatch.setattr(adversarial, "score", lambda figures: next(marks))
    train_adversarial(joint, tiny_corpus, RECIPE)
    best, last = torch.load(joint / "best.pt", weights_only=True), weights(joint / "adversarial.pt")
    assert best["adversarial_step"] == 2
    moved = {name for name, tensor in last.items() if not torch.equal(tensor, before[name])}
    assert moved
    assert {name.split(".")[0] for name in moved} == {"decoder"}


def test_an_interrupted_phase_goes_on_as_an_unbroken_one(joint: Path, tiny_corpus: Path) -> None:
    shutil.copytree(joint, joint.with_name("twice"))
    train_adversarial(joint, tiny_corpus, RECIPE)
    for steps in (1, 3):
        train_adversarial(joint.with_name("twice"), tiny_corpus, dataclasses.replace(RECIPE, adversarial_steps=steps))
    once, twice = (weights(folder / "adversarial.pt") for folder in (joint, joint.with_name("twice")))
    assert all(torch.equal(once[name], twice[name]) for name in once)
