"""What Tibber asks for the hours of a house: what it billed where that is known, else the price of the hour."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Figure, Finding
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import RawSeries, RawStore

_PRICE, _COST, _CONSUMPTION = "unit_price", "cost", "consumption"
# An hour with less tells no price: what it cost is rounded. [kWh]
_LEAST = 0.01
# From here on a month's bill differs from consumption times price.
_DIFFERS = 0.02


def hourly_series(settings: Settings) -> tuple[RawSeries, RawSeries, RawSeries]:
    """Give where Tibber's hours are: price [currency/kWh], cost [currency], both with VAT, and consumption [kWh]."""
    meter_id = settings.site.tibber.meter_id
    price, cost, consumption = (RawSeries("energy", meter_id, name) for name in (_PRICE, _COST, _CONSUMPTION))
    return price, cost, consumption


def hourly_prices(settings: Settings, store: RawStore, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Read what a kilowatt-hour cost in each hour.

    Since prices hold for a quarter of an hour, an hour's cost is more than its consumption times its mean price. Where
    Tibber says what it billed, the price is that, divided by the consumption that it billed.

    Args:
        settings: The house.
        store: Its raw readings.
        start: First instant, UTC.
        end: Instant after the last, UTC.

    Returns:
        Price by the instant at which the hour opens, UTC. [currency/kWh]

    Raises:
        StoreError: The store cannot be read.
    """
    price_at, cost_at, consumption_at = hourly_series(settings)
    prices = store.readings(price_at, start, end)
    costs = store.readings(cost_at, start, end)
    if costs.empty:
        return prices
    index = pd.DatetimeIndex(prices.index.union(costs.index))
    used = store.readings(consumption_at, start, end).reindex(index).to_numpy(dtype=float)
    paid = costs.reindex(index).to_numpy(dtype=float)
    told = (used >= _LEAST) & ~np.isnan(paid)
    with np.errstate(divide="ignore", invalid="ignore"):
        billed = np.where(told, paid / used, prices.reindex(index).to_numpy(dtype=float))
    return pd.Series(billed, index=index).dropna()


def billing_differences(settings: Settings, store: RawStore, start: pd.Timestamp, end: pd.Timestamp) -> list[Finding]:
    """Find the months in which Tibber billed something else than consumption times the price of the hour.

    Args:
        settings: The house.
        store: Its raw readings.
        start: Instant at which the first month opens, UTC.
        end: Instant at which the last month closes, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    price, cost, consumption = (store.readings(series, start, end) for series in hourly_series(settings))
    hours = pd.DataFrame({_PRICE: price, _COST: cost, _CONSUMPTION: consumption}).dropna()
    if hours.empty:
        return []
    zone, findings = settings.site.zone, []
    local = pd.DatetimeIndex(hours.index).tz_convert(zone)
    for _, month in hours.groupby([local.year, local.month]):
        billed = float(month[_COST].sum())
        priced = float((month[_CONSUMPTION] * month[_PRICE]).sum())
        if abs(billed - priced) <= _DIFFERS * abs(billed):
            continue
        instants = pd.DatetimeIndex(month.index)
        opens = days.opening(days.civil_day(instants[0], zone).replace(day=1), zone)
        figures: dict[str, Figure] = {"billed": billed, "priced": priced, "currency": settings.tariffs.currency}
        findings.append(
            Finding("billed_otherwise", settings.site.tibber.meter_id, opens, instants[-1], figures, "note")
        )
    return findings
