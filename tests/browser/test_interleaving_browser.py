"""The interleaving stepper under mouse and keyboard in Chromium, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import amt_material
import numpy as np
import pytest
from conftest import screenshot

from course_utils.amt import interleave

READY = "() => window.player.then((stepper) => { window.stepper = stepper; return true; })"
FRAME = 16.0  # ms: what a redraw may take


@pytest.fixture(scope="module")
def text() -> str:
    return amt_material.stepper().page()


def opened(open_html: Callable[..., Any], text: str, **options: Any) -> Any:
    page = open_html(text, **options)
    page.evaluate(READY)
    return page


def settled(page: Any) -> None:
    """Wait until nothing moves, and draw."""
    page.wait_for_function("() => !stepper.stage.isMoving()")
    page.evaluate("() => stepper.redraw()")


def state(page: Any, key: str) -> Any:
    return page.evaluate("(key) => stepper.store.get()[key]", key)


def shown_order(page: Any) -> list[int]:
    return page.evaluate("() => stepper.model.arrangement(stepper.store.get().mode, stepper.store.get().delta).order")


def expected(mode: str, delta: float) -> tuple[list[int], interleave.Distances]:
    player = amt_material.stepper()
    made = interleave.arrange(player.events, player.controls, mode, delta)
    order = np.where(made.event >= 0, made.event, made.control + len(player.events))
    return order.tolist(), interleave.distances(made)


def test_modes_and_delta_show_what_python_arranges(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    slider = page.get_by_role("slider", name="delta")
    slider.focus()
    for _ in range(13):
        slider.press("ArrowLeft")
    assert state(page, "delta") == pytest.approx(3.7)
    settled(page)
    for key, mode in zip("1234", interleave.MODES, strict=True):
        page.locator(".il-stage").focus()
        page.keyboard.press(key)
        settled(page)
        order, far = expected(mode, 3.7)
        assert state(page, "mode") == mode
        assert shown_order(page) == order
        row = page.locator(".il-mode.on")
        numbers = row.locator(".il-number")
        assert float(numbers.nth(0).inner_text()) == pytest.approx(far.median)
        assert int(numbers.nth(1).inner_text()) == far.max
    screenshot(page, "interleaving")
    page.watch.clean()


def test_the_order_of_the_strip_is_where_the_cells_are_drawn(open_html: Callable[..., Any], text: str) -> None:
    """Colours read from the canvas: orange exactly where a control stands."""
    page = opened(open_html, text)
    page.evaluate("() => stepper.store.set({ mode: 'sort', pos: 0 })")
    page.wait_for_timeout(50)
    settled(page)
    order, _ = expected("sort", 5.0)
    events = len(amt_material.stepper().events)
    colours = page.evaluate(
        """() => {
            const canvas = document.querySelector('.il-stage canvas');
            const { left, cell } = stepper.stage.frame();
            const g = canvas.getContext('2d');
            const ratio = canvas.width / canvas.getBoundingClientRect().width;
            // Near the top, where only controls reach.
            const y = Math.round(canvas.height - (20 + 9 + 34) * ratio);
            const x = (i) => Math.round((left + (i + 0.5) * cell) * ratio);
            return stepper.model.notes.map((_, i) => Array.from(g.getImageData(x(i), y, 1, 1).data));
        }"""
    )
    orange = [c[3] > 60 and c[0] > c[2] + 40 for c in colours]
    assert orange == [row >= events for row in order]


def test_sorting_fails_and_anticipation_knows(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    verdict = page.locator(".il-verdict")
    page.evaluate("() => stepper.go(120)")
    settled(page)
    assert "The same answer in both futures" in verdict.inner_text()
    assert "yes" in verdict.get_attribute("class")
    page.get_by_role("button", name="Sort by time").first.click()
    settled(page)
    page.evaluate("() => stepper.redraw()")
    assert "the sampler cannot know" in verdict.inner_text()
    outs = page.locator(".il-out").all_inner_texts()
    assert sorted(text.split()[-1] for text in outs) == ["control", "event"]
    page.get_by_role("button", name="Seq2seq").first.click()
    settled(page)
    assert "All controls are in the sequence" in page.locator(".il-reason").inner_text()
    page.get_by_role("button", name="Autoregressive").first.click()
    settled(page)
    assert "Nothing is given" in page.locator(".il-reason").inner_text()
    player = amt_material.stepper()
    told = page.locator(".il-known").all_inner_texts()
    assert f"unknown after {player.unknown['sort']} of {len(player.events)} events" in told[2]
    assert "known after every event" in told[3]
    page.watch.clean()


def test_stepping_by_key_and_button(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    page.locator(".il-stage").focus()
    page.keyboard.press("Home")
    assert state(page, "pos") == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert state(page, "pos") == 11
    order, _ = expected("anticipation", 5.0)
    events = len(amt_material.stepper().events)
    page.keyboard.press("n")
    following = next(i for i, row in enumerate(order) if i > 11 and row >= events)
    assert state(page, "pos") == following
    page.keyboard.press("End")
    assert state(page, "pos") == len(order) - 1
    page.keyboard.press("p")  # from the end it begins anew
    page.wait_for_function(
        "() => stepper.store.get().pos > 0 && stepper.store.get().pos < 40 && stepper.store.get().running"
    )
    page.get_by_role("button", name="Pause").click()
    assert not state(page, "running")
    before = state(page, "delta")
    page.keyboard.press("d")
    assert state(page, "delta") == pytest.approx(before + 0.5)
    assert "row " in page.locator(".il-where").inner_text()
    page.watch.clean()


def test_what_a_screen_reader_is_told(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    live = page.locator("main > .for-readers")
    stage = page.get_by_role("slider", name="Where the sampler stands in the order")
    page.evaluate("() => stepper.store.set({ mode: 'anticipation', pos: 5 })")
    settled(page)
    stage.focus()
    for key, place in (("ArrowUp", 6), ("PageUp", 16), ("ArrowDown", 15), ("PageDown", 5)):
        page.keyboard.press(key)
        assert state(page, "pos") == place
    page.keyboard.press("n")
    settled(page)
    said = stage.get_attribute("aria-valuetext")
    order, _ = expected("anticipation", 5.0)
    assert said.startswith(f"place {state(page, 'pos')} of {len(order)}: control: ")
    assert "tokens from the event it concerns" in said
    page.get_by_role("button", name="One row on").click()
    settled(page)
    assert live.inner_text() == stage.get_attribute("aria-valuetext"), "a button says where one stands now"
    before = state(page, "pos")
    page.keyboard.press("ArrowDown")
    assert state(page, "pos") == before, "away from the slider this key scrolls the page"
    page.keyboard.press("d")
    assert live.inner_text() == "\u03b4 5.5 seconds"
    page.evaluate("() => stepper.store.set({ mode: 'sort' })")
    settled(page)
    pressed = page.locator(".il-table [role=rowheader] [aria-pressed=true]")
    assert pressed.all_inner_texts() == ["Sort by time"]
    assert all(
        page.locator(".il-table [role=columnheader]").evaluate_all("a => a.map(n => n.ariaLabel || n.innerText)")
    )
    status = page.get_by_role("status").filter(has_text="Two answers to one past")
    for pos in range(1, 60):
        page.evaluate("(pos) => stepper.store.set({ pos })", pos)
        settled(page)
        if status.count():
            break
    assert status.count() == 1, "the verdict is said when it changes"
    page.watch.clean()


def test_pointing_at_one_shows_the_other(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    order, far = expected("anticipation", 5.0)
    events = len(amt_material.stepper().events)
    stage = page.locator(".il-stage")
    box = stage.bounding_box()
    places = [i for i, row in enumerate(order) if row >= events]
    frame = page.evaluate("() => { const { left, cell } = stepper.stage.frame(); return { left, cell }; }")
    for number in (0, 9, 20):
        x = box["x"] + frame["left"] + (places[number] + 0.5) * frame["cell"]
        page.mouse.move(x, box["y"] + box["height"] - 45)
        page.wait_for_function("(row) => stepper.store.get().hover === row", arg=order[places[number]])
        page.wait_for_function(
            "(words) => document.querySelector('.il-pointed').textContent.includes(words)",
            arg=f"{abs(int(far.tokens[number]))} tokens",
        )
        note = page.evaluate(
            """(row) => { const n = stepper.model.notes[row]; const f = stepper.stage.frame();
                          return { x: f.xTime(n.time) + 2, y: n.y + n.tall / 2 }; }""",
            order[places[number]],
        )
        page.mouse.move(box["x"] + note["x"], box["y"] + note["y"])
        page.wait_for_function("(row) => stepper.store.get().hover === row", arg=order[places[number]])
    page.mouse.click(box["x"] + note["x"], box["y"] + note["y"])
    assert state(page, "pos") == places[20]
    page.watch.clean()


def test_the_same_tokens_move_from_one_order_to_the_other(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    halfway = page.evaluate(
        """async () => {
            const from = stepper.stage.where().map((at) => at.x);
            stepper.store.set({ mode: 'seq2seq' });
            const seen = [];
            while (stepper.stage.isMoving()) {
                seen.push(stepper.stage.where().map((at) => at.x));
                await new Promise(requestAnimationFrame);
            }
            const to = stepper.stage.where().map((at) => at.x);
            return { from, to, seen };
        }"""
    )
    assert len(halfway["seen"]) >= 2
    start, end = np.array(halfway["from"]), np.array(halfway["to"])
    assert sorted(end) == list(range(len(end)))
    for place in np.array(halfway["seen"]):
        assert (place >= np.minimum(start, end) - 1e-9).all()
        assert (place <= np.maximum(start, end) + 1e-9).all()
    page.watch.clean()


def test_nothing_moves_for_those_who_prefer_that(chromium: Any, open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate("() => { stepper.store.set({ mode: 'seq2seq' }); return stepper.stage.isMoving(); }")
    assert not moving
    assert shown_order(page) == expected("seq2seq", 5.0)[0]


def test_scrubbing_and_sliding_stay_within_a_frame(open_html: Callable[..., Any], text: str) -> None:
    page = opened(open_html, text)
    worst = page.evaluate(
        """() => {
            const kinds = {
                scrub: (i, run) => stepper.store.set({ pos: 12 * i + run }),
                delta: (i, run) => stepper.store.set({ delta: 1 + 0.5 * i + run / 100 }), // each for the first time
            };
            const out = {};
            for (const [name, change] of Object.entries(kinds)) {
                const best = new Array(18).fill(Infinity); // of several runs: a busy machine is not the page's fault
                for (let run = 0; run < 8; run++) {
                    for (let i = 0; i < best.length; i++) {
                        change(i, run);
                        const begin = performance.now();
                        stepper.redraw();
                        best[i] = Math.min(best[i], performance.now() - begin);
                    }
                }
                out[name] = Math.max(...best);
            }
            return out;
        }"""
    )
    print(worst)
    assert worst["scrub"] < FRAME
    assert worst["delta"] < FRAME


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 700), ("light", 400)])
def test_light_dark_and_narrow(open_html: Callable[..., Any], text: str, scheme: str, width: int) -> None:
    page = opened(open_html, text, scheme=scheme, width=width)
    page.evaluate("() => stepper.store.set({ mode: 'sort' })")
    settled(page)
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    screenshot(page, f"interleaving_{scheme}_{width}")
    page.watch.clean()
