"""Music from symbols: a soundfont renderer, a small composer and a sample collage."""

from __future__ import annotations
