"""Meters' months, years and month to date: sums of their stored days, each with a band of its own."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, months
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import BAND_COLUMNS, BANDED_MONTHS, MONTH_TO_DATE, YEARS
from workflows_dagster.domain.periods import Step, by_period, spans_of
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store


class HouseSums:
    """Adds up the stored days of one house's meters.

    Args:
        settings: The house.
        store: Its days, readings and profiles.
        held: Days that are read once for each meter and kept, for a computation that begins and ends with a run; None
            for none.
    """

    def __init__(self, settings: Settings, store: Store, held: DayRange | None = None) -> None:
        self._settings, self._store, self._zone = settings, store, settings.site.zone
        self._held, self._frames = held, dict[str, pd.DataFrame]()
        self._bands = Evaluation(settings, store, hold=True).bands
        self._estimated: dict[tuple[str, DayRange], bool] = {}

    def with_bands(self, meter_id: str, frame: pd.DataFrame, step: Step) -> pd.DataFrame:
        """Add up days by day, month or year, with the 80 % band of each sum.

        Args:
            meter_id: The meter.
            frame: Days as `read_days` gives them.
            step: What to add up to.

        Returns:
            As `domain.periods.by_period`, and `lower` and `upper`: NaN where all is measured, or a day has no value.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        civil = days.civil_days(pd.DatetimeIndex(frame.index), self._zone)
        sums = by_period(frame, civil, step)
        if step == "day":
            return sums.assign(lower=frame["lower"].to_numpy(), upper=frame["upper"].to_numpy())
        lower, upper = np.full(len(sums), np.nan), np.full(len(sums), np.nan)
        is_open = (sums["estimated_share"] > 0).to_numpy() & (sums["missing_days"] == 0).to_numpy()
        at = np.flatnonzero(is_open)
        if len(at):
            spans = spans_of(civil, step)
            found = self._bands.around(
                meter_id, [spans[k] for k in at], sums["consumption"].to_numpy(dtype=float)[at], self._is_estimated
            )
            lower[at], upper[at] = found
        return sums.assign(lower=lower, upper=upper)

    def months(self, meter_id: str, asked: DayRange) -> pd.DataFrame:
        """Give a meter's months and what they are compared with.

        Args:
            meter_id: The meter.
            asked: Days of the first to the last month.

        Returns:
            As `domain.months.months_of`, and `lower` and `upper` as `with_bands` gives them.

        Raises:
            StoreError: The store cannot be read.
        """
        span = months.whole_months(asked)
        frame = self._days(meter_id, months.first_needed(span.first), span.last)
        civil = days.civil_days(pd.DatetimeIndex(frame.index), self._zone)
        found = months.months_of(frame, civil, span)
        within = frame[np.array([day >= span.first for day in civil], dtype=bool)]
        banded = self.with_bands(meter_id, within, "month")
        return BANDED_MONTHS.check(found.assign(**{name: banded[name].to_numpy(dtype=float) for name in BAND_COLUMNS}))

    def years(self, meter_id: str, asked: DayRange) -> pd.DataFrame:
        """Give a meter's years, the running one as far as its days go; index their first civil days.

        Raises:
            StoreError: The store cannot be read.
        """
        frame = self._days(meter_id, date(asked.first.year, 1, 1), date(asked.last.year, 12, 31))
        sums = self.with_bands(meter_id, frame, "year")
        sums.index = pd.Index([date(int(name), 1, 1) for name in sums.index], dtype=object, name="year")
        return YEARS.check(sums[list(YEARS.columns)])

    def month_to_date(self, meter_id: str, month: date) -> pd.DataFrame:
        """Give a meter's month as far as its days go, and the same days of the month and the year before.

        Args:
            meter_id: The meter.
            month: First civil day of the month.

        Returns:
            One row, index `month`; none for a meter without a day in it.

        Raises:
            StoreError: The store cannot be read.
        """
        frame = self._days(meter_id, months.first_needed(month), months.last_day(month))
        civil = days.civil_days(pd.DatetimeIndex(frame.index), self._zone)
        running = frame[np.array([day >= month for day in civil], dtype=bool)]
        sums = self.with_bands(meter_id, running, "month")
        sums.index = pd.Index([month] * len(sums), dtype=object, name="month")
        used = dict(zip(civil, frame["consumption"].to_numpy(dtype=float), strict=True))
        for column, distance in zip(("previous_month", "previous_year"), months.COMPARED_WITH, strict=True):
            same = _same_days(used, months.shifted(month, -distance), len(running))
            sums[column] = np.full(len(sums), same)
        return MONTH_TO_DATE.check(sums[list(MONTH_TO_DATE.columns)])

    def _days(self, meter_id: str, first: date, last: date) -> pd.DataFrame:
        start, end = days.opening(first, self._zone), days.closing(last, self._zone)
        if self._held is None or first < self._held.first or last > self._held.last:
            return read_days(self._store, meter_id, start, end)
        if meter_id not in self._frames:
            self._frames[meter_id] = read_days(self._store, meter_id, *self._held.bounds(self._zone))
        frame = self._frames[meter_id]
        place = slice(*(int(frame.index.searchsorted(instant)) for instant in (start, end)))
        return frame.iloc[place]

    def _is_estimated(self, meter_id: str, whole: DayRange) -> bool:
        """Tell whether any stored day of a meter is estimated: the others leave nothing open."""
        if (meter_id, whole) not in self._estimated:
            shares = self._days(meter_id, whole.first, whole.last)["estimated_share"]
            self._estimated[meter_id, whole] = bool((shares > 0).any())
        return self._estimated[meter_id, whole]


def _same_days(used: dict[date, float], first: date, count: int) -> float:
    """Add up as many days from the first of another month on, at most all of it; NaN if one is not known."""
    wanted = [first + timedelta(days=k) for k in range(min(count, months.last_day(first).day))]
    return math.fsum(used.get(day, math.nan) for day in wanted)
