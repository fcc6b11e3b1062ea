"""A row of sounds stored as MP3: smaller, said so with the measured error, aligned to the sample."""

import numpy as np
import pytest

from course_utils.show import clips_player
from course_utils.show.pack_lossy import from_mp3, to_mp3

RATE = 44100


@pytest.fixture(scope="module")
def tone():
    at = np.arange(RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * 330 * at) * np.exp(-2 * at)).astype(np.float32)


def test_mp3_takes_less_room_and_the_page_says_what_it_changes(tone):
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    sounds = [("tone", tone), ("noise", noise)]
    plain, small = clips_player(sounds), clips_player(sounds, packing="mp3", budget=60_000)
    assert len(small.html()) < len(plain.html()) - 60_000
    assert plain.data()["lossy"] is False
    assert small.data()["lossy"] is True
    assert all("mp3" in track for track in small.data()["tracks"])
    assert "without loss" in plain.note
    assert "MP3" in small.note
    assert "without loss" not in small.note


def test_what_is_stored_begins_on_the_same_sample(tone):
    back = from_mp3(to_mp3(tone, RATE, 96), len(tone))
    lags = np.correlate(back, tone, mode="full")
    assert np.argmax(lags) == len(tone) - 1


def test_another_packing_is_refused(tone):
    with pytest.raises(ValueError, match="packing is 'ogg': choose 'flac'"):
        clips_player([("tone", tone)], packing="ogg")


def test_the_picture_shows_a_spectrogram_only_where_the_player_does(tone):
    sounds = [("tone", tone)]
    assert len(clips_player(sounds, spectrogram=False).png()) < 0.7 * len(clips_player(sounds).png())
