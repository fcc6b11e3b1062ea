"""Model cards, made by measuring the shipped weights: figures nobody typed.

The eight clips of the codec's card were chosen before training: the three demo clips, three held-out Freedoom pieces,
two real recordings that no part of the corpus contains.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_utils.audio import Clip, demo_clip, load_audio, mel_distance, si_sdr
from course_utils.codec import Codec
from course_utils.files import atomic_write, sha256_of
from course_utils.paths import data_folder
from course_utils.train.corpus import SMALL_FONT, Corpus, render_excerpt

# Whole pieces that no model trains on and no training run looks at.
HELD_OUT_PIECES = ("fd12_freedoom1_D_E3M7", "fd12_freedoom2_D_RUNNIN", "fd13_freedoom2_D_BETWEE")
HELD_OUT_RECORDINGS = ("heldout_arovane_a", "heldout_arovane_b")
USAGE_MINUTES = 30


def card_clips() -> Iterator[tuple[str, Clip]]:
    """The demo clips, then the five held-out pieces, 10 s each where there are 10 s: (what it is, clip)."""
    for name in ("electronic", "guitar", "ladder"):
        yield "demo clip", demo_clip(name)
    from course_utils.synth.render import Renderer

    renderer = Renderer(data_folder() / SMALL_FONT)
    for stem in HELD_OUT_PIECES:
        piece = data_folder() / "midi" / "freedoom" / f"{stem}.mid"
        yield "held-out piece, rendered", Clip(render_excerpt(piece, 20.0, 10.0, renderer), 44100, stem)
    for stem in HELD_OUT_RECORDINGS:
        yield "held-out recording", load_audio(data_folder() / "clips" / f"{stem}.flac", duration=10.0)


def measure_clip(codec: Codec, clip: Clip) -> dict[str, list[float]]:
    """SI-SDR (dB) and mel distance after 1, 2, ... 9 levels."""
    reference = torch.from_numpy(np.asarray(clip.samples))[None, None]
    codes = codec.encode(reference)
    figures: dict[str, list[float]] = {"si_sdr": [], "mel": []}
    for levels in range(1, codec.n_codebooks + 1):
        decoded = codec.decode(codes, levels=levels, length=reference.shape[-1])
        figures["si_sdr"].append(float(si_sdr(decoded, reference)))
        figures["mel"].append(float(mel_distance(decoded, reference)))
    return figures


def codebook_use(codec: Codec, corpus: Corpus, minutes: float) -> dict[str, Any]:
    """Share of entries chosen at least once, perplexity and entropy, per codebook, over stretches all over the corpus.

    "minutes" are those looked at, at least one stretch of 20 s.
    """
    counts = np.zeros((codec.n_codebooks, codec.codebook_size))
    stretch, count = min(20 * codec.sample_rate, corpus.length), max(round(minutes * 3), 1)
    for start in np.linspace(0, corpus.length - stretch, count).astype(int):
        audio = corpus.samples[start : start + stretch].astype(np.float32) / 32768
        for level, row in enumerate(codec.encode(audio)[0].numpy()):
            counts[level] += np.bincount(row, minlength=codec.codebook_size)
    share = counts / counts.sum(1, keepdims=True)
    bits = -(share * np.log2(np.maximum(share, 1e-12))).sum(1)
    figures = {"used": (counts > 0).mean(1), "perplexity": 2**bits, "entropy_bits": bits}
    listed = {key: value.tolist() for key, value in figures.items()}
    return {"minutes": round(count * stretch / codec.sample_rate / 60, 2), **listed}


def judge(mean: dict[str, list[float]], used: list[float]) -> dict[str, bool]:
    """The floor that the course sets its codec, point by point."""
    sdr, mel = mean["si_sdr"], mean["mel"]
    return {
        "every level raises the mean SI-SDR": bool(np.all(np.diff(sdr) > 0)),
        "every level lowers the mean mel distance": bool(np.all(np.diff(mel) < 0)),
        "mean SI-SDR of nine levels is at least 4 dB": sdr[-1] >= 4.0,
        "mean mel distance of nine levels is at most 0.28": mel[-1] <= 0.28,
        "level 1 and level 9 are at least 4 dB apart": sdr[-1] - sdr[0] >= 4.0,
        "every codebook uses at least 60 % of its entries": min(used) >= 0.6,
    }


def codec_card(codec: Codec, weights: Path, corpus: Corpus | None, training: dict[str, Any]) -> dict[str, Any]:
    """Everything the codec's card says, measured now."""
    clips: list[dict[str, Any]] = [
        {"name": clip.name, "what": what, **measure_clip(codec, clip)} for what, clip in card_clips()
    ]
    mean = {key: np.mean([clip[key] for clip in clips], axis=0).tolist() for key in ("si_sdr", "mel")}
    use = codebook_use(codec, corpus, USAGE_MINUTES) if corpus else {"used": [], "perplexity": [], "entropy_bits": []}
    parameters = sum(p.numel() for p in codec.network.parameters())
    return {
        "model": "course-codec",
        "weights_sha256": sha256_of(weights),
        "weights_bytes": weights.stat().st_size,
        "parameters": parameters,
        "sample_rate": codec.sample_rate,
        "hop": codec.hop,
        "codebooks": f"{codec.n_codebooks} x {codec.codebook_size} x {codec.codebook(0).shape[1]}",
        "bits_per_second": codec.bits_per_second(),
        "training": training,
        "measured_on": {"torch": torch.__version__, "python": platform.python_version(), "device": str(codec.device)},
        "clips": clips,
        "mean": mean,
        "codebook_use": use,
        "floor": judge(mean, use["used"]) if corpus else {},
    }


