"""The codec's recipe at a tiny size: its computed start, its steps, and that a run survives being stopped."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.train import codec as recipe_module
from course_utils.train.card import HELD_OUT_PIECES
from course_utils.train.codec import (
    CodebookWatch,
    CodecRecipe,
    Pass,
    codec_loss,
    score,
    train_codec,
    validate,
    validation_audio,
    wave_distance,
)
from course_utils.train.corpus import Corpus
from course_utils.train.start import principal_directions, start_linear_path, start_quantizer

TINY = CourseCodecConfig(
    width=16, latent_dim=24, encoder_blocks=1, decoder_blocks=1, codebook_size=32, n_codebooks=4, expansion=2
)
RECIPE = CodecRecipe(
    network=TINY,
    start_segments=40,
    steps=8,
    batch=4,
    segment=4096,
    warmup=2,
    mel_windows=2,
    restart_every=3,
    report_every=100,
)
LONGER = dataclasses.replace(RECIPE, steps=10)


@pytest.fixture(autouse=True)
def _short_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validate on two short clips: the real ones, cut."""
    monkeypatch.setattr(recipe_module, "validation_audio", functools.partial(validation_audio, seconds=1.0, pieces=1))


@pytest.fixture(scope="module")
def music(tiny_corpus: Path) -> Tensor:
    return torch.from_numpy(Corpus(tiny_corpus).batch(np.random.default_rng(0), 40, 16384))


@pytest.fixture(scope="module")
def started(music: Tensor) -> CourseCodecNetwork:
    """A network as it is before its first training step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CourseCodecNetwork(TINY, quantizer_dropout=0.5)
        start_linear_path(network, music)
        start_quantizer(network, music)
    return network


@pytest.fixture(scope="module")
def trained(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of eight steps without a break."""
    folder = tmp_path_factory.mktemp("unbroken")
    restart, moved = CodebookWatch.restart, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CodebookWatch, "restart", lambda *given: moved.append(restart(*given)) or moved[-1])
        patch.setattr(recipe_module, "validation_audio", functools.partial(validation_audio, seconds=1.0, pieces=1))
        train_codec(folder, tiny_corpus, RECIPE)
    assert len(moved) == 2, "the codebooks were to be looked at after steps 3 and 6"
    assert sum(moved) > 0, "no entry was moved: the test of the resumed run would say nothing about restarts"
    return folder


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True)


def assert_same(a: Any, b: Any, where: str = "") -> None:
    """Equal to the last bit, in whatever nesting."""
    if isinstance(a, Tensor):
        assert torch.equal(a, b), f"{where} differs by up to {(a - b).abs().max()}"
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    else:
        assert a == b, where


# --- the computed start


def test_before_any_training_each_level_brings_the_wave_nearer(started: CourseCodecNetwork, music: Tensor) -> None:
    figures = validate(started, music[:20])
    levels = sorted(figures["si_sdr"])
    assert levels == [1, 2, 3, 4]
    gains = np.diff([figures["si_sdr"][n] for n in levels])
    assert (gains > 0.1).all(), figures
    assert figures["si_sdr"][4] > 0


def test_the_linear_path_alone_gives_back_what_its_directions_hold(started: CourseCodecNetwork, music: Tensor) -> None:
    """At the start the branches are silent: encoder and decoder without quantizer are a projection."""
    with torch.no_grad():
        audio = music[:8]
        out = started.decoder(started.encoder(audio))
    error = (out - audio).square().sum() / audio.square().sum()
    assert 0 < float(error) < 0.5  # 24 of 512 directions hold more than half of the energy


def test_principal_directions_are_orthonormal_and_hold_most_energy() -> None:
    points = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 4, 1, 1, 1, 1])
    directions = principal_directions(points, 2)
    torch.testing.assert_close(directions @ directions.T, torch.eye(2), atol=1e-5, rtol=0)
    assert float(directions[0, 0].abs()) > 0.99


def direction_change(network: CourseCodecNetwork, music: Tensor) -> float:
    """Mean cosine between the first level's view of a frame and of the same frame ten times quieter."""
    with torch.no_grad():
        latent = network.encoder(music)
        mean = latent.mean((0, 2), keepdim=True)
        project = network.quantizer.quantizers[0].in_proj
        loud, quiet = project(latent), project(mean + 0.1 * (latent - mean))
    return float(torch.nn.functional.cosine_similarity(loud, quiet, dim=1).mean())


