"""Codes of short excerpts for lesson 02: shapes, the split, and what cannot be."""

from __future__ import annotations

import pytest
import torch

from course_utils.codec import load_codec
from course_utils.train import excerpts
from course_utils.train.corpus import freedoom_pieces


@pytest.fixture(scope="module")
def codec():
    return load_codec("course")


def test_excerpts_are_codes_of_one_length_and_come_again(codec, monkeypatch):
    few = freedoom_pieces(held_out=True)[:3]
    monkeypatch.setattr(excerpts, "freedoom_pieces", lambda held_out: few if held_out else [])
    codes = excerpts.excerpt_codes(codec, held_out=True, seconds=0.5)
    assert codes.shape[1:] == (9, codec.frames(22050))
    assert 1 <= len(codes) <= 3
    assert codes.dtype == torch.int64
    assert codes.min() >= 0
    assert codes.max() < 1024
    assert torch.equal(codes, excerpts.excerpt_codes(codec, held_out=True, seconds=0.5))


def test_a_silent_piece_is_left_out(codec, monkeypatch):
    few = freedoom_pieces(held_out=True)[:2]
    monkeypatch.setattr(excerpts, "freedoom_pieces", lambda held_out: few)
    played = excerpts.render_excerpt
    monkeypatch.setattr(
        excerpts, "render_excerpt", lambda piece, *rest: played(piece, *rest) * (0 if piece == few[0] else 1)
    )
    assert len(excerpts.excerpt_codes(codec, held_out=True, seconds=0.5)) == 1


def test_every_second_piece(codec, monkeypatch):
    few = freedoom_pieces(held_out=True)[:3]
    monkeypatch.setattr(excerpts, "freedoom_pieces", lambda held_out: few)
    codes = excerpts.excerpt_codes(codec, held_out=True, seconds=0.5)
    assert torch.equal(excerpts.excerpt_codes(codec, held_out=True, seconds=0.5, every=2), codes[::2])


def test_a_share_that_cannot_be_is_refused(codec):
    with pytest.raises(ValueError, match="every is 1 for all pieces"):
        excerpts.excerpt_codes(codec, held_out=True, every=0)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_no_time_is_refused(codec, seconds):
    with pytest.raises(ValueError, match="more than 0 s"):
        excerpts.excerpt_codes(codec, held_out=True, seconds=seconds)
