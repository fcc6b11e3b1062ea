"""What stands at the head and the foot of every lesson: title and links, set-up, downloads, how to reproduce it."""

from __future__ import annotations

import base64
import html
import io
import platform
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from course_utils.codec import Codec

SAMPLE_RATE = 44100  # Hz, of sound that comes without a rate
COURSE = "Two Poles: controllable music generation from the codes up"
MIME_TYPES = {"flac": "audio/flac", "wav": "audio/wav", "mid": "audio/midi"}
# Lessons that hear VampNet, and say at once which one.
WITH_VAMPNET = (0, 2, 3, 4, 8, 9)
# Packages whose version can change a number that a lesson prints.
VERSIONS_SHOWN = ("torch", "numpy", "scipy", "librosa", "descript-audio-codec", "soundfile")


@dataclass(frozen=True)
class Lesson:
    """One lesson of the series: number, title, what the reader can do after it, minutes to read, what it builds on."""

    number: int
    title: str
    able: str
    reading: int
    builds_on: str


LESSONS = {
    lesson.number: lesson
    for lesson in (
        Lesson(
            0,
            "Start here: hear it first",
            "hear what a neural codec keeps of a sound at each of its nine levels, say which model you are hearing, "
            "and tell the two roads of this course apart",
            8,
            "nothing; a little Python for one exercise",
        ),
        Lesson(
            1,
            "RVQ codes",
            "turn a sound into a grid of 9 x T codes with a quantiser that you wrote yourself, and measure "
            "what each level adds to rhythm, pitch and timbre",
            45,
            "a little Python and numpy; no machine learning",
        ),
        Lesson(
            2,
            "Masked tokens",
            "train a model that fills gaps, and prove that it looks both ways",
            45,
            "lesson 01",
        ),
        Lesson(
            3,
            "Parallel decoding, 36 passes",
            "fill a whole grid of codes with a pass of the decoder that you wrote yourself, say what each of the 36 "
            "passes decides, and measure what more of them give",
            50,
            "lesson 02",
        ),
        Lesson(
            4,
            "Prompting with masks",
            "vary, extend and repair a recording by choosing what to cover, and measure how much of it comes back",
            45,
            "lesson 03",
        ),
        Lesson(
            5,
            "Music as events",
            "turn MIDI into events and back by rules that you wrote, measure what is lost, and read a table of "
            "perplexities",
            35,
            "lesson 00; a little Python and numpy",
        ),
        Lesson(
            6,
            "Four interleavings",
            "put events and controls in an order that a model can sample from, and catch a rule that looks into the "
            "future",
            40,
            "lesson 05",
        ),
        Lesson(
            7,
            "Anticipatory sampling",
            "sample an accompaniment event by event with a step that you wrote yourself, show what each rule of "
            "sampling prevents, and say what 18 wins in 60 prove and what they do not",
            45,
            "lesson 06",
        ),
        Lesson(
            8,
            "Two poles",
            "choose between the two roads by what you measured, and chain them",
            30,
            "lessons 04 and 07",
        ),
        Lesson(
            9,
            "Train and scale",
            "train the course's models yourself, on a laptop or on many GPUs",
            30,
            "lessons 03 and 07",
        ),
    )
}

# --- text that is written into the lessons (course_utils/upkeep/cells.py does so) ---------------------------------


def header(number: int, stem: str, repository: str, exercise_minutes: int = 0) -> str:
    """The first cell's Markdown. stem: the notebook's file name; repository: owner/name on GitHub."""
    lesson = LESSONS[number]
    path = f"notebooks/{stem}.ipynb"
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}"
    minutes = f"{lesson.reading} minutes to read"
    if exercise_minutes:
        minutes += f", {lesson.reading + exercise_minutes} with the exercises"
    return (
        f"# {number:02d} · {lesson.title}\n\n"
        f"**After this lesson you can** {lesson.able}.\n\n"
        f"{minutes} · builds on: {lesson.builds_on}\n\n"
        f"[open in Colab] · [open in Binder] · [glossary](glossary.md)\n\n"
        f"[open in Colab]: {colab}\n[open in Binder]: {binder}"
    )


