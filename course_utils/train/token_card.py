"""Cards of the VampNet course models, made by measuring the shipped weights: figures nobody typed."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from course_utils import zoo
from course_utils.codec import Codec
from course_utils.files import atomic_write, rounded, sha256_of
from course_utils.train.baselines import NAMES, Baselines
from course_utils.train.token_guesses import (
    SEED,
    Piece,
    card_music,
    inpainting_table,
    judge_inpainting,
    judge_ratios,
    ratio_tables,
)
from course_utils.vampnet import VampNet


def token_card(name: str, network: VampNet, pieces: Sequence[Piece], training: Mapping[str, Any]) -> dict[str, Any]:
    """What every card of a token model begins with."""
    path, config = zoo.weights_path(name), network.config
    return {
        "model": name,
        "weights_sha256": sha256_of(path),
        "weights_bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in network.parameters()),
        "sizes": vars(config),
        "training": dict(training),
        "measured_on": {"torch": torch.__version__, "python": platform.python_version(), "device": "cpu"},
        "music": [
            {"name": n, "kind": kind, "frames": sum(p.codes.shape[2] for p in pieces if p.name == n)}
            for n, kind in dict.fromkeys((p.name, p.kind) for p in pieces)
        ],
        "seed": SEED,
    }


def write_token_card(card: Mapping[str, Any]) -> None:
    """card.json and card.md in the model's folder."""
    folder = zoo.weights_path(card["model"]).parent
    texts = {"card.json": json.dumps(rounded(card), indent=1, allow_nan=False) + "\n", "card.md": as_page(card)}
    for file, text in texts.items():
        with atomic_write(folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8")


TITLES = {
    "vampnet-coarse": "the course's VampNet, coarse",
    "vampnet-fine": "the course's VampNet, fine",
    "vampnet-causal": "the causal network that VampNet is compared with",
}


def as_page(card: Mapping[str, Any]) -> str:
    """The card as a page to read."""
    card = rounded(card)
    sizes, music = card["sizes"], card["music"]
    lines = [
        f"# Model card: {TITLES[card['model']]}",
        "",
        "Written by `python -m course_utils.train token-card` from the weights beside it. Do not edit by hand.",
        "",
        f"- Parameters: {card['parameters']:,}; weights {card['weights_bytes'] / 1e6:.1f} MB in half precision, "
        f"SHA-256 `{card['weights_sha256']}`",
        f"- Predicts codebooks c{sizes['conditioning']} to c{sizes['codebooks'] - 1}"
        + (f", given c0 to c{sizes['conditioning'] - 1}" if sizes["conditioning"] else "")
        + f"; width {sizes['width']}, {sizes['layers']} layers, {sizes['heads']} heads"
        + (", blind to later frames" if sizes["causal"] else ""),
        *[f"- {key}: {_said(value)}" for key, value in card["training"].items()],
        f"- Measured on {len(music)} pieces of held-out music ({sum(m['frames'] for m in music)} frames): "
        + ", ".join(m["name"] for m in music),
    ]
    lines += _ratio_lines(card["ratios"], sizes["conditioning"])
    lines += _context_lines(card["context"], list(card["ratios"]), sizes["conditioning"])
    if "inpainting" in card:
        lines += _inpainting_lines(card["inpainting"], card.get("causal_steps"))
    if card.get("passes"):
        lines += _passes_lines(card["passes"])
    if card["floor"]:
        lines += ["", "The floor this project set itself:", ""]
        lines += [f"- {'met' if met else 'NOT met'}: {point}" for point, met in card["floor"].items()]
    return "\n".join(lines) + "\n"


def _ratio_lines(table: Mapping[str, Any], first: int) -> list[str]:
    """Cross-entropy and accuracy by share of hidden codes."""
    levels = range(len(next(iter(table.values()))["model"]["bits"]))
    names = [f"c{first + level}" for level in levels]
    lines = [
        "",
        "Cross-entropy of hidden codes in bits, lower is better (chance: 10), with the standard error of a bootstrap "
        "over pieces; and how many are guessed right:",
        "",
        "| hidden | guess | " + " | ".join(names) + " | mean |",
        "|---|---|" + "---|" * (len(names) + 1),
    ]
    for ratio, row in table.items():
        for guess in ("model", *NAMES):
            found = row[guess]
            bits = [*found["bits"], found["mean_bits"]]
            errors = [*found["bits_error"], found["mean_bits_error"]]
            cells = [f"{b:.2f} ± {e:.2f}" for b, e in zip(bits, errors, strict=True)]
            if guess == "model":
                cells = [f"**{cell}**" for cell in cells]
            right = [*found["accuracy"], found["mean_accuracy"]]
            cells = [f"{cell}, {share:.1%}" for cell, share in zip(cells, right, strict=True)]
            lines.append(f"| {float(ratio):.0%} | {guess} | " + " | ".join(cells) + " |")
    return lines


def _context_lines(context: Mapping[str, Any], ratios: Sequence[str], first: int) -> list[str]:
    """What knowing more is worth."""
    pairs = zip(context["bits"], context["bits_error"], strict=True)
    gains = ", ".join(f"c{first + level} {b:.2f} ± {e:.2f}" for level, (b, e) in enumerate(pairs))
    return [
        "",
        f"What context is worth: with {float(ratios[0]):.0%} of the codes hidden instead of {float(ratios[-1]):.0%}, a "
        f"code takes fewer bits: {gains}. Passes differ in how much is known, so this is about all that more of them "
        "can use.",
    ]


def _inpainting_lines(table: Mapping[str, Any], steps: Mapping[str, int] | None) -> list[str]:
    """What seeing both sides saves by span; steps: as from `causal_steps`."""
    lines = [
        "",
        "Inpainting: all codes of a span in the middle of 5 s are hidden, in stretches all over the pieces; "
        "cross-entropy in bits / codes guessed right:",
        "",
        "| span | both sides in view | past alone | gain in bits (95 % interval) |",
        "|---|---|---|---|",
    ]
    for seconds, row in table.items():
        if seconds == "all":
            continue
        cells = [
            f"{row[n]['mean_bits']:.2f} ± {row[n]['mean_bits_error']:.2f} / {row[n]['mean_accuracy']:.0%}"
            for n in ("bidirectional", "causal")
        ]
        gain = row["margin"]
        lines.append(
            f"| {seconds} s | {cells[0]} | {cells[1]} | {gain['bits'][0]:.2f} ({gain['low'][0]:.2f} to "
            f"{gain['high'][0]:.2f}) |"
        )
    gain = table["all"]["margin"]
    whole = f"{gain['bits'][0]:.3f} ({gain['low'][0]:.3f} to {gain['high'][0]:.3f})"
    lines.append(f"| all | | | {whole} |")
    if steps:
        lines += [
            "",
            f"The network with the past alone made {steps['alone']} of its {steps['all']} training steps without the "
            "future; before, it saw both sides. Part of the gain may be missing training: it is an upper estimate.",
        ]
    return lines


def causal_steps(training: Mapping[str, Any]) -> dict[str, int] | None:
    """{"alone": steps without the future, "all": steps} of a network forked off the coarse one's run; None for others.

    training: the story of the causal network's training, as in its card.
    """
    forked = re.search(r"at step (\d+)$", training.get("forked", ""))
    return {"alone": training["steps"] - int(forked[1]), "all": training["steps"]} if forked else None


def _passes_lines(recorded: Mapping[str, Any]) -> list[str]:
    """The sweep over passes, from its recording."""
    lines = [
        "",
        "Passes of the coarse stage (recording `passes`: "
        + ", ".join(f"{key} {value}" for key, value in recorded["settings"].items())
        + f"; {len(recorded['clips'])} clips, mean ± standard error). Distances are to the original through the codec: "
        "log-mel distance, correlation of chroma, F-measure of onsets, level in dB, share of generated coarse codes "
        "that are the original's; the Frechet distance is to other held-out music through the codec, over the mean and "
        "the standard deviation of 12 cepstral coefficients in windows of 1 s; surprise is the model's own "
        "cross-entropy of what it made, half of it hidden, in bits. Time is that of the coarse stage, "
        "with 1 pass as the unit.",
    ]
    for task, table in recorded["tasks"].items():
        real = table["real"]
        lines += [
            "",
            f"{task}: {table['says']}. The clips themselves: Frechet {_pm(real['frechet'])}, surprise "
            f"{_pm(real['surprise'])}.",
            "",
            "| passes | time | mel | chroma | onset | level | agreement | Frechet | surprise |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in table["rows"]:
            cells = [_pm(row[k]) for k in ("mel", "chroma", "onset", "level", "agreement", "frechet", "surprise")]
            lines.append(f"| {row['passes']} | {row['time'][0]:.1f} | " + " | ".join(cells) + " |")
    return lines


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pm(pair: Sequence[float]) -> str:
    return f"{pair[0]:.3g} ± {pair[1]:.2g}"


def make_cards(baselines: Baselines, codec: Codec, progress: Callable[[str], None] = print) -> dict[str, dict]:
    """Measure the three shipped networks and write their cards; returns the cards by the models' names."""
    from course_utils.recorded import RecordingError, read_recording
    from course_utils.train.export import training_story
    from course_utils.vampnet.load import load_causal, load_vampnet

    models, causal = load_vampnet(codec=codec), load_causal(codec=codec)
    pieces = card_music(codec)
    networks = {"vampnet-coarse": models.coarse, "vampnet-fine": models.fine, "vampnet-causal": causal}
    inpainting = inpainting_table(
        {"bidirectional": models.coarse, "causal": causal}, pieces, codec.frame_rate, progress
    )
    shared = {"inpainting": inpainting}
    if steps := causal_steps(training_story(zoo.weights_path("vampnet-causal"))):
        shared["causal_steps"] = steps
    cards: dict[str, dict[str, Any]] = {}
    for name, network in networks.items():
        progress(name)
        card = token_card(name, network, pieces, training_story(zoo.weights_path(name)))
        card |= ratio_tables(network, pieces, baselines, progress)
        card["floor"] = {} if name == "vampnet-causal" else judge_ratios(card["ratios"])
        if name != "vampnet-fine":
            card |= shared
        if name == "vampnet-coarse":
            card["floor"] |= judge_inpainting(inpainting)
            try:
                recording = read_recording("passes")
                card["passes"] = {"settings": recording.settings, **recording.numbers}
            except RecordingError as error:
                progress(f"the card will say nothing on passes: {error}")
        write_token_card(card)
        cards[name] = card
    return cards
