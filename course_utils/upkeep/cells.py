"""Write the cells of a lesson that are made from elsewhere: header, bootstrap, road map, next lesson, exercises.

In a lesson's text such a cell needs its first line only; `python -m course_utils.upkeep.cells` fills it in and keeps it
in step (`--check` only says what is not). One line makes the three cells of an exercise:

    # %% [markdown] made="header"
    # %% made="bootstrap"
    # %% [markdown] made="road-map"
    # %% [markdown] made="next"
    # %% tags=["exercise"] exercise="bit_rate"

A number in prose that is quoted from elsewhere carries the name of its fact, which a test compares: "7.75 kbit/s",
directly followed by `<!-- fact: DAC_BIT_RATE -->`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_utils import facts
from course_utils.exercises.card import card_markdown, cell_source, folded_markdown
from course_utils.exercises.exercise import Exercise
from course_utils.files import atomic_write
from course_utils.project import repository_slug
from course_utils.show import frame
from course_utils.upkeep.notebooks import chosen, sources

WIDTH = 117  # with "# " before it, a line stays within 120
HEAD = re.compile(r"^# %%", flags=re.MULTILINE)
NAMED = re.compile(r"""^# %%.*\bexercise=["'](\w+)["']""")
MADE = re.compile(r"""^# %%.*\bmade=["']([\w-]+)["'].*\n""")
MARK = re.compile(r"<!--\s+(?:>\s+)?fact:")  # a line may end anywhere in it, also in a quotation
FACT = re.compile(MARK.pattern + r"\s+(?:>\s+)?(\w+)(?::(\S+))?\s+(?:>\s+)?-->")


