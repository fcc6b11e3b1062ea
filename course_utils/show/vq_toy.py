"""Vector quantisation in the plane, to move: a player that needs no kernel, and sliders for where there is one."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_utils.show import twins
from course_utils.show.pack import to_base85
from course_utils.show.player import Player

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = npt.NDArray[np.float64]  # [N, 2]
MOST_POINTS, MOST_ENTRIES = 4000, 32
# Eight colours that stay apart with any colour vision (after Okabe and Ito), times four shapes: 32 different looks.
COLOURS = {
    "light": ["#0b66a8", "#b87400", "#007a5a", "#c0440b", "#a33b80", "#2f93d1", "#59636e", "#7a6b00"],
    "dark": ["#62b3ea", "#f2b24a", "#35cfa2", "#ff8d5c", "#e69bc9", "#a9dcff", "#c3cad2", "#e3d968"],
}
SHAPES = ["o", "s", "^", "D"]
TWIN_STEPS = (0, 1, 5)
REST = "Here stand sliders for k, the steps and the seed when a kernel runs: run this cell."


def chance(seed: int) -> Iterator[float]:
    """Random numbers in 0..1 (mulberry32), the same ones as js/vq.js draws from the same seed."""
    word, a = 0xFFFFFFFF, seed & 0xFFFFFFFF
    while True:
        a = (a + 0x6D2B79F5) & word
        t = ((a ^ (a >> 15)) * (a | 1)) & word
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & word)) & word
        yield (t ^ (t >> 14)) / 2**32


def start_entries(points: Points, k: int, seed: int) -> Points:
    """Entries [k, 2] on k different points; with fewer than k points they repeat (js/vq.js: startEntries)."""
    order, draw = np.arange(len(points)), chance(seed)
    for i in range(min(k, len(points))):
        j = i + int(next(draw) * (len(points) - i))
        order[[i, j]] = order[[j, i]]
    return points[order[np.arange(k) % len(points)]].copy()


def kmeans_steps(points: Points, entries: Points, steps: int) -> tuple[Points, npt.NDArray[np.int64]]:
    """Entries [k, 2] after a number of k-means steps from `entries`, and the nearest of them for each point, [N]."""
    import torch

    from course_utils.codec.kmeans import means, nearest

    cloud, book = torch.from_numpy(points), torch.from_numpy(entries)
    for _ in range(steps):
        book = means(cloud, nearest(cloud, book), book)
    return book.numpy(), nearest(cloud, book).numpy()


def mean_square(points: Points, entries: Points, index: npt.NDArray[np.int64]) -> float:
    """Mean square over both coordinates of what is left of the points after their entries."""
    return float(np.mean((points - entries[index]) ** 2))


def entropy(counts: npt.NDArray[np.integer[Any]]) -> float:
    """Entropy in bits of how often each entry is chosen."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


class VQToy(Player):
    """Points of the plane, and the entries they choose between; make it with `vq_toy`."""

    module = "vqtoy"
    height = 720

    def __init__(self, points: Points, k: int, seed: int, title: str, axes: tuple[str, str]) -> None:
        self.points, self.k, self.seed, self.title, self.axes = points, k, seed, title, axes
        start = start_entries(points, k, seed)
        self.stages = [(n, *kmeans_steps(points, start, n)) for n in TWIN_STEPS]

    @property
    def alt(self) -> str:
        """The toy in words: points, entries, the error as k-means goes on, how evenly the entries are used."""
        errors = [mean_square(self.points, book, index) for _, book, index in self.stages]
        index = self.stages[-1][2]
        counts = np.bincount(index, minlength=self.k)
        spread = float(np.mean(self.points**2))
        drop = f", {100 * (1 - errors[-1] / errors[0]):.0f} % less" if errors[0] > 0 else ""
        return (
            f"{self.title}: {len(self.points)} points in the plane ({self.axes[0]} against {self.axes[1]}), quantised "
            f"with {self.k} entries, {math.log2(self.k):.2f} bits per point. The entries start on points drawn with "
            f"seed {self.seed}, mean squared error {errors[0]:.3g}; after one step of k-means it is {errors[1]:.3g}, "
            f"after {TWIN_STEPS[-1]} steps {errors[-1]:.3g}{drop}. Then the most used entry, "
            f"{counts.argmax() + 1}, holds {100 * counts.max() / counts.sum():.0f} % of the points, the least used, "
            f"{counts.argmin() + 1}, {100 * counts.min() / counts.sum():.0f} %; the entropy is {entropy(counts):.2f} "
            f"bits. What is left over is a cloud around zero with mean square {errors[-1]:.3g}, against {spread:.3g} "
            "for the points themselves."
        )

    def data(self) -> dict[str, Any]:
        """What js/vqtoy.js reads."""
        return {
            "title": self.title,
            "subtitle": f"{len(self.points)} points \u00b7 drag an entry, or let k-means move them all",
            "points": to_base85(self.points.astype("<f4").tobytes()),
            "k": self.k,
            "most": MOST_ENTRIES,
            "seed": self.seed,
            "axes": list(self.axes),
            "colours": COLOURS,
            "alt": self.alt,
        }

    def picture(self) -> bytes:
        """Small multiples: the start, after one step, after five, and what is then left over."""
        # Not twins.to_png: with 256 colours the pale cells run into each other.
        return twins.to_png(_multiples(self))


