"""Chromium without a network, pages that remember every complaint, and a JupyterLab to open notebooks in.

A lesson's test needs little more than `open_html(export(path))` or `lab.open(path)`, and then `player_in(page)`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--mute-audio",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses a page is marked `browser`, without having to say so in each test."""
    for item in items:
        if {"open_html", "lab", "chromium"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)


def find_chromium() -> str:
    """$CHROMIUM, or the first Chromium or Chrome on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.fail("no Chromium found: install the package chromium, or name a browser in $CHROMIUM")
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the whole run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page did that it should not have: `errors` it reported, and `requests` it made beyond this machine."""

    def __init__(self, context: Any) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        context.route("**/*", self._route)
        context.on("page", self._page)

    def _page(self, page: Any) -> None:
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", lambda m: m.type == "error" and self.errors.append(f"console: {m.text} {m.location}"))

    def _route(self, route: Any) -> None:
        url = route.request.url
        if url.startswith(("file:", "data:", "blob:", "about:", "http://127.0.0.1:")):
            route.continue_()
            return
        self.requests.append(url)
        route.abort()

    def clean(self) -> None:
        """Fail if anything was reported or fetched."""
        assert self.requests == [], "the page reached for the network"
        assert self.errors == [], "the page reported errors"


@pytest.fixture
def open_html(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open an HTML text or file; the page carries its `watch`, which is checked at the end of the test."""
    contexts = []

    def open_one(
        source: str | Path, *, width: int = 1100, height: int = 900, scheme: str = "light", scale: float = 1
    ) -> Any:
        path = source if isinstance(source, Path) else tmp_path / f"page{len(contexts)}.html"
        if isinstance(source, str):
            path.write_text(source, encoding="utf-8")
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
        )
        contexts.append(context)
        watch = Watch(context)
        page = context.new_page()
        page.watch = watch
        page.goto(path.resolve().as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()


def export(notebook: Path, folder: Path) -> Path:
    """A stored notebook as one HTML file that asks the network for nothing of its own accord."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", widget_renderer_url="")
    body, _ = exporter.from_filename(str(notebook))
    target = folder / f"{notebook.stem}.html"
    target.write_text(body, encoding="utf-8")
    return target


def player_in(page: Any, number: int = 0, timeout: float = 30) -> Any:
    """The frame of the n-th player on a page (exported or in JupyterLab), once its sound is unpacked."""
    frames = page.locator("figure > iframe[srcdoc]")
    frames.nth(number).wait_for(state="attached", timeout=1000 * timeout)
    frames.nth(number).scroll_into_view_if_needed()
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        frame = frames.nth(number).element_handle().content_frame()
        if frame and frame.evaluate("() => !!window.player"):
            frame.evaluate("() => window.player.then(() => true)")
            return frame
        page.wait_for_timeout(50)
    raise AssertionError(f"player {number} did not start within {timeout} s")


def drawings(page: Any, scale: float) -> int:
    """How many drawings are to be seen on a page; fails if one is not as sharp as the screen, or leaves its box."""
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('canvas')].filter((canvas) => canvas.checkVisibility()).map((canvas) => {
            const own = canvas.getBoundingClientRect(), around = canvas.parentElement.getBoundingClientRect();
            const before = Math.max(around.left - own.left, around.top - own.top);
            const behind = Math.max(own.right - around.right, own.bottom - around.bottom);
            return { name: canvas.className, over: Math.max(before, behind), pixels: canvas.width / own.width };
        })"""
    )
    for box in boxes:
        assert box["over"] <= 1, f"{box} is larger than what it lies in"
        assert box["pixels"] == pytest.approx(scale, rel=0.02), box
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    return len(boxes)


def screenshot(page: Any, name: str, *, full: bool = True) -> Path:
    """Keep a picture of the page in build/screenshots/."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=str(path), full_page=full)
    return path


class Lab:
    """A JupyterLab of its own on a free port: `open(notebook)` gives a page with the notebook in it."""

    def __init__(self, chromium: Any, folder: Path) -> None:
        self.chromium, self.folder, self.contexts = chromium, folder, []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
        path = os.pathsep.join(filter(None, [str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        own |= {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": path}
        self.environment = os.environ | own
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        settings = folder / "JUPYTER_CONFIG_DIR" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
        options = [f"--port={self.port}", "--ip=127.0.0.1", "--no-browser", "--IdentityProvider.token=", "--allow-root"]
        options += [f"--ServerApp.root_dir={self.notebooks}", "--LabApp.news_url=None", "--ServerApp.port_retries=0"]
        options += ["--LabApp.extension_manager=readonly"]
        self.log = (folder / "lab.log").open("wb")
        command = [sys.executable, "-m", "jupyterlab", *options]
        self.server = subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(240):
            if self.server.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status", timeout=2).close()
                return
            except OSError:
                time.sleep(0.25)
        raise AssertionError("JupyterLab did not start:\n" + Path(self.log.name).read_text()[-3000:])

    def open(self, notebook: Path, *, trusted: bool = True, width: int = 1300, height: int = 1000) -> Any:
        """Copy a notebook into the lab (signed, if it is to be trusted) and open it in a new page."""
        copy = self.notebooks / notebook.name
        shutil.copyfile(notebook, copy)
        if trusted:
            command = [sys.executable, "-m", "jupyter", "trust", str(copy)]
            subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=60)
        context = self.chromium.new_context(viewport={"width": width, "height": height})
        self.contexts.append(context)
        watch = Watch(context)
        page = context.new_page()
        page.watch = watch
        page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{copy.name}?reset")
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=90_000)
        return page

    def run(self, page: Any, cell: int = 0) -> None:
        """Execute one code cell, counted from 0, once the kernel is there to do it."""
        page.get_by_text("| Idle").first.wait_for(timeout=90_000)
        page.locator(".jp-CodeCell .cm-content").nth(cell).click()
        page.keyboard.press("Shift+Enter")

    def theme(self, page: Any, name: str) -> None:
        """Choose "JupyterLab Light" or "JupyterLab Dark" in the menu."""
        page.get_by_role("menuitem", name="Settings").click()
        page.get_by_text("Theme", exact=True).hover()
        page.get_by_text(name, exact=True).click()
        light = "true" if name.endswith("Light") else "false"
        page.wait_for_function("(light) => document.body.dataset.jpThemeLight === light", arg=light)

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        self.server.terminate()
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.log.close()


@pytest.fixture(scope="session")
def lab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the whole run, with settings and trust of its own."""
    running = Lab(chromium, tmp_path_factory.mktemp("lab"))
    yield running
    running.close()
