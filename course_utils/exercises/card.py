"""The Markdown of an exercise: the card above its cell, hint and solution folded below."""

from __future__ import annotations

from course_utils.exercises.exercise import Exercise

DOTS = 5


def card_markdown(exercise: Exercise) -> str:
    """The card: title, difficulty as filled and empty dots (and in words), minutes, what to do."""
    dots = "●" * exercise.difficulty + "○" * (DOTS - exercise.difficulty)
    minutes = "1 minute" if exercise.minutes == 1 else f"{exercise.minutes} minutes"
    line = f"{dots} difficulty {exercise.difficulty} of {DOTS} · about {minutes}"
    return f"#### Exercise: {exercise.title}\n\n{line}\n\n{exercise.prompt.strip()}"


def folded_markdown(exercise: Exercise) -> str:
    """Hint and solution, each folded; plain HTML that GitHub, JupyterLab and nbviewer open without a kernel."""
    solution = f"```python\n{exercise.solution_source}\n```"
    if exercise.why:
        solution += f"\n\n{exercise.why[0].upper()}{exercise.why[1:].rstrip('.')}."
    return f"{folded('Hint', exercise.hint)}\n\n{folded('Solution', solution)}"


def folded(summary: str, text: str) -> str:
    """A folded part. The blank lines make Markdown inside it Markdown."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text.strip()}\n\n</details>"


def cell_source(exercise: Exercise, answer: str | None = None) -> str:
    """The exercise's code cell: the stub (or an answer's source in its place) and the check line."""
    text = exercise.stub_source if answer is None else answer
    gap = "\n\n\n" if exercise.is_function else "\n"
    return f'{text}{gap}{exercise.name} = check("{exercise.name}", {exercise.name})'
