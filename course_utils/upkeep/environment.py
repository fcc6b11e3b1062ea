"""Make `.venv` from requirements.lock, or see at once that it is up to date (standard library only, any Python >= 3.8).

`make` runs this file as a script before everything else, with whatever Python there is. A stamp in the environment
names what it was made from and is written last; a mark written first says that work is under way. An environment
with the mark and without the stamp was interrupted and is made anew.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST, NEWEST = (3, 10), (3, 13)
FREE_GIGABYTES = 3.0


def say(text):
    """Print one line of progress at once."""
    print(f"[environment] {text}", flush=True)


def give_up(text):
    """Print what is wrong and leave with exit status 1."""
    print(f"\nError: {text}\n", file=sys.stderr, flush=True)
    raise SystemExit(1)


def python_of(folder):
    """Return the path of an environment's interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint(root=ROOT):
    """Return the hash of what an environment is made from: the lock and pyproject.toml."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((root / name).read_bytes() + b"\0")
    return digest.hexdigest()


def stamp_of(folder):
    """Return the path of the file whose content says what an environment was made from."""
    return folder / "course-stamp.json"


def mark_of(folder):
    """Return the path of the file that is there while an environment is being made."""
    return folder / "course-unfinished"


def is_current(folder, root=ROOT):
    """Return whether an environment is complete and made from the present lock, in this place."""
    try:
        stamp = json.loads(stamp_of(folder).read_text())
    except (OSError, ValueError):
        return False
    same = stamp.get("made_from") == fingerprint(root) and stamp.get("root") == str(root)
    return same and not mark_of(folder).exists() and python_of(folder).exists()


def version_of(python):
    """Return (major, minor) of an interpreter, or None if it does not run."""
    try:
        asked = [str(python), "-c", "import sys; print(sys.version_info[0], sys.version_info[1])"]
        answer = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.split()
        return int(answer[0]), int(answer[1])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return None


def is_suitable(version):
    """Return whether the course runs on a Python version."""
    return version is not None and OLDEST <= version <= NEWEST


def find_python():
    """Return an interpreter between 3.10 and 3.13: $COURSE_PYTHON, else the best of those on the PATH."""
    named = os.environ.get("COURSE_PYTHON")
    if named:
        version = version_of(named)
        if not is_suitable(version):
            seen = "does not run" if version is None else "is Python {}.{}".format(*version)
            give_up(f"COURSE_PYTHON={named} {seen}; the course needs Python 3.10 to 3.13.")
        return named
    # The tried order: what most people have and most wheels exist for; then whatever `python3` and this one are.
    too_old_or_new = []
    for name in ["python3.12", "python3.11", "python3.13", "python3.10", "python3", "python", sys.executable]:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if is_suitable(version):
            return path
        if version:
            too_old_or_new.append("{} is {}.{}".format(name, *version))
    give_up(
        "the course needs Python 3.10, 3.11, 3.12 or 3.13. Found: "
        + (", ".join(too_old_or_new) or "no Python at all")
        + ".\n"
        "Install one (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12;\n"
        "any system: https://www.python.org/downloads/), or name one: make lab COURSE_PYTHON=/path/to/python3.12"
    )


def torch_pin(root=ROOT):
    """Return the line of the lock that pins torch."""
    pins = re.findall(r"^torch==\S+", (root / "requirements.lock").read_text(), flags=re.MULTILINE)
    if len(pins) != 1:
        give_up(f"requirements.lock must pin torch exactly once, but pins it {len(pins)} times; run `make lock`.")
    return pins[0]


def steps(python, root=ROOT):
    """Return [(what is said, command)] that fill an empty or outdated environment."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    index, pin = os.environ.get("TORCH_INDEX"), torch_pin(root)
    text = f"1/3 {pin} and its own dependencies"
    if sys.platform == "linux" and not index:
        text += ", on most Linux systems with CUDA: about 3 GB (README.md says how to get the small one)"
    return [
        (text, [*pip, *(["--index-url", index] if index else []), pin]),
        ("2/3 the rest of requirements.lock", [*pip, "--no-deps", "-r", str(root / "requirements.lock")]),
        ("3/3 the course itself", [*pip, "--no-deps", "--editable", str(root)]),
    ]


