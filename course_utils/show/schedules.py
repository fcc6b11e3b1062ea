"""How much of a grid is masked: three schedules side by side, as curves and as masks on real codes, to move."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_utils.show import twins
from course_utils.show.player import Player
from course_utils.show.vq_toy import chance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Codes = npt.NDArray[np.int64]  # [C, T]
Floats = npt.NDArray[np.float64]
NAMES = ("cosine", "linear", "random")
# Three colours that stay apart with any colour vision (after Okabe and Ito), on light and on dark paper.
COLOURS = {"light": ["#0b66a8", "#b4510b", "#007a5a"], "dark": ["#62b3ea", "#f0a35c", "#35cfa2"]}
DASHES: list[list[float]] = [[], [7, 4], [2, 3]]
CORNERS = 8  # of the random curve
MOST_CELLS = 9 * 400


def corner_heights(seed: int, corners: int = CORNERS) -> Floats:
    """Heights [corners + 2] of the random curve, falling from 1 to 0 (js/schedules.js: cornerHeights)."""
    draw = chance(seed)
    drawn = sorted((next(draw) for _ in range(corners)), reverse=True)
    return np.array([1.0, *drawn, 0.0])


def gammas(seed: int) -> dict[str, Callable[[float], float]]:
    """The three curves by name: share r in 0..1 -> share of masked tokens (js/schedules.js: gammas)."""
    heights = corner_heights(seed)
    places = np.linspace(0, 1, len(heights))
    return {
        "cosine": lambda r: max(float(np.cos(np.pi * r / 2)), 0.0),
        "linear": lambda r: 1.0 - r,
        "random": lambda r: float(np.interp(r, places, heights)),
    }


def luck(cells: int, seed: int) -> Floats:
    """A number in 0..1 for each cell, row after row: a cell is masked while its number lies below gamma(r)."""
    draw = chance(seed)
    return np.array([next(draw) for _ in range(cells)])


def sampled_mask(shape: tuple[int, int], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which cells [C, T] are masked at a share; a larger share masks the same cells and more."""
    return (luck(shape[0] * shape[1], seed) < share).reshape(shape)


class Schedules(Player):
    """Three curves and three masks of one grid; make it with `schedules_player`."""

    module = "schedules"
    height = 620

    def __init__(self, codes: Codes, r: float, seed: int, title: str, source: str, entries: int) -> None:
        self.codes, self.r, self.seed, self.title, self.source = codes, r, seed, title, source
        self.entries = entries

    def shares(self, r: float) -> dict[str, float]:
        """The asked share of masked tokens at r, by curve."""
        return {name: gamma(r) for name, gamma in gammas(self.seed).items()}

    def masked(self, r: float) -> dict[str, int]:
        """The number of cells masked at r, by curve."""
        shape = (self.codes.shape[0], self.codes.shape[1])
        return {name: int(sampled_mask(shape, share, self.seed).sum()) for name, share in self.shares(r).items()}

    @property
    def alt(self) -> str:
        """The figure in words: the grid, and what each curve masks at three values of r."""
        rows, frames = self.codes.shape
        parts = []
        for r in (0.25, self.r, 0.75):
            counts = self.masked(r)
            told = ", ".join(f"{name} {100 * self.shares(r)[name]:.0f} % ({counts[name]})" for name in NAMES)
            parts.append(f"r = {r:.2f}: {told}")
        return (
            f"{self.title}: share of masked tokens against r for three schedules, and the masks drawn from them on "
            f"{rows} codebooks by {frames} frames, {rows * frames} codes ({self.source}). Asked share, and in brackets "
            f"the codes masked, at {'; at '.join(parts)}. All fall from 1 at r = 0 to 0 at r = 1; the cosine lies "
            f"above the straight line everywhere between. Masks drawn with seed {self.seed}."
        )

    def data(self) -> dict[str, Any]:
        """What js/schedules.js reads."""
        rows, frames = self.codes.shape
        return {
            "title": self.title,
            "subtitle": f"{self.source} \u00b7 {rows} codebooks by {frames} frames \u00b7 move r",
            "codes": self.codes.tolist(),
            "entries": self.entries,
            "r": self.r,
            "seed": self.seed,
            "corners": CORNERS,
            "names": list(NAMES),
            "colours": COLOURS,
            "dashes": DASHES,
            "alt": self.alt,
        }

    def picture(self) -> bytes:
        """The curves with r marked, and the three masked grids."""
        return twins.to_png(_multiples(self))