def bootstrap(repository: str) -> str:
    """The code of the cell that makes a notebook service ready; where the course is installed it does nothing."""
    name = repository.split("/")[-1]
    return f"""\
# Needed on Colab only: fetches the course, adds the packages that are missing, replaces none.
import importlib.util
import pathlib
import subprocess
import sys

if importlib.util.find_spec("course_utils") is None:
    folder = pathlib.Path("..") if pathlib.Path("../course_utils").is_dir() else pathlib.Path("{name}")
    if not folder.is_dir():
        address = "https://github.com/{repository}"
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", address, str(folder)], check=True)
    sys.path.insert(0, str(folder.resolve()))
    from course_utils import packages

    packages.mend()
    importlib.invalidate_caches()"""


def road_map(stems: Mapping[int, str]) -> str:
    """All lessons as a Markdown list; those with a notebook (`stems`: file names by number) are linked."""
    rows = []
    for number, lesson in LESSONS.items():
        title = f"[{lesson.title}]({stems[number]}.ipynb)" if number in stems else f"{lesson.title} (coming)"
        rows.append(f"- **{number:02d}** {title}: {lesson.able}")
    return "\n".join(["## The whole road, and what you can do after each lesson", "", *rows])


def next_lesson(number: int, stems: Mapping[int, str]) -> str:
    """The Markdown that points to the next lesson."""
    if number + 1 not in LESSONS:
        return "**Next:** this was the last lesson."
    following = LESSONS[number + 1]
    name = f"{following.number:02d} · {following.title}"
    if following.number in stems:
        return f"**Next:** [{name}]({stems[following.number]}.ipynb). After it you can {following.able}."
    return f"**Next:** {name} (coming). After it you will be able to {following.able}."


# --- set-up -------------------------------------------------------------------------------------------------------


def set_up(lesson: int | str, model: str = "course", seed: int = 0, device: str = "cpu") -> Codec:
    """Seed all random numbers, load the codec "course" or "official", print one line that says which, return it.

    A package that is missing is named with the command that mends it. Raises KeyError for a lesson that does not exist,
    else as `load_codec`.
    """
    number = LESSONS[int(lesson)].number
    for line in environment_problems():
        print(line)
    import torch

    from course_utils.codec import load_codec

    codec = load_codec(model, device)
    random.seed(seed)  # after loading, which may itself draw
    np.random.seed(seed)
    torch.manual_seed(seed)
    vampnet = f" {vampnet_in_words()}." if number in WITH_VAMPNET else ""
    print(f"Lesson {number:02d}. Model: {codec!r}.{vampnet} Seed: {seed}.")
    return codec


def begin(lesson: int | str, seed: int = 0) -> None:
    """As `set_up`, for a lesson that plays notes and loads no codec: seed all random numbers, print which lesson it is.

    Raises KeyError for a lesson that does not exist.
    """
    number = LESSONS[int(lesson)].number
    for line in environment_problems():
        print(line)
    random.seed(seed)
    np.random.seed(seed)
    print(f"Lesson {number:02d}. No neural model: notes are counted, and a synthesiser plays them. Seed: {seed}.")


def vampnet_in_words() -> str:
    """Which VampNet `load_vampnet` gives, with the first digits of the SHA-256 of its two files of weights."""
    from course_utils.zoo import find_model
    from course_utils.zoo.registry import expected

    parts = []
    for part in ("coarse", "fine"):
        digits = expected(find_model(f"vampnet-{part}")).sha256
        parts.append(f"{part} {digits[:8] if digits else 'missing'}")
    return f"VampNet('course': {', '.join(parts)})"


def environment_problems() -> list[str]:
    """One sentence for each package that the course needs and that is missing or too old; empty if all is well."""
    from course_utils import packages

    bad = [package for package in packages.direct() if not package.good]
    return [f"{package.name}: {package.said}. Mend it with: {packages.command([package])}" for package in bad]


