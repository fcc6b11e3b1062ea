"""The `course` command and its subcommands, looked up by name so that `course --help` imports none of them."""

from __future__ import annotations

import importlib
import json
import keyword
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from course_utils import __version__

# subcommand -> (module whose function of the same name is run, the line that `course --help` shows)
COMMANDS = {
    "lab": ("course_utils.cli.lab", "Open the lessons in JupyterLab."),
    "check": ("course_utils.cli.check", "Report what is there, what is missing, and the command that mends it."),
    "codec": (
        "course_utils.cli.codec",
        "Encode a sound, write one file per codebook level, and print what each level adds.",
    ),
    "vamp": (
        "course_utils.cli.vamp",
        "Vary a sound: keep some of its tokens, generate the others, and measure what came of it.",
    ),
    "accompany": (
        "course_utils.cli.accompany",
        "Sample a new accompaniment to the melody of a MIDI file.",
    ),
    "infill": ("course_utils.cli.accompany", "Empty a gap in a MIDI file and sample what could stand there."),
    "continue": ("course_utils.cli.accompany", "Sample on from the first seconds of a MIDI file."),
}


HELP = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """A group that imports a subcommand's module when the subcommand is named, not when help is shown."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the subcommands' names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the subcommand, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        return command_from(importlib.import_module(module), cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of subcommands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def command_from(module: Any, name: str) -> Any:
    """Return the command of a module: its typer app `app` if it has one, else its function `name`.

    A function cannot be called `continue`: names that Python keeps for itself have an underscore behind them.
    """
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=HELP)
        app.command(name=name)(getattr(module, f"{name}_" if keyword.iskeyword(name) else name))
    command = typer.main.get_command(app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"course {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True, invoke_without_command=False)
def course(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Two Poles: controllable music generation from the codes up.

    Exit status: 0 done, 1 something failed, 2 the command was not understood. Set COURSE_DEBUG=1 to see tracebacks.
    """


def main() -> None:
    """Run the command line; expected failures end in one clear sentence and exit status 1, not in a traceback."""
    try:
        app(prog_name="course")
    except BrokenPipeError:  # the reader of our output has gone, as in `course check | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        if os.environ.get("COURSE_DEBUG") or not is_expected(error):
            raise
        fail(str(error) or type(error).__name__)


def is_expected(error: BaseException) -> bool:
    """Return whether an error is one that the course raises on purpose, or the system's word on a file."""
    if isinstance(error, OSError) or type(error).__module__.split(".")[0] == "course_utils":
        return True
    frames = traceback.extract_tb(error.__traceback__)
    raised_here = bool(frames) and Path(__file__).parent.parent in Path(frames[-1].filename).parents
    return raised_here and isinstance(error, (ValueError, RuntimeError))


def fail(message: str) -> NoReturn:
    """Print an error (as JSON where `--json` was asked for) and leave with exit status 1."""
    if "--json" in sys.argv:
        print(json.dumps({"ok": False, "error": message}))
    else:
        print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(1)