def schedules_player(
    codes: Any,
    r: float = 0.5,
    seed: int = 0,
    title: str = "Three schedules, one grid",
    *,
    source: str = "",
    entries: int = 1024,
) -> Schedules:
    """The figure for codes int [C, T] (numpy or torch): move r, and see what each schedule masks.

    r: 0 to 1, where it begins; seed: of the masks and of the random curve; source: which model and clip made the codes.
    ValueError: codes of another shape, more than 3600 of them, outside the codebook, or r outside 0 to 1.
    """
    if hasattr(codes, "detach"):
        codes = codes.detach().cpu().numpy()
    grid = np.asarray(codes)
    if grid.ndim != 2 or grid.size == 0 or not np.issubdtype(grid.dtype, np.integer):
        raise ValueError(f"codes are {grid.dtype} {list(grid.shape)}: expected whole numbers [codebooks, frames]")
    if grid.size > MOST_CELLS:
        raise ValueError(f"{grid.size} codes are too many to draw: take at most {MOST_CELLS}, as in codes[:, :172]")
    if grid.min() < 0 or grid.max() >= entries:
        raise ValueError(f"codes run from {grid.min()} to {grid.max()}: expected 0..{entries - 1}")
    if not 0 <= r <= 1:
        raise ValueError(f"r is {r}: expected 0 to 1")
    return Schedules(grid.astype(np.int64), float(r), int(seed), title, source, entries)


def _multiples(player: Schedules) -> Figure:
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 4.5), dpi=100, facecolor="white")
    fig.text(0.05, 0.955, player.title, fontsize=13, fontweight="bold", color=twins.INK, va="center")
    fig.text(0.05, 0.9, player.source, fontsize=9, color=twins.SOFT, va="center")
    grid = fig.add_gridspec(
        3, 2, width_ratios=[1, 1.9], left=0.055, right=0.985, top=0.8, bottom=0.11, hspace=0.65, wspace=0.12
    )
    _curves(fig.add_subplot(grid[:, 0]), player)
    shares, counts = player.shares(player.r), player.masked(player.r)
    shape = (player.codes.shape[0], player.codes.shape[1])
    for row, name in enumerate(NAMES):
        panel = fig.add_subplot(grid[row, 1])
        mask = sampled_mask(shape, shares[name], player.seed)
        shown = np.ma.masked_where(mask, player.codes)
        panel.imshow(shown, aspect="auto", cmap=twins.palette(), vmin=-120, interpolation="nearest")
        panel.set_facecolor(twins.GHOST)
        panel.set_yticks(range(shape[0]), [f"c{n}" for n in range(shape[0])])
        panel.tick_params(labelsize=7, colors=twins.SOFT, length=2, labelbottom=row == len(NAMES) - 1)
        told = f"{name}: asked {100 * shares[name]:.0f} %, masked {counts[name]} of {player.codes.size}"
        panel.set_title(told, fontsize=9, color=COLOURS["light"][row], loc="left", pad=3)
        for side in panel.spines.values():
            side.set_visible(False)
    fig.axes[-1].set_xlabel("frame (grey: masked)", fontsize=8, color=twins.SOFT, labelpad=1)
    return fig


def _curves(panel: Axes, player: Schedules) -> None:
    at = np.linspace(0, 1, 201)
    for name, colour, dashes in zip(NAMES, COLOURS["light"], DASHES, strict=True):
        gamma = gammas(player.seed)[name]
        (line,) = panel.plot(at, [gamma(float(r)) for r in at], color=colour, linewidth=1.6, label=name)
        if dashes:
            line.set_dashes(dashes)
        panel.plot(player.r, gamma(player.r), "o", color=colour, markersize=5)
    panel.axvline(player.r, color=twins.SOFT, linewidth=0.8)
    panel.set(xlim=(0, 1), ylim=(0, 1.02))
    panel.set_xlabel("r", fontsize=8, color=twins.SOFT, labelpad=1)
    panel.set_title("Share of masked tokens", fontsize=9, color=twins.INK, loc="left", pad=3)
    panel.tick_params(labelsize=7, colors=twins.SOFT, length=2)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(fontsize=8, frameon=False, loc="lower left", handlelength=3.2)
