"""The real daemon, started for the first time after everything was computed and a reading changed.

`METERS_KILL_SEEDS=20` kills the daemon at that many random moments, one after the other; without it, at one.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.maintenance.killing import DATABASE, points
from tests.pipeline.small_house import TARIFFS, copy_of, opened_house, set_environment
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.stores.ports import CONSUMPTION_MONTHLY, COST_DAILY, FINDING_MONTHLY

ROOT = Path(__file__).parents[2]
# They end before the next reading, so that costs and anomalies are due on the same days: one run less.
DAYS = DayRange(date(2026, 1, 1), date(2026, 2, 28))
METERS = """\
meters:
  - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2026-01-01}
  - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2026-01-01}
  - meter_id: rest
    type: virtual
    output_unit: kWh
    calculation_type: subtraction
    base_meter: main
    subtract_meters: [flat]
"""
# What `definitions.py` has, but looking every second: what is tested is the order of events, not the waiting.
DEFINITIONS = """\
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.settings.load import load

defs = build_definitions(load(), sensor_seconds=1)
"""
# With the first, the flat uses more than the house until then.
TYPO, TRUE = {"2026-02-15 08:00": 299.0}, {"2026-02-15 08:00": 250.0}
PATIENCE = 240
SEEDS = range(int(os.environ.get("METERS_KILL_SEEDS", "1")))


def compute(folder: Path) -> None:
    house = opened_house(folder)
    with pytest.MonkeyPatch.context() as environment:
        set_environment(environment)
        with dagster_instance(folder / "home") as instance:
            backfill(house.settings, instance, ["main", "flat", "rest"], DAYS)
    house.store.close()


def read(folder: Path, readings: dict[str, float]) -> None:
    house = opened_house(folder)
    house.read("flat", readings)
    house.store.close()


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house that was imported and backfilled with a reading that is mistyped."""
    folder = tmp_path_factory.mktemp("daemon") / "house"
    (folder / "config").mkdir(parents=True)
    config = "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2026, schedule: '0 2 1 1 *'}}"
    for name, text in (
        ("config.yaml", config),
        ("meters.yaml", METERS),
        ("seasonal_patterns.yaml", "patterns: {}"),
        ("tariffs.yaml", TARIFFS),
    ):
        (folder / "config" / name).write_text(text, encoding="utf-8")
    (folder / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    house = opened_house(folder)
    house.read("main", {f"2026-{month:02d}-01 08:00": 110.0 * month for month in range(1, 6)})
    house.read("flat", {f"2026-{month:02d}-01 08:00": 100.0 * month for month in range(1, 6)})
    house.store.close()
    read(folder, TYPO)
    compute(folder)
    return folder


@pytest.fixture(scope="module")
def wanted(backfilled: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """All that the store holds where the reading was right from the beginning."""
    folder = tmp_path_factory.mktemp("daemon") / "reference"
    with copy_of(backfilled, folder):
        pass
    read(folder, TRUE)
    compute(folder)
    return points(folder / "data" / DATABASE)


@pytest.fixture
def changed(backfilled: Path, tmp_path: Path) -> Path:
    """The house after its reading was corrected and before its daemon ever ran."""
    with copy_of(backfilled, tmp_path):
        pass
    read(tmp_path, TRUE)
    return tmp_path


@contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon with its code server and its runs; at the end all are killed, as by a power cut."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("METERS_", "DAGSTER_"))}
    environment = {
        **kept,
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "home"),
    }
    command = [sys.executable, "-m", "workflows_dagster.service", "dagster-daemon", "run", "-f", "definitions.py"]
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "-d", str(ROOT)], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def differs(folder: Path, wanted: list[tuple[object, ...]]) -> str:
    """Name the measurements that are not as wanted; empty where all are."""
    try:
        found = points(folder / "data" / DATABASE)
    except sqlite3.OperationalError as error:
        return str(error)
    return ", ".join(sorted({str(row[0]) for row in set(found) ^ set(wanted)}))


def comes_right(folder: Path, wanted: list[tuple[object, ...]]) -> None:
    until = time.monotonic() + PATIENCE
    while left := differs(folder, wanted):
        log = (folder / "daemon.log").read_text(errors="replace")
        assert time.monotonic() < until, f"{left} are still wrong. {log[-3000:]}"
        time.sleep(0.5)


def results(folder: Path) -> dict[str, float]:
    """Sum up what the reading changes: the cost of the days before it, the month, and what the checks found."""
    house = opened_house(folder)
    cost = house.store.read(COST_DAILY, "flat")["cost"]
    found = {
        "cost": float(cost.loc["2026-02-02":"2026-02-13"].sum()),
        "february": float(house.store.read(CONSUMPTION_MONTHLY, "flat")["consumption"].iloc[1]),
        "clipped": float((house.store.read(FINDING_MONTHLY, "rest")["code"] == "residual_clipped").sum()),
    }
    house.store.close()
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_daemon_that_is_killed_at_a_random_moment_ends_right_after_its_next_start(changed, wanted, seed) -> None:
    """A reading changed before the first start; the daemon is killed, and what the next one finds ends right."""
    before = results(changed)
    dice = random.Random(seed)
    runs, seconds = dice.randrange(5), dice.uniform(0, 4)
    with daemon(changed):
        until = time.monotonic() + PATIENCE
        while (changed / "daemon.log").read_text(errors="replace").count("Launching run for") < runs:
            assert time.monotonic() < until, "the daemon requests no more runs"
            time.sleep(0.1)
        time.sleep(seconds)
    with daemon(changed):
        comes_right(changed, wanted)
    # Not only equal to another house's, but what the change must come to.
    after = results(changed)
    assert before["clipped"] > 0
    assert after["clipped"] == 0
    assert after["february"] == pytest.approx(before["february"], abs=10)
    assert after["cost"] < before["cost"] - 10
