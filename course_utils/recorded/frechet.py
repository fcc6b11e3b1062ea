"""The Frechet distance between two sets of sounds: do they spread alike over a space of sound colours?

The embedding is ours, small and without training: every window of 1 s is described by 24 numbers, the mean and the
standard deviation over its frames of the first 12 cepstral coefficients of 40 log-mel bands (loudness and the shape of
the spectrum; how they move). It hears timbre, loudness and their unrest; it does not hear melody or rhythm. The
published FAD uses a trained network's embedding, so its figures cannot be compared with these.
Source: Heusel et al. 2017 (arXiv 1706.08500) for the distance; Kilgour et al. 2019 (arXiv 1812.08466) for audio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from course_utils.audio.measure import SAMPLE_RATE, magnitudes, mel_filters

Array = npt.NDArray[np.float64]

COEFFICIENTS, BANDS, WINDOW = 12, 40, 2048
SECONDS, HOP_SECONDS = 1.0, 0.25


def embed(samples: npt.NDArray[np.float32], rate: int = SAMPLE_RATE) -> Array:
    """Describe every second of a sound, four times a second: float32 [N] -> float64 [windows, 24].

    Raises ValueError for less than a second.
    """
    if len(samples) < SECONDS * rate:
        raise ValueError(f"a window is {SECONDS:g} s, this sound only {len(samples) / rate:.2f} s: take a longer one")
    spectrum = magnitudes(torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32)), WINDOW).double().numpy()
    bands = np.log(np.maximum(mel_filters(rate, WINDOW, BANDS).astype(np.float64) @ spectrum, 1e-4))  # [40, frames]
    cepstra = _cosines() @ bands  # [12, frames]
    per_second = rate / (WINDOW // 4)
    width, hop = round(SECONDS * per_second), HOP_SECONDS * per_second
    starts = [round(i * hop) for i in range(int((cepstra.shape[1] - width) / hop) + 1)]
    parts = np.stack([cepstra[:, start : start + width] for start in starts])  # [windows, 12, width]
    return np.concatenate([parts.mean(2), parts.std(2)], axis=1)


@dataclass(frozen=True)
class Reference:
    """The music to compare with: what makes its dimensions comparable, its mean and its covariance."""

    centre: Array  # [24]
    scale: Array  # [24], standard deviations: each dimension counts in units of its own spread
    covariance: Array  # [24, 24] of the scaled windows


def reference_of(windows: Array) -> Reference:
    """Statistics of the windows [n, 24] of real music."""
    centre, scale = windows.mean(0), windows.std(0)
    return Reference(centre, scale, np.cov((windows - centre) / scale, rowvar=False))


def frechet_distance(windows: Array, reference: Reference) -> float:
    """Squared Frechet distance of windows [n, 24] from the reference, both taken as normal distributions.

    |difference of the means|^2 + trace(A + B - 2 (A B)^(1/2)); every dimension in units of the reference's spread.
    """
    scaled = (windows - reference.centre) / reference.scale
    A, B = np.cov(scaled, rowvar=False), reference.covariance
    root = np.sqrt(np.maximum(np.linalg.eigvals(A @ B).real, 0)).sum()  # the trace of (A B)^(1/2)
    return float((scaled.mean(0) ** 2).sum() + np.trace(A) + np.trace(B) - 2 * root)


def jackknife(groups: Sequence[Array], reference: Reference) -> tuple[float, float]:
    """The distance of all windows, [n, 24] for each clip, and its standard error by leaving out one clip at a time."""
    whole = frechet_distance(np.concatenate(groups), reference)
    count = len(groups)
    if count < 2:
        return whole, math.nan
    left = [frechet_distance(np.concatenate([*groups[:i], *groups[i + 1 :]]), reference) for i in range(count)]
    return whole, math.sqrt((count - 1) / count * float(np.square(np.array(left) - np.mean(left)).sum()))


def _cosines() -> Array:
    """Orthonormal DCT-II, rows 0 to 11 over 40 bands."""
    k, n = np.arange(COEFFICIENTS)[:, None], np.arange(BANDS)[None]
    basis = np.cos(math.pi / BANDS * (n + 0.5) * k) * math.sqrt(2 / BANDS)
    basis[0] /= math.sqrt(2)
    return basis
