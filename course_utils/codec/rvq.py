"""Residual vector quantisation in the open: plain, then the way DAC does it.

`PlainRVQ` is the idea in twenty lines: quantise, subtract, quantise what is left. `FactorisedVQ` and `FactorisedRVQ`
add DAC's two changes, look-up in 8 dimensions and by angle, and give the codes of the dac package's own quantizer
when they are given its weights (tested).
Source: Zeghidour et al. 2021 (SoundStream, arXiv 2107.03312, section III-C) for the residual loop; DAC
(arXiv 2306.06546, section 3.2) for the factorised look-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.codec.kmeans import kmeans, nearest, nearest_by_cosine


@dataclass
class PlainRVQ:
    """One codebook [K, D] for each level, looked up by Euclidean distance."""

    codebooks: list[Tensor]

    @classmethod
    def fit(cls, points: Tensor, levels: int, k: int, iterations: int = 10, seed: int = 0) -> PlainRVQ:
        """k-means on points [N, D], then on what the first codebook leaves over, and so on for `levels` levels."""
        codebooks, residual = [], points
        for level in range(levels):
            codebook = kmeans(residual, k, iterations, seed + level)
            residual = residual - codebook[nearest(residual, codebook)]
            codebooks.append(codebook)
        return cls(codebooks)

    def encode(self, points: Tensor) -> Tensor:
        """Points [N, D] -> codes int64 [N, levels]."""
        codes, residual = [], points
        for codebook in self.codebooks:
            index = nearest(residual, codebook)
            codes.append(index)
            residual = residual - codebook[index]
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [N, n] of the first n levels -> points [N, D]: the sum of the chosen entries."""
        entries = [codebook[codes[:, level]] for level, codebook in enumerate(self.codebooks[: codes.shape[1]])]
        return torch.stack(entries).sum(0)


@dataclass
class FactorisedVQ:
    """One level of DAC's quantizer: project down, look up by angle, project up.

    project_in [8, D] and offset_in [8]; codebook [1024, 8]; project_out [D, 8] and offset_out [D].
    """

    project_in: Tensor
    offset_in: Tensor
    codebook: Tensor
    project_out: Tensor
    offset_out: Tensor

    def encode(self, points: Tensor) -> Tensor:
        """Points [N, D] -> the entry, int64 [N], at the smallest angle to each projected point."""
        return nearest_by_cosine(points @ self.project_in.T + self.offset_in, self.codebook)

    def decode(self, index: Tensor) -> Tensor:
        """Entries' numbers [N] -> points [N, D]. The entry is taken as stored, not normalised."""
        return self.codebook[index] @ self.project_out.T + self.offset_out


@dataclass
class FactorisedRVQ:
    """DAC's quantizer: factorised levels, each working on what the levels before it left over."""

    levels: list[FactorisedVQ]

    @classmethod
    def from_dac(cls, quantizers: Sequence[torch.nn.Module]) -> FactorisedRVQ:
        """Read the weights of a `dac.nn.quantize.ResidualVectorQuantize` (its `.quantizers`)."""
        return cls([read_dac_level(vq) for vq in quantizers])

    def encode(self, points: Tensor) -> Tensor:
        """Points [N, D] -> codes int64 [N, levels]."""
        codes, residual = [], points
        for level in self.levels:
            index = level.encode(residual)
            codes.append(index)
            residual = residual - level.decode(index)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [N, n] of the first n levels -> points [N, D]."""
        points = [level.decode(codes[:, i]) for i, level in enumerate(self.levels[: codes.shape[1]])]
        return torch.stack(points).sum(0)


def read_dac_level(vq: torch.nn.Module) -> FactorisedVQ:
    """Plain matrices from one `dac.nn.quantize.VectorQuantize`.

    Its two projections are 1x1 convolutions under weight normalisation: weight = g * v / |v|, row by row.
    """

    def matrix(layer: torch.nn.Module) -> tuple[Tensor, Tensor]:
        weight = layer.weight_g * F.normalize(layer.weight_v, dim=1)  # [out, in, 1]
        return weight[:, :, 0].detach(), layer.bias.detach()

    project_in, offset_in = matrix(vq.in_proj)
    project_out, offset_out = matrix(vq.out_proj)
    return FactorisedVQ(project_in, offset_in, vq.codebook.weight.detach(), project_out, offset_out)
