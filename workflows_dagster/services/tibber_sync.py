"""Syncs Tibber's hours: writes new and corrected hours into the raw store.

The sync is stateless: known and unknown hours, and the start of the next request, follow from the stored hours. So a
restored backup loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from workflows_dagster.clients.tibber.client import TibberHours, overdue, since_for
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation import raw_series
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import RawSeries, RawStore

MEASUREMENT = "energy"
CONSUMPTION = "consumption"
PRICES = ("cost", "unit_price", "unit_price_vat")

_HOUR = pd.Timedelta(hours=1)
_NONE = pd.DatetimeIndex([]).as_unit("us").tz_localize("UTC")
# A missing hour is requested for 30 days, and reported as unknown for 30 more.
_LOOKED_AT = pd.Timedelta(days=60)


class HourlySource(Protocol):
    """A source of a home's hours, such as `TibberClient`."""

    def hours(self, since: pd.Timestamp | None) -> TibberHours:
        """Read all hours from an instant on, or raise; None reads the whole history."""
        ...


@dataclass(frozen=True)
class SyncResult:
    """The result of a sync.

    Attributes:
        written: Number of new hours.
        corrected: Number of known hours whose consumption or price Tibber has changed.
        unknown: Number of unknown hours that will be requested again.
        newest: Start of the newest known hour, UTC; None if there is none.
        findings: Hours that are no longer requested, in time order.
    """

    written: int
    corrected: int
    unknown: int
    newest: pd.Timestamp | None
    findings: tuple[Finding, ...]


def reader_of_hours(settings: Settings) -> PhysicalMeter | None:
    """Give the meter whose source is Tibber's hours, or None."""
    hours = RawSeries(MEASUREMENT, settings.site.tibber.meter_id, CONSUMPTION)
    for meter in settings.meters.physical:
        if meter.source.kind == "interval" and replace(raw_series(meter), domain=None) == hours:
            return meter
    return None


def raw_hours(settings: Settings) -> dict[str, RawSeries]:
    """Give the raw series of Tibber's hours by field: those of the meter that reads them, if any."""
    reader = reader_of_hours(settings)
    domain = reader.source.domain if reader else None
    entity_id = settings.site.tibber.meter_id
    return {name: RawSeries(MEASUREMENT, entity_id, name, domain) for name in (*PRICES, CONSUMPTION)}


def sync_hours(
    source: HourlySource,
    store: RawStore,
    series: Mapping[str, RawSeries],
    meter_id: str,
    now: pd.Timestamp,
    lookback: pd.Timedelta,
) -> SyncResult:
    """Write the hours that are new or corrected since the last sync.

    The first sync requests the whole history. A later one requests the hours from `lookback` before the newest known
    hour, or from the oldest hole of the last 30 days if that is earlier. Unchanged hours are not written again.

    Args:
        source: Where to read the hours.
        store: Where to write the hours.
        series: Series of each field, as `raw_hours` gives them.
        meter_id: Meter of the findings.
        now: The present, UTC.
        lookback: How far back corrections are expected.

    Raises:
        TibberError: The hours could not be read; nothing is written.
        StoreError: Not everything was stored. The next sync requests the missing hours.
    """
    known = pd.DatetimeIndex(store.readings(series[CONSUMPTION], now - _LOOKED_AT, before=1).index)
    newest = known[-1] if len(known) else None
    answer = source.hours(since_for(newest, list(_holes(known)), now, lookback))
    changes = {name: _Change.of(store, where, answer.known[name].dropna()) for name, where in series.items()}
    # An hour counts as known if it has a consumption. So consumption is written last, in one piece: after a kill
    # before that, the next sync finds the hours unknown and requests them again with their prices.
    for name in (*PRICES, CONSUMPTION):
        if len(changes[name].readings):
            store.write_readings(series[name], changes[name].readings)
    added = changes[CONSUMPTION].added
    changed = _NONE
    for change in changes.values():
        changed = changed.union(pd.DatetimeIndex(change.readings.index))
    known = known.union(pd.DatetimeIndex(answer.known.index))
    unknown = _holes(known).union(answer.unknown).difference(known)
    findings = overdue(list(unknown), now, meter_id)
    late = sum(int(finding.figures["hours"]) for finding in findings)
    return SyncResult(
        written=len(added),
        corrected=len(changed.difference(added)),
        unknown=len(unknown) - late,
        newest=known[-1] if len(known) else None,
        findings=findings,
    )


@dataclass(frozen=True, eq=False)
class _Change:
    """The changes of one field: values to write, and which of their hours are new."""

    readings: pd.Series
    added: pd.DatetimeIndex

    @classmethod
    def of(cls, store: RawStore, series: RawSeries, given: pd.Series) -> _Change:
        if given.empty:
            return cls(given, pd.DatetimeIndex(given.index))
        # Up to the instant after the last, because the end is excluded.
        there = store.readings(series, given.index[0], given.index[-1] + pd.Timedelta(microseconds=1))
        before = there.reindex(given.index)
        # NaN equals nothing, so absent values differ too.
        return cls(given[before != given], pd.DatetimeIndex(given.index[before.isna()]))


def _holes(known: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Give the starts of the hours that are missing between known ones."""
    holes = _NONE
    for place in np.flatnonzero(known[1:] - known[:-1] > _HOUR).tolist():
        missing = pd.date_range(known[place] + _HOUR, known[place + 1], freq="h", inclusive="left", unit="us")
        holes = holes.union(missing)
    return holes
