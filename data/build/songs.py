"""A song of the course's own composer: what the commands that sample notes take when no file is named."""

from __future__ import annotations

from pathlib import Path

from course_utils.amt.midi import write_midi
from course_utils.train.music import song_piece

SONGS = {"ballad": 7}  # file name and seed; seeds below FIRST_TRAINING_SEED are held out of training


def build(target: Path, packages: Path | None) -> None:
    """Write the songs into target/midi/songs, as the events that the models read; no package is needed."""
    for name, seed in SONGS.items():
        path = target / "midi" / "songs" / f"{name}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(path, song_piece(seed).triples)
