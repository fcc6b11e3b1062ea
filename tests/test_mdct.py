"""The transform loses nothing, changes no energy inside, and its sine twin steadies what it lets flutter."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.codec import MDCT
from course_utils.codec.mdct import mdct_basis


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 12),
    hop=st.sampled_from([2, 8, 64, 512]),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_every_sample_comes_back_also_at_both_ends(frames: int, hop: int, batch: int, seed: int) -> None:
    mdct, audio = MDCT(hop), noise(batch, frames * hop, seed=seed)
    coefficients = mdct(audio)
    assert coefficients.shape == (batch, frames, hop)
    assert (mdct.inverse(coefficients) - audio).abs().max() < 1e-5 * audio.abs().max() + 1e-6


@pytest.mark.parametrize("place", [0, 1, 255, 256, 257, 511, 512, 1023, 1279, 1280, 1535])
def test_a_single_click_comes_back_where_it_was(place: int) -> None:
    audio = torch.zeros(1, 1536)
    audio[0, place] = 1.0
    mdct = MDCT()
    torch.testing.assert_close(mdct.inverse(mdct(audio)), audio, atol=1e-6, rtol=0)


def test_the_transform_is_linear() -> None:
    mdct, a, b = MDCT(64), noise(2, 640, seed=1), noise(2, 640, seed=2)
    torch.testing.assert_close(mdct(2 * a - 3 * b), 2 * mdct(a) - 3 * mdct(b), atol=1e-5, rtol=1e-5)


def test_energy_is_kept_where_two_windows_overlap() -> None:
    audio = torch.zeros(1, 16 * 512)
    audio[:, 512:-512] = noise(1, 14 * 512)  # nothing in the outermost half hop, which one window sees alone
    coefficients = MDCT()(audio)
    assert float(coefficients.square().sum() / audio.square().sum()) == pytest.approx(1.0, abs=1e-5)


def test_the_basis_is_orthonormal() -> None:
    basis = mdct_basis(64).double()
    torch.testing.assert_close(basis.T @ basis, torch.eye(64, dtype=torch.float64), atol=1e-6, rtol=0)


def test_a_steady_tone_flutters_in_the_mdct_and_is_steady_with_its_sine_twin() -> None:
    tone = torch.sin(2 * math.pi * 1003.7 * torch.arange(40 * 512) / 44100)[None]
    mdct = MDCT()
    cosine, sine = mdct.complex(tone)
    torch.testing.assert_close(cosine, mdct(tone))
    band = round(1003.7 / 44100 * 2 * 512 - 0.5)
    alone = cosine[0, 2:-2, band].square()
    both = alone + sine[0, 2:-2, band].square()
    assert float(alone.std() / alone.mean()) > 0.5
    assert float(both.std() / both.mean()) < 0.05


def test_a_frame_depends_on_its_neighbours_and_on_nothing_further() -> None:
    """Frame t reads samples from half a hop before it to half a hop after it: the codec's chunks rely on it."""
    mdct, audio = MDCT(64), noise(1, 640)
    changed = audio.clone()
    changed[0, 5 * 64 + 40] += 1.0  # in frame 5, nearer to frame 6
    moved = (mdct(changed) - mdct(audio)).abs().amax(-1)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == [5, 6]


@pytest.mark.parametrize("samples", [0, 1, 511, 513])
def test_another_length_is_refused_with_what_to_do(samples: int) -> None:
    with pytest.raises(ValueError, match=f"{samples} samples are no multiple of the hop, 512: pad"):
        MDCT()(torch.zeros(1, samples))


@pytest.mark.parametrize("hop", [0, 1, 7])
def test_an_odd_hop_is_refused(hop: int) -> None:
    with pytest.raises(ValueError, match=f"must be even.*not {hop}"):
        MDCT(hop)
