"""Iterative parallel decoding: guess all gaps at once, keep what is surest, and ask again for the rest.

`one_pass` is the method; `decode` repeats it by the schedule and writes down what happened, `decode_coarse_to_fine`
runs two networks one after the other.
Source: VampNet (arXiv 2307.04686, section 2.3) after Chang et al. 2022 (MaskGIT, arXiv 2202.04200, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.vampnet.masks import Mask, flatten_codebooks, unflatten_codebooks
from course_utils.vampnet.models import check_stages
from course_utils.vampnet.sampling import (
    below_cutoff,
    confidence_of,
    least_confident,
    sample_from_logits,
    typical_filter,
)
from course_utils.vampnet.schedule import Gamma, cosine, masked_after, masked_counts
from course_utils.vampnet.transformer import VampNet, check_codes

Progress = Callable[[int, int], None]  # passes done, passes in all
AUTHORS_FINE_PASSES = 2  # fixed in the released code


@dataclass(frozen=True)
class DecodeSettings:
    """How to decode.

    passes: at least 1. temperature: of the sampled tokens, 0 takes the likeliest. mask_temperature: of the noise in
    the ranking, times 1 - n / passes in pass n. top_p, typical_mass: shares of the probability to sample from.
    sample_cutoff: share of the passes that sample, later ones take the likeliest token; negative: none samples.
    gamma: share still masked for a share of the passes done, float32 tensor to tensor.
    compat: as the released code: typical filtering without effect, the schedule counted over the whole batch, fewer
    tokens masked in ties, and masked conditioning codebooks hidden from the first pass. Raises ValueError.
    """

    passes: int = 36
    temperature: float = 1.0
    mask_temperature: float = 10.5
    top_p: float | None = None
    typical_mass: float | None = None
    typical_min_tokens: int = 1
    sample_cutoff: float = 1.0
    gamma: Gamma = cosine
    compat: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.passes, bool) or not isinstance(self.passes, Integral) or self.passes < 1:
            raise ValueError(f"decoding takes a whole number of passes, at least 1, not {self.passes!r}")
        for name in ("temperature", "mask_temperature"):
            number = getattr(self, name)
            if not isinstance(number, Real) or not 0 <= number < math.inf:
                raise ValueError(f"{name} must be 0 or more, not {number!r}")
        if not isinstance(self.sample_cutoff, Real) or math.isnan(self.sample_cutoff):
            raise ValueError(f"sample_cutoff is a share of the passes, not {self.sample_cutoff!r}")
        for name in ("top_p", "typical_mass"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise ValueError(f"{name} is a share of the probability, above 0 and at most 1, not {share}")
        if self.typical_min_tokens < 1:
            raise ValueError(f"at least one token must stay, not typical_min_tokens = {self.typical_min_tokens}")

    def noise(self, number: int) -> float:
        """Temperature of the ranking's noise in pass `number` (from 1): 0 in the last."""
        return self.mask_temperature * (1 - number / self.passes)

    def samples(self, number: int) -> bool:
        """Whether pass `number` (from 1) samples; otherwise it takes the likeliest token."""
        return (number - 1) / self.passes <= self.sample_cutoff


class Step(NamedTuple):
    """What one pass decides for the C' predicted codebooks; all [B, C', T]."""

    tokens: Tensor  # int64: sampled where the codes were open, else as they were
    probability: Tensor  # float32 of the sampled tokens; 1 where nothing was sampled
    confidence: Tensor  # float32, what the ranking went by; inf where nothing was sampled
    remasked: Tensor  # bool: open again


@dataclass(frozen=True)
class Pass:
    """The record of one pass over B clips, on the CPU. C codebooks are read, the C' from `first` on are predicted."""

    number: int  # from 1
    passes: int  # in this stage
    first: int  # codebook: 0 in the coarse stage, 4 in the fine one
    seen: Tensor  # int64 [B, C, T]: the codes as the network saw them, mask token where open
    tokens: Tensor  # int64 [B, C', T]: as Step, and so for the next two
    probability: Tensor
    confidence: Tensor
    kept: Tensor  # bool [B, C', T]: sampled in this pass and kept
    remasked: Tensor  # bool [B, C', T]: sampled in this pass and dropped again
    asked: Tensor  # int64 [B]: how many tokens were to be open after the pass
    done: Tensor  # int64 [B]: how many are
    offset: int = 0  # frame of the clip at which these T frames begin: above 0 in later windows of a long clip


