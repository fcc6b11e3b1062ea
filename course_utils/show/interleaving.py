"""The interleaving stepper: four orders of the same tokens, and whether a sampler could follow them. No kernel."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.amt import interleave, token_lists, vocab
from course_utils.amt.midi import instrument_name
from course_utils.amt.vocab import Triples
from course_utils.show import twins
from course_utils.show.piano_roll import drum_name
from course_utils.show.player import Player

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 600  # rows that can be told apart in the order strip
SHIFTS = (1, 50, 200, 1000)  # ticks by which futures come later, as in `stopping_time_violations`
NAMES = {
    "autoregressive": "Autoregressive",
    "seq2seq": "Seq2seq",
    "sort": "Sort by time",
    "anticipation": "Anticipation",
}


class Interleaving(Player):
    """Events and controls in four orders, to step through; make it with `interleaving_stepper`."""

    module = "interleaving"
    height = 1150

    def __init__(self, events: Triples, controls: Triples, delta: float, mode: str, title: str, source: str) -> None:
        self.events, self.controls, self.delta, self.mode = events, controls, delta, mode
        self.title, self.source = title, source

    @cached_property
    def arrangements(self) -> dict[str, interleave.Arrangement]:
        """The four arrangements at the first delta, by mode."""
        return {mode: interleave.arrange(self.events, self.controls, mode, self.delta) for mode in interleave.MODES}

    @cached_property
    def unknown(self) -> dict[str, int]:
        """For each mode after how many events two futures would place a control differently."""
        shifts = (*SHIFTS, int(vocab.onsets(self.controls).max()) + 1)  # the last: no event before the last control
        found = {}
        for mode in interleave.MODES:
            rule = interleave.rule_of(mode, self.delta)
            found[mode] = len(interleave.stopping_time_violations(rule, self.events, self.controls, shifts))
        return found

    @property
    def seconds(self) -> float:
        """Length of the excerpt, to the end of its last note."""
        rows = np.concatenate([self.events, self.controls])
        ends = (vocab.onsets(rows) + vocab.durations(rows)) / vocab.TIME_RESOLUTION
        return float(np.ceil(ends.max()))

    @property
    def count(self) -> str:
        """Events, rests and controls in numbers."""
        rests = int(vocab.is_rest(self.events).sum())
        told = f"{len(self.events) - rests} events, {f'{rests} rests, ' if rests else ''}{len(self.controls)} controls"
        return f"{told} \u00b7 {3 * (len(self.events) + len(self.controls)):,} tokens"

    @property
    def alt(self) -> str:
        """The four orders in words: distances, and where a sampler could not know that a control is due."""
        parts = []
        for mode, arrangement in self.arrangements.items():
            far = interleave.distances(arrangement)
            if mode == "autoregressive":
                text = f"{NAMES[mode]}: nothing is given, the melody is sampled too"
            else:
                bad = self.unknown[mode]
                known = f"unknown after {bad} of {len(self.events)} events" if bad else "always known"
                text = (
                    f"{NAMES[mode]}: from a control to the event it concerns {far.median:g} tokens (median), "
                    f"{far.max} at most; when a control is due is {known}"
                )
            parts.append(text)
        made = f" ({self.source})" if self.source else ""
        return (
            f"{self.title}{made}: {self.seconds:.0f} s of music, {self.count}, in four orders, with delta "
            f"{self.delta:g} s. {'. '.join(parts)}."
        )

    def data(self) -> dict[str, Any]:
        """What js/interleaving.js reads."""
        rows = np.concatenate([self.events, self.controls])
        heard = rows[~vocab.is_rest(rows)]
        numbers = token_lists.instrument_of(heard)
        drums = token_lists.pitch_of(heard)[numbers == vocab.DRUMS]
        return {
            "title": self.title,
            "subtitle": " \u00b7 ".join(filter(None, [self.source, self.count])),
            "seconds": self.seconds,
            "tokens": rows.reshape(-1).tolist(),
            "events": len(self.events),
            "delta": self.delta,
            "mode": self.mode,
            "place": self._first_place(),
            "names": {
                "instruments": {str(n): instrument_name(n) for n in sorted(set(numbers.tolist()))},
                "drums": {str(pitch): drum_name(pitch) for pitch in sorted(set(drums.tolist()))},
            },
            "alt": self.alt,
        }

    def _first_place(self) -> int:
        """A place in the order where there is something to see: the control nearest to 45 % of the sequence."""
        arrangement = self.arrangements[self.mode]
        places = np.flatnonzero(arrangement.control >= 0)
        aim = 0.45 * len(arrangement.tokens)
        return int(places[np.abs(places - aim).argmin()]) if len(places) else int(aim)

    def picture(self) -> bytes:
        """Time above, the order below, for each of the four; beside it distances and the stopping-time test."""
        return _picture(self)


def interleaving_stepper(
    events: Triples,
    controls: Triples,
    title: str = "Four orders of the same tokens",
    *,
    source: str = "",
    delta: float = vocab.DELTA,
    mode: str = "anticipation",
    pad: bool = True,
) -> Interleaving:
    """The stepper for one excerpt: events int64 [N, 3] and controls int64 [M, 3], of about 20 s, from 0 s on.

    delta: seconds, 1 to 10, where the slider begins; mode: the arrangement shown first; pad: put in the rests that
    training puts in (a REST wherever nothing begins for a second, up to the last onset). source: which piece it is.
    Raises ValueError for no controls, no events, another mode or delta, more than 600 rows; TokensError as `arrange`.
    """
    events, controls = vocab.as_triples(events), vocab.as_triples(controls)
    if not len(controls) or not len(events):
        raise ValueError(f"{len(events)} events and {len(controls)} controls: the stepper needs some of both")
    if mode not in interleave.MODES:
        raise ValueError(f"mode is {mode!r}: choose one of {', '.join(interleave.MODES)}")
    if not 1 <= delta <= 10:
        raise ValueError(f"delta is {delta}: the slider goes from 1 to 10 s")
    if pad:
        events = token_lists.unpad(events)
        events = token_lists.pad(events, max(token_lists.max_time(events), token_lists.max_time(controls)))
    if len(events) + len(controls) > MOST_ROWS:
        raise ValueError(
            f"{len(events) + len(controls)} rows are more than can be told apart ({MOST_ROWS}): clip a shorter excerpt"
        )
    interleave.arrange(events, controls, mode, delta)  # complains of lists that are out of order or mixed up
    return Interleaving(events, controls, float(delta), mode, title, source)


def _picture(player: Interleaving) -> bytes:
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 7.6), dpi=100, facecolor="white")
    fig.text(0.05, 0.966, player.title, fontsize=13, fontweight="bold", color=twins.INK, va="center")
    under = " \u00b7 ".join(filter(None, [player.source, player.count, f"delta {player.delta:g} s"]))
    fig.text(0.05, 0.938, under, fontsize=9, color=twins.SOFT, va="center")
    key = (("events", twins.BLUE), ("controls", twins.ORANGE), ("rests", twins.SOFT))
    for n, (name, colour) in enumerate(key):
        fig.text(0.70 + 0.09 * n, 0.966, f"\u25a0 {name}", fontsize=9, color=colour, va="center")
    grid = fig.add_gridspec(4, 1, left=0.05, right=0.985, top=0.885, bottom=0.04, hspace=0.42)
    for n, arrangement in enumerate(player.arrangements.values()):
        _order(fig.add_subplot(grid[n]), player, arrangement)
    return twins.to_png(fig)


def _order(panel: Axes, player: Interleaving, arrangement: interleave.Arrangement) -> None:
    """One arrangement: onsets on the line of time above, places in the order below, a line for each row."""
    from matplotlib.collections import LineCollection

    rows = len(player.events) + len(player.controls)
    controls = arrangement.control >= 0
    rests = vocab.is_rest(arrangement.tokens)
    above = vocab.onsets(arrangement.tokens) / vocab.TIME_RESOLUTION / player.seconds
    below = (np.arange(len(above)) + 0.5) / rows
    for chosen, colour, alpha in ((~controls & ~rests, twins.BLUE, 0.16), (controls, twins.ORANGE, 0.6)):
        bends = [_bend(a, b) for a, b in zip(above[chosen], below[chosen], strict=True)]
        panel.add_collection(LineCollection(bends, colors=colour, alpha=alpha, linewidths=0.8))
        panel.vlines(above[chosen], 1.0, 1.1, color=colour, linewidth=1.1, alpha=0.8)
    for chosen, colour, high in (
        (~controls & ~rests, twins.BLUE, 0.22), (controls, twins.ORANGE, 0.3), (rests, twins.SOFT, 0.1)
    ):  # fmt: skip
        panel.bar(below[chosen], high, width=0.82 / rows, bottom=-0.15 - high / 2, color=colour)
    far = interleave.distances(arrangement)
    told = f"{NAMES[arrangement.mode]}: "
    if arrangement.mode == "autoregressive":
        told += f"nothing is given (melody to nearest event: median {far.median:g} tokens, at most {far.max})"
    else:
        bad = player.unknown[arrangement.mode]
        known = f"unknown after {bad} of {len(player.events)} events" if bad else "known after every event"
        told += f"control to its event {far.median:g} tokens (median), at most {far.max}; when one is due: {known}"
    panel.set_title(told, fontsize=9, color=twins.INK, loc="left", pad=4)
    panel.set(xlim=(0, 1), ylim=(-0.34, 1.14))
    panel.set_yticks([1.05, -0.15], ["time", "order"])
    panel.tick_params(labelsize=8, colors=twins.SOFT, length=0)
    panel.set_xticks([])
    for side in panel.spines.values():
        side.set_visible(False)


def _bend(above: float, below: float) -> np.ndarray:
    t = np.linspace(0, 1, 16)
    return np.stack([above + (below - above) * (3 * t**2 - 2 * t**3), 1 - t], axis=1)
