"""Lessons: edited as text in notebooks/src, stored executed in notebooks; keep the two in step.

`make notebooks` executes the lessons that are out of date, top to bottom in a fresh kernel each. The stored notebook
says what it was made from: the hash of its text, and of the code and models that the text depends on.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import re
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from queue import Empty
from typing import Any

from course_utils.files import atomic_write, sha256_of
from course_utils.paths import NOTEBOOKS, ROOT
from course_utils.project import repository_slug

CELL_LIMIT_SECONDS = 120
SLICE_SECONDS = 1.0
# In a lesson's text this stands for owner/name of the published repository, as pyproject.toml has it.
PLACEHOLDER = "{{repository}}"
OWN_METADATA = "two_poles"
# What a lesson may depend on in data/, unless its header names fewer (jupyter: two_poles: data: [models/course-codec]).
DATA_FOLDERS = ("clips", "models", "recorded")
# Tags, metadata and outputs that editors add and no lesson needs.
NOT_KEPT = ("collapsed", "scrolled", "execution", "jp-MarkdownHeadingCollapsed")
# A stored widget is dead without its kernel, and makes exported pages ask a server on the network for its scripts. The
# cell's other outputs stay.
WIDGET = "application/vnd.jupyter.widget-view+json"


class LessonError(RuntimeError):
    """A lesson could not be read, executed or stored."""


@dataclass(frozen=True)
class Run:
    """What one execution of a lesson took: wall seconds, peak resident bytes of its kernel, bytes of the notebook."""

    lesson: str
    seconds: float
    peak_bytes: int
    notebook_bytes: int


def sources() -> list[Path]:
    """Return the lessons' text files in order."""
    return sorted((NOTEBOOKS / "src").glob("[0-9][0-9]_*.py"))


def stored(source: Path) -> Path:
    """Return the path of the executed notebook that belongs to a lesson's text."""
    return NOTEBOOKS / f"{source.stem}.ipynb"


# --- what a lesson depends on -------------------------------------------------------------------------------------


