"""Where the codec's training starts: not from random numbers, but from what can be computed.

The linear path starts as the principal components of weighted MDCT frames, each level of the quantizer as the
principal directions of what the levels before it left over. The codec makes music before its first training step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.codec.kmeans import kmeans, nearest_by_cosine
from course_utils.codec.network import CourseCodecNetwork, squeeze

BAND_POWER = 0.5  # 0 leaves the bands as they are, 1 makes every band equally loud


@torch.no_grad()
def start_linear_path(network: CourseCodecNetwork, audio: Tensor, frames: int = 20000) -> None:
    """Set the band weights and the linear path from music: audio [B, 1, N]."""
    spectrum = network.encoder.mdct(audio.squeeze(1)).flatten(0, 1)  # [B * T, hop]
    spectrum = spectrum[torch.randperm(len(spectrum))[:frames]]
    weight = 1 / (spectrum.std(0) + 1e-4) ** BAND_POWER
    network.encoder.weight.copy_(weight)
    network.decoder.weight.copy_(weight)
    directions = principal_directions(squeeze(spectrum * weight, network.config.compand), network.config.latent_dim)
    network.encoder.linear.weight.copy_(directions)
    network.decoder.linear.weight.copy_(directions.T)


def principal_directions(points: Tensor, count: int) -> Tensor:
    """Directions of largest energy, not centred: points [N, D] -> [count, D], rows of length 1."""
    return torch.linalg.svd(points, full_matrices=False)[2][:count]


@torch.no_grad()
def start_quantizer(network: CourseCodecNetwork, audio: Tensor, lift: float = 1.5) -> None:
    """Set every level of the quantizer from music: audio [B, 1, N].

    The look-up compares directions only, so a loud and a quiet frame of one sound would share an entry. Seven of the
    eight dimensions hold principal directions of the residual, the eighth a constant: a quiet frame then points along
    the eighth axis, a loud one away from it, and direction tells loudness too.
    """
    residual = network.encoder(audio)  # [B, D, T]
    for level, vq in enumerate(network.quantizer.quantizers):
        points = residual.transpose(1, 2).flatten(0, 1)  # [B * T, D]
        mean = points.mean(0)
        sample = (points - mean)[torch.randperm(len(points))[:20000]]
        dim = vq.codebook_dim
        project = torch.zeros(dim, points.shape[1])
        project[:-1] = principal_directions(sample, dim - 1)
        offset = -(project @ mean)
        offset[-1] = lift * (sample @ project.T).pow(2).sum(1).mean().sqrt()
        set_projection(vq.in_proj, project, offset)
        set_projection(vq.out_proj, project.T.contiguous(), mean)
        latents = vq.in_proj(residual).transpose(1, 2).flatten(0, 1)
        entries = kmeans(latents, vq.codebook_size, iterations=10, seed=level, assign=nearest_by_cosine)
        vq.codebook.weight.copy_(entries)
        residual = residual - vq(residual)[0]


def set_projection(layer: torch.nn.Conv1d, weight: Tensor, bias: Tensor) -> None:
    """Give a weight-normed 1x1 convolution these weights [out, in] and biases [out].

    Weight normalisation divides by each row's length: rows of zeros get a tiny random direction instead.
    """
    empty = weight.norm(dim=1) == 0
    noise = torch.randn_like(weight) * empty[:, None]
    layer.weight_v.copy_((weight + noise)[:, :, None])
    layer.weight_g.copy_(torch.where(empty, 1e-3, weight.norm(dim=1))[:, None, None])
    assert layer.bias is not None
    layer.bias.copy_(bias)
