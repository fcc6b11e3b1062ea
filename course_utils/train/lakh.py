"""A folder of MIDI files of any size as events and training sequences: the 178,561 files of Lakh are one command.

The files are cut into shards of a few hundred. Dask works on as many shards at once as there are cores, or on a cluster
that it is connected to; each shard is written whole or not at all, so a run that was stopped goes on where it was.
A file that cannot be used is never an error: it is counted, listed with the reason, and left out.

The split is by the first hexadecimal digit of the MD5 of a file's bytes, as in the released code (Lakh's files bear
that hash as their name): 0 to d training, e validation, f test. Copies of one file are on one side, wherever they lie.

    python -m course_utils.train lakh FOLDER --out SHARDS
    python -m course_utils.train amt --shards SHARDS

The second command trains on these pieces instead of the project's own; held out are those for validation. It draws from
all of them at random, so `shard_pieces` first unpacks their events beside the shards, 24 bytes an event on the disk; in
memory it keeps their names and places only.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from course_utils.amt import token_lists
from course_utils.amt.midi import MidiError, read_midi
from course_utils.amt.sequences import Tally, training_sequences, unfit
from course_utils.amt.vocab import CONTEXT_SIZE, TIME_RESOLUTION, TokensError, Triples
from course_utils.files import atomic_write
from course_utils.train.music import Piece, by_time, statistics

SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
SPLITS = ("train", "validation", "test")
FILES_A_SHARD = 200
USED, BROKEN = "used", "broken"


class CorpusError(ValueError):
    """A corpus cannot be tokenised as asked; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    """What the shards depend on; kept beside them, because shards made otherwise must not be mixed with them."""

    files: int
    files_sha256: str  # of the list of paths
    files_a_shard: int
    copies: int  # training sequences are made of so many copies of each piece; 0: events only
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    file: str  # path within the folder
    md5: str
    status: str  # "used", "broken", or why the piece is not for training: "too short", ...
    events: int
    why: str  # of one that is left out, in words


def split_of(md5: str) -> str:
    """The side of the split of a file whose bytes have this MD5 (hexadecimal)."""
    return {"e": "validation", "f": "test"}.get(md5[0].lower(), "train")


def midi_files(folder: Path) -> list[str]:
    """The paths of all MIDI files in a folder and the folders in it, relative to it, in order.

    Raises CorpusError where there is no such folder, or no MIDI file in it.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder: name the one that holds the MIDI files")
    found = [
        (Path(root) / name).relative_to(folder).as_posix()
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES)
    ]
    if not found:
        raise CorpusError(f"no MIDI files ({', '.join(SUFFIXES)}) in {folder} or the folders in it: unpack them first")
    return sorted(found)


def tokenise(
    folder: Path,
    out: Path,
    workers: int | None = None,
    copies: int = 0,
    seed: int = 0,
    files_a_shard: int = FILES_A_SHARD,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Tokenise every MIDI file of `folder` into shards in `out`, or go on with what is not done; returns the report.

    copies: of each piece in the training sequences (30 in the paper), 0 for events only; workers: processes, one for
    each core by default (ignored when Dask is connected to a cluster).
    Raises CorpusError for an empty folder, and for an `out` that holds shards made with other settings or files.
    """
    bag = _dask_bag()
    files = midi_files(folder)
    settings = Settings(len(files), _sha256(files), files_a_shard, copies, seed)
    _keep_settings(out, settings)
    shards = [files[i : i + files_a_shard] for i in range(0, len(files), files_a_shard)]
    todo = [number for number in range(len(shards)) if not _shard_report(out, number).exists()]
    say(f"{len(files)} files in {len(shards)} shards, {len(shards) - len(todo)} of them done before")
    if todo:
        jobs = [(str(folder), str(out), number, shards[number], copies, seed) for number in todo]
        # One task a shard: a task that is done is a shard on disk.
        tasks = bag.from_sequence(jobs, npartitions=len(jobs)).map(_tokenise_shard)
        tasks.compute(num_workers=workers or os.cpu_count())
    return _write_report(out, len(shards))


def tokenise_file(path: Path) -> tuple[Triples, str, str]:
    """The events of a file, int64 [N, 3], what becomes of it, and for one that is left out the reason in words."""
    nothing = np.empty((0, 3), np.int64)
    try:
        events = by_time(read_midi(path))
    except (MidiError, TokensError, OSError) as error:
        return nothing, BROKEN, str(error)
    except Exception as error:  # among so many files some find a fault that no one thought of; the others go on
        return nothing, BROKEN, f"{type(error).__name__}: {error}"
    reason = unfit(events)
    if reason is None:
        return events, USED, ""
    length, instruments = token_lists.max_time(events) / TIME_RESOLUTION, len(token_lists.instruments(events))
    return nothing, reason, f"{len(events)} events, {length:.1f} s, {instruments} instruments"


