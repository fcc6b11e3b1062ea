"""The measures of a recording too long to hold, gathered block by block."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.audio.measure import SI_SDR_LIMIT, Array, magnitudes, mel_distance, spectral_centroid


class MeanCentroid:
    """The spectral centroid in Hz of blocks, each weighted by its magnitude; 0 for silence."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.samples = 0
        self._weight = self._weighted = 0.0

    def add(self, block: Array) -> None:
        """Add one block, numpy [N]."""
        weight = float(magnitudes(torch.from_numpy(np.ascontiguousarray(block)), 2048).double().sum())
        self._weighted += spectral_centroid(block, self.rate) * weight
        self._weight += weight
        self.samples += len(block)

    @property
    def hertz(self) -> float:
        """The centroid of all blocks so far."""
        return self._weighted / self._weight if self._weight else 0.0


class Tally:
    """SI-SDR, mel distance and centroid of an estimate; for one block they are those of `measure.py`.

    SI-SDR is that of the whole signal. Mel distance and centroid are means over the blocks, weighted by length and by
    magnitude: only the frames at the joins differ from those of the whole.
    """

    def __init__(self, rate: int) -> None:
        self._centroid = MeanCentroid(rate)
        self._ee = self._er = self._rr = 0.0  # energies of the estimate, of both together, of the reference
        self._mel = 0.0

    def add(self, estimate: Array, reference: Array) -> None:
        """Add one block of both, numpy [N]. Raises ValueError as `mel_distance` does."""
        e, r = estimate.astype(np.float64), reference.astype(np.float64)
        self._mel += mel_distance(estimate, reference, self._centroid.rate) * len(estimate)
        self._ee, self._er, self._rr = self._ee + float(e @ e), self._er + float(e @ r), self._rr + float(r @ r)
        self._centroid.add(estimate)

    @property
    def samples(self) -> int:
        """How many have been added."""
        return self._centroid.samples

    @property
    def si_sdr(self) -> float | None:
        """In dB; None for a silent reference."""
        if self._rr == 0:
            return None
        target = self._er**2 / self._rr
        if target == 0:
            return -SI_SDR_LIMIT
        noise = max(self._ee - target, 1e-300)
        return max(-SI_SDR_LIMIT, min(SI_SDR_LIMIT, 10 * math.log10(target / noise)))

    @property
    def mel_distance(self) -> float:
        """Mean over the samples."""
        return self._mel / self.samples

    @property
    def centroid(self) -> float:
        """In Hz; 0 for silence."""
        return self._centroid.hertz
