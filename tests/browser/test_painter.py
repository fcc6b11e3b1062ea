"""The mask painter in Chromium: what is painted counts as in Python, by pointer and by keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import drawings, screenshot
from painter_material import CODEC, small_painter

from course_utils.vampnet import Mask, masks, painted

READY = "() => window.player.then((shell) => { window.shell = shell; return true; })"
GRID = "Mask: arrows move, K keeps, G generates"


@pytest.fixture(scope="module")
def painter() -> Any:
    return small_painter()


@pytest.fixture
def page(open_html: Callable[..., Any], painter: Any) -> Any:
    page = open_html(painter.page())
    page.evaluate(READY)
    return page


def mask_in(page: Any) -> Mask:
    """The mask that the page's own line of Python makes."""
    line = page.get_by_label("Line of Python for this mask").input_value()
    mask = eval(line.removeprefix("mask = "), {"painted": painted})
    rows = page.evaluate("() => Array.from(shell.store.get().mask.generate)")
    assert mask.generate.flatten().int().tolist() == rows, "the line is not the mask on the page"
    return mask


def check_figures(page: Any) -> Mask:
    """The figures on the page are those of Python for the same mask."""
    mask = mask_in(page)
    shown = page.locator(".numbers b").all_inner_texts()
    assert shown[0] == f"{mask.n_kept:,}"
    assert shown[1] == f"{100 * mask.kept_fraction:.1f} %"
    rate = mask.bits_per_second(CODEC.frame_rate, CODEC.codebook_size)
    assert float(shown[2]) == pytest.approx(rate / 1000, abs=0.0051)
    return mask


def test_every_button_makes_its_mask(page: Any, painter: Any) -> None:
    assert check_figures(page) == painter.mask_of("vamp"), "vamp should be pressed at first"
    for name, expected in painter.first_masks():
        page.get_by_role("button", name=re.compile(f"^{name}")).click()
        assert check_figures(page) == expected, name
    page.watch.clean()


def test_parameters_and_how_prompts_join(page: Any, painter: Any) -> None:
    page.get_by_role("button", name="Inpaint").click()
    first = check_figures(page)
    page.get_by_label("How a prompt joins the mask").select_option("both")
    page.get_by_role("button", name="Beats").click()
    assert check_figures(page) == (first & painter.mask_of("beat"))
    page.get_by_label("How a prompt joins the mask").select_option("replace")
    page.get_by_role("button", name="Compress").click()
    field = page.get_by_label("keep the first")
    field.fill("5")
    field.press("Enter")
    assert check_figures(page).kept_by_codebook == [1.0] * 5 + [0.0] * 4
    field.fill("99")
    field.press("Enter")
    assert "must be a whole number from 0 to 9" in page.locator(".wrong").inner_text()
    assert check_figures(page).kept_by_codebook == [1.0] * 5 + [0.0] * 4
    page.watch.clean()


def test_beats_of_the_readers_own(page: Any, painter: Any) -> None:
    page.get_by_role("button", name="Beats").click()
    shape = painter.mask_of("beat").shape
    after = next(o.value for b in painter.buttons if b.id == "beat" for o in b.options if o.name == "after")
    field = page.get_by_label("Beats in seconds")
    field.fill("0.25, 1.0 0.5")
    field.press("Enter")
    assert check_figures(page) == masks.beats(shape, [0.25, 0.5, 1.0], CODEC.frame_rate, 0.0, after)
    field.fill("0.5 99")
    field.press("Enter")
    assert "times from 0 to 2.00 s" in page.locator(".wrong").inner_text()
    page.get_by_role("button", name="As found").click()
    assert check_figures(page) == painter.mask_of("beat")
    for at in (0.3, 0.9):
        page.evaluate(f"() => shell.store.set({{ time: {at} }})")
        page.keyboard.press("t")
    assert field.input_value() == "0.3 0.9"
    assert check_figures(page) == masks.beats(shape, [0.3, 0.9], CODEC.frame_rate, 0.0, after)
    page.watch.clean()


