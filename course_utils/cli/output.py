"""What the commands share: a folder to write to, room on the disk, and a line that says how far the work is."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font-family: sans-serif }}
body {{ max-width: 60rem; margin: 1rem auto; padding: 0 1rem }}
</style>
</head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""


def web_page(title: str, parts: Iterable[str]) -> str:
    """A whole page of several players; title and parts are HTML already."""
    return PAGE.format(title=title, content="\n".join(parts))


def check_folder(folder: Path, first: Path) -> None:
    """Make the folder, or refuse one that cannot be written before the work rather than after it.

    first: the file that the message names. Raises AudioError.
    """
    from course_utils.audio.save import save_error

    in_the_way = next((path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()), None)
    if in_the_way is not None:
        blocked = OSError(errno.EEXIST, f"{in_the_way} is a file, where a folder is needed; choose another folder")
        raise save_error(first, blocked)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise save_error(first, error) from error


def check_room(folder: Path, first: Path, need: int) -> None:
    """Refuse a disk without room for `need` bytes in the folder; `first` as in `check_folder`. Raises AudioError."""
    from course_utils.audio.save import save_error

    free = shutil.disk_usage(folder).free
    if need > free:
        short = OSError(errno.ENOSPC, f"{need / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")
        raise save_error(first, short)


class Progress:
    """A line on stderr that says what is being done, where somebody looks; nothing with `quiet`.

    Used as `with Progress(quiet, "loading") as say: say("level 1")`.
    """

    def __init__(self, quiet: bool, first: str) -> None:
        from rich.console import Console

        console = Console(stderr=True, quiet=quiet)
        self._status = console.status(first) if console.is_terminal and not quiet else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, what: str) -> None:
        """Say what is being done now."""
        if self._status is not None:
            self._status.update(what)
