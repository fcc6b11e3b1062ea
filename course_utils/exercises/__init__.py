"""Exercises: a card, a stub that runs unsolved, a check that names the likely mistake, hint and solution folded."""

from course_utils.exercises.check import Checker, Verdict, verdict
from course_utils.exercises.exercise import Exercise, Mistake

__all__ = ["Checker", "Exercise", "Mistake", "Verdict", "verdict"]
