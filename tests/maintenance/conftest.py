"""A house with days and a Dagster home of plain databases: what is backed up here need not be understood."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import CONSUMPTION_DAILY

NOW = datetime(2026, 3, 1, 4, 10, tzinfo=UTC)
METERS = "meters:\n  - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2026-01-01}\n"


class KeptHouse(SmallHouse):
    """A small house, and where it stands."""

    def __init__(self, house: SmallHouse, folder: Path) -> None:
        super().__init__(house.settings, house.store)
        self.folder = folder
        self.places = Places(house.settings.config_dir, house.settings.data_dir, house.store.path, folder / "home")

    def days(self, consumption: Mapping[str, float], meter_id: str = "main") -> None:
        """Write days' consumption as a run would."""
        zone = self.settings.site.zone
        stamps = [days.opening(pd.Timestamp(day).date(), zone) for day in consumption]
        frame = pd.DataFrame({"consumption": list(consumption.values())}, index=pd.DatetimeIndex(stamps))
        end = frame.index[-1] + pd.Timedelta(hours=1)
        self.store.replace(CONSUMPTION_DAILY, meter_id, "kWh", frame.index[0], end, frame)

    def reload(self) -> Settings:
        """Read the configuration again."""
        from workflows_dagster.settings.load import load

        self.settings = load(
            self.settings.config_dir,
            {"METERS_DATA_DIR": str(self.folder / "data"), "METERS_SECRETS_DIR": str(self.folder / "secrets")},
        )
        return self.settings


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