@dataclass(frozen=True)
class Decoded:
    """Finished codes int64 [B, C, T] and how they came about, pass by pass."""

    codes: Tensor
    trace: tuple[Pass, ...]


OnePass = Callable[[VampNet, Tensor, Tensor, Tensor, DecodeSettings, int, Tensor], Step]


def one_pass(
    network: VampNet, seen: Tensor, asked: Tensor, chance: Tensor, settings: DecodeSettings, number: int, bias: Tensor
) -> Step:
    """Predict every open token, sample it, rank the samples, and open the `asked` least confident again.

    seen: int64 [B, C, T] with the mask token where open. asked: int64 [B]. chance: uniform numbers [2, B, C', T], for
    the tokens and for the ranking. number: of the pass, from 1. bias: `network.bias(T)`.
    """
    known = seen[:, network.config.conditioning :]  # [B, C', T]
    is_open = known == network.config.mask_token
    tokens, probability = _fill(network, seen, is_open, chance[0], settings, number, bias)
    confidence = confidence_of(probability, settings.noise(number), chance[1])
    confidence = torch.where(is_open, confidence, torch.inf)  # what is settled stays settled
    choose = below_cutoff if settings.compat else least_confident
    # Flattened frame by frame, as the authors do: it decides which of two equals comes first.
    chosen = choose(flatten_codebooks(confidence), asked[:, None])
    remasked = unflatten_codebooks(chosen, known.shape[1]) & is_open
    return Step(torch.where(is_open, tokens, known), probability, confidence, remasked)


def _fill(
    network: VampNet,
    seen: Tensor,
    is_open: Tensor,
    uniform: Tensor,
    settings: DecodeSettings,
    number: int,
    bias: Tensor,
) -> tuple[Tensor, Tensor]:
    """Sampled tokens and their probabilities at the open cells, 0 and 1 at the others: [B, C', T] each."""
    hidden = network.hidden(network.latents(seen), bias)
    chosen = _sample_open if seen.is_cpu else _sample_all
    return chosen(network, hidden, is_open, uniform if settings.samples(number) else None, settings)


def _sample_open(
    network: VampNet, hidden: Tensor, is_open: Tensor, uniform: Tensor | None, settings: DecodeSettings
) -> tuple[Tensor, Tensor]:
    """`_fill` from the last layer's frames [B, T, width], with logits for the open cells alone."""
    where = is_open.transpose(0, 1)  # [C', B, T], the order of logits_at
    drawn = None if uniform is None else uniform.transpose(0, 1)[where]
    token, probability = _sample(network.logits_at(hidden, is_open), drawn, settings)
    tokens, probabilities = torch.zeros_like(where, dtype=torch.int64), torch.ones_like(where, dtype=torch.float32)
    tokens[where], probabilities[where] = token, probability
    return tokens.transpose(0, 1), probabilities.transpose(0, 1)


def _sample_all(
    network: VampNet, hidden: Tensor, is_open: Tensor, uniform: Tensor | None, settings: DecodeSettings
) -> tuple[Tensor, Tensor]:
    """`_sample_open` for a GPU: all cells, as the host would have to wait for it to learn which are open."""
    token, probability = _sample(network.logits(hidden), uniform, settings)
    return torch.where(is_open, token, 0), torch.where(is_open, probability, 1)


def _sample(logits: Tensor, uniform: Tensor | None, settings: DecodeSettings) -> tuple[Tensor, Tensor]:
    """Tokens and probabilities [...] of logits [..., V]; without uniform numbers [...] the likeliest."""
    logits = logits.float()
    if settings.typical_mass is not None and not settings.compat:
        logits = typical_filter(logits, settings.typical_mass, settings.typical_min_tokens)
    return sample_from_logits(logits, uniform, settings.temperature, settings.top_p)


def decode(
    network: VampNet,
    codes: Tensor,
    mask: Mask | Tensor | None = None,
    settings: DecodeSettings | None = None,
    seed: int | Sequence[int] = 0,
    progress: Progress | None = None,
    step: OnePass = one_pass,
) -> Decoded:
    """Fill the masked places of codes int64 [B, C, T]; all others come through as they are.

    mask: a `Mask`, or [B, C, T], [C, T] or [T], true (1) where to generate; without one everything but the
    conditioning codebooks, which are never generated. Places that hold the mask token are open too. seed: one number,
    clip b then uses seed + b, or one for each clip; a clip's result does not depend on the others. progress: called
    after each pass. step: another way to do one pass.
    Raises ValueError for codes or a mask of another shape or type, codes out of range, conditioning codebooks that
    are not known, or a network in training mode.
    """
    check_codes(codes, network.config)
    generators = _generators(seed, len(codes))
    return _decode(network, codes, mask, settings or DecodeSettings(), generators, progress, step)


