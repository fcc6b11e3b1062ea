"""Vary a sound: keep some of its tokens, generate the others, write the results and measure them."""

from __future__ import annotations

import html
import json
import time
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from course_utils.cli.options import ModelName, device_named
from course_utils.cli.output import Progress, check_folder, check_room, web_page

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from course_utils.audio import Clip
    from course_utils.codec import Codec
    from course_utils.vampnet import Beats, Outcome, Strategy, VampNetModels

    Samples: TypeAlias = npt.NDArray[np.float32]

DEMOS = (("electronic", "wild"), ("guitar", "faithful"))  # the clips and styles of the article's two demos
ALL = "vamp,dense,inpaint,beat,continue,compress"  # `vampnet.STRATEGIES`; importing it here would import torch
SECONDS = 10.0
SHORTEST = 0.5  # seconds: room for a prompt and for something to generate
SILENT = 1e-4  # -80 dBFS
PAGE_SECONDS = 600  # of sound in one page, about 70 MB
PAGE_BUDGET = 100_000_000  # characters


class StyleName(str, Enum):
    """How far a variation may stray."""

    wild = "wild"
    faithful = "faithful"


@dataclass(frozen=True)
class Variation:
    """One result, measured against the target."""

    strategy: str
    says: str
    file: str
    kept: int  # tokens of the prompt
    kept_fraction: float
    kept_exact: bool
    agreement_kept: float | None
    agreement_generated: float | None
    agreement_by_codebook: list[float | None]  # where generated, c0 first
    bits_per_second: float  # of the prompt
    chroma: float | None  # correlation with the target; None for silence
    clipped: int  # samples beyond full scale
    took: float  # seconds to generate and decode


@dataclass
class Answer:
    """What came of one sound."""

    input: str
    style: str
    seconds: float
    frames: int
    target: str  # file: the sound as it was read
    codec: str  # file: all its tokens, decoded as they are
    codec_chroma: float | None  # the best that a variation can reach
    beats: dict[str, Any] | None
    skipped: dict[str, str]  # strategy: why
    variations: list[Variation] = field(default_factory=list)


@dataclass
class Report:
    """All that the command prints."""

    ok: bool
    model: str
    passes: int
    seed: int
    demo: bool  # whether no sound was named, and the course's own clips were taken
    clips: list[Answer] = field(default_factory=list)
    html: str | None = None


