"""The rules and the nucleus against the authors' masks: which tokens survive, token by token."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from conformance.reading import golden
from course_utils.amt import vocab
from course_utils.amt.rules import Rules, allowed, instruments_in, size
from course_utils.amt.sampling import nucleus
from course_utils.amt.vocab import as_triples

CASES = golden("amt/logits.json")["cases"]
STEPS = {"safe": ("slots", "specials"), "future": ("time",), "instr": ("instruments",)}


def name(case: dict[str, Any]) -> str:
    return "-".join(str(value) for key, value in case.items() if key not in ("mask_index", "n_allowed"))


def spans_of(case: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    """What our rules allow, with those rules on that the case speaks of."""
    steps = [step for step in case["step"].split("+") if step in STEPS]
    on = {rule for step in steps for rule in STEPS[step]}
    rules = Rules(**{rule: rule in on for rule in ("slots", "specials", "time", "gap", "instruments", "once")})
    slot = case.get("idx", 0 if "future" in steps else 2) % 3
    history = golden("amt/logits.json")["histories"].get(case.get("history"), [])
    used = instruments_in(as_triples(history))
    return allowed(slot, case.get("curtime", 0), used, rules=rules, compat=True)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_same_tokens_survive(case: dict[str, Any]) -> None:
    arrays = golden("amt/logits.npz")
    wanted = np.unpackbits(arrays["masks_packed"][case["mask_index"]])[: vocab.VOCAB_SIZE].astype(bool)
    spans = spans_of(case)
    survive = np.zeros(vocab.VOCAB_SIZE, dtype=bool)
    tokens = np.concatenate([np.arange(low, high) for low, high in spans])
    if "nucleus" in case["step"]:
        logits = torch.as_tensor(arrays["logits"][case["logits"]])[tokens]
        order, _, taken = nucleus(logits.softmax(-1), case["top_p"])
        tokens = tokens[order[: int(taken)].numpy()]
    else:
        assert size(spans) == case["n_allowed"]
    survive[tokens] = True
    assert survive.sum() == wanted.sum()
    assert (survive == wanted).all()


def test_every_case_of_the_authors_masks_is_met() -> None:
    assert {json.dumps(sorted(set(case["step"].split("+")) - {"nucleus"})) for case in CASES} >= {
        '["safe"]',
        '["future", "safe"]',
        '["instr", "safe"]',
    }
