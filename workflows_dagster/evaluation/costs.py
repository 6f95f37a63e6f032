"""Prices the stored days of a meter: by the hourly prices if there are any, else by its tariff's dated prices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.costs import (
    Price,
    costs,
    has_times,
    hour_cuts,
    mean_prices,
    prices_of_days,
    standing_charges,
    unit_prices,
)
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import COSTS
from workflows_dagster.domain.time_prices import mean_over_day, prices_at, time_cuts
from workflows_dagster.evaluation.derived import DerivedMeters
from workflows_dagster.evaluation.hour_prices import hourly_prices
from workflows_dagster.evaluation.hours import MeasuredHours, no_register
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter
from workflows_dagster.stores.ports import Store

_HOURLY_UNIT = "kWh"


def sums_sources(settings: Settings, meter: Meter) -> bool:
    """Tell whether a meter's cost is the sum of its sources': a master that is priced register by register.

    Each source has a tariff, and some have one of their own, or the master has none: day and night rate.
    """
    tariffs = settings.tariffs
    own = {tariff.meter for tariff in tariffs.tariffs if tariff.meter is not None}
    if not isinstance(meter, MasterMeter) or meter.meter_id in own:
        return False
    sources = [settings.meters[name] for name in meter.upstream]
    by_register = any(source.meter_id in own for source in sources) or tariffs.of_meter(meter) is None
    return by_register and all(tariffs.of_meter(source) is not None for source in sources)


def is_priced(settings: Settings, meter: Meter) -> bool:
    """Tell whether a meter's days have a cost: by its own tariff, its utility's, or its sources'."""
    return settings.tariffs.of_meter(meter) is not None or sums_sources(settings, meter)


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
        self._derived = DerivedMeters(settings, no_register)
        self._prices: dict[tuple[pd.Timestamp, pd.Timestamp], pd.Series] = {}

    @property
    def meters(self) -> tuple[str, ...]:
        """The meters that have a cost, by a tariff of theirs or by their sources', in file order."""
        return tuple(meter.meter_id for meter in self._settings.meters if is_priced(self._settings, meter))

    def of_meter(self, meter_id: str, asked: DayRange) -> pd.DataFrame:
        """Price a meter's stored days; each depends on its own day and on the prices of that day alone.

        Args:
            meter_id: The meter.
            asked: The days.

        Returns:
            Index the days' openings (UTC, name `start`), only of days whose consumption and price are known; columns
            `cost` [currency], `unit_price` (the day's, [currency/meter unit]), `standing_charge` (the day's share,
            [currency]), `lower` and `upper` (the 80 % band of an estimated day's cost, [currency]), with
            `cost = consumption · unit_price + standing_charge`. Empty for a meter without a tariff.

        Raises:
            KeyError: There is no such meter.
            StoreError: The store cannot be read.
        """
        meter = self._settings.meters[meter_id]
        tariff = self._settings.tariffs.of_meter(meter)
        openings = asked.openings(self._zone)
        if isinstance(meter, MasterMeter) and sums_sources(self._settings, meter):
            return COSTS.check(self._of_sources(meter, asked))
        if tariff is None:
            return pd.DataFrame(columns=list(COSTS.columns), index=openings[:0].rename("start"), dtype=float)
        frame = read_days(self._store, meter_id, openings[0], openings[-1])
        consumption = frame["consumption"]
        civil = days.civil_days(pd.DatetimeIndex(consumption.index), self._zone)
        dated = tariff.dated(meter)
        unit_price = unit_prices(civil, meter.output_unit, dated, self._settings.site.gas_conversion)
        if tariff.hourly_prices is not None and len(consumption):
            hourly = tariff.sign * self._means_of_hours(meter, openings).reindex(consumption.index).to_numpy()
            unit_price = np.where(np.isnan(hourly), unit_price, hourly)
        elif has_times(dated) and len(consumption):
            unit_price = self.timed_prices(meter, asked, consumption)["unit_price"].to_numpy()
        return COSTS.check(costs(consumption, unit_price, standing_charges(civil, dated), frame))

    def dated(self, meter: Meter) -> tuple[Price, ...]:
        """Give a meter's dated prices, VAT included; none without a tariff."""
        tariff = self._settings.tariffs.of_meter(meter)
        return tariff.dated(meter) if tariff is not None else ()

    def timed_prices(self, meter: Meter, asked: DayRange, consumption: pd.Series) -> pd.DataFrame:
        """Price days by the times at which their consumption was measured; the rest counts evenly over the day.

        Args:
            meter: A meter whose tariff has prices by time.
            asked: The days.
            consumption: Their stored consumption, by opening. [meter unit], shape (n,)

        Returns:
            Index as `consumption`; columns `unit_price`, NaN before the first price [currency/meter unit], and
            `evenly`, the share of the consumption that was not measured by time (0..1).

        Raises:
            StoreError: The store cannot be read.
        """
        openings, zone = asked.openings(self._zone), self._zone.key
        times = [time for price in self.dated(meter) for time in price.times]
        cuts = pd.DatetimeIndex(hour_cuts(openings).union(time_cuts(openings, zone, times)))
        starts = cuts[:-1]
        day = np.asarray(openings.searchsorted(starts, side="right")) - 1
        price = self.dated_prices(meter, openings, starts)
        consumed = consumption.reindex(openings[:-1]).to_numpy(dtype=float)
        piece = self._hours.of(meter, cuts).reindex(starts).to_numpy(dtype=float)
        hours = np.asarray((cuts[1:] - starts) / pd.Timedelta(hours=1), dtype=float)
        mean, evenly = mean_over_day(consumed, piece, price, hours, day)
        timed = pd.DataFrame({"unit_price": mean, "evenly": evenly}, index=openings[:-1])
        return timed.reindex(consumption.index)

    def dated_prices(self, meter: Meter, openings: pd.DatetimeIndex, starts: pd.DatetimeIndex) -> np.ndarray:
        """Give the dated price at instants within some days: that of the time, else that of the day.

        Args:
            meter: A meter with a tariff.
            openings: Instants at which the days open, and at which the last one closes, UTC, shape (n + 1,).
            starts: Instants within these days, UTC, increasing, shape (m,).

        Returns:
            Price, NaN before the first one. [currency/meter unit], shape (m,)
        """
        dated, gas = self.dated(meter), self._settings.site.gas_conversion
        day = np.asarray(openings.searchsorted(starts, side="right")) - 1
        civil = days.civil_days(openings[:-1], self._zone)
        otherwise = unit_prices(civil, meter.output_unit, dated, gas)
        price: np.ndarray = otherwise[day]
        for k, on in prices_of_days(civil, dated):
            if dated[k].times:
                within = np.isin(day, np.flatnonzero(on))
                per = units.conversion(meter.output_unit, dated[k].per, civil[day[within]], gas)
                at = prices_at(starts[within], self._zone.key, otherwise[day[within]] / per, dated[k].times)
                price[within] = per * at
        return price

    def _of_sources(self, meter: MasterMeter, asked: DayRange) -> pd.DataFrame:
        """Add up what the sources cost on the days on which they count, and the master's own standing charge.

        The unit price is what one of the master's units cost on that day; where nothing was used, the sources' mean.
        """
        openings = asked.openings(self._zone)
        starts = openings[:-1]
        civil = days.civil_days(starts, self._zone)
        used = read_days(self._store, meter.meter_id, openings[0], openings[-1])["consumption"].reindex(starts)
        tariff = self._settings.tariffs.of_meter(meter)
        charges = np.zeros(len(starts)) if tariff is None else standing_charges(civil, tariff.dated(meter))
        cost, standing = charges.copy(), charges.copy()
        prices, counted = np.zeros(len(starts)), np.zeros(len(starts))
        variance, is_estimated = np.zeros(len(starts)), np.zeros(len(starts), dtype=bool)
        for contribution in self._derived.contributions(meter, civil):
            source = contribution.source
            frame = self.of_meter(source, asked).reindex(starts)
            there = read_days(self._store, source, openings[0], openings[-1])["consumption"].reindex(starts).notna()
            counts = contribution.counts & there.to_numpy(dtype=bool)
            # A source that counts and has no cost leaves the master without one.
            cost += np.where(counts, frame["cost"].to_numpy(dtype=float), 0.0)
            standing += np.where(counts, np.nan_to_num(frame["standing_charge"].to_numpy(dtype=float)), 0.0)
            per_unit = frame["unit_price"].to_numpy(dtype=float) / contribution.conversion
            prices += np.where(counts, per_unit, 0.0)
            counted += counts
            width = ((frame["upper"] - frame["lower"]) / 2).to_numpy(dtype=float)
            variance += np.where(counts, np.nan_to_num(width) ** 2, 0.0)
            is_estimated |= counts & ~np.isnan(width)
        amount = used.to_numpy(dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            unit_price = np.where(amount > 0, (cost - standing) / amount, prices / counted)
        known = ~np.isnan(amount) & ~np.isnan(cost) & (counted > 0)
        half = np.where(is_estimated, np.sqrt(variance), np.nan)
        columns = dict(zip(COSTS.columns, (cost, unit_price, standing, cost - half, cost + half), strict=True))
        priced: pd.DataFrame = pd.DataFrame(columns, index=starts.rename("start"), dtype=float).loc[known]
        return priced

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
            self._prices[start, end] = hourly_prices(self._settings, self._store, start.floor("h"), end)
        return self._prices[start, end]
