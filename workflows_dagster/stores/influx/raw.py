"""Reads and writes raw readings in InfluxDB, in Home Assistant's layout.

One meter may have several stored series: for InfluxDB, points with a further tag (`friendly_name`, one added by the
owner) are another series. All of them are read separately and merged in time order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from workflows_dagster.stores import renamed
from workflows_dagster.stores.frames import (
    DEFAULT_DOMAIN,
    Column,
    Micros,
    catalogue_frame,
    differing,
    fingerprint_frame,
    given_readings,
    readings_of,
)
from workflows_dagster.stores.influx import flux, line_protocol
from workflows_dagster.stores.influx.annotated_csv import NUMBERS, Section
from workflows_dagster.stores.influx.connection import InfluxConnection
from workflows_dagster.stores.influx.errors import RefusedError
from workflows_dagster.stores.influx.marks import Marks
from workflows_dagster.stores.influx.stored_series import DOMAIN, StoredSeries, Tags, conflicting, merged, stored_series
from workflows_dagster.stores.ports import RawSeries
from workflows_dagster.stores.tagged import RAW_STREAMS

_DAY = 86_400_000_000
# Least range in which to search for neighbours, and the one from which the whole history costs no more.
_NEAR, _FAR, _ALL = 45 * _DAY, 800 * _DAY, flux.LATEST - flux.EARLIEST
_SERIES_TAGS = ("_measurement", "entity_id", "_field", "domain")
# Columns that are not tags that distinguish stored series.
_KNOWN = ("_start", "_stop", "_measurement", "_field", "entity_id")
# Measurement, entity, field, and domain if there is one.
_Address = tuple[str, str, str, str | None]
# No readings: power as it flows, and events.
_STREAMS = frozenset(stream.name for stream in RAW_STREAMS)


class _Sums(NamedTuple):
    """A month of one stored series.

    Attributes:
        points: Number of points.
        total: Their sum.
        first: Instant of the first. [µs since 1970 UTC]
        last: Instant of the last. [µs since 1970 UTC]
    """

    points: int
    total: float
    first: int
    last: int


class _Reach:
    """Ranges in which to search for neighbours on one side: first by the known spacing, then by what was found.

    Args:
        wanted: How many are wanted.
        spacing: Mean time between two readings, where it is known. [µs]
    """

    def __init__(self, wanted: int, spacing: float | None) -> None:
        self._wanted, self._reached = wanted, 0
        self._next = self._clamped(wanted * (spacing or 0.0))

    def next_ring(self, found: int) -> Iterator[tuple[int, int]]:
        """Give from where to where to look now; nothing where enough was found, or all there is was looked at.

        Args:
            found: How many were found so far.
        """
        if found < self._wanted and self._reached < _ALL:
            if self._reached:
                self._next = self._clamped(self._reached * self._wanted / found if found else _ALL)
            yield self._reached, self._next
            self._reached = self._next

    @staticmethod
    def _clamped(reach: float) -> int:
        # Readings so far apart are few, and quickly read.
        return max(_NEAR, int(1.5 * reach)) if 1.5 * reach < _FAR else _ALL


class InfluxRaw:
    """Implements `RawStore` on one bucket; marks are written to another."""

    def __init__(self, connection: InfluxConnection, bucket: str, bucket_marks: str) -> None:
        self._connection = connection
        self._raw = bucket
        self._marks = Marks(connection, bucket_marks)
        self._retention: pd.Timedelta | None = None
        # Mean time between two readings that were read last. [µs]
        self._spacing: dict[RawSeries, float] = {}

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
        lowest, highest = flux.bounds(start, end)
        return readings_of(self._readings(series, lowest, highest, before, after))

    def write_readings(self, series: RawSeries, readings: pd.Series) -> None:
        """Write readings, replacing those at equal instants. A repeat changes nothing."""
        if series.earlier:
            renamed.write(self, series, readings)
            return
        given = given_readings(readings)
        if not len(given.times):
            return
        domain = series.domain or DEFAULT_DOMAIN
        exact = RawSeries(series.measurement, series.entity_id, series.field, domain)
        bounds = (int(given.times[0]), int(given.times[-1]) + 1)
        new = differing(given, self._readings(exact, *bounds))
        if not new.any():
            return
        what = f"writing readings of {series.entity_id}"
        tags = {"entity_id": series.entity_id, "domain": domain}
        changed = Column(given.times[new], given.values[new])
        lines = line_protocol.readings(series.measurement, tags, series.field, changed)
        with self._marks.around(series.entity_id, changed.times, what):
            self._connection.write(lines, self._raw, what)
            parts = self._stored(exact, [(*bounds, "")])
            if self._drop_rivals(exact, parts, changed.times, what):
                parts = self._stored(exact, [(*bounds, "")])
            lost = differing(given, self._merged(exact, parts))
            if lost.any():
                raise self._connection.lost(
                    f"{what}: {int(lost.sum())} of {len(given.times)} do not read back as written"
                )

    def delete_readings(self, series: RawSeries, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete the readings of a series in `[start, end)`, both UTC, and with them their points' other fields."""
        if series.earlier:
            renamed.delete(self, series, start, end)
            return
        lowest, highest = flux.bounds(start, end)
        if lowest >= highest:
            return
        what = f"deleting readings of {series.entity_id}"
        predicate = flux.predicate(_measurement=series.measurement, entity_id=series.entity_id, domain=series.domain)
        with self._marks.around(series.entity_id, self._readings(series, lowest, highest).times, what):
            # The server's range includes both ends, so it ends a nanosecond before `end`.
            self._connection.delete(flux.instant(lowest), flux.instant(highest - 1, 999), predicate, self._raw, what)
            left = self._readings(series, lowest, highest)
            if len(left.times):
                raise self._connection.lost(f"{what}: {len(left.times)} are still there")

    def retention(self) -> pd.Timedelta | None:
        """Tell how long the raw bucket keeps its points; None for ever."""
        if self._retention is None:
            try:
                self._retention = pd.Timedelta(seconds=self._connection.retention_seconds(self._raw) or 0)
            except RefusedError:
                # Reading does not take the right to look at the bucket itself.
                self._retention = pd.Timedelta(0)
        return self._retention or None

    def fingerprints(
        self, series: Sequence[RawSeries], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Summarise each series by UTC month, cheaply and for all series at once."""
        asked = list(dict.fromkeys(series))
        lowest, highest = flux.bounds(start, end)
        if lowest >= highest:
            return fingerprint_frame([])
        head = flux.source(self._raw, lowest, highest)
        try:
            months = self._months(head + flux.filtered(flux.around(asked))) if asked else {}
        except RefusedError as error:
            # A sum over texts fails the whole query, so only numbers are selected.
            if "unsupported input type" not in str(error):
                raise
            numeric = self._series_ends("first", min, flux.of_any(asked))
            left = [one for one in asked if any(_belongs(key, one) for key in numeric)]
            months = self._months(head + flux.filtered(flux.of_any(left))) if left else {}
        rows = []
        for one in series:
            by_month: dict[str, list[_Sums]] = {}
            for (month, address), sums in months.items():
                if _belongs(address, one):
                    by_month.setdefault(month, []).extend(sums)
            rows += [(one, month, *_added_up(by_month[month])) for month in sorted(by_month)]
        return fingerprint_frame(rows)

    def catalogue(self) -> pd.DataFrame:
        """List every numeric series that the raw store holds."""
        first, last = self._series_ends("first", min), self._series_ends("last", max)
        head = flux.source(self._raw, flux.EARLIEST, flux.LATEST) + flux.filtered("exists r.entity_id")
        answer = self._connection.query(head + " |> count()", self._raw, "reading the catalogue")
        counts: dict[_Address, int] = {}
        for section in answer:
            for address, count in _by_address(section, "_value"):
                counts[address] = counts.get(address, 0) + count
        return catalogue_frame(
            [
                (*address, counts[address], first[address], last[address])
                for address in first
                if address in last and address in counts and address[0] not in _STREAMS
            ]
        )

    def _readings(self, series: RawSeries, lowest: int, highest: int, before: int = 0, after: int = 0) -> Column:
        """Read `[lowest, highest)` and neighbours; how far apart the readings are determines the range."""
        highest = max(lowest, highest)
        ranges = [(lowest, highest, "")]
        found = Column(np.empty(0, np.int64), np.empty(0))
        parts: list[StoredSeries] = []
        back, on = _Reach(before, self._spacing.get(series)), _Reach(after, self._spacing.get(series))
        while True:
            earlier, later = int(np.searchsorted(found.times, lowest)), int((found.times >= highest).sum())
            for start, end in back.next_ring(earlier):
                ranges.append((lowest - end, lowest - start, f" |> tail(n: {before - earlier})"))
            for start, end in on.next_ring(later):
                ranges.append((highest + start, highest + end, f" |> limit(n: {after - later})"))
            if not ranges:
                break
            # The server refuses an empty range.
            asked = [one for one in ranges if max(one[0], flux.EARLIEST) < min(one[1], flux.LATEST)]
            if asked:
                parts += self._stored(series, asked)
                found = self._merged(series, parts)
            ranges = []
        if len(found.times) > 1:
            self._spacing[series] = float(found.times[-1] - found.times[0]) / (len(found.times) - 1)
        first = max(int(np.searchsorted(found.times, lowest)) - before, 0)
        last = int(np.searchsorted(found.times, highest)) + after
        return Column(found.times[first:last], found.values[first:last])

    def _stored(self, series: RawSeries, ranges: Sequence[tuple[int, int, str]]) -> list[StoredSeries]:
        """Read ranges of all stored series of a series, each with its own `tail` or `limit`."""
        # `drop` instead of `keep`, since unknown tags separate the stored series.
        known = _KNOWN if series.domain is None else (*_KNOWN, DOMAIN)
        condition = flux.filtered(flux.of_series(series)) + flux.dropped(known)
        queries = [
            f"{flux.source(self._raw, start, end)}{condition}{tail} |> yield(name: {flux.string(str(i))})"
            for i, (start, end, tail) in enumerate(ranges)
        ]
        what = f"reading {series.measurement} of {series.entity_id}"
        answer = self._connection.query("\n".join(queries), self._raw, what, results=len(queries))
        return [part for section in answer for part in stored_series(section)]

    def _merged(self, series: RawSeries, parts: Sequence[StoredSeries]) -> Column:
        """Merge stored series; the newest of each is queried only if they conflict."""
        newest: dict[Tags, int] = {}
        if conflicting(parts):
            for part in self._stored(series, [(flux.EARLIEST, flux.LATEST, " |> last()")]):
                newest[part.tags] = max(newest.get(part.tags, flux.EARLIEST), int(part.times[-1]))
        return merged(parts, newest)

    def _drop_rivals(self, series: RawSeries, parts: Sequence[StoredSeries], times: Micros, what: str) -> bool:
        """Delete the points of other stored series at instants just written, and tell whether there were any.

        Otherwise the newest stored series would win, not the one written last. The points are deleted by their own tags
        after the new ones are stored, so that a reading is never missing.
        """
        address = {"_measurement": series.measurement, "entity_id": series.entity_id, DOMAIN: series.domain}
        found = False
        for part in parts:
            for rival in np.intersect1d(part.times, times).tolist() if part.tags else ():
                predicate = flux.predicate(**address, **dict(part.tags))
                self._connection.delete(flux.instant(rival), flux.instant(rival, 999), predicate, self._raw, what)
                found = True
        return found

    def _series_ends(self, end: str, which: Callable[[int, int], int], condition: str = "") -> dict[_Address, int]:
        """Give the instant of the first or last reading of each numeric series, over all further tags.

        Args:
            end: Flux function that picks a point of each stored series.
            which: Selects one of two instants.
            condition: Condition for points; all by default.
        """
        head = flux.source(self._raw, flux.EARLIEST, flux.LATEST)
        chosen = flux.filtered(condition or "exists r.entity_id")
        answer = self._connection.query(f"{head}{chosen} |> {end}()", self._raw, "reading the catalogue")
        ends: dict[_Address, int] = {}
        for section in answer:
            if section.value_type in NUMBERS:
                for address, time in _by_address(section, "_time"):
                    ends[address] = which(ends.get(address, time), time)
        return ends

    def _months(self, head: str) -> dict[tuple[str, _Address], list[_Sums]]:
        """Give count, sum, first and last by month and address, one entry per stored series.

        Args:
            head: Query of the points.
        """
        queries = [
            f'{head} |> aggregateWindow(every: 1mo, fn: {sums}, createEmpty: false, timeSrc: "_start")'
            f'{flux.dropped(("_start", "_stop"))} |> yield(name: "{sums}")'
            for sums in ("count", "sum")
        ] + [
            f'{head} |> window(every: 1mo) |> {end}(){flux.dropped(("_start", "_stop"))} |> yield(name: "{end}")'
            for end in ("first", "last")
        ]
        answer = self._connection.query("\n".join(queries), self._raw, "reading fingerprints", results=len(queries))
        found: dict[str, dict[tuple[str, Tags], int | float]] = {}
        for section in answer:
            if section.value_type in NUMBERS:
                result = str(section.columns(("result",))["result"][0])
                for part in stored_series(section):
                    months = np.datetime_as_string(part.times.astype("datetime64[us]"), unit="M").tolist()
                    values = part.values if result in ("count", "sum") else part.times
                    for month, value in zip(months, values.tolist(), strict=True):
                        found.setdefault(result, {})[month, part.tags] = value
        sums: dict[tuple[str, _Address], list[_Sums]] = {}
        for (month, tags), count in found.get("count", {}).items():
            if (month, tags) in found.get("sum", {}):
                total, first, last = (found[name][month, tags] for name in ("sum", "first", "last"))
                one = _Sums(int(count), float(total), int(first), int(last))
                sums.setdefault((month, _address_of(dict(tags))), []).append(one)
        return sums


def _added_up(parts: Sequence[_Sums]) -> _Sums:
    """Add up stored series, independent of their order."""
    return _Sums(
        sum(part.points for part in parts),
        math.fsum(part.total for part in parts) + 0.0,
        min(part.first for part in parts),
        max(part.last for part in parts),
    )


def _address_of(tags: Mapping[str, str]) -> _Address:
    measurement, entity_id, field, domain = (tags.get(name, "") for name in _SERIES_TAGS)
    return measurement, entity_id, field, domain or None


def _by_address(section: Section, column: str) -> Iterator[tuple[_Address, int]]:
    columns = section.columns((*_SERIES_TAGS, column))
    for *tags, value in zip(*(columns[name].tolist() for name in (*_SERIES_TAGS, column)), strict=True):
        measurement, entity_id, field, domain = tags
        yield (measurement, entity_id, field, domain or None), int(value)


def _belongs(tags: _Address, series: RawSeries) -> bool:
    return tags[:3] == (series.measurement, series.entity_id, series.field) and series.domain in (None, tags[3])
