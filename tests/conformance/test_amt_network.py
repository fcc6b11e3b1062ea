"""Our network on the authors' weights gives the logits that transformers gave, at once and token by token."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from conformance.reading import golden, path_of
from course_utils.amt.checkpoint import read_folder
from course_utils.amt.network import AMT

TOLERANCE = 1e-3  # the logits reach 70


@cache
def network() -> AMT:
    """The tiny GPT-2 of the recorded answers."""
    return read_folder(path_of("amt/gpt2_tiny/config.json").parent)


def recorded(name: str) -> tuple[Tensor, Tensor]:
    arrays = golden("amt/gpt2_tiny_logits.npz")
    return torch.as_tensor(arrays[f"tokens_{name}"].astype(np.int64))[None], torch.as_tensor(
        arrays[f"last_logits_{name}"]
    )


@pytest.mark.parametrize("name", ["a", "b", "c"])
@torch.inference_mode()
def test_the_last_logits_are_the_recorded_ones(name: str) -> None:
    tokens, wanted = recorded(name)
    found = network().logits(network().hidden(tokens)[0, -1])
    torch.testing.assert_close(found, wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "pieces"), [("b", (1, 30, 31, 32)), ("c", (1, 600, 1018, 1019))])
@torch.inference_mode()
def test_a_cache_changes_nothing(name: str, pieces: tuple[int, ...]) -> None:
    tokens, wanted = recorded(name)
    cache = network().cache()
    for piece in torch.tensor_split(tokens, pieces, dim=1):
        hidden = network().hidden(piece, cache)
    torch.testing.assert_close(network().logits(hidden[0, -1]), wanted, rtol=0, atol=TOLERANCE)


@torch.inference_mode()
def test_a_range_of_logits_is_cut_out_of_all() -> None:
    tokens, wanted = recorded("b")
    found = network().logits(network().hidden(tokens)[0, -1], 10_000, 11_000)
    torch.testing.assert_close(found, wanted[10_000:11_000], rtol=0, atol=TOLERANCE)
