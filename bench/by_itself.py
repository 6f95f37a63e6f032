"""What runs by itself: a late reading through the running daemon, and a night with nothing new.

python -m bench.by_itself
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from bench.apart import ROOT, figures_of, influx_server
from bench.houses import DAYS, House, Houses

LATE_METER, LATE_DAY = "og2_wasser_warm", date(2025, 5, 18)
MOST_LATE_SECONDS, MOST_NIGHT_SECONDS, MOST_TICK_SECONDS = 60, 10, 1
_PATIENCE = 240


def main() -> None:
    """Print seconds by store."""
    console = Console(width=140)
    table = Table(
        "seconds",
        *(Column(name, justify="right") for name in ("late reading", "quiet look", "night with nothing new")),
        caption=(
            f"asked: a late reading in a gap of 90 days, from its arrival to its days in the store and on the page, "
            f"≤ {MOST_LATE_SECONDS} s; a look of the sensor ≤ {MOST_TICK_SECONDS} s; a night ≤ {MOST_NIGHT_SECONDS} s"
        ),
    )
    with TemporaryDirectory() as folder:
        houses = Houses(Path(folder))
        with houses.embedded() as house:
            _add(table, "embedded", house)
        with influx_server() as server:
            if server is None:
                console.print("InfluxDB: left out, no influxd on the PATH.")
            else:
                with houses.influx(server) as house:
                    _add(table, "InfluxDB", house)
    console.print(table)


def _add(table: Table, name: str, house: House) -> None:
    house.run("ours", DAYS)
    figures = figures_of("bench.by_itself", ["--looks"], house.environment)
    late = figures_of_daemon(house)
    table.add_row(name, f"{late:.1f}", f"{figures['quiet']:.2f}", f"{figures['night']:.1f}")


def figures_of_daemon(house: House) -> float:
    """Write a back-dated reading while the daemon runs, and wait until its days are there. [s]"""  # noqa: D415
    with daemon(house.environment) as log:
        _wait(lambda: "Sensor new_readings" in log.read_text(errors="replace"), "the sensor's first look")
        began = time.monotonic()
        before = figures_of("bench.by_itself", ["--late"], house.environment)
        _wait(
            lambda: figures_of("bench.by_itself", ["--seen", before["run"]], house.environment)["done"],
            "the run over the late reading's days",
        )
        return time.monotonic() - began


@contextmanager
def daemon(environment: Mapping[str, str]) -> Iterator[Path]:
    """Run the page, the code server and the daemon; gives their log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path(environment["DAGSTER_HOME"]) / "dev.log"
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait(done: object, what: str) -> None:
    assert callable(done)
    until = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"by_itself: {what} took more than {_PATIENCE} s.")
        time.sleep(0.5)


def _inside(arguments: list[str]) -> None:
    """Work inside a house, in a process of its own; prints figures as JSON."""
    import json

    from dagster import DagsterInstance

    from workflows_dagster.evaluation import raw_series
    from workflows_dagster.records.days import read_days
    from workflows_dagster.settings.load import load
    from workflows_dagster.stores.open import open_store

    settings = load()
    meter = settings.meters[LATE_METER]
    noon = pd.Timestamp(datetime(LATE_DAY.year, LATE_DAY.month, LATE_DAY.day, 12, tzinfo=UTC)).as_unit("us")
    with DagsterInstance.get() as instance, open_store(settings) as store:
        runs = [run.run_id for run in instance.get_runs(limit=20)]
        if arguments[0] == "--looks":
            print(json.dumps(_looks(settings, store, instance)))
        elif arguments[0] == "--late":
            register = float(read_days(store, LATE_METER, noon, noon + pd.Timedelta(days=1))["opening"].iloc[0])
            store.write_readings(raw_series(meter), pd.Series([round(register - 0.2, 3)], index=[noon]))
            print(json.dumps({"run": runs[0]}))
        else:
            newer = runs[: runs.index(arguments[1])]
            finished = [instance.get_run_by_id(run) for run in newer]
            print(json.dumps({"done": any(r and r.is_success and r.job_name == "days" for r in finished)}))


def _looks(settings: object, store: object, instance: object) -> dict[str, float]:
    """Time a quiet look of the sensor and a night with nothing new. [s]"""  # noqa: D415
    from bench.household import LAST
    from workflows_dagster.domain.days import DayRange
    from workflows_dagster.pipeline.runs import computed_days
    from workflows_dagster.repair.missing import missing_days
    from workflows_dagster.repair.repairs import plan_repairs

    span = DayRange(date(2022, 1, 1), LAST)
    first = plan_repairs(settings, store, None, span, lambda _: [])
    began = time.monotonic()
    plan_repairs(settings, store, first.snapshot, span, lambda _: [])
    quiet = time.monotonic() - began
    began = time.monotonic()
    computed = {meter.meter_id: computed_days(instance, meter.meter_id) for meter in settings.meters}
    missing = missing_days(settings, store, computed, span)
    night = plan_repairs(settings, store, None, span, computed.__getitem__)
    assert not missing
    assert not night.repairs
    return {"quiet": quiet, "night": time.monotonic() - began}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _inside(sys.argv[1:])
    else:
        main()
