"""Reads and writes rows with tags of their own in InfluxDB: streams in the raw bucket, results in the processed one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workflows_dagster.stores.frames import Column, differing, last_at_each_instant, micros
from workflows_dagster.stores.influx import flux, line_protocol
from workflows_dagster.stores.influx.connection import InfluxConnection
from workflows_dagster.stores.tagged import TaggedMeasurement
from workflows_dagster.stores.tagged_rows import (
    ByTags,
    TagValues,
    given_rows,
    instants_of,
    merged,
    rows_of,
    same,
    span_of,
)

_EMPTY = Column(np.empty(0, np.int64), np.empty(0))


class InfluxRows:
    """The side of the port with rows that belong to no meter."""

    def __init__(self, connection: InfluxConnection, bucket_raw: str, bucket_processed: str) -> None:
        self._connection = connection
        self._buckets = {True: bucket_raw, False: bucket_processed}

    def add_rows(self, measurement: TaggedMeasurement, rows: pd.DataFrame) -> None:
        """Store rows beside those that exist; unchanged ones are not rewritten."""
        if rows.empty:
            return
        span = span_of(measurement, rows)
        given = given_rows(measurement, *span, rows)
        there = self._read(measurement, span)
        self._make_so(measurement, span, there, merged(there, given))

    def replace_rows(
        self, measurement: TaggedMeasurement, start: pd.Timestamp, end: pd.Timestamp, rows: pd.DataFrame
    ) -> None:
        """Replace all rows of a measurement in `[start, end)`; unchanged ones are not rewritten."""
        wanted = given_rows(measurement, micros(start), micros(end), rows)
        span = flux.bounds(start, end)
        self._make_so(measurement, span, self._read(measurement, span), wanted)

    def rows(
        self,
        measurement: TaggedMeasurement,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Read the rows in `[start, end)` that have these tags."""
        return rows_of(measurement, self._read(measurement, flux.bounds(start, end), tags))

    def delete_rows(self, measurement: TaggedMeasurement, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete all rows of a measurement in `[start, end)`."""
        lowest, highest = flux.bounds(start, end)
        if lowest < highest:
            predicate = flux.predicate(_measurement=measurement.name)
            # A delete includes both ends.
            last = flux.instant(highest - 1, 999)
            bucket = self._buckets[measurement.raw]
            self._connection.delete(flux.instant(lowest), last, predicate, bucket, f"deleting {measurement.name}")

    def _make_so(self, measurement: TaggedMeasurement, span: tuple[int, int], there: ByTags, wanted: ByTags) -> None:
        if same(there, wanted):
            return
        what = f"writing {measurement.name}"
        bucket = self._buckets[measurement.raw]
        gone = {tags: self._stale(there.get(tags, {}), wanted.get(tags, {})) for tags in there}
        # New points are written first and wrong ones deleted last; a point that lost a field, or that a delete by fewer
        # tags took along, is written once more.
        for again in (False, True):
            for tags, columns in wanted.items():
                times = instants_of(columns)
                if not again:
                    old = there.get(tags, {})
                    fresh = [column.times[differing(column, old.get(key, _EMPTY))] for key, column in columns.items()]
                    times = np.unique(np.concatenate(fresh))
                elif not any(len(stale) for stale in gone.values()):
                    continue
                named = {tag: text for tag, text in zip(measurement.tags, tags, strict=True) if text is not None}
                if len(times):
                    lines = line_protocol.points(measurement.name, named, columns, times)
                    self._connection.write(lines, bucket, what)
            if not again:
                for tags, stale in gone.items():
                    own = dict(zip(measurement.tags, tags, strict=True))
                    predicate = flux.predicate(_measurement=measurement.name, **own)
                    for time in stale.tolist():
                        first, last = flux.instant(time), flux.instant(time, 999)
                        self._connection.delete(first, last, predicate, bucket, what)
        if not same(self._read(measurement, span), wanted):
            raise self._connection.lost(f"{what}: the range does not read back as written")

    @staticmethod
    def _stale(old: dict[tuple[str, str], Column], new: dict[tuple[str, str], Column]) -> np.ndarray:
        """Give the instants at which a stored field is wanted no more."""
        stale = [np.setdiff1d(column.times, new.get(key, _EMPTY).times) for key, column in old.items()]
        return np.unique(np.concatenate([_EMPTY.times, *stale]))

    def _read(
        self, measurement: TaggedMeasurement, span: tuple[int, int], tags: Mapping[str, str] | None = None
    ) -> ByTags:
        lowest, highest = span
        if lowest >= highest:
            return {}
        bucket = self._buckets[measurement.raw]
        names = ("_time", "_value", "_field", *measurement.tags)
        query = (
            flux.source(bucket, lowest, highest)
            + flux.filtered(flux.equal(_measurement=measurement.name, **dict(tags or {})))
            + flux.kept(names)
        )
        parts: dict[TagValues, dict[tuple[str, str], list[Column]]] = {}
        for section in self._connection.query(query, bucket, f"reading {measurement.name}"):
            columns = section.columns(names)
            keys = pd.DataFrame({name: columns[name] for name in ("_field", *measurement.tags)}, dtype=object)
            for numbers in keys.fillna("").groupby(list(keys.columns), sort=False).indices.values():
                field = str(columns["_field"][numbers[0]])
                values = tuple(str(columns[tag][numbers[0]] or "") or None for tag in measurement.tags)
                part = Column(columns["_time"][numbers], columns["_value"][numbers])
                parts.setdefault(values, {}).setdefault(("", field), []).append(part)
        return {
            values: {
                key: last_at_each_instant(
                    np.concatenate([c.times for c in pieces]), np.concatenate([c.values for c in pieces])
                )
                for key, pieces in by_field.items()
            }
            for values, by_field in parts.items()
        }
