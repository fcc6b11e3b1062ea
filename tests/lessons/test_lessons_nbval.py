"""Every lesson runs again under nbval and prints what it printed; a changed saved number makes that fail."""

import nbformat
import pytest
from nbval_run import run_nbval, strict_cells, with_one_number_changed, written

from course_utils.upkeep import notebooks as upkeep

LESSONS = upkeep.sources()
IDS = [path.stem for path in LESSONS]
# The lesson contract: a minute on two cores; here kernel start, comparison and a busy machine come on top.
SECONDS, GIGABYTES = 150, 1.5


@pytest.mark.lesson
@pytest.mark.slow
@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_lesson_runs_again_and_prints_what_it_printed(source, record_property, capsys):
    notebook = upkeep.read_stored(source)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    result = run_nbval(upkeep.stored(source))
    with capsys.disabled():
        print(
            f"\n{source.stem}: {result.seconds:.0f} s, {result.peak_bytes / 1e9:.2f} GB, {result.passed} cells", end=" "
        )
    record_property("seconds", round(result.seconds, 1))
    record_property("peak_gigabytes", round(result.peak_bytes / 1e9, 3))
    assert result.status == 0, result.report
    assert result.passed == len([cell for cell in code if cell.source.strip()]), "a green run must not be an empty one"
    assert strict_cells(notebook), "no cell's output is compared"
    assert result.peak_bytes <= GIGABYTES * 1e9
    assert result.seconds <= SECONDS


@pytest.mark.lesson
@pytest.mark.slow
@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_nbval_notices_one_changed_number(source, tmp_path):
    changed = with_one_number_changed(upkeep.read_stored(source))
    result = run_nbval(written(changed, tmp_path / "changed.ipynb"))
    assert result.status == 1, result.report
    assert "1 failed" in result.report
    assert "mismatch" in result.report.lower()


def small(*cells):
    """Return a notebook of executed cells: (text, printed, tags)."""
    made = []
    for count, (text, printed, tags) in enumerate(cells, start=1):
        output = nbformat.v4.new_output("stream", name="stdout", text=printed)
        metadata = {"tags": tags}
        made.append(nbformat.v4.new_code_cell(text, outputs=[output], execution_count=count, metadata=metadata))
    return nbformat.v4.new_notebook(cells=made)


STRICT = ["nbval-check-output"]


def test_only_tagged_cells_are_compared_and_all_are_executed(tmp_path):
    free = ("x = 2; print('took', 0.1234)", "took 9.9\n", [])
    exact = ("print('sum', x + 1)", "sum 3\n", STRICT)
    assert run_nbval(written(small(free, exact), tmp_path / "right.ipynb")).status == 0
    wrong = ("print('sum', x + 1)", "sum 4\n", STRICT)
    assert run_nbval(written(small(free, wrong), tmp_path / "wrong.ipynb")).status == 1
    broken = ("1 / 0", "", [])
    assert run_nbval(written(small(broken), tmp_path / "broken.ipynb")).status == 1


def test_a_lesson_without_a_number_to_compare_is_refused():
    with pytest.raises(AssertionError, match="prints a number"):
        with_one_number_changed(small(("print('yes')", "yes\n", STRICT), ("print(3)", "3\n", [])))


def test_one_digit_is_changed_and_what_follows_is_left_out():
    notebook = small(("print('a')", "a 12.99 dB\n", STRICT), ("print(2)", "2\n", STRICT))
    changed = with_one_number_changed(notebook)
    assert len(changed.cells) == 1
    assert changed.cells[0].outputs[0].text == "a 12.90 dB\n"
    assert notebook.cells[0].outputs[0].text == "a 12.99 dB\n"
