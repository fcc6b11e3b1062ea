"""One interface to neural codecs: audio to codes [B, 9, T] and back, from all levels or fewer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.codec.chunks import spans


class CodecNetwork(Protocol):
    """What `Codec` needs of a network: `dac.DAC` has it, and `CourseCodecNetwork`."""

    encoder: nn.Module  # audio [B, 1, T * hop] -> latent [B, D, T]
    quantizer: nn.Module  # a dac.nn.quantize.ResidualVectorQuantize
    decoder: nn.Module  # latent [B, D, T] -> audio [B, 1, T * hop]


class Codec:
    """A trained codec: 44.1 kHz mono audio to 9 codes a frame, and back.

    Long audio is worked through in chunks of `chunk` frames. Each chunk is given `context` frames more on both sides,
    at least as many as the network can see, so the result is that of the whole at once.
    """

    def __init__(
        self, network: nn.Module, name: str, sample_rate: int, hop: int, context: int, chunk: int = 1024
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.name, self.sample_rate, self.hop = name, sample_rate, hop
        self.context, self.chunk = context, chunk
        self._quantizer: Any = network.quantizer

    def __repr__(self) -> str:
        million = sum(p.numel() for p in self.network.parameters()) / 1e6
        return (
            f"Codec({self.name!r}: {self.n_codebooks} codebooks x {self.codebook_size}, "
            f"{self.frame_rate:.2f} frames/s, {million:.1f} M parameters, on {self.device})"
        )

    @property
    def n_codebooks(self) -> int:
        """Number of codebooks, which is the number of levels."""
        return int(self._quantizer.n_codebooks)

    @property
    def codebook_size(self) -> int:
        """Entries of one codebook."""
        return int(self._quantizer.codebook_size)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    @property
    def device(self) -> torch.device:
        """Where the network's weights are."""
        return next(self.network.parameters()).device

    def to(self, device: str | torch.device) -> Codec:
        """Move the network to a device; returns the codec itself."""
        self.network.to(device)
        return self

    def bits_per_second(self, levels: int | None = None) -> float:
        """Bits that the codes of the first `levels` levels (default: all) take per second of audio."""
        levels = self.n_codebooks if levels is None else levels
        return levels * float(np.log2(self.codebook_size)) * self.frame_rate

    def codebook(self, level: int) -> Tensor:
        """Entries of codebook c_level (0 to 8): float32 [1024, 8]."""
        return self._quantizer.quantizers[level].codebook.weight

    def frames(self, samples: int) -> int:
        """Number of frames T for so many samples: the last frame is filled up with silence."""
        return -(-samples // self.hop)

    def encode(self, audio: Tensor | np.ndarray | Any) -> Tensor:
        """Codes int64 [B, 9, T] of audio at the codec's rate.

        audio: a Clip, or float samples [N], [1, N] or [B, 1, N]. Raises ValueError for no samples, samples that are
        not finite or not floating point, another shape, or a Clip of another rate.
        """
        batch = self._as_batch(audio)
        return torch.cat(list(self.encode_blocks([batch])), dim=-1)

    def encode_blocks(self, blocks: Iterable[Tensor | np.ndarray]) -> Iterator[Tensor]:
        """Codes of audio that comes in blocks of any size, [N] or [B, 1, N] each: yields codes [B, 9, t] in order.

        Holds one chunk and its context, whatever the length of the whole. Raises as `encode`.
        """
        hop, waiting, passed = self.hop, None, 0  # `passed`: frames before the first one still held
        step, context = self.chunk, self.context
        done = 0  # frames encoded so far
        for block in blocks:
            audio = self._as_batch(block)
            waiting = audio if waiting is None else torch.cat([waiting, audio], dim=-1)
            while waiting.shape[-1] >= (done - passed + step + context) * hop:
                reach = (done - passed + step + context) * hop
                yield self._encode_part(waiting[..., :reach], done - passed, done - passed + step)
                done += step
                drop = max(done - context, 0) - passed
                waiting, passed = waiting[..., drop * hop :], passed + drop
        if waiting is None:
            raise ValueError("there is no audio: not one block came")
        frames = self.frames(waiting.shape[-1])  # what is left, filled up to whole frames
        waiting = torch.nn.functional.pad(waiting, (0, frames * hop - waiting.shape[-1]))
        for start in range(done - passed, frames, step):
            low, stop = max(start - context, 0), min(start + step, frames)
            high = min(stop + context, frames)
            yield self._encode_part(waiting[..., low * hop : high * hop], start - low, stop - low)

    @torch.no_grad()
    def _encode_part(self, audio: Tensor, start: int, stop: int) -> Tensor:
        """Encode audio of whole frames and keep the frames [start, stop)."""
        latent = self.network.encoder(audio.to(self.device))
        return self._quantizer(latent)[1][..., start:stop].cpu()

    def decode(
        self,
        codes: Tensor,
        levels: int | None = None,
        codebooks: Sequence[int] | None = None,
        length: int | None = None,
    ) -> Tensor:
        """Audio float32 [B, 1, N] of codes [B, n, T].

        levels: decode the first so many (1 to 9). codebooks: decode these instead, by number (0 to 8), in any
        combination. length: samples to keep, to get back a length that is no multiple of the hop.
        Raises ValueError for codes of another shape or outside the codebooks, for levels that are not there, and for
        more samples than the frames hold.
        """
        return torch.cat(list(self.decode_chunks(codes, levels, codebooks, length)), dim=-1)

    def decode_chunks(
        self,
        codes: Tensor,
        levels: int | None = None,
        codebooks: Sequence[int] | None = None,
        length: int | None = None,
    ) -> Iterator[Tensor]:
        """Like `decode`, but yields the audio piece by piece, [B, 1, n] each, in bounded memory.

        Raises as `decode`, at once: not when the first piece is asked for.
        """
        chosen = self._chosen(codes, levels, codebooks)
        held = codes.shape[-1] * self.hop
        if length is not None and not 0 < length <= held:
            raise ValueError(f"{codes.shape[-1]} frames hold 1 to {held} samples, so length={length} is not possible")
        return self._pieces(codes, chosen, held if length is None else length)

    def _pieces(self, codes: Tensor, chosen: list[int], left: int) -> Iterator[Tensor]:
        """Decode chunk by chunk until no sample is `left` to give."""
        for span in spans(codes.shape[-1], self.chunk, self.context):
            if left == 0:
                return
            latent = self.quantized(codes[..., span.low : span.high], codebooks=chosen)
            with torch.no_grad():
                audio = self.network.decoder(latent)
            keep = audio[..., span.inner_start * self.hop : span.inner_stop * self.hop][..., :left]
            left -= keep.shape[-1]
            yield keep.cpu()

    @torch.no_grad()
    def quantized(self, codes: Tensor, levels: int | None = None, codebooks: Sequence[int] | None = None) -> Tensor:
        """The decoder's input [B, D, T]: the sum over codebooks of each chosen entry, projected up."""
        parts = []
        for level in self._chosen(codes, levels, codebooks):
            vq = self._quantizer.quantizers[level]
            parts.append(vq.out_proj(vq.decode_code(codes[:, level].to(self.device, torch.int64))))
        return torch.stack(parts).sum(0)

    def _chosen(self, codes: Tensor, levels: int | None, codebooks: Sequence[int] | None) -> list[int]:
        """Numbers of the codebooks to decode, after a look at the codes."""
        if codes.ndim != 3 or not 1 <= codes.shape[1] <= self.n_codebooks or codes.numel() == 0:
            raise ValueError(f"codes must be [batch, 1 to {self.n_codebooks} levels, frames], not {list(codes.shape)}")
        if codes.is_floating_point() or codes.min() < 0 or codes.max() >= self.codebook_size:
            raise ValueError(
                f"codes must be whole numbers from 0 to {self.codebook_size - 1}; these are {codes.dtype} "
                f"from {codes.min().item()} to {codes.max().item()}"
            )
        if levels is not None and codebooks is not None:
            raise ValueError("say either levels (the first so many) or codebooks (which ones), not both")
        chosen = list(range(codes.shape[1] if levels is None else levels)) if codebooks is None else list(codebooks)
        if not chosen or min(chosen) < 0 or max(chosen) >= codes.shape[1]:
            asked = f"levels={levels}" if codebooks is None else f"codebooks={chosen}"
            raise ValueError(f"{asked} is not possible: these codes have levels 1 to {codes.shape[1]} (c0 is level 1)")
        if len(set(chosen)) < len(chosen):
            raise ValueError(f"codebooks={chosen} names a codebook twice: each can add its entry only once")
        return chosen

    def _as_batch(self, audio: Any) -> Tensor:
        """Samples as float32 [B, 1, N]."""
        rate = getattr(audio, "rate", self.sample_rate)
        if rate != self.sample_rate:
            raise ValueError(f"the audio has {rate} Hz, the codec works at {self.sample_rate} Hz: use load_audio")
        samples = torch.as_tensor(getattr(audio, "samples", audio))
        if samples.ndim == 1:
            samples = samples[None, None]
        elif samples.ndim == 2 and samples.shape[0] == 1:
            samples = samples[None]
        if samples.ndim != 3 or samples.shape[1] != 1:
            raise ValueError(f"audio must be mono, [N], [1, N] or [B, 1, N]; this is {list(samples.shape)}")
        if samples.numel() == 0:
            raise ValueError("the audio is empty: there is not one sample to encode")
        if not samples.is_floating_point():
            raise ValueError(f"samples must be floating point, from -1 to 1, not {samples.dtype}: scale them first")
        if not torch.isfinite(samples).all():
            raise ValueError(f"{int((~torch.isfinite(samples)).sum())} samples are not finite (NaN or infinite)")
        return samples.float()
