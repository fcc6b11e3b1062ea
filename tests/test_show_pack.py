"""Sound packed for a page: exact, within its budget, and honest about rounding."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils.show import pack

BACK = bytes.maketrans(b",.:[", b"&<>`")


def unpack(tracks: list[pack.Track]) -> list[np.ndarray]:
    """What js/tracks.js does, with libsndfile's own FLAC reader."""
    done: list[np.ndarray] = []
    for track in tracks:
        data = base64.b85decode(track.flac.encode().translate(BACK))
        samples = sf.read(io.BytesIO(data), dtype="int16")[0]
        done.append(samples if track.plus is None else samples + done[track.plus])
    return done


@given(st.binary(max_size=70))
def test_base85_round_trip_without_characters_to_escape(data: bytes) -> None:
    text = pack.to_base85(data)
    assert base64.b85decode(text.encode().translate(BACK)) == data
    assert not set(text) & set("<>&\"'`\\")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.data())
def test_packed_tracks_come_back_exactly(count: int, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 300))
    tracks = [data.draw(arrays(np.int16, length, elements=st.integers(-32768, 32767))) for _ in range(count)]
    for got, expected in zip(unpack(pack.pack(tracks, [16] * count, 44100)), tracks, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_neighbours_share() -> None:
    rng = np.random.default_rng(1)
    one = np.rint(rng.normal(0, 3000, 20000)).astype(np.int16)
    other = (one + rng.integers(-20, 20, 20000)).astype(np.int16)
    packed = pack.pack([one, other], [16, 16], 44100)
    assert packed[1].plus == 0
    assert len(packed[1].flac) < 0.6 * len(packed[0].flac)


@pytest.mark.parametrize("bits", [12, 13, 14, 15, 16])
def test_rounding_is_to_the_nearest_step(bits: int) -> None:
    samples = np.random.default_rng(2).uniform(-0.99, 0.99, 4000)
    integers = pack.to_integers(samples, bits)
    step = 1 << (16 - bits)
    assert not (integers % step).any()
    assert np.abs(integers - samples * 32768).max() <= step / 2 + 1e-6


def test_beyond_full_scale_is_clipped_not_wrapped() -> None:
    assert pack.to_integers(np.array([-1.5, -1.0, 1.0, 1.5])).tolist() == [-32768, -32768, 32767, 32767]


def test_not_finite_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match="sample 2 is nan"):
        pack.to_integers(np.array([0.0, 0.1, np.nan]))


def test_budget_takes_bits_from_the_levels_never_from_the_original() -> None:
    rng = np.random.default_rng(3)
    noise = [rng.normal(0, 0.1, 20000) for _ in range(4)]
    roomy = pack.pack_within(noise[:1], noise[1:], 44100, 10**9)
    assert [t.bits for t in roomy] == [16] * 4
    size = sum(len(t.flac) for t in roomy)
    tight = pack.pack_within(noise[:1], noise[1:], 44100, int(0.85 * size))
    assert tight[0].bits == 16
    assert 12 <= tight[1].bits < 16
    assert sum(len(t.flac) for t in tight) <= 0.85 * size
    np.testing.assert_array_equal(unpack(tight)[0], pack.to_integers(noise[0]))
    np.testing.assert_array_equal(unpack(tight)[2], pack.to_integers(noise[2], tight[2].bits))
    with pytest.raises(ValueError, match="use a shorter excerpt"):
        pack.pack_within(noise[:1], noise[1:], 44100, 1000)