class MidiShards:
    """What `tokenise` has written, piece by piece, without ever holding more than a shard in memory.

    Raises CorpusError when the folder holds no finished corpus.
    """

    def __init__(self, folder: Path):
        if not (folder / "report.json").exists():
            raise CorpusError(f"no finished corpus in {folder}: run `python -m course_utils.train lakh` once more")
        self.folder = folder
        self.report = json.loads((folder / "report.json").read_text(encoding="utf-8"))

    def pieces(self, split: str = "train") -> Iterator[Triples]:
        """The pieces of one side as events, int64 [N, 3]. Raises CorpusError for another name than those in SPLITS."""
        _check_split(split)
        for number in range(self.report["shards"]):
            with np.load(_shard(self.folder, number)) as arrays:
                events, ends, sides = arrays["events"], arrays["ends"], arrays["sides"]
            starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
            for start, end, side in zip(starts, ends, sides, strict=True):
                if SPLITS[side] == split:
                    yield events[start:end].astype(np.int64)

    def outcomes(self, split: str = "train") -> list[Outcome]:
        """Which files the pieces of one side come from, in the same order. Raises CorpusError as `pieces` does."""
        _check_split(split)
        return [
            outcome
            for number in range(self.report["shards"])
            for told in json.loads(_shard_report(self.folder, number).read_text(encoding="utf-8"))["outcomes"]
            if (outcome := Outcome(**told)).status == USED and split_of(outcome.md5) == split
        ]

    def unpacked(self, split: str = "train") -> Triples:
        """All events of one side, int64 [N, 3], piece after piece, read from the disk when they are looked at.

        The file that holds them is written at the first call, 24 bytes an event. Raises CorpusError as `pieces` does.
        """
        outcomes = self.outcomes(split)
        listed = hashlib.sha256("".join(f"{o.md5} {o.events} " for o in outcomes).encode()).hexdigest()
        path = self.folder / f"{split}-{listed[:16]}.npy"
        if not path.exists():
            shape, end = (sum(outcome.events for outcome in outcomes), 3), 0
            with atomic_write(path) as temporary:
                events = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.int64, shape=shape)
                for piece in self.pieces(split):
                    events[end : end + len(piece)] = piece
                    end += len(piece)
                events.flush()
        return np.asarray(np.load(path, mmap_mode="r"))

    def sequences(self, split: str = "train") -> Iterator[np.ndarray]:
        """The training sequences of one side, a shard's at a time, uint16 [n, 1024]; none if made without copies."""
        _check_split(split)
        for number in range(self.report["shards"]):
            with np.load(_shard(self.folder, number)) as arrays:
                if len(arrays[split]):
                    yield arrays[split]


def shard_pieces(folders: Sequence[Path], split: str = "train") -> list[Piece]:
    """The pieces of one side in folders of shards, to train on; nobody has told their melodies or chords.

    Their events stay on the disk until they are drawn (`MidiShards.unpacked`). Raises CorpusError where there are none,
    and as MidiShards does.
    """
    found = []
    for folder in folders:
        shards, end = MidiShards(folder), 0
        outcomes = shards.outcomes(split)
        events = shards.unpacked(split) if outcomes else np.empty((0, 3), np.int64)
        for outcome in outcomes:
            start, end = end, end + outcome.events
            side = "train" if split == "train" else "held out"
            found.append(Piece(outcome.file, events[start:end], None, None, side))
    if not found:
        raise CorpusError(
            f"no pieces for {split} in {', '.join(map(str, folders))}: tokenise more files (of 16, about 14 are for "
            "training, one for validation, one for testing)"
        )
    return found


def shards_story(pieces: Sequence[Piece]) -> str:
    """What such pieces hold, in words, for the model card; reads all of them."""
    told = statistics(pieces)
    return f"{len(pieces)} pieces of a folder of MIDI files, {told['events']:,} events ({told['hours']:.1f} h)"


