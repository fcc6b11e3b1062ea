"""Sliders over a function: they draw anew when moved, and say what they are where no kernel runs."""

import pytest

from course_utils.show import live


def test_moving_a_slider_makes_it_again():
    seen = []
    sliders = live(lambda bits: seen.append(bits) or f"{bits} bits", bits=(1, 16, 4))
    assert seen == [4]
    sliders.sliders["bits"].value = 2
    assert seen == [4, 2]


def test_without_a_kernel_it_says_what_is_missing():
    bundle = live(lambda bits: bits, bits=(1, 16, 4))._repr_mimebundle_()
    assert "when a kernel runs" in bundle["text/html"]
    assert "when a kernel runs" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_start_outside_the_range_is_refused():
    with pytest.raises(ValueError, match="bits starts at 0, outside 1 to 16"):
        live(lambda bits: bits, bits=(1, 16, 0))


def test_fractions_are_refused():
    with pytest.raises(TypeError, match="p has to move in whole numbers, not 0.3 to 1 from 0.9: count in percent"):
        live(lambda p: p, p=(0.3, 1, 0.9))
