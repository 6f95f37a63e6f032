"""Adds up the stored costs of days by month."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.months import month_of
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import COST_DAILY, ProcessedStore


@dataclass(frozen=True)
class CostsOfMonth:
    """What a meter cost in a month, as far as its days are priced.

    Attributes:
        cost: Sum of the days. [currency]
        days: Number of priced days.
        currency: Code such as `EUR`.
    """

    cost: float
    days: int
    currency: str


def costs_by_month(
    settings: Settings, store: ProcessedStore, first: date, last: date
) -> dict[str, dict[date, CostsOfMonth]]:
    """Add up each meter's costs by month.

    Args:
        settings: The house.
        store: Where the costs are.
        first: First civil day.
        last: Last civil day, included.

    Returns:
        By meter, for those that have costs, and by the first day of the month.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    found: dict[str, dict[date, CostsOfMonth]] = {}
    for meter in settings.meters:
        frame = store.read(COST_DAILY, meter.meter_id, days.opening(first, zone), days.closing(last, zone))
        frame = frame[frame["cost"].notna()]
        if frame.empty:
            continue
        months: dict[date, list[float]] = {}
        for day, cost in zip(days.civil_days(pd.DatetimeIndex(frame.index), zone), frame["cost"], strict=True):
            months.setdefault(month_of(day), []).append(float(cost))
        currency = str(frame["unit"].iloc[-1])
        found[meter.meter_id] = {
            month: CostsOfMonth(math.fsum(costs), len(costs), currency) for month, costs in months.items()
        }
    return found
