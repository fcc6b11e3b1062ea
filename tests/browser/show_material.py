"""A small ladder and a small row of sounds for the tests: made by arithmetic, in a moment, the same every time."""

from __future__ import annotations

import numpy as np

from course_utils.audio import Clip
from course_utils.show import Clips, Ladder, LevelAudio, clips_player, ladder

RATE = 44100
HOP = 512


def music(seconds: float) -> np.ndarray:
    """Four chords and a click on each beat, float32 [N]."""
    at = np.arange(int(seconds * RATE)) / RATE
    notes = [(220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (220.0, 261.6, 329.6)]
    out = np.zeros_like(at)
    for i, chord in enumerate(notes):
        since = at - i * seconds / 4
        inside = (since >= 0) & (since < seconds / 4)
        for f in chord:
            out += inside * 0.12 * np.sin(2 * np.pi * f * at) * np.exp(-3 * np.clip(since, 0, None))
        out += inside * 0.3 * np.exp(-np.clip(since, 0, None) * 400) * np.sin(2 * np.pi * 3000 * at)
    return out.astype(np.float32)


def small_ladder(seconds: float = 1.0, **options: object) -> Ladder:
    """A ladder whose level n adds noise that halves with every level."""
    clip = music(seconds)
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.05, len(clip)).astype(np.float32)
    levels = [LevelAudio(clip + noise * 2.0**-n, 3.0 * n - 4, 0.5 - 0.03 * n, 861.328125 * (n + 1)) for n in range(9)]
    codes = rng.integers(0, 1024, (9, -(-len(clip) // HOP)))
    codes[2, [3, 9, 11]] = 7  # one code that returns
    return ladder(Clip(clip, RATE, "four chords"), "arithmetic, no model", levels, codes, seed=7, **options)


def small_clips(**options: object) -> Clips:
    """Three sounds of different length, the first two for a blind test."""
    clip = music(1.0)
    sounds = [("Clean", clip), ("Noisy", clip + np.float32(0.02) * np.sign(clip)), ("Short", clip[:20000])]
    return clips_player(sounds, RATE, "Which is clean?", source="arithmetic, no model", abx=(0, 1), trials=5, **options)
