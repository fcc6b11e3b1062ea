"""The curve that grows while something trains: one output that is replaced, words and picture from the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_utils.show import images_without_alt, live_curve


def test_words_and_picture_follow_the_measurements(capsys: pytest.CaptureFixture[str]) -> None:
    curve = live_curve({"unigram guess": 9.5, "even guess": 10.0}, name="tiny")
    curve.add(0, 9.6)
    first = curve.picture()
    curve.add(40, 8.9)
    assert "tiny goes from 9.60 at step 0 to 8.90 at step 40" in curve.alt
    assert "unigram guess 9.50, even guess 10.00" in curve.alt
    assert curve.picture().png != first.png
    assert len(curve.picture().png) < 60_000


def test_a_curve_that_is_level_can_be_drawn() -> None:
    curve = live_curve({})
    curve.add(0, 1.0)
    assert curve.picture().png.startswith(b"\x89PNG")


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="step 3 is not a number"):
        live_curve({}).add(3, float("nan"))


def test_a_notebook_keeps_one_picture(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    text = (
        "from course_utils.show import live_curve\n"
        "curve = live_curve({'line': 2.0})\n"
        "for step in (0, 1, 2):\n    curve.add(step, 3.0 - step)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)])
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = notebook.cells[0].outputs
    assert "to 1.00 at step 2" in output.data["text/plain"], "the picture already shown follows the training"
    assert images_without_alt(notebook) == []
