"""How near a stand-in of the synthesiser comes to the instrument that the small soundfont lacks.

    python data/build/stand_ins.py --packages FOLDER

The soundfont that ours was cut from has all 128 programs. Each that we lack is played by it, and by its stand-in, at
four pitches. The distance of the two sounds is the mean difference of their mel spectra over time, in decibels below
the loudest place of each, so that loudness as such does not count. Beside it stands the distance of the program with
the nearest number, which would play without `STAND_INS` and `KIT_STAND_INS`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # course_utils, from the clone

import librosa
import numpy as np
import pretty_midi
from packages import FLUID, MissingPackageError
from soundfont import SOURCE

from course_utils.synth import soundfont
from course_utils.synth.play import shipped_font
from course_utils.synth.render import Renderer, SubstitutionWarning

PITCHES = (43, 55, 67, 79)
HELD, HEARD = 0.8, 1.5  # s
RATE = 44_100
FLOOR = -50.0  # dB below the loudest place: what is softer counts as silent


class Compared(NamedTuple):
    """Distances in dB of a program's stand-in, and of the program that has the nearest number."""

    program: int
    stand_in: str
    distance: float
    nearest: str
    nearest_distance: float


def spectrum(renderer: Renderer, program: int, pitch: int) -> Any:
    """Mel spectrum [mels, frames] of one note, in dB below its loudest place, at least FLOOR."""
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(program))
    midi.instruments[0].notes.append(pretty_midi.Note(90, pitch, 0.0, HELD))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SubstitutionWarning)
        sound = renderer.mono(midi, HEARD)
    power = librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=2048, hop_length=1024, n_mels=64)
    level = 10 * np.log10(np.maximum(power, 1e-12))
    return np.maximum(level - level.max(), FLOOR)


def distance(full: Renderer, program: int, small: Renderer, plays: int) -> float:
    """Of a program of the full soundfont from what the small one plays for program number `plays`."""
    pairs = [(spectrum(full, program, pitch), spectrum(small, plays, pitch)) for pitch in PITCHES]
    return float(np.mean([np.abs(a - b).mean() for a, b in pairs]))


def compare(full: Renderer, small: Renderer) -> list[Compared]:
    """Every stand-in that is not the program with the nearest number anyway."""
    there = {preset.program: preset.name for preset in small.presets if preset.bank != soundfont.DRUM_BANK}
    found = []
    for program in sorted({*soundfont.STAND_INS, *soundfont.KIT_STAND_INS} - set(there)):
        nearest = soundfont.nearest_program(program, there, {})
        preset, _ = soundfont.choose_preset(program, False, small.presets)
        keys = " " + ", ".join(map(str, sorted(preset.keys))) if preset.bank == soundfont.DRUM_BANK else ""
        distances = (distance(full, program, small, plays) for plays in (program, nearest))
        found.append(Compared(program, preset.name + keys, next(distances), there[nearest], next(distances)))
    return found


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, help="folder with the downloaded packages")
    options = parser.parse_args()
    try:
        whole = FLUID.read(SOURCE, options.packages)
    except (MissingPackageError, ValueError, KeyError) as error:
        print(error)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.sf3"
        path.write_bytes(whole)
        for row in compare(Renderer(path, RATE), Renderer(shipped_font(), RATE)):
            name = pretty_midi.program_to_instrument_name(row.program)
            worse = "  further" if row.distance > row.nearest_distance + 0.05 else ""
            print(
                f"{row.program:4} {name:24} {row.distance:5.1f} dB {row.stand_in:32} "
                f"{row.nearest_distance:5.1f} dB {row.nearest}{worse}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
