"""The painter with a running kernel: a mask painted in JupyterLab is generated from, and heard in the same output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import player_in, screenshot

pytest.importorskip("ipywidgets")

READY = "() => window.player.then((shell) => { window.shell = shell; return true; })"
CODE = """from painter_material import small_painter, tiny_models

painter = small_painter(models=tiny_models())
painter"""
CHECK = "print(painter.made.outcome.kept, painter.made.outcome.kept_exact)"


def test_generate_from_a_painted_mask(lab: Any, tmp_path: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "painter.ipynb"
    cells = [nbformat.v4.new_code_cell(CODE), nbformat.v4.new_code_cell(CHECK)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    page = lab.open(path)
    lab.run(page)
    frame = player_in(page, timeout=120)
    frame.evaluate(READY)
    make = frame.get_by_role("button", name="Generate", exact=True)
    make.wait_for(timeout=30_000)
    frame.get_by_role("button", name="Compress").click()
    make.click()
    frame.get_by_text("Hear it below.").first.wait_for(timeout=120_000)
    result = player_in(page, 1, timeout=60)
    assert result.evaluate("() => window.player.then((shell) => shell.data.labels)") == ["Original", "Your prompt"]
    screenshot(page, "painter-jupyterlab", full=False)
    lab.run(page, 1)
    page.get_by_text("172 True").wait_for(timeout=30_000)  # one codebook of 172 frames, bit for bit
    assert [e for e in page.watch.errors if "srcdoc" in e or "uncaught" in e] == []
