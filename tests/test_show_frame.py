"""Head and foot of a lesson: made text, set-up, downloads that hold what was put in, the bootstrap cell."""

import base64
import io
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from course_utils.paths import ROOT
from course_utils.project import repository_slug
from course_utils.show import frame

SLUG = "someone/two-poles"


def test_the_header_has_what_a_reader_needs_first():
    text = frame.header(1, "01_rvq_codes", SLUG, exercise_minutes=20)
    assert text.startswith("# 01 · RVQ codes\n\n**After this lesson you can** ")
    assert f"{frame.LESSONS[1].reading} minutes to read, {frame.LESSONS[1].reading + 20} with the exercises" in text
    assert "builds on: a little Python" in text
    colab = f"[open in Colab]: https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/01_rvq_codes.ipynb"
    binder = f"[open in Binder]: https://mybinder.org/v2/gh/{SLUG}/main?urlpath=lab/tree/notebooks/01_rvq_codes.ipynb"
    assert {colab, binder} <= set(text.splitlines())


def test_the_road_map_links_what_exists_and_says_what_does_not():
    rows = frame.road_map({0: "00_start_here"}).splitlines()
    assert len(rows) == 2 + 10
    assert rows[2].startswith("- **00** [Start here: hear it first](00_start_here.ipynb): hear ")
    assert all("(coming): " in row for row in rows[3:])


def test_the_next_lesson():
    assert "[01 · RVQ codes](01_x.ipynb)" in frame.next_lesson(0, {1: "01_x"})
    assert "(coming)" in frame.next_lesson(0, {})
    assert "last lesson" in frame.next_lesson(9, {})


@pytest.mark.slow
def test_set_up_seeds_loads_and_says_so(capsys):
    draws = []
    for _ in range(2):
        codec = frame.set_up("01", seed=3)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2, "one line a call, and no complaint in a complete environment"
    assert lines[0].startswith("Lesson 01. Model: Codec('course': 9 codebooks x 1024, 86.13 frames/s")
    assert lines[0].endswith("Seed: 3.")
    assert codec.name == "course"


def test_a_missing_package_is_named_with_what_mends_it(monkeypatch):
    from course_utils import packages

    monkeypatch.setattr(packages, "direct", lambda: [packages.Package("einops", "einops>=0.6", None, "0.8.1")])
    (line,) = frame.environment_problems()
    assert line.startswith("einops: missing. Mend it with: ")
    assert line.endswith("pip install --no-deps einops==0.8.1")


def test_reproducibility_names_seed_weights_and_versions(capsys):
    frame.reproducibility(seed=0)
    out = capsys.readouterr().out
    assert re.search(r"^Seed 0\. Weights \(SHA-256\): course-codec [0-9a-f]{12}\.$", out, flags=re.MULTILINE)
    assert f"torch {torch.__version__}"[:10] in out


def _content(html, name):
    found = re.search(rf'download="{re.escape(name)}" href="data:([\w/]+);base64,([\w+/=]+)"', html)
    return found.group(1), base64.b64decode(found.group(2))


@pytest.mark.parametrize(("name", "kind"), [("a.flac", "audio/flac"), ("a.wav", "audio/wav")])
def test_a_download_holds_the_sound_at_its_loudness(name, kind):
    samples = (0.25 * np.sin(np.arange(2000) / 9)).astype(np.float32)
    mime, data = _content(frame.downloads({name: (samples, 22050)})._repr_mimebundle_()["text/html"], name)
    heard, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert (mime, rate) == (kind, 22050)
    assert np.abs(heard - samples).max() <= 2**-15


def test_downloads_without_ending_or_rate_are_flac_at_44100():
    html = frame.downloads({"level 1": np.zeros(100, dtype=np.float32)})._repr_mimebundle_()["text/html"]
    _, data = _content(html, "level_1.flac")
    assert soundfile.info(io.BytesIO(data)).samplerate == 44100
    assert 'aria-label="Download level_1.flac' in html
    assert "<script" not in html


def test_a_midi_file_is_kept_as_it_is():
    assert _content(frame.downloads({"a.mid": b"MThd"})._repr_mimebundle_()["text/html"], "a.mid")[1] == b"MThd"


def test_clipping_is_said_on_the_button():
    made = frame.downloads({"a.wav": np.array([0, 1.5, -2, 0.5], dtype=np.float32)})
    assert "2 samples clipped" in made._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.mp3", np.zeros(4), "ends in none of"),
        ("a.wav", np.zeros((2, 4)), "mono"),
        ("a.wav", np.array([np.nan]), "finite"),
        ("a", b"MThd", "ends in none of"),
    ],
)
def test_downloads_refuse_what_they_cannot_hold(name, content, said):
    with pytest.raises(ValueError, match=said):
        frame.downloads({name: content})


def test_the_bootstrap_cell_does_nothing_where_the_course_is_installed(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("it ran a command"))
    before = list(sys.path)
    exec(frame.bootstrap(SLUG), {})
    assert sys.path == before


@pytest.mark.slow
def test_the_bootstrap_cell_fetches_the_course_where_it_is_missing(tmp_path):
    origin, work = tmp_path / "two-poles", tmp_path / "work"
    work.mkdir()
    _as_repository(origin)
    text = frame.bootstrap(SLUG).replace(f"https://github.com/{SLUG}", origin.as_uri())
    assert origin.as_uri() in text
    hidden = "import importlib.util\nimportlib.util.find_spec = lambda name: None\n"  # as on a fresh machine
    told = hidden + text + "\nimport course_utils\nprint(course_utils.__file__)\n"
    run = subprocess.run([sys.executable, "-c", told], cwd=work, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(work / "two-poles" / "course_utils" / "__init__.py")


def _as_repository(folder):
    """A git repository with what the bootstrap cell needs of the course."""
    for source in [*sorted((ROOT / "course_utils").rglob("*.py")), ROOT / "pyproject.toml", ROOT / "requirements.lock"]:
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "t"]):
        subprocess.run([*git, *words], check=True)


def test_the_slug_stands_in_one_place():
    assert repository_slug() in frame.bootstrap(repository_slug())


def test_a_lesson_of_notes_begins_without_a_codec_and_says_so(capsys):
    frame.begin("05", seed=3)
    drawn = np.random.random()
    frame.begin(5, seed=3)
    assert np.random.random() == drawn
    frame.reproducibility(seed=3, models=(), packages=("numpy",))
    said = capsys.readouterr().out
    assert "Lesson 05. No neural model" in said
    assert "Seed 3. No neural model." in said
    assert f"numpy {np.__version__}" in said
    assert "torch" not in said
