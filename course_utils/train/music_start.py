"""Where the AMT's training starts: not from random numbers, but from what is known of times, pitches and positions.

A network this small, taught for hours and not for weeks, would spend most of them on finding out that times have an
order, that an octave sounds alike, and where the last event's time stands. And one thing it would never find: which of
the controls begins with the event that it is about to write. The start gives it all of this as plain weights.
Built on what is known of small transformers: position waves (Vaswani et al. 2017, arXiv 1706.03762), heads that look
back a fixed way and heads that look for what is alike (Olsson et al. 2022, arXiv 2209.11895).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.amt.network import AMT, Attention
from course_utils.amt.rules import SLOT_RANGES
from course_utils.amt.vocab import (
    CONTROL_OFFSET,
    DRUMS,
    DUR_OFFSET,
    MAX_DUR,
    MAX_INSTR,
    MAX_PITCH,
    MAX_TIME,
    NOTE_OFFSET,
    REST,
    TIME_RESOLUTION,
    VOCAB_SIZE,
)

# The width is cut into fields: where in the sequence, the time of the own row, the time that a token stands for,
# duration, note, kind, and the pitch of a note found at the same time.
WIDTH, HEADS, WAVES = 208, 4, 24
CARRYING, MEETING = 2, 1  # the head of the first layer that carries times, that of the second that looks up
# The heads of the second that gather the controls around, and for each: around how many seconds later than the event,
# within how many, and the waves of a time (of those carried) that tell such seconds apart.
GATHERING = {2: (0.9, 0.6, range(11, 15)), 3: (0.3, 0.3, range(9, 15))}
POSITION, OWN_TIME, TIME, DURATION = slice(0, 20), slice(20, 52), slice(52, 100), slice(100, 122)
NOTE, KIND, MET = slice(122, 184), slice(184, 192), slice(192, 208)
PITCH_CLASS, HEIGHT, INSTRUMENT, DRUM = slice(122, 134), slice(134, 142), slice(142, 166), slice(166, 184)
SOUND = slice(DURATION.start, NOTE.stop)
CONTROL = KIND.start + 4
SHARP = (2.0, 1.0, 1.0)  # how much the last norm raises the fields of time, duration and note
CARRIED = [*range(1, 15), 16, 18]  # of the waves of a time, those in OWN_TIME: 0.05 to 50 s, and two longer ones
# Training wears a time's slow waves away, for answers need them little, and who looks for controls nearby needs them
# much. So times have them once more in MET, where tokens hold nothing else and nothing is learned.
SLOW, SLOW_HEIGHT = range(8, 16), 0.05
CARRIED_TIME = [
    MET.start + half * len(SLOW) + place - SLOW.start if place in SLOW else TIME.start + half * WAVES + wave
    for half in range(2)
    for place, wave in enumerate(CARRIED)
]
HELD = (slice(POSITION.start, OWN_TIME.stop), KIND, MET)  # the fields that `hold_look_up` holds
FREE = [*range(OWN_TIME.stop, KIND.start)]
GATHERING_NATS, GATHERED = 10.0, 0.4  # by how much notes and controls are preferred; how loud is what they tell
# How high a field stands behind the norms before the first attention, and before the second: about, and tested.
WAVE_LENGTH, KIND_HEIGHT, CONTROL_HEIGHT = math.sqrt(6.7), 8.0, 6.5
TIME_LENGTH, MET_KIND_HEIGHT = math.sqrt(130), 3.4
TIME_PERIODS = torch.logspace(math.log10(3.3), math.log10(30000), WAVES)  # ticks
CARRIED_PITCH = [*range(PITCH_CLASS.start, PITCH_CLASS.stop), *(HEIGHT.start + row for row in (1, 2, 5, 6))]


@torch.no_grad()
def start_network(network: AMT) -> None:
    """Give a new network what can be known beforehand. From random numbers it takes thousands of steps to find out.

    - Times, durations and positions are waves of many lengths: what is near looks alike. A note is its pitch class,
      height and instrument; a control looks like its event. The same table scores the answers, so a network that holds
      a time at first names times near it.
    - The heads of the first layer look for the time of the last event, for the last event's token in the slot to be
      filled next, for the time of the own row, and five tokens back; they add what they find, weakly. Controls in
      between are passed over by the first two. The third writes to a field of its own, or a control would be taken for
      the time that has come.
    - Two heads of the second layer look for tokens of a similar time. One is free in what it makes of them. The other
      asks for a note that begins with the event about to be written: the control that begins then, or within a quarter
      of a second, else an event. It writes its pitch to a field that answers are hardly scored by: what to do with it
      is left to the layers above.
    - Its two other heads gather the controls around the event, one from before it to about two seconds after it, one
      within a second: their pitch classes tell the chord. They write it weakly, where the layers above may read it.

    Raises ValueError for a network of other fields (width 208, 4 heads), or of one layer.
    """
    config = network.config
    if (config.width, config.heads, config.vocabulary) != (WIDTH, HEADS, VOCAB_SIZE) or config.layers < 2:
        raise ValueError(
            f"this start is for a width of {WIDTH}, {HEADS} heads and at least 2 layers; seen: {config.width}, "
            f"{config.heads} and {config.layers}"
        )
    table = known_tokens()
    network.tokens.weight.copy_(table + 0.01 * torch.randn_like(table))
    for first_time in (0, CONTROL_OFFSET):
        network.tokens.weight[first_time : first_time + MAX_TIME, MET] = SLOW_HEIGHT * slow_waves()
    periods = torch.logspace(math.log10(4.5), math.log10(3000), 10)
    periods[0] = 3.0  # the slots
    network.positions.weight.zero_()
    network.positions.weight[:, POSITION] = waves(torch.arange(config.context), periods)
    first, second = network.blocks[0].attention, network.blocks[1].attention
    time, duration, note = range(KIND.start, KIND.start + 3)
    everything, a_time = list(range(SOUND.start, SOUND.stop)), list(range(TIME.start, TIME.stop))
    look(first, 0, 0, periods, {time: None}, a_time, a_time)
    look(first, 1, 2, periods, {duration: time, note: duration}, everything, everything)
    carried = list(range(OWN_TIME.start, OWN_TIME.stop))
    look(first, CARRYING, 0, periods, {time: None}, CARRIED_TIME, carried, controls=True, strength=0.5)
    values = head_parts(first, CARRYING)[2]
    slow = [half * len(CARRIED) + place for half in range(2) for place in SLOW]
    values[slow] *= math.sqrt(1 / WAVES) / SLOW_HEIGHT  # as high as the others
    look(first, 3, 5, periods, {}, everything, everything, strength=0.06)
    match(second, 0, TIME)
    meet(second, MEETING, {note: 150.0, CONTROL: 320.0}, duration)
    for head, (later, within, told_by) in GATHERING.items():
        gather(second, head, later, within, told_by)
    for columns in (OWN_TIME, KIND):
        network.blocks[0].feed_forward.out.weight[columns] = 0.0
    writing = slice(MEETING * WIDTH // HEADS, (MEETING + 1) * WIDTH // HEADS)
    answer = second.out.weight[MET, writing].clone()
    for block in network.blocks:
        block.attention.out.weight[MET], block.feed_forward.out.weight[MET] = 0.0, 0.0
    second.out.weight[MET, writing] = answer
    for what, raised in zip((TIME, DURATION, NOTE), SHARP, strict=True):
        network.norm.weight[what] = raised


def waves(numbers: Tensor, periods: Tensor) -> Tensor:
    """Cosines and sines of numbers [N] with these periods [P]: float32 [N, 2 P], each row of length 1."""
    angle = 2 * math.pi * numbers[:, None].float() / periods[None]
    return torch.cat([angle.cos(), angle.sin()], dim=1) / math.sqrt(len(periods))


def slow_waves() -> Tensor:
    """The slow ones of the carried waves, of all times: float32 [10000, 16], each from -1 to 1."""
    angle = 2 * math.pi * torch.arange(MAX_TIME)[:, None] / TIME_PERIODS[CARRIED][SLOW.start : SLOW.stop]
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def known_tokens() -> Tensor:
    """What is known of each token as a vector, float32 [55028, 208]; of length about 1.4, controls 1.6."""
    table = torch.zeros(VOCAB_SIZE, WIDTH)
    table[:DUR_OFFSET, TIME] = waves(torch.arange(MAX_TIME), TIME_PERIODS)
    stretched = 10 * torch.log1p(torch.arange(MAX_DUR) / 4)  # durations differ by ratios
    table[DUR_OFFSET:NOTE_OFFSET, DURATION] = waves(stretched, torch.logspace(math.log10(2.5), math.log10(120), 11))
    table[NOTE_OFFSET:REST] = known_notes().flatten(0, 1)
    for kind, (low, high) in enumerate(SLOT_RANGES):
        table[low:high, KIND.start + kind] = 1.0
    table[REST, KIND.start + 2 : KIND.start + 4] = 1.0  # a note that is none
    table[CONTROL_OFFSET : CONTROL_OFFSET + REST] = table[:REST]
    table[CONTROL_OFFSET : CONTROL_OFFSET + REST, CONTROL] = 0.8
    others = VOCAB_SIZE - CONTROL_OFFSET - REST
    table[CONTROL_OFFSET + REST :, CONTROL + 1 : KIND.stop] = 0.8 * torch.randn(others, KIND.stop - CONTROL - 1)
    return table


def known_notes() -> Tensor:
    """What is known of each instrument's notes, float32 [129, 128, 208].

    Pitch class (fifths lie near), height, instrument and its family.
    """
    notes = torch.zeros(MAX_INSTR, MAX_PITCH, WIDTH)
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


def head_parts(attention: Attention, head: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A head's query, key and value [52, 208], its query's constant [52] and its output [208, 52], as views."""
    query, key, value = attention.qkv.weight.view(3, attention.heads, -1, WIDTH)[:, head]
    constant = attention.qkv.bias.view(3, attention.heads, -1)[0, head]
    return query, key, value, constant, attention.out.weight.view(WIDTH, attention.heads, -1)[:, head]


