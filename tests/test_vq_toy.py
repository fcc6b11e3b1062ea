"""The toy of vector quantisation: its JavaScript computes what the codec computes, its twin shows its data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from colour_contrast import contrast
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_show_js import node

from course_utils.codec.kmeans import means, nearest
from course_utils.show import explore_vq, page, vq_toy
from course_utils.show.vq_toy import COLOURS, chance, entropy, kmeans_steps, mean_square, shape_of, start_entries

SCRIPT = """
import { readFileSync } from 'node:fs';
import * as vq from './vq.js';
import { shapeOf, boundsOf } from './vqplot.js';

const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const out = cases.map(({ packed, k, seed, steps, entries: given }) => {
  const points = vq.unpackPoints(packed);
  const start = given ? Float64Array.from(given) : vq.startEntries(points, k, seed);
  let entries = start;
  const errors = [];
  for (let s = 0; s <= steps; s++) {
    const index = vq.nearest(points, entries);
    errors.push(vq.meanSquare(vq.residuals(points, index, entries)));
    if (s < steps) entries = vq.means(points, index, entries);
  }
  const index = vq.nearest(points, entries);
  const counts = vq.countsOf(index, k);
  const { x, y, half } = boundsOf(points);
  const box = [x - half, y - half, x + half, y + half];
  return {
    points: Array.from(points), start: Array.from(start),
    entries: Array.from(entries), index: Array.from(index), errors,
    entropy: vq.entropy(Array.from(counts)), cells: vq.cells(entries, box), bounds: [x, y, half],
    shapes: Array.from({ length: 32 }, (_, e) => shapeOf(e)),
  };
});
console.log(JSON.stringify(out));
"""


def cloud(count: int, seed: int = 0) -> np.ndarray:
    """A slanted cloud with one arm, float32 [count, 2]."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(count, 2)) @ np.array([[0.3, 0.2], [0.0, 0.1]])
    spread[::9] += [0.2, -0.4]
    return spread.astype(np.float32)


