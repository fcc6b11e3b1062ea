"""The figure of the three schedules: Python and JavaScript draw the same curves and masks, the twin shows its data."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from colour_contrast import contrast
from hypothesis import given, settings
from hypothesis import strategies as st
from test_show_js import node

from course_utils.show import page, schedules_player
from course_utils.show.schedules import COLOURS, CORNERS, NAMES, corner_heights, gammas, luck, sampled_mask
from course_utils.vampnet import schedule

SCRIPT = """
import { readFileSync } from 'node:fs';
import { cornerHeights, gammas, luck, maskedCount } from './schedules.js';

const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const out = cases.map(({ seed, corners, cells, shares }) => {
  const curves = gammas(seed, corners);
  const numbers = luck(cells, seed);
  return {
    heights: cornerHeights(seed, corners),
    curves: Object.fromEntries(Object.entries(curves).map(([name, gamma]) => [name, shares.map(gamma)])),
    numbers: Array.from(numbers),
    counts: shares.map((share) => maskedCount(numbers, share)),
  };
});
console.log(JSON.stringify(out));
"""
SHARES = [0.0, 0.01, 0.25, 1 / 3, 0.5, 0.77, 0.99, 1.0]
SEEDS = (0, 1, 7, 2**31)


def grid(seed: int = 0, shape: tuple[int, int] = (4, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1024, shape)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("schedules")
    shutil.copytree(page.HERE / "js", folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "compare.js").write_text(SCRIPT)
    cases = [{"seed": seed, "corners": CORNERS, "cells": 240, "shares": SHARES} for seed in SEEDS]
    (folder / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [node(), "compare.js", "cases.json"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_javascript_draws_the_same_curves_and_masks(compared: list[dict[str, Any]]) -> None:
    for seed, got in zip(SEEDS, compared, strict=True):
        np.testing.assert_array_equal(got["heights"], corner_heights(seed))
        np.testing.assert_array_equal(got["numbers"], luck(240, seed))
        assert set(got["curves"]) == set(NAMES)
        for name, gamma in gammas(seed).items():
            np.testing.assert_allclose(got["curves"][name], [gamma(r) for r in SHARES], rtol=0, atol=1e-12)
        assert got["counts"] == [int(sampled_mask((4, 60), share, seed).sum()) for share in SHARES]


def test_cosine_and_line_are_those_of_the_schedule_module() -> None:
    r = torch.tensor(SHARES, dtype=torch.float64)
    curves = gammas(0)
    for name, module in (("cosine", schedule.cosine), ("linear", schedule.linear)):
        np.testing.assert_allclose([curves[name](x) for x in SHARES], module(r).numpy(), rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), low=st.floats(0, 1), high=st.floats(0, 1))
def test_curves_fall_and_masks_are_nested(seed: int, low: float, high: float) -> None:
    low, high = sorted((low, high))
    for gamma in gammas(seed).values():
        assert 0 <= gamma(high) <= gamma(low) <= 1
    few, many = (sampled_mask((3, 20), share, seed) for share in (low, high))
    assert not (few & ~many).any(), "more is masked by masking the same and others"


def test_the_ends_mask_everything_and_nothing() -> None:
    player = schedules_player(grid())
    assert set(player.masked(0.0).values()) == {240}
    assert set(player.masked(1.0).values()) == {0}


def test_masks_hold_about_the_share_asked_for() -> None:
    for share in (0.2, 0.5, 0.9):
        found = [sampled_mask((4, 200), share, seed).mean() for seed in range(20)]
        assert np.mean(found) == pytest.approx(share, abs=0.02)


def test_twin_and_words_come_from_the_data() -> None:
    one, other = schedules_player(grid(), source="grid one"), schedules_player(grid(1), r=0.2, seed=3)
    assert one.png().startswith(b"\x89PNG")
    assert one.png() == schedules_player(grid(), source="grid one").png()
    assert one.png() != other.png()
    assert f"cosine 71 % ({one.masked(0.5)['cosine']})" in one.alt
    assert "4 codebooks by 60 frames, 240 codes (grid one)" in one.alt
    assert one.alt != other.alt
    assert all(b > a for a, b in pairwise(sorted(one.shares(0.5).values())))


def test_page_is_small_and_asks_for_nothing() -> None:
    text = schedules_player(grid(), title="A <b>bold</b> title").page()
    assert len(text) < 90_000
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<b>bold" not in text


@pytest.mark.parametrize(("theme", "paper"), [("light", "#ffffff"), ("dark", "#111417")])
def test_names_can_be_read_on_the_paper(theme: str, paper: str) -> None:
    for colour in COLOURS[theme]:
        assert contrast(colour, paper) >= 4.5, f"{colour} on {paper}"


@pytest.mark.parametrize(
    ("codes", "r", "words"),
    [
        (np.zeros((2, 3, 4), int), 0.5, r"\[2, 3, 4\]: expected whole numbers"),
        (np.zeros((2, 0), int), 0.5, r"\[2, 0\]"),
        (np.zeros((2, 3)), 0.5, "float64"),
        (np.zeros((9, 401), int), 0.5, "3609 codes are too many"),
        (np.full((1, 4), 1024), 0.5, "1024 to 1024: expected 0..1023"),
        (np.full((1, 4), -1), 0.5, "-1 to -1"),
        (np.zeros((1, 4), int), 1.5, "r is 1.5"),
        (np.zeros((1, 4), int), float("nan"), "r is nan"),
    ],
)
def test_what_cannot_be_shown_is_refused(codes: np.ndarray, r: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schedules_player(codes, r=r)


def test_tensors_are_taken_too() -> None:
    assert schedules_player(torch.from_numpy(grid())).data()["codes"] == grid().tolist()
