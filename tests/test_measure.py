"""The measures: against other implementations, against known values, and one change at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.audio import (
    MEL_WINDOWS,
    chroma_similarity,
    demo_clip,
    f0_error,
    match_onsets,
    mel_distance,
    onset_f_measure,
    onset_times,
    si_sdr,
    spectral_centroid,
    spectral_error,
)
from course_utils.audio.measure import MEL_BANDS, mel_filters

RATE = 44100


def noise(n: int = 20_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32) * 0.1


def melody(semitones: float = 0.0, harmonics: int = 4) -> np.ndarray:
    """Four notes of half a second, float32 [88200]."""
    notes = []
    for midi in (57, 60, 64, 62):
        f0 = 440 * 2 ** ((midi + semitones - 69) / 12)
        t = np.arange(RATE // 2) / RATE
        tone = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in range(1, harmonics + 1))
        notes.append(0.2 * tone * np.exp(-4 * t) * np.minimum(1, t * 200))
    return np.concatenate(notes).astype(np.float32)


def clicks(times: list[float], seconds: float = 2.0) -> np.ndarray:
    x = np.zeros(round(seconds * RATE), np.float32)
    burst = noise(2000, 3) * np.exp(-np.arange(2000) / 300)
    for time in times:
        first = round(time * RATE)
        x[first : first + 2000] += 4 * burst[: len(x) - first]
    return x


# SI-SDR


@pytest.mark.parametrize("decibels", [-20, 0, 7.5, 40])
def test_si_sdr_of_orthogonal_noise_is_its_level(decibels: float) -> None:
    t = np.arange(RATE) / RATE
    reference, error = np.sin(2 * np.pi * 100 * t), np.cos(2 * np.pi * 100 * t)
    assert si_sdr(reference + error * 10 ** (-decibels / 20), reference) == pytest.approx(decibels, abs=1e-6)


@settings(deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_si_sdr_ignores_the_scale_of_the_estimate(scale: float, seed: int) -> None:
    x, y = noise(500, seed).astype(float), noise(500, seed + 100).astype(float)
    assert si_sdr(scale * (x + y), x) == pytest.approx(si_sdr(x + y, x), abs=1e-6)


def test_si_sdr_has_ends_instead_of_infinity() -> None:
    x = noise()
    assert si_sdr(x, x) == 100
    assert si_sdr(np.zeros_like(x), x) == -100
    with pytest.raises(ValueError, match="reference is silent"):
        si_sdr(x, np.zeros_like(x))


def test_si_sdr_of_a_batch() -> None:
    x = torch.randn(2, 1, 1000, generator=torch.Generator().manual_seed(0))
    y = x + torch.tensor([0.1, 1.0]).reshape(2, 1, 1) * x.flip(-1)
    y.requires_grad_()
    batch = si_sdr(y, x)
    assert batch.shape == (2, 1)
    assert batch[0].item() == pytest.approx(si_sdr(y[0, 0].detach().numpy(), x[0, 0].numpy()), abs=1e-9)
    batch.sum().backward()
    assert y.grad is not None
    assert y.grad.abs().sum() > 0


# Mel distance


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize(("window", "bands"), list(zip(MEL_WINDOWS, MEL_BANDS, strict=True)))
def test_mel_filters_equal_librosas(rate: int, window: int, bands: int) -> None:
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some bands of the short windows are empty, there as here
        expected = librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands)
    np.testing.assert_allclose(mel_filters(rate, window, bands), expected, atol=1e-7 * expected.max())


def test_mel_distance_written_out_with_librosa() -> None:
    import librosa

    a, b = noise(seed=1), noise(seed=2) * np.linspace(0, 1, 20_000, dtype=np.float32)
    distances = []
    for window, bands in zip(MEL_WINDOWS, MEL_BANDS, strict=True):
        logs = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            filters = librosa.filters.mel(sr=RATE, n_fft=window, n_mels=bands)
        for x in (a, b):
            spectrum = librosa.stft(x, n_fft=window, hop_length=window // 4, window="hann", pad_mode="reflect")
            logs.append(np.log10(np.maximum(filters @ np.abs(spectrum), 1e-5)))
        distances.append(np.abs(logs[0] - logs[1]).mean())
    assert mel_distance(a, b) == pytest.approx(np.mean(distances), rel=1e-4)
    assert mel_distance(a, b, windows=(64,)) == pytest.approx(distances[1], rel=1e-4)


def test_mel_distance_knows_a_change_of_gain() -> None:
    x = noise(44100)
    assert mel_distance(x, x) == 0
    assert mel_distance(x * 10, x) == pytest.approx(1.0, abs=0.02)  # a factor of ten is one unit of log10
    assert mel_distance(x, x * 10) == pytest.approx(mel_distance(x * 10, x), abs=1e-6)


def test_mel_distance_trains() -> None:
    target = torch.from_numpy(noise()).reshape(1, 1, -1)
    x = (target * 0.3).clone().requires_grad_()
    before = mel_distance(x, target, windows=(128, 1024))
    before.backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    after = mel_distance(x - 1e-2 * x.grad / x.grad.abs().max(), target, windows=(128, 1024))
    assert float(after) < float(before)


def test_the_gradient_at_silence_is_finite() -> None:
    x = torch.zeros(1, 1, 4096, requires_grad=True)
    mel_distance(x, torch.from_numpy(noise(4096)).reshape(1, 1, -1)).backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("n", [1, 20, 882, 1024, 1025])
def test_very_short_sounds_can_be_measured(n: int) -> None:
    x = noise(n)
    assert mel_distance(x, x) == 0
    assert 0 < mel_distance(2 * x, x) < 1
    assert 0 < spectral_centroid(x) < RATE / 2


def test_a_window_outside_the_seven_is_refused() -> None:
    with pytest.raises(ValueError, match="window 100 is not one of"):
        mel_distance(noise(), noise(), windows=(100,))
    with pytest.raises(ValueError, match="no window given"):
        mel_distance(noise(), noise(), windows=())


# Pitch, rhythm, timbre


@pytest.mark.parametrize(("hertz", "tolerance"), [(440, 5), (5000, 10)])
def test_the_centroid_of_a_tone_is_its_frequency(hertz: float, tolerance: float) -> None:
    tone = (np.hanning(RATE) * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.float32)
    assert spectral_centroid(tone) == pytest.approx(hertz, abs=tolerance)


def test_the_centroid_of_silence_is_documented() -> None:
    assert spectral_centroid(np.zeros(RATE, np.float32)) == 0.0


@pytest.mark.parametrize("cents", [0, 20, 100, 300])
def test_f0_error_is_the_shift_of_a_melody(cents: float) -> None:
    error = f0_error(melody(cents / 100), melody())
    assert error.cents == pytest.approx(cents, abs=10)  # the pitch grid has 10-cent steps
    assert error.accuracy > 0.95 if cents < 40 else error.accuracy < 0.05
    assert error.voiced_agreement > 0.9


def test_f0_error_without_pitch() -> None:
    with pytest.raises(ValueError, match="no pitch was found"):
        f0_error(melody(), noise(88200))
    against_noise = f0_error(noise(88200), melody())
    assert against_noise.voiced_agreement < 0.5
    assert against_noise.accuracy == 0


def test_chroma_follows_the_pitch_class_and_not_the_timbre() -> None:
    assert chroma_similarity(melody(), melody()) == pytest.approx(1)
    assert chroma_similarity(melody(harmonics=2), melody()) > 0.9
    assert chroma_similarity(melody(1), melody()) < 0.5


def test_spectral_error_follows_the_timbre_and_not_the_loudness() -> None:
    assert spectral_error(melody(), melody()) == 0
    quieter, duller = spectral_error(0.9 * melody(), melody()), spectral_error(melody(harmonics=2), melody())
    assert quieter < 0.3 * duller


def test_onsets_are_found_where_they_are() -> None:
    times = [0.25, 0.75, 1.1, 1.6]
    np.testing.assert_allclose(onset_times(clicks(times)), times, atol=0.03)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        ([0.25, 0.75, 1.1, 1.6], 1.0),
        ([0.27, 0.77, 1.12, 1.62], 1.0),
        ([0.35, 0.85, 1.2, 1.7], 0.0),
        ([0.25, 0.75], 2 * 2 / (4 + 2)),
        ([], 0.0),
    ],
)
def test_onset_f_measure(estimate: list[float], expected: float) -> None:
    assert onset_f_measure(clicks(estimate), clicks([0.25, 0.75, 1.1, 1.6])) == pytest.approx(expected)


def test_onset_f_measure_of_two_silences() -> None:
    assert onset_f_measure(np.zeros(RATE), np.zeros(RATE)) == 1.0


@given(st.lists(st.integers(0, 40), max_size=6), st.lists(st.integers(0, 40), max_size=6))
def test_onset_matching_is_the_best_one_to_one(a: list[int], b: list[int]) -> None:
    """Against a search of all pairings."""

    def best(left: list[int], right: list[int]) -> int:
        if not left:
            return 0
        options = [1 + best(left[1:], right[:j] + right[j + 1 :]) for j, r in enumerate(right) if abs(r - left[0]) <= 5]
        return max([best(left[1:], right), *options])

    assert match_onsets(np.sort(a) / 100, np.sort(b) / 100, 0.0501) == best(a, b)


# All of them

MEASURES: list[Callable[..., object]] = [
    si_sdr,
    mel_distance,
    chroma_similarity,
    f0_error,
    onset_f_measure,
    spectral_error,
]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.__name__)
def test_torch_and_numpy_agree_and_repeat(measure: Callable[..., object]) -> None:
    a, b = melody() + noise(88200) * 0.2, melody()
    first = measure(a, b)
    assert measure(a, b) == first
    tensor = measure(torch.from_numpy(a).reshape(1, 1, -1), torch.from_numpy(b).reshape(1, 1, -1))
    if isinstance(first, float):
        assert float(tensor) == pytest.approx(first, rel=1e-5)  # type: ignore[arg-type]
    else:
        assert tensor == first


@pytest.mark.parametrize("measure", [m for m in MEASURES if m is not onset_f_measure], ids=lambda m: m.__name__)
def test_different_lengths_are_refused(measure: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        measure(melody()[:-1], melody())


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.__name__)
def test_nothing_cannot_be_measured(measure: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="no samples to measure"):
        measure(np.zeros(0), np.zeros(0))


@pytest.mark.parametrize("measure", [chroma_similarity, f0_error, spectral_error], ids=lambda m: m.__name__)
def test_silence_has_no_pitch_and_no_timbre(measure: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="silent"):
        measure(melody(), np.zeros_like(melody()))


def test_a_real_clip_loses_timbre_when_its_top_is_cut() -> None:
    """A low-pass leaves rhythm and harmony in place and takes brightness: the measures must tell these apart."""
    from scipy.signal import butter, sosfiltfilt

    clip = demo_clip("guitar").samples
    dull = sosfiltfilt(butter(6, 2000, fs=RATE, output="sos"), clip).astype(np.float32)
    assert chroma_similarity(dull, clip) > 0.9
    assert onset_f_measure(dull, clip) > 0.7
    assert spectral_error(dull, clip) > 5
    assert spectral_centroid(dull) < 0.5 * spectral_centroid(clip)
    assert not math.isnan(mel_distance(dull, clip))