def test_the_lift_makes_loudness_visible_in_the_direction(started: CourseCodecNetwork, music: Tensor) -> None:
    flat = CourseCodecNetwork(TINY)
    flat.load_state_dict(started.state_dict())
    start_quantizer(flat, music, lift=0.0)
    assert direction_change(flat, music) > 0.999  # direction only: loud and quiet look the same
    assert direction_change(started, music) < 0.95


def test_every_entry_of_every_codebook_starts_in_use(started: CourseCodecNetwork, music: Tensor) -> None:
    started.eval()
    with torch.no_grad():
        codes = started.quantizer(started.encoder(music))[1]
    started.train()
    for level in range(TINY.n_codebooks):
        assert len(codes[:, level].unique()) >= 0.9 * TINY.codebook_size


# --- losses and the step


def test_the_wave_term_counts_tenfold_errors_alike_until_its_floor() -> None:
    reference = torch.randn(2, 1, 1000, generator=torch.Generator().manual_seed(0))
    apart = [float(wave_distance(reference * (1 + share**0.5), reference, floor=0.0)) for share in (1.0, 0.1, 0.01)]
    assert apart == pytest.approx([0.0, -1.0, -2.0], abs=1e-3)
    assert float(wave_distance(reference, reference, floor=0.03)) == pytest.approx(math.log10(0.03), abs=1e-3)


def test_the_loss_is_the_weighted_sum_of_its_terms(started: CourseCodecNetwork, music: Tensor) -> None:
    started.eval()
    out = Pass(started)(music[:2])
    started.train()
    terms = codec_loss(out, music[:2], RECIPE, [512])
    expected = (
        RECIPE.mel_weight * terms["mel"]
        + RECIPE.wave_weight * terms["wave"]
        + RECIPE.commitment_weight * terms["commitment"]
        + RECIPE.codebook_weight * terms["codebook"]
    )
    torch.testing.assert_close(terms["loss"], expected)


def test_a_few_steps_reduce_the_loss(started: CourseCodecNetwork, music: Tensor) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CourseCodecNetwork(TINY)
        network.load_state_dict(started.state_dict())
        optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
        losses = []
        for _ in range(12):
            terms = codec_loss(Pass(network)(music[:4]), music[:4], RECIPE, [256, 2048])
            optimizer.zero_grad()
            terms["loss"].backward()
            optimizer.step()
            losses.append(terms["loss"].item())
    assert losses[-1] < 0.95 * losses[0], losses
    unmoved = [name for name, p in network.named_parameters() if torch.equal(p, started.state_dict()[name])]
    assert not unmoved  # every parameter takes part


def test_the_rate_rises_then_falls_as_said() -> None:
    recipe = CodecRecipe(steps=1000, warmup=100, rate=1e-3, final_rate=0.01)
    rates = [recipe.learning_rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-5, rel=0.01)
    assert 90 <= int(np.argmax(rates)) <= 110
    assert max(rates) <= 1e-3
    assert recipe.learning_rate(1000) == pytest.approx(1e-5)
    assert (np.diff(rates[110:]) < 0).all()


def test_dead_entries_are_moved_onto_the_latents_of_the_batch(started: CourseCodecNetwork, music: Tensor) -> None:
    network = CourseCodecNetwork(TINY)
    network.load_state_dict(started.state_dict())
    vq = network.quantizer.quantizers[1]
    vq.codebook.weight.data[:10] = vq.codebook.weight.data[20]  # copies of an entry are never chosen: argmax ties
    watch = CodebookWatch(RECIPE)
    network.eval()
    out = Pass(network)(music)
    before = len(out["codes"][:, 1].unique())
    watch.add(out["codes"])
    assert int(watch.counts.sum()) == out["codes"].numel()
    kept = vq.codebook.weight.detach().clone()
    dead = watch.counts[1] < RECIPE.restart_share * watch.counts[1].mean()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        moved = watch.restart(network, out["latents"].detach())
    assert moved >= int(dead.sum()) >= 9
    assert torch.equal(vq.codebook.weight[~dead], kept[~dead])  # what is in use stays
    latents = out["latents"].split(TINY.codebook_dim, dim=1)[1].transpose(1, 2).flatten(0, 1)
    for entry in vq.codebook.weight[dead]:
        assert (latents - entry).abs().amax(1).min() < 1e-6
    assert not watch.counts.any()  # counted anew
    assert len(Pass(network)(music)["codes"][:, 1].unique()) > before


