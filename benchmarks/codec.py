"""How fast the course codec is beside `dac.DAC` at its public size (random weights), on the same clip in one run.

    python -m benchmarks codec                         # with all the others: make bench
    python -m benchmarks.codec --seconds 2 [--json]    # a shorter clip

Each codec runs in a process of its own, so that its peak memory is its own. Weights do not change the work that a
network of this kind does, so the official size is measured without downloading them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

from benchmarks.table import Row, machine
from course_utils.paths import ROOT

CLIP_SECONDS = 10.0
ROUND_TRIP_LIMIT = 2.0  # seconds to encode and decode 10 s of audio on two cores
LOAD_LIMIT = 1.0  # seconds
PARAMETER_LIMIT, WEIGHTS_LIMIT = 8.0, 16.0  # millions; MB
REPEATS = {"course": 5, "official": 1}  # the official size takes a hundred times as long


def peak_bytes() -> int:
    """Return the largest memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(name: str, seconds: float) -> dict[str, float]:
    """Measure one codec in this process: seconds to load, encode and decode, bytes of memory, parameters."""
    import torch

    from course_utils.audio import demo_clip
    from course_utils.codec import course_codec, load_codec, official_codec

    course_codec()  # so that importing dac, the same for both, does not count as loading
    started = time.perf_counter()
    codec = load_codec("course") if name == "course" else official_codec()
    load = time.perf_counter() - started
    clip = demo_clip("electronic")
    samples = torch.as_tensor(clip.samples)[: round(seconds * clip.rate)]
    warm_up = codec.encode(samples[: min(len(samples), 16 * codec.hop)])
    codec.decode(warm_up)
    encode, decode = [], []
    for _ in range(REPEATS[name]):
        started = time.perf_counter()
        codes = codec.encode(samples)
        encode.append(time.perf_counter() - started)
        started = time.perf_counter()
        codec.decode(codes, length=len(samples))
        decode.append(time.perf_counter() - started)
    return {
        "seconds": len(samples) / clip.rate,
        "load": load,
        "encode": sorted(encode)[len(encode) // 2],
        "decode": sorted(decode)[len(decode) // 2],
        "peak": float(peak_bytes()),
        "parameters": float(sum(p.numel() for p in codec.network.parameters())),
        "threads": float(torch.get_num_threads()),
    }


def measured_apart(name: str, seconds: float) -> dict[str, Any]:
    """Return `measure` of one codec from a new process.

    Raises CalledProcessError if it fails.
    """
    command = [sys.executable, "-m", "benchmarks.codec", "--one", name, "--seconds", str(seconds)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def rows(seconds: float = CLIP_SECONDS) -> list[Row]:
    """Return the course codec's figures beside its targets and beside the official size."""
    from course_utils.zoo import weights_path

    ours, theirs = (measured_apart(name, seconds) for name in ("course", "official"))
    length, beside = ours["seconds"], "the official size"
    round_trip = ours["encode"] + ours["decode"]
    weights = weights_path("course-codec").stat().st_size / 1e6
    return [
        Row(f"course: encode and decode {length:g} s", round_trip, "s", ROUND_TRIP_LIMIT * length / CLIP_SECONDS),
        Row("course: load", ours["load"], "s", LOAD_LIMIT),
        Row("course: parameters", ours["parameters"] / 1e6, "M", PARAMETER_LIMIT),
        Row("course: weights", weights, "MB", WEIGHTS_LIMIT),
        Row(f"course: encode {length:g} s", ours["encode"], "s", theirs["encode"], beside),
        Row(f"course: decode {length:g} s", ours["decode"], "s", theirs["decode"], beside),
        Row("course: peak memory", ours["peak"] / 1e9, "GB", theirs["peak"] / 1e9, beside),
        Row("course: parameters", ours["parameters"] / 1e6, "M", theirs["parameters"] / 1e6, beside),
        Row("course: encoding, multiple of real time", length / ours["encode"], "x"),
        Row("course: decoding, multiple of real time", length / ours["decode"], "x"),
        Row("official size: encoding, multiple of real time", length / theirs["encode"], "x"),
        Row("official size: decoding, multiple of real time", length / theirs["decode"], "x"),
    ]


def main() -> int:
    """Run this benchmark alone; returns 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codec", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=CLIP_SECONDS, help="of the clip, at most 10 (default: 10)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--one", choices=sorted(REPEATS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 0.05 <= options.seconds <= CLIP_SECONDS:
        parser.error(f"--seconds must lie between 0.05 and {CLIP_SECONDS:g}, not {options.seconds:g}")
    if options.one:
        print(json.dumps(measure(options.one, options.seconds)))
        return 0
    found = rows(options.seconds)
    if options.json:
        print(json.dumps({"machine": machine(), "codec": [row.as_json() for row in found]}, indent=1))
    else:
        print(f"Measured on {machine()}", *found, sep="\n")
    return int(any(row.missed for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
