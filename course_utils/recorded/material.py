"""The music that recordings are made with: the demo clips, and music that no model was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from course_utils.audio import SAMPLE_RATE, demo_clip, load_audio
from course_utils.audio.clip import DEMO_CLIPS
from course_utils.paths import data_folder
from course_utils.synth.compose import compose
from course_utils.synth.render import Renderer

Samples = npt.NDArray[np.float32]

FONT = "soundfont/FluidR3Mono_GM_small.sf3"
LEVEL = 0.14  # root mean square that rendered music is brought to, as in training
# Music measured in a sweep: none of it was trained on, nor used to choose among checkpoints.
CLIPS = (
    "electronic",
    "guitar",
    "ladder",
    "heldout_arovane_a",
    "fd12_freedoom1_D_E3M7",
    "fd12_freedoom2_D_RUNNIN",
    "composed-100",
    "composed-101",
)
# Other music, that generated music is compared with: held-out pieces, and composed ones of unused seeds.
REFERENCE = (
    "heldout_arovane_b",
    "fd13_freedoom2_D_BETWEE",
    "fd12_freedm_D_COUNT2",
    "fd12_freedm_D_RUNNIN",
    "fd12_freedm_D_SHAWN",
    "fd12_freedoom1_D_E1M5",
    "fd12_freedoom1_D_E1M8",
    "fd12_freedoom1_D_E2M3",
    "fd12_freedoom1_D_E2M4",
    "fd12_freedoom2_D_COUNTD",
    "fd12_freedoom2_D_SHAWN",
    *(f"composed-{seed}" for seed in range(110, 121)),
)


def music_files(names: Iterable[str]) -> list[str]:
    """What decides how these pieces sound: recordings, MIDI files, the SoundFont, the code that composes and plays."""
    found = {"course_utils/audio/clip.py", f"data/{FONT}"}
    found |= {f"course_utils/synth/{module}.py" for module in ("compose", "harmony", "render", "soundfont", "styles")}
    for name in names:
        if name in DEMO_CLIPS or name.startswith("heldout_"):
            found.add(f"data/clips/{name}.flac")
        elif not name.startswith("composed-"):
            found.add(f"data/midi/freedoom/{name}.mid")
    return sorted(found)


def music(name: str, seconds: float) -> Samples:
    """The beginning of a demo clip, a held-out recording, a Freedoom piece or "composed-SEED": float32 [N].

    A clip that is shorter than that is not made longer.
    """
    if name in DEMO_CLIPS:
        return demo_clip(name).samples[: round(seconds * SAMPLE_RATE)]
    if name.startswith("heldout_"):
        return load_audio(data_folder() / "clips" / f"{name}.flac", duration=seconds).samples
    return _rendered(name, seconds)


def all_music(names: tuple[str, ...], seconds: float) -> Iterator[tuple[str, Samples]]:
    """(name, samples) of each."""
    for name in names:
        yield name, music(name, seconds)


def _rendered(name: str, seconds: float) -> Samples:
    import pretty_midi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sloppy headers, and programs played by related ones
        if name.startswith("composed-"):
            midi = compose(int(name.removeprefix("composed-")), seconds)
        else:
            midi = pretty_midi.PrettyMIDI(str(data_folder() / "midi" / "freedoom" / f"{name}.mid"))
        samples = _renderer(str(data_folder() / FONT)).mono(midi, seconds)
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.clip(samples * (LEVEL / max(rms, 1e-4)), -1, 1).astype(np.float32)


@lru_cache(maxsize=1)
def _renderer(font: str) -> Renderer:
    return Renderer(font, SAMPLE_RATE)
