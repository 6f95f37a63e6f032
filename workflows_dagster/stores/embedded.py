"""The embedded backend: one SQLite file, safe for several processes and threads."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from workflows_dagster.stores import renamed
from workflows_dagster.stores.database_file import DatabaseFile
from workflows_dagster.stores.embedded_points import (
    FOREVER,
    EmbeddedRows,
    bounds_of,
    column_of,
    make_so,
    read_columns,
)
from workflows_dagster.stores.frames import (
    DEFAULT_DOMAIN,
    Column,
    Micros,
    catalogue_frame,
    differing,
    fingerprint_frame,
    given_points,
    given_readings,
    kind_fits,
    last_at_each_instant,
    mark_of_months,
    micros,
    points_of,
    presence,
    readings_of,
    texts_by_meter,
)
from workflows_dagster.stores.ports import READINGS_CHANGED, Measurement, RawSeries, StoreError

_READING = np.dtype([("time", np.int64), ("value", np.float64), ("written", np.int64)])


class EmbeddedStore(EmbeddedRows):
    """Raw readings and processed series in one SQLite file (WAL), created at first use.

    Each thread of each process has its own connection; writes are one transaction each.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 30.0) -> None:
        """Set the file; nothing is opened yet.

        Args:
            path: The file. It and its folder are created when first needed.
            busy_seconds: How long to wait for another writer. [s]
        """
        self.path = path
        super().__init__(DatabaseFile(path, busy_seconds))

    def __repr__(self) -> str:
        return f"EmbeddedStore({str(self.path)!r})"

    def close(self) -> None:
        """Close all connections of this process; the store opens them again when used."""
        self._file.close()

    # Raw readings

    def readings(
        self,
        series: RawSeries,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        *,
        before: int = 0,
        after: int = 0,
    ) -> pd.Series:
        """Read one series in `[start, end)`, and its neighbours outside."""
        if series.earlier:
            return renamed.read(self, series, start, end, before=before, after=after)
        lowest, highest = FOREVER[0] if start is None else micros(start), FOREVER[1] if end is None else micros(end)
        select = "SELECT time, value, written FROM readings WHERE series = ?"
        with self._file.reading() as connection:
            parts = []
            for number in self._raw_numbers(connection, series):
                for clause, bounds in (
                    ("AND time < ? ORDER BY time DESC LIMIT ?", (lowest, before)),
                    ("AND time >= ? AND time < ? ORDER BY time", (lowest, highest)),
                    ("AND time >= ? ORDER BY time LIMIT ?", (max(lowest, highest), after)),
                ):
                    found = connection.execute(f"{select} {clause}", (number, *bounds))
                    parts.append(np.fromiter(found, dtype=_READING))
        rows = np.concatenate([np.empty(0, _READING), *parts])
        merged = last_at_each_instant(rows["time"].copy(), rows["value"].copy(), rows["written"])
        first = max(int(np.searchsorted(merged.times, lowest)) - before, 0)
        last = int(np.searchsorted(merged.times, max(lowest, highest))) + after
        return readings_of(Column(merged.times[first:last], merged.values[first:last]))

    def write_readings(self, series: RawSeries, readings: pd.Series) -> None:
        """Write readings, replacing those at equal instants. A repeat changes nothing."""
        if series.earlier:
            renamed.write(self, series, readings)
            return
        given = given_readings(readings)
        if not len(given.times):
            return
        key = (series.entity_id, series.measurement, series.field, series.domain or DEFAULT_DOMAIN)
        with self._file.writing() as connection:
            connection.execute(
                "INSERT INTO raw_series (entity_id, measurement, field, domain) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                key,
            )
            (number,) = connection.execute(
                "SELECT id FROM raw_series WHERE entity_id = ? AND measurement = ? AND field = ? AND domain = ?", key
            ).fetchone()
            there = column_of(
                connection.execute(
                    "SELECT time, value FROM readings WHERE series = ? AND time BETWEEN ? AND ? ORDER BY time",
                    (number, int(given.times[0]), int(given.times[-1])),
                ).fetchall()
            )
            new = differing(given, there)
            if not new.any():
                return
            (writing,) = connection.execute("UPDATE writings SET latest = latest + 1 RETURNING latest").fetchone()
            connection.executemany(
                "INSERT INTO readings VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET value = excluded.value, written = excluded.written",
                (
                    (number, time, value, writing)
                    for time, value in zip(given.times[new].tolist(), given.values[new].tolist(), strict=True)
                ),
            )
            self._mark(connection, series, given.times[new])

    def delete_readings(self, series: RawSeries, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete the readings of a series in `[start, end)`, both UTC."""
        if series.earlier:
            renamed.delete(self, series, start, end)
            return
        bounds = (micros(start), micros(end))
        with self._file.writing() as connection:
            for number in self._raw_numbers(connection, series):
                gone = connection.execute(
                    "DELETE FROM readings WHERE series = ? AND time >= ? AND time < ? RETURNING time", (number, *bounds)
                ).fetchall()
                self._mark(connection, series, np.array([time for (time,) in gone], dtype=np.int64))

    def retention(self) -> None:
        """Tell that readings are kept for ever."""

    def fingerprints(
        self, series: Sequence[RawSeries], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Summarise each series by UTC month, cheaply and for all series at once."""
        bounds = bounds_of(start, end)
        with self._file.reading() as connection:
            rows = [
                (one, *row)
                for one in series
                for row in self._months(connection, self._raw_numbers(connection, one), bounds)
            ]
        return fingerprint_frame(rows)

    def catalogue(self) -> pd.DataFrame:
        """List every numeric series that the raw store holds."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT measurement, entity_id, field, domain, count(*), min(time), max(time)"
                " FROM raw_series JOIN readings ON series = id GROUP BY id"
            ).fetchall()
        return catalogue_frame(rows)

    # Processed series

    def replace(
        self,
        measurement: Measurement,
        meter_id: str,
        unit: str,
        start: pd.Timestamp,
        end: pd.Timestamp,
        points: pd.DataFrame,
    ) -> None:
        """Replace a meter's points in `[start, end)`, in one transaction that changes only differing rows."""
        bounds = (micros(start), micros(end))
        wanted = given_points(measurement, unit, *bounds, points)
        with self._file.writing() as connection:
            there = read_columns(connection, measurement.name, meter_id, bounds)
            for key in sorted(wanted.keys() | there.keys()):
                make_so(connection, (measurement.name, meter_id, *key), there.get(key), wanted.get(key))
            stored = read_columns(connection, measurement.name, meter_id, bounds)
            if stored.keys() != wanted.keys() or not all(stored[key].same_as(wanted[key]) for key in wanted):
                raise StoreError(
                    f"{self.path}: {measurement.name} of {meter_id} does not read back as written; nothing was changed."
                    " Check the disk, and run the range again."
                )

    def read(
        self,
        measurement: Measurement,
        meter_id: str,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Read a meter's points in `[start, end)`."""
        bounds = bounds_of(start, end)
        with self._file.reading() as connection:
            columns = read_columns(connection, measurement.name, meter_id, bounds)
        return points_of(
            measurement,
            {key: column for key, column in columns.items() if kind_fits(measurement, key[1], column.values)},
        )

    def present(self, measurement: Measurement, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, pd.DatetimeIndex]:
        """Give the instants of existing points in `[start, end)` by meter, increasing."""
        by_meter: dict[str, list[Micros]] = {}
        with self._file.reading() as connection:
            for number, meter_id, field in connection.execute(
                "SELECT id, meter_id, field FROM point_series WHERE measurement = ?", (measurement.name,)
            ).fetchall():
                if field in measurement.fields:
                    found = connection.execute(
                        "SELECT time FROM points WHERE series = ? AND time >= ? AND time < ?",
                        (number, micros(start), micros(end)),
                    )
                    times = np.fromiter((row[0] for row in found), dtype=np.int64)
                    by_meter.setdefault(meter_id, []).append(times)
        return presence({meter_id: np.concatenate(times) for meter_id, times in by_meter.items()})

    def texts(
        self,
        measurement: Measurement,
        field: str,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> dict[str, pd.Series]:
        """Read one text field of all meters in `[start, end)`."""
        bounds = bounds_of(start, end)
        parts: dict[str, list[Column]] = {}
        with self._file.reading() as connection:
            for number, meter_id in connection.execute(
                "SELECT id, meter_id FROM point_series WHERE measurement = ? AND field = ?", (measurement.name, field)
            ).fetchall():
                rows = connection.execute(
                    "SELECT time, value FROM points WHERE series = ? AND time >= ? AND time < ? ORDER BY time",
                    (number, *bounds),
                ).fetchall()
                parts.setdefault(meter_id, []).append(column_of(rows))
        return texts_by_meter(parts)

    # Rows

    @staticmethod
    def _raw_numbers(connection: sqlite3.Connection, series: RawSeries) -> list[int]:
        found = connection.execute(
            "SELECT id FROM raw_series WHERE entity_id = ? AND measurement = ? AND field = ?"
            " AND domain = ifnull(?, domain) ORDER BY domain",
            (series.entity_id, series.measurement, series.field, series.domain),
        )
        return [number for (number,) in found.fetchall()]

    @staticmethod
    def _months(
        connection: sqlite3.Connection, numbers: list[int], bounds: tuple[int, int]
    ) -> list[tuple[str, int, float, int, int]]:
        return connection.execute(
            "SELECT strftime('%Y-%m', time / 1000000, 'unixepoch') AS month, count(*), sum(value), min(time), max(time)"
            f" FROM readings WHERE series IN ({', '.join('?' * len(numbers))}) AND time >= ? AND time < ?"
            " GROUP BY month ORDER BY month",
            (*numbers, *bounds),
        ).fetchall()

    def _mark(self, connection: sqlite3.Connection, series: RawSeries, times: Micros) -> None:
        """Mark the months in which readings change, in the same transaction."""
        key = (READINGS_CHANGED.name, series.entity_id, "mark", "mark")
        make_so(connection, key, None, mark_of_months(times, secrets.token_hex(4)))