def create(folder, python):
    """Make an empty environment in a folder, over whatever is there."""
    say(f"making {folder.name} with Python {'.'.join(map(str, version_of(python)))} ({python})")
    free = shutil.disk_usage(folder.parent).free / 1e9
    if free < FREE_GIGABYTES:
        give_up(f"{free:.1f} GB free in {folder.parent}, and the environment needs at least {FREE_GIGABYTES:.0f} GB.")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    mark_of(folder).touch()
    done = subprocess.run([str(python), "-m", "venv", str(folder)], check=False)
    if done.returncode:
        give_up(
            f"{python} -m venv failed. On Debian and Ubuntu it is a package of its own: apt install python3-venv.\n"
            "Then run the same command again."
        )


def fill(folder, root=ROOT):
    """Install the lock and the course, then write the stamp."""
    mark_of(folder).touch()
    for text, command in steps(python_of(folder), root):
        if is_installed(python_of(folder), command[-1]):
            continue
        say(text)
        if run_step(command):
            # pip has put back what it was about to change, so this is no interruption: go on from here next time.
            mark_of(folder).unlink(missing_ok=True)
            give_up(
                f"step {text[:3]} failed; pip's own message above says why. What is there stays: run the same command\n"
                "again (it needs a network whenever requirements.lock has changed, and none otherwise)."
            )
    stamp = {"made_from": fingerprint(root), "root": str(root)}
    temporary = stamp_of(folder).with_suffix(".new")
    temporary.write_text(json.dumps(stamp) + "\n")
    os.replace(temporary, stamp_of(folder))
    mark_of(folder).unlink(missing_ok=True)


def is_installed(python, pin):
    """Return whether an environment has the package that a pin such as torch==2.13.0 names, of any build."""
    name, _, version = pin.partition("==")
    program = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    asked = subprocess.run(
        [str(python), "-c", program, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return bool(version) and asked.stdout.decode().strip().split("+")[0] == version


def run_step(command):
    """Run a step and return its exit status; torch shows pip's own bars, the many small packages are counted."""
    if "--no-deps" not in command:
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
    lines, seen = [], 0
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line)
            if line.startswith(("Collecting ", "Processing ")):
                seen += 1
                if seen % 25 == 0:
                    say(f"    {seen} packages fetched")
            elif line.startswith("Installing collected packages:"):
                say(f"    installing {line.count(',') + 1}")
    if pip.returncode:
        told = [
            line for line in lines if not line.startswith(("Ignoring ", "Requirement already", "WARNING: Location"))
        ]
        print("".join(told[-30:]), file=sys.stderr, flush=True)
    return pip.returncode


def ensure(folder, root=ROOT):
    """Make the environment current: at once if it is, in place if the lock changed, anew if it was interrupted."""
    if is_current(folder, root):
        return
    with only_one(folder):
        if is_current(folder, root):  # another make has just done it
            return
        started = time.monotonic()
        usable = is_suitable(version_of(python_of(folder))) and (folder / "pyvenv.cfg").exists()
        if mark_of(folder).exists():
            say(f"{folder.name} was left unfinished: making it anew")
            usable = False
        if usable:
            say(f"bringing {folder.name} up to date with requirements.lock")
        else:
            create(folder, find_python())
        fill(folder, root)
        say(f"ready after {time.monotonic() - started:.0f} s")


class only_one:  # noqa: N801 - read as a phrase: with only_one(folder)
    """Let one process at a time work on an environment; the others wait."""

    def __init__(self, folder):
        self._path = folder.parent / f"{folder.name}.lock"

    def __enter__(self):
        self._file = self._path.open("w")
        try:
            import fcntl
        except ImportError:  # Windows: without the lock
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another make is preparing the environment: waiting for it")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self._file.close()


if __name__ == "__main__":
    try:
        ensure(Path(os.environ.get("COURSE_VENV") or ROOT / ".venv").resolve())
    except KeyboardInterrupt:
        give_up("interrupted; the same command starts the environment anew.")
