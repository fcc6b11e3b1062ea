"""Try a reader's answer, say in one line how it stands, and hand back one that the rest of the lesson can use."""

from __future__ import annotations

import copy
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.exercises.compare import difference, short
from course_utils.exercises.exercise import Exercise

OPEN, RIGHT, WRONG = "not solved yet", "right", "not yet"
SEED, RANDOM_CASES = 20230710, 5
GOES_ON = "the course's own answer is used below"


@dataclass(frozen=True)
class Verdict:
    """How an answer stands: OPEN, RIGHT or WRONG, and the line that says so."""

    state: str
    line: str


class Checker:
    """The check of one lesson; called in an exercise's cell: `bit_rate = check("bit_rate", bit_rate)`."""

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self.exercises = {exercise.name: exercise for exercise in exercises}

    def __call__(self, name: str, answer: Any) -> Any:
        """Print one line on the answer to exercise `name`; return the answer if it is right, else the course's own.

        Raises ValueError if the lesson has no exercise of that name; never because of the answer.
        """
        if name not in self.exercises:
            raise ValueError(f"no exercise is called {name!r}: there are {', '.join(self.exercises)}")
        exercise = self.exercises[name]
        result = verdict(exercise, answer)
        print(result.line)
        return answer if result.state == RIGHT else exercise.solution


def verdict(exercise: Exercise, answer: Any) -> Verdict:
    """Try an answer on the exercise's cases and on random ones, the same each time."""
    if _left_open(exercise, answer):
        return Verdict(OPEN, f"{OPEN}: {GOES_ON}")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            problem = _of_function(exercise, answer) if exercise.is_function else _of_value(exercise, answer)
        except Exception as error:  # an answer may return anything, even what breaks when it is compared
            problem = f"your answer could not be checked ({type(error).__name__}: {error})"
    if problem:
        return Verdict(WRONG, f"{WRONG}: {problem.rstrip('.')}; {GOES_ON}")
    return Verdict(RIGHT, f"{RIGHT}: {exercise.why or 'your answer is used below'}")


def cases(exercise: Exercise) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of every call: the exercise's own cases, then random ones from a fixed seed."""
    yield from (copy.deepcopy(case) for case in exercise.cases)
    if exercise.random is not None:
        rng = np.random.default_rng(SEED)
        yield from (exercise.random(rng) for _ in range(RANDOM_CASES))


def _of_function(exercise: Exercise, answer: Any) -> str:
    if not callable(answer):
        return f"`{exercise.name}` is {short(answer)}, but a function is asked for"
    first = ""
    for case in cases(exercise):
        first = _of_call(exercise, answer, case)
        if first:
            break
    return (first and _recognised(exercise, answer)) or _broken(exercise, answer) or first


def _of_call(exercise: Exercise, answer: Any, case: tuple[Any, ...]) -> str:
    expected = exercise.solution(*copy.deepcopy(case))
    given_case = copy.deepcopy(case)
    called = f"{exercise.name}({', '.join(short(argument) for argument in case)})"
    try:
        given = answer(*given_case)
    except (Exception, SystemExit) as error:
        return f"{called} raises {type(error).__name__}: {error}"
    if given is None and expected is not None:
        return f"{called} returns None: is the `return` missing"
    found = difference(given, expected, exercise.tolerance)
    if found:
        return f"{called} {found}"
    if any(difference(now, before, 0) for now, before in zip(given_case, case, strict=True)):
        return f"{called} changes its argument: work on a copy, a later cell needs the original"
    return ""


def _recognised(exercise: Exercise, answer: Any) -> str:
    """The sentence of the mistake that agrees with the answer on every input, if there is one."""
    for mistake in exercise.mistakes:
        if all(_agree(exercise, answer, mistake.answer, case) for case in cases(exercise)):
            return mistake.says
    return ""


def _broken(exercise: Exercise, answer: Any) -> str:
    """The sentence of the first invariant that does not hold of the answer for some input."""
    for invariant in exercise.invariants:
        for case in cases(exercise):
            try:
                holds = invariant.holds(answer, *copy.deepcopy(case))
            except (Exception, SystemExit):  # the comparison with the solution says it better
                return ""
            if not holds:
                return f"{invariant.says}: {exercise.name}({', '.join(short(argument) for argument in case)})"
    return ""


def _agree(exercise: Exercise, answer: Any, other: Any, case: tuple[Any, ...]) -> bool:
    ends = [_ending(function, case) for function in (answer, other)]
    return ends[0][0] == ends[1][0] and not difference(ends[0][1], ends[1][1], exercise.tolerance)


def _ending(function: Any, case: tuple[Any, ...]) -> tuple[str, Any]:
    """How a call ends: ("", value), or the name of the error and None."""
    try:
        return "", function(*copy.deepcopy(case))
    except (Exception, SystemExit) as error:
        return type(error).__name__, None


def _of_value(exercise: Exercise, answer: Any) -> str:
    if isinstance(answer, str):
        answer = answer.strip().lower()
    if exercise.choices and answer not in exercise.choices:
        return f"{short(answer)} is none of {', '.join(exercise.choices)}"
    if not difference(answer, exercise.solution, exercise.tolerance):
        return ""
    for mistake in exercise.mistakes:
        if not difference(answer, mistake.answer, exercise.tolerance):
            return mistake.says
    return f"{short(answer)} is not it"


# --- an answer that was left as it was ----------------------------------------------------------------------------


def _left_open(exercise: Exercise, answer: Any) -> bool:
    if answer is None or answer is Ellipsis:
        return True
    if not (exercise.is_function and isinstance(answer, types.FunctionType)):
        return False
    space = dict(exercise.solution.__globals__)
    exec(exercise.stub_source, space)  # our own text, from the lesson's module
    return _body(answer.__code__) == _body(space[exercise.name].__code__)


def _body(code: types.CodeType) -> tuple[Any, ...]:
    """What a function does, without where it stands in a file."""
    constants = [_body(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames
