"""Card of the course's Anticipatory Music Transformer, made by measuring the shipped weights: figures nobody typed."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from course_utils import zoo
from course_utils.amt import token_lists
from course_utils.amt.augment import KINDS
from course_utils.amt.load import COURSE_MODEL
from course_utils.amt.network import AMT
from course_utils.amt.rules import SLOT_NAMES
from course_utils.amt.sequences import ROWS
from course_utils.amt.vocab import DELTA
from course_utils.files import atomic_write, rounded, sha256_of
from course_utils.train.accompaniments import (
    GIVEN,
    MEASURES,
    excerpt,
    generated_table,
    judge_bits,
    judge_made,
    melody_table,
)
from course_utils.train.music import CACHE, HELD_OUT_SONGS, Piece, held_out_pieces, story
from course_utils.train.music_measures import (
    CONTROLS,
    GUESSES,
    control_table,
    fit_guesses,
    judge_guesses,
)
from course_utils.train.token_guesses import SEED

SONGS = 160  # held out: so many that their differences stand out from chance
OUTSIDE = ", outside the 95 % interval"
COLUMNS = ("event", *SLOT_NAMES)
KIND_NAMES = {"none": "nothing", "span": f"spans of {DELTA:g} s", "instrument": "instruments", "random": "random notes"}


def measured_pieces(songs: int = SONGS, cache: Path = CACHE) -> list[Piece]:
    """Held-out pieces for the card: Freedoom's, and `songs` songs other than those a training run's figures are of."""
    pieces = held_out_pieces(HELD_OUT_SONGS + songs, cache)
    composed = [piece for piece in pieces if piece.chords is not None]
    return [piece for piece in pieces if piece.chords is None] + composed[HELD_OUT_SONGS:]


def music_figures(
    network: AMT,
    held_out: Sequence[Piece],
    training: Sequence[Piece],
    progress: Callable[[str], None],
    processes: int = 1,
) -> dict[str, Any]:
    """All that is measured: "controls", "guesses", "by_piece", "melody", "generated"; judged: "floor", "beyond".

    Raises ValueError for a piece that is of the other split, for fewer than two held-out songs whose melody and chords
    are known, and for fewer than two other held-out pieces.
    """
    for pieces, split in ((held_out, "held out"), (training, "train")):
        misplaced = [piece.name for piece in pieces if piece.split != split]
        if misplaced:
            raise ValueError(f"these pieces are not of the split {split!r}: {', '.join(misplaced[:5])}")
    groups = {"songs": [excerpt(piece) for piece in held_out if piece.chords is not None]}
    groups["Freedoom"] = [excerpt(piece) for piece in held_out if piece.chords is None]
    for name, excerpts in groups.items():
        if len(excerpts) < 2:
            raise ValueError(f"a right and a wrong melody need two held-out {name} at least; there are {len(excerpts)}")
    progress("counting what follows what in the training pieces")
    guesses = fit_guesses(training)
    progress("bits of events with each kind of controls")
    figures = control_table(network, held_out, guesses)
    progress("bits of accompaniments with the right, no and a wrong melody")
    figures["melody"] = {name: melody_table(network, excerpts) for name, excerpts in groups.items()}
    figures["generated"] = {
        name: generated_table(network, excerpts, progress, processes=processes) for name, excerpts in groups.items()
    }
    figures |= {"floor": judge(figures), "beyond": beyond(figures)}
    return figures


def judge(figures: Mapping[str, Any]) -> dict[str, bool]:
    """The floor that the project sets this model, point by point.

    Melodies are judged by the songs: of Freedoom's pieces nobody has told which part is the melody.
    """
    found = judge_bits(figures["melody"]["songs"]["differences"], "songs")
    found |= judge_made(figures["generated"]["songs"]["differences"], "songs")
    return judge_guesses(figures["guesses"]) | {f"{point}{OUTSIDE}": met for point, met in found.items()}


def beyond(figures: Mapping[str, Any]) -> dict[str, bool]:
    """The same questions where the floor does not ask them: music by people, and long accompaniments for more."""
    found = judge_bits(figures["melody"]["Freedoom"]["differences"], "Freedoom")
    found |= judge_made(figures["generated"]["Freedoom"]["differences"], "Freedoom")
    found |= judge_made(figures["generated"]["songs"]["pooled"]["differences"], "songs, pooled")
    return {f"{point}{OUTSIDE}": shown for point, shown in found.items()}


def music_card(
    network: AMT,
    held_out: Sequence[Piece],
    training: Sequence[Piece],
    told: Mapping[str, Any],
    progress: Callable[[str], None] = print,
    processes: int = 1,
) -> dict[str, Any]:
    """Everything the card says, measured now. told: how the network was trained. Raises ValueError as before.

    processes: so many accompaniments are made at a time.
    """
    path = zoo.weights_path(COURSE_MODEL)
    return {
        "model": COURSE_MODEL,
        "weights_sha256": sha256_of(path),
        "weights_bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in network.parameters()),
        "sizes": vars(network.config),
        "training": dict(told),
        "mixture": mixture_story(told.get("recipe", {})),
        "measured_on": {"torch": torch.__version__, "python": platform.python_version(), "device": str(network.device)},
        "music": story(held_out),
        "seed": SEED,
        **music_figures(network, held_out, training, progress, processes),
    }


def full_sequences(pieces: Sequence[Piece]) -> int:
    """How many training sequences of a full context one copy of each piece fills, without controls.

    Rows are events, the rests in silences, and a separator before each piece; a sequence has 341 of them.
    """
    return sum(1 + len(token_lists.pad(piece.triples)) for piece in pieces) // ROWS


def sequences_story(pieces: Sequence[Piece]) -> str:
    """The same in words, for the model card."""
    return f"one copy of each piece fills {full_sequences(pieces):,} training sequences of a full context ({ROWS} rows)"


def mixture_story(recipe: Mapping[str, Any]) -> str:
    """Which controls the copies had in training, in words: the paper's mixture, and what a recipe changed.

    Recipes of old runs lack some of the fields; of these nothing is said.
    """
    shares = "; ".join(f"{KINDS.count(kind) / len(KINDS):.0%} {name}" for kind, name in KIND_NAMES.items())
    told = f"Given in the copies of the training pieces, in the paper's mixture: {shares}"
    changes = []
    if recipe.get("melody_share"):
        changes.append(
            f"of the copies with instruments given, in pieces whose melody is known, {recipe['melody_share']:.0%} have "
            "the melody and nothing else"
        )
        if recipe.get("doubled"):
            changes.append(f"in {recipe['doubled']:.0%} of those another instrument plays it too")
        if recipe.get("thinned"):
            changes.append(f"in {recipe['thinned']:.0%} of those some of the other parts may be left out")
    if recipe.get("exercises"):
        changes.append(
            f"the first {recipe['exercises']:,} steps have nothing but melodies and what follows them note for note, "
            "if any is known"
        )
        if recipe.get("exercise_share"):
            changes.append(f"so have {recipe['exercise_share']:.0%} of the sequences later, until the rate falls")
    if recipe.get("lead_sheets"):
        changes.append(
            f"{recipe['lead_sheets']:.0%} of the sequences, to the end, are melodies and what begins with each chord"
        )
    if recipe.get("later"):
        changes.append(f"in {recipe['later']:.0%} of the sequences time begins later than at 0")
    if recipe.get("astray"):
        changes.append(f"in {recipe['astray']:.0%} the network reads wrong notes, and is to go on as the music does")
    if recipe.get("piled"):
        changes.append(f"in {recipe['piled']:.0%} it reads a heap of notes at one tick, and is to go on behind it")
    return f"{told}. This recipe changes that: {'; '.join(changes)}." if changes else f"{told}."


def write_music_card(card: Mapping[str, Any]) -> None:
    """card.json and card.md in the model's folder."""
    folder = zoo.weights_path(card["model"]).parent
    texts = {"card.json": json.dumps(rounded(card), indent=1, allow_nan=False) + "\n", "card.md": as_page(card)}
    for file, text in texts.items():
        with atomic_write(folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8")


# --- the page ---------------------------------------------------------------------------------------------------------


def as_page(card: Mapping[str, Any]) -> str:
    """The card as a page to read."""
    card = rounded(card)
    sizes = card["sizes"]
    lines = [
        "# Model card: the course's Anticipatory Music Transformer",
        "",
        "Written by `python -m course_utils.train amt-card` from the weights beside it. Do not edit by hand.",
        "",
        f"- Parameters: {card['parameters']:,}; weights {card['weights_bytes'] / 1e6:.1f} MB in half precision, "
        f"SHA-256 `{card['weights_sha256']}`",
        f"- GPT-2: {sizes['vocabulary']:,} tokens, context {sizes['context']}, width {sizes['width']}, "
        f"{sizes['layers']} layers, {sizes['heads']} heads",
        *[f"- {key}: {_said(value)}" for key, value in card["training"].items()],
        f"- {card['mixture']}",
        f"- Measured on held-out music, {card['music']}; no model was trained on any of it",
        *_control_lines(card["controls"]),
        *_guess_lines(card["guesses"], card["controls"]),
        *_melody_lines(card["melody"]),
        *_generated_lines(card["generated"]),
        "",
        "The floor this project set itself:",
        "",
        *[f"- {'met' if met else 'NOT met'}: {point}" for point, met in card["floor"].items()],
        "",
        "Beyond it, the same questions of music by people (Freedoom), and with each second of a note alike (pooled):",
        "",
        *[f"- {'shown' if shown else 'NOT shown'}: {point}" for point, shown in card["beyond"].items()],
    ]
    return "\n".join(lines) + "\n"


def _control_lines(table: Mapping[str, Any]) -> list[str]:
    """Perplexities and bits, by group of pieces and kind of controls."""
    lines = [
        "",
        "How well the next event is foretold: perplexity, lower is better, with the standard error of a bootstrap over "
        "pieces; one stretch of each piece, as long as the context holds. A token is weighed against those of its own "
        "slot, as in sampling; rests are events. Perplexities of time, duration and note multiply to the event's. "
        'Controls are given and cost nothing: they leave fewer events to foretell in a second. "none" is '
        "autoregressive; the others are anticipatory, with controls drawn as in the paper, or the melody alone (in "
        "Freedoom's pieces the part that sings most).",
        "",
        "| music | controls | event | time | duration | note | bits an event | events/s | bits/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for group, rows in table.items():
        for kind in CONTROLS:
            row = rows[kind]
            cells = [f"{_three(row['perplexity'][c])} ± {_three(row['perplexity_error'][c])}" for c in COLUMNS]
            lines.append(
                f"| {group} ({row['pieces']}) | {kind} | "
                + " | ".join(cells)
                + f" | {row['bits']['event']:.2f} ± {row['bits_error']['event']:.2f} | {row['events_per_second']:.1f} "
                f"| {row['bits_per_second']:.1f} ± {row['bits_per_second_error']:.1f} |"
            )
    return lines


def _guess_lines(table: Mapping[str, Any], controls: Mapping[str, Any]) -> list[str]:
    """What the bits are worth: the same events without a network."""
    lines = [
        "",
        "The same events without controls, guessed without a network, in bits: by chance among a slot's tokens; by how "
        "frequent each is in the training pieces; likewise, or as in the event before (repeat); by what follows what "
        "(bigram). These guesses count times from the event before.",
        "",
        "| music | guess | event | time | duration | note | the model takes less by (95 % interval) |",
        "|---|---|---|---|---|---|---|",
    ]
    for group, rows in table.items():
        lines.append(f"| {group} | **model** | " + " | ".join(_bits(controls[group]["none"])) + " | |")
        for name in GUESSES:
            gain = rows[name]["gain"]
            lines.append(f"| {group} | {name} | " + " | ".join(_bits(rows[name])) + f" | {_interval(gain)} |")
    return lines


def _bits(row: Mapping[str, Any]) -> list[str]:
    return [f"{row['bits'][c]:.2f} ± {row['bits_error'][c]:.2f}" for c in COLUMNS]


def _melody_lines(groups: Mapping[str, Any]) -> list[str]:
    """Whether a control helps, in bits."""
    lines = [
        "",
        "Does a control help? Bits of the accompaniment in the first 20 s sung of held-out pieces, the same events in "
        "all rows. A wrong melody is another piece's, with as many notes, beginning and ending with the right one, on "
        "its instrument, near its octave; in key: moved into the piece's key as well. Announced: the first token says "
        "that controls are to come, and none do. In Freedoom's pieces the melody is the part that sings most.",
        "",
        "| music | melody | event | time | duration | note |",
        "|---|---|---|---|---|---|",
    ]
    for group, table in groups.items():
        for name, row in table["given"].items():
            lines.append(f"| {group} ({table['pieces']}) | {name} | " + " | ".join(_bits(row)) + " |")
    for group, table in groups.items():
        pairs = "; ".join(f"{pair} {_interval(found)}" for pair, found in table["differences"].items())
        lines += ["", f"{group}, {table['events']:.0f} events: bits an event between them (95 % interval): {pairs}."]
    return lines


def _generated_lines(groups: Mapping[str, Any]) -> list[str]:
    """Whether it can be heard: what accompaniments are made of."""
    settings = groups["songs"]["settings"]
    lines = [
        "",
        f"Accompaniments made for these pieces: {settings['seconds']:g} s, of which the first {settings['prompt']:g} s "
        f"are the piece's own; p = {settings['top_p']:g}; {settings['takes']} for each piece and melody, by different "
        "seeds. Shares of the time in which pitched notes sound on a tone of the song's chord, which the melody goes "
        "with, and of the key; each accompaniment counts alike, however many notes were made. The original is how the "
        "piece really goes on: Freedoom's is by people, the songs' by the course's composer, which is a program. Keys "
        "of Freedoom's pieces are those that fit their notes best; their chords are not known. Chance is notes of any "
        "pitch.",
        "",
        "| music | melody | on chord tones | in key | something sounds | notes/s |",
        "|---|---|---|---|---|---|",
    ]
    for group, table in groups.items():
        for name in ("original", *GIVEN, "chance"):
            row = table["given"][name]
            cells = [f"{row[m]:.1%} ± {row[m + '_error']:.1%}" if m in row else "" for m in MEASURES]
            cells += [f"{row['sounding']:.0%}", f"{row['notes_per_second']:.1f}"] if name != "chance" else [""] * 2
            lines.append(f"| {group} ({table['pieces']}) | {name} | " + " | ".join(cells) + " |")
    words = {"chord": "chord tones", "key": "key"}
    for group, table in groups.items():
        for measure, differences in table["differences"].items():
            pairs = [f"{pair} {_points(found)}" for pair, found in differences.items()]
            told = f"{group}, differences in percentage points, {words[measure]} (95 % interval): "
            lines += ["", told + "; ".join(pairs) + "."]
    pooled = [
        f"{group}, {words[measure]}: " + "; ".join(f"{pair} {_points(found)}" for pair, found in differences.items())
        for group, table in groups.items()
        for measure, differences in table["pooled"]["differences"].items()
    ]
    lines += [
        "",
        "Pooled, each second of a note alike, so that a piece of many notes counts for more: "
        + ". ".join(pooled)
        + ".",
    ]
    return lines


def _points(found: Mapping[str, float]) -> str:
    return _interval({key: 100 * value for key, value in found.items()}, 1)


def _interval(found: Mapping[str, float], digits: int = 2) -> str:
    return f"{found['mean']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def _three(number: float) -> str:
    """A number in three digits, or in two decimals if it is small: 18,700; 187; 18.7; 1.87."""
    if number >= 100:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
