"""Every stored lesson belongs to its text and was executed top to bottom by the present code."""

import json
import re
import shutil

import nbformat
import pytest

from course_utils.paths import NOTEBOOKS
from course_utils.show import images_without_alt
from course_utils.upkeep import notebooks as upkeep

LESSONS = upkeep.sources()
MEGABYTES = 4
IDS = [path.stem for path in LESSONS]


def test_there_are_lessons_and_each_has_text_and_notebook():
    assert [path.stem[:2] for path in LESSONS][:2] == ["00", "01"]
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(IDS)


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_pair_is_in_step_and_executed_by_the_current_code(source):
    assert upkeep.problems(source) == [], "run `make notebooks`"


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_notebook_is_small_enough(source, record_property):
    size = upkeep.stored(source).stat().st_size / 1e6
    record_property("megabytes", round(size, 3))
    print(f"{source.stem}: {size:.2f} MB of {MEGABYTES}")
    assert size <= MEGABYTES


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_notebook_is_valid_and_nothing_in_it_fetches_a_script(source):
    notebook = upkeep.read_stored(source)
    nbformat.validate(notebook)
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "application/javascript" not in kinds
    pages = [
        o["data"]["text/html"] for c in notebook.cells for o in c.get("outputs", []) if "text/html" in o.get("data", {})
    ]
    for page in pages:
        assert "require.js" not in page
        assert 'src="http' not in "".join(page), "a saved page loads something from the network"


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_notebook_shows_no_warning_and_no_path_of_the_machine_that_made_it(source):
    notebook = upkeep.read_stored(source)
    streams = [o for cell in notebook.cells for o in cell.get("outputs", []) if o["output_type"] == "stream"]
    assert streams, "a lesson without printed lines proves nothing here"
    assert [o["text"] for o in streams if o["name"] == "stderr"] == []
    assert not re.search(r"(?<![\w./])/(?:home|Users|root|tmp|work|var)/", "".join(o["text"] for o in streams))


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_every_picture_says_in_words_what_it_shows(source):
    notebook = upkeep.read_stored(source)
    kinds = [kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert "image/png" in kinds, "a lesson without a picture proves nothing here"
    assert images_without_alt(notebook) == []


# --- the machinery itself, on a small lesson in a folder of its own ------------------------------------------------

TEXT = """\
# %% [markdown]
# # A small lesson

# %%
from course_utils.files import sha256_of

# %% tags=["nbval-check-output"]
print("level", 3)

# %%
1 + 1
"""


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Return the text of a small lesson, executed and stored."""
    (tmp_path / "src").mkdir()
    monkeypatch.setattr(upkeep, "NOTEBOOKS", tmp_path)
    source = tmp_path / "src" / "00_small.py"
    source.write_text(TEXT)
    stored_once(source)
    return source


EXECUTED = {}


def stored_once(source):
    """Execute the small lesson the first time; later tests start from that notebook."""
    if "bytes" in EXECUTED:
        upkeep.stored(source).write_bytes(EXECUTED["bytes"])
        return
    notebook, EXECUTED["run"] = upkeep.execute(source)
    EXECUTED["bytes"] = upkeep.store(source, notebook).read_bytes()


def changed(source, change):
    """Apply a change to the stored notebook."""
    notebook = upkeep.read_stored(source)
    change(notebook)
    nbformat.write(notebook, upkeep.stored(source))


def test_a_fresh_pair_is_in_step(lesson):
    assert upkeep.problems(lesson) == []
    assert not upkeep.edited_by_hand(lesson)
    run = EXECUTED["run"]
    assert run.notebook_bytes == upkeep.stored(lesson).stat().st_size or run.notebook_bytes > 1000
    assert 10e6 < run.peak_bytes < 1.5e9
    assert 0 < run.seconds < 60


def test_executing_again_gives_the_same_bytes(lesson):
    before = upkeep.stored(lesson).read_bytes()
    notebook, _ = upkeep.execute(lesson)
    assert upkeep.store(lesson, notebook).read_bytes() == before


def test_changed_text_is_found(lesson):
    lesson.write_text(TEXT.replace("level", "step"))
    assert upkeep.problems(lesson) == ["its cells differ from the text", "it was executed with other text"]


def test_changed_code_behind_the_lesson_is_found(lesson, monkeypatch, tmp_path):
    used, unused = upkeep.ROOT / "course_utils" / "files.py", upkeep.ROOT / "course_utils" / "__main__.py"
    files = upkeep.code_behind(TEXT)
    assert used in files
    assert unused not in files
    copy = tmp_path / "files.py"
    shutil.copy(used, copy)
    copy.write_text(copy.read_text() + "\n# changed\n")
    monkeypatch.setattr(upkeep, "_hash_of_file", lambda path, *_: upkeep.sha256_of(copy if path == used else path))
    assert upkeep.problems(lesson) == ["it was executed with other code"]


def test_changed_models_or_data_are_found(lesson, monkeypatch):
    monkeypatch.setattr(upkeep, "data_behind", lambda header: [upkeep.ROOT / "pyproject.toml"])
    assert upkeep.problems(lesson) == ["it was executed with other models or data"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda nb: nb.cells[2].update(execution_count=5), "not 1 to 3"),
        (lambda nb: nb.cells[1].update(execution_count=None), "not 1 to 3"),
        (
            lambda nb: nb.cells[2].outputs.append(
                nbformat.v4.new_output("error", ename="NameError", evalue="", traceback=[])
            ),
            "a saved output is an error (NameError)",
        ),
    ],
)
def test_a_notebook_that_was_not_executed_in_order_is_found(lesson, change, problem):
    changed(lesson, change)
    assert any(problem in found for found in upkeep.problems(lesson))


def test_edits_made_in_jupyter_are_not_overwritten_unless_asked(lesson):
    changed(lesson, lambda nb: nb.cells[3].update(source="1 + 2"))
    assert upkeep.edited_by_hand(lesson)
    with pytest.raises(upkeep.LessonError, match="--pull 00_small.*--discard-edits 00_small"):
        upkeep.bring_up_to_date(lesson, everything=False, discard=False)
    upkeep.pull(lesson)
    assert "1 + 2" in lesson.read_text()
    assert 'tags=["nbval-check-output"]' in lesson.read_text()
    assert not upkeep.edited_by_hand(lesson)


def test_a_failing_cell_stops_and_leaves_the_stored_notebook(lesson):
    before = upkeep.stored(lesson).read_bytes()
    lesson.write_text(TEXT + "\n# %%\n1 / 0\n")
    with pytest.raises(upkeep.LessonError, match="00_small.py does not run.*ZeroDivisionError|ZeroDivisionError"):
        upkeep.bring_up_to_date(lesson, everything=False, discard=False)
    assert upkeep.stored(lesson).read_bytes() == before


def test_the_command_says_what_is_out_of_step_and_exits_with_1(lesson, capsys):
    assert upkeep.main(["--check"]) == 0
    lesson.write_text(TEXT + "\n# %%\n2 + 2\n")
    assert upkeep.main(["--check", "--json"]) == 1
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "its cells differ from the text" in report["00_small"]
    assert upkeep.main(["77"]) == 1
    assert "no lesson's name starts with '77'" in capsys.readouterr().err


def test_the_repository_in_a_lessons_links_comes_from_pyproject(lesson):
    lesson.write_text(TEXT.replace("A small lesson", "A link: https://github.com/{{repository}}"))
    assert f"https://github.com/{upkeep.repository_slug()}" in upkeep.read_source(lesson).cells[0].source
    notebook, _ = upkeep.execute(lesson)
    upkeep.store(lesson, notebook)
    upkeep.pull(lesson)
    assert "{{repository}}" in lesson.read_text()
    assert "its cells differ from the text" not in upkeep.problems(lesson)


def test_a_header_may_name_the_data_that_a_lesson_depends_on(tmp_path):
    assert upkeep.data_behind({"data": ["manifest.json"]}) == [upkeep.ROOT / "data" / "manifest.json"]
    with pytest.raises(upkeep.LessonError, match="nowhere"):
        upkeep.data_behind({"data": ["nowhere"]})


def test_code_is_followed_through_imports_inside_functions_and_lazy_names():
    names = {
        path.relative_to(upkeep.ROOT).as_posix() for path in upkeep.code_behind("from course_utils import load_audio")
    }
    assert {"course_utils/__init__.py", "course_utils/audio/__init__.py", "course_utils/audio/clip.py"} <= names
    assert "course_utils/upkeep/notebooks.py" not in names
    magics = "%matplotlib inline\n!ls\nfrom course_utils.files import sha256_of"
    assert upkeep.ROOT / "course_utils" / "files.py" in upkeep.code_behind(magics)
