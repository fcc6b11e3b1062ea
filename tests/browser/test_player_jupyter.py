"""The players where readers meet them: in an exported notebook, and in a running JupyterLab with and without trust."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import export, player_in, screenshot
from PIL import Image
from show_material import small_clips, small_ladder

READY = "() => window.player.then((shell) => { window.shell = shell; return true; })"
CODE = "from show_material import small_ladder\n\nsmall_ladder(1.0)"


def outputs(player: Any) -> list[Any]:
    """What `_ipython_display_` stores (tests/browser/test_player_python.py holds it to that)."""
    png = base64.b64encode(player.png()).decode()
    return [
        nbformat.v4.new_output("display_data", {"text/html": player.html(), "text/plain": player.alt}),
        nbformat.v4.new_output(
            "display_data", {"image/png": png, "text/plain": "(picture)"}, metadata={"image/png": {"alt": player.alt}}
        ),
    ]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored notebook with a ladder and a row of sounds, each with its twin; executable with a kernel, too."""
    cells = [
        nbformat.v4.new_markdown_cell("# Players"),
        nbformat.v4.new_code_cell(CODE, execution_count=1, outputs=outputs(small_ladder(1.0))),
        nbformat.v4.new_code_cell("pass", execution_count=2, outputs=outputs(small_clips())),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path_factory.mktemp("stored") / "players.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def play_and_climb(frame: Any) -> None:
    """Press play, climb four levels by key, and see the sound go on."""
    frame.evaluate(READY)
    frame.get_by_role("button", name="Loop").click()
    frame.get_by_role("button", name="Play").click()
    frame.get_by_role("slider", name="Level").focus()
    frame.page.wait_for_timeout(200)
    for _ in range(4):
        frame.get_by_role("slider", name="Level").press("ArrowUp")
    now = frame.evaluate("() => ({ ...shell.store.get(), starts: shell.engine.starts, at: shell.engine.position() })")
    assert now["track"] == 5
    assert now["playing"]
    assert now["starts"] == 1, "switching a level restarted the sound"
    assert now["at"] > 0
    frame.get_by_role("button", name="Pause").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_exported_notebook(open_html: Callable[..., Any], notebook: Path, tmp_path: Path, scheme: str) -> None:
    page = open_html(export(notebook, tmp_path), scheme=scheme)
    frame = player_in(page)
    play_and_climb(frame)
    assert frame.evaluate("() => document.documentElement.dataset.theme") == "light", "an exported notebook is light"
    assert player_in(page, 1).evaluate("() => window.player.then((shell) => shell.tracks.length)") == 3
    pictures = page.locator("img")
    assert pictures.count() == 2
    assert not any(pictures.nth(i).is_visible() for i in range(2)), "a twin is shown beside its player"
    assert all(len(pictures.nth(i).get_attribute("alt")) > 60 for i in range(2))
    screenshot(page, f"exported-{scheme}")
    page.watch.clean()


def test_exported_notebook_without_scripts_shows_the_twin(chromium: Any, notebook: Path, tmp_path: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(export(notebook, tmp_path).as_uri())
    assert page.locator("img").first.is_visible()
    context.close()


def lab_errors(page: Any) -> list[str]:
    """Complaints that come from a player, not from JupyterLab itself."""
    return [error for error in page.watch.errors if "srcdoc" in error or "uncaught" in error]


def test_stored_output_in_jupyterlab(lab: Any, notebook: Path) -> None:
    page = lab.open(notebook)
    frame = player_in(page)
    play_and_climb(frame)
    assert frame.evaluate("() => document.documentElement.dataset.theme") == "light"
    assert page.locator(".jp-RenderedImage img:visible").count() == 0, "a twin is shown beside its player"
    box = page.locator("figure > iframe").first.bounding_box()
    assert abs(box["height"] - frame.evaluate("() => document.body.getBoundingClientRect().height")) <= 2
    screenshot(page, "jupyterlab-light", full=False)
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    page.wait_for_timeout(200)
    assert frame.evaluate("() => document.documentElement.dataset.theme") == "dark"
    assert lab_errors(page) == []


def test_dark_theme_of_jupyterlab(lab: Any, notebook: Path) -> None:
    page = lab.open(notebook)
    lab.theme(page, "JupyterLab Dark")
    frame = player_in(page)
    page.wait_for_timeout(500)
    assert frame.evaluate("() => document.documentElement.dataset.theme") == "dark"
    path = screenshot(page, "jupyterlab-dark", full=False)
    box = page.locator("figure > iframe").first.bounding_box()
    corner = Image.open(path).convert("L").getpixel((int(box["x"] + box["width"] - 4), int(box["y"] + 260)))
    assert corner < 60, "the frame is not see-through in the dark theme"
    lab.theme(page, "JupyterLab Light")
    page.wait_for_timeout(300)
    assert frame.evaluate("() => document.documentElement.dataset.theme") == "light"
    assert lab_errors(page) == []


def test_untrusted_notebook_shows_the_twin(lab: Any, notebook: Path, tmp_path: Path) -> None:
    # Trust belongs to the content: another notebook, with another sound in it, has not been trusted by anyone.
    copy = tmp_path / "untrusted.ipynb"
    stored = nbformat.read(notebook, as_version=4)
    stored.cells[1].source = "# never run here"
    stored.cells[1].outputs = outputs(small_ladder(0.9))
    nbformat.write(stored, copy)
    page = lab.open(copy, trusted=False)
    picture = page.locator(".jp-RenderedImage img").first
    picture.wait_for(timeout=30_000)
    assert picture.is_visible()
    assert page.locator("figure > iframe[srcdoc]").count() == 0, "an untrusted notebook must not run anything"


def test_run_with_a_kernel_in_jupyterlab(lab: Any, tmp_path: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "fresh.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)], metadata=kernel), path)
    page = lab.open(path)
    lab.run(page)
    frame = player_in(page, timeout=90)
    play_and_climb(frame)
    page.wait_for_timeout(500)
    assert page.locator(".jp-RenderedImage img:visible").count() == 0, "a twin is shown beside its player"
    assert lab_errors(page) == []