def write_card(card: dict[str, Any], folder: Path) -> None:
    """card.json and card.md in the model's folder."""
    with atomic_write(folder / "card.json") as temporary:
        temporary.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    with atomic_write(folder / "card.md") as temporary:
        temporary.write_text(as_markdown(card), encoding="utf-8")


def as_markdown(card: dict[str, Any]) -> str:
    """The card as a page to read."""
    n = len(card["mean"]["si_sdr"])
    lines = [
        "# Model card: the course codec",
        "",
        "Written by `python -m course_utils.train card` from the weights beside it. Do not edit by hand.",
        "",
        f"- Parameters: {card['parameters']:,}; weights {card['weights_bytes'] / 1e6:.1f} MB in half precision, "
        f"SHA-256 `{card['weights_sha256']}`",
        f"- {card['sample_rate']} Hz mono, hop {card['hop']}, codebooks {card['codebooks']}, "
        f"{card['bits_per_second'] / 1000:.2f} kbit/s",
        *[f"- {key}: {_value(value)}" for key, value in card["training"].items()],
        "",
        "SI-SDR in dB (higher is better) / multi-scale log-mel distance (lower is better), by number of levels:",
        "",
        "| clip | " + " | ".join(str(level) for level in range(1, n + 1)) + " |",
        "|---|" + "---|" * n,
    ]
    for clip in [*card["clips"], {"name": "**mean**", "what": f"{len(card['clips'])} clips", **card["mean"]}]:
        cells = [f"{s:.1f} / {m:.3f}" for s, m in zip(clip["si_sdr"], clip["mel"], strict=True)]
        lines.append(f"| {clip['name']} ({clip['what']}) | " + " | ".join(cells) + " |")
    if card["codebook_use"]["used"]:
        use = card["codebook_use"]
        lines += [
            "",
            f"Codebooks over {use.get('minutes', USAGE_MINUTES):g} minutes of the corpus:",
            "",
            "| codebook | entries used | perplexity | entropy (bits) |",
            "|---|---|---|---|",
        ]
        for level, row in enumerate(zip(use["used"], use["perplexity"], use["entropy_bits"], strict=True)):
            lines.append(f"| c{level} | {row[0]:.0%} | {row[1]:.0f} | {row[2]:.2f} |")
    if card["floor"]:
        lines += ["", "The floor this project set itself:", ""]
        lines += [f"- {'met' if met else 'NOT met'}: {point}" for point, met in card["floor"].items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
