"""The still twin of the decode scrubber: small multiples of the passes, the schedule, and how sure the guesses were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_utils.show.scrubber_trace import DROPPED, KEPT, NEW, PROMPT, WAITING, Stage, probability_byte, state_of
from course_utils.show.twins import BLUE, INK, ORANGE, SOFT, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Named = tuple[str, Sequence[Stage], int]  # label, stages, rows of the grid
# The colours and shapes of js/scrubberpaint.js on light paper.
RAMPS = {
    DROPPED: ("#e2e6ea", "#bcc4cb", "#8a949e"),
    KEPT: ("#c3dcf0", "#4a93cb", "#0a4378"),
    NEW: ("#fcd5a6", "#ea8a26", "#b04500"),
    PROMPT: ("#2b323a",) * 3,
    WAITING: ("#d5dae0",) * 3,
}
NAMES = {
    NEW: "kept in this pass (tall)",
    KEPT: "kept before",
    DROPPED: "guessed, dropped again (thin)",
    WAITING: "masked, not begun (line)",
    PROMPT: "prompt (cut in two)",
}
LEAST = 160  # the byte of probability 1/1024
FLAG, BAR, GAP = 3, 12, 2  # lines of a row: what stands above the bar, the bar, the space below


def colours(kind: int, strength: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The colours [..., 3], 0 to 1, of one kind of cell at strengths 0 to 1."""
    stops = np.array([[int(h[i : i + 2], 16) / 255 for i in (1, 3, 5)] for h in RAMPS[kind]])
    return np.stack([np.interp(strength, [0, 0.5, 1], stops[:, c]) for c in range(3)], axis=-1)


def covers(kind: int) -> npt.NDArray[np.bool_]:
    """Which lines of a row the shape of a kind covers: bool [FLAG + BAR + GAP]."""
    y = np.arange(FLAG + BAR + GAP) - FLAG
    off = np.abs(y - (BAR - 1) / 2)
    inside = (y >= 0) & (y < BAR)
    shapes = {
        DROPPED: off <= BAR / 7 + 0.5,
        WAITING: off < 0.6,
        PROMPT: inside & (off > 1.6),
        KEPT: inside,
        NEW: y < BAR,
    }
    return shapes[kind]


def paint(stages: Sequence[Stage], rows: int, place: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The grid at a place (stage, passes done) as an image [rows * lines, T, 3]."""
    frames = stages[0].start.shape[1]
    state = np.full((rows, frames), PROMPT, dtype=np.uint8)
    byte = np.full((rows, frames), 255, dtype=np.uint8)
    for index, stage in enumerate(stages):
        done = len(stage.steps) if index < place[0] else place[1] if index == place[0] else 0
        kinds, chance = state_of(stage, done)
        if index < place[0]:
            kinds[kinds == NEW] = KEPT
        state[stage.first : stage.first + stage.rows] = kinds
        byte[stage.first : stage.first + stage.rows] = probability_byte(chance)
    strength = np.clip(1 - byte.astype(np.float64) / LEAST, 0, 1)
    image = np.ones((rows, FLAG + BAR + GAP, frames, 3))
    for kind in RAMPS:
        at = state == kind
        if at.any():
            lit = covers(kind)[None, :, None] & at[:, None, :]
            image[lit] = np.broadcast_to(colours(kind, strength)[:, None], image.shape)[lit]
    return image.reshape(-1, frames, 3)


def shown_places(stages: Sequence[Stage], count: int) -> list[tuple[int, int]]:
    """Which passes the picture shows: `count` of the first stage with its first and last, then each stage's last."""
    passes = len(stages[0].steps)
    first = sorted({int(n) for n in np.rint(np.linspace(1, passes, min(count, passes)))})
    return [(0, n) for n in first] + [(s, len(stage.steps)) for s, stage in enumerate(stages) if s > 0]


def scrubber_picture(title: str, made_by: str, runs: Sequence[Named], seconds: float) -> bytes:
    """The scrubber as PNG. runs: label, stages and rows of each."""
    from matplotlib.figure import Figure

    columns = 2
    places = [shown_places(stages, 5 if len(stages) > 1 else 6) for _, stages, _ in runs]
    per_run = [places[0], places[1]] if len(runs) > 1 else [places[0][0::2], places[0][1::2]]
    order = [[(0 if len(runs) == 1 else c, place) for place in per_run[c]] for c in range(columns)]
    lines = max(len(column) for column in order)
    tall = 1.75 + lines * (0.3 + 0.135 * runs[0][2]) + 1.6
    fig = Figure(figsize=(10, tall), dpi=100, facecolor="white")
    fig.text(0.06, 1 - 0.25 / tall, title, fontsize=14, fontweight="bold", color=INK, va="center")
    fig.text(0.06, 1 - 0.52 / tall, _wrapped(made_by), fontsize=8.5, color=SOFT, va="top")
    fig.text(
        0.985, 1 - 0.25 / tall, "stronger colour: higher probability", fontsize=8, color=SOFT, va="center", ha="right"
    )
    _legend(fig.add_axes((0.06, 1 - 1.12 / tall, 0.925, 0.2 / tall)))
    body = fig.add_gridspec(
        lines, columns, left=0.06, right=0.985, top=1 - 1.5 / tall, bottom=2.15 / tall, hspace=0.3, wspace=0.09
    )
    for c, column in enumerate(order):
        for r, (index, place) in enumerate(column):
            label, stages, rows = runs[index]
            _grid(fig.add_subplot(body[r, c]), label, stages, rows, place, seconds)
    below = fig.add_gridspec(1, 2, left=0.085, right=0.985, top=1.6 / tall, bottom=0.42 / tall, wspace=0.2)
    _schedule(fig.add_subplot(below[0]), runs)
    _sureness(fig.add_subplot(below[1]), runs)
    return to_png(fig)


def _wrapped(text: str, width: int = 150) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)[:2])


