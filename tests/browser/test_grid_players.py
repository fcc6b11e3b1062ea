"""The grid of players in Chromium: one playhead for all, a player by pointer and by keys, a blind test of any two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import screenshot
from painter_material import small_grid

READY = "() => window.player.then((shell) => { window.shell = shell; return true; })"


@pytest.fixture(scope="module")
def grid() -> Any:
    return small_grid()


@pytest.fixture
def page(open_html: Callable[..., Any], grid: Any) -> Any:
    page = open_html(grid.page())
    page.evaluate(READY)
    return page


def test_switching_players_keeps_the_playhead(page: Any) -> None:
    assert page.locator(".pick").count() == 10
    page.get_by_role("button", name="Loop").click()
    page.get_by_role("button", name="Play One: dense vamp").click()
    page.wait_for_timeout(250)
    measured = page.evaluate("""() => {
        const { engine, store } = shell;
        // The playhead is offset + (audio clock - startedAt): a switch must leave both alone.
        const playhead = () => [engine.offset, engine.startedAt, engine.starts];
        const players = [...document.querySelectorAll('.pick')];
        return [0, 4, 7].map((n) => {
            const before = playhead();
            players[n].click();
            return [store.get().track, before, playhead(), [...engine.weights]];
        });
    }""")
    for (track, before, after, weights), expected in zip(measured, (0, 4, 7), strict=True):
        assert track == expected
        assert before == after, "switching moved the playhead"
        assert after[2] == 1, "switching restarted the sound"
        assert weights == [float(i == expected) for i in range(10)]
    assert page.locator(".readout").inner_text() == "Two: dense vamp"
    page.get_by_role("button", name="Pause Two: dense vamp").click()
    assert not page.evaluate("() => shell.store.get().playing")
    page.watch.clean()


def test_keys(page: Any) -> None:
    track = "() => shell.store.get().track"
    page.get_by_role("button", name="Play One: original").focus()
    for key, expected in [
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowDown", 7),
        ("ArrowUp", 2),
        ("ArrowUp", 2),
        ("ArrowLeft", 1),
        ("5", 4),
        ("ArrowRight", 4),
        ("ArrowDown", 9),
        ("1", 5),
        ("9", 5),
    ]:
        page.keyboard.press(key)
        assert page.evaluate(track) == expected, key
        assert page.evaluate("() => document.activeElement.getAttribute('aria-pressed')") == "true", key
    assert page.locator("[aria-live]").inner_text() == "Two: original"
    page.keyboard.press("Enter")
    assert page.evaluate("() => shell.store.get().playing"), "Enter should press the player's own button"
    page.keyboard.press("Space")
    assert not page.evaluate("() => shell.store.get().playing")
    page.watch.clean()


def test_clicking_a_waveform_goes_there(page: Any) -> None:
    view = page.locator(".view").nth(3)
    box = view.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert page.evaluate("() => shell.store.get().track") == 3
    assert page.evaluate("() => shell.engine.position()") == pytest.approx(0.99, abs=0.03)
    left = page.locator(".needle").evaluate_all("all => all.map((needle) => parseFloat(needle.style.left))")
    assert left == pytest.approx([left[0]] * 10)
    assert left[0] == pytest.approx(50, abs=1.5)


def test_every_figure_is_on_its_card(page: Any, grid: Any) -> None:
    for n, player in enumerate(grid.data()["players"]):
        words = page.locator(".cell-of-grid").nth(n).locator("dl > *").all_inner_texts()
        assert words == [word for pair in player["figures"] for word in pair]
    strip = page.evaluate("""() => {
        const canvas = document.querySelectorAll('.view canvas')[3]; // inpainting 3 to 7 tenths of the clip
        const { width, height } = canvas;
        const { data } = canvas.getContext('2d').getImageData(0, height - 3, width, 1);
        const pixel = (x) => [...data.subarray(4 * x, 4 * x + 3)];
        return [0.1, 0.5, 0.9].map((at) => pixel(Math.round(at * width)));
    }""")
    assert strip[0] == strip[2] != strip[1]


def test_a_blind_test_between_any_two(page: Any) -> None:
    start = page.get_by_role("button", name="Start the blind test")
    page.get_by_label("Sound B").select_option("0")
    assert start.is_disabled()
    page.get_by_label("Sound A").select_option("6")
    page.get_by_label("Sound B").select_option("8")
    start.click()
    assert page.get_by_label("Sound A").is_disabled()
    assert page.get_by_role("button", name="Play One: vamp").is_disabled()
    assert page.locator(".cell-of-grid.on").count() == 0, "a card tells which is heard"
    page.keyboard.press("a")
    assert page.evaluate("() => shell.engine.weights.indexOf(1)") == 6
    page.keyboard.press("b")
    assert page.evaluate("() => shell.engine.weights.indexOf(1)") == 8
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => shell.store.get().track") == 0
    for _ in range(10):
        page.keyboard.press("x")
        heard = page.evaluate("() => shell.engine.weights.indexOf(1)")
        page.get_by_role("button", name=f"X is {'A' if heard == 6 else 'B'}").click()
    assert page.locator(".status").inner_text().startswith("10 of 10 right")
    assert page.evaluate("() => shell.engine.weights.indexOf(1)") == 0
    page.watch.clean()


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (1100, "dark"), (360, "light"), (360, "dark")])
def test_it_fits(open_html: Callable[..., Any], grid: Any, width: int, scheme: str) -> None:
    page = open_html(grid.page(), width=width, scheme=scheme)
    page.evaluate(READY)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    over = page.evaluate("""() => [...document.querySelectorAll('.cell-of-grid')].filter((cell) =>
        [...cell.querySelectorAll('dd, dt, .pick')].some((part) =>
            part.getBoundingClientRect().right > cell.getBoundingClientRect().right)).length""")
    assert over == 0, "a figure leaves its card"
    screenshot(page, f"strategy-grid-{scheme}-{width}")
    page.watch.clean()
