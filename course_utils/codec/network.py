"""The course codec's network: MDCT in, MDCT out, a linear path with convolutional branches, DAC's quantizer between.

It has the three parts of `dac.DAC`, under the same names (`encoder`, `quantizer`, `decoder`), so that one `Codec`
drives both. Why not a small `dac.DAC`: at this size and training time its waveform decoder never gets the phase
right, while a transform that is exact by itself leaves the network only the compression to learn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from course_utils.codec.mdct import MDCT


@dataclass(frozen=True)
class CourseCodecConfig:
    """Sizes of the course codec (defaults: the trained model in data/models)."""

    sample_rate: int = 44100
    hop: int = 512
    n_codebooks: int = 9
    codebook_size: int = 1024
    codebook_dim: int = 8
    latent_dim: int = 256
    width: int = 256
    encoder_blocks: int = 4
    decoder_blocks: int = 8
    expansion: int = 3
    compand: float = 0.4

    def as_dict(self) -> dict:
        """The sizes as plain values, for a file's metadata."""
        return asdict(self)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over 7 frames, then a small perceptron per frame, added to its input (Liu et al. 2022)."""

    def __init__(self, width: int, expansion: int):
        super().__init__()
        self.mix_frames = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:  # [B, T, width] -> the same
        y = self.mix_frames(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.down(nn.functional.gelu(self.up(self.norm(y))))


class MDCTEncoder(nn.Module):
    """Audio [B, 1, N], N a multiple of the hop -> latent [B, latent_dim, N / hop]."""

    weight: Tensor

    def __init__(self, config: CourseCodecConfig):
        super().__init__()
        hop, width = config.hop, config.width
        self.compand = config.compand
        self.mdct = MDCT(hop)
        self.register_buffer("weight", torch.ones(hop))  # evens out the bands: 1 / deviation^0.5
        self.linear = nn.Linear(hop, config.latent_dim, bias=False)
        self.inp = nn.Linear(2 * hop, width)
        self.blocks = nn.Sequential(*[ConvNeXtBlock(width, config.expansion) for _ in range(config.encoder_blocks)])
        self.out = nn.Linear(width, config.latent_dim)
        nn.init.zeros_(self.out.weight)  # training starts from the linear path alone
        nn.init.zeros_(self.out.bias)

    def forward(self, audio: Tensor) -> Tensor:
        with exact(audio):
            real, imag = self.mdct.complex(audio.squeeze(1).float())
        real, imag = real * self.weight, imag * self.weight  # [B, T, hop]
        shrink = (real**2 + imag**2 + 1e-6) ** -0.35  # magnitude^0.3: quiet detail stays visible to the branch
        branch = self.blocks(self.inp(torch.cat([real * shrink, imag * shrink], dim=-1)))
        latent = squeeze(self.linear(real), self.compand) + self.out(branch)
        return latent.transpose(1, 2)


class MDCTDecoder(nn.Module):
    """Latent [B, latent_dim, T] -> audio [B, 1, T * hop]."""

    weight: Tensor

    def __init__(self, config: CourseCodecConfig):
        super().__init__()
        hop, width = config.hop, config.width
        self.compand = config.compand
        self.mdct = MDCT(hop)
        self.register_buffer("weight", torch.ones(hop))
        self.linear = nn.Linear(config.latent_dim, hop, bias=False)
        self.inp = nn.Linear(config.latent_dim, width)
        self.blocks = nn.Sequential(*[ConvNeXtBlock(width, config.expansion) for _ in range(config.decoder_blocks)])
        self.norm = nn.LayerNorm(width)
        self.gain = nn.Linear(width, hop)  # scales each band of the linear path ...
        self.add = nn.Linear(width, hop)  # ... and adds what it lacks
        for layer in (self.gain, self.add):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, latent: Tensor) -> Tensor:
        z = latent.transpose(1, 2)  # [B, T, latent_dim]
        branch = self.norm(self.blocks(self.inp(z)))
        level = loudness(z, self.compand)
        spectrum = self.linear(unsqueeze(z, self.compand)) * torch.exp(self.gain(branch).clamp(-5, 3))
        spectrum = spectrum + level * self.add(branch)
        with exact(latent):
            return self.mdct.inverse(spectrum.float() / self.weight)[:, None]


def exact(x: Tensor) -> torch.autocast:
    """Full precision inside mixed-precision training: the rounding of bfloat16 would be heard as noise at -50 dB."""
    return torch.autocast(x.device.type, enabled=False)


def squeeze(z: Tensor, power: float) -> Tensor:
    """Shrink each frame's vector [..., D] to length |z|^(1 - power): loud and quiet frames come closer."""
    return z * (z.pow(2).sum(-1, keepdim=True) + 1e-6) ** (-power / 2)


def unsqueeze(z: Tensor, power: float) -> Tensor:
    """Undo `squeeze`."""
    return z * loudness(z, power)


def loudness(z: Tensor, power: float) -> Tensor:
    """The factor [..., 1] by which `squeeze` had shrunk a frame, read from the shrunk vector."""
    return (z.pow(2).sum(-1, keepdim=True) + 1e-6) ** (power / (2 * (1 - power)))


class CourseCodecNetwork(nn.Module):
    """Encoder, DAC's residual vector quantizer, decoder."""

    def __init__(self, config: CourseCodecConfig | None = None, quantizer_dropout: float = 0.0):
        super().__init__()
        from course_utils.compat.torchaudio import ensure_torchaudio

        ensure_torchaudio()
        from dac.nn.quantize import ResidualVectorQuantize

        self.config = config = config or CourseCodecConfig()
        self.sample_rate, self.hop_length = config.sample_rate, config.hop
        self.encoder = MDCTEncoder(config)
        self.quantizer = ResidualVectorQuantize(
            input_dim=config.latent_dim,
            n_codebooks=config.n_codebooks,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            quantizer_dropout=quantizer_dropout,
        )
        self.decoder = MDCTDecoder(config)
