"""The recipe of the course's Anticipatory Music Transformer: predict the next token, with some of the music given.

    python -m course_utils.train amt               # resumes where it stopped; Ctrl-C is safe
    accelerate launch -m course_utils.train amt    # one or several GPUs

Source: arXiv 2306.08620v2 for the sequences, their mixture of controls and the network. Length, width, rate and steps
are ours, for small machines, and so are three shortcuts: each batch draws its own copies of the pieces, in another key
and tempo; most of the loss weighs a token against those of its own slot only (`SlotLoss`); the network starts from
what is known beforehand about times, pitches and positions (`start_network`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.amt import token_lists
from course_utils.amt.augment import KINDS, augment
from course_utils.amt.interleave import anticipate
from course_utils.amt.network import AMT, AMTConfig, Attention
from course_utils.amt.sequences import ROWS, SEPARATOR_ROW
from course_utils.amt.vocab import (
    ANTICIPATE,
    AUTOREGRESS,
    CONTROL_OFFSET,
    DRUMS,
    DUR_OFFSET,
    MAX_DUR,
    MAX_INSTR,
    MAX_PITCH,
    MAX_TIME,
    NOTE_OFFSET,
    REST,
    VOCAB_SIZE,
    Triples,
    as_controls,
    is_control,
)
from course_utils.train.music import Piece, augmented
from course_utils.train.run import Pace, Run

SLOTS = ((0, DUR_OFFSET), (DUR_OFFSET, NOTE_OFFSET), (NOTE_OFFSET, REST + 1))  # time, duration, note or rest
MEASURED = ("none", "instrument", "random")  # kinds of controls in the figures of a run


@dataclass(frozen=True, kw_only=True)
class MusicRecipe(Pace):
    """Everything that decides the result, besides the music; stored in checkpoints and in the model card.

    A batch holds `batch` sequences of `rows` events and controls; the last `long_share` of the steps take sequences
    as long as the context. melody_share: of the copies with instruments given, in pieces whose melody is known, this
    share is given the melody and nothing else.
    """

    steps: int = 11_000
    cooldown: float = 0.4
    batch: int = 4
    rows: int = 170
    long_share: float = 0.6
    long_batch: int = 2
    melody_share: float = 0.8
    whole_positions: int = 128  # of a batch, at which the loss weighs all tokens
    measured: int = 16  # held-out sequences of each kind of controls
    network: AMTConfig = field(default_factory=lambda: AMTConfig(width=192, layers=6, heads=4))

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
    only_melody = kind == "instrument" and piece.melody is not None and chance.random() < recipe.melody_share
    if only_melody:
        given = token_lists.instrument_of(varied) == piece.melody
        events, controls = varied[~given], as_controls(varied[given])
    else:
        events, controls = augment(varied, kind, chance)
    tokens, leftover = anticipate(token_lists.pad(events, token_lists.max_time(varied)), controls)
    tokens = np.concatenate([tokens, leftover])
    if first <= 0:
        return np.concatenate([SEPARATOR_ROW, tokens])
    # Half of them begin as a request does, with the controls of the first seconds, and half of them anywhere.
    return tokens if chance.random() < 0.5 else tokens[int(chance.integers(0, rows // 2)) :]


def draw_sequence(
    pieces: Sequence[Piece], chance: np.random.Generator, recipe: MusicRecipe, rows: int = ROWS, kind: str | None = None
) -> Tensor:
    """One training sequence, int64 [1 + 3 * rows]: the mode, then events and controls, times counted from zero.

    A stretch that ends too soon is followed by another piece. kind: of the controls, else drawn from the mixture.
    """
    weights = np.array([len(piece.triples) for piece in pieces], dtype=float)
    parts: list[Triples] = []
    mode = AUTOREGRESS
    while sum(map(len, parts)) < rows:
        piece = pieces[int(chance.choice(len(pieces), p=weights / weights.sum()))]
        copied = kind or KINDS[int(chance.integers(len(KINDS)))]
        parts.append(draw_copy(piece, copied, chance, recipe, rows))
        if len(parts) == 1:
            # An instrument cannot be given and the rest sampled where there is only one: nothing is given then.
            plain = copied == "none" or (copied == "instrument" and not is_control(parts[0]).any())
            mode = AUTOREGRESS if plain else ANTICIPATE
    sequence = token_lists.from_zero(np.concatenate(parts)[:rows])
    if token_lists.max_time(sequence) >= MAX_TIME:  # 100 s and more cannot be written
        return draw_sequence(pieces, chance, recipe, rows, kind)
    return torch.from_numpy(np.concatenate([[mode], sequence.reshape(-1)]))


class SlotLoss(nn.Module):
    """Cross-entropy of the next token in nats, in two parts that are added.

    At every event: against the tokens of its own slot (10,000 times, 1,000 durations or 16,513 notes), which is all
    that the sampler compares, at a sixth of the work. At `whole_positions` random ones: against all 55,028, controls
    and separators too, as the paper has it; from these the network learns which slot is next.
    """

    def __init__(self, network: AMT, whole_positions: int):
        super().__init__()
        self.network, self.whole_positions = network, whole_positions

    def forward(self, tokens: Tensor, drawn: Tensor) -> Tensor:
        """Sequences int64 [B, T] and uniform numbers float32 [B, T - 1] that choose the positions -> loss, a number."""
        hidden = self.network.hidden(tokens[:, :-1])
        events = torch.stack([nats.mean() for nats in slot_nats(self.network, hidden, tokens)]).mean()
        chosen = drawn.flatten().argsort()[: self.whole_positions]
        logits = self.network.logits(hidden.flatten(0, 1)[chosen])
        return events + F.cross_entropy(logits.float(), tokens[:, 1:].flatten()[chosen])


def slot_nats(network: AMT, hidden: Tensor, tokens: Tensor) -> list[Tensor]:
    """Cross-entropy in nats of each event's time, duration and note against its slot: three of float32 [N].

    hidden: [B, T - 1, width] of tokens int64 [B, T]. Controls and separators are left out, rests are in.
    """
    nats = []
    for slot, (low, high) in enumerate(SLOTS):
        wanted = tokens[:, 1 + slot :: 3]
        here = (wanted >= low) & (wanted < high)
        logits = network.logits(hidden[:, slot::3][here], low, high)
        nats.append(F.cross_entropy(logits.float(), wanted[here] - low, reduction="none"))
    return nats


# What is known beforehand. The width is cut into fields: where in the sequence, time, duration, note, and kind.
POSITION, TIME, DURATION, NOTE, KIND = slice(0, 48), slice(48, 96), slice(96, 120), slice(120, 182), slice(182, 192)
PITCH_CLASS, HEIGHT, INSTRUMENT, DRUM = slice(120, 132), slice(132, 140), slice(140, 164), slice(164, 182)
SOUND = slice(96, 182)  # duration and note
CONTROL = KIND.start + 4
SHARP = (2.0, 1.0, 1.0)  # how much the last norm raises the fields of time, duration and note


@torch.no_grad()
def start_network(network: AMT) -> None:
    """Give a new network what can be known beforehand. From random numbers it takes thousands of steps to find out.

    - Times, durations and positions are waves of many lengths: what is near looks alike. A note is its pitch class,
      height and instrument; a control looks like its event. The same table scores the answers, so a network that holds
      a time at first names times near it.
    - The heads of the first layer look for the time of the last event, for the last event's token in the slot to be
      filled next, for the time of the own row, and five tokens back; they add what they find, weakly. Controls in
      between are passed over by the first two.
    - One head of the second layer looks for tokens of a similar time: events for their controls.

    Raises ValueError for a network of other fields (width 192, 4 heads), or of one layer.
    """
    config = network.config
    if (config.width, config.heads, config.vocabulary) != (192, 4, VOCAB_SIZE) or config.layers < 2:
        raise ValueError(
            f"this start is for a width of 192, 4 heads and at least 2 layers; seen: {config.width}, {config.heads} "
            f"and {config.layers}"
        )
    table = known_tokens()
    network.tokens.weight.copy_(table + 0.01 * torch.randn_like(table))
    periods = torch.logspace(math.log10(2.3), math.log10(3000), 24)
    periods[1] = 3.0  # the slots
    network.positions.weight.zero_()
    network.positions.weight[:, POSITION] = waves(torch.arange(config.context), periods)
    first, second = network.blocks[0].attention, network.blocks[1].attention
    time, duration, note = range(KIND.start, KIND.start + 3)
    look(first, 0, 1, TIME, periods, wanted={time: None})
    look(first, 1, 2, SOUND, periods, wanted={duration: time, note: duration})
    look(first, 2, 1, TIME, periods, wanted={time: None}, controls=True)
    look(first, 3, 5, SOUND, periods, wanted={})
    match(second, 0, TIME)
    for what, raised in zip((TIME, DURATION, NOTE), SHARP, strict=True):
        network.norm.weight[what] = raised


def waves(numbers: Tensor, periods: Tensor) -> Tensor:
    """Cosines and sines of numbers [N] with these periods [P]: float32 [N, 2 P], each row of length 1."""
    angle = 2 * math.pi * numbers[:, None].float() / periods[None]
    return torch.cat([angle.cos(), angle.sin()], dim=1) / math.sqrt(len(periods))


def known_tokens() -> Tensor:
    """What is known of each token as a vector, float32 [55028, 192], of length about 1."""
    table = torch.zeros(VOCAB_SIZE, 192)
    table[:DUR_OFFSET, TIME] = waves(torch.arange(MAX_TIME), torch.logspace(math.log10(3.3), math.log10(30000), 24))
    stretched = 10 * torch.log1p(torch.arange(MAX_DUR) / 4)  # durations differ by ratios
    table[DUR_OFFSET:NOTE_OFFSET, DURATION] = waves(stretched, torch.logspace(math.log10(2.5), math.log10(120), 12))
    table[NOTE_OFFSET:REST] = known_notes().flatten(0, 1)
    for kind, (low, high) in enumerate(SLOTS):
        table[low:high, KIND.start + kind] = 0.5
    table[REST, KIND.start + 3] = 1.0
    table[CONTROL_OFFSET : CONTROL_OFFSET + REST] = table[:REST]
    table[CONTROL_OFFSET : CONTROL_OFFSET + REST, CONTROL] = 0.7
    table[CONTROL_OFFSET + REST :, KIND.start + 5 :] = 0.5 * torch.randn(VOCAB_SIZE - CONTROL_OFFSET - REST, 5)
    return table


def known_notes() -> Tensor:
    """Of each instrument's notes: pitch class (fifths lie near), height, instrument and its family; [129, 128, 192]."""
    notes = torch.zeros(MAX_INSTR, MAX_PITCH, 192)
    pitch = torch.arange(MAX_PITCH)
    classes = F.one_hot(pitch % 12, 12).float()
    classes = classes + 0.25 * (classes.roll(7, 1) + classes.roll(-7, 1))
    notes[:DRUMS, :, PITCH_CLASS] = 0.6 * F.normalize(classes, dim=1)
    notes[:DRUMS, :, HEIGHT] = 0.45 * waves(pitch, torch.tensor([14.0, 31.0, 67.0, 150.0]))
    families = torch.randn(17, 24)[torch.arange(MAX_INSTR) // 8]  # General MIDI has families of eight
    timbre = F.normalize(0.8 * torch.randn(MAX_INSTR, 24) + 0.6 * families, dim=1)
    notes[:, :, INSTRUMENT] = 0.65 * timbre[:, None]
    notes[DRUMS, :, DRUM] = 0.75 * F.normalize(torch.randn(MAX_PITCH, 18), dim=1)
    return notes


def look(
    attention: Attention,
    head: int,
    back: int,
    what: slice,
    periods: Tensor,
    wanted: dict[int, int | None],
    controls: bool = False,
) -> None:
    """Make a head attend to the token nearest to `back` tokens before each, and add the fields `what` of it, weakly.

    wanted: it prefers tokens with these kinds (columns); where a kind has a second one, only for positions of that
    one. controls: whether it minds their being controls. Without any wanted it takes what stands just there.
    """
    query, key, value = attention.qkv.weight.view(3, attention.heads, -1, 192)[:, head]
    constant = attention.qkv.bias.view(3, attention.heads, -1)[0, head]
    out = attention.out.weight.view(192, attention.heads, -1)[:, head]
    for matrix in (query, key, value, out):
        matrix.zero_()
    n, size = 20, len(query)  # of the 24 waves; the rest of the head is for kinds
    turn, index = 2 * math.pi * back / periods[:n], torch.arange(n)
    sine = index + len(periods)
    gain = math.sqrt((0.6 if wanted else 1.0) / (attention.scale * 3.6))  # a wave of a position has length 3.6 here
    key[index, index], key[index + n, sine] = gain, gain
    query[index, index], query[index, sine] = gain * turn.cos(), gain * turn.sin()
    query[index + n, index], query[index + n, sine] = -gain * turn.sin(), gain * turn.cos()
    for place, (kind, only_at) in enumerate(wanted.items(), 2 * n):
        key[place, kind] = 1.0
        if only_at is None:
            constant[place] = 12 / (attention.scale * 4.5)  # a kind has height 4.5 here
        else:
            query[place, only_at] = 12 / (attention.scale * 4.5**2)
    if wanted and not controls:
        key[size - 1, CONTROL] = 1.0
        constant[size - 1] = -16 / (attention.scale * 6)
    width = what.stop - what.start
    read = torch.eye(size) if width == size else 1.2 * torch.linalg.qr(torch.randn(width, width))[0][:size]
    value[:, what] = read
    out[what] = (0.06 if back == 5 else 0.12) * read.T


def match(attention: Attention, head: int, field: slice) -> None:
    """Make a head attend to tokens whose field resembles its own."""
    query, key, _ = attention.qkv.weight.view(3, attention.heads, -1, 192)[:, head]
    gain = math.sqrt(12 / (attention.scale * 64))
    for matrix in (query, key):
        matrix[:, field] += gain * torch.eye(len(matrix))


class MusicTraining(Run):
    """A `Run` of an AMT on pieces of music; its figures are bits an event, with the kinds of controls in MEASURED."""

    def __init__(self, folder: Path, pieces: Sequence[Piece], held_out: Sequence[Piece], recipe: MusicRecipe):
        self.music, self.pieces = recipe, pieces
        torch.manual_seed(recipe.seed)
        network = AMT(recipe.network)
        start_network(network)
        chance = np.random.default_rng(recipe.seed)
        self.held_out = {
            kind: torch.stack(
                [draw_sequence(held_out, chance, recipe, recipe.rows, kind) for _ in range(recipe.measured)]
            )
            for kind in MEASURED
        }
        super().__init__(folder, recipe, network, SlotLoss(network, recipe.whole_positions), asdict(recipe.network), {})

    def draw(self, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Sequences int64 [B, T] and uniform numbers float32 [B, T - 1]."""
        size, rows = self.music.size(self.step)
        tokens = torch.stack([draw_sequence(self.pieces, chance, self.music, rows) for _ in range(size)])
        return tokens, torch.from_numpy(chance.random((size, tokens.shape[1] - 1), dtype=np.float32))

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