def decode_coarse_to_fine(
    coarse: VampNet,
    fine: VampNet,
    codes: Tensor,
    mask: Mask | Tensor | None = None,
    settings: DecodeSettings | None = None,
    fine_passes: int = AUTHORS_FINE_PASSES,
    seed: int | Sequence[int] = 0,
    progress: Progress | None = None,
    fine_settings: DecodeSettings | None = None,
) -> Decoded:
    """Fill codes int64 [B, 9, T]: first the coarse network's codebooks, then, given those, the fine one's.

    mask: as in `decode`, over all 9 codebooks. fine_passes: the released code always takes 2. seed, progress: as in
    `decode`; the trace has the passes of both. fine_settings: how to decode the fine stage; without them as the coarse
    one, in `fine_passes`. Raises ValueError as `decode`, and for networks that do not fit.
    """
    settings = settings or DecodeSettings()
    # refused, if they must be, before the coarse stage runs
    fine_settings = fine_settings or replace(settings, passes=fine_passes)
    check_stages(coarse, fine)
    split = coarse.config.codebooks
    check_codes(codes, fine.config)
    opened = as_mask(mask, codes, 0)
    generators = _generators(seed, len(codes))
    total = settings.passes + fine_settings.passes
    first = _decode(
        coarse,
        codes[:, :split],
        opened[:, :split],
        settings,
        generators,
        progress and (lambda done, _: progress(done, total)),
        one_pass,
    )
    second = _decode(
        fine,
        torch.cat([first.codes, codes[:, split:]], dim=1),
        _without(opened, split),
        fine_settings,
        generators,
        progress and (lambda done, _: progress(settings.passes + done, total)),
        one_pass,
    )
    return Decoded(second.codes, first.trace + second.trace)


def _decode(
    network: VampNet,
    codes: Tensor,
    mask: Mask | Tensor | None,
    settings: DecodeSettings,
    generators: list[torch.Generator],
    progress: Progress | None,
    step: OnePass,
) -> Decoded:
    if network.training:
        raise ValueError("the network is in training mode, where dropout makes it guess: call network.eval() first")
    seen = _opened(network, codes.long(), mask, settings.compat)
    chance = _chance(generators, settings.passes, seen[:, network.config.conditioning :].shape[1:])
    finished, trace = _passes(network, codes.long(), seen, chance, settings, progress, step)
    # Plain copies: tensors made in inference mode could not be used in training afterwards.
    return Decoded(finished.to(codes.device, copy=True), tuple(_plain(record) for record in trace))


@torch.inference_mode()
def _passes(
    network: VampNet,
    codes: Tensor,
    seen: Tensor,
    chance: Tensor,
    settings: DecodeSettings,
    progress: Progress | None,
    step: OnePass,
) -> tuple[Tensor, list[Pass]]:
    """The loop: finished codes [B, C, T] and the record of each pass, on the network's device."""
    config, device = network.config, network.mask_vectors.device
    codes, seen, chance = codes.to(device), seen.to(device), chance.to(device)
    given, bias = codes[:, : config.conditioning], network.bias(codes.shape[2])
    schedule = _schedule(seen == config.mask_token, settings)
    idle = not bool((seen == config.mask_token).any())  # then there is nothing to ask the network
    trace = []
    for number in range(1, settings.passes + 1):
        is_open = seen[:, config.conditioning :] == config.mask_token
        asked = schedule(number, is_open)
        made = _idle(is_open, seen) if idle else step(network, seen, asked, chance[number - 1], settings, number, bias)
        kept, done = is_open & ~made.remasked, made.remasked.sum((1, 2))
        trace.append(
            Pass(number, settings.passes, config.conditioning, seen, *made[:3], kept, made.remasked, asked, done)
        )
        seen = torch.cat([given, made.tokens.masked_fill(made.remasked, config.mask_token)], dim=1)
        if progress is not None:
            progress(number, settings.passes)
    return seen, trace


