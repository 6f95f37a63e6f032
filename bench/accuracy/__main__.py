"""Writes docs/explanation/accuracy.md.

Usage: `python -m bench.accuracy [FOLDER …] [--schedules N] [--zone ZONE] [--output FILE]`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markdown import Markdown

from bench.accuracy.bands import SCHEDULES as SCHEDULES_BANDS
from bench.accuracy.bands import judge_months, judge_next
from bench.accuracy.document import Chapter, write_document
from bench.accuracy.households import Household, UnreadableSeriesError, find_households
from bench.accuracy.trials import SCHEDULES, SCHEDULES_AHEAD, between_readings, beyond_readings

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
DOCUMENT = ROOT / "docs" / "explanation" / "accuracy.md"
VARIABLE = "METERS_BENCH_DATA"


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ, shared: Path = SHARED
) -> int:
    """Write the document and print it; leave it alone where there is nothing to measure by.

    Args:
        arguments: Command line; None is this run's own.
        environment: Environment variables.
        shared: Folder that is looked into first.

    Returns:
        0, or 2 where what was given cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description="Accuracy against real households.")
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER",
        help="hourly CSV files named *gas*, *electricity*, *water*, *heat*, *solar*, *temperature*; beside "
        f"../shared/data and what {VARIABLE} names",
    )  # fmt: skip
    parser.add_argument("--schedules", type=int, default=SCHEDULES, help="reading schedules a gap (%(default)s)")
    parser.add_argument(
        "--zone", type=ZoneInfo, default=ZoneInfo("Europe/London"), help="where days are cut (%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="the document (docs/explanation/accuracy.md)")
    options = parser.parse_args(arguments)
    named = [*([Path(environment[VARIABLE])] if environment.get(VARIABLE) else []), *options.folders]
    console = Console(width=120)
    for folder in named:
        if not folder.is_dir():
            console.print(f"accuracy: there is no folder {folder}. Name one that holds hourly CSV files.")
            return 2
    try:
        households = find_households([shared, *named], options.zone)
    except UnreadableSeriesError as error:
        console.print(f"accuracy: {error}")
        return 2
    if not households:
        console.print(
            f"accuracy: no household's hours are here; {options.output.name} stays as it is. "
            f"Put them into ../shared/data, or name their folder in {VARIABLE}."
        )
        return 0
    with ProcessPoolExecutor() as processes:
        chapters = list(processes.map(partial(_judged, schedules=options.schedules), households))
    text = write_document(chapters, options.schedules)
    options.output.write_text(text, encoding="utf-8")
    console.print(Markdown(text))
    return 0


def _judged(household: Household, schedules: int) -> Chapter:
    return Chapter(
        household,
        between_readings(household, schedules=schedules),
        beyond_readings(household, schedules=min(schedules, SCHEDULES_AHEAD)),
        judge_months(household, schedules=min(schedules, SCHEDULES_BANDS)),
        judge_next(household, schedules=min(schedules, SCHEDULES_AHEAD)),
    )


if __name__ == "__main__":
    sys.exit(main())
