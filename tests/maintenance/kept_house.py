"""A house that is backed up and restored."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from tests.houses import SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.maintenance.checksums import sums_in
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


def rewritten(backup: Path, change) -> Path:
    """The same backup with its members changed by name and content."""
    path = backup.with_name("changed.tar.gz")
    with tarfile.open(backup) as old, tarfile.open(path, "w:gz") as new:
        for header in old:
            name, content = change(header.name, old.extractfile(header).read())
            if content is not None:
                changed = tarfile.TarInfo(name)
                changed.size = len(content)
                new.addfile(changed, io.BytesIO(content))
    return path


BACKED_UP = {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2}}


def sums(house, path: Path | None = None):
    with closing(sqlite3.connect(path or house.places.database)) as connection:
        return sums_in(connection, house.settings.site.zone)


def events(home: Path) -> int:
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as index:
        return int(index.execute("SELECT count(*) FROM event_logs").fetchone()[0])
