"""Raw readings in InfluxDB, as Home Assistant and Tibber leave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from workflows_dagster.stores.frames import (
    DEFAULT_DOMAIN,
    Column,
    catalogue_frame,
    differing,
    fingerprint_frame,
    given_readings,
    last_at_each_instant,
    readings_of,
)
from workflows_dagster.stores.influx import flux, line_protocol
from workflows_dagster.stores.influx.annotated_csv import NUMBERS, Section
from workflows_dagster.stores.influx.connection import InfluxConnection, RefusedError
from workflows_dagster.stores.ports import RawSeries

_DAY = 86_400_000_000
# How far to look for neighbours: enough for a meter that reports, for one that is read by hand, and all there is.
_REACHES = (45 * _DAY, 800 * _DAY, flux.LATEST - flux.EARLIEST)
_SERIES_TAGS = ("_measurement", "entity_id", "_field", "domain")
# Measurement, entity, field, and domain where there is one.
_Tags = tuple[str, str, str, str | None]


class InfluxRaw:
    """The raw side of the port, on one bucket."""

    def __init__(self, connection: InfluxConnection, bucket: str) -> None:
        self._connection = connection
        self._raw = bucket

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
        lowest, highest = flux.bounds(start, end)
        return readings_of(self._readings(series, lowest, highest, before, after))

    def write_readings(self, series: RawSeries, readings: pd.Series) -> None:
        """Write readings; one at an instant that has one already replaces it. A repeat changes nothing."""
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
        self._connection.write(lines, self._raw, what)
        lost = differing(given, self._readings(exact, *bounds))
        if lost.any():
            raise self._connection.lost(f"{what}: {int(lost.sum())} of {len(given.times)} do not read back as written")

    def delete_readings(self, series: RawSeries, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete the readings of a series in `[start, end)`, both UTC, and with them their points' other fields."""
        lowest, highest = flux.bounds(start, end)
        if lowest >= highest:
            return
        what = f"deleting readings of {series.entity_id}"
        predicate = flux.predicate(_measurement=series.measurement, entity_id=series.entity_id, domain=series.domain)
        # The server deletes both ends too: it ends a nanosecond before `end`.
        self._connection.delete(flux.instant(lowest), flux.instant(highest - 1, 999), predicate, self._raw, what)
        left = self._readings(series, lowest, highest)
        if len(left.times):
            raise self._connection.lost(f"{what}: {len(left.times)} are still there")

    def fingerprints(self, series: Sequence[RawSeries]) -> pd.DataFrame:
        """Summarise each series by UTC month, cheaply and for all series at once."""
        asked = list(dict.fromkeys(series))
        try:
            months = self._months(flux.around(asked)) if asked else {}
        except RefusedError as error:
            # A sum over texts fails the whole query, so leave out what is not a number.
            if "unsupported input type" not in str(error):
                raise
            numeric = {key for key, _ in self._series_ends("first", flux.of_any(asked))}
            left = [one for one in asked if any(_belongs(key, one) for key in numeric)]
            months = self._months(flux.of_any(left)) if left else {}
        rows = []
        for one in series:
            merged: dict[str, tuple[int, float, int, int]] = {}
            for key in sorted(months, key=lambda key: (key[0], key[1][3] or "")):
                month, tags = key
                if _belongs(tags, one):
                    count, total, first, last = months[key]
                    known = merged.get(month, (0, 0.0, first, last))
                    merged[month] = (known[0] + count, known[1] + total, min(known[2], first), max(known[3], last))
            rows += [(one, month, *merged[month]) for month in sorted(merged)]
        return fingerprint_frame(rows)

    def catalogue(self) -> pd.DataFrame:
        """List every numeric series that the raw store holds."""
        first = dict(self._series_ends("first"))
        last = dict(self._series_ends("last"))
        head = flux.source(self._raw, flux.EARLIEST, flux.LATEST) + flux.filtered("exists r.entity_id")
        answer = self._connection.query(head + " |> count()", self._raw, "reading the catalogue")
        counts = {tags: count for section in answer for tags, count in _by_tags(section, "_value")}
        return catalogue_frame(
            [(*tags, int(counts[tags]), first[tags], last[tags]) for tags in first if tags in last and tags in counts]
        )

    def _readings(self, series: RawSeries, lowest: int, highest: int, before: int = 0, after: int = 0) -> Column:
        """Read `[lowest, highest)` and neighbours, looking further and further out for these."""
        condition = flux.filtered(flux.of_series(series))
        columns = flux.kept(("_time", "_value") if series.domain else ("_time", "_value", "domain"))
        highest = max(lowest, highest)
        ranges = [(lowest, highest, "")]
        found = Column(np.empty(0, np.int64), np.empty(0))
        sections: list[Section] = []
        reached = 0
        for reach in _REACHES:
            earlier = before - int(np.searchsorted(found.times, lowest))
            later = after - int((found.times >= highest).sum())
            if earlier > 0:
                ranges.append((lowest - reach, lowest - reached, f" |> tail(n: {earlier})"))
            if later > 0:
                ranges.append((highest + reached, highest + reach, f" |> limit(n: {later})"))
            queries = [
                f"{flux.source(self._raw, start, end)}{condition}{columns}{tail} |> yield(name: {flux.string(str(i))})"
                for i, (start, end, tail) in enumerate(ranges)
                # The server refuses an empty range.
                if max(start, flux.EARLIEST) < min(end, flux.LATEST)
            ]
            if queries:
                what = f"reading {series.measurement} of {series.entity_id}"
                sections += self._connection.query("\n".join(queries), self._raw, what)
                found = _merged(sections)
            ranges, reached = [], reach
        first = max(int(np.searchsorted(found.times, lowest)) - before, 0)
        last = int(np.searchsorted(found.times, highest)) + after
        return Column(found.times[first:last], found.values[first:last])

    def _series_ends(self, end: str, condition: str = "") -> Iterator[tuple[_Tags, int]]:
        """Tell the instant of the first or last reading of each numeric series, by its tags."""
        head = flux.source(self._raw, flux.EARLIEST, flux.LATEST)
        chosen = flux.filtered(condition or "exists r.entity_id")
        answer = self._connection.query(f"{head}{chosen} |> {end}()", self._raw, "reading the catalogue")
        for section in answer:
            if section.value_type in NUMBERS:
                yield from _by_tags(section, "_time")

    def _months(self, condition: str) -> dict[tuple[str, _Tags], tuple[int, float, int, int]]:
        """Give count, sum, first and last by month and tags."""
        head = flux.source(self._raw, flux.EARLIEST, flux.LATEST) + flux.filtered(condition)
        kept = flux.kept(("_time", "_value", *_SERIES_TAGS))
        queries = [
            f'{head} |> aggregateWindow(every: 1mo, fn: {sums}, createEmpty: false, timeSrc: "_start"){kept}'
            f' |> yield(name: "{sums}")'
            for sums in ("count", "sum")
        ] + [f'{head} |> window(every: 1mo) |> {end}(){kept} |> yield(name: "{end}")' for end in ("first", "last")]
        answer = self._connection.query("\n".join(queries), self._raw, "reading fingerprints")
        found: dict[str, dict[tuple[str, _Tags], float]] = {}
        for section in answer:
            if section.value_type in NUMBERS:
                columns = section.columns(("result", "_time", "_value", *_SERIES_TAGS))
                months = np.datetime_as_string(columns["_time"].astype("datetime64[us]"), unit="M")
                tags = zip(*(columns[tag] for tag in _SERIES_TAGS), strict=True)
                for result, time, value, month, key in zip(
                    columns["result"],
                    columns["_time"].tolist(),
                    columns["_value"].tolist(),
                    months.tolist(),
                    tags,
                    strict=True,
                ):
                    found.setdefault(result, {})[month, key] = value if result in ("count", "sum") else time
        return {
            key: (int(count), found["sum"][key] + 0.0, int(found["first"][key]), int(found["last"][key]))
            for key, count in found.get("count", {}).items()
            if key in found.get("sum", {})
        }


