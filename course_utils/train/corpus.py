"""Training audio for the codec and its token models, made once from licence-clean sources, then streamed.

Three kinds of item: rendered Freedoom pieces, tempo-locked collages of CC0 samples, and pieces of the course's own
composer. Held out whole: every tenth Freedoom piece (`is_held_out`), the samples of the demo clips
(`course_utils.synth.collage.HELD_OUT`) and the composer's seeds below `FIRST_TRAINING_SEED`.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from course_utils.files import atomic_write
from course_utils.paths import data_folder

if TYPE_CHECKING:
    import pretty_midi
    import torch

    from course_utils.synth.render import Renderer

Samples = npt.NDArray[np.float32]

RATE = 44100
SHARES = {"freedoom": 0.55, "collage": 0.27, "composed": 0.18}  # of the corpus' duration
ITEM_SECONDS = {"freedoom": 20.0, "collage": 12.0, "composed": 20.0}
LEVEL = 0.14  # root mean square after mixing, about -17 dBFS
FIRST_TRAINING_SEED = 1000
LOW_PASSED = 0.12  # share of items cut off somewhere between 5 and 16 kHz, like old recordings and MP3 files
SOLO = 0.35  # share of rendered items thinned to one or two instruments: dense mixes hide how a note decays
QUIET, SILENT = 0.1, 0.12  # shares of training segments that are very quiet, or have a gap of silence
SMALL_FONT = "soundfont/FluidR3Mono_GM_small.sf3"


@dataclass(frozen=True)
class Item:
    """One stretch of the corpus: where it lies (samples) and what it is."""

    name: str
    kind: str
    start: int
    length: int


class MissingSourceError(FileNotFoundError):
    """A source of the corpus is not on this machine; the message says how to get it."""


def is_held_out(piece: str) -> bool:
    """Whether a MIDI file belongs to the tenth that no model is trained on.

    Decided by the hash of the level it was written for: two releases' music for one level can be one tune, and must
    lie on one side.
    """
    title = Path(piece).stem.split("_D_")[-1]
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 10 == 0


def freedoom_pieces(held_out: bool) -> list[Path]:
    """The Freedoom MIDI files of one side of the split, in order of name."""
    pieces = sorted((data_folder() / "midi" / "freedoom").glob("*.mid"))
    if not pieces:
        raise MissingSourceError(f"no MIDI files in {data_folder() / 'midi/freedoom'}: restore them with git checkout")
    return [piece for piece in pieces if is_held_out(piece.name) == held_out]


def excerpt(midi: pretty_midi.PrettyMIDI, start: float, seconds: float) -> pretty_midi.PrettyMIDI:
    """The notes that begin within a span of a piece, moved to time 0, under the controllers then in force."""
    import pretty_midi

    cut = pretty_midi.PrettyMIDI()
    for track in midi.instruments:
        part = pretty_midi.Instrument(track.program, track.is_drum, track.name)
        for note in track.notes:
            if start <= note.start < start + seconds:
                part.notes.append(pretty_midi.Note(note.velocity, note.pitch, note.start - start, note.end - start))
        for change in sorted(track.control_changes, key=lambda change: change.time):
            if change.time < start + seconds:  # an earlier change is set at time 0; the last one set stays
                time = max(change.time - start, 0.0)
                part.control_changes.append(pretty_midi.ControlChange(change.number, change.value, time))
        for bend in track.pitch_bends:
            if start <= bend.time < start + seconds:
                part.pitch_bends.append(pretty_midi.PitchBend(bend.pitch, bend.time - start))
        cut.instruments.append(part)
    return cut


def read_excerpt(piece: Path, start: float, seconds: float) -> pretty_midi.PrettyMIDI:
    """`excerpt` of a MIDI file, whose sloppy headers are expected in bulk."""
    import pretty_midi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return excerpt(pretty_midi.PrettyMIDI(str(piece)), start, seconds)


def thin(midi: pretty_midi.PrettyMIDI, chance: np.random.Generator) -> pretty_midi.PrettyMIDI:
    """In SOLO of the cases, leave one or two of the instruments that play at least eight notes."""
    busy = [track for track in midi.instruments if len(track.notes) >= 8]
    if busy and chance.random() < SOLO:
        count = min(int(chance.integers(1, 3)), len(busy))
        midi.instruments = [busy[i] for i in chance.choice(len(busy), count, replace=False)]
    return midi


def play(midi: pretty_midi.PrettyMIDI, seconds: float, renderer: Renderer) -> Samples:
    """Render a piece at the corpus' level -> mono float32 [N]; replaced programs are expected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return level(renderer.mono(midi, seconds))


