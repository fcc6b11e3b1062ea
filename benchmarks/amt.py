"""How fast music is sampled beside a loop without a cache, written as the released code's is, on the same weights.

    python -m benchmarks amt                                  # with all the others: make bench
    python -m benchmarks.amt --only small [--json]            # one part: small, medium, course
    python -m benchmarks.amt --device cuda --dtype bfloat16   # a GPU is used anyway where there is one; also --compile

A token cannot be sampled faster than the weights that it needs are read. That limit is measured in the same run: how
fast this machine sums up an array too large for its caches. Weights do not change the work, so random ones are taken.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.baselines import amt as authors
from benchmarks.table import Row, machine
from course_utils.amt import vocab
from course_utils.amt.generate import Settings, Task, prepare, sample_event
from course_utils.amt.load import compile_steps
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.rules import Rules
from course_utils.amt.vocab import Triples
from course_utils.amt.window import Reader, room_in, slide_effect
from course_utils.linear import Linear
from course_utils.paths import data_folder

SMALL = AMTConfig(width=768, layers=12, heads=12)  # 128 M parameters
MEDIUM = AMTConfig(width=1024, layers=24, heads=16)  # 360 M
HISTORIES = (100, 500, 1000)  # tokens
PIECE = "midi/freedoom/fd13_freedoom2_D_SHAWN.mid"  # in data/: a band of sixteen instruments
THEIRS = "a loop without a cache"
SHARE_LIMIT = 1 / 20  # of their time, at the longest history and with what the sliding window costs
OVER_BANDWIDTH_AIM = 1 / 0.7
COURSE_LIMIT = 5.0  # s for 20 s of music by the course model, on two cores
WARM_EVENTS = 2
ALL_TIMES = Rules(time=False, gap=False)  # each time is drawn from all 10,000
SHORT_ROWS = 300  # shorter histories do not slide while they are measured


def random_network(config: AMTConfig, device: str = "cpu", dtype: torch.dtype = torch.float32) -> AMT:
    """A network with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AMT(config).eval().requires_grad_(False).to(device, dtype)


def some_events(count: int) -> Triples:
    """A piece of events drawn at random, 20 a second."""
    chance = np.random.default_rng(0)
    notes = vocab.NOTE_OFFSET + chance.integers(40, 90, count) + vocab.MAX_PITCH * chance.integers(0, 8, count)
    return np.stack([5 * np.arange(count), vocab.DUR_OFFSET + chance.integers(5, 99, count), notes], axis=1)