def empty_head(attention: Attention, head: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The same, zeroed."""
    parts = head_parts(attention, head)
    for matrix in parts:
        matrix.zero_()
    return parts


def look(
    attention: Attention,
    head: int,
    back: int,
    periods: Tensor,
    wanted: dict[int, int | None],
    what: list[int],
    into: list[int],
    controls: bool = False,
    strength: float = 0.12,
) -> None:
    """Make a head attend to the token nearest to `back` tokens before each, and add its columns `what` to `into`.

    wanted: it prefers tokens with these kinds (columns); where a kind has a second one, only for positions of that
    one. controls: whether controls will do as well. Without any wanted it takes what stands just there. Columns that
    are more than a head holds are mixed.
    """
    query, key, value, constant, out = empty_head(attention, head)
    n, size = len(periods), len(query)
    turn, index = 2 * math.pi * back / periods, torch.arange(n)
    sine = index + n
    # What stands just there is worth 4 nats more than what the waves do not resemble; 1.7 where any kind will do.
    gain = math.sqrt((4.0 if wanted else 1.7) / (attention.scale * WAVE_LENGTH**2))
    key[index, index], key[sine, sine] = gain, gain
    query[index, index], query[index, sine] = gain * turn.cos(), gain * turn.sin()
    query[sine, index], query[sine, sine] = -gain * turn.sin(), gain * turn.cos()
    for place, (kind, only_at) in enumerate(wanted.items(), 2 * n):
        key[place, kind] = 1.0
        if only_at is None:
            constant[place] = 30 / (attention.scale * KIND_HEIGHT)
        else:
            query[place, only_at] = 30 / (attention.scale * KIND_HEIGHT**2)
    if wanted and not controls:
        key[size - 1, CONTROL] = 1.0
        constant[size - 1] = -60 / (attention.scale * CONTROL_HEIGHT)
    width = len(what)
    read = torch.eye(width) if width <= size else 1.2 * torch.linalg.qr(torch.randn(width, width))[0][:size]
    value[: len(read), what] = read
    out[into, : len(read)] = strength * read.T


def match(attention: Attention, head: int, field: slice) -> None:
    """Make a head attend to tokens whose field resembles its own."""
    query, key, _ = attention.qkv.weight.view(3, attention.heads, -1, WIDTH)[:, head]
    gain, width = math.sqrt(12 / (attention.scale * 64)), field.stop - field.start
    for matrix in (query, key):
        matrix[:width, field] += gain * torch.eye(width)


def meet(attention: Attention, head: int, wanted: dict[int, float], asking: int) -> None:
    """Make a head attend to what has its own row's time, of the kinds wanted (columns), and write its pitch to MET.

    wanted: by about how many nats each kind is preferred, where the token that asks is of the kind `asking`; the same
    time is worth 400. Far too sharp, so that it stays clear when tokens learn to say other things as loudly.
    """
    query, key, value, _, out = empty_head(attention, head)
    width = OWN_TIME.stop - OWN_TIME.start
    gain = math.sqrt(400 / (attention.scale * TIME_LENGTH**2))
    query[:width, OWN_TIME] = gain * torch.eye(width)
    key[:width, OWN_TIME] = gain * torch.eye(width)
    for place, (kind, nats) in enumerate(wanted.items(), width):
        key[place, kind] = 1.0
        query[place, asking] = nats / (attention.scale * MET_KIND_HEIGHT**2)
    found = len(CARRIED_PITCH)
    value[range(found), CARRIED_PITCH] = 1.0
    out[MET, :found] = 1.5 * torch.eye(found)  # as loud as all the rest: what the layers above add is louder yet


def gather(attention: Attention, head: int, later: float, within: float, told_by: Sequence[int]) -> None:
    """Make a head attend to the controls that begin about `later` seconds after its own row's time, and write their
    pitch classes and whether there are any.

    within: seconds; a control as much earlier or later has about 0.6 of the weight, one twice as much 0.14, like a
    bell curve, which the waves `told_by` add up to. Slower ones would tell it as well, but so loudly that a token that
    the norm makes a tenth louder than others would count as nearer.
    """
    query, key, value, constant, out = empty_head(attention, head)
    half = len(CARRIED)
    chosen = torch.tensor(told_by)
    periods = TIME_PERIODS[CARRIED][chosen] / TIME_RESOLUTION
    # cos x is about 1 - x^2 / 2 near 0: each wave bends the curve as much as any other.
    nats = (periods / (2 * math.pi * within)) ** 2 / len(chosen)
    gain = (nats / (attention.scale * TIME_LENGTH**2 / half)).sqrt()
    turn = 2 * math.pi * later / periods
    place = torch.arange(len(chosen))
    cosine, sine = OWN_TIME.start + chosen, OWN_TIME.start + half + chosen
    key[place, cosine], key[place + len(chosen), sine] = gain, gain
    query[place, cosine], query[place, sine] = gain * turn.cos(), -gain * turn.sin()
    query[place + len(chosen), sine], query[place + len(chosen), cosine] = gain * turn.cos(), gain * turn.sin()
    for row, kind in ((-2, KIND.start + 2), (-1, CONTROL)):
        key[row, kind] = 1.0
        constant[row] = GATHERING_NATS / (attention.scale * MET_KIND_HEIGHT)
    read = [*range(PITCH_CLASS.start, PITCH_CLASS.stop), CONTROL]
    value[range(len(read)), read] = torch.tensor([1.0] * 12 + [0.2])
    out[FREE, : len(read)] = GATHERED * torch.linalg.qr(torch.randn(len(FREE), len(read)))[0]


def hold_look_up(network: AMT) -> None:
    """Keep from learning what the look-up of the control that begins with an event rests on.

    Few events tell what it is good for, and only to layers above that can use it already: left to itself it is gone
    after some hundred steps, before they can. Held are the first layer (its feed-forward part too: as it grows loud,
    the times found beside it fade), where the second finds times and kinds, and whom its heads ask: left free, those
    that gather controls turn to the band's own events, which at first tell more. Nothing else may write to the field of
    the answer. What the layers above make of it is learned. Only weight decay touches what is held, and makes all of it
    a little smaller.
    """
    first, second = network.blocks[0], network.blocks[1]
    for parameter in first.parameters():
        hold(parameter)
    for columns in HELD:
        for table in (network.tokens.weight, network.positions.weight):
            hold(table, slice(None), columns)
        hold(second.norm_attention.weight, columns)
        hold(second.norm_attention.bias, columns)
    for block in list(network.blocks)[1:]:
        for layer in (block.attention.out, block.feed_forward.out):
            hold(layer.weight, MET)
            hold(layer.bias, MET)
    size = WIDTH // HEADS
    for head in (MEETING, *GATHERING):
        for part in range(2):  # query, key
            begin = part * WIDTH + head * size
            hold(second.attention.qkv.weight, slice(begin, begin + size))
            hold(second.attention.qkv.bias, slice(begin, begin + size))


def hold(parameter: nn.Parameter, *where: slice) -> None:
    """Let no gradient reach a part of a parameter."""

    def stop(reached: Tensor) -> None:
        if reached.grad is not None:
            reached.grad[where] = 0.0

    parameter.register_post_accumulate_grad_hook(stop)
