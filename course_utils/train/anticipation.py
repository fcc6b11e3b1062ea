"""The recipe of the course's Anticipatory Music Transformer: predict the next token, with some of the music given.

    python -m course_utils.train amt               # resumes where it stopped; Ctrl-C is safe
    accelerate launch -m course_utils.train amt    # one or several GPUs

Source: arXiv 2306.08620v2 for the sequences, their mixture of controls and the network. The rest is ours, for small
machines: length, width, rate and steps; each batch draws its own copies of the pieces, in another key and tempo; many
copies have the melody for their only control, parts that follow it, or a thinner band, and some are nothing but a
melody and what follows it, or what begins with each chord (`MusicRecipe`); in some the network reads mistakes, and is
to go on as the music does (`with_mistakes`); most of the loss weighs a token against those of its own slot only
(`SlotLoss`); the network starts from what is known beforehand about times, pitches and positions, and keeps some of it
(`music_start`); Muon teaches the upper layers (Jordan et al. 2024).

The shipped weights come from several runs on end, between which the recipe grew; their card tells which. One run of the
recipe as it stands makes another model, with a card of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from course_utils.amt import token_lists
from course_utils.amt.augment import KINDS, augment
from course_utils.amt.interleave import anticipate
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.rules import LEARNED_RANGES
from course_utils.amt.sequences import ROWS, SEPARATOR_ROW
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    DRUMS,
    MAX_PITCH,
    MAX_TIME,
    NOTE_OFFSET,
    TIME_RESOLUTION,
    Triples,
    as_controls,
    is_control,
    is_separator,
    onsets,
)
from course_utils.train.mistakes import NOTHING, with_mistakes
from course_utils.train.music import Piece, augmented
from course_utils.train.music_start import HEADS, WIDTH, hold_look_up, start_network
from course_utils.train.run import Pace, Run

MEASURED = ("none", "instrument", "random")  # kinds of controls in the figures of a run
STROKE = 12  # ticks: what begins with a chord begins within so many; guitars roll theirs
SMALL_BANDS = 0.75  # share of the lead sheets that are for some of the parts only
DRAWS = 1000  # so many sequences in a row that last too long, and there will be no other


@dataclass(frozen=True, kw_only=True)
class MusicRecipe(Pace):
    """Everything that decides the result, besides the music; stored in checkpoints and in the model card.

    A batch holds `batch` sequences of `rows` events and controls; the last `long_share` of the steps take sequences
    as long as the context. melody_share: of the copies with instruments given, in pieces whose melody is known, this
    share is given the melody and nothing else. Of those, a share `doubled` has another instrument play it too, and a
    share `thinned` has only some of the other parts, so that the doubling is not always one voice among ten. The first
    `exercises` steps have nothing but melodies and what follows them note for note (`exercise`); later a share
    `exercise_share` of the sequences has, or what was learned there is forgotten. In the `cooldown` all is music again:
    then the network learns how rarely a band follows its melody so. Where no piece's melody is known, exercises are
    music with some of its instruments given. A share `lead_sheets` of the sequences, to the end, are melodies and what
    begins with each chord (`lead_sheet`), if any are known: there a melody tells most about the harmony. In a share
    `later` of the sequences time does not begin at 0, so that late times are met as well: few sequences last long. In a
    share `astray` the network reads wrong pitches, and in a share `piled` a heap of notes (`with_mistakes`).
    """

    steps: int = 24_000
    rate: float = 0.8e-3
    matrix_rate: float = 0.015
    cooldown: float = 0.4
    batch: int = 4
    rows: int = 170
    long_share: float = 0.5
    long_batch: int = 2
    melody_share: float = 0.9
    doubled: float = 0.1
    thinned: float = 0.35
    exercises: int = 300
    exercise_share: float = 0.25
    lead_sheets: float = 0.3
    later: float = 0.3
    astray: float = 0.3
    piled: float = 0.15
    whole_positions: int = 128  # of a batch, at which the loss weighs all tokens
    measured: int = 16  # held-out sequences of each kind of controls
    network: AMTConfig = field(default_factory=lambda: AMTConfig(width=WIDTH, layers=6, heads=HEADS))

    def size(self, step: int) -> tuple[int, int]:
        """(sequences, rows) of a step's batch."""
        return (self.long_batch, ROWS) if step >= (1 - self.long_share) * self.steps else (self.batch, self.rows)


