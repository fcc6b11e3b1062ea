"""What the commands that sample notes print for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.cli.sampled import Report, Row

MOST_NAMED = 6  # instruments or parts in a line


def show(report: Report, out: Path) -> None:
    """Print a report as a table and a few sentences."""
    from rich.console import Console

    console = Console()
    console.print(_table(report))
    for line in sentences(report, out):
        console.print(line, highlight=False, markup=False)


def _table(report: Report) -> Any:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    end = report.start + report.duration
    settings = [f"{report.model} model", f"p {report.top_p:g}", f"temperature {report.temperature:g}"]
    settings += [f"delta {report.delta:g} s"] if report.delta is not None else []
    settings += ["the paper's rules"] if report.rules == "paper" else []
    title = f"{Path(report.input).name}, {report.start:g} to {end:g} s, {', '.join(settings)}, seed {report.seed}"
    table = Table(title=escape(title), title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("notes", justify="right", no_wrap=True)
    table.add_column("instruments", overflow="fold")
    for row in report.rows:
        table.add_row(row.what, f"{row.notes:,}", instruments(row))
    return table


def instruments(row: Row) -> str:
    """The instruments of a row with their notes, the busiest first: "Flute 12, Drums 9"."""
    counts = sorted(row.instruments.items(), key=lambda item: -item[1])
    text = ", ".join(f"{name} {count}" for name, count in counts[:MOST_NAMED])
    left = len(counts) - MOST_NAMED
    return f"{text} and {left} more" if left > 0 else text or "none"


def parts(report: Report) -> str:
    """The parts of the piece by number, the busiest MOST_NAMED of them: "0 Lead (Flute), 1 Drums"."""
    busiest = sorted(report.parts, key=lambda part: -part["notes"])[:MOST_NAMED]
    told = [part["label"] for part in sorted(busiest, key=lambda part: part["number"])]
    left = len(report.parts) - len(told)
    return ", ".join(told) + (f" and {left} more (--json lists all)" if left else "")


def sentences(report: Report, out: Path) -> list[str]:
    """What stands below the table."""
    begin, end = report.span
    lines = []
    if report.melody:
        lines.append(f"Melody: {_capital(report.melody['why'])}.")
        lines.append(f"Parts for --melody: {parts(report)}.")
    lines += [f"{_capital(line)}." for line in report.said]
    lines.append(
        f"Sampled from {begin:g} to {end:g} s: {report.tokens:,} tokens in {report.seconds:.1f} s, "
        f"{report.tokens_per_second:.0f} tokens/s."
    )
    if report.stopped == "interrupted":
        lines.append(f"Interrupted: there is new music up to {report.reached:.1f} s only.")
    elif not any(row.notes for row in report.rows if row.what == "sampled"):
        lines.append("The model sampled no note: try another --seed, or a longer --duration.")
    elif report.stopped == "limit":
        lines.append(f"Stopped at the greatest number of events, at {report.reached:.1f} s.")
    elif report.stopped == "crowded":
        lines.append(f"There is new music up to {report.reached:.1f} s only.")
    lines += [
        f"The sound of {row.what} is {row.quieter:.1f} dB quieter, so that it stays below full scale."
        for row in report.rows
        if row.quieter
    ]
    count = sum((row.midi is not None) + (row.wav is not None) for row in report.rows)
    page = f", and the page {Path(report.html).name}" if report.html else ""
    stem = Path(report.input).stem
    both = [f"{stem}_{row.what}" for row in report.rows if row.wav]
    alone = [f", {stem}_{row.what} as .mid" for row in report.rows if row.midi and not row.wav]
    lines.append(f"{count} files in {out}{page}: {', '.join(both)} as .mid and .wav{''.join(alone)}")
    return lines


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
