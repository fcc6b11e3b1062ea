"""Model cards: what a script measured of the shipped weights."""

from __future__ import annotations

import json
from typing import Any

from course_utils.zoo.registry import ZooError, find_model, shown


def read_card(name: str) -> dict[str, Any]:
    """The card of a course model as plain values, from the card.json beside its weights. Raises `ZooError`."""
    path = find_model(name).path.with_name("card.json")
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ZooError(f"{shown(path)} is missing; mend it with: git checkout -- {shown(path)}") from None
    except ValueError as error:
        raise ZooError(f"{shown(path)} is damaged ({error}); mend it with: git checkout -- {shown(path)}") from error
    return card
