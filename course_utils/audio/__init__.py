"""Audio in, audio out, and how far two recordings are apart."""

from course_utils.audio.clip import SAMPLE_RATE, AudioError, Clip, audio_seconds, blocks, demo_clip, load_audio
from course_utils.audio.measure import (
    MEL_WINDOWS,
    F0Error,
    chroma_similarity,
    compare_f0,
    f0_error,
    f0_track,
    match_onsets,
    mel_distance,
    onset_f_measure,
    onset_times,
    si_sdr,
    spectral_centroid,
    spectral_error,
)
from course_utils.audio.save import ClippedAudio, SaveError, audio_writer, save_audio
from course_utils.audio.tally import MeanCentroid, Tally

__all__ = [
    "MEL_WINDOWS",
    "SAMPLE_RATE",
    "AudioError",
    "Clip",
    "ClippedAudio",
    "F0Error",
    "MeanCentroid",
    "SaveError",
    "Tally",
    "audio_seconds",
    "audio_writer",
    "blocks",
    "chroma_similarity",
    "compare_f0",
    "demo_clip",
    "f0_error",
    "f0_track",
    "load_audio",
    "match_onsets",
    "mel_distance",
    "onset_f_measure",
    "onset_times",
    "save_audio",
    "si_sdr",
    "spectral_centroid",
    "spectral_error",
]
