"""A curve that grows while something trains: drawn anew after each measurement, and left as a picture at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from course_utils.show import twins
from course_utils.show.figures import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DASHES = ((4, 3), (1, 2), (7, 2, 1, 2))


class LiveCurve:
    """Measurements by step against constant lines; make it with `live_curve`."""

    def __init__(self, lines: Mapping[str, float], title: str, unit: str, name: str) -> None:
        self.lines, self.title, self.unit, self.name = dict(lines), title, unit, name
        self.steps: list[int] = []
        self.values: list[float] = []
        self._handle: Any = None

    def add(self, step: int, value: float) -> None:
        """Take in one measurement and draw the curve anew, in place."""
        if not value == value:
            raise ValueError(f"the measurement at step {step} is not a number: a smaller learning rate may help")
        self.steps.append(step)
        self.values.append(value)
        from IPython.display import display

        if self._handle is None:
            self._handle = display(self.picture(), display_id=True)
        else:
            self._handle.update(self.picture())

    @property
    def alt(self) -> str:
        """The curve in words: where it began and ended, and where the lines lie."""
        told = ", ".join(f"{name} {value:.2f}" for name, value in self.lines.items())
        return (
            f"{self.title}, in {self.unit}: {self.name} goes from {self.values[0]:.2f} at step {self.steps[0]} to "
            f"{self.values[-1]:.2f} at step {self.steps[-1]}. For comparison: {told}."
        )

    def picture(self) -> Picture:
        """The curve so far."""
        return Picture(twins.to_png(self.figure()), self.alt)

    def figure(self) -> Figure:
        """The curve so far as a matplotlib figure."""
        from matplotlib.figure import Figure

        fig = Figure(figsize=(7.4, 3.3), dpi=100, facecolor="white", layout="constrained")
        axes = fig.add_subplot()
        axes.plot(self.steps, self.values, "o-", color=twins.BLUE, markersize=4, linewidth=1.6)
        axes.annotate(
            f"{self.name} {self.values[-1]:.2f}",
            (self.steps[-1], self.values[-1]),
            (6, 0),
            textcoords="offset points",
            fontsize=8,
            color=twins.BLUE,
            va="center",
        )
        for number, (name, value) in enumerate(self.lines.items()):
            axes.axhline(value, color=twins.ORANGE, linewidth=1.2, dashes=DASHES[number % len(DASHES)])
            axes.annotate(
                f"{name} {value:.2f}",
                (1, value),
                (-4, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize=8,
                color=twins.ORANGE,
                ha="right",
            )
        everything = [*self.values, *self.lines.values()]
        room = 0.12 * (max(everything) - min(everything)) or 0.1
        axes.set(ylim=(min(everything) - room, max(everything) + room), xlim=(0, 1.22 * max(self.steps[-1], 1)))
        axes.set_xlabel("step", fontsize=8, color=twins.SOFT)
        axes.set_ylabel(self.unit, fontsize=8, color=twins.SOFT)
        axes.set_title(self.title, fontsize=10, color=twins.INK, loc="left")
        axes.tick_params(labelsize=7, colors=twins.SOFT)
        axes.spines[["top", "right"]].set_visible(False)
        return fig


def live_curve(
    lines: Mapping[str, float],
    title: str = "Held-out cross-entropy",
    unit: str = "bits per masked token (lower is better)",
    name: str = "the model",
) -> LiveCurve:
    """A curve to feed with `add(step, value)`; `lines` are constants to compare with, by name.

    Where a kernel runs it grows in place; the saved notebook keeps its last state as a picture with alt text.
    """
    return LiveCurve(lines, title, unit, name)
