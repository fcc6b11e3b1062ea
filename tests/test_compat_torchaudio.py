"""The stand-in for torchaudio: absent, present but broken, present and working."""

import subprocess
import sys
import textwrap

import pytest


def run(program, *, first_on_path=None):
    """Run a program in a fresh Python, a folder put first on its path, and return what it printed."""
    start = f"import sys; sys.path.insert(0, {str(first_on_path)!r})\n" if first_on_path else "import sys\n"
    done = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


ABSENT = """
import importlib.abc
class Nowhere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torchaudio":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nowhere())
"""


@pytest.fixture
def package(tmp_path):
    """Return a function that writes a torchaudio package with a given text."""

    def write(text):
        folder = tmp_path / "torchaudio"
        folder.mkdir()
        (folder / "__init__.py").write_text(textwrap.dedent(text))
        (folder / "functional.py").write_text("VALUE = 7\n")
        return tmp_path

    return write


def test_absent_the_stand_in_is_registered_once_and_dac_imports():
    program = ABSENT + textwrap.dedent("""
        from course_utils.compat.torchaudio import ensure_torchaudio
        print(ensure_torchaudio())
        first = sys.modules["torchaudio"]
        print(ensure_torchaudio(), sys.modules["torchaudio"] is first)
        import dac
        print(dac.nn.quantize.ResidualVectorQuantize.__name__)
    """)
    assert run(program)[:3] == ["stand-in", "stand-in True", "ResidualVectorQuantize"]


@pytest.mark.parametrize(
    "fault",
    [
        "raise OSError('libcudart.so.13: cannot open shared object file')",
        "from torchaudio import _extension_that_is_not_there",
        "import torchaudio.functional\nraise OSError('half loaded')",
    ],
)
def test_present_but_broken_it_is_replaced_whole(package, fault):
    program = """
        from course_utils.compat.torchaudio import ensure_torchaudio
        print(ensure_torchaudio())
        import torchaudio, torchaudio.functional
        print(hasattr(torchaudio.functional, "VALUE"))
        import dac
        print("dac")
    """
    assert run(program, first_on_path=package(fault)) == ["stand-in", "False", "dac"]


def test_present_and_working_it_is_left_alone(package):
    program = """
        from course_utils.compat.torchaudio import ensure_torchaudio
        print(ensure_torchaudio())
        import torchaudio
        print(torchaudio.__version__, torchaudio.functional.VALUE)
    """
    folder = package("__version__ = '9.9'\nfrom torchaudio import functional\n")
    assert run(program, first_on_path=folder) == ["real", "9.9 7"]


def test_an_error_that_is_not_about_loading_is_not_hidden(package):
    program = """
        from course_utils.compat.torchaudio import ensure_torchaudio
        try:
            ensure_torchaudio()
        except ZeroDivisionError:
            print("seen")
    """
    assert run(program, first_on_path=package("1 / 0\n")) == ["seen"]


def test_the_stand_in_says_what_it_is_when_it_is_used():
    program = ABSENT + textwrap.dedent("""
        from course_utils.compat.torchaudio import ensure_torchaudio
        ensure_torchaudio()
        import importlib.util, torchaudio
        print(importlib.util.find_spec("torchaudio").name)
        try:
            torchaudio.functional.lfilter
        except AttributeError as error:
            print(error)
    """)
    found, told = run(program)
    assert found == "torchaudio"
    assert told.startswith("torchaudio.functional.lfilter was asked for")
    assert "stand-in" in told
