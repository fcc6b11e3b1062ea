"""The stored lessons themselves in Chromium, without a kernel and without a network: every player of every lesson."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, export, player_in, screenshot

LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
IDS = [path.stem for path in LESSONS]
PLAYERS = "figure > iframe[srcdoc]"
WITH_LADDER = ("00", "01")  # lessons with the nine-level ladder, once each


def climb(frame: Any) -> None:
    """Play the nine-level ladder and climb from level 1 to 9 by key: one start, every level passed, still playing."""
    frame.evaluate("() => window.player.then((shell) => { window.shell = shell; return true; })")
    frame.get_by_role("button", name="Loop").click()
    frame.get_by_role("button", name="Play").click()
    slider = frame.get_by_role("slider", name="Level")
    slider.focus()
    frame.evaluate("() => { window.passed = []; shell.store.on(['track'], (state) => passed.push(state.track)); }")
    for key in ["ArrowDown"] * 9 + ["ArrowUp"] * 8:
        slider.press(key)
    assert frame.evaluate("() => passed.slice(-8)") == [2, 3, 4, 5, 6, 7, 8, 9]
    now = frame.evaluate("() => ({ ...shell.store.get(), starts: shell.engine.starts, tracks: shell.tracks.length })")
    assert now["tracks"] == 10, "the original and nine levels"
    assert now["playing"]
    assert now["starts"] == 1, "switching a level restarted the sound"
    frame.get_by_role("button", name="Pause").click()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_every_player_of_an_exported_lesson(
    open_html: Callable[..., Any], lesson: Path, tmp_path: Path, scheme: str
) -> None:
    page = open_html(export(lesson, tmp_path), scheme=scheme)
    count = page.locator(PLAYERS).count()
    assert count > 0, "a lesson without a player"
    ladders = 0
    for number in range(count):
        frame = player_in(page, number)
        if frame.get_by_role("slider", name="Level").count():
            ladders += 1
            climb(frame)
    assert ladders == (lesson.stem[:2] in WITH_LADDER)
    screenshot(page, f"lesson-{lesson.stem}-{scheme}")
    page.watch.clean()


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_a_stored_lesson_sounds_in_jupyterlab_before_anything_is_run(lab: Any, lesson: Path) -> None:
    page = lab.open(lesson)
    frame = player_in(page)
    frame.evaluate("() => window.player.then((shell) => { window.shell = shell; return true; })")
    frame.get_by_role("button", name="Play").click()
    page.wait_for_timeout(300)
    assert frame.evaluate("() => shell.store.get().playing && shell.engine.position() > 0")
    screenshot(page, f"jupyterlab-{lesson.stem}", full=False)
    assert [error for error in page.watch.errors if "srcdoc" in error or "uncaught" in error] == []
