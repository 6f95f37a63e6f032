"""Reads and writes processed series in InfluxDB, from which Grafana reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from workflows_dagster.stores.frames import (
    Column,
    Columns,
    Micros,
    Values,
    differing,
    given_points,
    kind_fits,
    last_at_each_instant,
    points_of,
    presence,
    texts_by_meter,
)
from workflows_dagster.stores.influx import flux, line_protocol
from workflows_dagster.stores.influx.connection import InfluxConnection
from workflows_dagster.stores.ports import Measurement


class InfluxProcessed:
    """The processed side of the port, on one bucket."""

    def __init__(self, connection: InfluxConnection, bucket: str) -> None:
        self._connection = connection
        self._processed = bucket

    def replace(
        self,
        measurement: Measurement,
        meter_id: str,
        unit: str,
        start: pd.Timestamp,
        end: pd.Timestamp,
        points: pd.DataFrame,
    ) -> None:
        """Replace a meter's points in `[start, end)`; unchanged points are not rewritten."""
        lowest, highest = flux.bounds(start, end)
        wanted = given_points(measurement, unit, lowest, highest, points)
        there = self._columns(measurement.name, meter_id, lowest, highest)
        if _same(wanted, there):
            return
        wanted_times = _times(wanted)
        stale: list[Micros] = [np.empty(0, np.int64)]
        changed: list[Micros] = [np.empty(0, np.int64)]
        empty = Column(np.empty(0, np.int64), np.empty(0))
        for field in {field for used, field in wanted.keys() | there.keys() if used == unit}:
            old, new = there.get((unit, field), empty), wanted.get((unit, field), empty)
            stale.append(np.setdiff1d(old.times, new.times))
            changed.append(new.times[differing(new, old)])
        gone = np.unique(np.concatenate(stale))
        fresh = np.setdiff1d(np.concatenate(changed), gone)
        shrunk = np.intersect1d(gone, wanted_times)
        # New points are written first and wrong ones deleted last, so that no valid point is ever missing. Only a point
        # that loses a field is deleted for a moment, because InfluxDB deletes whole points.
        what = f"writing {measurement.name} of {meter_id}"
        tags = {"meter_id": meter_id, "unit": unit}
        if measurement.unit_as:
            tags[measurement.unit_as] = unit
        self._connection.write(line_protocol.points(measurement.name, tags, wanted, fresh), self._processed, what)
        for other in sorted({used for used, _ in there} - {unit}):
            times = _times({key: column for key, column in there.items() if key[0] == other})
            self._delete(measurement.name, meter_id, other, times, np.empty(0, np.int64), what)
        self._delete(measurement.name, meter_id, unit, gone, np.setdiff1d(wanted_times, shrunk), what)
        self._connection.write(line_protocol.points(measurement.name, tags, wanted, shrunk), self._processed, what)
        if not _same(wanted, self._columns(measurement.name, meter_id, lowest, highest)):
            raise self._connection.lost(f"{what}: the range does not read back as written")

    def read(
        self,
        measurement: Measurement,
        meter_id: str,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Read a meter's points in `[start, end)`."""
        columns = self._columns(measurement.name, meter_id, *flux.bounds(start, end))
        return points_of(
            measurement,
            {key: column for key, column in columns.items() if kind_fits(measurement, key[1], column.values)},
        )

    def present(self, measurement: Measurement, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, pd.DatetimeIndex]:
        """Give the instants of existing points in `[start, end)` by meter, increasing."""
        lowest, highest = flux.bounds(start, end)
        if lowest >= highest:
            return {}
        fields = " or ".join(flux.equal(_field=field) for field in measurement.fields)
        query = (
            flux.source(self._processed, lowest, highest)
            + flux.filtered(f"{flux.equal(_measurement=measurement.name)} and exists r.meter_id and ({fields})")
            + flux.kept(("_time", "meter_id"))
        )
        by_meter: dict[str, list[Micros]] = {}
        for section in self._connection.query(query, self._processed, f"reading which {measurement.name} exist"):
            columns = section.columns(("_time", "meter_id"))
            for (meter_id,), times in _groups((columns["meter_id"],), columns["_time"]):
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
        lowest, highest = flux.bounds(start, end)
        if lowest >= highest:
            return {}
        query = (
            flux.source(self._processed, lowest, highest)
            + flux.filtered(f"{flux.equal(_measurement=measurement.name, _field=field)} and exists r.meter_id")
            + flux.kept(("_time", "_value", "meter_id"))
        )
        parts: dict[str, list[Column]] = {}
        for section in self._connection.query(query, self._processed, f"reading {field} of {measurement.name}"):
            columns = section.columns(("meter_id", "_time", "_value"))
            numbers = np.arange(len(columns["_time"]))
            for (meter_id,), rows in _groups((columns["meter_id"],), numbers):
                parts.setdefault(meter_id, []).append(Column(columns["_time"][rows], columns["_value"][rows]))
        return texts_by_meter(parts)

    def _columns(self, measurement: str, meter_id: str, lowest: int, highest: int) -> Columns:
        """Read all fields that a meter has in `[lowest, highest)`, under all units."""
        if lowest >= highest:
            return {}
        query = (
            flux.source(self._processed, lowest, highest)
            + flux.filtered(flux.equal(_measurement=measurement, meter_id=meter_id))
            + flux.kept(("_time", "_value", "_field", "unit"))
        )
        parts: dict[tuple[str, str], list[Column]] = {}
        for section in self._connection.query(query, self._processed, f"reading {measurement} of {meter_id}"):
            columns = section.columns(("unit", "_field", "_time", "_value"))
            numbers = np.arange(len(columns["_time"]))
            for (unit, field), rows in _groups((columns["unit"], columns["_field"]), numbers):
                part = Column(columns["_time"][rows], columns["_value"][rows])
                parts.setdefault((unit or "", field), []).append(part)
        return {key: _joined(columns) for key, columns in parts.items()}

    def _delete(self, measurement: str, meter_id: str, unit: str, gone: Micros, staying: Micros, what: str) -> None:
        """Delete points of one unit; neighbours share a request if no remaining point lies between them."""
        if not len(gone):
            return
        # A point written without the tag has no unit.
        predicate = flux.predicate(_measurement=measurement, meter_id=meter_id, unit=unit or None)
        between = np.searchsorted(np.sort(staying), gone)
        for run in np.split(gone, np.flatnonzero(np.diff(between)) + 1):
            first, last = flux.instant(int(run[0])), flux.instant(int(run[-1]), 999)
            self._connection.delete(first, last, predicate, self._processed, what)


def _groups(keys: tuple[Values, ...], content: Values) -> Iterator[tuple[tuple[str, ...], Values]]:
    """Split rows into runs of equal keys."""
    if not len(content):
        return
    changes = np.zeros(len(content) - 1, dtype=bool)
    for key in keys:
        changes |= np.asarray(key[1:] != key[:-1], dtype=bool)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    for start, rows in zip(starts.tolist(), np.split(content, starts[1:]), strict=True):
        yield tuple(key[start] for key in keys), rows


def _joined(parts: Sequence[Column]) -> Column:
    mixed = len({part.values.dtype for part in parts}) > 1
    values = [part.values.astype(object) if mixed else part.values for part in parts]
    return last_at_each_instant(np.concatenate([part.times for part in parts]), np.concatenate(values))


def _times(columns: Columns) -> Micros:
    return np.unique(np.concatenate([np.empty(0, np.int64), *(column.times for column in columns.values())]))


def _same(first: Columns, second: Columns) -> bool:
    return first.keys() == second.keys() and all(first[key].same_as(second[key]) for key in first)
