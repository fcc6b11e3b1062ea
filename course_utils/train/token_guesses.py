"""How well hidden codes are guessed on held-out music, with error bars: by a network, and without one.

The music: the clips of the codec's card, later parts of the same held-out pieces, and composed pieces of unused seeds.
No model was trained on any of it, and no checkpoint was chosen by it. Errors are those of a bootstrap over pieces:
codes of one piece are no independent sample. Cross-entropies are in bits; by chance among 1024 codes it would be 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from course_utils.codec import Codec
from course_utils.paths import data_folder
from course_utils.train.baselines import NAMES, Baselines
from course_utils.train.card import HELD_OUT_PIECES, card_clips
from course_utils.train.corpus import RATE, SMALL_FONT, play, render_excerpt
from course_utils.train.masked import hide, targets_at
from course_utils.vampnet import VampNet

Floats = npt.NDArray[np.float64]

RATIOS = (0.2, 0.5, 0.8, 0.95)
FLOOR_RATIO = 0.5
SPANS = (0.1, 0.25, 0.5, 1.0, 2.0)  # seconds inpainted
INPAINT_FRAMES = 431  # of a crop whose middle is inpainted: 5 s
LATER_STARTS = (50.0, 65.0)  # s: parts of the held-out pieces besides the one of the codec's card
COMPOSED_SEEDS = range(200, 212)
RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Piece:
    """One stretch of held-out music as codes int64 [1, 9, T]. Stretches of one `name` belong together."""

    name: str
    kind: str
    codes: Tensor = field(repr=False)


def card_music(codec: Codec) -> list[Piece]:
    """All held-out music of the cards, 10 s a stretch where there are 10 s."""
    from course_utils.synth.compose import compose
    from course_utils.synth.render import Renderer

    pieces = [Piece(clip.name, what, codec.encode(clip)) for what, clip in card_clips()]
    renderer = Renderer(data_folder() / SMALL_FONT, RATE)
    for stem in HELD_OUT_PIECES:
        for start in LATER_STARTS:
            samples = render_excerpt(data_folder() / "midi" / "freedoom" / f"{stem}.mid", start, 10.0, renderer)
            pieces.append(Piece(stem, "held-out piece, rendered", codec.encode(samples)))
    for seed in COMPOSED_SEEDS:
        samples = play(compose(seed, 10.0), 10.0, renderer)
        pieces.append(Piece(f"composed-{seed}", "held-out piece, composed", codec.encode(samples)))
    return pieces


@dataclass
class Tally:
    """Sums by piece: nats [pieces, C'] and codes guessed right [pieces, C'], of `count` [pieces, C'] hidden codes."""

    nats: Floats
    right: Floats
    count: Floats


@torch.inference_mode()
def guesses(network: VampNet, codes: Tensor, hidden: Tensor) -> tuple[Floats, Floats]:
    """Sums over the hidden codes of each predicted codebook: nats [C'] and codes whose likeliest guess is right [C'].

    codes: int64 [1, C, T] of the network's codebooks; hidden: bool [1, C', T].
    """
    config = network.config
    logits = network.logits_at(network.hidden(network.latents(hide(codes, hidden, config))), hidden).double()
    true = targets_at(codes, hidden, config)
    nats = torch.nn.functional.cross_entropy(logits, true, reduction="none")
    right = (logits.argmax(-1) == true).double()
    level = torch.arange(config.predicted).repeat_interleave(hidden.sum((0, 2)))
    sums = torch.zeros(2, config.predicted, dtype=torch.float64).index_add_(1, level, torch.stack([nats, right]))
    return sums[0].numpy(), sums[1].numpy()


def random_masks(pieces: Sequence[Piece], codebooks: int, ratio: float, seed: int) -> list[Tensor]:
    """For each piece bool [1, codebooks, T], every code hidden with probability `ratio`; the same ones each time."""
    masks = []
    for number, piece in enumerate(pieces):
        chance = torch.Generator().manual_seed(seed * 10007 + number)
        masks.append(torch.rand(1, codebooks, piece.codes.shape[2], generator=chance) < ratio)
    return masks


def tally_network(network: VampNet, pieces: Sequence[Piece], masks: Sequence[Tensor]) -> Tally:
    """What a network makes of hidden codes, by piece (pieces of one name are one)."""
    codebooks = network.config.codebooks
    rows = [(*guesses(network, p.codes[:, :codebooks], m), m.sum((0, 2)).numpy()) for p, m in _pairs(pieces, masks)]
    return _by_name(pieces, rows)


def tally_baselines(
    baselines: Baselines, pieces: Sequence[Piece], masks: Sequence[Tensor], first: int
) -> dict[str, Tally]:
    """What the guesses without a network make of the same codes; the masks' first codebook is number `first`."""
    rows: dict[str, list[tuple[Floats, Floats, Any]]] = {name: [] for name in NAMES}
    for piece, mask in _pairs(pieces, masks):
        hidden = torch.zeros(piece.codes.shape[1:], dtype=torch.bool)
        hidden[first : first + mask.shape[1]] = mask[0]
        nats, right = baselines.nats(piece.codes[0], hidden), baselines.right(piece.codes[0], hidden)
        chosen = slice(first, first + mask.shape[1])
        for name, found in rows.items():
            sums = (np.array([row.sum() for row in kind[name][chosen]]) for kind in (nats, right))
            found.append((*sums, mask.sum((0, 2)).numpy()))
    return {name: _by_name(pieces, found) for name, found in rows.items()}


def inpaint_crops(pieces: Sequence[Piece], frames: int = INPAINT_FRAMES, step: int | None = None) -> list[Piece]:
    """Stretches of so many frames of the pieces, one begun every `step` frames (by default a quarter of a stretch).

    Stretches overlap, so that gaps fall on many places of a piece; errors are counted by piece, not by stretch.
    """
    cut = []
    for piece in pieces:
        starts = range(0, piece.codes.shape[2] - frames + 1, step or max(frames // 4, 1))
        cut += [Piece(piece.name, piece.kind, piece.codes[..., start : start + frames]) for start in starts]
    return cut


def span_masks(crops: Sequence[Piece], codebooks: int, frames: int) -> list[Tensor]:
    """For each crop bool [1, codebooks, T]: so many frames in the middle hidden, in all codebooks."""
    masks = []
    for crop in crops:
        length = crop.codes.shape[2]
        start = (length - frames) // 2
        mask = torch.zeros(1, codebooks, length, dtype=torch.bool)
        mask[..., start : start + frames] = True
        masks.append(mask)
    return masks


def _pairs(pieces: Sequence[Piece], masks: Sequence[Tensor]) -> Iterable[tuple[Piece, Tensor]]:
    return zip(pieces, masks, strict=True)


def _by_name(pieces: Sequence[Piece], rows: Sequence[tuple[Floats, Floats, Any]]) -> Tally:
    """Sums of the stretches of each piece."""
    names = list(dict.fromkeys(piece.name for piece in pieces))
    sums = np.zeros((3, len(names), len(rows[0][0])))
    for piece, row in zip(pieces, rows, strict=True):
        sums[:, names.index(piece.name)] += np.stack(row)
    return Tally(*sums)


# --- figures with errors ------------------------------------------------------------------------------------------


def resampled(pieces: int, seed: int = SEED, times: int = RESAMPLES) -> npt.NDArray[np.int64]:
    """How often each piece is taken in each resample of a bootstrap: [times, pieces]."""
    chance = np.random.default_rng(seed)
    return chance.multinomial(pieces, np.full(pieces, 1 / pieces), size=times)


def share(sums: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Sum / count over all pieces [pieces, K] -> [K], and its standard error by bootstrap over pieces [K]."""
    weights = resampled(len(sums))
    return sums.sum(0) / count.sum(0), ((weights @ sums) / (weights @ count)).std(0)


def margin(ours: Tally, theirs: Tally) -> dict[str, list[float]]:
    """By how many bits a code `ours` is better, per codebook, with the 95 % interval of a bootstrap over pieces."""
    difference = (theirs.nats - ours.nats) / math.log(2)
    weights = resampled(len(difference))
    drawn = (weights @ difference) / (weights @ ours.count)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    mean = difference.sum(0) / ours.count.sum(0)
    return {"bits": mean.tolist(), "low": low.tolist(), "high": high.tolist()}


def figures(tally: Tally) -> dict[str, Any]:
    """Cross-entropy in bits and accuracy, with standard errors, per codebook and over all ("mean")."""
    bits, bits_error = share(tally.nats / math.log(2), tally.count)
    right, right_error = share(tally.right, tally.count)
    whole = _whole(tally)
    return {
        "bits": bits.tolist(),
        "bits_error": bits_error.tolist(),
        "accuracy": right.tolist(),
        "accuracy_error": right_error.tolist(),
        **{f"mean_{key}": float(value[0]) for key, value in whole.items()},
    }


def _whole(tally: Tally) -> dict[str, Floats]:
    """The same over all codebooks."""
    count = tally.count.sum(1, keepdims=True)
    bits, bits_error = share(tally.nats.sum(1, keepdims=True) / math.log(2), count)
    right, right_error = share(tally.right.sum(1, keepdims=True), count)
    return {"bits": bits, "bits_error": bits_error, "accuracy": right, "accuracy_error": right_error}


def ratio_tables(
    network: VampNet, pieces: Sequence[Piece], baselines: Baselines, progress: Callable[[str], None]
) -> dict[str, Any]:
    """{"ratios": for each share of hidden codes the figures of the network and of the baselines, and the margins over
    them; "context": `context_gain` between the largest and the smallest share}.
    """
    first, table, all_ours = network.config.conditioning, {}, []
    names = list(dict.fromkeys(piece.name for piece in pieces))
    for ratio in RATIOS:
        progress(f"{ratio:g} of the codes hidden")
        masks = random_masks(pieces, network.config.predicted, ratio, SEED)
        ours, theirs = tally_network(network, pieces, masks), tally_baselines(baselines, pieces, masks, first)
        all_ours.append(ours)
        table[f"{ratio:g}"] = {
            "model": figures(ours),
            **{name: figures(tally) for name, tally in theirs.items()},
            "by_piece": dict(zip(names, (ours.nats.sum(1) / ours.count.sum(1) / math.log(2)).tolist(), strict=True)),
            "margins": {name: margin(ours, tally) for name, tally in theirs.items()},
        }
    return {"ratios": table, "context": context_gain(all_ours[0], all_ours[-1])}


def context_gain(much: Tally, little: Tally) -> dict[str, Any]:
    """How many bits a code falls when much of the context is known instead of little; errors as `figures`.

    That is all that further passes can use: a pass differs from the one before only in how much is known.
    """
    weights = resampled(len(much.nats))

    def bits(weight: Floats) -> Floats:
        return (
            (weight @ little.nats) / (weight @ little.count) - (weight @ much.nats) / (weight @ much.count)
        ) / math.log(2)

    once = np.ones((1, len(much.nats)))
    return {"bits": bits(once)[0].tolist(), "bits_error": bits(weights.astype(float)).std(0).tolist()}


def inpainting_table(
    networks: Mapping[str, VampNet], pieces: Sequence[Piece], frame_rate: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    """For each span the figures of "bidirectional" and "causal" on the same hidden codes, and the margin between.

    Under "all": the margin over the codes of all spans.
    """
    crops, pairs = inpaint_crops(pieces), []
    table: dict[str, Any] = {}
    for seconds in SPANS:
        progress(f"{seconds:g} s inpainted")
        frames = max(round(seconds * frame_rate), 1)
        masks = span_masks(crops, networks["bidirectional"].config.predicted, frames)
        tallies = {name: tally_network(network, crops, masks) for name, network in networks.items()}
        ours, theirs = (_summed(tallies[name]) for name in ("bidirectional", "causal"))
        table[f"{seconds:g}"] = {
            "frames": frames,
            **{name: figures(tally) for name, tally in tallies.items()},
            "margin": margin(ours, theirs),
        }
        pairs.append((ours, theirs))
    ours, theirs = (_together([pair[side] for pair in pairs]) for side in (0, 1))
    return {**table, "all": {"margin": margin(ours, theirs)}}


def _together(tallies: Sequence[Tally]) -> Tally:
    """Several tallies of the same pieces as one."""
    return Tally(*(np.sum([getattr(tally, part) for tally in tallies], axis=0) for part in ("nats", "right", "count")))


def _summed(tally: Tally) -> Tally:
    """All codebooks as one."""
    return Tally(*(part.sum(1, keepdims=True) for part in (tally.nats, tally.right, tally.count)))


def judge_ratios(table: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the model beats every baseline at the floor's ratio, on every codebook, outside the error bar."""
    margins = table[f"{FLOOR_RATIO:g}"]["margins"]
    point = f"at ratio {FLOOR_RATIO:g} a lower cross-entropy than {{}} on every codebook, outside the 95 % interval"
    return {point.format(name): min(margins[name]["low"]) > 0 for name in NAMES}


def judge_inpainting(table: Mapping[str, Any]) -> dict[str, bool]:
    """Whether seeing both sides beats the past alone: at every span, and over all spans outside the error bar."""
    spans = [row["margin"]["bits"][0] for name, row in table.items() if name != "all"]
    return {
        "inpainting with both sides in view takes fewer bits than with the past alone, at every span": min(spans) > 0,
        "over all spans together by a margin outside the 95 % interval": table["all"]["margin"]["low"][0] > 0,
    }
