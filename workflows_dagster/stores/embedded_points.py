"""Rows of the embedded store's points: reading the columns of a series, and changing only what differs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from workflows_dagster.stores.database_file import DatabaseFile
from workflows_dagster.stores.frames import Column, Columns, Micros, differing, micros
from workflows_dagster.stores.ports import StoreError
from workflows_dagster.stores.tagged import TaggedMeasurement
from workflows_dagster.stores.tagged_rows import ByTags, TagValues, given_rows, merged, rows_of, same, span_of

FOREVER = (-(2**63), 2**63 - 1)
_NUMBER = np.dtype([("time", np.int64), ("value", np.float64)])


def bounds_of(start: pd.Timestamp | None, end: pd.Timestamp | None) -> tuple[int, int]:
    """Give a range, which may be open at either end, in microseconds since 1970 UTC."""
    return FOREVER[0] if start is None else micros(start), FOREVER[1] if end is None else micros(end)


def column_of(rows: Sequence[tuple[int, float | str]]) -> Column:
    """Make a column of instants and values."""
    if not rows:
        return Column(np.empty(0, np.int64), np.empty(0, np.float64))
    times, values = zip(*rows, strict=True)
    numbers = set(map(type, values)) == {float}
    return Column(np.array(times, dtype=np.int64), np.array(values, dtype=np.float64 if numbers else object))


def read_columns(
    connection: sqlite3.Connection,
    measurement: str,
    owner: str,
    bounds: tuple[int, int],
    numbers: Collection[str] = (),
) -> Columns:
    """Read all fields of a meter, or of a combination of tags, by unit and field.

    Args:
        connection: Open.
        measurement: Its name.
        owner: The meter, or the tags.
        bounds: First instant and the one after the last, µs since 1970 UTC.
        numbers: Fields known to hold numbers alone, which are read in a sixth of the memory.
    """
    columns: Columns = {}
    for number, unit, field in connection.execute(
        "SELECT id, unit, field FROM point_series WHERE measurement = ? AND meter_id = ?", (measurement, owner)
    ).fetchall():
        found = connection.execute(
            "SELECT time, value FROM points WHERE series = ? AND time >= ? AND time < ? ORDER BY time",
            (number, *bounds),
        )
        if field in numbers:
            points = np.fromiter(found, dtype=_NUMBER)
            if len(points):
                columns[unit, field] = Column(points["time"].copy(), points["value"].copy())
        elif rows := found.fetchall():
            columns[unit, field] = column_of(rows)
    return columns


def make_so(
    connection: sqlite3.Connection, key: tuple[str, str, str, str], there: Column | None, wanted: Column | None
) -> None:
    """Change one series (measurement, owner, unit, field) from what is there to what is wanted."""
    empty = column_of([])
    there, wanted = there or empty, wanted or empty
    gone: Micros = np.setdiff1d(there.times, wanted.times, assume_unique=True)
    new = differing(wanted, there)
    if not len(gone) and not new.any():
        return
    columns = "measurement = ? AND meter_id = ? AND unit = ? AND field = ?"
    connection.execute(
        "INSERT INTO point_series (measurement, meter_id, unit, field) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", key
    )
    (number,) = connection.execute(f"SELECT id FROM point_series WHERE {columns}", key).fetchone()
    connection.executemany(
        "DELETE FROM points WHERE series = ? AND time = ?", ((number, time) for time in gone.tolist())
    )
    connection.executemany(
        "INSERT INTO points VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (
            (number, time, value)
            for time, value in zip(wanted.times[new].tolist(), wanted.values[new].tolist(), strict=True)
        ),
    )


class EmbeddedRows:
    """Rows with tags of their own. Their tags, as a JSON list, stand where a meter's points have its id."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file

    def add_rows(self, measurement: TaggedMeasurement, rows: pd.DataFrame) -> None:
        """Store rows beside those that exist, in one transaction."""
        if rows.empty:
            return
        span = span_of(measurement, rows)
        given = given_rows(measurement, *span, rows)
        with self._file.writing() as connection:
            there = {tags: read_columns(connection, measurement.name, _owner(tags), span) for tags in given}
            _change(connection, measurement, there, merged(there, given))

    def replace_rows(
        self, measurement: TaggedMeasurement, start: pd.Timestamp, end: pd.Timestamp, rows: pd.DataFrame
    ) -> None:
        """Replace all rows of a measurement in `[start, end)`, in one transaction that changes only what differs."""
        span = bounds_of(start, end)
        wanted = given_rows(measurement, *span, rows)
        with self._file.writing() as connection:
            _change(connection, measurement, _read(connection, measurement, span), wanted)
            if not same(wanted, _read(connection, measurement, span)):
                raise StoreError(
                    f"{measurement.name} does not read back as written; nothing was changed."
                    " Check the disk, and run the range again."
                )

    def rows(
        self,
        measurement: TaggedMeasurement,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Read the rows in `[start, end)` that have these tags."""
        with self._file.reading() as connection:
            found = _read(connection, measurement, bounds_of(start, end), tags)
        return rows_of(measurement, found)

    def delete_rows(self, measurement: TaggedMeasurement, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete all rows of a measurement in `[start, end)`."""
        with self._file.writing() as connection:
            for (number,) in connection.execute(
                "SELECT id FROM point_series WHERE measurement = ?", (measurement.name,)
            ).fetchall():
                connection.execute(
                    "DELETE FROM points WHERE series = ? AND time >= ? AND time < ?", (number, *bounds_of(start, end))
                )


def _owner(tags: TagValues) -> str:
    return json.dumps(list(tags), ensure_ascii=False)


def _read(
    connection: sqlite3.Connection,
    measurement: TaggedMeasurement,
    bounds: tuple[int, int],
    tags: Mapping[str, str] | None = None,
) -> ByTags:
    found: ByTags = {}
    for (owner,) in connection.execute(
        "SELECT DISTINCT meter_id FROM point_series WHERE measurement = ?", (measurement.name,)
    ).fetchall():
        values: TagValues = tuple(json.loads(owner))
        mine = dict(zip(measurement.tags, values, strict=True))
        if all(mine.get(tag) == text for tag, text in (tags or {}).items()):
            numbers = [field for field, kind in measurement.fields.items() if kind == "number"]
            columns = read_columns(connection, measurement.name, owner, bounds, numbers)
            if columns:
                found[values] = columns
    return found


def _change(connection: sqlite3.Connection, measurement: TaggedMeasurement, there: ByTags, wanted: ByTags) -> None:
    for tags in sorted(there.keys() | wanted.keys(), key=_owner):
        old, new = there.get(tags, {}), wanted.get(tags, {})
        for unit, field in sorted(old.keys() | new.keys()):
            key = (measurement.name, _owner(tags), unit, field)
            make_so(connection, key, old.get((unit, field)), new.get((unit, field)))
