"""What a recording was made by, as hashes: weights and sounds by their bytes, code by what it does.

Comments, layout and docstrings of the code may change without making a recording stale: they decide nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from course_utils.files import sha256_of
from course_utils.paths import ROOT, data_folder

DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def fingerprint(files: Iterable[str]) -> dict[str, str]:
    """The hash of every file: names relative to the project, such as "course_utils/files.py", to hex digits.

    Names that begin with "data/" are looked up in the folder of data in force. A file that is not there has the hash
    "missing".
    """
    return {name: _hash(_place(name)) for name in sorted(files)}


def changed(made_by: Mapping[str, str]) -> list[str]:
    """The names of those files that are now others than the fingerprint `made_by` says."""
    now = fingerprint(made_by)
    return [name for name in made_by if now[name] != made_by[name]]


def code_hash(text: str) -> str:
    """SHA-256 in hex digits of Python source, without comments, layout and docstrings; the same on every Python.

    Raises SyntaxError for text that is not Python.
    """
    return hashlib.sha256(_said(ast.parse(text)).encode()).hexdigest()


def _place(name: str) -> Path:
    return data_folder() / name.removeprefix("data/") if name.startswith("data/") else ROOT / name


def _hash(path: Path) -> str:
    if not path.is_file():
        return "missing"
    return code_hash(path.read_text(encoding="utf-8")) if path.suffix == ".py" else sha256_of(path)


def _said(node: object) -> str:
    """A syntax tree as text. Empty fields are left out: later versions of Python have more of them."""
    if isinstance(node, list):
        return "[" + ",".join(map(_said, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if isinstance(node, DEFINITIONS) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    return type(node).__name__ + "(" + ",".join(f"{name}={_said(value)}" for name, value in fields.items()) + ")"
