"""What an exercise is: its question, its solution, the answers that are likely and wrong, the inputs to try it on."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEFT_OPEN = "return None  # your code here"


@dataclass(frozen=True)
class Mistake:
    """A likely wrong answer (a function of the same arguments, or a value) and the sentence that names the mistake.

    The check recognises a mistake by its results: an answer that agrees with it on every input is told `says`.
    """

    answer: Any
    says: str


@dataclass(frozen=True)
class Invariant:
    """What must hold for a right answer whatever its inputs: `holds` of the answer and the arguments of one call.

    says: the sentence for an answer of which it does not hold.
    """

    holds: Callable[..., bool]
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson. Its `solution` is a function called `name`, or a plain value.

    difficulty: 1 to 5. cases: for a function, the arguments of each call, a tuple a call. random: makes the arguments
    of further calls from a numpy Generator, so that an answer cannot be fitted to the cases. invariants: of a function,
    tried on all these inputs beside the comparison with the solution. choices: the words a value
    may be. stub: the cell's text before the check line; made from the solution if empty. why: a sentence shown with a
    right answer and under the solution. Raises ValueError if the parts do not fit together.
    """

    name: str
    title: str
    difficulty: int
    minutes: int
    prompt: str
    hint: str
    solution: Any
    why: str = ""
    mistakes: tuple[Mistake, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    cases: Sequence[tuple[Any, ...]] = ()
    random: Callable[[np.random.Generator], tuple[Any, ...]] | None = None
    choices: tuple[str, ...] = ()
    tolerance: float = 1e-4
    stub: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ValueError(f"exercise {self.name!r}: {problem}")

    def _problem(self) -> str:
        if not self.name.isidentifier():
            return "its name is the variable that the reader fills, so it must be a Python name"
        if not 1 <= self.difficulty <= 5 or self.minutes < 1:
            return f"difficulty {self.difficulty}, {self.minutes} min: expected 1 to 5, and at least one minute"
        if self.is_function and self.solution.__name__ != self.name:
            return f"its solution is called {self.solution.__name__!r}; call it as the exercise"
        if self.is_function and len(self.cases) + (self.random is not None) < 2:
            return "a function is tried on at least two cases, or one and random ones"
        if self.choices and self.solution not in self.choices:
            return f"its solution {self.solution!r} is not among the choices {self.choices}"
        return ""

    @property
    def is_function(self) -> bool:
        """Whether the reader writes a function (else a value)."""
        return callable(self.solution)

    @property
    def solution_source(self) -> str:
        """The solution as text: the function's own source, or `name = value`."""
        if self.is_function:
            return textwrap.dedent(inspect.getsource(self.solution)).strip()
        return f"{self.name} = {self._written(self.solution)}"

    @property
    def stub_source(self) -> str:
        """What the reader finds in the cell: runs as it is and leaves the answer open."""
        if self.stub:
            return self.stub.strip()
        if self.is_function:
            head = re.match(r"def .*?\).*?:\n", self.solution_source, flags=re.DOTALL)
            assert head is not None, f"the source of {self.name} does not begin with `def`"
            doc = inspect.getdoc(self.solution)
            told = f'    """{doc}"""\n' if doc else ""
            return f"{head.group()}{told}    {LEFT_OPEN}"
        asked = " or ".join(self._written(c) for c in self.choices) if self.choices else "your answer here"
        return f"{self.name} = None  # {asked}"

    @staticmethod
    def _written(value: Any) -> str:
        return f'"{value}"' if isinstance(value, str) else repr(value)
