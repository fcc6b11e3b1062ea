"""Imports run one way: what the folders of course_utils take from one another, read from the source."""

import ast

import pytest

from course_utils.paths import ROOT

PACKAGE = ROOT / "course_utils"
# Each may import from those before it and from its own; `train`, `cli` and `upkeep` stand apart, beside the top.
BOTTOM = ("files", "facts", "paths", "project", "packages", "compat", "linear", "threads")
MODELS = ("audio", "zoo", "codec", "vampnet", "amt", "synth", "recorded")
ORDER = (*BOTTOM, *MODELS, "exercises", "show", "train", "cli", "upkeep")
ENTRANCES = ("__init__", "__main__")  # name what lies in the others


def part(path):
    """The folder or file directly in course_utils to which a module belongs."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def taken(text):
    """The parts of course_utils that a module's text imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "course_utils":
            found |= {alias.name for alias in node.names if not alias.name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("course_utils."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("course_utils.")}
    return found


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if part(path) not in ENTRANCES]


def against_the_order(name, text):
    """The imports of a module in part `name` that run upwards."""
    below = ORDER[: ORDER.index(name) + 1]
    return sorted(taken(text) - set(below))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_below(path):
    assert against_the_order(part(path), path.read_text(encoding="utf-8")) == []


def test_every_part_has_its_place():
    assert {part(path) for path in MODULES} <= set(ORDER)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from course_utils.codec import Codec", ["codec"]),
        ("def f():\n    import course_utils.show.page", ["show"]),
        ("from course_utils import facts, train", ["train"]),
        ("from course_utils import __version__\nfrom course_utils.files import sha256_of\nimport numpy", []),
    ],
)
def test_an_upward_import_is_found(text, found):
    assert against_the_order("zoo", text) == found
