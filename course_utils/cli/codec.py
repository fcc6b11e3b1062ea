"""Encode a sound, write one file per codebook level, and print what each level adds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from course_utils.cli.options import ModelName, device_named
from course_utils.cli.output import Progress, check_folder, check_room

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from course_utils.codec import Codec

    Samples: TypeAlias = npt.NDArray[np.float32]

BLOCK_SECONDS = 10.0  # what is held and measured at once: a shorter sound is measured whole
DEMO = "ladder"


class FileKind(str, Enum):
    """File formats of the output."""

    wav = "wav"
    flac = "flac"


@dataclass(frozen=True)
class Level:
    """What one number of levels gives, measured against the input."""

    level: int
    bits_per_second: float
    si_sdr: float | None  # dB; None where the input is silent
    mel_distance: float
    centroid: float  # Hz
    file: str
    clipped: int  # samples beyond full scale


@dataclass
class Report:
    """All that the command prints."""

    ok: bool
    input: str
    demo: bool  # whether no sound was named, and the course's own clip was taken
    model: str
    seconds: float
    frames: int
    centroid: float  # Hz, of the input
    levels: list[Level] = field(default_factory=list)
    full: str = ""


def codec(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the files; made if it is missing.")],
    source: Annotated[
        Path | None, typer.Option("--input", "-i", help="A sound file; without it the course's ladder clip.")
    ] = None,
    levels: Annotated[
        str, typer.Option("--levels", "-l", help="Numbers of levels to decode from: 1-9, 4, or 1,3,9.")
    ] = "1-9",
    model: Annotated[ModelName, typer.Option("--model", "-m", help="Which codec.")] = ModelName.course,
    start: Annotated[float, typer.Option("--start", help="Second of the file to start at.")] = 0.0,
    duration: Annotated[
        float | None, typer.Option("--duration", help="Seconds to take; without it to the end.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or another device of torch.")] = "auto",
    kind: Annotated[FileKind, typer.Option("--format", help="Of the files written, 16 bit.")] = FileKind.wav,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of the table.")] = False,
) -> None:
    """Encode a sound and decode it again from its first 1, 2, ... 9 codebook levels.

    Writes one file per level and the full reconstruction, and measures each against the input: bits per second,
    SI-SDR (dB, higher is closer), mel distance (lower is closer), spectral centroid (Hz, brightness).
    """
    wanted = parse_levels(levels)
    if source is None:
        typer.echo(f"No --input given: taking the course's own {DEMO} clip.", err=True)
    report = run(Job(source, start, duration, out, wanted, model.value, device, kind.value), quiet=as_json)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        _show(report, out)


def parse_levels(text: str) -> list[int]:
    """Read "1-9", "4" or "1,3,7-9" as rising level numbers. Raises typer.BadParameter."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part)
        if match is None:
            raise typer.BadParameter(f"{text!r} is not understood; write 1-9, 4, or 1,3,9", param_hint="--levels")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise typer.BadParameter(f"{part.strip()!r} is no rising range of levels from 1", param_hint="--levels")
        numbers.update(range(first, last + 1))
    return sorted(numbers)


@dataclass(frozen=True)
class Job:
    """The command's arguments."""

    source: Path | None
    start: float
    duration: float | None
    out: Path
    levels: list[int]
    model: str
    device: str
    kind: str

    def path(self) -> Path:
        """The file to read."""
        from course_utils.audio.clip import DEMO_CLIPS
        from course_utils.paths import data_folder

        return self.source if self.source is not None else data_folder() / DEMO_CLIPS[DEMO]

    def blocks(self, rate: int) -> Iterator[Samples]:
        """The input, block by block."""
        from course_utils.audio import blocks

        return blocks(self.path(), rate, BLOCK_SECONDS, self.start, self.duration)

    def target(self, what: str) -> Path:
        """The file for one result."""
        return self.out / f"{self.path().stem}_{what}.{self.kind}"


def run(job: Job, quiet: bool = False) -> Report:
    """Encode once, then decode, write and measure each level; memory does not grow with the length of the input.

    Raises AudioError (the input), ZooError (the model), SaveError (the output), ValueError (levels, device).
    """
    from course_utils.audio import SAMPLE_RATE

    job.blocks(SAMPLE_RATE)  # what is wrong with the input is said before a model is loaded
    check_folder(job.out, job.target("full"))
    model = _load(job)
    if job.levels[-1] > model.n_codebooks:
        raise ValueError(f"level {job.levels[-1]} was asked for; this codec has {model.n_codebooks} levels")
    with Progress(quiet, "loading the codec") as say:
        codes, length, centroid = _encode(model, job, say)
        check_room(job.out, job.target("full"), _room(job, length))
        report = Report(
            ok=True,
            input=str(job.path()),
            demo=job.source is None,
            model=model.name,
            seconds=length / model.sample_rate,
            frames=codes.shape[-1],
            centroid=centroid,
        )
        for level in job.levels:
            report.levels.append(_decode(model, codes, length, level, job, say))
        report.full = _write_full(model, codes, length, report, job, say)
    return report


