"""The ladder and the row of sounds as pages of their own, in Chromium, without a network."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import player_in, screenshot
from show_material import small_clips, small_ladder

QUANTUM = 128 / 44100  # seconds: Web Audio's clock advances in blocks of 128 samples
READY = "() => window.player.then((shell) => { window.shell = shell; return true; })"


@pytest.fixture(scope="module")
def ladder() -> Any:
    return small_ladder(2.0, start=1)


@pytest.fixture
def page(open_html: Callable[..., Any], ladder: Any) -> Any:
    page = open_html(ladder.page())
    page.evaluate(READY)
    return page


def integers(page: Any) -> list[np.ndarray]:
    """Every track as the page unpacked it, int16 [N]."""
    texts = page.evaluate("""() => shell.integers.map((track) => {
        const bytes = new Uint8Array(track.buffer);
        let text = '';
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
        return btoa(text);
    })""")
    return [np.frombuffer(base64.b64decode(text), "<i2") for text in texts]


def state(page: Any) -> dict[str, Any]:
    return page.evaluate("() => ({ ...shell.store.get(), position: shell.engine.position() })")


def test_every_sample_is_the_one_that_python_packed(page: Any, ladder: Any) -> None:
    for got, expected in zip(integers(page), ladder.integers(), strict=True):
        np.testing.assert_array_equal(got, expected)
    floats = page.evaluate("() => Array.from(shell.tracks[3].subarray(1000, 1100))")
    np.testing.assert_array_equal(np.array(floats) * 32768, ladder.integers()[3][1000:1100])
    page.watch.clean()


def test_switching_while_it_plays_keeps_the_playhead(page: Any) -> None:
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(300)
    measured = page.evaluate("""() => {
        const out = [];
        const { engine, store } = shell;
        const against = (clock) => engine.position() - (clock - engine.startedAt); // drawing takes time: compare clocks
        for (const track of [5, 0, 9, 2]) {
            const before = against(engine.context.currentTime);
            store.set({ track });
            out.push([before, against(engine.context.currentTime), engine.starts, [...engine.weights]]);
        }
        return out;
    }""")
    for (before, after, starts, weights), track in zip(measured, [5, 0, 9, 2], strict=True):
        assert abs(after - before) <= QUANTUM
        assert starts == 1, "switching a level restarted the sound"
        assert weights == [float(i == track) for i in range(10)]
    page.wait_for_timeout(200)
    late = page.evaluate("() => [shell.engine.position(), shell.engine.context.currentTime - shell.engine.startedAt]")
    assert abs(late[0] - late[1]) <= QUANTUM, "the playhead is not the audio clock"
    assert late[0] > 0.3, "the sound does not advance"
    assert page.evaluate("() => shell.engine.context.sampleRate") == 44100
    page.watch.clean()


def test_what_is_heard_is_gapless_and_untouched(page: Any) -> None:
    """Rendered offline: before the switch exactly one track, after it exactly the other, in place, never silence."""
    heard = page.evaluate("""async () => {
        const { tracks, engine } = shell;
        const context = new OfflineAudioContext(1, 44100, 44100);
        const Engine = engine.constructor;
        const other = new Engine({ tracks, sampleRate: 44100, makeContext: () => context });
        other.play();
        context.suspend(0.5).then(() => { other.select(9); context.resume(); });
        const rendered = await context.startRendering();
        return Array.from(rendered.getChannelData(0));
    }""")
    tracks = page.evaluate("() => [0, 9].map((i) => Array.from(shell.tracks[i].subarray(0, 44100)))")
    heard, original, ninth = np.array(heard), np.array(tracks[0]), np.array(tracks[1])
    at = round(0.5 / QUANTUM) * 128 - 128
    np.testing.assert_allclose(heard[:at], original[:at], atol=1e-7)
    np.testing.assert_allclose(heard[at + 4410 :], ninth[at + 4410 :], atol=2e-6)
    between = np.s_[at : at + 4410]
    low, high = np.minimum(original, ninth)[between], np.maximum(original, ninth)[between]
    assert ((heard[between] >= low - 1e-6) & (heard[between] <= high + 1e-6)).all(), "the crossfade leaves both tracks"


def test_the_loop_repeats_its_region_sample_by_sample(page: Any) -> None:
    heard = page.evaluate("""async () => {
        const { tracks, engine } = shell;
        const context = new OfflineAudioContext(1, 44100, 44100);
        const other = new engine.constructor({ tracks, sampleRate: 44100, makeContext: () => context });
        other.setLoop({ on: true, start: 0, end: 11025 / 44100 });
        other.play();
        return Array.from((await context.startRendering()).getChannelData(0));
    }""")
    first = np.array(heard[:11025])
    assert np.abs(first).max() > 0.05
    np.testing.assert_allclose(np.array(heard).reshape(4, 11025), np.tile(first, (4, 1)), atol=1e-6)


def test_keyboard(page: Any) -> None:
    page.get_by_role("slider", name="Level").focus()
    press = page.keyboard.press
    press("ArrowUp")
    press("ArrowRight")
    assert state(page)["track"] == 3
    press("ArrowDown")
    assert state(page)["track"] == 2
    for key, track in [
        ("9", 9),
        ("ArrowUp", 0),
        ("ArrowUp", 0),
        ("ArrowDown", 9),
        ("0", 0),
        ("1", 1),
        ("ArrowLeft", 1),
    ]:
        press(key)
        assert state(page)["track"] == track, key
    press("Space")
    assert state(page)["playing"]
    press("l")
    assert state(page)["loop"]
    press("d")
    assert state(page)["difference"]
    assert page.evaluate("() => shell.engine.weights.slice(0, 2)") == [1, -1]
    press("Space")
    assert not state(page)["playing"]
    press("Home")
    assert state(page)["position"] == 0
    page.get_by_role("slider", name="Position").focus()
    press("ArrowRight")
    press("Shift+ArrowRight")
    assert state(page)["position"] == pytest.approx(11 * 512 / 44100)
    assert "Frame 11" in page.get_by_role("slider", name="Position").get_attribute("aria-valuetext")
    press("ArrowUp")
    assert state(page)["track"] == 2
    press("[")
    press("End")
    press("]")
    assert state(page)["region"] == pytest.approx([11 * 512 / 44100, 2.0])
    press("Escape")
    assert state(page)["region"] is None
    page.watch.clean()


def test_pressing_a_button_with_space_presses_only_that_button(page: Any) -> None:
    page.get_by_role("button", name="Loop").focus()
    page.keyboard.press("Space")
    assert state(page)["loop"]
    assert not state(page)["playing"]


def test_everything_can_be_reached_and_is_named(page: Any) -> None:
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("""() => {
            const at = document.activeElement;
            const ring = getComputedStyle(at);
            const visible = ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 2;
            return [at.getAttribute('aria-label') || at.textContent, visible];
        }""")
        )
    names = [name for name, _ in reached]
    expected = [
        "Play",
        "Loop",
        "What is missing",
        "Level",
        "Position in the clip",
        "Keys and pointer",
        "Description in words",
    ]
    assert names[:7] == expected
    assert all(ring for _, ring in reached[:7]), "focus is not visible everywhere"
    level = page.get_by_role("slider", name="Level")
    assert level.get_attribute("aria-valuetext").startswith("level 1 of 9, 0.86 kbit/s, SI-SDR \u22124.0 dB")
    page.keyboard.press("Shift+Tab")
    level.focus()
    page.keyboard.press("5")
    assert "level 5 of 9" in page.locator("[aria-live]").inner_text()
    assert page.locator("svg[role=img]").first.get_attribute("aria-label").startswith("SI-SDR, dB. 1: \u22124.0")


def test_pointer_seeks_loops_and_reads_codes(page: Any, ladder: Any) -> None:
    stage = page.locator(".stage")
    box = stage.bounding_box()
    left, width = box["x"] + 44, box["width"] - 88
    page.mouse.click(left + width / 2, box["y"] + 40)
    assert state(page)["position"] == pytest.approx(1.0, abs=0.01)
    page.mouse.move(left + width * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(left + width * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    now = state(page)
    assert now["region"] == pytest.approx([0.5, 1.0], abs=0.01)
    assert now["loop"]
    frames = ladder.codes.shape[1]
    page.mouse.move(left + width * (9.5 / frames), box["y"] + 84 + 10 + 148 + 14 + 2.5 * 15)
    assert state(page)["hover"] == {"frame": 9, "level": 2}
    text = page.locator(".cell").inner_text()
    assert "Frame 9 " in text
    assert "codebook c2 " in text
    count = int(np.sum(ladder.codes[2] == 7))
    assert f"code 7 \u00b7 in {count} of {frames} frames" in text
    page.locator(".stop").nth(6).click()
    assert state(page)["track"] == 7
    page.watch.clean()


def test_without_a_sound_device_it_says_so_and_goes_on(open_html: Callable[..., Any], ladder: Any) -> None:
    stuck = "<script>window.AudioContext = class { constructor() { throw new Error('no device'); } };</script>"
    page = open_html(ladder.page().replace("<body>", f"<body>{stuck}"))
    page.evaluate(READY)
    page.get_by_role("button", name="Play").click()
    assert "No sound: no device" in page.get_by_role("alert").inner_text()
    page.get_by_role("slider", name="Level").focus()
    page.keyboard.press("ArrowUp")
    assert state(page)["track"] == 2
    page.watch.clean()


def test_a_clock_that_stands_still_is_noticed(open_html: Callable[..., Any], ladder: Any) -> None:
    still = """<script>Object.defineProperty(BaseAudioContext.prototype, 'currentTime', { get: () => 0 });</script>"""
    page = open_html(ladder.page().replace("<body>", f"<body>{still}"))
    page.evaluate(READY)
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(1800)
    assert "no sound output" in page.get_by_role("alert").inner_text()
    assert not state(page)["playing"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1300])
def test_it_fits_and_is_pictured(open_html: Callable[..., Any], ladder: Any, scheme: str, width: int) -> None:
    page = open_html(ladder.page(), width=width, scheme=scheme)
    page.evaluate(READY)
    page.evaluate("() => { shell.store.set({ track: 5, region: [0.5, 1.2], loop: true }); shell.seek(0.8); }")
    page.wait_for_timeout(300)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "wider than the window"
    spilled = page.evaluate("""() => {
        const right = document.querySelector('.player').getBoundingClientRect().right;
        const parts = [...document.querySelectorAll('.player *')].filter((e) => !e.closest('.for-readers, details'));
        return parts.filter((e) => e.getBoundingClientRect().right > right + 1).map((e) => e.outerHTML.slice(0, 80));
    }""")
    assert spilled == [], "parts stand out on the right"
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme
    shade = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert shade == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 20, 23)"}[scheme]
    screenshot(page, f"ladder-{scheme}-{width}")
    page.watch.clean()


def contrast(page: Any, selector: str) -> float:
    """WCAG contrast of an element's text on the page's background."""
    colours = page.evaluate(
        """(s) => {
            const [text, paper] = [document.querySelector(s), document.documentElement].map((e) => getComputedStyle(e));
            return [text.color, paper.backgroundColor];
        }""",
        selector,
    )

    def light(text: str) -> float:
        parts = [int(v) / 255 for v in text[text.index("(") + 1 : -1].split(",")[:3]]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted(map(light, colours), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(open_html: Callable[..., Any], ladder: Any, scheme: str) -> None:
    page = open_html(ladder.page(), scheme=scheme)
    page.evaluate(READY)
    for selector in (
        "h2",
        ".subtitle",
        ".readout .heard",
        ".figure small",
        ".stop small",
        ".stop b",
        ".cell",
        "footer p",
    ):
        assert contrast(page, selector) >= 4.5, selector


HOST = """<!DOCTYPE html><html><head><meta charset="utf-8"></head><body style="{style}"{flag}>
<input id="outside"><div class="cell">{player}<img id="twin" src="data:image/png;base64,{png}"></div>
<div class="cell">{other}</div></body></html>"""


@pytest.fixture
def host(open_html: Callable[..., Any], ladder: Any) -> Callable[..., Any]:
    def make(style: str = "", flag: str = "", scheme: str = "light") -> Any:
        png = base64.b64encode(ladder.png()).decode()
        text = HOST.format(style=style, flag=flag, player=ladder.html(), other=small_clips().html(), png=png)
        page = open_html(text, scheme=scheme)
        page.frame = player_in(page)
        page.frame.evaluate(READY)
        return page

    return make


@pytest.mark.parametrize(
    ("style", "flag", "scheme", "expected"),
    [
        ("", "", "light", "light"),
        ("", "", "dark", "light"),  # a page without a background stays white, whatever the system prefers
        ("background:#fff", "", "dark", "light"),
        ("background:#111", "", "light", "dark"),
        ("", ' data-jp-theme-light="false"', "light", "dark"),
        ("background:#111", ' data-jp-theme-light="true"', "dark", "light"),
    ],
)
def test_in_a_frame_the_paper_around_it_decides(
    host: Callable[..., Any], style: str, flag: str, scheme: str, expected: str
) -> None:
    page = host(style, flag, scheme)
    assert page.frame.evaluate("() => document.documentElement.dataset.theme") == expected
    page.watch.clean()


def test_in_a_frame_it_follows_a_change_of_theme(host: Callable[..., Any]) -> None:
    page = host(flag=' data-jp-theme-light="true"')
    page.evaluate("() => { document.body.setAttribute('data-jp-theme-light', 'false'); }")
    page.wait_for_timeout(100)
    assert page.frame.evaluate("() => document.documentElement.dataset.theme") == "dark"


def test_in_a_frame_it_grows_hides_its_twin_and_keeps_keys_to_itself(host: Callable[..., Any]) -> None:
    page = host()
    inner = page.frame.evaluate("() => document.body.getBoundingClientRect().height")
    outer = page.locator("iframe").first.bounding_box()["height"]
    assert abs(outer - inner) <= 2
    assert not page.locator("#twin").is_visible(), "the still twin is shown beside the player"
    page.locator("#outside").focus()
    page.keyboard.press("5")
    page.keyboard.press("Space")
    assert page.locator("#outside").input_value() == "5 "
    now = page.frame.evaluate("() => shell.store.get()")
    assert now["track"] == 1
    assert not now["playing"]
    page.watch.clean()


def test_one_player_sounds_at_a_time_and_none_after_it_is_removed(host: Callable[..., Any]) -> None:
    page = host()
    other = player_in(page, 1)
    other.evaluate(READY)
    page.frame.get_by_role("button", name="Play").click()
    page.wait_for_timeout(200)
    other.get_by_role("button", name="Play").click()
    page.wait_for_timeout(200)
    assert not page.frame.evaluate("() => shell.store.get().playing")
    assert other.evaluate("() => shell.store.get().playing")
    page.evaluate(
        "() => { window.kept = frames[1].shell.engine.context; document.querySelectorAll('figure')[1].remove(); }"
    )
    page.wait_for_timeout(300)
    assert page.evaluate("() => kept.state") == "closed"
    page.watch.clean()


def test_a_row_of_sounds_and_its_blind_test(open_html: Callable[..., Any]) -> None:
    player = small_clips()
    page = open_html(player.page(), width=900)
    page.evaluate(READY)
    for got, expected in zip(integers(page), player.integers(), strict=True):
        np.testing.assert_array_equal(got, expected)
    page.get_by_role("radio", name="Clean").focus()
    page.keyboard.press("ArrowDown")
    assert state(page)["track"] == 1
    assert page.get_by_role("radio", name="Noisy").get_attribute("aria-checked") == "true"
    page.keyboard.press("3")
    assert state(page)["track"] == 2
    screenshot(page, "clips-light-900")
    page.get_by_role("button", name="Start the blind test").click()
    assert state(page)["playing"]
    assert page.evaluate("() => shell.engine.weights[2]") == 0, "X must be one of the two"
    page.keyboard.press("b")
    assert page.evaluate("() => shell.engine.weights") == [0, 1, 0]
    page.keyboard.press("1")
    assert page.evaluate("() => shell.engine.weights") == [0, 1, 0], "the list must not answer during the test"
    for trial in range(5):
        assert f"Trial {trial + 1} of 5" in page.get_by_role("status").inner_text()
        page.keyboard.press("x")
        hidden = "A" if page.evaluate("() => shell.engine.weights[0]") == 1 else "B"
        page.get_by_role("button", name=f"X is {hidden}").click()
    text = page.get_by_role("status").inner_text()
    assert "5 of 5 right" in text
    assert "p = 0.031" in text
    assert state(page)["test"] is None
    page.watch.clean()