def test_brush_and_eraser_with_the_pointer(page: Any) -> None:
    page.get_by_role("button", name="Clear").click()
    assert check_figures(page).n_kept == 0
    stage = page.get_by_label(GRID)
    box = stage.bounding_box()
    middle = box["y"] + 56 + 12 + 4.5 * 17
    page.mouse.move(box["x"] + 300, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, middle, steps=3)
    page.mouse.up()
    kept = ~check_figures(page).generate[0]
    assert kept[0].equal(kept[8]), "all codebooks should be painted together"
    runs = np.flatnonzero(np.diff(kept[0].int().numpy()))
    assert len(runs) == 2, "a stroke between two moves of the pointer left a gap"
    page.get_by_label("all codebooks").uncheck()
    page.get_by_role("button", name="Eraser: generate").click()
    page.mouse.click(box["x"] + 400, middle)
    after = ~check_figures(page).generate[0]
    assert (kept & ~after).sum() == 8
    assert (kept & ~after)[4].sum() == 8
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert check_figures(page).n_kept == 0
    page.get_by_role("button", name="Redo").click()
    assert int((~mask_in(page).generate).sum()) == int(kept.sum())
    page.get_by_role("button", name="Invert").click()
    assert mask_in(page).n_kept == kept.numel() - int(kept.sum())
    page.get_by_role("button", name="Keep all").click()
    assert mask_in(page).n_kept == kept.numel()
    page.watch.clean()


def test_painting_by_keyboard(page: Any) -> None:
    page.get_by_role("button", name="Clear").click()
    stage = page.get_by_label(GRID)
    stage.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert "c1, frame 11, 0.13 s, code " in page.locator("[aria-live]").inner_text()
    for _ in range(3):
        page.keyboard.press("-")
    page.keyboard.press("k")
    kept = ~check_figures(page).generate[0]
    assert kept[:, 11].all()
    assert kept.sum() == 9
    page.keyboard.press("u")
    assert mask_in(page).n_kept == 0
    page.get_by_label("all codebooks").uncheck()
    stage.focus()
    page.keyboard.press("Enter")
    assert mask_in(page).n_kept == 1
    page.keyboard.press("g")
    assert mask_in(page).n_kept == 0
    assert "to be generated" in page.locator("[aria-live]").inner_text()
    page.keyboard.press("i")
    page.keyboard.press("Space")
    assert page.evaluate("() => shell.store.get().playing")
    page.keyboard.press("Space")
    page.watch.clean()


def test_what_was_recorded_is_heard_and_nothing_else(page: Any, painter: Any) -> None:
    result = page.get_by_role("button", name="This prompt")
    assert result.is_enabled()
    page.get_by_role("button", name="Inpaint").click()
    assert page.evaluate("() => [shell.store.get().track, ...shell.engine.weights]") == [2, 0, 0, 1, 0]
    assert "temperature 1." in page.locator(".says").inner_text()
    page.get_by_role("button", name="Loop").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(200)
    page.get_by_role("button", name="Original").click()
    page.get_by_role("button", name="Beats").click()
    assert page.evaluate("() => [shell.store.get().track, shell.engine.starts]") == [3, 1], "the sound was restarted"
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Compress").click()
    assert result.is_disabled()
    assert "takes a kernel" in page.locator(".says").inner_text()
    assert page.evaluate("() => shell.store.get().track") == 0
    assert page.get_by_role("button", name="Generate", exact=True).count() == 0, "no kernel is here to generate"
    page.get_by_role("button", name="Undo").click()
    assert result.is_enabled()
    page.watch.clean()


def test_the_sounds_start_where_they_should(page: Any, painter: Any) -> None:
    """Chromium's own MP3 decoder: the tracks are those that were packed, on the sample, but for what MP3 loses."""
    starts = page.evaluate("() => shell.tracks.map((track) => [track.length, Array.from(track.subarray(0, 9000))])")
    sounds = [painter.original, *(item.samples for item in painter.recorded)]
    for (length, got), sound in zip(starts, sounds, strict=True):
        assert length == len(sound)
        error = np.array(got) - sound[:9000]
        assert 10 * np.log10((sound[:9000] ** 2).sum() / (error**2).sum()) > 15


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (1100, "dark"), (360, "light"), (360, "dark")])
def test_it_fits(open_html: Callable[..., Any], painter: Any, width: int, scheme: str) -> None:
    page = open_html(painter.page(), width=width, scheme=scheme)
    page.evaluate(READY)
    page.get_by_role("button", name="Beats").click()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    screenshot(page, f"painter-{scheme}-{width}")
    page.watch.clean()


@pytest.mark.parametrize(("scale", "width"), [(2, 1000), (2, 400), (1.25, 700)])
def test_on_a_sharp_screen_every_drawing_keeps_to_its_box(
    open_html: Callable[..., Any], painter: Any, scale: float, width: int
) -> None:
    page = open_html(painter.page(), scale=scale, width=width)
    page.evaluate(READY)
    assert drawings(page, scale)