def _check(points: Any, k: int) -> Points:
    if hasattr(points, "detach"):
        points = points.detach().cpu().numpy()
    cloud = np.asarray(points)
    if cloud.ndim != 2 or cloud.shape[1] != 2 or len(cloud) == 0:
        raise ValueError(f"points have shape {list(cloud.shape)}: expected [N, 2], one row a point of the plane")
    if len(cloud) > MOST_POINTS:
        raise ValueError(
            f"{len(cloud)} points are too many to draw: take at most {MOST_POINTS}, for example points[::2]"
        )
    if not np.isfinite(cloud).all():
        bad = int(np.flatnonzero(~np.isfinite(cloud).all(axis=1))[0])
        raise ValueError(f"point {bad} is {cloud[bad].tolist()}: only finite points have a nearest entry")
    if not 1 <= k <= MOST_ENTRIES:
        raise ValueError(f"k is {k}: the toy has 1 to {MOST_ENTRIES} entries")
    return cloud.astype(np.float32).astype(np.float64)  # the page holds float32


def vq_toy(
    points: npt.ArrayLike,
    k: int = 8,
    seed: int = 0,
    title: str = "Vector quantisation you can move",
    axes: tuple[str, str] = ("sample n", "sample n + 12"),
) -> VQToy:
    """The player for points float [N, 2] (numpy or torch): k entries to drag, k-means step by step, what is left over.

    `seed` draws the start, `axes` names the two coordinates. ValueError: points of another shape, none or more than
    4000 of them, points that are not finite, or k outside 1..32.
    """
    return VQToy(_check(points, k), int(k), int(seed), title, axes)


def colour_of(entry: int) -> str:
    """An entry's colour on light paper."""
    return COLOURS["light"][entry % 8]


def shape_of(entry: int) -> str:
    """An entry's marker (js/vqtoy.js: shapeOf)."""
    return SHAPES[(entry + entry // 8) % 4]


def _multiples(toy: VQToy) -> Figure:
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 3.42), dpi=100, facecolor="white")
    fig.text(0.045, 0.95, toy.title, fontsize=13, fontweight="bold", color=twins.INK, va="center")
    about = f"{len(toy.points)} points, {toy.k} entries, {math.log2(toy.k):.2f} bits per point. Start: seed {toy.seed}."
    fig.text(0.045, 0.882, about, fontsize=9, color=twins.SOFT, va="center")
    grid = fig.add_gridspec(1, 4, left=0.045, right=0.995, top=0.755, bottom=0.115, wspace=0.2)
    for column, (steps, book, index) in enumerate(toy.stages):
        name = "Start" if steps == 0 else f"After {steps} step{'s' if steps > 1 else ''}"
        panel = fig.add_subplot(grid[column])
        draw_codebook(panel, toy.points, book, index)
        _caption(panel, name, toy.points, book, index)
    panel = fig.add_subplot(grid[3])
    _, book, index = toy.stages[-1]
    _draw_left_over(panel, toy.points, book, index)
    _caption(panel, "What is then left over", toy.points, book, index, "mean square")
    for axes in fig.axes:
        axes.set_xlabel(toy.axes[0], fontsize=8, color=twins.SOFT, labelpad=2)
    fig.axes[0].set_ylabel(toy.axes[1], fontsize=8, color=twins.SOFT, labelpad=1)
    return fig


