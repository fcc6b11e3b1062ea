"""Residual vector quantisation: the plain one improves level by level, the factorised one is DAC's."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from course_utils.audio import demo_clip
from course_utils.codec import FactorisedRVQ, PlainRVQ
from course_utils.compat.torchaudio import ensure_torchaudio

if TYPE_CHECKING:
    from course_utils.codec import Codec


def cloud(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def energy(x: Tensor) -> float:
    return float(x.square().sum(1).mean())


@pytest.fixture(scope="module")
def points() -> Tensor:
    """Points with structure: eight directions of very different spread."""
    return cloud(3000, 8) * torch.tensor([4.0, 3, 2, 1.5, 1, 0.7, 0.5, 0.3])


@pytest.fixture(scope="module")
def trained(points: Tensor) -> PlainRVQ:
    return PlainRVQ.fit(points, levels=5, k=32)


def test_each_level_leaves_less_over(points: Tensor, trained: PlainRVQ) -> None:
    codes = trained.encode(points)
    left = [energy(points)] + [energy(points - trained.decode(codes[:, :n])) for n in range(1, 6)]
    assert all(later < 0.95 * earlier for earlier, later in itertools.pairwise(left)), left


def test_shapes_and_types(points: Tensor, trained: PlainRVQ) -> None:
    codes = trained.encode(points[:10])
    assert codes.shape == (10, 5)
    assert codes.dtype == torch.int64
    assert trained.decode(codes).shape == (10, 8)
    assert trained.decode(codes[:, :2]).shape == (10, 8)
    assert int(codes.min()) >= 0
    assert int(codes.max()) < 32


def test_decoding_adds_the_chosen_entries(points: Tensor, trained: PlainRVQ) -> None:
    codes = trained.encode(points[:1])
    by_hand = sum(book[codes[0, level]] for level, book in enumerate(trained.codebooks))
    torch.testing.assert_close(trained.decode(codes)[0], by_hand)


def test_first_levels_of_a_long_encoding_are_the_encoding_of_few_levels(points: Tensor, trained: PlainRVQ) -> None:
    few = PlainRVQ(trained.codebooks[:2])
    assert torch.equal(few.encode(points), trained.encode(points)[:, :2])


def test_training_beats_random_codebooks_on_points_it_never_saw(trained: PlainRVQ) -> None:
    unseen = cloud(1000, 8, seed=9) * torch.tensor([4.0, 3, 2, 1.5, 1, 0.7, 0.5, 0.3])
    spread = unseen.std(0)
    random = PlainRVQ([cloud(32, 8, seed=level) * spread / 2**level for level in range(5)])
    error_trained = energy(unseen - trained.decode(trained.encode(unseen)))
    error_random = energy(unseen - random.decode(random.encode(unseen)))
    assert error_trained < 0.6 * error_random


def test_fitting_is_reproducible(points: Tensor) -> None:
    a, b = (PlainRVQ.fit(points[:500], 2, 8, seed=3) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(a.codebooks, b.codebooks, strict=True))


def dac_quantizer(seed: int = 0, **sizes: int) -> torch.nn.Module:
    ensure_torchaudio()
    from dac.nn.quantize import ResidualVectorQuantize

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ResidualVectorQuantize(**{"input_dim": 64, "n_codebooks": 9, **sizes}).eval()


def compare(quantizer: torch.nn.Module, latent: Tensor) -> None:
    """Codes of latent [B, D, T] equal entry by entry; vectors to 1e-5 for every number of levels.

    In double precision: in single, a tie can fall the other way on a processor that adds in another order.
    """
    weights, latent = quantizer.state_dict(), latent.double()
    quantizer = dac_quantizer(input_dim=latent.shape[1]).double()
    quantizer.load_state_dict(weights)
    ours = FactorisedRVQ.from_dac(quantizer.quantizers)
    assert len(ours.levels) == 9
    with torch.no_grad():
        expected, codes = quantizer(latent)[:2]
        frames = latent.transpose(1, 2).flatten(0, 1)  # [B * T, D]
        mine = ours.encode(frames)
        assert torch.equal(mine, codes.transpose(1, 2).flatten(0, 1))
        torch.testing.assert_close(ours.decode(mine), expected.transpose(1, 2).flatten(0, 1), atol=1e-5, rtol=1e-5)
        for n in range(1, mine.shape[1] + 1):
            first = quantizer.from_codes(codes[:, :n])[0].transpose(1, 2).flatten(0, 1)
            torch.testing.assert_close(ours.decode(mine[:, :n]), first, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_dacs_quantizer_on_random_weights(seed: int) -> None:
    compare(dac_quantizer(seed), torch.randn(2, 64, 200, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("clip", ["electronic", "guitar"])
def test_it_is_dacs_quantizer_on_the_trained_weights_and_music(course: Codec, clip: str) -> None:
    samples = torch.as_tensor(demo_clip(clip).samples)[: 400 * 512][None, None]
    with torch.no_grad():
        latent = course.network.encoder(samples)
    compare(course.network.quantizer, latent)


def test_look_up_is_by_angle_and_decoding_takes_the_entry_as_stored() -> None:
    quantizer = dac_quantizer(n_codebooks=1, codebook_size=4)
    quantizer.quantizers[0].codebook.weight.data[2] *= 100
    level = FactorisedRVQ.from_dac(quantizer.quantizers).levels[0]
    vector = (0.01 * level.codebook[2] - level.offset_in) @ torch.linalg.pinv(level.project_in).T
    assert level.encode(vector[None]).tolist() == [2]  # the direction, not the length, decides
    expected = level.project_out @ level.codebook[2] + level.offset_out
    torch.testing.assert_close(level.decode(torch.tensor([2]))[0], expected)


def test_it_is_the_quantizer_of_transformers_too() -> None:
    transformers = pytest.importorskip("transformers")
    quantizer = dac_quantizer(seed=4)
    config = transformers.DacConfig(
        encoder_hidden_size=4, downsampling_ratios=[2, 2, 2, 2], decoder_hidden_size=16, n_codebooks=9, hidden_size=64
    )
    oracle = transformers.DacModel(config).eval().quantizer
    for theirs, level in zip(oracle.quantizers, FactorisedRVQ.from_dac(quantizer.quantizers).levels, strict=True):
        theirs.in_proj.weight.data, theirs.in_proj.bias.data = level.project_in[:, :, None], level.offset_in
        theirs.out_proj.weight.data, theirs.out_proj.bias.data = level.project_out[:, :, None], level.offset_out
        theirs.codebook.weight.data = level.codebook
    latent = torch.randn(1, 64, 100, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = oracle(latent)[1]
    mine = FactorisedRVQ.from_dac(quantizer.quantizers).encode(latent[0].T)
    assert torch.equal(mine.T[None], expected)