def _merged(sections: Sequence[Section]) -> Column:
    """Make one series of all numeric tables; where two domains meet, `input_number` wins, else the last by name."""
    times, values, domains = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0, object)]
    for section in sections:
        if section.value_type in NUMBERS:
            columns = section.columns(("_time", "_value", "domain"))
            times.append(columns["_time"])
            values.append(columns["_value"])
            domains.append(columns["domain"])
    all_domains = np.concatenate(domains)
    order = sorted({name or "" for name in all_domains}, key=lambda name: (name == DEFAULT_DOMAIN, name))
    rank = np.array([order.index(name or "") for name in all_domains]) if len(order) > 1 else None
    return last_at_each_instant(np.concatenate(times), np.concatenate(values), rank)


def _by_tags(section: Section, column: str) -> Iterator[tuple[_Tags, int]]:
    columns = section.columns((*_SERIES_TAGS, column))
    for *tags, value in zip(*(columns[name].tolist() for name in (*_SERIES_TAGS, column)), strict=True):
        measurement, entity_id, field, domain = tags
        yield (measurement, entity_id, field, domain or None), int(value)


def _belongs(tags: _Tags, series: RawSeries) -> bool:
    return tags[:3] == (series.measurement, series.entity_id, series.field) and series.domain in (None, tags[3])