# --- the foot -----------------------------------------------------------------------------------------------------


def reproducibility(
    seed: int, models: Iterable[str] = ("course-codec",), packages: Iterable[str] = VERSIONS_SHOWN
) -> None:
    """Print the seed, the first digits of each model's SHA-256, and the versions behind the lesson's numbers.

    The versions differ from machine to machine: the cell's output is not to be compared.
    """
    from course_utils import __version__
    from course_utils.files import sha256_of
    from course_utils.zoo import find_model

    hashes = [f"{name} {sha256_of(find_model(name).path)[:12]}" for name in models]
    print(f"Seed {seed}. Weights (SHA-256): {', '.join(hashes)}." if hashes else f"Seed {seed}. No neural model.")
    found = [f"{name} {metadata.version(name)}" for name in packages]
    print(f"Made with Python {platform.python_version()}, course {__version__}, {', '.join(found)}.")


@dataclass(frozen=True)
class Download:
    """One file to take home: its name (.flac, .wav or .mid) and its bytes."""

    name: str
    content: bytes
    note: str = ""

    @property
    def label(self) -> str:
        """What the button says: the name and the size."""
        return f"{self.name} ({len(self.content) / 1000:.0f} kB{self.note})"

    @property
    def link(self) -> str:
        """The button: a link that holds the file itself."""
        mime = MIME_TYPES[self.name.rsplit(".", 1)[-1]]
        data = base64.b64encode(self.content).decode("ascii")
        name, label = html.escape(self.name), html.escape(self.label)
        # Colours come from the page, so that the button is readable in light and dark.
        style = (
            "display:inline-block;margin:0.2em 0.4em 0.2em 0;padding:0.35em 0.8em;border:1px solid currentColor;"
            "border-radius:0.3em;color:inherit;text-decoration:none"
        )
        return (
            f'<a download="{name}" href="data:{mime};base64,{data}" '
            f'aria-label="Download {label}" style="{style}">&#8595; {label}</a>'
        )


class Downloads:
    """Download buttons that need neither kernel nor network: the files lie in the output. Make it with `downloads`."""

    def __init__(self, files: list[Download]) -> None:
        self.files = files

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The buttons as text/html; the names and sizes as text/plain."""
        links = "".join(file.link for file in self.files)
        names = ", ".join(file.label for file in self.files)
        return {
            "text/html": f'<div role="group" aria-label="Downloads">{links}</div>',
            "text/plain": f"To download: {names}",
        }


def downloads(files: Mapping[str, Any]) -> Downloads:
    """Buttons for files by name: sound as samples float [N] at 44.1 kHz or as (samples, rate), other files as bytes.

    Names end in .flac, .wav or .mid; sound without an ending becomes .flac. Sound is stored with 16 bits, its loudness
    untouched; samples beyond full scale are clipped and counted on the button. Raises ValueError for another ending,
    and for samples that are not mono or not finite.
    """
    return Downloads([_download(name, content) for name, content in files.items()])


def _download(name: str, content: Any) -> Download:
    name = name.replace(" ", "_")
    if "." not in name and not isinstance(content, bytes):
        name += ".flac"
    suffix = name.rsplit(".", 1)[-1]
    if suffix not in MIME_TYPES:
        raise ValueError(f"{name!r} ends in none of {', '.join(MIME_TYPES)}: choose one of these")
    if isinstance(content, bytes):
        return Download(name, content)
    samples, rate = content if isinstance(content, tuple) else (content, SAMPLE_RATE)
    return _sound(name, suffix, np.asarray(samples, dtype=np.float32), rate)


def _sound(name: str, suffix: str, samples: npt.NDArray[np.float32], rate: int) -> Download:
    import soundfile

    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError(f"{name}: samples must be mono [N] and finite; these have shape {list(samples.shape)}")
    beyond = int((np.abs(samples) > 1).sum())
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), rate, format=suffix.upper(), subtype="PCM_16")
    return Download(name, buffer.getvalue(), f", {beyond} samples clipped" if beyond else "")
