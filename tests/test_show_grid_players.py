"""The grid of players: every figure on it is measured, every sound has its place, what does not fit is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from course_utils.show import GridRow, strategy_grid
from course_utils.vampnet import painted


@pytest.fixture(scope="module")
def grid(painter_material: Any) -> Any:
    return painter_material.small_grid()


def test_ten_players_in_two_rows(grid: Any) -> None:
    data = grid.data()
    assert [row["tracks"] for row in data["rows"]] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert len(data["tracks"]) == len(data["players"]) == len(data["labels"]) == 10
    assert data["labels"][6] == "Two: vamp"
    assert [row["says"] for row in data["rows"]] == ["wild", "faithful"]
    assert data["players"][5]["mask"] is None
    assert painted(data["players"][6]["mask"]) == grid.rows[1].players[0].strategy.mask
    assert data["subtitle"] == "no VampNet, 36 coarse and 2 fine passes, seed 3"
    json.dumps(data, allow_nan=False)


def test_the_figures_are_those_of_the_codes(grid: Any, painter_material: Any) -> None:
    before, after = painter_material.codes_of(), painter_material.codes_of(seed=9)
    for player, cell in zip(grid.rows[0].players, grid.data()["players"][1:5], strict=True):
        mask = player.strategy.mask
        figures = dict(cell["figures"])
        assert figures["kept tokens"] == f"{mask.n_kept:,}"
        assert figures["of all tokens"] == f"{mask.kept_fraction:.1%}"
        assert figures["same, kept"] == "100%"
        same = float((before == after)[mask.generate].double().mean())
        assert figures["same, new"] == f"{same:.1%}"
        assert figures["chroma"] == f"{player.outcome.chroma:.2f}".replace("-", "\u2212")
        assert f"Kept {mask.n_kept:,} tokens" in grid.alt


def test_nearly_all_is_not_all(grid: Any) -> None:
    from course_utils.show.prompted import share

    assert [share(value) for value in (1.0, 0.99999, 0.5, 0.0)] == ["100%", "99.9%", "50.0%", "0.0%"]


def test_the_twin_and_the_page(grid: Any, painter_material: Any) -> None:
    assert grid.png().startswith(b"\x89PNG")
    assert "10 players" in grid.alt
    assert "stored as MP3" in grid.note
    assert grid.html().count("<iframe") == 1
    more = painter_material.small_grid(("vamp", "dense", "inpaint", "beat", "continue", "compress"))
    assert len(more.data()["tracks"]) == 14
    assert more.png().startswith(b"\x89PNG")


def test_what_does_not_fit_is_refused(grid: Any) -> None:
    first = grid.rows[0]
    with pytest.raises(ValueError, match="at least one row"):
        strategy_grid([])
    with pytest.raises(ValueError, match="at least one player"):
        strategy_grid([GridRow("One", first.original, [])])
    with pytest.raises(ValueError, match="one playhead needs one length"):
        strategy_grid([GridRow("One", first.original[:-1], first.players)])
    with pytest.raises(ValueError, match="two different players"):
        strategy_grid([first], abx=(1, 1))
    with pytest.raises(ValueError, match="two different players"):
        strategy_grid([first], abx=(0, 5))
    with pytest.raises(ValueError, match="one page can play 32"):
        strategy_grid([first] * 7)
    with pytest.raises(ValueError, match="do not fit"):
        strategy_grid([first], budget=1000)
    silent = GridRow("One", np.zeros_like(first.original), first.players)
    assert strategy_grid([silent]).data()["peak"] > 0
