"""Make recordings anew: `python -m course_utils.recorded passes`; without a name, those that are stale or missing."""

from __future__ import annotations

import subprocess
import sys

from course_utils.paths import data_folder
from course_utils.recorded.registry import RECORDINGS, make_recording
from course_utils.recorded.store import RecordingError, read_recording


def main(names: list[str]) -> int:
    """Make the recordings of these names, or all that cannot be read as they are; returns the exit status."""
    if names in (["-h"], ["--help"]):
        print(f"{__doc__}\nRecordings: {', '.join(RECORDINGS)}")
        return 0
    for name in names or RECORDINGS:
        try:
            if not names:
                read_recording(name)
                print(f"{name}: up to date")
                continue
        except RecordingError as error:
            print(error)
        try:
            recording = make_recording(name)
        except RecordingError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
        print(f"{recording.story} ({recording.minutes:g} min of CPU time)")
        subprocess.run([sys.executable, str(data_folder() / "build" / "manifest.py")], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
