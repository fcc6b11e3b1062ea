"""Report what is there, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib
import io
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from course_utils import packages
from course_utils.paths import NOTEBOOKS, ROOT, data_folder

OK, WARN, FAIL = "ok", "warn", "fail"
MIND_GIGABYTES, NEED_GIGABYTES = 1.5, 0.7
SOUND_FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it is, and the command that mends it, if any is needed."""

    part: str
    name: str
    status: str
    detail: str
    mend: str = ""


def check(
    mend: bool = typer.Option(False, "--mend", help="First install what is missing; change nothing else."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Report what is there, what is missing, and the command that mends it.

    Looks at Python, packages, models, device, sound formats, memory and lessons. Exit status 1 if anything fails.
    """
    if mend:
        packages.mend()
    findings = []
    for part, look in PARTS.items():
        for finding in _safely(part, look):
            findings.append(finding)
            if not as_json:
                _show(finding)
    failed = [f for f in findings if f.status == FAIL]
    if as_json:
        print(json.dumps({"ok": not failed, "findings": [asdict(f) for f in findings]}, indent=1))
    else:
        warned = sum(f.status == WARN for f in findings)
        print(f"\n{len(findings)} looked at, {len(failed)} failed, {warned} to mind.")
    raise typer.Exit(1 if failed else 0)


def _safely(part: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield a part's findings; a part that itself breaks is a finding, not the end of the report."""
    try:
        yield from look()
    except Exception as error:
        yield Finding(part, part, FAIL, f"could not be looked at: {type(error).__name__}: {error}", _all_again())


def _show(finding: Finding) -> None:
    sign = {OK: "  ok  ", WARN: " mind ", FAIL: " FAIL "}[finding.status]
    print(f"[{sign}] {finding.part:<9} {finding.name:<22} {finding.detail}")
    if finding.mend:
        print(f"{'':>9}{'get it' if finding.status == OK else 'mend'} with: {finding.mend}", flush=True)


# --- Python -------------------------------------------------------------------------------------------------------


def look_at_python() -> Iterator[Finding]:
    """Yield whether the interpreter is one that the course supports."""
    version = platform.python_version()
    good = (3, 10) <= sys.version_info[:2] <= (3, 13)
    mend = "" if good else "make clean && make env COURSE_PYTHON=/path/to/python3.12"
    yield Finding("python", version, OK if good else FAIL, f"{sys.executable} (3.10 to 3.13 work)", mend)


def _all_again() -> str:
    return "make clean && make env" if (ROOT / "Makefile").exists() else "see README.md, Without make"


def look_at_packages() -> Iterator[Finding]:
    """Yield one finding for each package that the course needs, for what these need in turn, and for `import dac`."""
    for package in packages.direct():
        status, mend = (OK, "") if package.good else (FAIL, packages.command([package]))
        yield Finding("package", package.name, status, package.said, mend)
    lacking = packages.lacking()
    if lacking:
        named = ", ".join(package.name for package in lacking)
        yield Finding("package", "what these need", FAIL, f"missing: {named}", packages.command(lacking))
    else:
        yield Finding("package", "what these need", OK, "all there")
    yield _dac()


def _dac() -> Finding:
    from course_utils.compat.torchaudio import ensure_torchaudio

    which = ensure_torchaudio()
    try:
        importlib.import_module("dac")
    except Exception as error:
        mend = f"{packages.python()} -m pip install --no-deps -r requirements.lock"
        return Finding("package", "import dac", FAIL, f"{type(error).__name__}: {error}", mend)
    detail = "works" if which == "real" else "works, with the course's stand-in for torchaudio"
    return Finding("package", "import dac", OK, detail)


# --- models -------------------------------------------------------------------------------------------------------


def look_at_models() -> Iterator[Finding]:
    """Yield whether each model of the zoo is there and whole, and whether the rest of data/ is as its manifest says."""
    from course_utils.paths import cache_folder
    from course_utils.zoo import MODELS

    for model in MODELS.values():
        yield _model(model)
    yield _data(data_folder())
    yield Finding("model", "downloads", OK, f"official weights are kept in {cache_folder()}")


def _model(model: Any) -> Finding:
    """Verify a model as the loaders do: its hash, and that nothing but numbers is inside."""
    from course_utils.zoo import ZooError, read_weights, state

    own = model.url is None
    fetch = f"{packages.python()} -c \"from course_utils.zoo import weights_path; weights_path('{model.name}')\""
    mend = f"git checkout -- data/models/{model.name}" if own else fetch
    if not state(model.name).present:
        if own:
            return Finding("model", model.name, FAIL, f"missing: {model.path}", mend)
        return Finding("model", model.name, OK, f"optional, not downloaded ({model.size}, {model.licence})", mend)
    try:
        read_weights(model.name)
    except ZooError as error:
        return Finding("model", model.name, FAIL, str(error), mend if own else f'rm "{model.path}" && {fetch}')
    return Finding("model", model.name, OK, f"{model.size}, verified, {model.licence}")


def _data(folder: Path) -> Finding:
    """Compare every file of the manifest (clips, soundfont, MIDI, models) with its size and hash."""
    from course_utils.files import sha256_of

    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    wrong = []
    for entry in entries:
        path = folder / entry["file"]
        if not path.is_file() or path.stat().st_size != entry["bytes"] or sha256_of(path) != entry["sha256"]:
            wrong.append(entry["file"])
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Finding(
            "model", "data", FAIL, f"missing or damaged: {', '.join(wrong[:3])}{more}", "git checkout -- data"
        )
    return Finding("model", "data", OK, f"{len(entries)} files as listed in data/manifest.json")


# --- machine ------------------------------------------------------------------------------------------------------


def look_at_device() -> Iterator[Finding]:
    """Yield what the models will run on."""
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        yield Finding("device", "cuda", OK, f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    elif torch.backends.mps.is_available():
        yield Finding("device", "mps", OK, "Apple GPU")
    threads = f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    yield Finding("device", "cpu", OK, f"{threads}; every lesson runs on it")


def look_at_sound() -> Iterator[Finding]:
    """Yield whether each sound format is really written and read back."""
    import numpy as np
    import soundfile

    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(22050) / 44100).astype(np.float32)
    for suffix, (container, coding) in SOUND_FORMATS.items():
        yield _try_format(soundfile, suffix, container, coding, tone)


def _try_format(soundfile: Any, suffix: str, container: str, coding: str, tone: Any) -> Finding:
    buffer = io.BytesIO()
    mend = f"{packages.python()} -m pip install --no-deps --force-reinstall soundfile"
    try:
        soundfile.write(buffer, tone, 44100, format=container, subtype=coding)
        buffer.seek(0)
        heard, rate = soundfile.read(buffer, dtype="float32")
    except (RuntimeError, ValueError, TypeError) as error:
        return Finding("sound", suffix, FAIL, f"{error}", mend)
    level = float((heard**2).mean()) ** 0.5
    if rate != 44100 or abs(level - 0.354) > 0.05:
        return Finding(
            "sound", suffix, FAIL, f"a tone comes back at {rate} Hz, level {level:.2f} instead of 0.35", mend
        )
    return Finding("sound", suffix, OK, f"reads and writes (libsndfile {soundfile.__libsndfile_version__})")


def look_at_memory() -> Iterator[Finding]:
    """Yield the free memory and disk space."""
    import psutil

    free = psutil.virtual_memory().available / 1e9
    status = FAIL if free < NEED_GIGABYTES else WARN if free < MIND_GIGABYTES else OK
    advice = "" if status == OK else "; a lesson takes up to 1.5 GB: close other programs or other kernels"
    yield Finding("memory", "free", status, f"{free:.1f} GB of {psutil.virtual_memory().total / 1e9:.1f} GB{advice}")
    disk = shutil.disk_usage(ROOT).free / 1e9
    yield Finding("memory", "disk", OK if disk > 1 else WARN, f"{disk:.1f} GB free in {ROOT}")


# --- lessons ------------------------------------------------------------------------------------------------------


def look_at_lessons() -> Iterator[Finding]:
    """Yield which lessons are there, and whether JupyterLab can show them."""
    lessons = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        yield Finding("lessons", "notebooks", FAIL, f"no lesson in {NOTEBOOKS}", "git checkout -- notebooks")
    for path in lessons:
        yield Finding("lessons", path.stem, OK, f"{path.stat().st_size / 1e6:.2f} MB")
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        kernels = sorted(KernelSpecManager().find_kernel_specs())
    except ImportError:
        kernels = []
    mend = "" if "python3" in kernels else f"{packages.python()} -m ipykernel install --sys-prefix"
    yield Finding("lessons", "kernel", FAIL if mend else OK, f"kernels: {', '.join(kernels) or 'none'}", mend)


PARTS: dict[str, Callable[[], Iterator[Finding]]] = {
    "python": look_at_python,
    "package": look_at_packages,
    "model": look_at_models,
    "device": look_at_device,
    "sound": look_at_sound,
    "memory": look_at_memory,
    "lessons": look_at_lessons,
}