def draw_copy(piece: Piece, kind: str, chance: np.random.Generator, recipe: MusicRecipe, rows: int) -> Triples:
    """A stretch of a piece in some key and tempo, with its controls interleaved: int64 [N, 3].

    kind: one of augment.KINDS. Stretches that begin with the piece begin with a separator.
    """
    first = int(chance.integers(-rows // 2, max(len(piece.triples) - rows // 2, 1)))
    # From time 0, or padding would fill all that came before with rests.
    varied = token_lists.from_zero(augmented(piece, chance)[max(first, 0) : max(first, 0) + 3 * rows])
    melody = piece.melody if kind == "instrument" and chance.random() < recipe.melody_share else None
    if melody is not None:
        if chance.random() < recipe.thinned:
            varied = thinned(varied, melody, chance)
        alone = set(token_lists.instruments(varied)) == {melody}
        if alone or chance.random() < recipe.doubled:
            varied = doubled(varied, melody, chance)
        given = token_lists.instrument_of(varied) == melody
        events, controls = varied[~given], as_controls(varied[given])
    else:
        events, controls = augment(varied, kind, chance)
    tokens, leftover = anticipate(token_lists.pad(events, token_lists.max_time(varied)), controls)
    tokens = np.concatenate([tokens, leftover])
    if first <= 0:
        return np.concatenate([SEPARATOR_ROW, tokens])
    # Half of them begin as a request does, with the controls of the first seconds, and half of them anywhere.
    return tokens if chance.random() < 0.5 else tokens[int(chance.integers(0, rows // 2)) :]


def doubled(events: Triples, instrument: int, chance: np.random.Generator) -> Triples:
    """Events in which an instrument that had nothing to play doubles `instrument` at the octave or in unison.

    Little else in a song is decided by its melody note for note; without such parts nobody learns to look there.
    """
    part = events[token_lists.instrument_of(events) == instrument].copy()
    silent = np.setdiff1d(np.arange(DRUMS), list(token_lists.instruments(events)))
    pitch = token_lists.pitch_of(part)
    low, high = (int(pitch.min()), int(pitch.max())) if len(part) else (0, 0)
    moves = [move for move in (-12, 0, 12) if 0 <= low + move <= high + move < MAX_PITCH]
    part[:, 2] = NOTE_OFFSET + MAX_PITCH * int(chance.choice(silent)) + pitch + int(chance.choice(moves))
    return token_lists.sort(np.concatenate([events, part]))


def thinned(events: Triples, instrument: int, chance: np.random.Generator) -> Triples:
    """The events of `instrument` and of some of the others, one at least; each number of them is equally likely."""
    others = sorted(set(token_lists.instruments(events)) - {instrument})
    if not others:
        return events
    kept = chance.choice(others, int(chance.integers(1, len(others) + 1)), replace=False)
    return events[np.isin(token_lists.instrument_of(events), [instrument, *kept])]


def exercise(piece: Piece) -> Piece:
    """A piece's melody, and of its other parts those that follow it note for note: often none.

    Then a doubling is added (`draw_copy`). So all that comes is said by the controls, and the network learns to look at
    them first, which a whole band teaches too rarely. Raises ValueError for a piece whose melody is not known.
    """
    if piece.melody is None:
        raise ValueError(f"{piece.name}: nobody has told which part is the melody")
    kept = [piece.melody, *followers(piece.triples, piece.melody)]
    return replace(piece, triples=piece.triples[np.isin(token_lists.instrument_of(piece.triples), kept)])


def lead_sheet(piece: Piece) -> Piece:
    """A piece's melody, and of its other pitched parts what they begin to play as a chord begins.

    In a band one event in some forty-five is the first of a chord, which a melody tells something about; the others
    repeat what is known by then. Here most events are such. Raises ValueError for a piece whose melody or chords are
    not known.
    """
    if piece.melody is None or piece.chords is None:
        raise ValueError(f"{piece.name}: nobody has told which part is the melody, or which are the chords")
    begins = np.array([int(start * TIME_RESOLUTION) for start, _, _ in piece.chords])
    since = onsets(piece.triples) - begins[np.searchsorted(begins, onsets(piece.triples), side="right") - 1]
    played = token_lists.instrument_of(piece.triples)
    first = (played != DRUMS) & (since >= 0) & (since <= STROKE)
    return replace(piece, triples=piece.triples[first | (played == piece.melody)])


def followers(events: Triples, melody: int) -> list[int]:
    """The pitched instruments that play one note at a time, with one of the melody's, and with half of those at least.

    Events int64 [N, 3] in order of time.
    """
    played = token_lists.instrument_of(events)
    sung = np.unique(events[played == melody, 0])
    found = []
    for other in sorted(set(token_lists.instruments(events)) - {melody, DRUMS}):
        begins = events[played == other, 0]
        if len(np.unique(begins)) == len(begins) and np.isin(begins, sung).all() and 2 * len(begins) >= len(sung):
            found.append(other)
    return found


def shares_of(pieces: Sequence[Piece]) -> NDArray[np.float64]:
    """How often each piece is drawn, float64 [len(pieces)], which add up to 1: in proportion to its events."""
    weights = np.array([len(piece.triples) for piece in pieces], dtype=float)
    return weights / weights.sum()


def draw_sequence(
    pieces: Sequence[Piece],
    chance: np.random.Generator,
    recipe: MusicRecipe,
    rows: int = ROWS,
    kind: str | None = None,
    shares: NDArray[np.float64] | None = None,
) -> Tensor:
    """One training sequence, int64 [1 + 3 * rows]: the mode, then events and controls, times counted from zero.

    A stretch that ends too soon is followed by another piece. kind: of the controls, else drawn from the mixture.
    shares: `shares_of` the pieces, for those who draw often. Raises ValueError for pieces so slow that the rows of none
    fit into 100 s.
    """
    shares = shares_of(pieces) if shares is None else shares
    for _ in range(DRAWS):
        parts: list[Triples] = []
        mode = AUTOREGRESS
        while sum(map(len, parts)) < rows:
            piece = pieces[int(chance.choice(len(pieces), p=shares))]
            copied = kind or KINDS[int(chance.integers(len(KINDS)))]
            parts.append(draw_copy(piece, copied, chance, recipe, rows))
            if len(parts) == 1:
                # An instrument cannot be given and the rest sampled where there is only one: nothing is given then.
                plain = copied == "none" or (copied == "instrument" and not is_control(parts[0]).any())
                mode = AUTOREGRESS if plain else ANTICIPATE
        sequence = token_lists.from_zero(np.concatenate(parts)[:rows])
        if token_lists.max_time(sequence) < MAX_TIME:  # 100 s and more cannot be written
            if recipe.later and chance.random() < recipe.later:
                sequence = moved(sequence, chance)
            return torch.from_numpy(np.concatenate([[mode], sequence.reshape(-1)]))
    raise ValueError(
        f"{DRAWS} times in a row, {rows} rows of these {len(pieces)} pieces lasted 100 s or more, which cannot be "
        "written: add pieces with more notes a second"
    )


def moved(sequence: Triples, chance: np.random.Generator) -> Triples:
    """A sequence whose first piece begins later, by no more than leaves room for all of it; most often not by much."""
    separators = np.flatnonzero(is_separator(sequence))
    first = token_lists.max_time(sequence[: separators[0]] if len(separators) else sequence)
    return token_lists.translate(sequence, int((MAX_TIME - first) * chance.random() ** 3))


class SlotLoss(nn.Module):
    """Cross-entropy of the next token in nats, in two parts that are added.

    At every event: against the tokens of its own slot (10,000 times, 1,000 durations or 16,513 notes), which is all
    that the sampler compares, at a sixth of the work. At `whole_positions` random ones: against all 55,028, controls
    and separators too, as the paper has it; from these the network learns which slot is next.
    """

    def __init__(self, network: AMT, whole_positions: int):
        super().__init__()
        self.network, self.whole_positions = network, whole_positions

    def forward(self, tokens: Tensor, read: Tensor, drawn: Tensor) -> Tensor:
        """What is to be foretold, int64 [B, T], what is read, int64 [B, T] (`with_mistakes`), and uniform numbers
        float32 [B, T - 1] that choose the positions -> loss, a number.
        """
        hidden = self.network.hidden(read[:, :-1])
        events = torch.stack([nats.mean() for nats in slot_nats(self.network, hidden, tokens)]).mean()
        chosen = drawn.flatten().argsort()[: self.whole_positions]
        logits = self.network.logits(hidden.flatten(0, 1)[chosen])
        return events + F.cross_entropy(logits.float(), tokens[:, 1:].flatten()[chosen], ignore_index=NOTHING)


def slot_nats(network: AMT, hidden: Tensor, tokens: Tensor) -> list[Tensor]:
    """Cross-entropy in nats of each event's time, duration and note against its slot: three of float32 [N].

    hidden: [B, T - 1, width] of tokens int64 [B, T]. Controls and separators are left out, rests are in.
    """
    nats = []
    for slot, (low, high) in enumerate(LEARNED_RANGES):
        wanted = tokens[:, 1 + slot :: 3]
        here = (wanted >= low) & (wanted < high)
        logits = network.logits(hidden[:, slot::3][here], low, high)
        nats.append(F.cross_entropy(logits.float(), wanted[here] - low, reduction="none"))
    return nats


class MusicTraining(Run):
    """A `Run` of an AMT on pieces of music; its figures are bits an event, with the kinds of controls in MEASURED.

    data: the music in words, for the model card.
    """

    def __init__(
        self, folder: Path, pieces: Sequence[Piece], held_out: Sequence[Piece], recipe: MusicRecipe, data: str = ""
    ):
        self.music, self.pieces = recipe, pieces
        self.exercises = [exercise(piece) for piece in pieces if piece.melody is not None] or pieces
        self.sheets = [lead_sheet(piece) for piece in pieces if piece.melody is not None and piece.chords]
        # Counted once: a corpus may have a hundred thousand pieces.
        self.shares, self.exercise_shares = shares_of(self.pieces), shares_of(self.exercises)
        self.sheet_shares = shares_of(self.sheets)
        torch.manual_seed(recipe.seed)
        network = AMT(recipe.network)
        start_network(network)
        chance, held_out_shares = np.random.default_rng(recipe.seed), shares_of(held_out)
        measured = replace(recipe, later=0.0)
        self.held_out = {
            kind: torch.stack(
                [
                    draw_sequence(held_out, chance, measured, recipe.rows, kind, held_out_shares)
                    for _ in range(recipe.measured)
                ]
            )
            for kind in MEASURED
        }
        told = {"data": data} if data else {}
        super().__init__(
            folder, recipe, network, SlotLoss(network, recipe.whole_positions), asdict(recipe.network), told
        )
        hold_look_up(self.network)

    def draw(self, chance: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """What is to be foretold and what is read, both int64 [B, T], and uniform numbers float32 [B, T - 1]."""
        size, rows = self.music.size(self.step)
        astray, piled = self.music.astray, self.music.piled
        drawn = [with_mistakes(self.draw_one(chance, rows), chance, astray, piled) for _ in range(size)]
        tokens, read = (torch.stack(sequences) for sequences in zip(*drawn, strict=True))
        return tokens, read, torch.from_numpy(chance.random((size, tokens.shape[1] - 1), dtype=np.float32))

    def draw_one(self, chance: np.random.Generator, rows: int) -> Tensor:
        """An exercise, a lead sheet, or music: int64 [1 + 3 * rows]."""
        recipe = self.music
        rising = self.step < (1 - recipe.cooldown) * recipe.steps
        if self.step < recipe.exercises or (rising and chance.random() < recipe.exercise_share):
            strict = replace(recipe, melody_share=1.0)
            return draw_sequence(self.exercises, chance, strict, rows, "instrument", self.exercise_shares)
        if self.sheets and chance.random() < recipe.lead_sheets:
            alone = replace(recipe, melody_share=1.0, doubled=0.0, thinned=SMALL_BANDS)
            return draw_sequence(self.sheets, chance, alone, rows, "instrument", self.sheet_shares)
        return draw_sequence(self.pieces, chance, recipe, rows, shares=self.shares)

    def matrices(self, network: AMT) -> list[nn.Parameter]:  # type: ignore[override]
        """The matrices of the layers behind the look-up. In those before it Muon would soon drown what is held."""
        return [
            parameter for block in list(network.blocks)[2:] for parameter in block.parameters() if parameter.ndim == 2
        ]

    def measure(self) -> list[float]:
        """Bits an event (time, duration and note together), for each kind of controls."""
        network: AMT = self.average  # type: ignore[assignment]
        return [event_bits(network, tokens) for tokens in self.held_out.values()]


@torch.no_grad()
def event_bits(network: AMT, sequences: Tensor) -> float:
    """Mean cross-entropy of an event in bits: time, duration and note added; sequences int64 [N, T]."""
    nats: list[list[Tensor]] = [[], [], []]
    for tokens in sequences.to(network.device).split(4):
        hidden = network.hidden(tokens[:, :-1])
        for slot, found in enumerate(slot_nats(network, hidden, tokens)):
            nats[slot].append(found)
    return sum(float(torch.cat(slot).mean()) for slot in nats) / math.log(2)
