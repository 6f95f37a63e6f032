"""The days of a report: each meter's month and the year before it, in kWh or m³."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, months, units
from workflows_dagster.domain.allocation import QUALITIES
from workflows_dagster.domain.days import DayRange
from workflows_dagster.records.days import read_days
from workflows_dagster.reports.content import Money
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import CONSUMPTION_MONTHLY, COST_DAILY, ProcessedStore


@dataclass(frozen=True)
class MeterDays:
    """One meter's days in the report's unit, from a year before the month to its end.

    Attributes:
        frame: As `read_days` gives them; consumption and residual in `unit`.
        civil: Their civil days, dtype `object` of `date`.
        unit: kWh for energy, m³ for volume.
        cost: What the month cost, if that is known.
        cost_days: Days of the month that have a cost.
        bands: Stored 80 % bands of its months by first civil day; absent where measured. [unit]
    """

    frame: pd.DataFrame
    civil: pd.Index
    unit: str
    cost: Money | None = None
    cost_days: int = 0
    bands: Mapping[date, tuple[float, float]] = field(default_factory=dict)

    def month(self, month: date) -> Mapping[str, Any]:
        """Give the month's row as `months_of` makes it; some day of the month is there."""
        row = months.months_of(self.frame, self.civil, DayRange.single(month)).loc[month]
        return {str(column): row[column] for column in row.index}

    def valued(self, month: date) -> int:
        """Count the month's days that have a value."""
        last = months.last_day(month)
        return sum(
            month <= day <= last and not math.isnan(used)
            for day, used in zip(self.civil, self.frame["consumption"], strict=True)
        )

    def by_day(self) -> dict[date, Mapping[str, float]]:
        """Give each civil day's `consumption`, `lower`, `upper` [unit] and `estimated_share` [1], NaN if not known."""
        rows = self.frame[["consumption", "estimated_share", "lower", "upper"]].to_dict("records")
        return {
            day: {str(name): float(value) for name, value in row.items()}
            for day, row in zip(self.civil, rows, strict=True)
        }

    def by_month(self, month: date) -> pd.DataFrame:
        """Give the rows of the month and the twelve before it as `months_of` makes them."""
        return months.months_of(self.frame, self.civil, DayRange(months.first_needed(month), month))


@dataclass(frozen=True)
class HouseMonth:
    """A month of the whole house.

    Attributes:
        month: Its first civil day.
        meters: Days of the meters that have any in the month, by id, in file order.
    """

    month: date
    meters: Mapping[str, MeterDays]

    @cached_property
    def days(self) -> int:
        """Number of days on which at least one meter has a value; less than the whole month while it is running."""
        return max(counted.valued(self.month) for counted in self.meters.values())


def read_month(settings: Settings, store: ProcessedStore, month: date) -> HouseMonth:
    """Read the days of every meter that has any in the month, and the year before them.

    Args:
        settings: The house.
        store: Where the days are.
        month: First civil day of the month.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    start, end = days.opening(months.first_needed(month), zone), days.closing(months.last_day(month), zone)
    found = {}
    for meter in settings.meters:
        frame = read_days(store, meter.meter_id, start, end)
        civil = days.civil_days(pd.DatetimeIndex(frame.index), zone)
        if len(civil) == 0 or civil[-1] < month:
            continue
        unit = units.base_unit(meter.output_unit)
        factor = units.factor(meter.output_unit, unit)
        scaled = ("consumption", "lower", "upper", "residual")
        frame = frame.assign(**{column: frame[column] * factor for column in scaled})
        costs = store.read(COST_DAILY, meter.meter_id, days.opening(month, zone), end)
        costs = costs[costs["cost"].notna()]
        total = cost_of_days(costs, frame["residual"] / factor)
        cost = Money(total, str(costs["unit"].iloc[-1])) if len(costs) else None
        bands = _bands(store.read(CONSUMPTION_MONTHLY, meter.meter_id, start, end), factor, zone)
        found[meter.meter_id] = MeterDays(frame, civil, unit, cost, len(costs), bands)
    return HouseMonth(month, found)


def _bands(stored: pd.DataFrame, factor: float, zone: ZoneInfo) -> dict[date, tuple[float, float]]:
    known = stored.dropna(subset=["lower", "upper"])
    firsts = days.civil_days(pd.DatetimeIndex(known.index), zone)
    ends = zip(known["lower"] * factor, known["upper"] * factor, strict=True)
    return dict(zip(firsts, ((float(lower), float(upper)) for lower, upper in ends), strict=True))


def cost_of_days(costs: pd.DataFrame, residual: pd.Series) -> float:
    """Add up what days cost; of a virtual meter, days below zero are set off before the sum is kept from falling there.

    Args:
        costs: Columns `cost`, `unit_price` [currency/meter unit] and `standing_charge` by the days' openings, UTC.
        residual: Signed residual by day; NaN of meters that are not virtual. [meter unit]

    Returns:
        The cost of all of them. [currency]
    """
    net = residual.reindex(costs.index)
    if net.isna().all():
        return math.fsum(costs["cost"])
    used = np.where(net < 0, net * costs["unit_price"], costs["cost"] - costs["standing_charge"])
    energy = math.fsum(used) if math.fsum(net.dropna()) > 0 else 0.0
    return energy + math.fsum(costs["standing_charge"])


def together(parts: Sequence[MeterDays]) -> MeterDays:
    """Add up parallel meters; a day without a value of one of them has no value.

    Args:
        parts: At least one meter's days, all in one unit.
    """
    index = pd.DatetimeIndex(sorted(set().union(*(part.frame.index for part in parts))))
    index = index.rename(parts[0].frame.index.name)
    consumption, weight, shares = np.zeros(len(index)), np.zeros(len(index)), np.zeros(len(index))
    worst = np.zeros(len(index), dtype=np.int64)
    civil: dict[pd.Timestamp, date] = {}
    for part in parts:
        civil.update(zip(part.frame.index, part.civil, strict=True))
        own = part.frame.reindex(index)
        there = own["quality"].notna().to_numpy()
        used = np.where(there, own["consumption"].to_numpy(dtype=float), 0.0)
        consumption, weight = consumption + used, weight + np.abs(used)
        shares = shares + np.abs(used) * np.nan_to_num(own["estimated_share"].to_numpy(dtype=float))
        ranks = [QUALITIES.index(q) if known else 0 for q, known in zip(own["quality"], there, strict=True)]
        worst = np.maximum(worst, ranks)
    known = ~np.isnan(consumption)
    divisor = np.where(weight > 0, weight, 1.0)
    frame = pd.DataFrame(
        {
            "opening": np.nan,
            "closing": np.nan,
            "consumption": consumption,
            "quality": np.array(QUALITIES, dtype=object)[worst],
            "estimated_share": np.where(known, shares / divisor, np.nan),
            "residual": np.nan,
            # A sum has no band without a calculation of its own.
            "lower": np.nan,
            "upper": np.nan,
        },
        index=index,
    )
    costs = [part.cost for part in parts if part.cost is not None]
    all_cost = len(costs) == len(parts) and len({cost.currency for cost in costs}) == 1
    cost = Money(math.fsum(cost.value for cost in costs), costs[0].currency) if all_cost else None
    days_of_all = pd.Index([civil[start] for start in index], dtype=object)
    return MeterDays(frame, days_of_all, parts[0].unit, cost, min(part.cost_days for part in parts))
