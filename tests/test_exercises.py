"""Exercises: what the check says of open, right, wrong, raising and odd answers, and the text made from them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.exercises import Checker, Exercise, Mistake, verdict
from course_utils.exercises.card import card_markdown, cell_source, folded_markdown
from course_utils.exercises.check import GOES_ON, OPEN, RIGHT, WRONG
from course_utils.exercises.compare import difference
from course_utils.upkeep.cells import names_in, split_cells, with_exercises


def nearest(values, point):
    """Index of the value nearest to a point."""
    return int(np.argmin(np.abs(values - point)))


def _farthest(values, point):
    return int(np.argmax(np.abs(values - point)))


def shifted(values):
    """Each value plus one."""
    return values + 1


def _exercise(**changes):
    parts = {
        "name": "nearest",
        "title": "The nearest",
        "difficulty": 2,
        "minutes": 3,
        "prompt": "Find it.",
        "hint": "Smallest distance.",
        "solution": nearest,
        "mistakes": (Mistake(_farthest, "that is the farthest"),),
        "cases": [(np.array([0.0, 1.0, 5.0]), 0.9)],
        "random": lambda rng: (rng.normal(size=8), float(rng.normal())),
    }
    return Exercise(**(parts | changes))


SHIFTED = _exercise(
    name="shifted", solution=shifted, mistakes=(), cases=[(np.arange(3.0),), (np.ones(2),)], random=None
)


def in_a_cell(exercise, answer=None):
    """Execute the exercise's cell as a lesson does; return the name's final value."""
    space = {"check": Checker([exercise]), "np": np, "math": math, "torch": torch}
    exec(cell_source(exercise, answer), space)
    return space[exercise.name]


def test_an_untouched_stub_is_open_and_gives_the_course_s_answer(capsys):
    assert in_a_cell(_exercise()) is nearest
    assert capsys.readouterr().out == f"{OPEN}: {GOES_ON}\n"


def test_the_solution_s_own_text_is_right_and_kept(capsys):
    exercise = _exercise()
    kept = in_a_cell(exercise, exercise.solution_source)
    assert capsys.readouterr().out.startswith("right: ")
    assert kept is not nearest, "the reader's own function goes on"
    assert kept(np.array([3.0, 1.0]), 1.2) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_farthest, "that is the farthest"),
        (lambda values, point: 1, "gives 1 where"),
        (lambda values, point: None, "returns None"),
        (lambda values, point: values.nothing, "raises AttributeError"),
        (lambda values: 0, "raises TypeError"),
        (lambda values, point: exit(), "raises SystemExit"),
        (lambda values, point: "1", "a str where a number"),
        (lambda values, point: [1, 2], "a list where a number"),
        (lambda values, point: float("nan"), "gives nan"),
        (lambda values, point: {}, "not a number"),
        (3, "a function is asked for"),
    ],
)
def test_a_wrong_answer_is_named_and_replaced(answer, said, capsys):
    exercise = _exercise()
    assert Checker([exercise])("nearest", answer) is nearest
    line = capsys.readouterr().out
    assert line.startswith(f"{WRONG}: ")
    assert said in line
    assert line.endswith(f"{GOES_ON}\n")
    assert line.count("\n") == 1


def test_an_answer_fitted_to_the_cases_fails_on_the_random_ones():
    assert verdict(_exercise(), lambda values, point: 1).state == WRONG


def test_an_answer_that_changes_its_argument_is_told_so():
    def shifted_in_place(values):
        values += 1
        return values

    assert "changes its argument" in verdict(SHIFTED, shifted_in_place).line


def test_a_list_is_no_array():
    assert "a list where a numpy array" in verdict(SHIFTED, lambda values: [v + 1 for v in values]).line


def test_the_check_is_deterministic_and_leaves_the_random_state_alone():
    exercise, before = _exercise(), np.random.get_state()[1].copy()
    assert len({verdict(exercise, _farthest).line for _ in range(3)}) == 1
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("Level 3", RIGHT),
        (" level 3 ", RIGHT),
        ("level 1", WRONG),
        ("level 9", WRONG),
        (3, WRONG),
        (None, OPEN),
        (..., OPEN),
    ],
)
def test_a_choice(answer, state):
    exercise = Exercise(
        "heard", "Where?", 1, 1, "Hear.", "Again.", "level 3", choices=("level 1", "level 2", "level 3")
    )
    assert verdict(exercise, answer).state == state
    assert in_a_cell(exercise) == "level 3"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 10))
def test_a_number_is_right_within_the_tolerance_and_only_there(value, factor):
    exercise = Exercise("n", "N", 1, 1, "?", "!", value, tolerance=1e-3)
    limit = 1e-3 * max(abs(value), 1e-9)
    assert verdict(exercise, value + 0.9 * limit).state == RIGHT
    assert verdict(exercise, value + (1.1 + factor) * limit).state == WRONG


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (torch.ones(2), torch.ones(2), ""),
        (np.ones(2), torch.ones(2), "numpy array where a torch tensor"),
        (torch.ones(2), torch.ones(2, dtype=torch.long), "float32 where whole numbers"),
        (torch.ones(3), torch.ones(2), "shape [3] where [2]"),
        (np.array([1, np.nan]), np.array([1, np.nan]), ""),
        (np.arange(9.0), np.arange(9.0) + np.eye(9)[4], "gives 4 at [4] where 5"),
        ((1, 2), (1, 3), "gives 2 where 3 is expected (value 2 of 2)"),
        (1, (1, 2), "a number, 1, where a tuple of 2 is expected"),
        (np.arange(8), [1, 2], "a numpy array of shape [8] where a list of 2 is expected"),
        ((1,), (1, 2), "1 values where 2"),
        (np.int64(4), 4, ""),
        (torch.tensor(4.0), 4.0, ""),
        ("a", "b", "gives 'a'"),
        (True, True, ""),
        (np.array(["a", "b"]), np.ones(2), "not a number"),
    ],
)
def test_differences_in_words(one, other, said):
    found = difference(one, other, 1e-6)
    assert said in found
    assert bool(said) == bool(found)


def test_an_unknown_name_is_an_error_of_the_lesson():
    with pytest.raises(ValueError, match="no exercise is called 'x': there are nearest"):
        Checker([_exercise()])("x", None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"difficulty": 6}, "difficulty 6"),
        ({"name": "other"}, "called 'nearest'"),
        ({"random": None}, "at least two cases"),
        ({"name": "not a name"}, "Python name"),
        ({"solution": "a", "choices": ("b",)}, "not among the choices"),
    ],
)
def test_an_exercise_that_does_not_fit_together_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        _exercise(**changes)


def test_the_card_says_difficulty_in_dots_and_words():
    text = card_markdown(_exercise())
    assert "●●○○○ difficulty 2 of 5 · about 3 minutes" in text
    assert text.startswith("#### Exercise: The nearest\n\n")


def test_hint_and_solution_are_folded_and_the_solution_is_the_tested_one():
    text = folded_markdown(_exercise())
    assert text.count("<details>") == text.count("</details>") == 2
    assert "<summary>Solution</summary>\n\n```python\ndef nearest(values, point):" in text, (
        "a blank line, or no Markdown"
    )


TEXT = '# %% [markdown]\n# # Lesson\n\n# %% tags=["exercise"] exercise="nearest"\n\n# %%\nprint(1)\n'


def test_one_line_becomes_three_cells_and_stays_so():
    once = with_exercises(TEXT, [_exercise()])
    assert len(split_cells(once)) == len(split_cells(TEXT)) + 2
    assert with_exercises(once, [_exercise()]) == once
    assert names_in(once) == ["nearest"]
    assert once.endswith("# %%\nprint(1)\n")


def test_a_changed_solution_shows_in_the_text():
    assert with_exercises(with_exercises(TEXT, [_exercise()]), [_exercise(hint="Another.")]) != with_exercises(
        TEXT, [_exercise()]
    )


def test_the_text_survives_jupytext(tmp_path):
    import jupytext

    path = tmp_path / "01_x.py"
    path.write_text(with_exercises(TEXT, [_exercise()]), encoding="utf-8")
    cells = jupytext.read(path, fmt="py:percent").cells
    assert [c.cell_type for c in cells] == ["markdown", "markdown", "code", "markdown", "code"]
    assert cells[1].source == card_markdown(_exercise())
    assert cells[2].source == cell_source(_exercise())
    assert cells[3].source == folded_markdown(_exercise())


def test_long_prose_is_wrapped_and_code_is_not():
    long = _exercise(prompt="word " * 60)
    lines = with_exercises(TEXT, [long]).splitlines()
    assert max(map(len, lines)) <= 120
    assert "#     return int(np.argmin(np.abs(values - point)))" in lines


def test_a_lesson_that_names_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="names exercise 'nearest'"):
        with_exercises(TEXT, [])
