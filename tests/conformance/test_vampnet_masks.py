"""Our masks against the authors', token by token. `OURS` is the one place that maps their names to ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from conformance.reading import golden
from course_utils.vampnet import Mask, masks

CASES: list[dict[str, Any]] = golden("vampnet/masks.json")
ARRAYS: dict[str, np.ndarray] = golden("vampnet/masks.npz")


def array(key: str) -> Tensor:
    return torch.from_numpy(ARRAYS[key].astype(np.int64))


def periodic(case: dict[str, Any], shape: list[int], period: int, width: int, random_roll: bool) -> Mask:
    roll = case["roll_offset"] if random_roll else 0
    return masks.periodic(shape, period, width, roll, compat=True)


def dropout(case: dict[str, Any], mask: Mask, p: float) -> Mask:
    seeded = masks.dropout(mask, p, seed=case["torch_seed"], compat=True)
    assert seeded == masks.drop_frames(mask, case["dropped_indices"])
    return seeded


# operation -> function of (case, its inputs, its arguments)
OURS: dict[str, Callable[..., Mask | Tensor]] = {
    "periodic_mask": periodic,
    "time_stretch_mask": lambda case, shape, stretch_factor: masks.periodic(shape, stretch_factor),
    "inpaint": lambda case, shape, n_prefix, n_suffix: masks.inpaint(shape, n_prefix, n_suffix),
    "onset_mask": lambda case, shape, onset_frames, width: masks.onsets(shape, onset_frames, width, width, compat=True),
    "codebook_mask": lambda case, mask, val1: masks.mask_upper(mask, val1),
    "codebook_unmask": lambda case, mask, n_conditioning_codebooks: (
        mask if n_conditioning_codebooks is None else masks.unmask_conditioning(mask, n_conditioning_codebooks)
    ),
    "mask_and": lambda case, mask1, mask2: mask1 & mask2,
    "mask_or": lambda case, mask1, mask2: mask1 | mask2,
    "dropout": dropout,
    "linear_random": lambda case, shape, r: masks.random_ratio(shape, r, case["torch_seed"]),
    "random": lambda case, shape, r: masks.random_cosine(shape, r, case["torch_seed"]),
    "codebook_flatten": lambda case, codes: masks.flatten_codebooks(codes),
    "codebook_unflatten": lambda case, flat, n_c: masks.unflatten_codebooks(flat, n_c),
    "apply_mask": lambda case, codes, mask, mask_token: mask.apply(codes, mask_token),
}


def answer(case: dict[str, Any]) -> Tensor:
    inputs = {name: Mask(array(key)) if name.startswith("mask") else array(key) for name, key in case["inputs"].items()}
    found = OURS[case["op"]](case, **inputs, **case["args"])
    return found.tensor if isinstance(found, Mask) else found


SINGLE = [case for case in CASES if case["op"] != "build_mask"]
BUILT = [case for case in CASES if case["op"] == "build_mask"]


def test_every_operation_is_mapped() -> None:
    assert {case["op"] for case in SINGLE} == set(OURS)
    assert BUILT


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: case["output"])
def test_operation(case: dict[str, Any]) -> None:
    assert torch.equal(answer(case), array(case["output"]))


def without_oddity(case: dict[str, Any]) -> bool:
    """Whether the released code does what its documentation says, so that our default must agree."""
    args = case["args"]
    if case["op"] == "periodic_mask":
        return args["period"] > 0 and args["width"] % 2 == 1 and not case.get("roll_offset")
    return case["op"] == "onset_mask" and bool(args["onset_frames"]) and min(args["onset_frames"]) >= args["width"]


@pytest.mark.parametrize("case", [case for case in SINGLE if without_oddity(case)], ids=lambda case: case["output"])
def test_our_default_differs_only_where_the_released_code_is_odd(case: dict[str, Any]) -> None:
    args = case["args"]
    if case["op"] == "periodic_mask":
        found = masks.periodic(args["shape"], args["period"], args["width"])
    else:
        found = masks.onsets(args["shape"], args["onset_frames"], args["width"], args["width"])
    assert torch.equal(found.tensor, array(case["output"]))


@pytest.mark.parametrize("case", BUILT, ids=lambda case: case["output"])
def test_whole_composition(case: dict[str, Any]) -> None:
    args, found = case["args"], {}
    shape = args["shape"]
    mask = found["linear_random"] = masks.random_ratio(shape, args["rand_mask_intensity"], case["torch_seed"])
    mask = found["after_inpaint"] = mask & masks.inpaint(shape, args["n_prefix"], args["n_suffix"])
    period, width = args["periodic_prompt"], args["periodic_prompt_width"]
    mask &= masks.periodic(shape, period, width, case["roll_offset"] or 0, compat=True)
    found["after_periodic"] = mask
    if args["onset_frames"] is not None:
        around = args["onset_mask_width"]
        mask = found["after_onset"] = mask & masks.onsets(shape, args["onset_frames"], around, around, compat=True)
    mask = found["after_dropout"] = masks.drop_frames(mask, case["dropped_indices"])
    mask = masks.mask_upper(masks.unmask_conditioning(mask, args["ncc"]), args["upper_codebook_mask"])
    assert list(found) == case["stages"]
    for stage, value in found.items():
        assert torch.equal(value.tensor, array(f"{case['output']}_{stage}")), stage
    assert torch.equal(mask.tensor, array(case["output"]))
