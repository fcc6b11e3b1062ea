"""Measures gathered block by block against those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.audio import MeanCentroid, Tally, demo_clip, mel_distance, si_sdr, spectral_centroid

CLIP = demo_clip("guitar").samples
REFERENCE = CLIP[:200_000]
ESTIMATE = (REFERENCE + 0.02 * np.random.default_rng(0).standard_normal(200_000)).astype(np.float32)


def tally(estimate: np.ndarray, reference: np.ndarray, cuts: list[int]) -> Tally:
    made = Tally(44100)
    for e, r in zip(np.split(estimate, cuts), np.split(reference, cuts), strict=True):
        made.add(e, r)
    return made


def test_one_block_is_measured_as_the_whole() -> None:
    made = tally(ESTIMATE, REFERENCE, [])
    assert made.samples == 200_000
    assert made.si_sdr == pytest.approx(si_sdr(ESTIMATE, REFERENCE), abs=1e-6)
    assert made.mel_distance == pytest.approx(mel_distance(ESTIMATE, REFERENCE))
    assert made.centroid == pytest.approx(spectral_centroid(ESTIMATE))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True))
def test_blocks_hardly_differ_from_the_whole(tenths: list[int]) -> None:
    made = tally(ESTIMATE, REFERENCE, [t * 20_000 for t in sorted(tenths)])
    assert made.si_sdr == pytest.approx(si_sdr(ESTIMATE, REFERENCE), abs=1e-6)
    assert made.mel_distance == pytest.approx(mel_distance(ESTIMATE, REFERENCE), rel=0.02)
    assert made.centroid == pytest.approx(spectral_centroid(ESTIMATE), rel=0.02)


def test_ends_of_the_scale() -> None:
    silence = np.zeros(5000, np.float32)
    assert tally(REFERENCE, REFERENCE, [9000]).si_sdr == 100
    assert tally(silence, REFERENCE[:5000], []).si_sdr == -100
    assert tally(REFERENCE[:5000], silence, []).si_sdr is None
    assert tally(silence, silence, []).mel_distance == 0
    assert tally(silence, silence, []).centroid == 0


def test_the_centroid_weighs_by_magnitude() -> None:
    made = MeanCentroid(44100)
    made.add(REFERENCE)
    made.add(np.zeros(200_000, np.float32))
    assert made.hertz == pytest.approx(spectral_centroid(REFERENCE))
