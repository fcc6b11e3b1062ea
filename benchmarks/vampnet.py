"""How fast VampNet decodes beside a loop written as the authors' is (benchmarks/baselines), on the same weights.

    python -m benchmarks vampnet                                 # with all the others: make bench
    python -m benchmarks.vampnet --only official [--json]        # one part: course, stages, trace, official
    python -m benchmarks.vampnet --device cuda                   # a GPU is used anyway where there is one

Contenders take turns in one process, and medians are compared, so that other work on the machine meets both alike.
Weights do not change the work, only sizes do. So random ones are measured: of the course at the sizes that it ships,
of the authors at theirs, with nothing to download or to train first.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.baselines import vampnet as authors
from benchmarks.table import Row, interleaved_seconds, machine
from course_utils import zoo
from course_utils.linear import linear
from course_utils.vampnet import Decoded, DecodeSettings, VampNet, VampNetConfig, decode, masked_counts
from course_utils.vampnet.decoding import one_pass


def shipped_config(name: str) -> VampNetConfig:
    """The sizes of one of the course's networks, as its weights tell them. Raises the zoo's errors."""
    _, metadata = zoo.read_weights(name)
    return VampNetConfig(**json.loads(metadata["config"]))


COURSE, FINE = shipped_config("vampnet-coarse"), shipped_config("vampnet-fine")
OFFICIAL = VampNetConfig(width=1280, layers=20, heads=20)
COURSE_FRAMES, OFFICIAL_FRAMES = 862, 575  # 10 s at each codec's frame rate
THEIR_SHARE_LIMIT = 1 / 2.5  # of the authors' time, at the course's size
OVER_PRODUCTS_LIMIT = 1 / 0.85  # times what the matrix products alone would take, at the official size
STAGES_LIMIT = 12.0  # seconds for 36 coarse and the fine passes of 10 s, on two cores
TRACE_LIMIT = 1.1  # times the run without one
THEIRS = "the authors' loop"


def random_network(config: VampNetConfig, device: str = "cpu", seed: int = 0) -> VampNet:
    """A network with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codebooks = torch.randn(config.codebooks, config.vocabulary, config.entry_dim)
        return VampNet(config, codebooks).eval().requires_grad_(False).to(device)


def some_codes(config: VampNetConfig, frames: int, device: str = "cpu") -> Tensor:
    """Codes [1, C, frames] drawn at random."""
    drawn = torch.randint(config.vocabulary, (1, config.codebooks, frames), generator=torch.Generator().manual_seed(0))
    return drawn.to(device)


def finish_on(device: str) -> Callable[[], object]:
    """What waits until a device has done all it was asked to."""
    return torch.cuda.synchronize if device.startswith("cuda") else lambda: None


# --- at the course's size ---------------------------------------------------------------------------------------------


def course_rows(device: str, passes: int = 12, frames: int = COURSE_FRAMES, repeats: int = 3) -> list[Row]:
    """Coarse decoding from nothing at the course's size, with the authors' settings, against their loop."""
    network, codes = random_network(COURSE, device), some_codes(COURSE, frames, device)
    compat = DecodeSettings(passes, typical_mass=0.15, compat=True)  # their default: a filter without effect
    times = interleaved_seconds(
        {
            "ours": lambda: decode(network, codes, None, DecodeSettings(passes)),
            "authors": lambda: authors.decode(network, codes, None, compat),
        },
        repeats,
        finish_on(device),
    )
    ours, theirs = (statistics.median(times[name]) for name in ("ours", "authors"))
    what = f"{COURSE.width} x {COURSE.layers}, {frames} frames"
    return [
        Row(f"{what}: {passes} coarse passes", ours, "s", theirs, THEIRS),
        Row(f"{what}: share of their time", ours / theirs, "x", THEIR_SHARE_LIMIT),
    ]


def stage_rows(device: str, passes: int = 36, frames: int = COURSE_FRAMES, repeats: int = 3) -> list[Row]:
    """Both stages of 10 s at the course's size: once with the authors' two fine passes, once with as many as coarse."""
    coarse, fine = random_network(COURSE, device), random_network(FINE, device)
    codes = some_codes(FINE, frames, device)
    times = interleaved_seconds(
        {
            "coarse": lambda: decode(coarse, codes[:, : COURSE.codebooks], None, DecodeSettings(passes)),
            "two": lambda: decode(fine, codes, None, DecodeSettings(2)),
            "fine": lambda: decode(fine, codes, None, DecodeSettings(passes)),
        },
        repeats,
        finish_on(device),
    )
    first, two, all_fine = (statistics.median(times[name]) for name in ("coarse", "two", "fine"))
    limit = STAGES_LIMIT * frames / COURSE_FRAMES
    return [
        Row(f"course: {passes} coarse + 2 fine passes, {frames} frames", first + two, "s", limit),
        Row(f"course: {passes} coarse + {passes} fine passes", first + all_fine, "s", limit),
    ]


@torch.inference_mode()
def without_trace(network: VampNet, codes: Tensor, settings: DecodeSettings, seed: int = 0) -> Tensor:
    """What `decode` finds for one clip [1, C, T] in which everything is open, with nothing written down."""
    codes = torch.full_like(codes, network.config.mask_token)
    passes, device = settings.passes, codes.device
    chance = torch.rand((passes, 2, *codes.shape[1:]), generator=torch.Generator().manual_seed(seed))
    chance = chance[:, :, None].to(device)
    counts = torch.tensor(masked_counts(codes.numel(), passes, settings.gamma), device=device)[:, None]
    bias = network.bias(codes.shape[2])
    for number in range(1, passes + 1):
        step = one_pass(network, codes, counts[number - 1], chance[number - 1], settings, number, bias)
        codes = step.tokens.masked_fill(step.remasked, network.config.mask_token)
    return codes


