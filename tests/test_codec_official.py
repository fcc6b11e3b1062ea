"""dac.DAC at its public size behind the same interface, with random weights: no download, short audio."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import facts
from course_utils.audio import demo_clip
from course_utils.codec import Codec

SAMPLES = 30 * 512 - 200  # 30 frames, the last one not full


@pytest.fixture(scope="module")
def music() -> torch.Tensor:
    return torch.as_tensor(demo_clip("ladder").samples)[44100 : 44100 + SAMPLES]


@pytest.fixture(scope="module")
def codes(official: Codec, music: torch.Tensor) -> torch.Tensor:
    return official.encode(music)


@pytest.fixture(scope="module")
def audio(official: Codec, codes: torch.Tensor) -> torch.Tensor:
    return official.decode(codes, levels=5, length=SAMPLES)


def test_it_is_the_public_size(official: Codec) -> None:
    parameters = sum(p.numel() for p in official.network.parameters())
    assert parameters == pytest.approx(facts.DAC_PARAMETERS.value, rel=0.001)
    assert (official.n_codebooks, official.codebook_size, official.hop, official.sample_rate) == (9, 1024, 512, 44100)


def test_codes_are_those_of_the_packages_own_encode(official: Codec, music: torch.Tensor, codes: torch.Tensor) -> None:
    with torch.no_grad():
        padded = official.network.preprocess(music[None, None], 44100)
        expected = official.network.encode(padded)[1]
    assert codes.shape == (1, 9, 30)
    assert torch.equal(codes, expected)


def test_audio_is_that_of_the_packages_own_decode(official: Codec, codes: torch.Tensor, audio: torch.Tensor) -> None:
    with torch.no_grad():
        expected = official.network.decode(official.network.quantizer.from_codes(codes[:, :5])[0])
    assert audio.shape == (1, 1, SAMPLES)
    torch.testing.assert_close(audio, expected[..., :SAMPLES], atol=1e-5, rtol=0)


@pytest.mark.slow
def test_chunked_equals_whole(official: Codec, music: torch.Tensor, codes: torch.Tensor, audio: torch.Tensor) -> None:
    parts = copy.copy(official)
    parts.chunk = 13
    assert torch.equal(parts.encode(music), codes)
    torch.testing.assert_close(parts.decode(codes, levels=5, length=SAMPLES), audio, atol=1e-5, rtol=0)


def reach(seen: torch.Tensor) -> tuple[int, int]:
    """First and last place that a gradient [N] reaches."""
    places = seen.nonzero().flatten()
    return int(places[0]), int(places[-1])


def test_the_context_covers_what_the_encoder_sees(official: Codec) -> None:
    middle, frames = 20, 41
    samples = torch.randn(1, 1, frames * 512, generator=torch.Generator().manual_seed(0)).requires_grad_()
    official.network.encoder(samples)[0, :, middle].sum().backward()
    assert samples.grad is not None
    first, last = reach(samples.grad[0, 0])
    assert (middle - official.context) * 512 <= first < middle * 512
    assert (middle + 1) * 512 < last < (middle + 1 + official.context) * 512


def test_the_context_covers_what_the_decoder_sees(official: Codec) -> None:
    middle, frames = 20, 41
    latent = torch.randn(1, 1024, frames, generator=torch.Generator().manual_seed(0)).requires_grad_()
    official.network.decoder(latent)[0, 0, middle * 512 : (middle + 1) * 512].sum().backward()
    assert latent.grad is not None
    first, last = reach(latent.grad[0].abs().sum(0))
    assert middle - official.context <= first < middle < last <= middle + official.context


def test_bad_codes_are_refused_here_too(official: Codec) -> None:
    with pytest.raises(ValueError, match="levels=10 is not possible"):
        official.decode(torch.zeros(1, 9, 2, dtype=torch.int64), levels=10)
