"""The grid of players: what each prompt makes of each clip, on one playhead, with figures and a blind test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.show import twins
from course_utils.show.pack import Samples
from course_utils.show.pack_lossy import lossy_note, pack_lossy_within
from course_utils.show.painter import LABELS
from course_utils.show.player import Player
from course_utils.show.prompted import Prompted, figures_in_words, share
from course_utils.show.sounds import MOST_SOUNDS

GRID_BUDGET = 1_820_000  # characters of packed sound


@dataclass(frozen=True, eq=False)
class GridRow:
    """One clip of the grid: its name, its sound float32 [N], and what prompts made of it."""

    name: str
    original: Samples
    players: Sequence[Prompted]

    @property
    def styles(self) -> str:
        """The styles of its players, as text."""
        return " and ".join(sorted({player.strategy.style for player in self.players}))


class StrategyGrid(Player):
    """The grid of players; make it with `strategy_grid`."""

    module = "strategygrid"
    height = 1000

    def __init__(
        self,
        rows: Sequence[GridRow],
        rate: int,
        title: str,
        source: str,
        abx: tuple[int, int] | None,
        trials: int,
        budget: int,
    ) -> None:
        self.rows, self.rate, self.title, self.abx, self.trials = list(rows), rate, title, abx, trials
        _check(self)
        self.source = source or _source(self.rows)
        self.tracks = pack_lossy_within(self.sounds, rate, budget)

    @property
    def sounds(self) -> list[Samples]:
        """Every sound, float32 [N]: a row's original, then its players, row after row."""
        return [sound for row in self.rows for sound in (row.original, *(player.samples for player in row.players))]

    @property
    def labels(self) -> list[str]:
        """A name for every sound, in the same order."""
        return [f"{row.name}: {name}" for row in self.rows for name in ("original", *(name_of(p) for p in row.players))]

    @property
    def alt(self) -> str:
        """The grid in words: for each clip, every prompt with its figures."""
        text = f"{self.title}: {len(self.sounds)} players, {self.source}. "
        for row in self.rows:
            parts = [f"{name_of(player)}: {figures_in_words(player.outcome)}" for player in row.players]
            text += f"{row.name}, {row.styles}: the original; {' '.join(parts)} "
        return text.strip()

    @property
    def note(self) -> str:
        """What the figures mean, and what is done to the sounds on their way into the page."""
        return (
            "Kept tokens are the prompt, orange in the strips, c0 on top. Same: tokens that are as in the original, "
            "where they were kept, and where they are new, generated. Chroma: correlation of the pitch classes with "
            "the original. " + lossy_note(self.tracks)
        )

    def data(self) -> dict[str, Any]:
        """What js/strategygrid.js reads."""
        players: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        for row in self.rows:
            first = len(players)
            players += [{"name": "Original", "mask": None, "figures": [], "says": "what the others began from"}]
            players += [_cell(player) for player in row.players]
            rows.append({"name": row.name, "says": row.styles, "tracks": list(range(first, len(players)))})
        return {
            "title": self.title,
            "subtitle": self.source,
            "seconds": max(len(sound) for sound in self.sounds) / self.rate,
            "rate": self.rate,
            "peak": max(float(np.abs(sound).max()) for sound in self.sounds) or 1.0,
            "labels": self.labels,
            "players": players,
            "rows": rows,
            "abx": {"pair": list(self.abx), "trials": self.trials} if self.abx else None,
            "note": self.note,
            "alt": self.alt,
            "tracks": [track.data() for track in self.tracks],
        }

    def picture(self) -> bytes:
        """A waveform, the mask and the figures of every player."""
        return grid_picture(self.title, self.source, self.rows)


def name_of(player: Prompted) -> str:
    """The strategy's name as it is written on the page, in small letters."""
    return LABELS.get(player.strategy.name, player.strategy.name).lower()


def _cell(player: Prompted) -> dict[str, Any]:
    from course_utils.vampnet.painted import mask_text

    name = name_of(player)
    return {
        "name": name[:1].upper() + name[1:],
        "mask": mask_text(player.strategy.mask),
        "figures": _figures(player),
        "says": player.strategy.says,
    }


def _figures(player: Prompted) -> list[list[str]]:
    outcome = player.outcome
    made = [["kept tokens", f"{outcome.kept:,}"], ["of all tokens", f"{outcome.kept_fraction:.1%}"]]
    if outcome.agreement_kept is not None:
        made.append(["same, kept", share(outcome.agreement_kept)])
    if outcome.agreement_generated is not None:
        made.append(["same, new", share(outcome.agreement_generated)])
    if outcome.chroma is not None:
        made.append(["chroma", f"{outcome.chroma:.2f}".replace("-", "\u2212")])
    return made


def _source(rows: Sequence[GridRow]) -> str:
    made = [player for row in rows for player in row.players]
    models = " and ".join(sorted({player.model for player in made}))
    seeds = ", ".join(map(str, sorted({player.seed for player in made})))
    passes = sorted({(p.strategy.settings.passes, p.strategy.fine.passes) for p in made})
    steps = " or ".join(f"{coarse} coarse and {fine} fine passes" for coarse, fine in passes)
    return f"{models} VampNet, {steps}, seed {seeds}"