def render_excerpt(piece: Path, start: float, seconds: float, renderer: Renderer) -> Samples:
    """Render `seconds` of a MIDI file from `start` (both in seconds) -> mono float32 [N]."""
    return play(read_excerpt(piece, start, seconds), seconds, renderer)


def level(samples: Samples) -> Samples:
    """Bring music to the corpus' root mean square; what exceeds full scale is clipped, silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.clip(samples * (LEVEL / max(rms, 1e-4)), -1, 1).astype(np.float32)


def low_pass(samples: Samples, hertz: float) -> Samples:
    """Remove what lies above a frequency (8th-order Butterworth, both ways)."""
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(8, hertz, fs=RATE, output="sos"), samples).astype(np.float32)


def make_freedoom(seed: int, renderers: Sequence[Renderer]) -> tuple[str, Samples]:
    """A random excerpt of a random training piece, played by one of the fonts."""
    import mido

    chance = np.random.default_rng([seed, 1])
    pieces = freedoom_pieces(held_out=False)
    piece = pieces[seed % len(pieces)]
    end = mido.MidiFile(piece, clip=True).length
    start = float(chance.uniform(0, max(end - ITEM_SECONDS["freedoom"], 0.01)))
    renderer = renderers[int(chance.integers(len(renderers)))]
    midi = thin(read_excerpt(piece, start, ITEM_SECONDS["freedoom"]), chance)
    return f"{piece.stem}@{start:.1f}", play(midi, ITEM_SECONDS["freedoom"], renderer)


def make_composed(seed: int, renderers: Sequence[Renderer]) -> tuple[str, Samples]:
    """A piece by the course's composer."""
    from course_utils.synth.compose import compose

    midi = compose(FIRST_TRAINING_SEED + seed, ITEM_SECONDS["composed"])
    midi = thin(midi, np.random.default_rng([seed, 3]))
    audio = play(midi, ITEM_SECONDS["composed"], renderers[seed % len(renderers)])
    return f"composed-{FIRST_TRAINING_SEED + seed}", audio


def collage_maker(folder: Path) -> Callable[[int], tuple[str, Samples]]:
    """A function seed -> (name, collage) on a folder of CC0 samples, read once."""
    from course_utils.synth.collage import SampleBox

    if not folder.is_dir():
        raise MissingSourceError(
            f"no folder of CC0 samples at {folder}: install Debian's sonic-pi-samples, or unpack the npm package "
            "supersonic-scsynth-samples and name its folder with --samples"
        )
    box = SampleBox(folder)

    def make(seed: int) -> tuple[str, Samples]:
        return f"collage-{seed}", level(box.collage(FIRST_TRAINING_SEED + seed, ITEM_SECONDS["collage"]))

    return make


def training_frames(pieces: int, seconds: float, hop: int = 512) -> torch.Tensor:
    """MDCT frames of excerpts of that many training pieces, rendered now: float32 [frames, hop] (lesson 01)."""
    import torch

    from course_utils.codec.mdct import MDCT
    from course_utils.synth.render import Renderer

    renderer, mdct = Renderer(data_folder() / SMALL_FONT, RATE), MDCT(hop)
    every = len(freedoom_pieces(held_out=False)) // pieces
    chosen = freedoom_pieces(held_out=False)[:: max(every, 1)][:pieces]
    audio = np.stack([render_excerpt(piece, 10.0, seconds, renderer) for piece in chosen])
    whole = audio.shape[1] // hop * hop
    frames = mdct(torch.from_numpy(audio[:, :whole])).flatten(0, 1)
    return frames[frames.square().sum(1) > 0]  # a rest teaches nothing


