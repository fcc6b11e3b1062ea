"""Which synthesiser plays a piece: the course's own, or FluidSynth where it is installed and asked for."""

from __future__ import annotations

import importlib
import io
import os
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pretty_midi
from numpy.typing import NDArray

from course_utils.paths import data_folder
from course_utils.synth.render import Renderer, substitutions
from course_utils.synth.soundfont import read_presets

# A piece; its events and controls, int64 [N, 3]; or the path of a MIDI file.
Playable: TypeAlias = "pretty_midi.PrettyMIDI | NDArray[np.int64] | str | os.PathLike[str]"

RELEASE_SECONDS = 1.5  # of decay after the last note
FLUIDSYNTH_MISSING = (
    "fluidsynth=True needs the package pyfluidsynth and the FluidSynth library ({found}). Install both "
    "(pip install pyfluidsynth; the library is called fluidsynth or fluid-synth in most package managers), or leave "
    "fluidsynth=True away: the course's own synthesiser needs neither"
)


class FluidSynthError(RuntimeError):
    """FluidSynth was asked for and is not there, or could not play the piece."""


class PieceError(ValueError):
    """A file that is no MIDI file, is damaged, or holds no music that can be played."""


def shipped_font() -> Path:
    """The path of the SoundFont that comes with the course."""
    return data_folder() / "soundfont" / "FluidR3Mono_GM_small.sf3"


def play(
    midi: Playable,
    rate: int = 44100,
    seconds: float | None = None,
    *,
    fluidsynth: bool = False,
    font: str | Path | None = None,
) -> NDArray[np.float32]:
    """The sound of a piece, mono, float32 [N] at `rate` samples a second.

    midi: the piece, its events and controls int64 [N, 3] as in `amt`, or the path of a MIDI file. seconds: its exact
    length, None up to the last note's end and 1.5 s of decay. font: a SoundFont other than the shipped one. A program
    that the font lacks is played by its nearest relative, and a SubstitutionWarning says so.
    fluidsynth: FluidSynth plays instead, through pretty_midi; it scales each piece to full level. Raises
    FluidSynthError if it is not installed or fails, SoundFontError for a font that cannot be read, PieceError for a
    file without music, FileNotFoundError for one that is not there, TokensError for an array that is no events,
    TypeError for anything else.
    """
    midi = _piece(midi)
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


def what_is_said(midi: Playable, font: str | Path | None = None) -> list[str]:
    """One sentence for each program, kit or key of a piece that another one has to play; empty if there is none.

    midi: as for `play`, and its errors.
    """
    return substitutions(_piece(midi), read_presets(shipped_font() if font is None else font))


def has_fluidsynth() -> bool:
    """Whether `play(..., fluidsynth=True)` would find its package and its library."""
    return not _missing()


def _piece(midi: Playable) -> pretty_midi.PrettyMIDI:
    """The piece itself, made of events or read from a path if need be."""
    if isinstance(midi, pretty_midi.PrettyMIDI):
        return midi
    if isinstance(midi, np.ndarray):
        from course_utils.amt import as_triples, to_pretty_midi  # who plays MIDI needs no vocabulary

        return to_pretty_midi(as_triples(midi))
    if not isinstance(midi, str | os.PathLike):
        raise TypeError(
            f"play takes a PrettyMIDI, an array of events [N, 3] or the path of a MIDI file, not {type(midi).__name__}"
        )
    data = Path(midi).read_bytes()
    if data[:4] != b"MThd":
        raise PieceError(f"{midi}: not a MIDI file; it begins with {data[:4]!r}, not with b'MThd'")
    if data[8:10] == b"\0\2":
        raise PieceError(f"{midi}: its tracks are independent songs (MIDI type 2); save it as type 0 or 1")
    if data[12:13] >= b"\x80":
        raise PieceError(f"{midi}: counts time in film frames, not beats; export it with beats (PPQ)")
    try:
        piece = pretty_midi.PrettyMIDI(io.BytesIO(data))
    except Exception as error:  # the parser raises whatever the damage leads to
        raise PieceError(f"{midi}: a damaged MIDI file ({type(error).__name__}: {error}); export it anew") from error
    if not any(track.notes for track in piece.instruments):
        raise PieceError(f"{midi} holds no notes: there is nothing to play")
    return piece


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
