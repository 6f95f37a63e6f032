"""A backfill that is killed repeatedly ends with the same store as an undisturbed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tests.houses import small
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

ROOT = Path(__file__).parents[2]
METERS = small("2025-01-01")


def make_house(folder: Path) -> dict[str, str]:
    """A year of two meters, one read hourly and one by hand."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(
        "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2025}}"
    )
    (folder / "config" / "meters.yaml").write_text(METERS)
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}")
    store = EmbeddedStore(folder / "data" / "utility_meters.sqlite")
    hours = pd.date_range("2024-12-31", "2026-01-02", freq="h", tz="UTC", unit="us")
    generator = np.random.default_rng(7)
    register = np.cumsum(generator.integers(0, 900, len(hours))) / 1000
    store.write_readings(RawSeries("kWh", "main"), pd.Series(register, hours))
    weeks = hours[:: 24 * 11]
    store.write_readings(RawSeries("kWh", "flat"), pd.Series(np.arange(len(weeks)) * 21.7, weeks))
    store.close()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("METERS_", "DAGSTER_"))}
    return {
        **kept,
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "home"),
    }


def test_three_kills_at_any_moment_leave_nothing_that_the_next_run_does_not_mend(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.maintenance.killing",
        "3",
        "11",
        "--from",
        "2025-01-01",
        "--to",
        "2025-02-28",
    ]
    done = subprocess.run(command, cwd=ROOT, env=make_house(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ended_well"], found
    assert found["equal"], found
    assert found["partitions_equal"], found
    assert found["values"] > 3 * 59
    # They fell into the work: something was there, and not all.
    assert any(0 < there < found["values"] for there in found["values_at_kill"]), found
