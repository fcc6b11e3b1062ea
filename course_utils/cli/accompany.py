"""Three commands that sample notes: accompany a melody, fill a gap in a piece, continue a piece."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from course_utils.cli.sampled import Job

DEMO = "midi/songs/ballad.mid"  # in data/; a flute over a small band, never trained on
SECONDS = 20.0  # the excerpt and its prompt, as in the paper's evaluation
PROMPT = 5.0


class RulesName(str, Enum):
    """The rules of sampling that can be asked for."""

    course = "course"
    paper = "paper"


Out = Annotated[Path, typer.Option("--out", "-o", help="The folder for the files; made if it is missing.")]
Midi = Annotated[Path | None, typer.Option("--midi", "-i", help="A MIDI file; without it a song of the course.")]
Start = Annotated[float, typer.Option("--start", help="Second of the piece to start at.")]
Duration = Annotated[float, typer.Option("--duration", help="Seconds to take.")]
Prompt = Annotated[float, typer.Option("--prompt", help="Seconds of the piece that are kept before sampling begins.")]
TopP = Annotated[float, typer.Option("--p", help="Share of the probability to sample from, above 0 to 1.")]
Temperature = Annotated[float, typer.Option("--temperature", help="Below 1 safer, above 1 bolder.")]
Delta = Annotated[float, typer.Option("--delta", help="Seconds ahead that given notes are known.")]
RulesOf = Annotated[
    RulesName,
    typer.Option(
        "--rules",
        help="paper, or course: that adds that the next event comes within a second and no note begins twice at once.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="The same number gives the same result.")]
Tries = Annotated[
    int,
    typer.Option(
        "--tries", min=1, max=100, help="Seeds to try, while the model piles up notes at one moment; 1 keeps them."
    ),
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="course, a released model (music-small-800k ...), or a folder.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or another device of torch.")]
Page = Annotated[bool, typer.Option("--html", help="Write a page with piano rolls that play as well.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of the table.")]


def accompany(
    out: Out,
    midi: Midi = None,
    melody: Annotated[
        str,
        typer.Option(
            "--melody",
            help="auto, or a part: its number among those with notes, from 0, or its track's or instrument's name.",
        ),
    ] = "auto",
    start: Start = 0.0,
    duration: Duration = SECONDS,
    prompt: Annotated[
        float | None,
        typer.Option("--prompt", help="Seconds of the others that are kept first; 5, or 0 where none plays in them."),
    ] = None,
    top_p: TopP = 0.95,
    temperature: Temperature = 1.0,
    delta: Delta = 5.0,
    rules: RulesOf = RulesName.course,
    seed: Seed = 0,
    tries: Tries = 5,
    model: Model = "course",
    device: Device = "auto",
    page: Page = False,
    as_json: AsJson = False,
) -> None:
    """Sample a new accompaniment to the melody of a piece with an Anticipatory Music Transformer.

    The melody is kept, and the first seconds of all other parts; these are sampled anew from there on. Writes the
    excerpt as events, the melody alone, and the accompaniment with the melody, each as MIDI and as sound; and what
    was sampled, as MIDI.
    """
    from course_utils.cli.sampled import Job

    where = (*_piece(midi), start, duration, out, page)
    job = Job(
        "accompaniment",
        *where,
        top_p,
        temperature,
        delta,
        rules.value,
        seed,
        model,
        device,
        PROMPT if prompt is None else prompt,
        melody,
        tries=tries,
        prompt_asked=prompt is not None,
    )
    _run(job, as_json)


def infill(
    out: Out,
    midi: Midi = None,
    gap: Annotated[
        tuple[float, float] | None,
        typer.Option("--gap", metavar="FROM TO", help="In seconds of the excerpt; without it the middle half."),
    ] = None,
    start: Start = 0.0,
    duration: Duration = SECONDS,
    top_p: TopP = 0.95,
    temperature: Temperature = 1.0,
    delta: Delta = 5.0,
    rules: RulesOf = RulesName.course,
    seed: Seed = 0,
    tries: Tries = 5,
    model: Model = "course",
    device: Device = "auto",
    page: Page = False,
    as_json: AsJson = False,
) -> None:
    """Empty a gap in a piece and sample what could stand there, knowing what comes behind it.

    Writes the excerpt as events, with the gap, and filled, each as MIDI and as sound; and what was sampled, as MIDI.
    """
    from course_utils.cli.sampled import Job

    where = (*_piece(midi), start, duration, out, page)
    middle = (0.25 * duration, 0.75 * duration)
    job = Job(
        "infilling", *where, top_p, temperature, delta, rules.value, seed, model, device, gap=gap or middle, tries=tries
    )
    _run(job, as_json)


def continue_(
    out: Out,
    midi: Midi = None,
    start: Start = 0.0,
    duration: Duration = SECONDS,
    prompt: Prompt = PROMPT,
    top_p: TopP = 0.95,
    temperature: Temperature = 1.0,
    rules: RulesOf = RulesName.course,
    seed: Seed = 0,
    tries: Tries = 5,
    model: Model = "course",
    device: Device = "auto",
    page: Page = False,
    as_json: AsJson = False,
) -> None:
    """Sample on from the first seconds of a piece.

    Writes the excerpt as events, the prompt alone, and the prompt with its continuation, each as MIDI and as sound;
    and what was sampled, as MIDI.
    """
    from course_utils.cli.sampled import Job

    where = (*_piece(midi), start, duration, out, page)
    job = Job("continuation", *where, top_p, temperature, 5.0, rules.value, seed, model, device, prompt, tries=tries)
    _run(job, as_json)


def _piece(midi: Path | None) -> tuple[Path, bool]:
    """The file that was named; or the course's own, which is said. And whether it is the course's."""
    if midi is not None:
        return midi, False
    from course_utils.paths import data_folder

    typer.echo(f"No --midi given: taking a song of the course's composer, {Path(DEMO).name}.", err=True)
    return data_folder() / DEMO, True


def _run(job: Job, as_json: bool) -> None:
    """Do the job and say what came of it; exit status 1 if it was stopped on the way."""
    import json
    from dataclasses import asdict

    from course_utils.cli.sampled import run
    from course_utils.cli.sampled_table import show

    report = run(job, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        show(report, job.out)
    if not report.ok:
        raise typer.Exit(1)