def trace_rows(device: str, passes: int = 12, frames: int = COURSE_FRAMES, repeats: int = 7) -> list[Row]:
    """What writing down every pass adds to a run at the course's size."""
    network, codes = random_network(COURSE, device), some_codes(COURSE, frames, device)
    settings = DecodeSettings(passes)
    times = interleaved_seconds(
        {
            "with": lambda: decode(network, codes, None, settings),
            "without": lambda: without_trace(network, codes, settings),
        },
        repeats,
        finish_on(device),
    )
    costs = statistics.median(w / wo for w, wo in zip(times["with"], times["without"], strict=True))
    return [Row(f"course: {passes} passes with the trace, over without", costs, "x", TRACE_LIMIT)]


# --- at the official size ---------------------------------------------------------------------------------------------


def operations(config: VampNetConfig, frames: int, decoded: Decoded) -> int:
    """Multiplications and additions of the matrix products that a run cannot do without: logits of open cells only."""
    read = config.codebooks * config.entry_dim * config.width
    layer = 10 * config.width**2 + 2 * frames * config.width  # 3 + 1 in attention, 4 + 2 after it; scores and mixing
    logits = sum(int((record.kept | record.remasked).sum()) for record in decoded.trace)
    one = frames * (read + config.layers * layer)
    return 2 * (len(decoded.trace) * one + logits * config.width * config.vocabulary)


def product(kind: str, size: int, dtype: torch.dtype, device: str) -> Callable[[], Tensor]:
    """One product of square matrices: "matmul" as PyTorch does it, "linear" as our network does."""
    a, b = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
    if kind == "matmul":
        return lambda: a @ b
    return torch.inference_mode()(lambda: linear(a, b))


def official_rows(
    device: str,
    passes: int = 2,
    config: VampNetConfig = OFFICIAL,
    frames: int = OFFICIAL_FRAMES,
    repeats: int = 2,
    size: int | None = None,
) -> list[Row]:
    """Decoding at the official size (1.3 GB in float32) against the authors' loop and the speed of products alone.

    size: of the square matrices whose product is the peak; by default large for the device.
    """
    network, codes = random_network(config, device), some_codes(config, frames, device)
    finish = finish_on(device)
    size = size or (8192 if device.startswith("cuda") else 1536)
    compat = DecodeSettings(passes, typical_mass=0.15, compat=True)

    def ours() -> Decoded:
        return decode(network, codes, None, DecodeSettings(passes))

    what = f"{config.width} x {config.layers}"
    work = operations(config, frames, ours())
    times = interleaved_seconds(
        {
            "ours": ours,
            "matmul": product("matmul", size, torch.float32, device),
            "linear": product("linear", size, torch.float32, device),
            "authors": lambda: authors.decode(network, codes, None, compat),
        },
        repeats,
        finish,
    )
    found = [
        Row(f"{what}: {passes} coarse passes", median(times, "ours"), "s", median(times, "authors"), THEIRS),
        *over_products(what, work, size, times, "matmul", OVER_PRODUCTS_LIMIT),
        *over_products(what, work, size, times, "linear", None),
    ]
    network.bfloat16()
    half = {name: product(name, size, torch.bfloat16, device) for name in ("matmul", "linear")}
    if median(interleaved_seconds(half, 3, finish), "matmul") > median(times, "matmul"):
        return found  # no use: this machine multiplies bfloat16 no faster
    in_half = interleaved_seconds({"ours": ours, **half}, repeats, finish)
    return [
        *found,
        Row(
            f"{what} in bfloat16: {passes} coarse passes",
            median(in_half, "ours"),
            "s",
            median(times, "authors"),
            THEIRS,
        ),
        *over_products(f"{what} in bfloat16", work, size, in_half, "matmul", None),
    ]


def median(times: dict[str, list[float]], name: str) -> float:
    """The median of one contender's seconds."""
    return statistics.median(times[name])


def over_products(
    what: str, work: int, size: int, times: dict[str, list[float]], kind: str, limit: float | None
) -> list[Row]:
    """The speed of products alone, and a run's seconds over what these would take for its products."""
    rate = [2 * size**3 / seconds for seconds in times[kind]]
    over = statistics.median(run * r / work for run, r in zip(times["ours"], rate, strict=True))
    name = "matmul" if kind == "matmul" else "our linear"
    return [
        Row(f"{what}: peak of {name}", statistics.median(rate) / 1e9, "GFLOP/s"),
        Row(f"{what}: time over that of its products by {name}", over, "x", limit),
        Row(f"{what}: share of the peak of {name}", 100 / over, "%"),
    ]


# --- all of it --------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[str], list[Row]]] = {
    "course": course_rows,
    "stages": stage_rows,
    "trace": trace_rows,
    "official": official_rows,
}


def rows(only: str | None = None, device: str | None = None) -> list[Row]:
    """Return the figures of one part, or of all, on a GPU where there is one."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return [row for name, part in PARTS.items() if only in (None, name) for row in part(device)]


def main() -> int:
    """Run this benchmark alone; returns 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vampnet", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(PARTS), help="one part (default: all)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    found = rows(options.only, options.device)
    where = f"{machine()}, torch {torch.__version__} with {torch.get_num_threads()} threads"
    if options.json:
        print(json.dumps({"machine": where, "vampnet": [row.as_json() for row in found]}, indent=1))
    else:
        print(f"Measured on {where}", *found, sep="\n")
    return int(any(row.missed for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