def _caption(
    panel: Axes, name: str, points: Points, book: Points, index: npt.NDArray[np.int64], what: str = "error"
) -> None:
    title = f"{name}\n{what} {mean_square(points, book, index):.3g}"
    panel.set_title(title, fontsize=9, color=twins.INK, loc="left", pad=4, linespacing=1.35)


def bounds(points: Points) -> tuple[float, float, float]:
    """Middle (x, y) and half the side of the square that holds all points, with a margin (js/vqtoy.js: boundsOf)."""
    low, high = points.min(0), points.max(0)
    half = 0.54 * float((high - low).max()) or 1.0
    return float((low[0] + high[0]) / 2), float((low[1] + high[1]) / 2), half


def _square(panel: Axes, x: float, y: float, half: float) -> None:
    panel.set(xlim=(x - half, x + half), ylim=(y - half, y + half), aspect="equal")
    panel.tick_params(labelsize=6.5, colors=twins.SOFT, length=2, pad=2)
    panel.locator_params(nbins=5)
    for side in panel.spines.values():
        side.set_color("#d5dae0")


def draw_codebook(
    panel: Axes, points: Points, book: Points, index: npt.NDArray[np.int64], resolution: int = 160, size: float = 3
) -> None:
    """Points coloured by their entry, the entries with their numbers, and the cells between them."""
    import torch
    from matplotlib.colors import to_rgb

    from course_utils.codec.kmeans import nearest

    x, y, half = bounds(points)
    _square(panel, x, y, half)
    at = (np.arange(resolution) + 0.5) / resolution * 2 * half - half
    plane = np.stack(np.meshgrid(x + at, y + at), axis=-1).reshape(-1, 2)
    owner = nearest(torch.from_numpy(plane), torch.from_numpy(book)).numpy()
    tint = np.array([to_rgb(colour_of(e)) for e in range(len(book))]) * 0.17 + 0.83
    extent = (x - half, x + half, y - half, y + half)
    panel.imshow(tint[owner].reshape(resolution, resolution, 3), origin="lower", extent=extent, interpolation="nearest")
    if len(book) > 1:
        grid = owner.reshape(resolution, resolution)
        for e in range(len(book)):
            panel.contour(x + at, y + at, grid == e, levels=[0.5], colors="white", linewidths=0.9)
    for e, entry in enumerate(book):
        own = points[index == e]
        shape, colour = shape_of(e), colour_of(e)
        panel.scatter(own[:, 0], own[:, 1], s=size, marker=shape, color=colour, linewidths=0, alpha=0.8)
        panel.plot(
            entry[0], entry[1], "o", markersize=9.5, markerfacecolor="white", markeredgecolor=colour_of(e), zorder=3
        )
        panel.text(
            entry[0], entry[1], str(e + 1), fontsize=6.5, fontweight="bold", ha="center", va="center_baseline", zorder=4
        )


def _draw_left_over(panel: Axes, points: Points, book: Points, index: npt.NDArray[np.int64]) -> None:
    _, _, half = bounds(points)
    _square(panel, 0, 0, half)
    panel.axhline(0, color="#d5dae0", linewidth=0.8)
    panel.axvline(0, color="#d5dae0", linewidth=0.8)
    for e in range(len(book)):
        rest = points[index == e] - book[e]
        panel.scatter(rest[:, 0], rest[:, 1], s=3, marker=shape_of(e), color=colour_of(e), linewidths=0, alpha=0.8)


