"""The exercises of every lesson: open, solved and with each known mistake; the lesson's text equals the exercises."""

import json

import pytest

from course_utils.exercises import verdict
from course_utils.exercises.check import OPEN, RIGHT, WRONG
from course_utils.upkeep import notebooks as upkeep
from course_utils.upkeep.cells import exercises_of, names_in, with_exercises

LESSONS = [source for source in upkeep.sources() if exercises_of(source)]
EXERCISES = [
    pytest.param(exercise, id=f"{source.name[:2]}-{exercise.name}")
    for source in LESSONS
    for exercise in exercises_of(source)
]
MISTAKES = [
    pytest.param(param.values[0], mistake, id=f"{param.id}-{number}")
    for param in EXERCISES
    for number, mistake in enumerate(param.values[0].mistakes)
]
IDS = [source.stem for source in LESSONS]


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_cells_are_those_that_the_exercises_make(source):
    text = source.read_text(encoding="utf-8")
    assert with_exercises(text, exercises_of(source)) == text, "run `python -m course_utils.upkeep.cells`"
    assert sorted(names_in(text)) == sorted(exercise.name for exercise in exercises_of(source))


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solution_is_right_and_the_stub_is_open(exercise):
    assert verdict(exercise, exercise.solution).state == RIGHT
    space = dict(exercise.solution.__globals__) if exercise.is_function else {}
    exec(exercise.stub_source, space)
    assert verdict(exercise, space[exercise.name]).state == OPEN


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_known_mistake_is_caught_and_named(exercise, mistake):
    found = verdict(exercise, mistake.answer)
    assert found.state == WRONG
    assert mistake.says in found.line


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_mistake_is_foreseen_unless_every_choice_is_listed(exercise):
    assert exercise.mistakes or exercise.choices, "no known-wrong answer: the check is not seen to fail"
    for choice in exercise.choices:
        assert verdict(exercise, choice).state == (RIGHT if choice == exercise.solution else WRONG)


@pytest.mark.lesson
@pytest.mark.slow
@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_lesson_runs_with_every_exercise_solved(source, tmp_path):
    solved = tmp_path / source.name
    exercises = exercises_of(source)
    solved.write_text(with_exercises(source.read_text(encoding="utf-8"), exercises, solved=True), encoding="utf-8")
    notebook, _ = upkeep.execute(solved)
    for exercise in exercises:
        assert _printed(notebook, exercise.name).startswith(f"{RIGHT}: "), exercise.name
    assert not upkeep.order_problems(notebook)


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_the_stored_notebook_was_run_unsolved(source):
    notebook = upkeep.read_stored(source)
    assert notebook is not None, "run `make notebooks`"
    for exercise in exercises_of(source):
        assert _printed(notebook, exercise.name).startswith(f"{OPEN}: "), exercise.name


def _printed(notebook, name):
    cells = [c for c in notebook.cells if c.cell_type == "code" and c.metadata.get("exercise") == name]
    assert len(cells) == 1, json.dumps([c.source for c in cells])
    return "".join(output.get("text", "") for output in cells[0].outputs)
