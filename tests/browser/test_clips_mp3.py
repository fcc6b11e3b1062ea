"""A row of sounds stored as MP3: Chromium decodes them to their own length and begins on the right sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from show_material import small_clips

FIRST = 8000  # samples compared
READY = "() => window.player.then((shell) => { window.shell = shell; return true; })"
TRACK = "([n, count]) => Array.from(shell.tracks[n].subarray(0, count))"


def test_mp3_sounds_are_as_long_as_they_were_and_begin_on_the_same_sample(open_html: Callable[..., Any]) -> None:
    player = small_clips(packing="mp3", budget=60_000)
    page = open_html(player.page())
    page.evaluate(READY)
    assert page.evaluate("() => shell.tracks.map((track) => track.length)") == [len(s) for s in player.sounds]
    for number, sound in enumerate(player.sounds):
        heard = np.array(page.evaluate(TRACK, [number, FIRST]))
        lags = np.correlate(heard, sound[:FIRST].astype(np.float64), mode="full")
        assert int(np.argmax(lags)) == FIRST - 1, player.labels[number]
        error = heard - sound[:FIRST]
        assert np.sum(error**2) < 0.05 * np.sum(np.square(sound[:FIRST], dtype=np.float64)), player.labels[number]
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(200)
    assert page.evaluate("() => shell.store.get().playing && shell.engine.position() > 0")
    page.watch.clean()
