"""Running sums of a meter's use and cost by the hour, as they are given back to Home Assistant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.months import last_day, month_of, months_in
from workflows_dagster.domain.statistic_slots import running_sums
from workflows_dagster.evaluation.hourly_use import HourlyUses
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.home_assistant import statistic_unit
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter
from workflows_dagster.stores.ports import ProcessedStore, Store


@dataclass(frozen=True, eq=False)
class Sums:
    """Running sums of whole civil months, the last of them up to the last day.

    Attributes:
        use: Sum of the use at the end of each hour by the hour's start, UTC. [unit of the statistic]
        cost: Sum of the cost, likewise. [currency]
        ends: Sums of the days' use and cost at each month's end, not rounded.
        hours: First hour of each month, and the one after its last. An hour in which a month opens belongs to it.
    """

    use: pd.Series
    cost: pd.Series
    ends: dict[date, tuple[float, float]]
    hours: dict[date, tuple[pd.Timestamp, pd.Timestamp]]

    def of_month(self, month: date) -> tuple[pd.Series, pd.Series]:
        """Give the sums of one month, of use and of cost."""
        first, after = self.hours[month]
        inside = (self.use.index >= first) & (self.use.index < after)
        return self.use[inside], self.cost[inside]


def given_days(settings: Settings, store: ProcessedStore, meter_id: str, last: date) -> DayRange | None:
    """Give the days that are given back: from the first with a value to the last with one; None if there is none.

    Args:
        settings: The house.
        store: Its days.
        meter_id: The meter.
        last: Last complete day.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    known = read_days(store, meter_id, None, days.closing(last, zone))["consumption"].dropna()
    if known.empty:
        return None
    return DayRange(*(days.civil_day(pd.Timestamp(known.index[k]), zone) for k in (0, -1)))


def sums_since(
    settings: Settings,
    store: Store,
    meter: Meter,
    asked: DayRange,
    first: pd.Timestamp,
    before: tuple[float, float] = (0.0, 0.0),
) -> Sums:
    """Compute the sums of some days.

    Args:
        settings: The house.
        store: Its readings, days and costs.
        meter: The meter.
        asked: The days, from the first of a month on; a day without a value uses nothing.
        first: Hour before which there are no sums, UTC.
        before: Sums of use and cost of all days before.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    hourly = HourlyUses(settings, store).of(meter, asked)
    factor = units.factor(meter.output_unit, statistic_unit(meter.output_unit) or meter.output_unit)
    used = hourly.used * factor
    use = running_sums(hourly.starts, hourly.pieces * factor, hourly.day, used, before[0])
    cost = running_sums(hourly.starts, hourly.cost_pieces, hourly.day, hourly.costs, before[1])
    at_end = [
        np.cumsum(np.concatenate([[start], np.nan_to_num(amounts)]))
        for start, amounts in zip(before, (used, hourly.costs), strict=True)
    ]
    ends, hours = {}, {}
    for month in months_in(asked):
        closing = min(last_day(month), asked.last)
        position = (closing - asked.first).days + 1
        ends[month] = (float(at_end[0][position]), float(at_end[1][position]))
        after = days.closing(closing, zone)
        hours[month] = (
            days.opening(max(month, asked.first), zone).floor("h"),
            after.ceil("h") if closing == asked.last else after.floor("h"),
        )
    there = use.index >= first
    return Sums(use[there], cost[there], ends, hours)


def month_ranges(asked: DayRange) -> list[tuple[date, DayRange]]:
    """Cut days into months, each with its first day and its days among them."""
    return [
        (month, DayRange(max(month, asked.first), min(last_day(month), asked.last)))
        for month in months_in(DayRange(month_of(asked.first), asked.last))
    ]
