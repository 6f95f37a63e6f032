"""Evaluates the raw store's catalogue: the newest reading of each meter, and series that no meter reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from workflows_dagster.domain import discovery
from workflows_dagster.evaluation import raw_series
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import RawSeries, RawStore

# Enough to tell a register from a counter that restarts each day; the whole history may have millions of readings.
_NEWEST_READINGS = 5_000
_CLOCKS_DIFFER = pd.Timedelta(hours=1)
_AFTER = pd.Timedelta(microseconds=1)


@dataclass(frozen=True)
class Discovered:
    """A series that looks like a register and that no meter reads.

    Attributes:
        series: Its address; with a domain only if a meter reads the same entity in another domain.
        unit: Canonical unit that its measurement names, or None.
        count: How many readings there are.
        first: Instant of the first, UTC.
        last: Instant of the last, UTC.
        gap: Usual time between two of the newest readings; None for a single reading.
    """

    series: RawSeries
    unit: str | None
    count: int
    first: pd.Timestamp
    last: pd.Timestamp
    gap: pd.Timedelta | None


def series_of(meter: PhysicalMeter) -> tuple[RawSeries, ...]:
    """Give every series that a physical meter reads; an interval meter also reads its register."""
    sources = raw_series(meter).parts()
    if meter.source.kind == "interval":
        return (*sources, RawSeries(meter.output_unit, meter.meter_id))
    return sources


def newest_by_meter(catalogue: pd.DataFrame, meters: Iterable[PhysicalMeter]) -> dict[str, pd.Timestamp | None]:
    """Give the time of each meter's newest reading.

    Args:
        catalogue: The raw store's catalogue, as `RawStore.catalogue` gives it.
        meters: The meters.

    Returns:
        Instant of the newest reading by meter id, UTC; None without readings.
    """
    newest: dict[str, pd.Timestamp | None] = {}
    for meter in meters:
        rows = catalogue[_read(catalogue, series_of(meter))]
        newest[meter.meter_id] = None if rows.empty else pd.Timestamp(rows["last"].max())
    return newest


def newest_reading(store: RawStore, meter: PhysicalMeter, now: pd.Timestamp) -> tuple[pd.Timestamp, float] | None:
    """Give instant and value of a meter's newest reading; None without any.

    Cheaper than the catalogue, which counts all readings.

    Args:
        store: The raw readings.
        meter: The meter.
        now: The present, UTC; readings dated later than a clock can be wrong are not looked for.

    Raises:
        StoreError: The readings cannot be read.
    """
    found = store.readings(raw_series(meter), now + _CLOCKS_DIFFER, before=1)
    return None if found.empty else (pd.Timestamp(pd.DatetimeIndex(found.index)[-1]), float(found.iloc[-1]))


def discover(store: RawStore, meters: Iterable[PhysicalMeter]) -> tuple[list[Discovered], pd.DataFrame]:
    """Find series in the raw store that look like registers and that no meter reads.

    Args:
        store: The raw readings.
        meters: The configured meters.

    Returns:
        The series, ordered by entity; and the whole catalogue.

    Raises:
        StoreError: The raw readings cannot be read.
    """
    catalogue = store.catalogue()
    read = _read(catalogue, [series for meter in meters for series in series_of(meter)])
    found = []
    for series, rows in _likely(catalogue, read):
        unit = discovery.unit_of(series.measurement)
        last = pd.Timestamp(rows["last"].max())
        readings = store.readings(series, last + _AFTER, before=_NEWEST_READINGS)
        supposed = unit or discovery.likely_unit(series.measurement, series.entity_id)
        if (unit or _speaks_for_itself(series, readings)) and discovery.counts_up(readings, supposed):
            count, first = int(rows["count"].sum()), pd.Timestamp(rows["first"].min())
            found.append(Discovered(series, unit, count, first, last, discovery.usual_gap(readings)))
    return sorted(found, key=lambda one: (one.series.entity_id, one.series)), catalogue


def _speaks_for_itself(series: RawSeries, readings: pd.Series) -> bool:
    """Tell whether a series without a unit has more to show than one reading, or than one number if no name says so."""
    if discovery.is_called_register(series.measurement, series.entity_id):
        return len(readings) > 1
    return readings.nunique() > 2


def _read(catalogue: pd.DataFrame, series: Iterable[RawSeries]) -> pd.Series:
    """Tell for each row of the catalogue whether one of the series includes it."""
    read = pd.Series(False, index=catalogue.index)
    for one in series:
        read |= (
            (catalogue["measurement"] == one.measurement)
            & (catalogue["entity_id"] == one.entity_id)
            & (catalogue["field"] == one.field)
            & (True if one.domain is None else catalogue["domain"] == one.domain)
        )
    return read


def _likely(catalogue: pd.DataFrame, read: pd.Series) -> Iterator[tuple[RawSeries, pd.DataFrame]]:
    """Give the series whose names suggest a register, one per entity, each with its rows of the catalogue."""
    names = zip(catalogue["measurement"], catalogue["entity_id"], catalogue["field"], strict=True)
    fits = pd.Series([discovery.may_be_register(*name) for name in names], index=catalogue.index, dtype=bool)
    for names_of_entity, rows in catalogue[fits & ~read].groupby(["measurement", "entity_id"], sort=True):
        measurement, entity_id = map(str, names_of_entity)
        field = min(rows["field"], key=discovery.FIELDS.index)
        rows = rows[rows["field"] == field]
        whole = RawSeries(measurement, entity_id, field)
        if (_read(catalogue, [whole]) & read).any():
            for at in rows.index:
                domain = rows.at[at, "domain"]
                if domain is not None:
                    yield RawSeries(measurement, entity_id, field, domain), rows.loc[[at]]
        else:
            yield whole, rows