def _tokenise_shard(job: tuple[str, str, int, list[str], int, int]) -> int:
    """Tokenise one shard's files and write it, the report last: where that stands, the shard is done."""
    folder, out, number, files, copies, seed = job
    pieces: list[Triples] = []
    sides: list[int] = []
    outcomes: list[Outcome] = []
    for name in files:
        path = Path(folder) / name
        events, status, why = tokenise_file(path)
        md5 = _md5(path)
        outcomes.append(Outcome(name, md5, status, len(events), why))
        if status == USED:
            pieces.append(events)
            sides.append(SPLITS.index(split_of(md5)))
    arrays: dict[str, Any] = {
        "events": np.concatenate([np.empty((0, 3), np.int64), *pieces]).astype(np.int32),
        "ends": np.cumsum([len(piece) for piece in pieces], dtype=np.int64),
        "sides": np.array(sides, dtype=np.uint8),
    }
    tally = Tally()
    for place, split in enumerate(SPLITS):
        chosen = [piece for piece, side in zip(pieces, sides, strict=True) if side == place]
        rng = np.random.default_rng([seed, number, place])
        rows = list(training_sequences(chosen, rng, copies, tally=tally)) if copies and chosen else []
        arrays[split] = np.array(rows, dtype=np.uint16).reshape(-1, CONTEXT_SIZE)
    with atomic_write(_shard(Path(out), number)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    summary = {"outcomes": [asdict(o) for o in outcomes], "inexpressible": tally.inexpressible}
    summary |= {f"{split}_sequences": len(arrays[split]) for split in SPLITS}
    with atomic_write(_shard_report(Path(out), number)) as temporary:
        temporary.write_text(json.dumps(summary), encoding="utf-8")
    return number


def _write_report(out: Path, shards: int) -> dict[str, Any]:
    """Add up the shards: report.json with all counts, left_out.tsv with every file that was not used, and why."""
    statuses: Counter[str] = Counter()
    sides: Counter[str] = Counter()
    sequences: Counter[str] = Counter()
    seen: set[str] = set()
    events = inexpressible = repeated = 0
    with atomic_write(out / "left_out.tsv") as temporary, _text_writer(temporary) as listing:
        listing.write("file\tstatus\twhy\n")
        for number in range(shards):
            summary = json.loads(_shard_report(out, number).read_text(encoding="utf-8"))
            inexpressible += summary["inexpressible"]
            sequences.update({split: summary[f"{split}_sequences"] for split in SPLITS})
            for told in summary["outcomes"]:
                outcome = Outcome(**told)
                statuses[outcome.status] += 1
                if outcome.status != USED:
                    why = " ".join(outcome.why.split())  # one line a file
                    listing.write(f"{outcome.file}\t{outcome.status}\t{why}\n")
                    continue
                events += outcome.events
                sides[split_of(outcome.md5)] += 1
                repeated += outcome.md5 in seen
                seen.add(outcome.md5)
    report = {
        "shards": shards,
        "files": sum(statuses.values()),
        "outcomes": dict(statuses.most_common()),
        "same_bytes_as_another": repeated,
        "events": events,
        "pieces": {split: sides[split] for split in SPLITS},
        "sequences": {split: sequences[split] for split in SPLITS},
        "sequences_too_long": inexpressible,
    }
    with atomic_write(out / "report.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return report


def _text_writer(path: Path) -> IO[str]:
    # A file name of bytes that are no UTF-8 is written with escapes.
    return path.open("w", encoding="utf-8", errors="backslashreplace")


def _keep_settings(out: Path, settings: Settings) -> None:
    """Write the settings, or compare them with those of the shards that are there."""
    path = out / "settings.json"
    if not path.exists():
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(asdict(settings)), encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [f"{key} was {before.get(key)}, now {value}" for key, value in asdict(settings).items()
               if before.get(key) != value]  # fmt: skip
    if changed:
        raise CorpusError(
            f"{out} holds shards made otherwise ({'; '.join(changed)}): remove it, or name another folder"
        )


def _dask_bag() -> Any:
    try:
        return importlib.import_module("dask.bag")
    except ImportError as error:
        raise CorpusError(
            "tokenising a folder needs Dask: pip install 'two-poles[train]', or pip install dask"
        ) from error


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise CorpusError(f"no split is called {split!r}; there are {', '.join(SPLITS)}")


def _shard(out: Path, number: int) -> Path:
    return out / f"shard-{number:05d}.npz"


def _shard_report(out: Path, number: int) -> Path:
    return out / f"shard-{number:05d}.json"


def _md5(path: Path) -> str:
    """MD5 of a file's bytes; of its name where it cannot be read, so that every file has one."""
    try:
        content = path.read_bytes()
    except OSError:
        content = path.name.encode(errors="surrogateescape")
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _sha256(files: list[str]) -> str:
    return hashlib.sha256("\n".join(files).encode(errors="surrogateescape")).hexdigest()
