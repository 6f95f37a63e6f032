"""Costs of consumption by day, from dated and hourly prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain import units
from workflows_dagster.domain.frames import BAND_COLUMNS, COSTS
from workflows_dagster.domain.time_prices import TimePrice
from workflows_dagster.domain.units import GasFactors

Span = Literal["year", "month", "day"]


@dataclass(frozen=True)
class Price:
    """A price with VAT, valid until the next one.

    Attributes:
        valid_from: First civil day on which it holds.
        unit_price: Price of one `per`, may be negative; None if there is no unit price. [currency/per]
        per: Canonical unit that is priced.
        standing_charge: Charge independent of consumption. [currency/charged_per]
        charged_per: Period of one standing charge.
        times: Prices that hold instead at some times of some weekdays.
    """

    valid_from: date
    unit_price: float | None
    per: str
    standing_charge: float = 0.0
    charged_per: Span = "year"
    times: tuple[TimePrice, ...] = ()


def unit_prices(civil: pd.Index, unit: str, prices: Sequence[Price], gas: tuple[GasFactors, ...]) -> np.ndarray:
    """Give each day's dated price of one of the meter's units (docs/explanation/methods.md#costs).

    Args:
        civil: Civil days, shape (n,), dtype `object` of `date`.
        unit: The meter's unit, canonical.
        prices: By `valid_from` increasing.
        gas: Gas factors, by `valid_from` increasing; needed where a price is per unit of the other quantity.

    Returns:
        Price, NaN before the first and where there is no unit price. [currency/unit], shape (n,)
    """
    result = np.full(len(civil), np.nan)
    for k, on in prices_of_days(civil, prices):
        price = prices[k]
        if price.unit_price is not None and on.any():
            result[on] = price.unit_price * units.conversion(unit, price.per, civil[on], gas)
    return result


def standing_charges(civil: pd.Index, prices: Sequence[Price]) -> np.ndarray:
    """Give each day's share of the standing charge: of a year 1/365 or 1/366, of a month 1/28 to 1/31.

    Args:
        civil: Civil days, shape (n,), dtype `object` of `date`.
        prices: By `valid_from` increasing.

    Returns:
        Share, 0 before the first price. [currency/d], shape (n,)
    """
    calendar = pd.DatetimeIndex(civil)
    length = {
        "year": np.where(calendar.is_leap_year, 366.0, 365.0),
        "month": np.asarray(calendar.days_in_month, dtype=float),
        "day": np.ones(len(civil)),
    }
    result = np.zeros(len(civil))
    for k, on in prices_of_days(civil, prices):
        result[on] = prices[k].standing_charge / length[prices[k].charged_per][on]
    return result


def has_times(prices: Sequence[Price]) -> bool:
    """Tell whether a price depends on the time of day."""
    return any(price.times for price in prices)


def prices_of_days(civil: pd.Index, prices: Sequence[Price]) -> Iterator[tuple[int, np.ndarray]]:
    """Give each price's position and the days on which it holds, shape (n,), `bool`."""
    holds = _which(civil, prices)
    for k in range(len(prices)):
        yield k, holds == k


def hour_cuts(openings: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Cut days into their hours: at each full hour of UTC and, where a zone is shifted by half of one, at midnight too.

    Args:
        openings: Instants at which the days open, and at which the last one closes, UTC, increasing, shape (n + 1,).

    Returns:
        UTC instants, increasing, from the first opening to the last closing.
    """
    full = pd.date_range(openings[0].ceil("h"), openings[-1], freq="h", unit="us")
    return pd.DatetimeIndex(full.union(openings.as_unit("us")))


def mean_prices(consumption: np.ndarray, price: np.ndarray, day: np.ndarray, days: int) -> np.ndarray:
    """Give each day's mean hourly price, weighted by the hours' consumption.

    Only hours with known price and consumption count. If nothing was consumed in them, they weigh equally; if no hour's
    consumption is known, all prices weigh equally. A day's mean depends only on its own hours, to the last bit.

    Args:
        consumption: Consumption of each hour, NaN where it was not measured. [meter unit], shape (m,)
        price: Price of each hour, NaN where none is known. [currency/unit], shape (m,)
        day: Position of the day that each hour is in, shape (m,), `int64`.
        days: Number of days, n.

    Returns:
        Mean price, NaN for a day without any price. [currency/unit], shape (n,)
    """
    priced = ~np.isnan(price)
    known = priced & ~np.isnan(consumption)
    used = _by_day(consumption[known], day[known], days)
    paid = _by_day(consumption[known] * price[known], day[known], days)
    # If a day has an hour with both, only such hours count.
    counted = known | (priced & ~np.isin(day, day[known]))
    hours = np.bincount(day[counted], minlength=days)
    alike = _by_day(price[counted], day[counted], days)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(used > 0, paid / used, np.where(hours > 0, alike / hours, np.nan))


def costs(
    consumption: pd.Series, unit_price: np.ndarray, standing_charge: np.ndarray, band: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Price each day: `cost = consumption · unit_price + standing_charge`.

    Args:
        consumption: Consumption of each day, NaN where it is not known, shape (n,). [meter unit]
        unit_price: Each day's price, NaN where there is none, shape (n,). [currency/unit]
        standing_charge: Each day's share of the standing charge, shape (n,). [currency/d]
        band: Columns `lower` and `upper` of the consumption, NaN where measured, shape (n, 2). [meter unit]

    Returns:
        Index as `consumption`, without the days whose consumption or price is not known; columns `cost`, `unit_price`,
        `standing_charge`, and `lower` and `upper` of the cost (`float64`). Nothing is rounded.
    """
    cost = consumption.to_numpy(dtype=float) * unit_price + standing_charge
    ends = np.full((len(cost), 2), np.nan) if band is None else band[list(BAND_COLUMNS)].to_numpy(dtype=float)
    priced_ends = ends * unit_price[:, None] + standing_charge[:, None]
    # What is earned has a negative price.
    lower, upper = priced_ends.min(axis=1), priced_ends.max(axis=1)
    columns = dict(zip(COSTS.columns, (cost, unit_price, standing_charge, lower, upper), strict=True))
    priced: pd.DataFrame = pd.DataFrame(columns, index=consumption.index, dtype=float).loc[~np.isnan(cost)]
    return priced


def _which(civil: pd.Index, prices: Sequence[Price]) -> np.ndarray:
    """Give the index of each day's price, -1 before the first."""
    starts = np.array([price.valid_from.toordinal() for price in prices], dtype=np.int64)
    ordinals = np.array([day.toordinal() for day in civil], dtype=np.int64)
    return np.searchsorted(starts, ordinals, side="right") - 1


def _by_day(amounts: np.ndarray, day: np.ndarray, days: int) -> np.ndarray:
    # Sequential sums, so that a day's sum does not depend on the days around it.
    return np.bincount(day, weights=amounts, minlength=days)
