"""k-means only ever improves, finds clusters that are there, and copes with too few points."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.codec import kmeans, nearest, nearest_by_cosine
from course_utils.codec.kmeans import means


def cloud(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def error(points: torch.Tensor, entries: torch.Tensor) -> float:
    return float((points - entries[nearest(points, entries)]).square().sum(1).mean())


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 200), d=st.integers(1, 6), k=st.integers(1, 40), rounds=st.integers(0, 6), seed=st.integers(0, 999)
)
def test_no_round_makes_it_worse(n: int, d: int, k: int, rounds: int, seed: int) -> None:
    points = cloud(n, d, seed)
    before = error(points, kmeans(points, k, rounds, seed))
    after = error(points, kmeans(points, k, rounds + 1, seed))
    assert after <= before * (1 + 1e-4) + 1e-6


def test_it_is_better_than_the_points_it_started_from() -> None:
    points = cloud(2000, 2)
    start = points[torch.randperm(2000, generator=torch.Generator().manual_seed(5))[:16]]
    assert error(points, kmeans(points, 16, 10, seed=5)) < 0.9 * error(points, start)


def test_clusters_far_apart_are_found() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    points = (centres[:, None] + 0.1 * cloud(400, 2).view(4, 100, 2)).flatten(0, 1)
    # One of a few starts has a point in each cluster; the best is the answer, as one uses k-means.
    best = min((kmeans(points, 4, 20, seed) for seed in range(8)), key=lambda entries: error(points, entries))
    found = best[nearest(centres, best)]
    torch.testing.assert_close(found, centres, atol=0.05, rtol=0)


def test_nearest_is_the_nearest() -> None:
    points, entries = cloud(300, 5, 1), cloud(20, 5, 2)
    assert torch.equal(nearest(points, entries), torch.cdist(points, entries).argmin(1))


def test_cosine_looks_at_direction_and_euclid_at_distance() -> None:
    points = torch.tensor([[10.0, 1.0]])
    entries = torch.tensor([[1.0, 0.0], [8.0, 8.0]])  # the first points the same way, the second lies nearer
    assert nearest_by_cosine(points, entries).tolist() == [0]
    assert nearest(points, entries).tolist() == [1]


@given(scale=st.floats(0.01, 100.0))
@settings(max_examples=20, deadline=None)
def test_cosine_does_not_hear_loudness(scale: float) -> None:
    points, entries = cloud(50, 8, 3), cloud(16, 8, 4)
    assert torch.equal(nearest_by_cosine(points * scale, entries), nearest_by_cosine(points, entries))


def test_one_seed_gives_one_codebook_whatever_ran_before() -> None:
    points = cloud(500, 4)
    first = kmeans(points, 32, seed=7)
    torch.rand(10)  # the global generator must not matter
    assert torch.equal(first, kmeans(points, 32, seed=7))
    assert not torch.equal(first, kmeans(points, 32, seed=8))


def test_the_points_are_left_alone() -> None:
    points = cloud(50, 3)
    kept = points.clone()
    kmeans(points, 8)
    assert torch.equal(points, kept)


@pytest.mark.parametrize("n", [1, 3, 7])
def test_fewer_points_than_entries_are_all_kept(n: int) -> None:
    points = cloud(n, 3)
    entries = kmeans(points, 8)
    assert entries.shape == (8, 3)
    assert error(points, entries) < 1e-10


def test_no_entry_stays_unused_when_there_are_points_enough() -> None:
    # 30 points in one spot and 30 apart: a start of copies must be spread over the others
    points = torch.cat([torch.zeros(30, 2), 10 * cloud(30, 2)])
    entries = kmeans(points, 16, 20)
    assert len(nearest(points, entries).unique()) >= 15


def test_an_entry_nobody_chose_stays_where_it_is() -> None:
    entries = torch.tensor([[0.0], [5.0]])
    moved = means(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0]), entries)
    assert moved.tolist() == [[2.0], [5.0]]


@pytest.mark.parametrize(("n", "k"), [(0, 4), (4, 0), (4, -1)])
def test_nothing_to_do_is_refused(n: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"got {n} points and k = {k}"):
        kmeans(torch.zeros(n, 2), k)
