"""Audio in: every format, rate and channel count; seeking and streaming agree with the whole; faults are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.audio import AudioError, Clip, audio_seconds, blocks, demo_clip, load_audio


def music(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """A sliding tone over noise, float32 [N]: every moment differs from every other."""
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.3 * np.sin(2 * np.pi * (200 * t + 100 * t * t)) + 0.05 * noise).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_16", 4e-5),
        ("wav", "PCM_U8", 0.01),
        ("wav", "FLOAT", 0),
        ("flac", "PCM_24", 2e-7),
        ("ogg", "VORBIS", 0.2),
        ("mp3", "MPEG_LAYER_III", 0.2),
    ],
)
def test_every_format_is_read(tmp_path: Path, suffix: str, subtype: str, tolerance: float) -> None:
    x = 0.3 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100).astype(np.float32)
    sf.write(tmp_path / f"a.{suffix}", x, 44100, subtype=subtype)
    clip = load_audio(tmp_path / f"a.{suffix}")
    assert clip.samples.dtype == np.float32
    assert clip.name == "a"
    assert len(clip.samples) == 44100
    assert clip.seconds == 1.0
    assert np.abs(clip.samples - x).max() <= tolerance


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = music(0.5, 44100, 1), music(0.5, 44100, 2)
    sf.write(tmp_path / "s.wav", np.stack([left, right, -right], axis=1), 44100, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "s.wav").samples, left / 3, atol=1e-7)


@pytest.mark.parametrize("source", [8000, 22050, 32000, 44099, 48000, 96000])
def test_resampling_equals_the_whole_file_in_one_go(tmp_path: Path, source: int) -> None:
    x = music(2.5, source)
    sf.write(tmp_path / "x.wav", x, source, subtype="FLOAT")
    whole = soxr.resample(x, source, 44100, "HQ")
    got = load_audio(tmp_path / "x.wav").samples
    assert abs(len(got) - len(x) * 44100 / source) <= 1
    assert len(got) == len(whole)
    np.testing.assert_allclose(got, whole, atol=2e-6)


def test_resampling_removes_what_would_alias(tmp_path: Path) -> None:
    t = np.arange(96000) / 96000
    sf.write(tmp_path / "x.wav", np.sin(2 * np.pi * 30000 * t), 96000, subtype="FLOAT")
    assert np.abs(load_audio(tmp_path / "x.wav").samples[1000:-1000]).max() < 1e-4


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=st.sampled_from([8000, 11025, 44100, 44099, 48000]),
    start=st.floats(0, 1.9),
    duration=st.floats(0.001, 3),
)
def test_a_part_equals_that_part_of_the_whole(tmp_path: Path, source: int, start: float, duration: float) -> None:
    path = tmp_path / f"{source}.flac"
    if not path.exists():
        sf.write(path, music(2.0, source), source, subtype="PCM_24")
    whole = load_audio(path).samples
    part = load_audio(path, start=start, duration=duration).samples
    first = round(start * 44100)
    expected = whole[first : first + max(1, round(duration * 44100))]
    assert len(part) == len(expected)
    np.testing.assert_allclose(part, expected, atol=3e-6)


@pytest.mark.parametrize(("suffix", "tolerance"), [("ogg", 1e-6), ("mp3", 1e-4)])
def test_seeking_in_compressed_files(tmp_path: Path, suffix: str, tolerance: float) -> None:
    path = tmp_path / f"x.{suffix}"
    sf.write(path, music(4.0, 44100), 44100)
    whole = load_audio(path).samples
    part = load_audio(path, start=2.0, duration=0.5).samples
    np.testing.assert_allclose(part, whole[88200 : 88200 + 22050], atol=tolerance)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.sampled_from([16000, 44100, 48000]), seconds=st.floats(0.003, 4))
def test_blocks_join_to_the_whole(tmp_path: Path, source: int, seconds: float) -> None:
    path = tmp_path / f"{source}.wav"
    if not path.exists():
        sf.write(path, music(2.3, source), source, subtype="FLOAT")
    parts = list(blocks(path, seconds=seconds))
    size = round(seconds * 44100)
    assert [len(p) for p in parts[:-1]] == [size] * (len(parts) - 1)
    assert 0 < len(parts[-1]) <= size
    np.testing.assert_allclose(np.concatenate(parts), load_audio(path).samples, atol=1e-6)


def test_a_part_past_the_end_is_cut_there(tmp_path: Path) -> None:
    sf.write(tmp_path / "x.wav", music(1.0, 44100), 44100)
    assert load_audio(tmp_path / "x.wav", start=0.9, duration=5).seconds == pytest.approx(0.1, abs=1e-4)
    assert audio_seconds(tmp_path / "x.wav") == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 1.0}, "past the end"),
        ({"start": -0.1}, "start must be 0 s or later"),
        ({"start": float("nan")}, "start must be 0 s or later"),
        ({"duration": 0}, "duration must be above 0 s"),
        ({"duration": float("nan")}, "duration must be above 0 s"),
        ({"rate": 0}, "positive whole number"),
        ({"rate": 44100.5}, "positive whole number"),
    ],
)
def test_impossible_parts_are_refused(tmp_path: Path, arguments: dict[str, float], message: str) -> None:
    sf.write(tmp_path / "x.wav", music(1.0, 44100), 44100)
    with pytest.raises(AudioError, match=message):
        load_audio(tmp_path / "x.wav", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "seconds"), [("electronic", 10), ("guitar", 10), ("ladder", 4)])
def test_demo_clips(name: str, seconds: int) -> None:
    clip = demo_clip(name)
    assert (clip.name, clip.rate, clip.seconds) == (name, 44100, seconds)
    assert 0.1 < np.abs(clip.samples).max() <= 0.9


def test_an_unknown_demo_clip_is_refused() -> None:
    with pytest.raises(AudioError, match="electronic, guitar, ladder"):
        demo_clip("banjo")


def test_a_clip_knows_its_length() -> None:
    assert Clip(np.zeros(22050, np.float32)).seconds == 0.5
