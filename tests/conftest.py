"""Fixtures that several test modules share: what is slow to make is made once a session."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from course_utils.codec import Codec


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options must be declared here: pytest reads the conftest.py of subfolders too late for that."""
    parser.addoption(
        "--conformance-dir", metavar="DIR", help="compare with the recorded answers in DIR, not tests/conformance/data"
    )


@pytest.fixture(scope="session")
def course() -> Codec:
    """The course codec with its trained weights. Tests must leave it as it is: change a copy (`in_chunks`)."""
    from course_utils.codec import load_codec

    return load_codec("course")


@pytest.fixture(scope="session")
def official() -> Codec:
    """`dac.DAC` at its public size (76.65 M parameters) with random weights, the same ones every time."""
    import torch

    from course_utils.codec import official_codec

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return official_codec()


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Under a minute of training music made by the recipe from data/ alone: the corpus' folder."""
    from course_utils.paths import data_folder
    from course_utils.train.corpus import SMALL_FONT, build

    folder = tmp_path_factory.mktemp("corpus")
    build(folder, 0.9, None, [data_folder() / SMALL_FONT])
    return folder


def browser_module(name: str) -> ModuleType:
    """A module of tests/browser, whose folder is on the path only while that folder's own tests are collected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent / "browser"))
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def painter_material() -> ModuleType:
    """Small mask painters and grids of players, the ones that the browser's tests open."""
    return browser_module("painter_material")


@pytest.fixture(scope="session")
def scrubber_material() -> ModuleType:
    """Small decodes to scrub through, the ones that the browser's tests open."""
    return browser_module("scrubber_material")