def case(points: np.ndarray, k: int, seed: int, steps: int, entries: Any = None) -> dict[str, Any]:
    packed = vq_toy(points, k=1).data()["points"]
    return {"packed": packed, "k": k, "seed": seed, "steps": steps, "entries": entries}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], np.ndarray, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("vq")
    shutil.copytree(page.HERE / "js", folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "compare.js").write_text(SCRIPT)
    far = [0.0, 0.0, 50.0, 50.0, 0.1, 0.1, 0.1, 0.1]  # one entry that nobody chooses, two on the same spot
    setups = [
        (cloud(1500), 8, 0, 12, None),
        (cloud(1500, 1), 32, 3, 40, None),
        (cloud(200, 2), 1, 5, 2, None),
        (cloud(5, 3), 12, 1, 3, None),
        (cloud(700, 4), 4, 0, 6, far),
        (np.zeros((30, 2), np.float32), 3, 0, 2, None),
        (cloud(64, 6) * 1e-4, 7, 2**31, 9, None),
    ]
    cases = [case(*setup) for setup in setups]
    (folder / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [node(), "compare.js", "cases.json"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [(c, s[0].astype(np.float64), got) for c, s, got in zip(cases, setups, json.loads(done.stdout), strict=True)]


def test_javascript_computes_what_the_codec_computes(compared: Any) -> None:
    for setup, points, got in compared:
        np.testing.assert_array_equal(np.array(got["points"]).reshape(-1, 2), points)
        start = start_entries(points, setup["k"], setup["seed"])
        if setup["entries"] is None:
            np.testing.assert_array_equal(np.array(got["start"]).reshape(-1, 2), start)
        data, book = torch.from_numpy(points), torch.tensor(got["start"], dtype=torch.float64).reshape(-1, 2)
        for step in range(setup["steps"] + 1):
            index = nearest(data, book)
            error = float(((data - book[index]) ** 2).mean())
            assert got["errors"][step] == pytest.approx(error, abs=1e-9, rel=1e-9)
            if step < setup["steps"]:
                book = means(data, index, book)
        assert got["index"] == index.tolist()
        np.testing.assert_allclose(np.array(got["entries"]).reshape(-1, 2), book.numpy(), rtol=0, atol=1e-9)
        counts = np.bincount(index.numpy(), minlength=setup["k"])
        assert got["entropy"] == pytest.approx(entropy(counts), abs=1e-12)


def test_the_comparison_covers_an_entry_without_points(compared: Any) -> None:
    setup, _, got = compared[4]
    assert setup["entries"][2:4] == got["entries"][2:4] == [50.0, 50.0]
    assert 1 not in got["index"]


def test_every_point_lies_in_the_cell_of_its_entry(compared: Any) -> None:
    for setup, points, got in compared:
        area = 0.0
        for e in range(setup["k"]):
            corners = np.array(got["cells"][e]).reshape(-1, 2)
            own = points[np.array(got["index"]) == e]
            if len(own) == 0:
                continue
            edge = np.roll(corners, -1, axis=0) - corners
            away = own[:, None, :] - corners
            turn = edge[:, 0] * away[:, :, 1] - edge[:, 1] * away[:, :, 0]  # >= 0: left of the edge, so inside
            assert turn.min() >= -1e-9 * got["bounds"][2] ** 2 - 1e-15
        for corners in got["cells"]:
            x, y = np.array(corners).reshape(-1, 2).T if corners else np.zeros((2, 1))
            area += 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        assert area == pytest.approx((2 * got["bounds"][2]) ** 2), "the cells must tile the whole square"


def test_no_two_entries_look_alike(compared: Any) -> None:
    looks = {(e % 8, shape_of(e)) for e in range(32)}
    assert len(looks) == 32
    names = ["o", "s", "^", "D"]
    assert [names[s] for s in compared[0][2]["shapes"]] == [shape_of(e) for e in range(32)]


@pytest.mark.parametrize(("theme", "paper"), [("light", "#ffffff"), ("dark", "#111417")])
def test_colours_stand_out_from_the_paper(theme: str, paper: str) -> None:
    for colour in COLOURS[theme]:
        assert contrast(colour, paper) >= 3, f"{colour} on {paper}"


@settings(deadline=None, max_examples=40)
@given(
    points=hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-8, 8, width=16)),
    k=st.integers(1, 32),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_step_never_raises_the_error(points: np.ndarray, k: int, seed: int) -> None:
    data = points.astype(np.float64)
    start = start_entries(data, k, seed)
    assert start.shape == (k, 2)
    assert {tuple(p) for p in start} <= {tuple(p) for p in data}
    np.testing.assert_array_equal(start[: k // 2], start_entries(data, max(k // 2, 1), seed)[: k // 2])
    errors = [mean_square(data, *kmeans_steps(data, start, n)) for n in range(4)]
    assert all(b <= a + 1e-12 for a, b in pairwise(errors)), errors


def test_random_numbers_are_spread_and_repeatable() -> None:
    first, again, other = chance(7), chance(7), chance(8)
    drawn = [next(first) for _ in range(4000)]
    assert drawn == [next(again) for _ in range(4000)]
    assert drawn[:5] != [next(other) for _ in range(5)]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.02)
    assert 0 <= min(drawn) < 0.01 < 0.99 < max(drawn) < 1


def test_twin_and_words_come_from_the_points() -> None:
    one, other = vq_toy(cloud(300), k=4), vq_toy(cloud(300, 9), k=4)
    assert one.png().startswith(b"\x89PNG")
    assert one.png() == vq_toy(cloud(300), k=4).png()
    assert one.png() != other.png()
    errors = [mean_square(one.points, book, index) for _, book, index in one.stages]
    for error in errors:
        assert f"{error:.3g}" in one.alt
    assert "4 entries, 2.00 bits per point" in one.alt
    assert one.alt != other.alt
    assert len(one.png()) < 120_000


def test_page_is_small_and_asks_for_nothing() -> None:
    text = vq_toy(cloud(1500), title="A <b>bold</b> title").page()
    assert len(text) < 120_000
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<b>bold" not in text


@pytest.mark.parametrize(
    ("points", "k", "words"),
    [
        (np.zeros((4, 3)), 2, r"shape \[4, 3\]: expected \[N, 2\]"),
        (np.zeros((0, 2)), 2, r"shape \[0, 2\]"),
        (np.zeros((5000, 2)), 2, "5000 points are too many"),
        (np.array([[0, 0], [np.nan, 1]]), 2, "point 1 is"),
        (np.zeros((4, 2)), 0, "k is 0: the toy has 1 to 32"),
        (np.zeros((4, 2)), 33, "k is 33"),
    ],
)
def test_what_cannot_be_shown_is_refused(points: np.ndarray, k: int, words: str) -> None:
    for make in (vq_toy, explore_vq):
        with pytest.raises(ValueError, match=words):
            make(points, k)


def test_tensors_are_taken_too() -> None:
    points = cloud(50)
    assert vq_toy(torch.from_numpy(points)).data()["points"] == vq_toy(points).data()["points"]


def test_sliders_change_the_figure_and_the_error() -> None:
    explorer = explore_vq(cloud(300), k=4, steps=0)
    before, figure = explorer.line, explorer.figure()
    start = start_entries(explorer.points, 4, 0)
    assert f"{mean_square(explorer.points, *kmeans_steps(explorer.points, start, 0)):.6f}" in before
    assert len(figure.axes) == 2
    explorer.steps.value = 5
    assert explorer.line != before
    assert f"{explorer.errors()[-1]:.6f}" in explorer.alt
    assert explorer.errors() == sorted(explorer.errors(), reverse=True)
    with pytest.raises(ValueError, match="sliders go from"):
        explore_vq(cloud(10), steps=99)


def test_import_leaves_heavy_packages_alone() -> None:
    heavy = "[m for m in ('torch', 'ipywidgets', 'matplotlib') if m in sys.modules]"
    code = f"import sys; import course_utils.show; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_both_run_in_a_notebook_without_a_front_end(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [
        "import numpy as np\nfrom course_utils.show import explore_vq, vq_toy\n"
        "points = np.random.default_rng(0).normal(size=(200, 2))",
        "vq_toy(points, k=4)",
        "explorer = explore_vq(points, k=4)\nexplorer",
        "explorer.k.value = 9\nexplorer.line",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    toy, explorer, moved = (cell.outputs for cell in notebook.cells[1:])
    assert [sorted(output.data) for output in toy] == [["text/html", "text/plain"], ["image/png", "text/plain"]]
    assert [o.output_type for o in explorer] == ["display_data"] * 3
    assert explorer[2].metadata["image/png"]["alt"].startswith("200 points")
    assert "k = 9" in explorer[1].data["text/plain"], "the figure already shown follows the sliders"
    assert moved[-1].data["text/plain"].startswith("'k = 9")
