"""How well one colour can be told from another."""

from __future__ import annotations


def contrast(one: str, other: str) -> float:
    """Contrast of two colours "#rrggbb", 1 to 21; source: WCAG 2.2, definitions of relative luminance and contrast."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 for black to 1 for white."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