class VQExplorer:
    """The same experiment with a kernel: three sliders and a figure; make it with `explore_vq`.

    The figure is an ordinary output that the sliders replace. So it is stored with the notebook, and stays readable
    where no kernel answers the sliders.
    """

    def __init__(self, points: Points, k: int, steps: int, seed: int, axes: tuple[str, str]) -> None:
        import ipywidgets

        self.points, self.axes = points, axes
        self.k = ipywidgets.IntSlider(k, 1, MOST_ENTRIES, description="entries k", continuous_update=False)
        self.steps = ipywidgets.IntSlider(steps, 0, 40, description="steps", continuous_update=False)
        self.seed = ipywidgets.IntSlider(seed, 0, 20, description="seed", continuous_update=False)
        note = ipywidgets.HTML("<small>The sliders ask the kernel. If nothing moves, run this cell.</small>")
        self.box = ipywidgets.VBox([self.k, self.steps, self.seed, note])
        self._shown: tuple[str, ...] = ()
        for slider in (self.k, self.steps, self.seed):
            slider.observe(self._moved, names="value")

    def errors(self) -> list[float]:
        """Mean squared error at the start and after every step, for the sliders as they stand."""
        book = start_entries(self.points, self.k.value, self.seed.value)
        found = []
        for n in range(self.steps.value + 1):
            book, index = kmeans_steps(self.points, book, min(n, 1))
            found.append(mean_square(self.points, book, index))
        return found

    @property
    def line(self) -> str:
        """The result in one line."""
        k, steps = self.k.value, self.steps.value
        return (
            f"k = {k} ({math.log2(k):.2f} bits per point), {steps} step{'' if steps == 1 else 's'}, seed "
            f"{self.seed.value}: mean squared error {self.errors()[-1]:.6f}"
        )

    def figure(self) -> Figure:
        """Points, entries and cells on the left; on the right the error as k-means goes on."""
        from matplotlib.figure import Figure

        start = start_entries(self.points, self.k.value, self.seed.value)
        book, index = kmeans_steps(self.points, start, self.steps.value)
        fig = Figure(figsize=(8.6, 4), dpi=100, facecolor="white", layout="constrained")
        left, right = fig.subplots(1, 2, width_ratios=[1.1, 1])
        draw_codebook(left, self.points, book, index, resolution=300, size=8)
        left.set_xlabel(self.axes[0], fontsize=8, color=twins.SOFT)
        left.set_ylabel(self.axes[1], fontsize=8, color=twins.SOFT)
        errors = self.errors()
        right.plot(errors, "o-", color=twins.BLUE, markersize=4, linewidth=1.4)
        right.set(ylim=(0, 1.08 * max(errors) or 1), xlim=(-0.5, max(len(errors) - 0.5, 5)))
        right.set_title(f"Mean squared error: {errors[-1]:.6f}", fontsize=10, color=twins.INK, loc="left")
        right.set_xlabel("step of k-means", fontsize=8, color=twins.SOFT)
        right.tick_params(labelsize=7, colors=twins.SOFT)
        right.xaxis.get_major_locator().set_params(integer=True)
        right.spines[["top", "right"]].set_visible(False)
        return fig

    @property
    def alt(self) -> str:
        """The figure in words."""
        return f"{len(self.points)} points in the plane with their entries and cells, and the error curve. {self.line}."

    def _bundles(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        png = base64.b64encode(twins.to_png(self.figure())).decode("ascii")
        picture = {"image/png": png, "text/plain": self.alt}
        return [({"text/plain": self.line}, {}), (picture, {"image/png": {"alt": self.alt}})]

    def _moved(self, change: Any) -> None:
        from IPython.display import display

        if not self._shown:
            return
        for name, (data, metadata) in zip(self._shown, self._bundles(), strict=True):
            display(data, metadata=metadata, raw=True, display_id=name, update=True)

    def _ipython_display_(self) -> None:
        from uuid import uuid4

        from IPython.display import display

        sliders = self.box._repr_mimebundle_()
        words = {"text/html": f"<small>{REST}</small>", "text/plain": REST}
        display({**sliders, **words}, raw=True)
        self._shown = (uuid4().hex, uuid4().hex)
        for name, (data, metadata) in zip(self._shown, self._bundles(), strict=True):
            display(data, metadata=metadata, raw=True, display_id=name)


def explore_vq(
    points: npt.ArrayLike,
    k: int = 8,
    steps: int = 5,
    seed: int = 0,
    axes: tuple[str, str] = ("sample n", "sample n + 12"),
) -> VQExplorer:
    """Sliders for k, the steps of k-means and the seed over points float [N, 2]; the kernel draws the figure anew.

    ValueError: as `vq_toy`, or steps outside 0..40, or a seed outside 0..20.
    """
    if not (0 <= steps <= 40 and 0 <= seed <= 20):
        raise ValueError(f"steps is {steps} and seed {seed}: the sliders go from 0 to 40 and from 0 to 20")
    return VQExplorer(_check(points, k), int(k), int(steps), int(seed), axes)
