"""Dagster's home after a year: what it takes with and without upkeep, and whether it still grows.

    python -m bench.upkeep [--days 365] [--years 4]

The backfill and one night's and one hour's runs are real. The year's runs are copies of them with ids, days and times
of their own (bench/simulated_days.py); ticks are written for the last days only, since each is purged after one day.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from bench.apart import environment_of
from bench.household import LAST, copy_config, readings_of_house, write_house

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from bench.simulated_days import Home, Template
    from workflows_dagster.settings.load import Settings

MOST_MEGABYTES, MOST_GROWTH = 700, 0.01
_AT_WORK_DAYS = 14
_HOUR = timedelta(hours=1)
_UPKEEP = timedelta(hours=4, minutes=40)
_BEGAN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Sizes:
    """What the home takes. [byte]."""

    index: int
    logs: int
    runs: int
    schedules: int
    log_count: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.index + self.logs + self.runs + self.schedules

    @classmethod
    def of(cls, home: Path) -> Sizes:
        """Measure a home."""
        logs = [path for path in (home / "history" / "runs").iterdir() if not path.name.startswith("index.db")]
        return cls(
            index=_size(home / "history" / "runs", "index.db*"),
            logs=sum(path.stat().st_size for path in logs),
            runs=_size(home / "history", "runs.db*"),
            schedules=_size(home / "schedules", "*"),
            log_count=len([path for path in logs if path.suffix == ".db"]),
        )


def main() -> None:
    """Print sizes before and after, by database and by table."""
    parser = argparse.ArgumentParser(description="Dagster's home after a year, with and without upkeep.")
    parser.add_argument("--days", type=int, default=365, help="days that are simulated")
    parser.add_argument("--years", type=int, default=4, help="years of the backfill before them")
    options = parser.parse_args()
    console = Console(width=140)
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(environment_of(folder))
        warnings.simplefilter("ignore")
        _simulate(console, folder, options.days, options.years)


def _simulate(console: Console, folder: Path, days: int, years: int) -> None:
    from bench.simulated_days import Home
    from workflows_dagster.domain.days import DayRange
    from workflows_dagster.pipeline.backfill import backfill, dagster_instance, fit_missing_profiles
    from workflows_dagster.pipeline.storage.retention import tidy
    from workflows_dagster.settings.load import load
    from workflows_dagster.stores.embedded import EmbeddedStore
    from workflows_dagster.stores.open import EMBEDDED_FILE

    settings = load(copy_config(folder / "config", {"storage": {"backend": "embedded"}}), dict(os.environ))
    first = date(LAST.year - years + 1, 1, 1)
    store = EmbeddedStore(settings.data_dir / EMBEDDED_FILE)
    write_house(settings, store, readings_of_house(settings, first, at_least=0))
    path = Path(os.environ["DAGSTER_HOME"])
    with dagster_instance(path) as instance:
        fit_missing_profiles(settings, instance)
        meters = [meter.meter_id for meter in settings.meters.in_order()]
        result = backfill(settings, instance, meters, DayRange(first, LAST))
        console.print(f"A backfill of {result.partitions:,} partitions in {result.seconds:.0f} s.")
        begun = Sizes.of(path)
        home = Home(path)
        nightly, hourly = _templates(settings, instance, home)
        until_upkeep = days - _AT_WORK_DAYS
        began = time.monotonic()
        for number in range(until_upkeep):
            home.live(_runs_of(number, nightly, hourly))
        without = Sizes.of(path)
        console.print(
            f"{until_upkeep} days of {len(nightly)} runs a night and {len(hourly)} an hour in "
            f"{time.monotonic() - began:.0f} s, of a real night and hour."
        )
        tables = _tables(path)
        keep = settings.site.upkeep.keep_runs_days
        began = time.monotonic()
        done = tidy(instance, keep, _opening(until_upkeep) + _UPKEEP)
        console.print(f"First upkeep, {time.monotonic() - began:.0f} s. {done}")
        for database in (path / "history" / "runs" / "index.db", path / "history" / "runs.db"):
            # A home that is tidied from its first night on never has the pages that a year without leaves empty.
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("VACUUM")
        week: list[Sizes] = []
        seconds: list[float] = []

        def night(number: int) -> None:
            home.live(_runs_of(until_upkeep + number, nightly, hourly))
            began = time.monotonic()
            tidy(instance, keep, _opening(until_upkeep + number + 1) + _UPKEEP)
            seconds.append(time.monotonic() - began)
            week.append(Sizes.of(path))

        ticks = _ticks(settings, store, instance, home, until_upkeep, night)
        console.print(
            f"{_AT_WORK_DAYS} days more, upkeep each night ({sum(seconds) / len(seconds):.1f} s), {ticks:,} ticks."
        )
        _print_sizes(console, begun, without, week, tables, _tables(path))
        data = _size(settings.data_dir, f"{EMBEDDED_FILE}*")
        console.print(
            f"The data itself, {years} years of {len(meters)} meters: {data / 1e6:.1f} MB; it knows no upkeep."
        )
    store.close()
    growth = week[-1].total / week[-8].total - 1
    if week[-1].total > MOST_MEGABYTES * 1e6 or growth > MOST_GROWTH:
        sys.exit("bench: Dagster's home is larger, or grows faster, than was promised.")


def _templates(settings: Settings, instance: DagsterInstance, home: Home) -> tuple[list[Template], list[Template]]:
    """Make the runs of one night and one hour for real."""
    from workflows_dagster.domain.days import DayRange
    from workflows_dagster.pipeline.graph import build_definitions
    from workflows_dagster.pipeline.jobs import RUNNING_DAY_JOB, TIBBER_JOB
    from workflows_dagster.pipeline.maintenance import UPKEEP_JOB
    from workflows_dagster.pipeline.partitions import range_tags
    from workflows_dagster.pipeline.sensors.downstream import follow_ups
    from workflows_dagster.repair.due import ANOMALIES, CHECKS, COSTS, MONTHS

    definitions = build_definitions(settings)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

    def run(job: str, tags: dict[str, str], day: str, keys: tuple[object, ...] = ()) -> Template:
        definition = definitions.resolve_job_def(job)
        if keys:
            definition = definition.get_subset(asset_selection=frozenset(keys), asset_check_selection=frozenset())
        result = definition.execute_in_process(instance=instance, tags=tags, run_config=quiet)
        return home.template(result.run_id, day)

    last = f"{LAST}"
    nightly = [run("days", range_tags(DayRange.single(LAST)), last)]
    due = {COSTS: [LAST], ANOMALIES: [LAST], MONTHS: [LAST.replace(day=1)], CHECKS: [LAST]}
    for follow in follow_ups(due, DayRange(settings.first_day, LAST)):
        nightly.append(run(follow.job, follow.tags, f"{follow.days.first}", follow.keys))
    nightly.append(run(UPKEEP_JOB, {}, last))
    hourly = [run(RUNNING_DAY_JOB, {}, last), run(TIBBER_JOB, {}, last)]
    return nightly, hourly


def _opening(number: int) -> datetime:
    """Give the beginning of a simulated day: they follow on the real one, on which the backfill was made."""
    return _BEGAN + timedelta(days=number + 1)


def _runs_of(number: int, nightly: list[Template], hourly: list[Template]) -> list[tuple[Template, datetime, str]]:
    """Give the runs that a day leaves: of its hours, and of the night after, over the next day without partition."""
    opening, day = _opening(number), LAST + timedelta(days=number + 1)
    runs = [(template, opening + hour * _HOUR, f"{day}") for hour in range(24) for template in hourly]
    for template in nightly:
        of_month = template.day.endswith("-01")
        runs.append((template, opening + timedelta(hours=26), f"{day:%Y-%m}-01" if of_month else f"{day}"))
    return runs


def _ticks(
    settings: Settings,
    store: object,
    instance: DagsterInstance,
    home: Home,
    after: int,
    night: Callable[[int], None],
) -> int:
    from bench.simulated_days import tick
    from workflows_dagster.domain.days import DayRange
    from workflows_dagster.pipeline.graph import build_definitions
    from workflows_dagster.repair.repairs import plan_repairs

    snapshot = plan_repairs(settings, store, None, DayRange(settings.first_day, LAST), lambda _: []).snapshot  # type: ignore[arg-type]
    names = [sensor.name for sensor in build_definitions(settings).get_repository_def().sensor_defs]
    cursors = {name: f"1|{snapshot.encode()}" if name == "new_readings" else '{"until": ""}' * 20 for name in names}
    return tick(home.folder, instance, cursors, _opening(after), _AT_WORK_DAYS, night)


def _print_sizes(
    console: Console,
    begun: Sizes,
    without: Sizes,
    week: list[Sizes],
    before: dict[str, int],
    after: dict[str, int],
) -> None:
    table = Table(
        "MB",
        *(Column(name, justify="right") for name in ("after backfill", "no upkeep", "a week ago", "upkeep", "growth")),
        caption=f"asked: ≤ {MOST_MEGABYTES} MB after a year with upkeep, the last week adding < {MOST_GROWTH:.0%}",
    )
    for name in ("index", "logs", "runs", "schedules", "total"):
        values = [getattr(sizes, name) for sizes in (begun, without, week[-8], week[-1])]
        table.add_row(name, *(f"{value / 1e6:,.1f}" for value in values), f"{values[3] / max(values[2], 1) - 1:+.2%}")
    table.add_row("logs, number", *(f"{sizes.log_count:,}" for sizes in (begun, without, week[-8], week[-1])), "")
    console.print(table)
    tables = Table("table or index, MB", Column("no upkeep", justify="right"), Column("upkeep", justify="right"))
    for name in sorted(before, key=lambda name: -before[name])[:14]:
        tables.add_row(name, f"{before[name] / 1e6:,.2f}", f"{after.get(name, 0) / 1e6:,.2f}")
    console.print(tables)


def _tables(home: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for path in (
        home / "history" / "runs" / "index.db",
        home / "history" / "runs.db",
        home / "schedules" / "schedules.db",
    ):
        with closing(sqlite3.connect(path)) as connection:
            for name, size in connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
                sizes[f"{path.name}: {name}"] = size
    return sizes


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


if __name__ == "__main__":
    main()
