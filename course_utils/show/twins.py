"""Still twins of the players: the same data as a picture, for GitHub, print and readers without scripts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

BLUE, ORANGE, INK, SOFT, GHOST = "#0b66a8", "#b4510b", "#1c2127", "#6f7882", "#dfe3e8"
# The palette of js/palette.js on light paper.
STOPS = [
    (222, 245, 229),
    (148, 221, 189),
    (73, 193, 173),
    (52, 150, 170),
    (54, 107, 160),
    (64, 63, 132),
    (46, 30, 72),
    (11, 4, 20),
]
LOW, HIGH, FLOOR, TOP = 40.0, 20000.0, -92.0, -14.0  # Hz; dB below a full-scale sine (js/spectrogram.js)


def palette() -> ListedColormap:
    """The players' palette for light paper, as a matplotlib colour map; its lowest values fade into white."""
    from matplotlib.colors import ListedColormap

    at = np.linspace(0, 1, 256)
    stops = np.linspace(0, 1, len(STOPS))
    table = np.stack([np.interp(at, stops, [s[c] / 255 for s in STOPS]) for c in range(3)], axis=1)
    fade = np.clip(np.arange(256) * 8 / 255, 0, 1)[:, None]
    return ListedColormap(np.clip(table * fade + (1 - fade), 0, 1))


