"""A full backfill of the sample household, from raw readings to every partition shown as materialized.

Stock SQLite event log against ours, the embedded store against a real InfluxDB, the first time against a repeat. Each
run is a process of its own and does what `meters backfill` does: loading, seasonal profiles, one run over all days.

    python -m bench.backfill [--full] [--runs N] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import json
import os
import pstats
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.table import Column, Table

from bench.apart import RunError, influx_server
from bench.houses import DAYS, Houses, Log
from bench.machine import peak_megabytes
from bench.stopwatch import Stopwatch

if TYPE_CHECKING:
    from workflows_dagster.settings.load import Settings

MOST_SECONDS, MOST_SECONDS_INFLUX, LEAST_RATIO, MOST_MEGABYTES = 30, 60, 15, 600
# Two lengths: what stock takes is a line, whose start (loading, profiles) must not be multiplied by the days.
STOCK_DAYS = (15, 75)

LOADING, READING, MATHEMATICS, WRITING, EVENT_LOG, DAGSTER = PARTS = (
    "loading code and settings", "reading", "mathematics", "writing", "Dagster: event log", "Dagster: the rest",
)  # fmt: skip


# In the process of its own


def run_once(log: Log, count: int, profile: bool = False) -> dict[str, Any]:
    """Backfill the first days of all meters in this process; configuration, store and home are the environment's.

    Args:
        log: Which event log a new home gets.
        count: Number of days.
        profile: Whether to print where the time went, function by function; it takes twice as long.

    Returns:
        `seconds`, `cpu` seconds of this process (which other work on the machine hardly changes), `megabytes` at the
        peak, `partitions` that Dagster shows, `points` of consumption in the store, `digest` of the stored days, `log`
        class in use, `parts` seconds of each.
    """
    began = time.perf_counter()
    profiler = cProfile.Profile() if profile else None
    watch = Stopwatch()
    with watch.part(DAGSTER):
        with watch.part(LOADING):
            import dagster as dg

            from bench.household import FIRST
            from workflows_dagster.domain.days import DayRange
            from workflows_dagster.evaluation import Evaluation
            from workflows_dagster.evaluation.physical import PhysicalMeters
            from workflows_dagster.pipeline.backfill import backfill, dagster_instance, fit_missing_profiles
            from workflows_dagster.settings.load import load
            from workflows_dagster.stores.embedded import EmbeddedStore
            from workflows_dagster.stores.influx.store import InfluxStore

            settings = load()
        home = Path(os.environ["DAGSTER_HOME"])
        if log == "stock":
            _stock_home(home)
        for store in (EmbeddedStore, InfluxStore):
            watch.time_methods(store, READING, "readings", "read")
            watch.time_methods(store, WRITING, "replace")
        watch.time_methods(Evaluation, MATHEMATICS, "physical", "derived")
        watch.time_methods(PhysicalMeters, MATHEMATICS, "fitted")
        meters = [meter.meter_id for meter in settings.meters.in_order()]
        last = FIRST + timedelta(days=count - 1)
        with dagster_instance(home) as instance:
            used = type(instance.event_log_storage)
            watch.time_methods(used, EVENT_LOG, "store_event", "store_event_batch")
            if profiler is not None:
                profiler.enable()
            fit_missing_profiles(settings, instance)
            backfill(settings, instance, meters, DayRange(FIRST, last))
            if profiler is not None:
                profiler.disable()
            parts = dict(watch.seconds)
            shown = sum(len(instance.get_materialized_partitions(dg.AssetKey(meter))) for meter in meters)
    seconds, cpu = time.perf_counter() - began, time.process_time()
    if profiler is not None:
        _print_profile(profiler)
    megabytes = peak_megabytes()
    return {
        "seconds": seconds,
        "cpu": cpu,
        "megabytes": megabytes,
        "partitions": shown,
        "log": used.__name__,
        "parts": {**parts, DAGSTER: seconds - sum(value for name, value in parts.items() if name != DAGSTER)},
        **_stored(settings, FIRST, last),
    }


def _stock_home(home: Path) -> None:
    """Make a home like ours, but for the event log."""
    from workflows_dagster.pipeline.storage.home import INSTANCE_FILE, INSTANCE_FILE_NAME

    content = yaml.safe_load(INSTANCE_FILE)
    del content["event_log_storage"]
    home.mkdir(parents=True)
    (home / INSTANCE_FILE_NAME).write_text(yaml.safe_dump(content), encoding="utf-8")


def _stored(settings: Settings, first: date, last: date) -> dict[str, Any]:
    """Count and digest the days as they stand in the store."""
    from workflows_dagster.domain import days
    from workflows_dagster.records.days import read_days
    from workflows_dagster.stores.open import open_store

    digest, points = hashlib.sha256(), 0
    zone = settings.site.zone
    with open_store(settings) as store:
        for meter in settings.meters:
            frame = read_days(store, meter.meter_id, days.opening(first, zone), days.closing(last, zone))
            points += len(frame)
            digest.update(frame.to_csv().encode())
    return {"points": points, "digest": digest.hexdigest()}


def _print_profile(profiler: cProfile.Profile) -> None:
    for order in ("tottime", "cumulative"):
        stats = pstats.Stats(profiler, stream=sys.stderr).sort_stats(order)
        stats.print_stats(40)
        if order == "cumulative":
            stats.print_stats(r"workflows_dagster[/\\]", 60)


# In the process that compares


@dataclass(frozen=True)
class Run:
    """One variant's figures.

    Attributes:
        name: What was run.
        figures: What each run gave, see `run_once`.
    """

    name: str
    figures: list[dict[str, Any]]

    @property
    def seconds(self) -> float:
        """Median of the runs. [s]."""
        return float(statistics.median(figures["seconds"] for figures in self.figures))

    @property
    def fastest(self) -> float:
        """Shortest of the runs. [s]."""
        return min(float(figures["seconds"]) for figures in self.figures)

    @property
    def megabytes(self) -> float:
        """Largest of the runs. [MB]."""
        return max(float(figures["megabytes"]) for figures in self.figures)

    def of(self, name: str) -> Any:
        """Give one figure of the last run."""
        return self.figures[-1][name]

    def share(self, part: str) -> float:
        """Share of a part in the run of median length. [%]."""
        middle = sorted(self.figures, key=lambda figures: figures["seconds"])[len(self.figures) // 2]
        return 100 * float(middle["parts"].get(part, 0)) / float(middle["seconds"])


def compare(console: Console, runs: int, full: bool) -> None:
    """Run all variants and print the tables; what InfluxDB cannot do leaves the others' figures alone."""
    with TemporaryDirectory() as folder:
        houses = Houses(Path(folder))
        console.print(f"{houses.count:,} raw readings, {DAYS} days, {runs} run(s) of each; seconds from start to end.")
        ours, again = Run("embedded", []), Run("embedded, a second time", [])
        for _ in range(runs):
            with houses.embedded() as house:
                ours.figures.append(house.run("ours", DAYS))
                again.figures.append(house.run("ours", DAYS))
        stock = []
        for count in (DAYS,) if full else STOCK_DAYS:
            with houses.embedded() as house:
                stock.append(house.run("stock", count))
        influx, influx_again = Run("InfluxDB", []), Run("InfluxDB, a second time", [])
        with influx_server() as server:
            missing = "no influxd on the PATH. Put InfluxDB 2.x there to measure against it." if server is None else ""
            try:
                if server is not None:
                    for _ in range(runs):
                        with houses.influx(server) as house:
                            influx.figures.append(house.run("ours", DAYS))
                            influx_again.figures.append(house.run("ours", DAYS))
            except RunError as error:
                missing = f"a run failed. {error}"
    done = [run for run in (ours, again, influx, influx_again) if run.figures]
    console.print(_seconds(done, stock), _shares(done))
    if missing:
        console.print(f"InfluxDB: left out, {missing}", markup=False)
    digests = {run.of("digest") for run in done} | {figures["digest"] for figures in stock if full}
    console.print("All stored days are equal to the last bit." if len(digests) == 1 else "THE STORED DAYS DIFFER.")
    if missing.startswith("a run failed") or len(digests) > 1:
        sys.exit(1)


