"""Sliders that make a lesson sound again: for a running kernel, with words in their place where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

REST = "Here stand sliders when a kernel runs: run this cell, move one, and listen again."


class Live:
    """Sliders over a function; make it with `live`."""

    def __init__(self, make: Callable[..., Any], sliders: Mapping[str, Any]) -> None:
        import ipywidgets
        from IPython.display import display

        self.sliders = dict(sliders)
        self.result = ipywidgets.interactive_output(lambda **values: display(make(**values)), self.sliders)
        self.box = ipywidgets.VBox([*self.sliders.values(), self.result])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The sliders; where no kernel runs, a sentence."""
        return {**self.box._repr_mimebundle_(), "text/html": f"<small>{REST}</small>", "text/plain": REST}


def live(make: Callable[..., Any], **ranges: tuple[int, int, int]) -> Live:
    """Sliders of whole numbers, each as (lowest, highest, first value); `make(**values)` returns what is shown below.

    `make` runs when a slider is let go, not on the way. Raises TypeError for a number that is not whole, ValueError for
    a first value outside its range.
    """
    import ipywidgets

    for name, (low, high, value) in ranges.items():
        if not all(isinstance(number, Integral) for number in (low, high, value)):
            raise TypeError(
                f"{name} has to move in whole numbers, not {low} to {high} from {value}: count in percent, say, and "
                "divide in the function"
            )
        if not low <= value <= high:
            raise ValueError(f"{name} starts at {value}, outside {low} to {high}")
    sliders = {
        name: ipywidgets.IntSlider(value, low, high, description=name, continuous_update=False)
        for name, (low, high, value) in ranges.items()
    }
    return Live(make, sliders)
