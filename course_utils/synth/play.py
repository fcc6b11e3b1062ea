"""Which synthesiser plays a piece: the course's own, or FluidSynth where it is installed and asked for."""

from __future__ import annotations

import importlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pretty_midi
from numpy.typing import NDArray

from course_utils.paths import data_folder
from course_utils.synth.render import Renderer, substitutions
from course_utils.synth.soundfont import read_presets

RELEASE_SECONDS = 1.5  # of decay after the last note
FLUIDSYNTH_MISSING = (
    "fluidsynth=True needs the package pyfluidsynth and the FluidSynth library ({found}). Install both "
    "(pip install pyfluidsynth; the library is called fluidsynth or fluid-synth in most package managers), or leave "
    "fluidsynth=True away: the course's own synthesiser needs neither"
)


class FluidSynthError(RuntimeError):
    """FluidSynth was asked for and is not there, or could not play the piece."""


def shipped_font() -> Path:
    """The path of the SoundFont that comes with the course."""
    return data_folder() / "soundfont" / "FluidR3Mono_GM_small.sf3"


def play(
    midi: pretty_midi.PrettyMIDI,
    rate: int = 44100,
    seconds: float | None = None,
    *,
    fluidsynth: bool = False,
    font: str | Path | None = None,
) -> NDArray[np.float32]:
    """The sound of a piece, mono, float32 [N] at `rate` samples a second; events come through `amt.to_pretty_midi`.

    seconds: its exact length, None up to the last note's end and 1.5 s of decay. font: a SoundFont other than the
    shipped one. A program that the font lacks is played by its nearest relative, and a SubstitutionWarning says so.
    fluidsynth: FluidSynth plays instead, through pretty_midi; it scales each piece to full level. Raises
    FluidSynthError if it is not installed or fails, SoundFontError for a font that cannot be read.
    """
    path = shipped_font() if font is None else Path(font)
    if not fluidsynth:
        return loaded(path, rate).mono(midi, seconds, RELEASE_SECONDS)
    length = round((midi.get_end_time() + RELEASE_SECONDS if seconds is None else seconds) * rate)
    return _to_length(_by_fluidsynth(midi, rate, path), length)


def loaded(font: str | Path, rate: int = 44100) -> Renderer:
    """The course's synthesiser with this SoundFont, loaded once a process, rate in samples a second.

    The same piece gives the same samples whatever was played before; a font that has changed since is loaded anew.
    Raises SoundFontError for a font that cannot be read, FileNotFoundError for one that is not there.
    """
    return _renderer(Path(font), rate, _stamp(Path(font)))


def what_is_said(midi: pretty_midi.PrettyMIDI, font: str | Path | None = None) -> list[str]:
    """One sentence for each program, kit or key of a piece that another one has to play; empty if there is none."""
    return substitutions(midi, read_presets(shipped_font() if font is None else font))


def has_fluidsynth() -> bool:
    """Whether `play(..., fluidsynth=True)` would find its package and its library."""
    return not _missing()


@lru_cache(maxsize=2)
def _renderer(font: Path, rate: int, stamp: tuple[int, int]) -> Renderer:
    """A font takes a second to load, and what a renderer plays does not depend on what it played before."""
    return Renderer(font, rate)


def _stamp(font: Path) -> tuple[int, int]:
    """Size and time of change of a font, so that a changed file is loaded anew."""
    state = font.stat()
    return state.st_size, state.st_mtime_ns


def _missing() -> str:
    """Why FluidSynth cannot be used, "" if it can."""
    try:
        importlib.import_module("fluidsynth")
    except (ImportError, OSError, AttributeError) as error:  # without its library the package raises any of these
        return f"{type(error).__name__}: {error}"
    return ""


def _by_fluidsynth(midi: pretty_midi.PrettyMIDI, rate: int, font: Path) -> NDArray[np.float32]:
    found = _missing()
    if found:
        raise FluidSynthError(FLUIDSYNTH_MISSING.format(found=found))
    try:
        return np.asarray(midi.fluidsynth(fs=rate, sf2_path=str(font)), dtype=np.float32)
    except Exception as error:  # the binding raises many kinds
        raise FluidSynthError(
            f"FluidSynth could not play the piece with {font.name} ({type(error).__name__}: {error}); "
            "leave fluidsynth=True away, or give a font in .sf2 format"
        ) from error


def _to_length(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Cut, or filled up with silence."""
    return np.pad(samples[:length], (0, max(length - len(samples), 0)))
