"""Run `python -m benchmarks [name ...] [--json]`: every module here with a function `rows()`, and print ratios."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from benchmarks.table import machine

PARTS_OF_THE_RUNNER = ("__init__", "__main__", "table")


def names() -> list[str]:
    """Return the benchmarks' names in alphabetical order."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in PARTS_OF_THE_RUNNER)


def main() -> int:
    """Run the chosen benchmarks and return 1 if one broke or a target was missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names())}; all if none is given")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names()))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    if not options.json:
        print(f"Measured on {machine()}; a ratio below 1 is better than what it is held against.")
    report, broken = {}, False
    for name in options.names or names():
        if not options.json:
            print(f"\n{name}", flush=True)
        try:
            rows = importlib.import_module(f"benchmarks.{name}").rows()
        except Exception as error:
            print(f"  {name} broke: {type(error).__name__}: {error}", file=sys.stderr)
            broken = True
            continue
        report[name] = [row.as_json() for row in rows]
        broken |= any(row.missed for row in rows)
        if not options.json:
            print("\n".join(map(str, rows)), flush=True)
    if options.json:
        print(json.dumps({"machine": machine(), "benchmarks": report}, indent=1))
    return int(broken)


if __name__ == "__main__":
    raise SystemExit(main())
