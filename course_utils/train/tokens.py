"""The codes that the token models learn from: music is made, encoded by the course codec and forgotten.

An hour of sound is 318 MB, its codes are 5.6 MB: so the token models can have more music than the codec had. Training
music comes from the same sources as the codec's (`course_utils.train.corpus`), held-out music from pieces and seeds on
the other side of the split.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from course_utils.files import atomic_write
from course_utils.paths import data_folder
from course_utils.train.corpus import (
    RATE,
    SMALL_FONT,
    MissingSourceError,
    Samples,
    freedoom_pieces,
    generate,
    play,
    render_excerpt,
)

if TYPE_CHECKING:
    from course_utils.codec import Codec

MINUTES = 300.0
QUIET, SILENT = 0.05, 0.08  # shares of items that are very quiet, or have a gap of silence
HELD_OUT_SECONDS = 20.0


@dataclass(frozen=True)
class TokenItem:
    """One piece of music in the store: what it is, and which of its frames, `start` and `length`."""

    name: str
    kind: str
    start: int
    length: int


def vary(audio: Samples, chance: np.random.Generator) -> Samples:
    """The music at another level, -12 to +3 dB, seldom very quiet, seldom with a gap of silence: float32 [N]."""
    quiet = chance.random() < QUIET
    audio = audio * np.float32(10 ** (chance.uniform(-40, -12) / 20 if quiet else chance.uniform(-12, 3) / 20))
    if chance.random() < SILENT:
        first, last = np.sort(chance.integers(-len(audio) // 4, len(audio) + len(audio) // 4, 2)).clip(0, len(audio))
        audio[first:last] = 0
    return np.clip(audio, -1, 1).astype(np.float32)


def held_out_music(pieces: int | None = None) -> Iterator[tuple[str, str, Samples]]:
    """(name, kind, audio) of music that no model trains on: held-out Freedoom pieces and composed pieces.

    pieces: at most so many of each kind; by default all the Freedoom pieces and ten composed ones. The pieces that the
    model cards measure (`card.HELD_OUT_PIECES`) are not among them: these here choose among checkpoints.
    """
    from course_utils.synth.compose import compose
    from course_utils.synth.render import Renderer
    from course_utils.train.card import HELD_OUT_PIECES

    renderer = Renderer(data_folder() / SMALL_FONT, RATE)
    names = [piece for piece in freedoom_pieces(held_out=True) if piece.stem not in HELD_OUT_PIECES]
    for piece in names[:pieces]:
        yield piece.stem, "freedoom", render_excerpt(piece, 15.0, HELD_OUT_SECONDS, renderer)
    for seed in range(10)[:pieces]:
        yield f"composed-{seed}", "composed", play(compose(seed, HELD_OUT_SECONDS), HELD_OUT_SECONDS, renderer)


def encode_all(
    codec: Codec, music: Iterable[tuple[str, str, Samples]], varied: bool
) -> tuple[npt.NDArray[np.int16], list[TokenItem]]:
    """Encode piece after piece: codes int16 [9, T] one after the other, and where each piece lies.

    A piece that is silent throughout is left out: it teaches nothing.
    """
    parts, items, position = [], [], 0
    for number, (name, kind, audio) in enumerate(music):
        if np.sqrt(np.mean(audio**2)) < 1e-3:
            continue
        audio = vary(audio, np.random.default_rng([number, 5])) if varied else audio
        codes = codec.encode(audio)[0].numpy().astype(np.int16)
        parts.append(codes)
        items.append(TokenItem(name, kind, position, codes.shape[1]))
        position += codes.shape[1]
    return np.concatenate(parts, axis=1), items


def build_tokens(
    folder: Path,
    codec: Codec,
    codec_sha256: str,
    minutes: float,
    samples: Path | None,
    fonts: Sequence[Path],
    held_out_pieces: int | None = None,
) -> int:
    """Write tokens.npz (training and held-out codes, int16 [9, T]) and tokens.json into `folder`; returns the frames.

    codec_sha256: of the weights that made the codes; token models carry it, because they fit no other codec.
    held_out_pieces: as in `held_out_music`.
    """
    from tqdm import tqdm

    bar = tqdm(total=round(minutes * 60), unit="s", desc="making music and encoding it")

    def told(music: Iterator[tuple[str, str, Samples]]) -> Iterator[tuple[str, str, Samples]]:
        for name, kind, audio in music:
            yield name, kind, audio
            bar.update(round(len(audio) / RATE))

    with bar:
        codes, items = encode_all(codec, told(generate(minutes, samples, fonts)), varied=True)
    held_out, held_out_items = encode_all(codec, held_out_music(held_out_pieces), varied=False)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / "tokens.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, codes=codes, held_out=held_out)
    summary = {
        "codec_sha256": codec_sha256,
        "frame_rate": codec.frame_rate,
        "fonts": [font.name for font in fonts],
        "items": [asdict(item) for item in items],
        "held_out_items": [asdict(item) for item in held_out_items],
    }
    with atomic_write(folder / "tokens.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return codes.shape[1]


class Tokens:
    """A prepared store of codes: random crops for training, fixed crops for measuring.

    codes, held_out: int16 [9, T]. Raises MissingSourceError when the folder holds no store.
    """

    def __init__(self, folder: Path):
        if not (folder / "tokens.json").exists():
            raise MissingSourceError(f"no codes in {folder}: make them with `python -m course_utils.train tokens`")
        self.description = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
        with np.load(folder / "tokens.npz") as arrays:
            self.codes, self.held_out = arrays["codes"], arrays["held_out"]
        self.items = [TokenItem(**item) for item in self.description["items"]]
        self.held_out_items = [TokenItem(**item) for item in self.description["held_out_items"]]
        self.codec_sha256: str = self.description["codec_sha256"]
        self.frame_rate: float = self.description["frame_rate"]

    def story(self) -> str:
        """What the store holds, in words, for model cards."""
        kinds = sorted({item.kind for item in self.items})
        minutes = {k: sum(i.length for i in self.items if i.kind == k) / self.frame_rate / 60 for k in kinds}
        parts = ", ".join(f"{value:.0f} min {kind}" for kind, value in minutes.items())
        whole = self.codes.shape[1] / self.frame_rate / 60
        return f"{whole:.0f} min of music ({parts}); SoundFonts {', '.join(self.description['fonts'])}"

    def batch(self, chance: np.random.Generator, size: int, frames: int, codebooks: int) -> Tensor:
        """Random crops int64 [size, codebooks, frames] that lie within one piece each.

        Raises ValueError when no piece is that long.
        """
        whole = [item for item in self.items if item.length >= frames]
        if not whole:
            longest = max(item.length for item in self.items)
            raise ValueError(f"no piece has {frames} frames, the longest has {longest}: ask for shorter crops")
        room = np.array([item.length - frames + 1 for item in whole])
        chosen = chance.choice(len(whole), size, p=room / room.sum())
        starts = [whole[i].start + int(chance.integers(room[i])) for i in chosen]
        crops = np.stack([self.codes[:codebooks, start : start + frames] for start in starts])
        return torch.from_numpy(crops.astype(np.int64))

    def held_out_crops(self, frames: int, codebooks: int) -> Tensor:
        """The start of every held-out piece that is long enough: int64 [pieces, codebooks, frames]."""
        starts = [item.start for item in self.held_out_items if item.length >= frames]
        crops = np.stack([self.held_out[:codebooks, start : start + frames] for start in starts])
        return torch.from_numpy(crops.astype(np.int64))