def stage_name(stages: Sequence[Stage], index: int) -> str:
    """ "coarse " or "fine ", when there are two stages."""
    return ("coarse ", "fine ")[index] if len(stages) == 2 else ""


def _bare(axes: Axes) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(labelsize=7, colors=SOFT, length=2)


def _grid(axes: Axes, label: str, stages: Sequence[Stage], rows: int, place: tuple[int, int], seconds: float) -> None:
    index, number = place
    axes.imshow(paint(stages, rows, place), aspect="auto", interpolation="antialiased", extent=(0, seconds, rows, 0))
    step = stages[index].steps[number - 1]
    name = f"{stage_name(stages, index)}pass {number} of {len(stages[index].steps)}"
    head = f"{label + ': ' if label else ''}{name}, {int(step.kept.sum())} newly kept, {step.done} still masked"
    axes.set_title(head[0].upper() + head[1:], fontsize=8.5, color=INK, loc="left", pad=2)
    axes.set_yticks(np.arange(rows) + 0.5, [f"c{n}" for n in range(rows)])
    _bare(axes)
    axes.tick_params(labelsize=6, length=0)
    axes.set_xticks([])


def _legend(axes: Axes) -> None:
    axes.set(xlim=(0, 100), ylim=(0, 1))
    axes.axis("off")
    x = 0.0
    for kind, name in NAMES.items():
        lit = covers(kind)[::-1]
        for i, value in enumerate((0.2, 0.55, 0.9)):
            for line in np.flatnonzero(lit):
                height = 1 / len(lit)
                axes.add_patch(
                    _rectangle(x + i * 0.8, line * height, 0.7, height * 1.05, colours(kind, np.array(value)))
                )
        axes.text(x + 2.9, 0.5, name, fontsize=8, color=INK, va="center")
        x += 5.2 + 0.63 * len(name)


def _rectangle(x: float, y: float, width: float, height: float, colour: npt.NDArray[Any]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, color=tuple(colour), linewidth=0)


def _positions(stages: Sequence[Stage]) -> list[npt.NDArray[np.float64]]:
    """Where the passes of each stage stand on the axis: one behind the other."""
    out, first = [], 0.0
    for stage in stages:
        out.append(first + np.arange(len(stage.steps) + 1, dtype=np.float64))
        first += len(stage.steps)
    return out


def _schedule(axes: Axes, runs: Sequence[Named]) -> None:
    for (label, stages, _), colour, mark in zip(runs, (BLUE, ORANGE), "os", strict=False):
        for at, stage in zip(_positions(stages), stages, strict=True):
            begins = int(stage.start.sum())
            axes.plot(at, [begins] + [s.asked for s in stage.steps], color=SOFT, linewidth=0.9)
            axes.plot(
                at[1:], [s.done for s in stage.steps], mark, color=colour, markersize=2.6,
                label=label if stage is stages[0] and label else None,
            )  # fmt: skip
    axes.set_title("Still masked: asked (line) and done (dots)", fontsize=9, color=INK, loc="left", pad=4)
    _axis(axes, runs)


def _sureness(axes: Axes, runs: Sequence[Named]) -> None:
    """The median probability of the kept and of the dropped guesses of each pass."""
    for (label, stages, _), colour, mark in zip(runs, (BLUE, ORANGE), "os", strict=False):
        for at, stage in zip(_positions(stages), stages, strict=True):
            for kept, style in ((True, "-"), (False, ":")):
                chosen = [s.kept if kept else s.opened & ~s.kept for s in stage.steps]
                found = [
                    float(np.median(s.probability[c])) if c.any() else np.nan
                    for s, c in zip(stage.steps, chosen, strict=True)
                ]
                name = ("kept" if kept else "dropped") + (f", {label}" if label else "")
                axes.plot(
                    at[1:], found, mark + style, color=colour, markersize=2.4, linewidth=1,
                    markerfacecolor=colour if kept else "white", label=name if stage is stages[0] else None,
                )  # fmt: skip
    axes.set_title("Median probability of the guesses of each pass", fontsize=9, color=INK, loc="left", pad=4)
    axes.set_ylim(bottom=0)
    _axis(axes, runs)


def _axis(axes: Axes, runs: Sequence[Named]) -> None:
    _bare(axes)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color("#d5dae0")
    axes.set_xlabel("pass", fontsize=8, color=SOFT, labelpad=1)
    axes.grid(axis="y", color="#eceff2", linewidth=0.8)
    axes.set_axisbelow(True)
    for at in _positions(runs[0][1])[1:]:
        axes.axvline(at[0] + 0.5, color="#d5dae0", linewidth=1)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False, labelcolor=SOFT, loc="best")