# --- runs


def test_a_run_writes_what_it_says(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == ["best.pt", "last.pt", "log.jsonl"]
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [0, 8]
    last, best = read(trained / "last.pt"), read(trained / "best.pt")
    assert last["step"] == 8
    assert last["network_config"] == best["network_config"] == TINY.as_dict()
    assert last["best"] == pytest.approx(min(line["score"] for line in log))
    assert score(json.loads(best["figures"])) == pytest.approx(last["best"])
    assert json.loads(best["recipe"])["segment"] == 4096


def test_best_holds_the_network_that_its_figures_were_measured_on(trained: Path) -> None:
    best = read(trained / "best.pt")
    network = CourseCodecNetwork(TINY)
    network.load_state_dict(best["network"])
    figures = validate(network, validation_audio(seconds=1.0, pieces=1))
    stored = json.loads(best["figures"])
    assert list(figures["mel"].values()) == pytest.approx(list(stored["mel"].values()), abs=1e-4)


def test_a_resumed_run_is_the_unbroken_one(trained: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    """Stopped between two looks at the codebooks, with quantizer dropout and restarts at work: the same bits."""
    train_codec(tmp_path, tiny_corpus, RECIPE, stop_after=4)
    torch.rand(7)  # the state of the global generator must not matter
    train_codec(tmp_path, tiny_corpus, RECIPE)
    broken, whole = read(tmp_path / "last.pt"), read(trained / "last.pt")
    broken.pop("best"), whole.pop("best")  # the broken run looked once more
    assert_same(broken, whole)


def test_a_finished_run_is_left_as_it_is(trained: Path, tiny_corpus: Path) -> None:
    before = read(trained / "last.pt")
    assert train_codec(trained, tiny_corpus, RECIPE) == trained / "best.pt"
    assert_same(read(trained / "last.pt"), before)


def test_a_checkpoint_of_an_earlier_version_is_resumed(trained: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    state = read(trained / "last.pt")
    del state["counts"]
    torch.save(state, tmp_path / "last.pt")
    train_codec(tmp_path, tiny_corpus, LONGER)
    assert read(tmp_path / "last.pt")["step"] == 10


def test_a_checkpoint_of_another_size_is_refused(trained: Path, tiny_corpus: Path) -> None:
    other = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, width=24))
    with pytest.raises(ValueError, match=r"last\.pt holds a network of other sizes: name another folder"):
        train_codec(trained, tiny_corpus, other)


def test_an_interrupt_leaves_the_last_checkpoint_whole(
    trained: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    before = read(tmp_path / "last.pt")
    draw, calls = Corpus.batch, []

    def interrupted(corpus: Corpus, *arguments: Any) -> Any:
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return draw(corpus, *arguments)

    monkeypatch.setattr(Corpus, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_codec(tmp_path, tiny_corpus, LONGER)
    assert_same(read(tmp_path / "last.pt"), before)


def test_an_interrupt_while_a_checkpoint_is_written_leaves_the_one_before(
    trained: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    before = read(tmp_path / "last.pt")
    files = sorted(path.name for path in tmp_path.iterdir())

    def half_written(state: Any, path: Path) -> None:
        Path(path).write_bytes(b"half a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(KeyboardInterrupt):
        train_codec(tmp_path, tiny_corpus, LONGER, stop_after=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert_same(read(tmp_path / "last.pt"), before)


def test_the_music_that_picks_the_best_is_neither_trained_on_nor_in_the_card() -> None:
    from course_utils.train.corpus import freedoom_pieces

    chosen = [p for p in freedoom_pieces(held_out=True) if p.stem not in HELD_OUT_PIECES]
    assert len(chosen) >= 6  # as many as validation_audio asks for
    audio = validation_audio(seconds=1.0, pieces=1)
    assert audio.shape[1:] == (1, 44100 // 512 * 512)
    assert torch.equal(audio, validation_audio(seconds=1.0, pieces=1))