def _load(job: Job) -> Codec:
    """The codec, on its device."""
    from course_utils.codec import load_codec

    return load_codec(job.model, device_named(job.device))


def _encode(model: Codec, job: Job, say: Progress) -> tuple[Tensor, int, float]:
    """Codes [1, 9, T] on the CPU, the input's length in samples, and its centroid in Hz."""
    import torch

    from course_utils.audio import MeanCentroid

    centroid = MeanCentroid(model.sample_rate)

    def heard() -> Iterator[Samples]:
        for block in job.blocks(model.sample_rate):
            centroid.add(block)
            say(f"encoding: {centroid.samples / model.sample_rate:.0f} s of sound")
            yield block

    codes = torch.cat(list(model.encode_blocks(heard())), dim=-1)
    return codes, centroid.samples, centroid.hertz


def _decode(model: Codec, codes: Tensor, length: int, level: int, job: Job, say: Progress) -> Level:
    """Decode from the first `level` levels, write the file, measure it."""
    from course_utils.audio import Tally, audio_writer

    tally = Tally(model.sample_rate)
    target = job.target(f"level{level}")
    with audio_writer(target, model.sample_rate) as writer:
        for reference, estimate in _aligned(model, codes, length, level, job):
            writer.write(estimate)
            tally.add(estimate, reference)
            say(f"level {level}: {tally.samples / model.sample_rate:.0f} s of sound")
    return Level(
        level=level,
        bits_per_second=model.bits_per_second(level),
        si_sdr=tally.si_sdr,
        mel_distance=tally.mel_distance,
        centroid=tally.centroid,
        file=str(target),
        clipped=writer.clipped,
    )


def _aligned(model: Codec, codes: Tensor, length: int, level: int, job: Job) -> Iterator[tuple[Samples, Samples]]:
    """Blocks of the input, each with the same stretch of the decoded audio."""
    import numpy as np

    stream = model.decode_chunks(codes, levels=level, length=length)
    held: Samples = np.zeros(0, np.float32)
    for reference in job.blocks(model.sample_rate):
        parts, ready = [held], len(held)
        while ready < len(reference):
            part = next(stream).reshape(-1).numpy()
            parts.append(part)
            ready += len(part)
        joined = np.concatenate(parts)
        yield reference, joined[: len(reference)]
        held = joined[len(reference) :]


def _write_full(model: Codec, codes: Tensor, length: int, report: Report, job: Job, say: Progress) -> str:
    """The reconstruction from all levels, under a name of its own."""
    from course_utils.audio import audio_writer
    from course_utils.audio.save import saving

    target = job.target("full")
    if report.levels[-1].level == model.n_codebooks:
        with saving(target) as temporary:
            shutil.copyfile(report.levels[-1].file, temporary)
        return str(target)
    with audio_writer(target, model.sample_rate) as writer:
        for part in model.decode_chunks(codes, length=length):
            writer.write(part)
            say(f"full reconstruction: {writer.written / model.sample_rate:.0f} s of sound")
    return str(target)


def _room(job: Job, length: int) -> int:
    """Bytes that the files of all levels need at most."""
    share = 2 if job.kind == "wav" else 1  # bytes a sample; flac saves up to half and more
    return (len(job.levels) + 1) * length * share


def _show(report: Report, out: Path) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from course_utils import facts

    title = f"{Path(report.input).name}, {report.seconds:.2f} s, {report.frames} frames, {report.model}"
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    for heading in ("levels", "kbit/s", "SI-SDR dB", "mel distance", "centroid Hz"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    for row in report.levels:
        decibels = "silent" if row.si_sdr is None else f"{row.si_sdr:.1f}"
        rate = f"{row.bits_per_second / 1000:.2f}"
        figures = (decibels, f"{row.mel_distance:.3f}", f"{row.centroid:.0f}")
        table.add_row(str(row.level), rate, *figures, Path(row.file).name)
    table.add_row("input", f"{facts.PCM_BIT_RATE.value / 1000:.2f}", "", "", f"{report.centroid:.0f}", "")
    console = Console()
    console.print(table)
    clipped = [f"level {row.level}: {row.clipped}" for row in report.levels if row.clipped]
    if clipped:
        console.print(f"Samples beyond full scale, limited to it: {', '.join(clipped)}")
    console.print(
        f"{len(report.levels) + 1} files in {out}; all levels together: {Path(report.full).name}", highlight=False
    )