def _idle(is_open: Tensor, seen: Tensor) -> Step:
    """A pass over codes seen [B, C, T] of which nothing is open, bool [B, C', T]: all stays as it is."""
    known = seen[:, seen.shape[1] - is_open.shape[1] :]
    ones = torch.ones_like(known, dtype=torch.float32)
    return Step(known, ones, torch.full_like(ones, torch.inf), is_open)


def _schedule(start: Tensor, settings: DecodeSettings) -> Callable[[int, Tensor], Tensor]:
    """How many tokens [B] to leave open after a pass, given its number and what is open before it, bool [B, C', T].

    start: bool [B, C, T], what is open when decoding begins.
    """
    passes, gamma, device = settings.passes, settings.gamma, start.device
    if settings.compat:  # every clip is given the count of all clips, and ties decide how far each has come
        total = int(start.sum())

        def asked(number: int, is_open: Tensor) -> Tensor:
            now = is_open.sum((1, 2)).tolist()
            return torch.tensor([masked_after(number, passes, total, n, gamma) for n in now], device=device)

        return asked
    counts = [masked_counts(n, passes, gamma) for n in start.sum((1, 2)).tolist()]
    table = torch.tensor(counts, device=device).T  # [passes, B], once: no look at the device between passes
    return lambda number, _: table[number - 1]


def _opened(network: VampNet, codes: Tensor, mask: Mask | Tensor | None, compat: bool) -> Tensor:
    """The codes as the first pass sees them: the mask token wherever there is something to generate."""
    first, mask_token = network.config.conditioning, network.config.mask_token
    opened = as_mask(mask, codes, first)
    if not compat:
        opened = _without(opened, first)
        unknown = int((codes[:, :first] == mask_token).sum())
        if unknown:
            raise ValueError(
                f"{unknown} tokens of the {first} conditioning codebooks are not known: decode these first, "
                f"with the coarse network"
            )
    return codes.masked_fill(opened, mask_token)


def as_mask(mask: Mask | Tensor | None, codes: Tensor, first: int = 0) -> Tensor:
    """A mask as bool [B, C, T]; None opens every codebook from `first` on. Raises ValueError as `decode`."""
    if mask is None:
        return _without(torch.ones_like(codes, dtype=torch.bool), first)
    given = torch.as_tensor(mask.generate if isinstance(mask, Mask) else mask)
    B, C, T = codes.shape
    if tuple(given.shape) not in ((B, C, T), (1, C, T), (C, T), (T,)):
        raise ValueError(
            f"the mask must be [{B}, {C}, {T}], [{C}, {T}] or [{T}] like the codes, not {list(given.shape)}"
        )
    if given.is_floating_point() or (given.dtype != torch.bool and not ((given == 0) | (given == 1)).all()):
        raise ValueError(f"the mask must be true or 1 where to generate, false or 0 elsewhere; this is {given.dtype}")
    return given.to(codes.device).bool().expand(B, C, T)


def _without(mask: Tensor, first: int) -> Tensor:
    """The mask without its first codebooks."""
    mask = mask.clone()
    mask[:, :first] = False
    return mask


def _generators(seed: int | Sequence[int], clips: int) -> list[torch.Generator]:
    """One source of chance for each clip, so that none depends on its neighbours."""
    return [torch.Generator().manual_seed(number) for number in seeds_of(seed, clips)]


def seeds_of(seed: int | Sequence[int], clips: int) -> list[int]:
    """One seed for each clip: seed, seed + 1, ... from one number. Raises ValueError for another number of seeds."""
    if isinstance(seed, int | np.integer):
        seed = range(int(seed), int(seed) + clips)
    seeds = [int(number) for number in seed]
    if len(seeds) != clips:
        raise ValueError(f"{len(seeds)} seeds for {clips} clips: give one number, or one for each clip")
    return seeds


def _chance(generators: list[torch.Generator], passes: int, grid: Sequence[int]) -> Tensor:
    """All uniform numbers of a run, [passes, 2, B, C', T], drawn on the CPU: a seed means the same on any device."""
    return torch.stack([torch.rand((passes, 2, *grid), generator=g) for g in generators], dim=2)


def _plain(record: Pass) -> Pass:
    """The record as ordinary tensors on the CPU."""
    tensors = {name: value for name, value in vars(record).items() if isinstance(value, Tensor)}
    return replace(record, **{name: value.to("cpu", copy=True) for name, value in tensors.items()})
