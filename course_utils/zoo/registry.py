"""The models of the course: where each file comes from, under which licence, how large it is, where it lies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from course_utils import facts
from course_utils.paths import ROOT, cache_folder, data_folder

MANIFEST = "manifest.json"


class ZooError(RuntimeError):
    """A model cannot be used; the message says which file, what is wrong with it, and what mends it."""


@dataclass(frozen=True)
class Model:
    """One trained model.

    `url` is None for a model that comes with the course, in `data/models/<name>/`. `sha256` and `bytes` of those stand
    in `data/manifest.json`; of the others they stand here where the publisher tells them, else None: not pinned.
    """

    name: str
    title: str
    file: str  # the file of weights
    licence: str
    source: str  # who made it, in words
    memory: int  # bytes of memory to load it and run it on 10 s of audio, about
    url: str | None = None
    bytes: int | None = None  # of the file, exactly
    about_bytes: int | None = None  # of the file, when the exact number is not known
    sha256: str | None = None
    parameters: int | None = None  # numbers in the file, where known: a check of the structure
    instead: str = ""  # what to use when this one cannot be had

    @property
    def path(self) -> Path:
        """Where the file of weights lies, or is to be placed."""
        folder = data_folder() if self.url is None else cache_folder()
        return folder / "models" / self.name / self.file

    @property
    def size(self) -> str:
        """Size of the file in words: "307 MB", with "about" where it is not known exactly."""
        exact = self.bytes or expected(self).bytes
        if exact is not None:
            return f"{exact / 1e6:.1f} MB"
        return f"about {self.about_bytes / 1e6:.0f} MB" if self.about_bytes else "of unknown size"


@dataclass(frozen=True)
class Expected:
    """What a file must be: SHA-256 in hex digits and length in bytes; None where nobody has pinned it."""

    sha256: str | None
    bytes: int | None


MODELS = {
    model.name: model
    for model in (
        Model(
            name="course-codec",
            title="the course codec",
            file="weights.safetensors",
            licence="MIT",
            source="trained by this project on licence-clean material; recipe in course_utils/train",
            memory=400_000_000,
        ),
        *(
            Model(
                name=f"vampnet-{part}",
                title=f"the course's {what}",
                file="weights.safetensors",
                licence="MIT",
                source="trained by this project on the course codec's codes; recipe in course_utils/train",
                memory=400_000_000,
            )
            for part, what in (
                ("coarse", "VampNet, coarse (codebooks c0 to c3)"),
                ("fine", "VampNet, fine (c4 to c8, given c0 to c3)"),
                ("causal", "causal network for comparison (c0 to c3, blind to the future)"),
            )
        ),
        Model(
            name="amt-course",
            title="the course's Anticipatory Music Transformer",
            file="model.safetensors",
            licence="MIT",
            source="trained by this project on Freedoom's music and composed songs; recipe in course_utils/train",
            memory=500_000_000,
        ),
        Model(
            name="official-codec",
            title="the official 44.1 kHz DAC",
            file="weights.pth",
            licence="MIT",
            source="Descript, Inc.; descript-audio-codec, release 0.0.1: the file that its `dac download` fetches",
            memory=2_000_000_000,
            url="https://github.com/descriptinc/descript-audio-codec/releases/download/0.0.1/weights.pth",
            # The publisher gives neither a length nor a hash, so the structure is checked on reading, and the hash is
            # recorded at the first use and required from then on.
            about_bytes=int(facts.DAC_FLOAT32_BYTES.value),
            parameters=int(facts.DAC_PARAMETERS.value),
            instead='the course codec needs no network: load_codec("course"), or --model course',
        ),
    )
}


def find_model(name: str) -> Model:
    """Look a model up by name. Raises `ZooError` naming those there are."""
    if name not in MODELS:
        raise ZooError(f"no model is called {name!r}; there are {', '.join(sorted(MODELS))}")
    return MODELS[name]


def expected(model: Model) -> Expected:
    """Hash and length that the model's file must have: from the registry, or from `data/manifest.json`."""
    if model.url is not None:
        return Expected(model.sha256, model.bytes)
    entry = manifest_entry(f"models/{model.name}/{model.file}")
    return Expected(entry.get("sha256"), entry.get("bytes")) if entry else Expected(None, None)


def manifest_entry(file: str) -> dict | None:
    """The manifest's entry for a file below `data/`, or None. Raises `ZooError` for an unreadable manifest."""
    path = data_folder() / MANIFEST
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        named = {entry["file"].removeprefix("data/"): entry for entry in entries}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ZooError(f"{shown(path)} is damaged ({error}); mend it with: git checkout -- {shown(path)}") from error
    return named.get(file)


def shown(path: Path) -> str:
    """A path for messages: relative to the clone where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
