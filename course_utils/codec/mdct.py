"""The modified discrete cosine transform: 512 real numbers for every 512 samples, and back without loss.

Frame t belongs to samples [512 t, 512 (t + 1)). Its window is twice as long and reaches 256 samples to either side,
so T frames describe 512 T samples: the time base of the codec's codes.
Source: Princen, Johnson and Bradley 1987 (time domain aliasing cancellation); sine window.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mdct_basis(hop: int, phase: float = 0.0) -> Tensor:
    """Windowed cosine basis of the MDCT, or of its sine twin, the MDST.

    Args:
        hop: samples per frame and coefficients per frame.
        phase: 0 for the MDCT; -pi/2 turns every cosine into a sine (MDST).
    Returns:
        float32 [2 * hop, hop]: column k is the window times the k-th cosine.
    """
    n = torch.arange(2 * hop, dtype=torch.float64)[:, None]
    k = torch.arange(hop, dtype=torch.float64)[None, :]
    window = torch.sin(math.pi * (n + 0.5) / (2 * hop))
    angle = math.pi / hop * (n + 0.5 + hop / 2) * (k + 0.5) + phase
    return (window * math.sqrt(2 / hop) * torch.cos(angle)).float()


class MDCT(nn.Module):
    """MDCT with T frames for 512 T samples, exact at both ends of the signal."""

    basis: Tensor
    sine_basis: Tensor
    edge_gain: Tensor

    def __init__(self, hop: int = 512):
        super().__init__()
        if hop < 2 or hop % 2:
            raise ValueError(f"the hop must be even, half of it lies to either side of a frame; not {hop}")
        self.hop = hop
        self.register_buffer("basis", mdct_basis(hop), persistent=False)
        self.register_buffer("sine_basis", mdct_basis(hop, phase=-math.pi / 2), persistent=False)
        # The outermost half hop is seen by one window only. Its mirror image lies in the padding, which is
        # silent, so dividing by the window squared restores it (between 1 and 2: no blow-up).
        n = torch.arange(hop // 2) + hop // 2
        window = torch.sin(math.pi * (n + 0.5) / (2 * hop))
        self.register_buffer("edge_gain", 1 / window**2, persistent=False)

    def frames(self, audio: Tensor) -> Tensor:
        """Overlapping frames: audio [B, N], N a multiple of hop -> [B, N / hop, 2 * hop].

        Raises ValueError for another length, and for no samples.
        """
        if audio.shape[-1] == 0 or audio.shape[-1] % self.hop:
            raise ValueError(f"{audio.shape[-1]} samples are no multiple of the hop, {self.hop}: pad the audio first")
        return F.pad(audio, (self.hop // 2, self.hop // 2)).unfold(-1, 2 * self.hop, self.hop)

    def forward(self, audio: Tensor) -> Tensor:
        """Audio [B, N] -> coefficients [B, N / hop, hop]."""
        return self.frames(audio) @ self.basis

    def complex(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """MDCT and MDST of audio [B, N]: two arrays [B, N / hop, hop], the real and imaginary half of one spectrum."""
        frames = self.frames(audio)
        return frames @ self.basis, frames @ self.sine_basis

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Coefficients [B, T, hop] -> audio [B, T * hop], by overlap and add."""
        hop, half = self.hop, self.hop // 2
        frames = coefficients @ self.basis.T  # [B, T, 2 * hop]
        first, second = frames[..., :hop], frames[..., hop:]
        audio = (F.pad(first, (0, 0, 0, 1)) + F.pad(second, (0, 0, 1, 0))).flatten(1)[:, half:-half]
        head = audio[:, :half] * self.edge_gain
        tail = audio[:, -half:] * self.edge_gain.flip(0)
        return torch.cat([head, audio[:, half:-half], tail], dim=1)
