"""Measurements that take minutes, recorded once: figures and codes, with the hashes of all that made them.

    recording = read_recording("passes")      # refuses a recording whose models or code have changed since
    recording.numbers["tasks"]["vamp"]        # figures: plain numbers, lists and dictionaries
    recording.codes("electronic-vamp-36")     # int64 [1, 9, T], ready to be decoded
    make_recording("passes")                  # measures anew, with a progress bar; resumes where it stopped

The same from a terminal: `python -m course_utils.recorded passes`; without a name, all that are stale or missing.
"""

from course_utils.recorded.fingerprint import changed, code_hash, fingerprint
from course_utils.recorded.registry import RECORDINGS, make_recording
from course_utils.recorded.store import Recording, RecordingError, StaleRecordingError, read_recording

__all__ = [
    "RECORDINGS",
    "Recording",
    "RecordingError",
    "StaleRecordingError",
    "changed",
    "code_hash",
    "fingerprint",
    "make_recording",
    "read_recording",
]
