"""Runs all benchmarks, or those named: `python -m bench [backfill] [one_day] [accuracy] …`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from bench.machine import machine

# The cheap ones first; each runs in a process of its own, so that one that fails leaves the others alone.
BENCHMARKS = {
    "mathematics": "the mathematics alone",
    "one_day": "one day through the command line",
    "backfill": "full backfill, both event logs, both stores",
    "by_itself": "a late reading through the running daemon, and a quiet night",
    "house_page": "the house page: start, memory, twenty readers, a spreadsheet, a typed reading",
    "event_log": "Dagster's bookkeeping alone, both event logs",
    "accuracy": "filled gaps against the truth of a real household",
    "anomalies": "injected events found at two false alarms per 100 days",
    "attribution": "which switch made which difference, against a simulated house",
    "household_bands": "bands of the sample household's months and years against its truth",
    "advice": "following the advice for a year against reading in turn, by simulation",
    "kill": "ten backfills killed at random, and the store compared",
    "upkeep": "Dagster's home after a simulated year, with and without upkeep",
}


def main() -> int:
    """Run benchmarks and print their tables; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed and accuracy, printed as tables.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all where none is named"
    )  # fmt: skip
    names = parser.parse_args().names
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark '{unknown[0]}'. Choose among {', '.join(BENCHMARKS)}.")
    console = Console(width=140)
    console.print(machine())
    failed = []
    for name in names or BENCHMARKS:
        console.rule(f"{name}: {BENCHMARKS[name]}", align="left")
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=Path(__file__).parents[1], check=False)
        if done.returncode:
            failed.append(name)
        console.print(f"({time.monotonic() - began:.0f} s)", style="dim")
    if failed:
        console.print(f"Failed: {', '.join(failed)}. The others stand.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
