"""A house with days, and a Dagster home of simple databases in place of Dagster's own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.maintenance.kept_house import METERS, KeptHouse


@pytest.fixture
def house(small_house, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptHouse:
    for name in ("METERS_CONFIG_DIR", "METERS_DATA_DIR", "METERS_SECRETS_DIR", "INFLUX_TOKEN", "TIBBER_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    house = KeptHouse(small_house(METERS), tmp_path)
    house.read("main", {"2026-01-01 08:00": 100.0, "2026-03-01 08:00": 190.0})
    house.days({"2026-01-30": 1.5, "2026-01-31": 1.25, "2026-02-01": 0.1, "2026-02-02": 0.2})
    runs = house.places.home / "history" / "runs"
    runs.mkdir(parents=True)
    (house.places.home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with closing(sqlite3.connect(runs / "index.db")) as index, index:
        index.execute("PRAGMA journal_mode = WAL")
        index.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, asset_key, dagster_event_type, partition)")
        index.executemany(
            "INSERT INTO event_logs (asset_key, dagster_event_type, partition) VALUES (?, 'ASSET_MATERIALIZATION', ?)",
            [('["main"]', "2026-01-30"), ('["main"]', "2026-01-31"), ('["main"]', "2026-01-31")],
        )
    return house
