"""One look at Tibber: the hours that are new or corrected go into the raw store, and nothing is kept in between.

What is known, what is not, and from when to ask is read from the stored hours themselves, so that a lost cursor or a
restored backup costs nothing.
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
# An hour is asked for again for 30 days, and named as unknown for 30 more.
_LOOKED_AT = pd.Timedelta(days=60)


class HourlySource(Protocol):
    """Whoever gives a home's hours; `TibberClient` is one."""

    def hours(self, since: pd.Timestamp | None) -> TibberHours:
        """Read the hours from an instant on, all or none of them; None for as far back as they reach."""
        ...


@dataclass(frozen=True)
class SyncResult:
    """What one look came to.

    Attributes:
        written: Hours that were not known before.
        corrected: Hours that were known, of which Tibber now gives another consumption or price.
        unknown: Hours that are not known and will be asked for again.
        newest: Start of the newest known hour, UTC; None where none is known.
        findings: Hours that are not asked for any more, in time order.
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
    """Give the raw series of Tibber's hours by field: where the meter reads them, if one does."""
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
    """Write the hours that are new or corrected since the last look.

    The first look takes all that there is. A later one takes what lies less than `lookback` before the newest known
    hour, and from the oldest hole of the last 30 days on. What stands there as it should is not written again.

    Args:
        source: Who is asked.
        store: Where the hours are kept.
        series: Where each field goes, as `raw_hours` gives it.
        meter_id: The meter that the findings are about.
        now: The present, UTC.
        lookback: How far back corrections are looked for.

    Raises:
        TibberError: The hours could not be had; nothing is written.
        StoreError: Not everything was stored. The next look asks for what is missing.
    """
    known = pd.DatetimeIndex(store.readings(series[CONSUMPTION], now - _LOOKED_AT, before=1).index)
    newest = known[-1] if len(known) else None
    answer = source.hours(since_for(newest, list(_holes(known)), now, lookback))
    changes = {name: _Change.of(store, where, answer.known[name].dropna()) for name, where in series.items()}
    # An hour counts as known by its consumption. So that goes last, in one piece: whatever ends the writing before, the
    # next look finds the hours unknown and asks for them again, prices and all.
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
    """What differs in one field: the values that are to be written, and which of their hours are new."""

    readings: pd.Series
    added: pd.DatetimeIndex

    @classmethod
    def of(cls, store: RawStore, series: RawSeries, given: pd.Series) -> _Change:
        if given.empty:
            return cls(given, pd.DatetimeIndex(given.index))
        # Up to the instant after the last, because the end is not included.
        there = store.readings(series, given.index[0], given.index[-1] + pd.Timedelta(microseconds=1))
        before = there.reindex(given.index)
        # Nothing equals NaN, so what is not there differs too.
        return cls(given[before != given], pd.DatetimeIndex(given.index[before.isna()]))


def _holes(known: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Give the starts of the hours that are missing between known ones."""
    holes = _NONE
    for place in np.flatnonzero(known[1:] - known[:-1] > _HOUR).tolist():
        missing = pd.date_range(known[place] + _HOUR, known[place + 1], freq="h", inclusive="left", unit="us")
        holes = holes.union(missing)
    return holes
