"""The picture of a mask says what it shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from course_utils.show import mask_figure
from course_utils.vampnet import masks


def test_the_words_are_counted_from_the_mask() -> None:
    shape = (2, 9, 100)
    picture = mask_figure(masks.compression(shape, 2) & masks.periodic(shape, 10), 86.13, clip=1)
    assert "9 codebooks by 100 frames: 30.0%" in picture.alt or "9 codebooks by 100 frames: 30%" in picture.alt
    assert "c0 100%, c1 100%, c2 10%" in picture.alt


def test_kept_tokens_are_dark() -> None:
    def darkness(mask: masks.Mask) -> float:
        return 255 - float(np.asarray(Image.open(io.BytesIO(mask_figure(mask).png)).convert("L")).mean())

    assert darkness(masks.none((1, 4, 50))) > darkness(masks.periodic((1, 4, 50), 2)) > darkness(masks.full((1, 4, 50)))


def test_a_clip_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="clips 0 to 0, so there is no clip 1"):
        mask_figure(masks.full((1, 4, 10)), clip=1)