def _seconds(runs: list[Run], stock: list[dict[str, Any]]) -> Table:
    ours = runs[0].seconds
    figures_shown = ("median [s]", "fastest [s]", "cpu [s]", "of the first", "peak [MB]", "partitions", "stored")
    table = Table("run", *_right(*figures_shown))
    for run in runs:
        table.add_row(
            run.name, f"{run.seconds:.1f}", f"{run.fastest:.1f}", f"{run.of('cpu'):.1f}", f"{run.seconds / ours:.2f}",
            f"{run.megabytes:.0f}", f"{run.of('partitions'):,}", f"{run.of('points'):,}",
        )  # fmt: skip
    seconds, how = stock[-1]["seconds"], "whole"
    if len(stock) > 1:
        (few, less), (many, more) = (
            (count, figures["seconds"]) for count, figures in zip(STOCK_DAYS, stock, strict=True)
        )
        seconds = more + (DAYS - many) * (more - less) / (many - few)
        how = f"extended from {few} and {many} days ({less:.1f} s, {more:.1f} s)"
    table.add_row(
        f"embedded, stock event log, {how}", f"{seconds:.1f}", "", "", f"{seconds / ours:.1f}",
        f"{max(figures['megabytes'] for figures in stock):.0f}", f"{stock[-1]['partitions']:,}",
        f"{stock[-1]['points']:,}",
    )  # fmt: skip
    table.caption = (
        f"asked: embedded ≤ {MOST_SECONDS} s, {LEAST_RATIO} times faster than stock, ≤ {MOST_MEGABYTES} MB; "
        f"InfluxDB ≤ {MOST_SECONDS_INFLUX} s. Event logs: {runs[0].of('log')}, {stock[-1]['log']}."
    )
    return table


def _shares(runs: list[Run]) -> Table:
    table = Table("share of the time [%]", *_right(*(run.name for run in runs)))
    for part in PARTS:
        table.add_row(part, *(f"{run.share(part):.1f}" for run in runs))
    return table


def _right(*names: str) -> Iterator[Any]:
    return (Column(name, justify="right") for name in names)


def main(arguments: list[str] | None = None) -> None:
    """Print seconds, ratios, memory and shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--full", action="store_true", help="stock event log over all days too; takes ten minutes")
    parser.add_argument("--runs", type=int, default=1, help="runs of each; the median and the fastest are shown")
    parser.add_argument("--profile", action="store_true", help="one embedded run, function by function, instead")
    parser.add_argument("--once", nargs=2, metavar=("LOG", "DAYS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        log, count = options.once
        print(json.dumps(run_once(log, int(count), options.profile)))
    elif options.profile:
        _profiled()
    else:
        compare(Console(width=140), options.runs, options.full)


def _profiled() -> None:
    import subprocess

    with TemporaryDirectory() as folder, Houses(Path(folder)).embedded() as house:
        command = [sys.executable, "-m", "bench.backfill", "--once", "ours", str(DAYS), "--profile"]
        subprocess.run(command, env=dict(house.environment), cwd=Path(__file__).parents[1], check=True)


if __name__ == "__main__":
    main()
