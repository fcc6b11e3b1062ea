"""How far one recording is from another: waveform, spectrum, and the three things a level may carry.

Every function takes numpy [N] or torch [..., N] and the estimate before the reference. Nothing is random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import torch

Array: TypeAlias = npt.NDArray[Any]
Signal: TypeAlias = npt.NDArray[Any] | torch.Tensor

SAMPLE_RATE = 44100
MEL_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)  # samples; the mel bands below belong to them one by one
MEL_BANDS = (5, 10, 20, 40, 80, 160, 320)
MEL_FLOOR = 1e-5
SI_SDR_LIMIT = 100.0  # dB; an exact copy and a silent estimate would be +inf and -inf


@overload
def si_sdr(estimate: torch.Tensor, reference: Signal) -> torch.Tensor: ...
@overload
def si_sdr(estimate: Array, reference: Array) -> float: ...  # type: ignore[overload-cannot-match]
def si_sdr(estimate: Signal, reference: Signal) -> float | torch.Tensor:
    """Scale-invariant signal-to-distortion ratio in dB: a float for numpy [N], a tensor [...] for torch [..., N].

    Limited to -100..100 dB (a silent estimate gives -100). Raises ValueError for a silent reference, where the ratio
    has no meaning. Source: Le Roux et al. 2019, "SDR - half-baked or well done?", equation 3 (no mean removed).
    """
    e, r = _pair(estimate, reference, torch.float64)
    power = r.square().sum(-1)
    if (power == 0).any():
        raise ValueError("the reference is silent: SI-SDR compares with its energy, which is 0; use mel_distance")
    target = (e * r).sum(-1, keepdim=True) / power.unsqueeze(-1) * r
    ratio = target.square().sum(-1) / (e - target).square().sum(-1).clamp_min(1e-300)
    limit = 10 ** (SI_SDR_LIMIT / 10)
    decibels = 10 * torch.log10(ratio.clamp(1 / limit, limit))
    return _like(decibels, estimate)


@overload
def mel_distance(
    estimate: torch.Tensor, reference: Signal, rate: int = ..., windows: Sequence[int] = ...
) -> torch.Tensor: ...
@overload
def mel_distance(  # type: ignore[overload-cannot-match]
    estimate: Array, reference: Array, rate: int = ..., windows: Sequence[int] = ...
) -> float: ...
def mel_distance(
    estimate: Signal, reference: Signal, rate: int = SAMPLE_RATE, windows: Sequence[int] = MEL_WINDOWS
) -> float | torch.Tensor:
    """Multi-scale log-mel distance: mean |log10 mel(a) - log10 mel(b)|, then the mean over the windows.

    Windows 32..2048 samples with 5..320 mel bands, hop = window / 4, Hann, magnitudes clamped at 1e-5. A float for
    numpy [N]; for torch [..., N] a differentiable scalar tensor, the mean over the batch. `windows` may name fewer of
    the seven. Raises ValueError for another window. Source: the loss of DAC (arXiv 2306.06546, section 3.5).
    """
    e, r = _pair(estimate, reference, None)
    if not windows:
        raise ValueError("no window given; name at least one of " + ", ".join(map(str, MEL_WINDOWS)))
    distances = [(log_mel(e, w, rate) - log_mel(r, w, rate)).abs().mean() for w in windows]
    return _like(torch.stack(distances).mean(), estimate)


def log_mel(samples: torch.Tensor, window: int, rate: int = SAMPLE_RATE) -> torch.Tensor:
    """log10 of the mel magnitudes, [..., N] -> [..., bands, frames], for one of the seven windows."""
    if window not in MEL_WINDOWS:
        raise ValueError(f"window {window} is not one of {MEL_WINDOWS}")
    bands = MEL_BANDS[MEL_WINDOWS.index(window)]
    filters = _mel_tensor(rate, window, bands, samples.device, samples.dtype)
    return torch.log10((filters @ magnitudes(samples, window)).clamp_min(MEL_FLOOR))


def magnitudes(samples: torch.Tensor, window: int) -> torch.Tensor:
    """Magnitudes of the short-time Fourier transform (Hann, hop = window / 4), [..., N] -> [..., window/2 + 1, frames].

    Ends are mirrored; a signal too short to mirror is padded with zeros to one window.
    """
    length = samples.shape[-1]
    if length <= window // 2:
        samples = torch.nn.functional.pad(samples, (0, window - length))
    flat = samples.reshape(-1, samples.shape[-1])
    hann = _hann(window, samples.device, samples.dtype)
    spectrum = torch.stft(flat, window, window // 4, window=hann, center=True, return_complex=True)
    return spectrum.abs().reshape(*samples.shape[:-1], *spectrum.shape[-2:])


def spectral_centroid(samples: Signal, rate: int = SAMPLE_RATE) -> float:
    """Mean frequency in Hz, weighted by magnitude over all frames (window 2048): "how bright". Silence gives 0.0."""
    mags = magnitudes(_tensor(samples, torch.float32), 2048)
    weight = mags.double().sum(-1).reshape(-1, mags.shape[-2]).sum(0)
    total = float(weight.sum())
    if total < MEL_FLOOR:
        return 0.0
    hertz = torch.linspace(0, rate / 2, len(weight), dtype=torch.float64, device=weight.device)
    return float((hertz * weight).sum()) / total


def spectral_error(estimate: Signal, reference: Signal, rate: int = SAMPLE_RATE) -> float:
    """Timbre: mel-cepstral distortion in dB, 0 for a copy, over frames where the reference sounds (above -60 dB).

    Twelve cepstral coefficients of 40 mel bands: the shape of the spectral envelope, without loudness (the zeroth is
    left out) and without pitch; what lies 60 dB below the reference's loudest band is ignored. Raises ValueError for a
    silent reference. Source: Kubichek 1993, "Mel-cepstral
    distance measure for objective speech quality assessment".
    """
    e, r = _pair(estimate, reference, torch.float32)
    _refuse_silence(r)
    mags = [magnitudes(x, 2048) for x in (e, r)]
    level = mags[1].square().sum(-2)
    sounding = level > level.max() * 1e-6
    filters = _mel_tensor(rate, 2048, 40, r.device, r.dtype)
    mels = [filters @ m for m in mags]
    floor = float(mels[1].max()) * 1e-3  # 60 dB below the loudest band is unheard, but large in the logarithm
    cepstra = [_cosine_basis(40, 12).to(r) @ mel.clamp_min(floor).log() for mel in mels]
    distance = (cepstra[0] - cepstra[1]).square().sum(-2).mul(2).sqrt() * (10 / math.log(10))
    return float(distance[sounding].double().mean())


def chroma_similarity(estimate: Signal, reference: Signal, rate: int = SAMPLE_RATE) -> float:
    """Harmony: correlation (-1..1) of the two recordings' 12 pitch classes over time; 1 for a copy.

    Raises ValueError for a silent recording, which has no pitch class.
    """
    import librosa

    chromas = []
    for samples in _mono_pair(estimate, reference):
        chroma = librosa.feature.chroma_stft(y=samples, sr=rate, n_fft=4096, hop_length=1024, tuning=0.0)
        chromas.append(chroma.ravel() - chroma.mean())
    a, b = chromas
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


@dataclass(frozen=True)
class F0Error:
    """How two pitch tracks differ, over the frames where the reference has a pitch."""

    cents: float  # median |difference| where both have a pitch; 100 cents are a semitone; nan if they never both do
    accuracy: float  # share of the reference's pitched frames found within 50 cents
    voiced_agreement: float  # share of all frames where both or neither have a pitch


def f0_track(samples: Signal, rate: int = SAMPLE_RATE) -> Array:
    """Fundamental frequency in Hz per 11.6 ms frame, [frames]; NaN where no pitch is found.

    Probabilistic YIN, 65-1047 Hz (C2-C6). Source: Mauch and Dixon 2014.
    """
    import librosa
    import soxr

    mono = _tensor(samples, torch.float32).detach().cpu().reshape(-1).numpy()
    low = soxr.resample(
        mono, rate, 11025
    )  # pitch lies below 1.1 kHz, and a quarter of the samples is a quarter of the time
    f0, _, _ = librosa.pyin(low, fmin=65.4, fmax=1046.5, sr=11025, frame_length=1024, hop_length=128)
    return np.asarray(f0)


def f0_error(estimate: Signal, reference: Signal, rate: int = SAMPLE_RATE) -> F0Error:
    """Pitch: compare the fundamental frequencies of two recordings of one melody.

    Meant for one voice at a time; of a chord the strongest candidate is followed. Raises ValueError for silence, or
    when no pitch is found in the reference.
    """
    e, r = (f0_track(x, rate) for x in _mono_pair(estimate, reference))
    return compare_f0(e, r)


def compare_f0(estimate: Array, reference: Array) -> F0Error:
    """Compare two pitch tracks in Hz [frames] (NaN = no pitch), as `f0_track` makes them. Raises ValueError."""
    frames = min(len(estimate), len(reference))
    e, r = estimate[:frames], reference[:frames]
    voiced = ~np.isnan(r)
    if not voiced.any():
        raise ValueError("no pitch was found in the reference; use a clip with a melody, or chroma_similarity")
    both = voiced & ~np.isnan(e)
    cents = np.abs(1200 * np.log2(e[both] / r[both]))
    return F0Error(
        cents=float(np.median(cents)) if both.any() else math.nan,
        accuracy=float((cents <= 50).sum() / voiced.sum()),
        voiced_agreement=float((np.isnan(e) == np.isnan(r)).mean()),
    )


def onset_f_measure(estimate: Signal, reference: Signal, rate: int = SAMPLE_RATE, tolerance: float = 0.05) -> float:
    """Rhythm: F-measure (0..1) of the estimate's note onsets against the reference's, each matched once within 50 ms.

    1.0 when neither has an onset, 0.0 when only one has.
    """
    e, r = (onset_times(x, rate) for x in (estimate, reference))
    if len(e) + len(r) == 0:
        return 1.0
    return 2 * match_onsets(e, r, tolerance) / (len(e) + len(r))


def onset_times(samples: Signal, rate: int = SAMPLE_RATE) -> Array:
    """Times in seconds [onsets] of the peaks of spectral flux (librosa's onset detector, 11.6 ms frames)."""
    from librosa.onset import onset_detect

    mono = _tensor(samples, torch.float32).detach().cpu().reshape(-1).numpy()
    if not mono.any():
        return np.zeros(0)
    return np.asarray(onset_detect(y=mono, sr=rate, hop_length=512, units="time"))


def match_onsets(estimate: Array, reference: Array, tolerance: float = 0.05) -> int:
    """Largest number of one-to-one pairs of sorted times [e], [r] that lie within `tolerance` seconds."""
    i = j = matched = 0
    while i < len(estimate) and j < len(reference):
        if abs(estimate[i] - reference[j]) <= tolerance:
            i, j, matched = i + 1, j + 1, matched + 1
        elif estimate[i] < reference[j]:
            i += 1
        else:
            j += 1
    return matched


@lru_cache(maxsize=64)
def mel_filters(rate: int, window: int, bands: int) -> npt.NDArray[np.float32]:
    """Triangular mel filters of unit area, [bands, window/2 + 1], on Slaney's scale (linear up to 1 kHz)."""
    step = math.log(6.4) / 27
    top = _hertz_to_mel(rate / 2)
    mels = np.linspace(0, top, bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (np.maximum(mels, 15) - 15)))
    bins = np.linspace(0, rate / 2, window // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _hertz_to_mel(hertz: float) -> float:
    """Slaney's mel scale: 3 mel per 200 Hz up to 1 kHz (15 mel), then 27 mel for each factor of 6.4."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


# The caches below keep constants of the transform, once per device and precision, for the training loop.
@lru_cache(maxsize=64)
def _mel_tensor(rate: int, window: int, bands: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(mel_filters(rate, window, bands)).to(device, dtype)


@lru_cache(maxsize=64)
def _hann(window: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return torch.hann_window(window, device=device, dtype=dtype)


@lru_cache(maxsize=4)
def _cosine_basis(bands: int, count: int) -> torch.Tensor:
    """Orthonormal DCT-II rows 1..count over `bands` points, [count, bands]: the envelope without its mean."""
    k, n = torch.arange(1, count + 1).double(), torch.arange(bands).double()
    return torch.cos(math.pi / bands * (n + 0.5) * k.unsqueeze(1)) * math.sqrt(2 / bands)


def _tensor(samples: Signal, dtype: torch.dtype | None) -> torch.Tensor:
    """As a floating tensor with at least one finite sample; leaves torch tensors on their device."""
    tensor = samples if isinstance(samples, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(samples))
    if tensor.shape[-1:] in ((), (0,)):
        raise ValueError(f"no samples to measure: the shape is {tuple(tensor.shape)}")
    if dtype is None:
        dtype = tensor.dtype if tensor.dtype in (torch.float32, torch.float64) else torch.float32
    return tensor.to(dtype)


def _pair(estimate: Signal, reference: Signal, dtype: torch.dtype | None) -> tuple[torch.Tensor, torch.Tensor]:
    e, r = _tensor(estimate, dtype), _tensor(reference, dtype)
    if e.shape != r.shape:
        raise ValueError(f"estimate {tuple(e.shape)} and reference {tuple(r.shape)} differ in shape; cut one to fit")
    return e, r.to(e)


def _mono_pair(estimate: Signal, reference: Signal) -> tuple[Array, Array]:
    """Both as float32 numpy [N], neither silent."""
    e, r = _pair(estimate, reference, torch.float32)
    for x in (e, r):
        if x.numel() != x.shape[-1]:
            raise ValueError(f"one recording at a time: the shape is {tuple(x.shape)}")
        _refuse_silence(x)
    return e.detach().cpu().reshape(-1).numpy(), r.detach().cpu().reshape(-1).numpy()


def _refuse_silence(x: torch.Tensor) -> None:
    if not x.any():
        raise ValueError("the recording is silent: it has no pitch and no timbre to compare")


def _like(value: torch.Tensor, given: Signal) -> float | torch.Tensor:
    """A float where numpy [N] came in; the tensor itself, differentiable, where torch did."""
    return value if isinstance(given, torch.Tensor) else float(value)