def generate(minutes: float, samples: Path | None, fonts: Sequence[Path]) -> Iterator[tuple[str, str, Samples]]:
    """Yield (name, kind, audio) until `minutes` of music are made; without `samples` the shares of the others grow."""
    from course_utils.synth.render import Renderer

    renderers = [Renderer(font, RATE) for font in fonts]
    makers: dict[str, Callable[[int], tuple[str, Samples]]] = {
        "freedoom": lambda seed: make_freedoom(seed, renderers),
        "composed": lambda seed: make_composed(seed, renderers),
    }
    if samples is not None:
        makers["collage"] = collage_maker(samples)
    total = sum(SHARES[kind] for kind in makers)
    jobs = [
        (kind, seed)
        for kind in makers
        for seed in range(round(minutes * 60 * SHARES[kind] / total / ITEM_SECONDS[kind]))
    ]
    np.random.default_rng(0).shuffle(jobs)  # so that any stretch of the corpus holds every kind
    for kind, seed in jobs:
        name, audio = makers[kind](int(seed))
        chance = np.random.default_rng([int(seed), 2])
        if chance.random() < LOW_PASSED:
            audio = low_pass(audio, float(chance.uniform(5000, 16000)))
        if np.sqrt(np.mean(audio**2)) > 1e-3:  # an empty stretch of a piece teaches nothing
            yield name, str(kind), audio


def build(folder: Path, minutes: float, samples: Path | None, fonts: Sequence[Path]) -> list[Item]:
    """Write corpus.npy (int16 [N], one after the other) and corpus.json (the items) into `folder`."""
    from tqdm import tqdm

    items: list[Item] = []
    folder.mkdir(parents=True, exist_ok=True)
    expected = int(minutes * 60 * RATE * 1.02)
    with atomic_write(folder / "corpus.npy") as temporary:
        store = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.int16, shape=(expected,))
        position = 0
        with tqdm(total=round(minutes * 60), unit="s", desc="making music") as bar:
            for name, kind, audio in generate(minutes, samples, fonts):
                audio = audio[: expected - position]
                if len(audio) == 0:
                    break
                store[position : position + len(audio)] = np.round(audio * 32767).astype(np.int16)
                items.append(Item(name, kind, position, len(audio)))
                position += len(audio)
                bar.update(round(len(audio) / RATE))
        store.flush()
        del store
    with atomic_write(folder / "corpus.json") as temporary:
        summary = {"rate": RATE, "samples": position, "fonts": [font.name for font in fonts]}
        temporary.write_text(json.dumps({**summary, "items": [asdict(item) for item in items]}, indent=1))
    return items


class Corpus:
    """A prepared corpus: random segments for training, read from disk as they are needed."""

    def __init__(self, folder: Path):
        if not (folder / "corpus.json").exists():
            raise MissingSourceError(f"no corpus in {folder}: make it with `python -m course_utils.train corpus`")
        self.description = json.loads((folder / "corpus.json").read_text())
        self.items = [Item(**item) for item in self.description["items"]]
        self.samples = np.load(folder / "corpus.npy", mmap_mode="r")
        self.length = int(self.description["samples"])

    def story(self) -> str:
        """What the corpus holds, in words, for model cards."""
        minutes = {kind: sum(i.length for i in self.items if i.kind == kind) / RATE / 60 for kind in SHARES}
        parts = ", ".join(f"{value:.0f} min {kind}" for kind, value in minutes.items() if value)
        fonts = ", ".join(self.description["fonts"])
        return f"{self.length / RATE / 60:.0f} min of music ({parts}); SoundFonts {fonts}"

    def batch(self, chance: np.random.Generator, size: int, length: int) -> Samples:
        """Random segments float32 [size, 1, length] at random levels; some are very quiet, some fall silent.

        Levels are -12 to +3 dB of the corpus' own, in QUIET of the cases -45 to -12 dB. In SILENT of the cases a span
        of digital silence is cut in: recordings have gaps, and what a codec makes of nothing is heard at once.
        Raises ValueError when the corpus is no longer than a segment.
        """
        if length >= self.length:
            raise ValueError(f"the corpus has {self.length} samples, too few for segments of {length}: make more music")
        starts = chance.integers(0, self.length - length, size)
        audio = np.stack([self.samples[start : start + length] for start in starts]).astype(np.float32) / 32768
        quiet = chance.random((size, 1)) < QUIET
        decibels = np.where(quiet, chance.uniform(-45, -12, (size, 1)), chance.uniform(-12, 3, (size, 1)))
        audio *= 10 ** (decibels / 20)
        for row in np.flatnonzero(chance.random(size) < SILENT):
            first, last = np.sort(chance.integers(-length // 4, length + length // 4, 2)).clip(0, length)
            audio[row, first:last] = 0
        return audio.astype(np.float32)[:, None]