def finish(device: str) -> None:
    """Wait until a GPU has done all it was asked to."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


# --- the contenders ---------------------------------------------------------------------------------------------------


@torch.inference_mode()
def event_seconds(network: AMT, rows: int, events: int, slide: str | int = "block") -> Iterator[float]:
    """Seconds that each of `events` events takes us after a history of `rows`.

    Each time is drawn from all that there are: no event is easier than others.
    """
    settings = Settings(rules=ALL_TIMES, slide=slide)
    task = _task(rows, settings)
    reader, window = Reader(network), settings.window(network.config.context)
    chance = torch.Generator().manual_seed(0)
    for number in range(events + WARM_EVENTS):
        finish(str(network.device))
        started = time.perf_counter()
        step = sample_event(reader, window, task, torch.rand(3, generator=chance).tolist(), settings)
        task.append(np.array([step.triple]))
        if number >= WARM_EVENTS:
            yield time.perf_counter() - started


def _task(rows: int, settings: Settings) -> Task:
    events = some_events(rows)
    start = vocab.seconds(int(events[-1, 0]))
    return prepare(start, start + 1, events, None, settings)


def their_seconds(network: AMT, rows: int, repeats: int = 1) -> float:
    """Seconds that the loop without a cache takes for an event after a history of `rows`."""
    tokens = some_events(rows).reshape(-1).tolist()
    times = []
    for _ in range(repeats):
        finish(str(network.device))
        started = time.perf_counter()
        authors.sample_event(network, vocab.AUTOREGRESS, list(tokens), 0.95, 0)
        times.append(time.perf_counter() - started)
    return min(times)


def bandwidth(device: str = "cpu", megabytes: int = 512, repeats: int = 5) -> float:
    """Bytes a second that are read when a large array of float32 is summed up: the best of a few times."""
    array = torch.ones(megabytes * 250_000, device=device)
    array.sum()
    best = float("inf")
    for _ in range(repeats):
        finish(device)
        started = time.perf_counter()
        array.sum()
        finish(device)
        best = min(best, time.perf_counter() - started)
    return 4 * array.numel() / best


@torch.inference_mode()
def product_bandwidth(network: AMT, repeats: int = 5) -> float:
    """Bytes of weights a second in the products of one token with all layers, and nothing else: the best of a few.

    They reach less than a plain sum, and attention reads the keys and values as well: so a token stays above the limit.
    """
    device, kind = network.device, network.tokens.weight.dtype
    layers = [layer for layer in network.modules() if isinstance(layer, Linear)]
    work = [(layer, torch.ones(1, layer.in_features, device=device, dtype=kind)) for layer in layers]
    best = float("inf")
    for _ in range(repeats):
        finish(str(device))
        started = time.perf_counter()
        for layer, vector in work:
            layer(vector)
        finish(str(device))
        best = min(best, time.perf_counter() - started)
    return sum(layer.weight.numel() * layer.weight.element_size() for layer in layers) / best


def bytes_per_token(network: AMT) -> float:
    """Bytes of weights that a token needs, mean over the three slots: all layers, and the scores of its slot."""
    size = network.tokens.weight.element_size()
    layers = sum(weight.numel() for weight in network.blocks.parameters())
    scores = network.config.width * (vocab.MAX_TIME + vocab.MAX_DUR + vocab.MAX_NOTE + 1) / vocab.EVENT_SIZE
    return size * (layers + scores)


# --- the parts --------------------------------------------------------------------------------------------------------


def size_rows(
    what: str,
    config: AMTConfig,
    device: str,
    dtype: torch.dtype,
    compiled: bool = False,
    histories: tuple[int, ...] = HISTORIES,
    events: int = 12,
) -> list[Row]:
    """One size of network: each history without a slide, then the longest through a whole turn of the window."""
    network = random_network(config, device, dtype)
    slow = copy.deepcopy(network) if compiled else network
    if compiled:
        compile_steps(network)
    ours, theirs, speeds = {}, {}, []
    for tokens in histories:
        rows = tokens // vocab.EVENT_SIZE
        speeds.append(bandwidth(device))  # before each, and the best of all: other work only ever slows it down
        slide = 1 if rows < SHORT_ROWS else "block"
        ours[tokens] = 1e3 * statistics.median(event_seconds(network, rows, events, slide)) / vocab.EVENT_SIZE
        theirs[tokens] = 1e3 * their_seconds(slow, rows) / vocab.EVENT_SIZE
    turn = Settings().window(config.context).drop  # events from one slide to the next
    turning = 1e3 * statistics.mean(event_seconds(network, rows, turn)) / vocab.EVENT_SIZE
    speed = max(speeds)
    limit = 1e3 * bytes_per_token(network) / speed  # ms
    found = [
        Row(f"{what}: bandwidth", speed / 1e9, "GB/s"),
        Row(f"{what}: bandwidth in products", product_bandwidth(network) / 1e9, "GB/s", speed / 1e9, "of it"),
        Row(f"{what}: limit, a token", limit, "ms"),
    ]
    for tokens in histories:
        past = f"{what}, {tokens} tokens of history"
        found += [
            Row(f"{past}: a token", ours[tokens], "ms", theirs[tokens], THEIRS),
            Row(past, 1e3 / ours[tokens], "t/s", 1e3 / limit, "the limit"),
        ]
    slides = f"{what}, {tokens} tokens, with slides"
    return [
        *found,
        Row(f"{slides}: a token", turning, "ms", theirs[tokens], THEIRS),
        Row(f"{slides}: share of their time", turning / theirs[tokens], "x", SHARE_LIMIT),
        Row(f"{slides}: over the limit", turning / limit, "x", OVER_BANDWIDTH_AIM, "70 % of the bandwidth"),
    ]


def course_rows(device: str, dtype: torch.dtype, compiled: bool = False) -> list[Row]:
    """20 s of music by the course's own model, behind 5 s of a held-out piece; nothing without the model."""
    from course_utils import zoo
    from course_utils.amt.accompany import continue_piece
    from course_utils.amt.load import load_amt

    try:
        network = load_amt("course", device, dtype, compiled)
    except zoo.ZooError:
        return []
    piece = data_folder() / PIECE
    if compiled:
        continue_piece(network, piece, duration=6.0)  # compiles
    started = time.perf_counter()
    made = continue_piece(network, piece, duration=25.0)
    seconds = time.perf_counter() - started
    return [
        Row("course: 20 s of music", seconds, "s", COURSE_LIMIT),
        Row(f"course: speed over {len(made.generated.steps)} events", 3 * len(made.generated.steps) / seconds, "t/s"),
        *slide_rows(network),
    ]


def slide_rows(network: AMT, songs: int = 4) -> list[Row]:
    """What the block slide costs besides time: bits of an event right after it, in held-out songs."""
    from course_utils.train.music import song_piece

    room = room_in(network.config.context)
    kept = room - Settings().window(network.config.context).drop + 1
    effects = [slide_effect(network, song_piece(seed).triples, [kept])[0] for seed in range(songs)]
    short, full = (float(np.mean([getattr(e, name) for e in effects])) for name in ("surprise", "surprise_full"))
    return [
        Row("course: an event right after a slide", short, "bits", full, "with a full window"),
        Row("course: its odds differ by", float(np.mean([e.divergence for e in effects])), "bits"),
    ]


PARTS: dict[str, Callable[[str, torch.dtype, bool], list[Row]]] = {
    "small": lambda device, dtype, compiled: size_rows("small", SMALL, device, dtype, compiled),
    "medium": lambda device, dtype, compiled: size_rows("medium", MEDIUM, device, dtype, compiled),
    "course": course_rows,
}


def rows(
    only: str | None = None, device: str | None = None, dtype: str | None = None, compiled: bool = False
) -> list[Row]:
    """Return the figures of one part, or of all, on a GPU (in bfloat16) where there is one."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind = getattr(torch, dtype or ("bfloat16" if device.startswith("cuda") else "float32"))
    return [row for name, part in PARTS.items() if only in (None, name) for row in part(device, kind, compiled)]


def main() -> int:
    """Run this benchmark alone; returns 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.amt", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(PARTS), help="one part (default: all)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), help="of the weights")
    parser.add_argument("--compile", action="store_true", help="our steps by torch.compile, which is meant for GPUs")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    found = rows(options.only, options.device, options.dtype, options.compile)
    where = f"{machine()}, torch {torch.__version__} with {torch.get_num_threads()} threads"
    if options.json:
        print(json.dumps({"machine": where, "amt": [row.as_json() for row in found]}, indent=1))
    else:
        print(f"Measured on {where}", *found, sep="\n")
    return int(any(row.missed for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