def _check(grid: StrategyGrid) -> None:
    if not grid.rows or not all(row.players for row in grid.rows):
        raise ValueError("a grid has at least one row, and each row at least one player beside its original")
    if len(grid.sounds) > MOST_SOUNDS:
        raise ValueError(f"{len(grid.sounds)} players: one page can play {MOST_SOUNDS}")
    for row in grid.rows:
        for player in row.players:
            if np.shape(player.samples) != (len(row.original),):
                raise ValueError(
                    f"{row.name}, {player.strategy.name}: {list(np.shape(player.samples))} samples, the original has "
                    f"{len(row.original)}: one playhead needs one length"
                )
    if grid.abx is not None and (len(set(grid.abx)) < 2 or not all(0 <= n < len(grid.sounds) for n in grid.abx)):
        raise ValueError(f"abx is {grid.abx}: name two different players, 0 to {len(grid.sounds) - 1}")


def grid_picture(title: str, made_by: str, rows: Sequence[GridRow]) -> bytes:
    """The grid as PNG: a waveform, the mask's strip and the figures of every player, a clip a row or two."""
    from matplotlib.figure import Figure

    columns = max(_columns(row) for row in rows)
    lines = [(row, part) for row in rows for part in range(-(-(len(row.players) + 1) // columns))]
    tall = 0.7 + 1.75 * len(lines)
    fig = Figure(figsize=(10, tall), dpi=100, facecolor="white")
    fig.text(0.02, 1 - 0.22 / tall, title, fontsize=13, fontweight="bold", color=twins.INK, va="center")
    fig.text(0.02, 1 - 0.46 / tall, made_by, fontsize=9, color=twins.SOFT, va="center")
    outer = fig.add_gridspec(
        len(lines), columns, left=0.02, right=0.99, top=1 - 0.85 / tall, bottom=0.5 / tall, wspace=0.08, hspace=0.95
    )
    for line, (row, part) in enumerate(lines):
        top = max(float(np.abs(row.original).max()), *(float(np.abs(p.samples).max()) for p in row.players)) or 1.0
        shown: list[Prompted | None] = [None, *row.players]
        for column, player in enumerate(shown[part * columns : (part + 1) * columns]):
            cell = outer[line, column].subgridspec(2, 1, height_ratios=[2, 1], hspace=0.08)
            _draw_cell(fig, cell, row, player, top)
    return twins.to_png(fig)


def _columns(row: GridRow) -> int:
    count = len(row.players) + 1
    return count if count <= 5 else -(-count // 2)


def _draw_cell(fig: Any, cell: Any, row: GridRow, player: Prompted | None, top: float) -> None:
    sound = np.asarray(row.original if player is None else player.samples)
    above, below = fig.add_subplot(cell[0]), fig.add_subplot(cell[1])
    parts = np.array_split(sound, min(300, len(sound)))
    above.fill_between(range(len(parts)), [p.min() for p in parts], [p.max() for p in parts],
                       color=twins.INK if player is None else twins.BLUE, linewidth=0.4)  # fmt: skip
    above.set(xlim=(0, len(parts) - 1), ylim=(-top, top))
    name = "original" if player is None else name_of(player)
    above.set_title(f"{row.name}: {name}", fontsize=9, color=twins.INK, loc="left", pad=2)
    for axes in (above, below):
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
    if player is None:
        return
    kept = np.repeat(~player.strategy.mask.generate[0].numpy(), 4, axis=0).astype(float)
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("kept", [twins.GHOST, twins.ORANGE])
    below.imshow(kept, aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="antialiased")
    figures = dict(_figures(player))
    words = f"kept {figures['kept tokens']} ({figures['of all tokens']})"
    words += f"\nsame where generated: {figures.get('same, new', 'none')}"
    words += f"\nchroma {figures['chroma']}" if "chroma" in figures else ""
    below.text(0, -0.1, words, transform=below.transAxes, fontsize=7, color=twins.SOFT, va="top", linespacing=1.35)


def strategy_grid(
    rows: Sequence[GridRow],
    rate: int = 44100,
    title: str = "Every prompt on both clips",
    *,
    source: str = "",
    abx: tuple[int, int] | None = (0, 1),
    trials: int = 10,
    budget: int = GRID_BUDGET,
) -> StrategyGrid:
    """The grid of players over clips, each with its original and what prompts made of it, on one playhead.

    rate in Hz. source: says who made them; without it models, passes and seeds are. abx: the two players, counted
    through all rows from 0, with which the blind test of `trials` begins; readers may choose others. budget: in
    characters of packed sound. Raises ValueError for rows without players, players of another length than their
    original, positions that are not there, or more sound than fits.
    """
    return StrategyGrid(rows, rate, title, source, abx, trials, budget)