def exercises_of(source: Path) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson by its number (the first two characters of the file's name); () if none."""
    module = f"course_utils.exercises.lesson{source.name[:2]}"
    if importlib.util.find_spec(module) is None:
        return ()
    found: tuple[Exercise, ...] = importlib.import_module(module).EXERCISES
    return found


def split_cells(text: str) -> list[str]:
    """Cut a percent file before each cell; the first piece is what stands before all cells."""
    starts = [match.start() for match in HEAD.finditer(text)]
    return [text[a:b] for a, b in zip([0, *starts], [*starts, len(text)], strict=True)]


def brought_in_step(source: Path) -> str:
    """Return a lesson's text with all its made cells written anew."""
    exercises = exercises_of(source)
    framed = with_frame(source.read_text(encoding="utf-8"), source.stem, sum(e.minutes for e in exercises))
    return with_exercises(framed, exercises)


# --- header and foot ----------------------------------------------------------------------------------------------


def with_frame(text: str, stem: str, exercise_minutes: int) -> str:
    """Return a lesson's text with header, bootstrap, road map and next lesson written anew.

    Raises ValueError for a made cell of another name.
    """
    number, slug = int(stem[:2]), repository_slug()
    stems = {int(source.name[:2]): source.stem for source in sources()}
    makers = {
        "header": lambda: _commented(frame.header(number, stem, slug, exercise_minutes)),
        "bootstrap": lambda: frame.bootstrap(slug),
        "road-map": lambda: _commented(frame.road_map(stems)),
        "next": lambda: _commented(frame.next_lesson(number, stems)),
    }
    pieces = []
    for cell in split_cells(text):
        match = MADE.match(cell)
        if match and match.group(1) not in makers:
            raise ValueError(f"{stem} has a cell made={match.group(1)!r}; there are {', '.join(makers)}")
        pieces.append(f"{match.group()}{makers[match.group(1)]()}\n\n" if match else cell)
    return "".join(pieces).rstrip("\n") + "\n"


# --- exercises ----------------------------------------------------------------------------------------------------


def names_in(text: str) -> list[str]:
    """Return the names of a lesson's exercises in the order of its cells, each once."""
    found = [match.group(1) for match in map(NAMED.match, split_cells(text)) if match]
    return list(dict.fromkeys(found))


def with_exercises(text: str, exercises: Iterable[Exercise], solved: bool = False) -> str:
    """Return a lesson's text with the three cells of each of its exercises written anew; solved, if wanted.

    Raises ValueError if the text names an exercise that does not exist.
    """
    by_name = {exercise.name: exercise for exercise in exercises}
    done: set[str] = set()
    pieces = []
    for cell in split_cells(text):
        match = NAMED.match(cell)
        if not match:
            pieces.append(cell)
            continue
        name = match.group(1)
        if name not in by_name:
            raise ValueError(f"the lesson names exercise {name!r}; its module has {', '.join(by_name) or 'none'}")
        if name not in done:
            done.add(name)
            pieces.append(three_cells(by_name[name], solved))
    return "".join(pieces).rstrip("\n") + "\n"


def three_cells(exercise: Exercise, solved: bool = False) -> str:
    """Return card, code cell and folded part of an exercise as percent text."""
    name = exercise.name
    code = cell_source(exercise, exercise.solution_source if solved else None)
    gap = "\n\n" if code.startswith(("def ", "class ")) else "\n"  # as ruff formats it
    return (
        f'# %% [markdown] exercise="{name}" part="card"\n{_commented(card_markdown(exercise))}\n{gap}'
        f'# %% tags=["exercise"] exercise="{name}"\n{code}\n\n'
        f'# %% [markdown] exercise="{name}" part="solution"\n{_commented(folded_markdown(exercise))}\n\n'
    )


def _commented(markdown: str) -> str:
    """Markdown as comment lines of at most 120 characters: prose is wrapped; code, tables and addresses are not."""
    lines, in_code = [], False
    for line in markdown.splitlines():
        in_code ^= line.startswith("```")
        keep = in_code or line.startswith(("```", "|", "#", "[", "<"))
        indent = "  " if line.startswith("- ") else ""
        lines += [line] if keep else _wrapped(line, indent)
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _wrapped(line: str, indent: str) -> list[str]:
    parts = textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return parts or [""]


# --- numbers in prose ---------------------------------------------------------------------------------------------


def wrong_facts(prose: str) -> list[str]:
    """Return a sentence for each marked number in Markdown that is not what its fact says.

    A mark stands directly behind the number, written as the fact writes itself ("7.75 kbit/s") or with the format
    given after a colon (`<!-- fact: DAC_BIT_RATE:.1f -->`).
    """
    known, wrong = facts.by_name(), []
    read = {match.start() for match in FACT.finditer(prose)}
    for mark in MARK.finditer(prose):
        if mark.start() not in read:
            wrong.append(f"no fact can be read from the mark {prose[mark.start() : mark.end() + 30]!r}")
    for match in FACT.finditer(prose):
        name, spec = match.group(1), match.group(2) or ""
        if name not in known:
            wrong.append(f"there is no fact {name}")
            continue
        expected = format(known[name], spec) if spec else str(known[name])
        before = " ".join(prose[: match.start()].split())
        if not re.search(rf"(?<![\d.,]){re.escape(expected)}$", before):
            wrong.append(f"{name} is {expected!r}, the text before its mark ends with {before[-30:]!r}")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the lessons in step and return the exit status: 1 if `--check` found one that is not."""
    parser = argparse.ArgumentParser(prog="course_utils.upkeep.cells", description="Write the made cells of lessons.")
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is out of step, exit 1 if any")
    options = parser.parse_args(arguments)
    behind = 0
    for source in chosen(options.lessons):
        wanted = brought_in_step(source)
        if wanted == source.read_text(encoding="utf-8"):
            continue
        behind += 1
        print(f"{source.name}: {'made cells are out of step' if options.check else 'made cells written'}")
        if not options.check:
            with atomic_write(source) as temporary:
                temporary.write_text(wanted, encoding="utf-8")
    return int(options.check and behind > 0)


if __name__ == "__main__":
    raise SystemExit(main())