def log_spectrogram(
    samples: npt.NDArray[Any], rate: int, columns: int = 260, rows: int = 120
) -> npt.NDArray[np.float64]:
    """Decibels below a full-scale sine, [rows, columns], lowest of the log-spaced frequencies first; samples [N]."""
    size = 2048
    window = np.hanning(size)
    centres = ((np.arange(columns) + 0.5) / columns * len(samples)).astype(int)
    padded = np.pad(np.asarray(samples, dtype=np.float64), size)
    frames = np.stack([padded[c + size // 2 : c + size // 2 + size] for c in centres]) * window
    power = np.abs(np.fft.rfft(frames)) ** 2 * (16 / size**2)
    bins = np.geomspace(LOW, HIGH, rows) * size / rate
    dense = np.stack([np.interp(bins, np.arange(power.shape[1]), p) for p in power], axis=1)
    return 10 * np.log10(dense + 1e-12)


def ladder_picture(
    title: str,
    made_by: str,
    original: npt.NDArray[Any],
    rate: int,
    levels: Sequence[tuple[npt.NDArray[Any], float, float, float]],
    codes: npt.NDArray[np.integer[Any]],
) -> bytes:
    """The ladder as PNG: every level's waveform and spectrogram, then the code grid and the two error curves.

    `levels` holds (samples [N], SI-SDR in dB, mel distance, bits per second) a level; codes int [levels, T].
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 7.2), dpi=100, facecolor="white")
    outer = fig.add_gridspec(
        3, 1, height_ratios=[1, 1, 1.15], left=0.06, right=0.985, top=0.885, bottom=0.075, hspace=0.3
    )
    fig.text(0.06, 0.965, title, fontsize=14, fontweight="bold", color=INK, va="center")
    fig.text(0.06, 0.933, made_by, fontsize=9, color=SOFT, va="center")
    shown = [("Original", original)] + [(f"Level {n}", v[0]) for n, v in enumerate(levels, start=1)]
    top = max(float(np.abs(s).max()) for _, s in shown) or 1.0
    half = (len(shown) + 1) // 2
    for row in range(2):
        grid = outer[row].subgridspec(2, half, height_ratios=[1, 2.1], hspace=0.06, wspace=0.08)
        for column, (name, samples) in enumerate(shown[row * half : (row + 1) * half]):
            _wave(fig.add_subplot(grid[0, column]), name, original, samples, top)
            _spectrum(fig.add_subplot(grid[1, column]), samples, rate, labels=column == 0)
    below = outer[2].subgridspec(1, 3, width_ratios=[1.5, 1, 0.09], wspace=0.2)
    _codes(fig.add_subplot(below[0]), codes, len(original) / rate)
    _errors(fig.add_subplot(below[1]), [v[1] for v in levels], [v[2] for v in levels])
    return to_png(fig)


def to_png(fig: Figure, **options: Any) -> bytes:
    """A matplotlib figure as PNG bytes in 256 colours; `options` go to savefig."""
    from PIL import Image

    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", **({"dpi": fig.dpi} | options))
    # 256 colours are more than the pictures use by eye, and a third of the bytes.
    picture = (
        Image.open(buffer).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    small = io.BytesIO()
    picture.save(small, format="PNG", optimize=True)
    return small.getvalue()


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _wave(axes: Axes, name: str, original: npt.NDArray[Any], samples: npt.NDArray[Any], top: float) -> None:
    columns = 400
    for sound, colour in ((original, GHOST), (samples, INK if sound_is(original, samples) else BLUE)):
        parts = np.array_split(np.asarray(sound), columns)
        low, high = [p.min() for p in parts], [p.max() for p in parts]
        axes.fill_between(np.arange(columns), low, high, color=colour, linewidth=0.4)
    axes.set(xlim=(0, columns - 1), ylim=(-top, top))
    axes.set_title(name, fontsize=9, color=INK, loc="left", pad=2)
    _bare(axes)


def sound_is(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Whether two arrays are one and the same object."""
    return a is b


def _spectrum(axes: Axes, samples: npt.NDArray[Any], rate: int, *, labels: bool) -> None:
    picture = log_spectrogram(samples, rate)
    axes.imshow(picture, origin="lower", aspect="auto", cmap=palette(), vmin=FLOOR, vmax=TOP, interpolation="bilinear")
    _bare(axes)
    if labels:
        rows = picture.shape[0] - 1
        ticks = {"100": 100, "1k": 1000, "10k": 10000}
        axes.set_yticks([rows * np.log(f / LOW) / np.log(HIGH / LOW) for f in ticks.values()], list(ticks))
        axes.tick_params(labelsize=7, colors=SOFT, length=2)
        axes.set_ylabel("Hz", fontsize=7, color=SOFT, labelpad=1)


def _codes(axes: Axes, codes: npt.NDArray[np.integer[Any]], seconds: float) -> None:
    rows = codes.shape[0]
    axes.imshow(codes, aspect="auto", cmap=palette(), vmin=-120, interpolation="nearest", extent=(0, seconds, rows, 0))
    for row in range(1, rows):
        axes.axhline(row, color="white", linewidth=1.5)
    axes.set_yticks(np.arange(rows) + 0.5, [f"c{n}" for n in range(rows)])
    axes.tick_params(labelsize=7, colors=SOFT, length=2)
    axes.set_xlabel("seconds", fontsize=8, color=SOFT, labelpad=1)
    axes.set_title(f"Codes: {rows} codebooks x {codes.shape[1]} frames", fontsize=9, color=INK, loc="left", pad=4)
    for side in axes.spines.values():
        side.set_visible(False)


def _errors(axes: Axes, si_sdr: list[float], mel: list[float]) -> None:
    at = np.arange(1, len(si_sdr) + 1)
    axes.plot(at, si_sdr, "o-", color=BLUE, markersize=4, linewidth=1.4)
    axes.set_ylabel("SI-SDR, dB (higher is closer)", fontsize=8, color=BLUE)
    axes.set_xlabel("level", fontsize=8, color=SOFT, labelpad=1)
    axes.set_xticks(at)
    axes.tick_params(labelsize=7, colors=SOFT, length=2)
    other = axes.twinx()
    other.plot(at, mel, "s-", color=ORANGE, markersize=4, linewidth=1.4)
    other.set_ylabel("mel distance (lower is closer)", fontsize=8, color=ORANGE)
    other.tick_params(labelsize=7, colors=SOFT, length=2)
    axes.set_title("Error, level by level", fontsize=9, color=INK, loc="left", pad=4)
    for panel in (axes, other):
        panel.spines["top"].set_visible(False)
        for side in panel.spines.values():
            side.set_color("#d5dae0")


def clips_picture(
    title: str, made_by: str, sounds: Sequence[tuple[str, npt.NDArray[Any]]], rate: int, spectrogram: bool = True
) -> bytes:
    """A row of sounds as PNG: for each (label, samples [N]) its waveform and, if wanted, its spectrogram."""
    from matplotlib.figure import Figure

    columns = min(len(sounds), 4)
    rows = -(-len(sounds) // columns)
    tall = 0.75 + (1.95 if spectrogram else 0.85) * rows
    fig = Figure(figsize=(10, tall), dpi=100, facecolor="white")
    fig.text(0.06, 1 - 0.22 / tall, title, fontsize=13, fontweight="bold", color=INK, va="center")
    fig.text(0.06, 1 - 0.47 / tall, made_by, fontsize=9, color=SOFT, va="center")
    outer = fig.add_gridspec(
        rows, columns, left=0.06, right=0.985, top=1 - 0.85 / tall, bottom=0.12 / tall, wspace=0.07, hspace=0.24
    )
    longest = max(len(samples) for _, samples in sounds)
    top = max(float(np.abs(samples).max()) for _, samples in sounds) or 1.0
    for i, (label, samples) in enumerate(sounds):
        heights = [1, 1.8] if spectrogram else [1]
        cell = outer[i // columns, i % columns].subgridspec(len(heights), 1, height_ratios=heights, hspace=0.06)
        whole = np.pad(samples, (0, longest - len(samples)))
        _wave(fig.add_subplot(cell[0]), label, whole * 0, whole, top)
        if spectrogram:
            _spectrum(fig.add_subplot(cell[1]), whole, rate, labels=i % columns == 0)
    return to_png(fig)
