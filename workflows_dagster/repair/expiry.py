"""Finds days whose raw readings may have expired.

A bucket with a retention drops old readings. Days computed from expired readings are kept, and neither compared with
the remaining readings nor recomputed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import REPRESENTABLE, DayRange
from workflows_dagster.domain.falls import SPAN
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS
from workflows_dagster.domain.register import CONTEXT
from workflows_dagster.evaluation import Evaluated, raw_series
from workflows_dagster.records.days import read_days
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.repair.snapshot import bounds
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter
from workflows_dagster.stores.ports import FINDING_DAILY, Store

_ALL = DayRange(date.min, date.max)


class Expiry:
    """Determines the days of a house whose readings have not expired.

    Args:
        settings: The house.
        store: Its readings and days.
        now: The present, or somewhat later, UTC.

    Attributes:
        horizon: Readings before this instant may have expired, UTC; None if none have.

    Raises:
        StoreError: The store's retention cannot be queried.
    """

    def __init__(self, settings: Settings, store: Store, now: pd.Timestamp) -> None:
        self._settings, self._store, self._zone = settings, store, settings.site.zone
        retention = store.retention()
        horizon = None if retention is None else now - retention
        begins = days.opening(settings.first_day, self._zone)
        self.horizon = horizon if horizon is not None and horizon > begins else None
        self._sure: dict[str, DayRange | None] = {}

    def remaining(self, periods: Iterable[str]) -> list[str]:
        """Give the periods (`YYYY` or `YYYY-MM`) without expired readings."""
        return [period for period in periods if self.horizon is None or bounds(period)[0] >= self.horizon]

    def sure_days(self, meter_id: str) -> DayRange | None:
        """Give the days of a meter that depend on no expired reading; None if there are none.

        For a counter, the days begin after the first remaining readings, which only serve to clean the others. They end
        at the last reading if the year that gives the rate after it has expired. The registers of an hourly meter, and
        of a master across a replacement, depend on the whole history.

        Raises:
            StoreError: The readings cannot be read.
        """
        if self.horizon is None:
            return _ALL
        if meter_id not in self._sure:
            meter = self._settings.meters[meter_id]
            found = self._of_counter(meter) if isinstance(meter, PhysicalMeter) else self._of_derived(meter)
            self._sure[meter_id] = found
        return self._sure[meter_id]

    def kept(self, meter: Meter, asked: DayRange, evaluated: Evaluated) -> Evaluated:
        """Replace evaluated days with expired readings by the stored ones.

        Args:
            meter: The meter.
            asked: The days that were evaluated.
            evaluated: Result from the remaining readings.

        Returns:
            The stored days and findings if there are any, else the evaluated ones.

        Raises:
            StoreError: The store cannot be read.
        """
        if self.horizon is None:
            return evaluated
        start, end = asked.bounds(self._zone)
        stored = read_days(self._store, meter.meter_id, start, end)
        sure = self.sure_days(meter.meter_id)
        expired = [
            sure is None or day not in sure for day in days.civil_days(pd.DatetimeIndex(stored.index), self._zone)
        ]
        stays = stored.loc[expired, list(evaluated.days.columns)]
        if stays.empty:
            return evaluated
        computed = evaluated.days[~evaluated.days.index.isin(stays.index)]
        frame = pd.concat([stays, computed]) if len(computed) else stays
        kept_days = set(days.civil_days(pd.DatetimeIndex(stays.index), self._zone))

        def stands_there(finding: Finding) -> bool:
            return days.civil_day(finding.start, self._zone) in kept_days

        known = kept_findings(self._store, meter.meter_id, start, end, [FINDING_DAILY])
        findings = [finding for finding in known if stands_there(finding)]
        findings += [finding for finding in evaluated.findings if not stands_there(finding)]
        ordered = sorted(findings, key=lambda finding: (finding.start, finding.code))
        frame = frame.sort_index()
        frame.index.name = evaluated.days.index.name
        return Evaluated(frame, tuple(ordered))

    def _of_counter(self, meter: PhysicalMeter) -> DayRange | None:
        assert self.horizon is not None
        if meter.source.kind == "interval":
            return None
        series = raw_series(meter)
        judged_from = self.horizon + pd.Timedelta(microseconds=SPAN)
        left = self._store.readings(series, judged_from, judged_from, after=CONTEXT + 1)
        if len(left) <= CONTEXT:
            return None
        first = days.civil_day(left.index[CONTEXT], self._zone) + timedelta(days=1)
        newest = self._store.readings(series, REPRESENTABLE[1], before=1).index[-1]
        # The rate beyond the newest reading needs one a year before it.
        is_scaled_by_all = left.index[CONTEXT] <= newest - pd.Timedelta(days=RATE_WINDOW_DAYS)
        last = date.max if is_scaled_by_all else days.civil_day(newest, self._zone) - timedelta(days=1)
        return DayRange(first, last) if first <= last else None

    def _of_derived(self, meter: Meter) -> DayRange | None:
        assert self.horizon is not None
        sources: Iterable[str] = meter.upstream
        if isinstance(meter, MasterMeter):
            oldest = days.civil_day(self.horizon, self._zone)
            if any(period.apply_offset_from_previous_period for period in meter.periods):
                return None
            sources = [
                source
                for period in meter.periods
                if period.end_date is None or period.end_date >= oldest
                for source in period.source_meters
            ]
        sure: DayRange | None = _ALL
        for source in sources:
            of_source = self.sure_days(source)
            sure = None if sure is None or of_source is None else sure.clipped(of_source)
        return sure
