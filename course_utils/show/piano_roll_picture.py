"""The still twin of the piano roll, drawn from the same triples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.amt import vocab
from course_utils.show import twins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from course_utils.show.piano_roll import PianoRoll

BLACK = (1, 3, 6, 8, 10)


def roll_picture(roll: PianoRoll) -> bytes:
    """The roll as PNG: pitched parts above, drums on their own lane, rests below, a legend on top."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    numbers = np.where(vocab.is_rest(roll.triples), -1, vocab.notes(roll.triples) // vocab.MAX_PITCH)
    pitches = vocab.notes(roll.triples) % vocab.MAX_PITCH
    drums, rests = numbers == vocab.DRUMS, numbers == -1
    pitched = ~drums & ~rests
    kits = sorted(set(pitches[drums].tolist()))
    heights = [
        h for h, there in ((3.4, pitched.any()), (0.3 + 0.1 * len(kits), drums.any()), (0.22, rests.any())) if there
    ]
    tall = 1.35 + sum(heights) + 0.12 * len(heights)
    fig = Figure(figsize=(10, tall), dpi=100, facecolor="white")
    fig.text(0.065, 1 - 0.24 / tall, roll.title, fontsize=13, fontweight="bold", color=twins.INK, va="center")
    under = f"{roll.source} \u00b7 {roll.count}" if roll.source else roll.count
    fig.text(0.065, 1 - 0.49 / tall, under, fontsize=9, color=twins.SOFT, va="center")
    marks = [Patch(**_look(roll, i), label=part.name) for i, part in enumerate(roll.parts)]
    look = {"frameon": False, "handlelength": 1.3, "handleheight": 0.8, "columnspacing": 1.4, "labelcolor": twins.INK}
    fig.legend(handles=marks, loc="upper left", bbox_to_anchor=(0.058, 1 - 0.58 / tall), ncols=min(len(marks), 6),
               fontsize=8, **look)  # fmt: skip
    grid = fig.add_gridspec(len(heights), 1, height_ratios=heights, left=0.065, right=0.985, top=1 - 0.95 / tall,
                            bottom=0.4 / tall, hspace=0.08)  # fmt: skip
    panels = [fig.add_subplot(grid[n]) for n in range(len(heights))]
    left = iter(panels)
    if pitched.any():
        _pitched(next(left), roll, pitched, pitches)
    if drums.any():
        _lane(next(left), roll, drums, {pitch: row for row, pitch in enumerate(kits)}, pitches, "drums")
    if rests.any():
        panel = next(left)
        panel.vlines(roll.onsets[rests], -0.3, 0.3, color=twins.SOFT, linewidth=1)
        _bare(panel, "rests", 1)
    for panel in panels:
        panel.set_xlim(roll.start, roll.start + roll.seconds)
        panel.tick_params(labelbottom=panel is panels[-1])
    panels[-1].set_xlabel("seconds", fontsize=8, color=twins.SOFT, labelpad=1)
    return twins.to_png(fig)


def _look(roll: PianoRoll, number: int) -> dict[str, Any]:
    from course_utils.show.piano_roll import COLOURS

    part = roll.parts[number]
    colour = COLOURS["light"][part.colour]
    if part.control:
        return {"facecolor": colour + "2a", "edgecolor": colour, "linewidth": 1.1}
    return {"facecolor": colour, "edgecolor": "white", "linewidth": 0.25}


def _bars(panel: Axes, roll: PianoRoll, chosen: np.ndarray, y: np.ndarray, longest: float | None) -> None:
    parts = np.array(roll.part_of)
    for number, _ in enumerate(roll.parts):
        for row in np.flatnonzero(chosen & (parts == number)):
            long = max(float(roll.durations[row]), roll.seconds / 700)
            long = long if longest is None else min(long, longest)
            panel.broken_barh([(float(roll.onsets[row]), long)], (float(y[row]) - 0.42, 0.84), **_look(roll, number))


def _pitched(panel: Axes, roll: PianoRoll, chosen: np.ndarray, pitches: np.ndarray) -> None:
    from course_utils.show.piano_roll import pitch_name

    low, high = int(pitches[chosen].min()) - 2, int(pitches[chosen].max()) + 2
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK:
            panel.axhspan(pitch - 0.5, pitch + 0.5, color="#f3f5f7", linewidth=0, zorder=0)
    _bars(panel, roll, chosen, pitches, None)
    panel.set_ylim(low - 0.5, high + 0.5)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    panel.set_yticks(octaves, [pitch_name(pitch) for pitch in octaves])
    for pitch in octaves:
        panel.axhline(pitch - 0.5, color="#d5dae0", linewidth=0.6, zorder=0)
    _quiet(panel)


def _lane(
    panel: Axes, roll: PianoRoll, chosen: np.ndarray, rows: dict[int, int], pitches: np.ndarray, name: str
) -> None:
    y = np.array([rows.get(pitch, 0) for pitch in pitches.tolist()])
    _bars(panel, roll, chosen, y, roll.seconds / 150)
    _bare(panel, name, len(rows))


def _bare(panel: Axes, name: str, rows: int) -> None:
    panel.set_ylim(-0.6, rows - 0.4)
    panel.set_yticks([(rows - 1) / 2], [name])
    _quiet(panel)


def _quiet(panel: Axes) -> None:
    panel.set_facecolor("#fafbfc")
    panel.tick_params(labelsize=8, colors=twins.SOFT, length=0)
    for side in panel.spines.values():
        side.set_visible(False)