def modules_named(text: str) -> set[str]:
    """Return the names of course_utils modules that Python text imports or names in a string."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= set(re.findall(r"\bcourse_utils(?:\.\w+)+", node.value))
    return {name for name in names if name.split(".")[0] == "course_utils"}


def _file_of(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@cache
def _modules_of_file(path: Path) -> frozenset[str]:
    return frozenset(modules_named(path.read_text(encoding="utf-8")))


def code_behind(text: str) -> list[Path]:
    """Return the files of course_utils that a lesson's text imports, directly or through others, sorted.

    Scripts and styles that lie beside an imported module belong to it.
    """
    waiting, found = modules_named(_without_magics(text)), set[Path]()
    while waiting:
        module = waiting.pop()
        parents = [module.rsplit(".", n)[0] for n in range(module.count(".") + 1)]
        for path in filter(None, map(_file_of, parents)):
            if path not in found:
                found.add(path)
                waiting |= _modules_of_file(path)
    assets = {a for path in found for folder in ("js", "css") for a in (path.parent / folder).glob("*.*")}
    return sorted(found | assets)


def _without_magics(text: str) -> str:
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", text, flags=re.MULTILINE)


def data_behind(header: dict[str, Any]) -> list[Path]:
    """Return the files of data/ that a lesson depends on, sorted: all clips, models and recordings, or those it names.

    Raises LessonError if it names something that is not there.
    """
    files: set[Path] = set()
    for name in header.get("data", DATA_FOLDERS):
        path = ROOT / "data" / name
        if not path.exists() and "data" in header:
            raise LessonError(f"a lesson's header names data/{name}, which does not exist")
        below = path.rglob("*") if path.is_dir() else [path]
        files |= {p for p in below if p.is_file() and not p.name.startswith(".")}
    return sorted(files)


def fingerprints(source: Path) -> dict[str, str]:
    """Return the hashes that tie an executed notebook to its text and to the code and data behind it."""
    notebook = read_source(source)
    text = source.read_text(encoding="utf-8").replace("\r\n", "\n")
    header = notebook.metadata.get(OWN_METADATA, {})
    return {
        "source_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "code_sha256": _hash_of_files(code_behind(_code_of(notebook))),
        "data_sha256": _hash_of_files(data_behind(header)),
    }


def _code_of(notebook: Any) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


@cache
def _hash_of_file(path: Path, size: int, changed: int) -> str:
    return sha256_of(path)


def _hash_of_files(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        state = path.stat()
        digest.update(
            f"{path.relative_to(ROOT).as_posix()} {_hash_of_file(path, state.st_size, state.st_mtime_ns)}\n".encode()
        )
    return digest.hexdigest()


# --- text and notebook --------------------------------------------------------------------------------------------


def read_source(source: Path) -> Any:
    """Return a lesson's text as a notebook without outputs, its cells' ids fixed by their contents.

    Raises LessonError if the file is not Jupytext's percent format.
    """
    import jupytext

    try:
        notebook = jupytext.read(source, fmt="py:percent")
    except Exception as error:  # jupytext raises many kinds
        raise LessonError(f"{source} is not a Jupytext percent file: {error}") from error
    if not notebook.cells:
        raise LessonError(f"{source} has no cells; start each with a line `# %%`")
    for index, cell in enumerate(notebook.cells):
        cell.source = cell.source.replace(PLACEHOLDER, repository_slug())
        cell["id"] = hashlib.sha256(f"{index} {cell.cell_type} {cell.source}".encode()).hexdigest()[:12]
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def cells_hash(notebook: Any) -> str:
    """Return the hash of a notebook's cells as a reader edits them: type, text and tags; no outputs."""
    cells = [[c.cell_type, c.source, sorted(c.metadata.get("tags", []))] for c in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def read_stored(source: Path) -> Any | None:
    """Return the stored notebook of a lesson, or None if there is none.

    Raises LessonError if it cannot be read as a notebook.
    """
    import nbformat

    path = stored(source)
    if not path.exists():
        return None
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise LessonError(f"{path} cannot be read as a notebook ({error}); `make notebooks` makes it anew") from error


def problems(source: Path) -> list[str]:
    """Return what is wrong with a lesson's stored notebook, in sentences; an empty list if it is in step."""
    notebook = read_stored(source)
    if notebook is None:
        return [f"{stored(source).name} does not exist"]
    found = []
    if cells_hash(notebook) != cells_hash(read_source(source)):
        found.append("its cells differ from the text")
    own, now = notebook.metadata.get(OWN_METADATA, {}), fingerprints(source)
    for key, what in (("source_sha256", "text"), ("code_sha256", "code"), ("data_sha256", "models or data")):
        if own.get(key) != now[key]:
            found.append(f"it was executed with other {what}")
    return found + order_problems(notebook)


def order_problems(notebook: Any) -> list[str]:
    """Return the signs that a notebook was not executed once, top to bottom, without an error."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"its execution counts are {counts[:12]}{'...' if len(counts) > 12 else ''}, not 1 to {len(code)}")
    errors = [o.get("ename") for cell in code for o in cell.outputs if o.output_type == "error"]
    if errors:
        found.append(f"a saved output is an error ({errors[0]})")
    return found


def edited_by_hand(source: Path) -> bool:
    """Return whether the stored notebook's cells were changed since it was executed."""
    notebook = read_stored(source)
    if notebook is None:
        return False
    recorded = notebook.metadata.get(OWN_METADATA, {}).get("cells_sha256")
    return cells_hash(notebook) not in (recorded, cells_hash(read_source(source)))


def pull(source: Path) -> None:
    """Write a stored notebook's cells back into the lesson's text, keeping the text's header."""
    import jupytext

    notebook, text = read_stored(source), jupytext.read(source, fmt="py:percent")
    if notebook is None:
        raise LessonError(f"{stored(source)} does not exist: there is nothing to pull into {source.name}")
    notebook.metadata = text.metadata
    for cell in notebook.cells:
        cell.source = cell.source.replace(repository_slug(), PLACEHOLDER)
    with atomic_write(source) as temporary:
        jupytext.write(notebook, temporary, fmt="py:percent")


# --- execution ----------------------------------------------------------------------------------------------------


def execute(source: Path) -> tuple[Any, Run]:
    """Execute a lesson top to bottom in a fresh kernel and return the notebook and what the run took.

    Raises LessonError with the cell and its error if one fails, or takes more than two minutes.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    notebook = read_source(source)
    client = NotebookClient(notebook, timeout=CELL_LIMIT_SECONDS, kernel_name="python3", record_timing=False)
    client.extra_arguments = ["--log-level=40"]  # the kernel's own remarks are not the lesson's
    client.resources = {"metadata": {"path": str(NOTEBOOKS)}}
    watch = _PeakMemory()
    started = time.monotonic()
    try:
        with client.setup_kernel():
            watch.start(client.km)
            assert client.kc is not None  # set up above
            for channel in (client.kc.shell_channel, client.kc.iopub_channel):
                channel.get_msg = partial(_get_in_slices, channel)
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            seconds, peak = time.monotonic() - started, watch.stop()
    except (CellExecutionError, CellTimeoutError) as error:
        raise LessonError(f"{source.name} does not run: {error}") from error
    finally:
        watch.stop()
    _tidy(notebook)
    notebook.metadata[OWN_METADATA] = {
        **notebook.metadata.get(OWN_METADATA, {}),
        **fingerprints(source),
        "cells_sha256": cells_hash(notebook),
    }
    text = nbformat.writes(notebook)
    return notebook, Run(source.stem, seconds, peak, len(text.encode()))


async def _get_in_slices(channel: Any, timeout: float | None = None) -> Any:
    """The next message of a kernel's channel, looked for at least once a second. Raises queue.Empty after `timeout` s.

    Now and then the wake-up for a message that has arrived is lost between zmq and asyncio (seen with pyzmq 27.3 and
    jupyter_client 8.10): a wait without slices then lasts until its time is up.
    """
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        try:
            return await type(channel).get_msg(channel, timeout=max(min(left, SLICE_SECONDS), 0))
        except Empty:
            if left <= SLICE_SECONDS:
                raise


def _tidy(notebook: Any) -> None:
    for cell in notebook.cells:
        for key in NOT_KEPT:
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)


def _joined(outputs: list[Any]) -> list[Any]:
    """Join neighbouring pieces of one stream: how a print is cut into messages differs from run to run."""
    result: list[Any] = []
    for output in outputs:
        last = result[-1] if result else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            result.append(output)
    return result


class _PeakMemory:
    """Highest resident bytes of a kernel process: the system's own record, else looked at 20 times a second."""

    def __init__(self) -> None:
        self._peak, self._running, self._thread = 0, False, threading.Thread(target=self._look, daemon=True)

    def start(self, manager: Any) -> None:
        """Begin to watch the process of a kernel manager."""
        import psutil

        self._process = psutil.Process(manager.provisioner.pid)
        self._running = True
        self._thread.start()

    def _look(self) -> None:
        import psutil

        while self._running:
            try:
                self._peak = max(self._peak, self._process.memory_info().rss, _high_water_mark(self._process.pid))
            except psutil.Error:
                return
            time.sleep(0.05)

    def stop(self) -> int:
        """End the watch and return the peak."""
        if self._running:
            self._running = False
            self._thread.join()
        return self._peak


def _high_water_mark(pid: int) -> int:
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(match.group(1)) * 1024 if match else 0


def store(source: Path, notebook: Any) -> Path:
    """Write an executed notebook beside the others, whole or not at all, and return its path."""
    import nbformat

    nbformat.validate(notebook)
    with atomic_write(stored(source)) as temporary:
        nbformat.write(notebook, temporary)
    return stored(source)


# --- command line -------------------------------------------------------------------------------------------------


def chosen(names: list[str]) -> list[Path]:
    """Return the lessons whose names start with one of the given, or all.

    Raises LessonError for a name that no lesson starts with.
    """
    lessons = sources()
    for name in names:
        if not any(path.stem.startswith(Path(name).stem) for path in lessons):
            there = ", ".join(path.stem for path in lessons) or "none"
            raise LessonError(f"no lesson's name starts with {name!r}; there are: {there}")
    return [p for p in lessons if not names or any(p.stem.startswith(Path(n).stem) for n in names)]


def bring_up_to_date(source: Path, everything: bool, discard: bool) -> Run | None:
    """Execute and store a lesson if it is out of date (or always), and return what the run took.

    Raises LessonError if that would overwrite edits that exist in the notebook only.
    """
    if not everything and not problems(source):
        return None
    if edited_by_hand(source) and not discard:
        raise LessonError(
            f"{stored(source).name} was edited in Jupyter since it was executed. Take the edits into the text with "
            f'make notebooks ARGS="--pull {source.stem}", or drop them with ARGS="--discard-edits {source.stem}".'
        )
    notebook, run = execute(source)
    store(source, notebook)
    return run


def main(arguments: list[str] | None = None) -> int:
    """Run `python -m course_utils.upkeep.notebooks` and return its exit status."""
    parser = argparse.ArgumentParser(prog="course_utils.upkeep.notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    parser.add_argument("--all", action="store_true", help="execute also those that are in step")
    parser.add_argument("--check", action="store_true", help="execute nothing; say what is out of step, exit 1 if any")
    parser.add_argument("--pull", action="store_true", help="write edits made in Jupyter back into the text first")
    parser.add_argument("--discard-edits", action="store_true", help="overwrite edits made in Jupyter")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args(arguments)
    report: dict[str, Any] = {}
    try:
        for source in chosen(options.lessons):
            if options.check:
                report[source.stem] = problems(source)
                continue
            if options.pull and edited_by_hand(source):
                pull(source)
            run = bring_up_to_date(source, options.all, options.discard_edits)
            report[source.stem] = asdict(run) if run else "in step"
            print(_line(source, run), file=sys.stderr, flush=True)
    except LessonError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report))
    elif options.check:
        for name, found in report.items():
            print(f"{name}: {'; '.join(found) or 'in step'}")
    return int(options.check and any(report.values()))


def _line(source: Path, run: Run | None) -> str:
    if run is None:
        return f"{source.stem}: in step"
    sizes = f"{run.peak_bytes / 1e9:.2f} GB at most, notebook {run.notebook_bytes / 1e6:.2f} MB"
    return f"{source.stem}: executed in {run.seconds:.1f} s, {sizes}"


if __name__ == "__main__":
    raise SystemExit(main())
