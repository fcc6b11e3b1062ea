"""The figure of the three schedules under mouse and keyboard in Chromium, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import screenshot

from course_utils.show import schedules_player
from course_utils.show.schedules import NAMES, gammas, sampled_mask

READY = "() => window.player.then((figure) => { window.figure = figure; return true; })"
SHAPE = (4, 100)


def grid() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 1024, SHAPE)


def opened(open_html: Callable[..., Any], **options: Any) -> Any:
    page = open_html(schedules_player(grid(), source="drawn at random").page(), **options)
    page.evaluate(READY)
    return page


def told(page: Any) -> dict[str, str]:
    """What stands above each grid, by schedule, once it has been drawn anew."""
    page.evaluate("() => figure.redraw()")
    return {name: page.locator(f".sch-grid[data-name={name}] p").inner_text() for name in NAMES}


def expected(r: float, seed: int) -> dict[str, str]:
    out = {}
    for name, gamma in gammas(seed).items():
        count = int(sampled_mask(SHAPE, gamma(r), seed).sum())
        out[name] = f"{name} asked {100 * gamma(r):.1f}\u2009%, masked {count} of 400"
    return out


def pixel(page: Any, name: str, frame: int, level: int) -> list[int]:
    """The colour in the middle of one cell of a grid, RGBA."""
    return page.evaluate(
        """([name, frame, level, frames]) => {
            const canvas = document.querySelector(`.sch-grid[data-name=${name}] canvas`);
            const ratio = canvas.width / canvas.getBoundingClientRect().width;
            const x = 30 + ((frame + 0.5) / frames) * (canvas.width / ratio - 30);
            return Array.from(canvas.getContext('2d').getImageData(x * ratio, 17 * (level + 0.5) * ratio, 1, 1).data);
        }""",
        [name, frame, level, SHAPE[1]],
    )


def test_moving_r_masks_what_python_masks(open_html: Callable[..., Any]) -> None:
    page = opened(open_html)
    assert told(page) == expected(0.5, 0)
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(7):
        slider.press("ArrowRight")
    assert page.evaluate("() => figure.store.get().r") == pytest.approx(0.57)
    assert told(page) == expected(0.57, 0)
    slider.press("Home")
    assert "masked 400 of 400" in told(page)["linear"]
    slider.press("End")
    assert "masked 0 of 400" in told(page)["random"]
    screenshot(page, "schedules")
    page.watch.clean()


def test_cells_are_grey_exactly_where_masked(open_html: Callable[..., Any]) -> None:
    page = opened(open_html)
    told(page)
    grey = [223, 227, 232, 255]  # --ghost on light paper
    mask = sampled_mask(SHAPE, gammas(0)["cosine"](0.5), 0)
    for level, frame in [(0, 0), (0, 37), (1, 99), (2, 50), (3, 3), (3, 98), (2, 7), (1, 64)]:
        assert (pixel(page, "cosine", frame, level) == grey) == bool(mask[level, frame]), (level, frame)


def test_new_masks_by_button_and_key(open_html: Callable[..., Any]) -> None:
    page = opened(open_html)
    page.get_by_role("button", name="New masks").click()
    assert told(page) == expected(0.5, 1)
    page.keyboard.press("n")
    assert told(page) == expected(0.5, 2)
    assert "seed 2" in page.get_by_role("status").inner_text()
    page.watch.clean()


def test_pointing_at_a_cell_reads_it(open_html: Callable[..., Any]) -> None:
    page = opened(open_html)
    canvas = page.locator(".sch-grid[data-name=linear] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    mask = sampled_mask(SHAPE, 0.5, 0)
    for level, frame in [(2, 41), (0, 0), (3, 99)]:
        x = box["x"] + 30 + (frame + 0.5) / 100 * (box["width"] - 30)
        page.mouse.move(x, box["y"] + 17 * (level + 0.5))
        page.wait_for_function(f"() => document.querySelector('.cell').textContent.includes('frame {frame}:')")
        text = page.locator(".cell").inner_text()
        assert text.startswith(f"linear: c{level}, frame {frame}: ")
        assert str(grid()[level, frame]) in text
        assert ("[MASK]" in text) == bool(mask[level, frame])
    page.watch.clean()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 1000), ("dark", 390)])
def test_light_dark_and_narrow(open_html: Callable[..., Any], scheme: str, width: int) -> None:
    page = opened(open_html, scheme=scheme, width=width)
    told(page)
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    screenshot(page, f"schedules_{scheme}_{width}")
    page.watch.clean()