def vamp(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the files; made if it is missing.")],
    source: Annotated[
        Path | None, typer.Option("--input", "-i", help="A sound file; without it the course's two demo clips.")
    ] = None,
    style: Annotated[
        StyleName | None,
        typer.Option("--style", help="How far to stray; without it wild, the demo guitar faithful."),
    ] = None,
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Which prompts: some of the default's.")] = ALL,
    passes: Annotated[int, typer.Option("--passes", min=1, max=1000, help="Of the coarse stage.")] = 36,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same number gives the same result.")] = 0,
    model: Annotated[ModelName, typer.Option("--model", "-m", help="Whose networks.")] = ModelName.course,
    start: Annotated[float, typer.Option("--start", help="Second of the file to start at.")] = 0.0,
    duration: Annotated[float, typer.Option("--duration", help="Seconds to take, at most.")] = SECONDS,
    beats: Annotated[
        str | None, typer.Option("--beats", help='Beats instead of those found: "0.5 1.0 1.5" in s, or "120 bpm".')
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or another device of torch.")] = "auto",
    page: Annotated[bool, typer.Option("--html", help="Write a page with all sounds, vamp.html, as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of the table.")] = False,
) -> None:
    """Vary a sound with VampNet: keep a prompt of its tokens and generate the others.

    Strategies: vamp (every N-th frame is kept), dense (more of them), inpaint (all but 3 to 7 s), beat (what follows
    each beat), continue (the first half), compress (the first codebooks). Writes the target, the target through the
    codec, and a file for each strategy.
    """
    names = parse_strategies(strategy)
    if beats is not None and source is None:
        raise typer.BadParameter("beats belong to one sound: name it with --input", param_hint="--beats")
    if beats is not None and "beat" not in names:
        raise typer.BadParameter("only the strategy beat uses them", param_hint="--beats")
    if source is None:
        clips = " and ".join(f"{name} ({style.value if style else own})" for name, own in DEMOS)
        typer.echo(f"No --input given: taking the course's own clips, {clips}.", err=True)
    wanted = [(source, style.value if style else "wild")] if source else _demos(style)
    demo, named = source is None, strategy != ALL
    job = Job(wanted, demo, names, named, passes, seed, model.value, start, duration, beats, device, out, page)
    report = run(job, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        _show(report, out)


def parse_strategies(text: str) -> list[str]:
    """Read "vamp,beat" as names of strategies, each once. Raises typer.BadParameter."""
    there = ALL.split(",")
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in there]
    if wrong or not names:
        seen = f"no strategy is called {wrong[0]!r}" if wrong else "no strategy is named"
        raise typer.BadParameter(f"{seen}: choose from {ALL}", param_hint="--strategy")
    return list(dict.fromkeys(names))


def _demos(style: StyleName | None) -> list[tuple[Path, str]]:
    """Path and style of the course's demo clips."""
    from course_utils.audio.clip import DEMO_CLIPS
    from course_utils.paths import data_folder

    return [(data_folder() / DEMO_CLIPS[name], style.value if style else own) for name, own in DEMOS]


@dataclass(frozen=True)
class Job:
    """The command's arguments."""

    sounds: list[tuple[Path, str]]  # file, style
    demo: bool  # whether they are the course's own
    strategies: list[str]
    named: bool  # whether somebody chose the strategies: then none may be left out
    passes: int
    seed: int
    model: str
    start: float
    duration: float
    beats: str | None
    device: str
    out: Path
    page: bool

    def target(self, stem: str, what: str) -> Path:
        """The file for one result."""
        return self.out / f"{stem}_{what}.wav"


@dataclass(frozen=True, eq=False)
class Sound:
    """One sound, read and found usable."""

    path: Path
    style: str
    clip: Clip
    beats: Beats | None
    skipped: dict[str, str]


def run(job: Job, quiet: bool = False) -> Report:
    """Read and check all sounds, load the models, then vary, write and measure.

    Raises AudioError and BeatsError (the input), ZooError (the models), SaveError (the output), ValueError (device,
    and strategies that the sound is too short for).
    """
    sounds = [_sound(path, style, job) for path, style in job.sounds]  # all that can be wrong with the input, first
    _check_out(job, sounds)
    with Progress(quiet, "loading the models") as say:
        codec, models = _load(job)
        plans = [_plans(sound, job, codec) for sound in sounds]
        report = Report(True, models.name, job.passes, job.seed, job.demo)
        for sound, strategies in zip(sounds, plans, strict=True):
            report.clips.append(_answer(sound, strategies, job, codec, models, say))
        if job.page:
            say("writing the page")
            report.html = _write_page(report, job)
    return report


def _sound(path: Path, style: str, job: Job) -> Sound:
    """Read the part asked for, refuse what cannot be varied, find its beats."""
    from course_utils.audio import AudioError, load_audio
    from course_utils.vampnet import BeatsError, find_beats

    clip = load_audio(path, start=job.start, duration=job.duration)
    if clip.seconds < SHORTEST:
        raise AudioError(
            f"{path} gives {clip.seconds:.3f} s: a prompt and something to generate need at least {SHORTEST} s; "
            "take a longer part or another file"
        )
    if abs(clip.samples).max() < SILENT:
        end = job.start + clip.seconds
        raise AudioError(f"{path} is silent from {job.start:g} to {end:g} s: there is nothing to vary; choose --start")
    if "beat" not in job.strategies:
        return Sound(path, style, clip, None, {})
    try:
        return Sound(path, style, clip, find_beats(clip.samples, clip.rate, job.beats), {})
    except BeatsError as error:
        if job.named or job.beats is not None:
            raise
        return Sound(path, style, clip, None, {"beat": str(error)})


def _load(job: Job) -> tuple[Codec, VampNetModels]:
    """The codec and the networks, on their device."""
    from course_utils.codec import load_codec
    from course_utils.vampnet import load_vampnet

    device = device_named(job.device)
    codec = load_codec("course", device)
    models = load_vampnet(job.model, device, codec)
    models.check_codec(codec)
    return codec, models


def _plans(sound: Sound, job: Job, codec: Codec) -> list[Strategy]:
    """The prompts for one sound."""
    from course_utils.vampnet import strategy

    shape = (1, codec.n_codebooks, codec.frames(len(sound.clip.samples)))
    names = [name for name in job.strategies if name not in sound.skipped]
    return [strategy(name, sound.style, shape, codec.frame_rate, sound.beats, job.passes) for name in names]


def _answer(
    sound: Sound, strategies: list[Strategy], job: Job, codec: Codec, models: VampNetModels, say: Progress
) -> Answer:
    """Encode one sound, write it, and vary it by each strategy."""
    from course_utils.vampnet.result import chroma_between

    clip, stem = sound.clip, sound.path.stem
    say(f"{stem}: encoding {clip.seconds:.0f} s")
    codes = codec.encode(clip)
    through = _decoded(codec, codes, len(clip.samples))
    answer = Answer(
        input=str(sound.path),
        style=sound.style,
        seconds=clip.seconds,
        frames=codes.shape[-1],
        target=_write(job.target(stem, "target"), clip.samples)[0],
        codec=_write(job.target(stem, "codec"), through)[0],
        codec_chroma=chroma_between(clip.samples, through, clip.rate),
        beats=asdict(sound.beats) if sound.beats else None,
        skipped=sound.skipped,
    )
    for plan in strategies:
        answer.variations.append(_variation(sound, plan, codes, job, codec, models, say))
    return answer


def _variation(
    sound: Sound, plan: Strategy, codes: Tensor, job: Job, codec: Codec, models: VampNetModels, say: Progress
) -> Variation:
    """Generate one variation, write it, measure it."""
    from course_utils.vampnet import generate, measure

    stem, began = sound.path.stem, time.perf_counter()

    def progress(done: int, total: int) -> None:
        say(f"{stem}, {plan.name}: pass {done} of {total}")

    made = generate(models, codes, plan.mask, plan.settings, plan.fine, job.seed, progress, trace=False).codes
    samples = _decoded(codec, made, len(sound.clip.samples))
    took = time.perf_counter() - began
    pair = (sound.clip.samples, samples)
    outcome = measure(codes, made, plan.mask, codec.frame_rate, codec.codebook_size, pair, sound.clip.rate)
    file, clipped = _write(job.target(stem, f"{plan.style}_{plan.name}"), samples)
    return _row(plan, outcome, file, clipped, took)


def _row(plan: Strategy, outcome: Outcome, file: str, clipped: int, took: float) -> Variation:
    return Variation(
        strategy=plan.name,
        says=plan.says,
        file=file,
        kept=outcome.kept,
        kept_fraction=outcome.kept_fraction,
        kept_exact=outcome.kept_exact,
        agreement_kept=outcome.agreement_kept,
        agreement_generated=outcome.agreement_generated,
        agreement_by_codebook=[book.generated for book in outcome.by_codebook],
        bits_per_second=outcome.bits_per_second,
        chroma=outcome.chroma,
        clipped=clipped,
        took=took,
    )


def _decoded(codec: Codec, codes: Tensor, length: int) -> Samples:
    """Audio [N] of codes [1, 9, T]."""
    return codec.decode(codes, length=length).reshape(-1).cpu().numpy()


def _write(path: Path, samples: Samples) -> tuple[str, int]:
    """Write a file whole or not at all; its name, and how many samples were limited to full scale."""
    from course_utils.audio import audio_writer

    with audio_writer(path) as writer:
        writer.write(samples)
    return str(path), writer.clipped


def _check_out(job: Job, sounds: list[Sound]) -> None:
    """Refuse a folder that cannot be written, or has no room, before the work rather than after it."""
    first = job.target(sounds[0].path.stem, "target")
    check_folder(job.out, first)
    files = len(job.strategies) + 2
    seconds = files * sum(sound.clip.seconds for sound in sounds)
    if job.page and seconds > PAGE_SECONDS:
        raise ValueError(
            f"a page holds {PAGE_SECONDS / 60:.0f} minutes of sound; {files} files of each clip are "
            f"{seconds / 60:.1f} minutes: leave --html out, or take a shorter --duration or fewer strategies"
        )
    check_room(job.out, first, 2 * files * sum(len(sound.clip.samples) for sound in sounds))  # 16-bit audio


def _write_page(report: Report, job: Job) -> str:
    """One page with a player for each sound."""
    from course_utils.audio.save import saving

    parts = [f"<h2>{html.escape(Path(clip.input).name)}, {clip.style}</h2>\n{_player(clip, report).html()}"
             for clip in report.clips]  # fmt: skip
    path = job.out / "vamp.html"
    with saving(path) as temporary:
        temporary.write_text(web_page("Variations by VampNet", parts), encoding="utf-8")
    return str(path)


def _player(clip: Answer, report: Report) -> Any:
    """The sounds of one clip on one playhead."""
    from course_utils.audio import load_audio
    from course_utils.show import clips_player

    rows = [("target", clip.target, ""), ("codec", clip.codec, "all tokens kept")]
    rows += [(row.strategy, row.file, f"{row.kept_fraction:.0%} kept") for row in clip.variations]
    return clips_player(
        [(label, load_audio(file).samples) for label, file, _ in rows],
        title=f"{Path(clip.input).stem}: {len(clip.variations)} variations, {clip.style}",
        source=f"VampNet, {report.model} models, {report.passes} passes, seed {report.seed}",
        notes=[note for _, _, note in rows],
        spectrogram=False,
        budget=PAGE_BUDGET,
    )


def _show(report: Report, out: Path) -> None:
    from rich.console import Console

    console = Console()
    for clip in report.clips:
        console.print(_table(clip, report))
        beats = clip.beats
        if beats:
            speed = f", {beats['tempo']:.0f} a minute" if beats["tempo"] else ""
            console.print(f"{len(beats['times'])} beats ({beats['how']}{speed})", highlight=False)
        for name, why in clip.skipped.items():
            console.print(f"{name} left out: {why}", highlight=False)
        clipped = [f"{row.strategy}: {row.clipped}" for row in clip.variations if row.clipped]
        if clipped:
            console.print(f"Samples beyond full scale, limited to it: {', '.join(clipped)}")
    exact = all(row.kept_exact for clip in report.clips for row in clip.variations)
    console.print(f"Every kept token came through exactly: {'yes' if exact else 'NO'}.", highlight=False)
    count = sum(len(clip.variations) + 2 for clip in report.clips)
    console.print(f"{count} files in {out}" + (", and the page vamp.html" if report.html else ""), highlight=False)


def _table(clip: Answer, report: Report) -> Any:
    """Figures of one clip's variations."""
    from rich.box import SIMPLE
    from rich.table import Table

    title = (
        f"{Path(clip.input).name}, {clip.style}, {clip.seconds:.2f} s, {clip.frames} frames, "
        f"{report.model}, {report.passes} passes, seed {report.seed}"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("strategy", no_wrap=True)
    for heading in ("kept", "kbit/s", "agrees", "chroma"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_row("codec", "100.0 %", "", "", _figure(clip.codec_chroma, ".2f"), Path(clip.codec).name)
    for row in clip.variations:
        same = "" if row.agreement_generated is None else f"{row.agreement_generated:.1%}".replace("%", " %")
        figures = (f"{100 * row.kept_fraction:.1f} %", f"{row.bits_per_second / 1000:.2f}", same)
        table.add_row(row.strategy, *figures, _figure(row.chroma, ".2f"), Path(row.file).name)
    table.caption = "agrees: generated tokens that are as in the target; chroma: correlation with the target"
    table.caption_justify = "left"
    return table


def _figure(value: float | None, digits: str) -> str:
    return "silent" if value is None else format(value, digits)
