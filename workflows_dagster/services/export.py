"""Writes everything that is stored as CSV files."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.evaluation import raw_series
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import MEASUREMENTS, Store
from workflows_dagster.stores.tagged import TAGGED_MEASUREMENTS

# A spreadsheet program would run such a cell as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DAYS = "meter_days"
# Written as one table of days.
_IN_DAYS = frozenset({"meter_interpolated_daily", "meter_consumption"})


def cell(value: Any) -> Any:
    """Give a cell of a CSV file: numbers as they are, texts so that no program takes them for a formula."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None or pd.isna(value) else value


def write_csv(frame: pd.DataFrame, key: str, file: IO[str]) -> None:
    """Write a frame with its index as the first column; unknown values are empty, numbers unrounded."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([key, *frame.columns])
    for name, *row in frame.itertuples(name=None):
        writer.writerow([name.isoformat() if isinstance(name, pd.Timestamp) else name, *map(cell, row)])


def export_tables(settings: Settings, store: Store) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Give every table: its path, the heading of its index, the table.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    for physical in settings.meters.physical:
        readings = store.readings(raw_series(physical))
        if len(readings):
            yield f"readings/{physical.meter_id}.csv", "time", readings.tz_convert(zone).to_frame("value")
    for meter in settings.meters:
        frame = read_days(store, meter.meter_id)
        if len(frame):
            frame.index = pd.Index(days.civil_days(pd.DatetimeIndex(frame.index), zone), dtype=object)
            yield f"{_DAYS}/{meter.meter_id}.csv", "day", frame
        for measurement in MEASUREMENTS:
            if measurement.name in _IN_DAYS:
                continue
            found = store.read(measurement, meter.meter_id)
            if len(found):
                yield f"{measurement.name}/{meter.meter_id}.csv", "time", found.tz_convert(zone)
    for tagged in TAGGED_MEASUREMENTS:
        rows = store.rows(tagged)
        if len(rows):
            yield f"{tagged.name}.csv", "time", rows.set_index("time").tz_convert(zone)


def export_to_folder(settings: Settings, store: Store, folder: Path) -> int:
    """Write every table into a folder; its files of the same names are replaced.

    Returns:
        Number of files.

    Raises:
        OSError: A file cannot be written.
        StoreError: The store cannot be read.
    """
    count = 0
    for path, key, frame in export_tables(settings, store):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8", newline="") as file:
            write_csv(frame, key, file)
        count += 1
    return count


def export_to_zip(settings: Settings, store: Store, file: IO[bytes]) -> None:
    """Write every table into a zip archive.

    Raises:
        OSError: It cannot be written.
        StoreError: The store cannot be read.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, key, frame in export_tables(settings, store):
            with archive.open(path, "w") as member, io.TextIOWrapper(member, "utf-8", newline="") as text:
                write_csv(frame, key, text)
