"""Calendar months: sums of days, compared with the month before and the same month of the year before."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import MONTHS
from workflows_dagster.domain.periods import by_period

MONTHS_A_YEAR = 12
# Offsets of the months that are compared.
COMPARED_WITH = (1, MONTHS_A_YEAR)


def month_of(day: date) -> date:
    """Give the first civil day of the month in which a day lies."""
    return day.replace(day=1)


def shifted(month: date, months: int) -> date:
    """Give the first civil day of the month that is a number of months after a month, or before it if negative."""
    year, place = divmod(month.year * MONTHS_A_YEAR + month.month - 1 + months, MONTHS_A_YEAR)
    return date(year, place + 1, 1)


def last_day(month: date) -> date:
    """Give the last civil day of a month."""
    return shifted(month, 1) - timedelta(days=1)


def whole_months(days: DayRange) -> DayRange:
    """Extend a range to whole months."""
    return DayRange(month_of(days.first), last_day(days.last))


def months_in(days: DayRange) -> list[date]:
    """Give the first civil day of each month in a range, in order."""
    months = [month_of(days.first)]
    while last_day(months[-1]) < days.last:
        months.append(shifted(months[-1], 1))
    return months


def first_needed(month: date) -> date:
    """Give the first civil day that the comparisons of a month need: a year before the month begins."""
    return shifted(month, -MONTHS_A_YEAR)


def months_of(days: pd.DataFrame, civil: pd.Index, asked: DayRange) -> pd.DataFrame:
    """Add up a meter's days by calendar month and compare daily means (docs/explanation/methods.md#months).

    Each month is computed from its own days only, so it is the same whether computed alone or in a range. Only months
    with a value on every day are compared.

    Args:
        days: The meter's days in order, columns `opening`, `closing`, `consumption`, `quality`, `estimated_share` and,
            for virtual meters, `residual`. They begin on `first_needed(asked.first)` at the latest, or with the meter's
            first day; days outside the months that count are ignored.
        civil: Their civil days, shape (n,), dtype `object` of `date`.
        asked: Any days of the first and the last month wanted.

    Returns:
        Index the months' first civil days (dtype `object` of `date`, name `month`), in order; a month without any day
        has no row. Columns: `value` and `closing`, the register when its first and last day open and close [meter
        unit]; `quality`, the worst day's; `consumption`, the exact sum [meter unit]; `per_day`, the mean of the days
        with a value [meter unit/d]; `estimated_share` [1]; `previous_month` and `previous_year`, `per_day` of the month
        before and of the same month a year before, NaN where either of the two is not whole [meter unit/d]; `days`
        there are, and `missing_days` of them without a value; `whole`, whether every calendar day has one; for virtual
        meters `residual`, the signed sum, and `clipped`, by how much the days' residuals lay below zero [meter unit];
        `opening_lower` and `opening_upper`, the band of `value` [meter unit].
    """
    span = whole_months(asked)
    read = DayRange(first_needed(span.first), span.last)
    within = np.array([day in read for day in civil], dtype=bool)
    sums = by_period(days[within], civil[within], "month")
    sums.index = pd.Index([date.fromisoformat(f"{name}-01") for name in sums.index], dtype=object, name="month")
    sums = sums.rename(columns={"opening": "value"})
    valued = sums["days"] - sums["missing_days"]
    sums["per_day"] = (sums["consumption"] / valued.where(valued > 0)).astype(float)
    sums["whole"] = np.array([last_day(month).day for month in sums.index], dtype=np.int64) == valued.to_numpy()
    comparable = sums["per_day"].where(sums["whole"]).to_dict()
    for column, distance in zip(("previous_month", "previous_year"), COMPARED_WITH, strict=True):
        sums[column] = [
            comparable.get(shifted(month, -distance), math.nan) if whole else math.nan
            for month, whole in zip(sums.index, sums["whole"], strict=True)
        ]
    residuals = _residuals(days[within], civil[within])
    sums["residual"] = [math.fsum(residuals[month]) if month in residuals else math.nan for month in sums.index]
    sums["clipped"] = [
        math.fsum(-value for value in residuals[month] if value < 0) if month in residuals else math.nan
        for month in sums.index
    ]
    wanted = np.array([month >= span.first for month in sums.index], dtype=bool)
    return sums.loc[wanted, list(MONTHS.columns)]


def _residuals(days: pd.DataFrame, civil: pd.Index) -> dict[date, list[float]]:
    """Collect the signed residuals by month; months without any are absent."""
    gathered: dict[date, list[float]] = {}
    if "residual" not in days:
        return gathered
    for day, residual in zip(civil, days["residual"], strict=True):
        if not math.isnan(residual):
            gathered.setdefault(month_of(day), []).append(float(residual))
    return gathered
