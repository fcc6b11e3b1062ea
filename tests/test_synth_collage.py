"""Collages: deterministic, on the grid, right length and level, and never made of held-out samples."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.synth import collage as module
from course_utils.synth.collage import (
    HELD_OUT,
    SampleBox,
    centred,
    collage,
    groove_of,
    kind_of,
    lay,
    master,
    pitched,
    root_of,
)

RATE = 44100
SONIC_PI = Path("/usr/share/sonic-pi/samples")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up sample collection with every kind in it, and two names that must not be used."""
    target = tmp_path_factory.mktemp("samples")
    noise = np.random.default_rng(0).standard_normal(2 * RATE)
    time = np.arange(2 * RATE) / RATE
    sounds = {
        "bd_thump": np.sin(2 * np.pi * 60 * time[:8000]) * np.exp(-time[:8000] * 20),
        "sn_crack": noise[:6000] * np.exp(-time[:6000] * 30),
        "drum_cymbal_closed": np.diff(noise[:3001]) * np.exp(-time[:3000] * 60),
        "tabla_na": np.sin(2 * np.pi * 400 * time[:9000]) * np.exp(-time[:9000] * 15),
        "elec_ping": np.sin(2 * np.pi * 880 * time[:20000]) * np.exp(-time[:20000] * 6),
        "bass_deep_c": np.sin(2 * np.pi * 65.4 * time[:30000]),
        "ambi_air": 0.3 * noise,
        "loop_beat": noise * (np.sin(2 * np.pi * 4 * time) > 0.9),
        "misc_door": noise[:10000],
        "loop_mika": np.full(RATE, 0.5),
        "loop_amen_full": np.full(RATE, 0.5),
    }
    for name, sound in sounds.items():
        soundfile.write(target / f"{name}.flac", 0.5 * sound / np.abs(sound).max(), RATE)
    soundfile.write(target / "perc_slow.wav", 0.1 * noise[:4000, None] * [1, 1], 22050)
    return target


@pytest.fixture(scope="module")
def box(folder: Path) -> SampleBox:
    return SampleBox(folder)


@given(seed=st.integers(0, 10**6), seconds=st.floats(0.05, 12))
@settings(max_examples=25, deadline=None)
def test_length_range_and_level(box: SampleBox, seed: int, seconds: float):
    sound = box.collage(seed, seconds)
    assert sound.shape == (round(seconds * RATE),)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 0.95


@pytest.mark.parametrize("seed", range(8))
def test_level_of_a_whole_collage(box: SampleBox, seed: int):
    sound = box.collage(seed, 10)
    assert -27 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -15
    assert abs(sound.mean()) < 1e-3


def test_same_seed_same_samples_in_any_box(folder: Path, box: SampleBox):
    np.testing.assert_array_equal(collage(5, 6, folder), box.collage(5, 6))
    assert not np.array_equal(box.collage(5, 6), box.collage(6, 6))


def test_held_out_samples_are_never_opened(folder: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    read = soundfile.read
    monkeypatch.setattr(
        module.soundfile, "read", lambda path, **kw: (opened.append(Path(path).stem), read(path, **kw))[1]
    )
    fresh = SampleBox(folder)
    for seed in range(40):
        fresh.collage(seed, 2)
    assert {"bd_thump", "loop_beat", "perc_slow"} <= set(opened)
    assert not [name for name in opened if any(part in name for part in HELD_OUT)]


def test_held_out_names_cover_the_demo_clips():
    for name in ("loop_garzul", "loop_mika", "guit_em9", "loop_amen", "loop_amen_full", "arovane_beat_a"):
        assert any(part in name for part in HELD_OUT), name
    assert not any(part in "loop_mehackit1" for part in HELD_OUT)


def test_strokes_fall_on_the_sixteenth_grid(box: SampleBox):
    step = RATE * 15 / 120
    out = box._pattern("kick", random.Random(1), step, 8 * RATE, 0)
    loud = np.abs(out).reshape(-1, 100).max(axis=1)
    starts = [i * 100 for i in range(1, len(loud)) if loud[i] > 0.1 and loud[max(0, i - 20) : i].max() < 0.01]
    assert len(starts) > 8
    assert all(min(start % step, step - start % step) < 200 for start in starts)


def test_empty_folder_and_no_duration(tmp_path: Path, box: SampleBox):
    with pytest.raises(FileNotFoundError, match="sonic-pi-samples"):
        SampleBox(tmp_path)
    with pytest.raises(ValueError, match="above 0 s"):
        box.collage(1, 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bd_808", "kick"),
        ("drum_bass_hard", "kick"),
        ("elec_hi_snare", "snare"),
        ("drum_cymbal_open", "hat"),
        ("elec_wood", "perc"),
        ("bass_hit_c", "bass"),
        ("loop_drone_g_97", "pad"),
        ("loop_tabla", "loop"),
        ("vinyl_hiss", "effect"),
        ("something_else", "perc"),
    ],
)
def test_kinds(name: str, kind: str):
    assert kind_of(name) == kind


def test_roots_and_transpositions():
    assert [root_of(name) for name in ("bass_dnb_f", "guit_e_slide", "drone_g_97", "key_c4", "bass_x")] == [
        5,
        4,
        7,
        0,
        0,
    ]
    assert [centred(n) for n in (0, 5, 6, 7, 12, -7, 17)] == [0, 5, -6, -5, 0, 5, 5]


def test_pitch_by_resampling_doubles_the_frequency_in_half_the_time():
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    higher = pitched(tone, 12, RATE)
    assert len(higher) == pytest.approx(RATE / 2, abs=2)
    assert np.abs(np.fft.rfft(higher)).argmax() * RATE / len(higher) == pytest.approx(880, abs=3)


@pytest.mark.parametrize("seed", range(12))
def test_rhythms_have_sixteen_steps(seed: int):
    for kind in ("kick", "snare", "hat", "perc", "effect"):
        pattern = groove_of(kind, random.Random(seed))
        assert len(pattern) == 16
        assert any(mark.isdigit() for mark in pattern)


def test_what_falls_outside_is_dropped():
    out = np.zeros(10, np.float32)
    lay(out, np.ones(4, np.float32), 8, 0.5)
    lay(out, np.ones(4, np.float32), 12, 0.5)
    np.testing.assert_array_equal(out, [0] * 8 + [0.5, 0.5])


def test_master_keeps_quiet_sound_and_rounds_off_peaks():
    quiet = (0.2 * np.sin(np.arange(RATE) * 0.05)).astype(np.float32)
    level = 20 * np.log10(np.sqrt(np.mean(quiet**2)))
    np.testing.assert_allclose(master(quiet, level), quiet - quiet.mean(), atol=1e-6)
    assert np.abs(master(quiet, 0)).max() < 0.95


@pytest.mark.skipif(not SONIC_PI.is_dir(), reason="the Debian package sonic-pi-samples is not installed")
def test_real_collection():
    box = SampleBox(SONIC_PI)
    assert {
        kind: len(box.names(kind)) > 3 for kind in ("kick", "snare", "hat", "perc", "tone", "bass", "pad", "loop")
    } == {kind: True for kind in ("kick", "snare", "hat", "perc", "tone", "bass", "pad", "loop")}
    sound = box.collage(0, 8)
    assert -27 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -15
