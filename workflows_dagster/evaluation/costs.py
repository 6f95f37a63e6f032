"""Prices the stored days of a meter: by the hourly prices if there are any, else by its tariff's dated prices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.costs import (
    costs,
    hour_cuts,
    mean_prices,
    standing_charges,
    unit_prices,
)
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import COSTS
from workflows_dagster.evaluation.hours import MeasuredHours
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter
from workflows_dagster.stores.ports import RawSeries, Store

_HOURLY_UNIT = "kWh"


def hourly_prices(settings: Settings) -> RawSeries:
    """Give the series to which the Tibber sync writes the price of each hour, VAT included. [currency/kWh]"""  # noqa: D415
    return RawSeries("energy", settings.site.tibber.meter_id, "unit_price")


class Costing:
    """Prices the days of one house.

    Args:
        settings: The house and its tariffs.
        store: Its processed days, its raw readings and the prices of the hours.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._zone = settings.site.zone
        self._hours = MeasuredHours(settings, store)
        self._prices: dict[tuple[pd.Timestamp, pd.Timestamp], pd.Series] = {}

    @property
    def meters(self) -> tuple[str, ...]:
        """The meters that have a tariff, their own or their utility's, in file order."""
        tariffs = self._settings.tariffs
        return tuple(meter.meter_id for meter in self._settings.meters if tariffs.of_meter(meter) is not None)

    def of_meter(self, meter_id: str, asked: DayRange) -> pd.DataFrame:
        """Price a meter's stored days; each depends on its own day and on the prices of that day alone.

        Args:
            meter_id: The meter.
            asked: The days.

        Returns:
            Index the days' openings (UTC, name `start`), only of days whose consumption and price are known; columns
            `cost` [currency], `unit_price` (the day's, [currency/meter unit]), `standing_charge` (the day's share,
            [currency]), with `cost = consumption · unit_price + standing_charge`. Empty for a meter without a tariff.

        Raises:
            KeyError: There is no such meter.
            StoreError: The store cannot be read.
        """
        meter = self._settings.meters[meter_id]
        tariff = self._settings.tariffs.of_meter(meter)
        openings = asked.openings(self._zone)
        if tariff is None:
            return pd.DataFrame(columns=list(COSTS.columns), index=openings[:0].rename("start"), dtype=float)
        consumption = read_days(self._store, meter_id, openings[0], openings[-1])["consumption"]
        civil = days.civil_days(pd.DatetimeIndex(consumption.index), self._zone)
        dated = tariff.dated(meter)
        unit_price = unit_prices(civil, meter.output_unit, dated, self._settings.site.gas_conversion)
        if tariff.hourly_prices is not None and len(consumption):
            hourly = tariff.sign * self._means_of_hours(meter, openings).reindex(consumption.index).to_numpy()
            unit_price = np.where(np.isnan(hourly), unit_price, hourly)
        return COSTS.check(costs(consumption, unit_price, standing_charges(civil, dated)))

    def _means_of_hours(self, meter: Meter, openings: pd.DatetimeIndex) -> pd.Series:
        """Give the mean price of each day that has hourly prices, by opening. [currency/meter unit]"""  # noqa: D415
        prices = self._hourly_prices(openings[0], openings[-1])
        if prices.empty:
            return pd.Series(index=openings[:0], dtype=float)
        # Hours are costly to evaluate, so none before the first price or after the last are.
        lo = max(int(openings.searchsorted(prices.index[0], side="right")) - 1, 0)
        hi = max(int(openings.searchsorted(prices.index[-1], side="right")), lo + 1)
        within = openings[lo : hi + 1]
        cuts = hour_cuts(within)
        starts = cuts[:-1]
        means = mean_prices(
            self._hours.of(meter, cuts).reindex(starts).to_numpy(dtype=float),
            prices.reindex(starts.floor("h")).to_numpy() * units.factor(meter.output_unit, _HOURLY_UNIT),
            np.asarray(within.searchsorted(starts, side="right")) - 1,
            len(within) - 1,
        )
        return pd.Series(means, index=within[:-1])

    def _hourly_prices(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Give the prices of the hours that touch `[start, end)`, by their full hour, UTC. [currency/kWh]"""  # noqa: D415
        if (start, end) not in self._prices:
            self._prices[start, end] = self._store.readings(hourly_prices(self._settings), start.floor("h"), end)
        return self._prices[start, end]
