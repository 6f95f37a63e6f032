"""Finds stored days that differ from what the raw readings give now.

The days that a change can affect are overestimated; those days are computed and compared with the stored ones bit for
bit. So exactly the stale days are recomputed, for any kind of change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange, joined, merged
from workflows_dagster.domain.falls import SPAN
from workflows_dagster.domain.findings import CODES, Figure, Finding
from workflows_dagster.domain.frames import BAND_COLUMNS, REGISTER_BAND_COLUMNS
from workflows_dagster.domain.level import LEVEL_WINDOW_DAYS
from workflows_dagster.domain.register import CONTEXT
from workflows_dagster.evaluation import Evaluated, Evaluation, raw_series
from workflows_dagster.records.days import read_days
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.repair.expiry import Expiry
from workflows_dagster.repair.snapshot import bounds
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter
from workflows_dagster.stores.ports import FINDING_DAILY, Store

_COMPARED = (
    "opening", "closing", "consumption", "quality", "estimated_share", "residual", *BAND_COLUMNS, *REGISTER_BAND_COLUMNS
)  # fmt: skip
# Significant digits of a finding's figures.
_COMPARED_DIGITS = 6
_SPAN = pd.Timedelta(microseconds=SPAN)
# Windows nearer than this are evaluated as one.
_NEAR = timedelta(days=31)


class StaleDays:
    """Finds stale days of one house, within the days that partitions exist for.

    Args:
        settings: The house.
        store: Its readings and days.
        within: Days that partitions exist for.
        computed: Gives the days of a meter that were computed before, with or without a result. All others are missing,
            not stale, and are ignored here.
    """

    def __init__(
        self, settings: Settings, store: Store, within: DayRange, computed: Callable[[str], Collection[date]]
    ) -> None:
        self._settings, self._store, self._within = settings, store, within
        self._computed_days = computed
        self._zone = settings.site.zone
        self._evaluation = Evaluation(settings, store, hold=True)
        # The last complete day is yesterday: this is no earlier than the present.
        self.expiry = Expiry(settings, store, days.opening(within.last + timedelta(days=2), self._zone))
        self._whole: dict[str, Evaluated] = {}

    def reach(self, meter: PhysicalMeter, periods: Iterable[str]) -> list[DayRange]:
        """Give the days that a change of a meter's readings in some periods can affect.

        The readings that take part in cleaning around the change bound them. The days before the first and after the
        last reading are included if the change lies in the year from which their rate is computed.

        Args:
            meter: The meter.
            periods: `YYYY` or `YYYY-MM`.
        """
        windows = [(self._within.first, self._within.last)] if meter.source.kind == "interval" else []
        series = raw_series(meter)
        # Only the meter's own valid readings: a predecessor's or an unconfirmed one may lie further out.
        ends = self._evaluation.of_physical.readings.ends(meter)
        if ends is None:
            return [self._within]
        oldest, newest = ends
        # A change of level in it decides what of it gives the rate.
        rate_window = pd.Timedelta(days=LEVEL_WINDOW_DAYS + 31)
        for period in periods:
            start, end = bounds(period)
            start, end = start - _SPAN, end + _SPAN
            around = self._store.readings(series, start, end, before=CONTEXT, after=CONTEXT)
            if around.empty:
                return [self._within]
            first = self._civil(around.index[0]) if (around.index < start).sum() == CONTEXT else self._within.first
            last = self._civil(around.index[-1]) if (around.index >= end).sum() == CONTEXT else self._within.last
            windows.append((first, last))
            if start <= oldest + rate_window:
                windows.append((self._within.first, self._civil(oldest)))
            if end >= newest - rate_window:
                windows.append((self._civil(newest), self._within.last))
        clipped = [DayRange(first, last).clipped(self._within) for first, last in windows if first <= last]
        return merged([window for window in clipped if window is not None], near=_NEAR)

    def derived(self, meter_id: str, upstream: Mapping[str, set[date]]) -> set[date]:
        """Find a derived meter's stale days from those of its sources.

        A reading at a replacement shifts the master's register on all later days.
        """
        meter = self._settings.meters[meter_id]
        candidates = {day for source in meter.upstream for day in upstream.get(source, ())}
        windows = joined(candidates, near=_NEAR)
        if isinstance(meter, MasterMeter):
            for period in meter.periods[1:]:
                if not period.apply_offset_from_previous_period:
                    continue
                handover = {period.start_date - timedelta(days=1), period.start_date}
                if candidates & handover:
                    after = DayRange(period.start_date - timedelta(days=1), self._within.last)
                    windows = merged([*windows, after], near=_NEAR)
                    candidates |= after.days()
        return self.among(meter_id, windows) & candidates

    def among(self, meter_id: str, windows: Iterable[DayRange]) -> set[date]:
        """Find a meter's stale days within windows; those whose readings may have expired are not compared."""
        differing: set[date] = set()
        sure = self.expiry.sure_days(meter_id)
        if sure is None:
            return differing
        unit = self._settings.meters[meter_id].output_unit
        for window in windows:
            evaluated = self._evaluated(meter_id, window)
            computed = evaluated.days
            cuts = window.openings(self._zone)
            stored = read_days(self._store, meter_id, cuts[0], cuts[-1])
            index = pd.DatetimeIndex(computed.index.union(stored.index))
            different = ~_equal_rows(computed.reindex(index), stored.reindex(index), unit)
            kept = set(days.civil_days(pd.DatetimeIndex(stored.index), self._zone))
            found = set(days.civil_days(pd.DatetimeIndex(index[different]), self._zone))
            if isinstance(self._settings.meters[meter_id], PhysicalMeter):
                # A dropped glitch changes no figures, but its finding must still be stored.
                known = kept_findings(self._store, meter_id, cuts[0], cuts[-1], [FINDING_DAILY])
                found |= self._with_other_findings(evaluated.findings, known, cuts)
            new = found - kept
            differing |= (found & kept) | (new & self._computed(meter_id) if new else set())
        return {day for day in differing if day in sure}

    def _with_other_findings(
        self, computed: Iterable[Finding], stored: Iterable[Finding], cuts: pd.DatetimeIndex
    ) -> set[date]:
        """Give the days whose findings differ in code or figures.

        An optional figure that no stored finding of the day and code has is not compared, because older versions did
        not write it. A stored finding may have a stamp a microsecond after its start.
        """
        named: dict[tuple[date, str], set[str]] = {}
        for finding in stored:
            named.setdefault((self._civil(finding.start), finding.code), set()).update(finding.figures)

        def said(finding: Finding) -> tuple[date, str, tuple[tuple[str, str], ...]]:
            day = self._civil(finding.start)
            names = named.get((day, finding.code), set()) | CODES[finding.code].figures.keys()
            compared = {name: _rounded(figure) for name, figure in finding.figures.items() if name in names}
            return day, finding.code, tuple(sorted(compared.items()))

        inside = {said(finding) for finding in computed if cuts[0] <= finding.start < cuts[-1]}
        return {day for day, _, _ in inside ^ {said(finding) for finding in stored}}

    def _evaluated(self, meter_id: str, window: DayRange) -> Evaluated:
        """Evaluate a meter; over the whole history each meter is evaluated once and cached."""
        if window != self._within:
            return self._evaluation.days(meter_id, window)
        if meter_id not in self._whole:
            meter = self._settings.meters[meter_id]
            if isinstance(meter, PhysicalMeter):
                evaluated = self._evaluation.physical(meter, window)
            else:
                frames = {source: self._evaluated(source, window).days for source in meter.upstream}
                evaluated = self._evaluation.derived(meter, window, frames)
            self._whole[meter_id] = evaluated
        return self._whole[meter_id]

    def _computed(self, meter_id: str) -> set[date]:
        return set(self._computed_days(meter_id))

    def _civil(self, instant: pd.Timestamp) -> date:
        return days.civil_day(instant, self._zone)


def _rounded(figure: Figure) -> str:
    """Round a figure to the digits that sentences show: invisible differences cause no recomputation."""
    return figure if isinstance(figure, str) else f"{figure:.{_COMPARED_DIGITS}g}"


def _equal_rows(computed: pd.DataFrame, stored: pd.DataFrame, unit: str) -> np.ndarray:
    equal: np.ndarray = (stored["unit"] == unit).to_numpy() | stored["unit"].isna().to_numpy()
    for column in _COMPARED:
        left = computed[column] if column in computed else pd.Series(np.nan, index=computed.index)
        right = stored[column]
        equal &= ((left == right) | (left.isna() & right.isna())).to_numpy()
    return equal
