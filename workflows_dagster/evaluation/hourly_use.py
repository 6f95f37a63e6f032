"""Every hour of any meter, measured or estimated, and what it cost: days spread over their hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflows_dagster.domain import units
from workflows_dagster.domain.costs import hour_cuts
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.statistic_slots import spread_days
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.evaluation.hour_prices import hourly_prices
from workflows_dagster.evaluation.hours import AllHours
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, VirtualMeter
from workflows_dagster.stores.ports import COST_DAILY, Store

_HOURLY_UNIT = "kWh"


@dataclass(frozen=True, eq=False)
class HourlyUse:
    """A meter's stored days and their pieces, cut at whole UTC hours.

    Attributes:
        openings: Instants at which the days open, and at which the last one closes, UTC, shape (n + 1,).
        used: Consumption of each day, NaN for a day without a value. [meter unit], shape (n,)
        starts: Instants at which the pieces open, UTC, shape (m,).
        day: Position of the day that each piece is in, shape (m,).
        pieces: Consumption of each piece; those of a day add up to it. [meter unit], shape (m,)
        costs: Cost of each day, NaN where it has none. [currency], shape (n,)
        cost_pieces: Cost of each piece, likewise. [currency], shape (m,)
    """

    openings: pd.DatetimeIndex
    used: np.ndarray
    starts: pd.DatetimeIndex
    day: np.ndarray
    pieces: np.ndarray
    costs: np.ndarray
    cost_pieces: np.ndarray


class HourlyUses:
    """Spreads the stored days of one house over their hours.

    Measured hours stay as measured; the hours of an estimated day follow the meter's weight. The standing charge is
    spread evenly over the day, the rest of the cost goes with the consumption and the price of the hour.

    Args:
        settings: The house.
        store: Its readings, days and costs.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._hours = AllHours(settings, store)
        self._costing = Costing(settings, store)

    def of(self, meter: Meter, asked: DayRange) -> HourlyUse:
        """Give a meter's hours over some civil days.

        Raises:
            StoreError: The store cannot be read.
        """
        openings = asked.openings(self._settings.site.zone)
        cuts = hour_cuts(openings)
        starts, begins = cuts[:-1], openings[:-1]
        day = np.asarray(openings.searchsorted(starts, side="right")) - 1
        hours = np.asarray((cuts[1:] - starts) / pd.Timedelta(hours=1), dtype=float)
        stored = read_days(self._store, meter.meter_id, openings[0], openings[-1])
        used = stored["consumption"].reindex(begins).to_numpy(dtype=float)
        raw = self._hours.of(meter, cuts).reindex(starts).to_numpy(dtype=float)
        if isinstance(meter, VirtualMeter):
            raw = np.maximum(raw, 0.0)
        pieces = spread_days(used, raw, hours, day)
        cost = self._store.read(COST_DAILY, meter.meter_id, openings[0], openings[-1]).reindex(begins)
        total, standing = cost["cost"].to_numpy(dtype=float), cost["standing_charge"].to_numpy(dtype=float)
        weights = pieces * self._prices(meter, openings, starts, day, cost["unit_price"].to_numpy(dtype=float))
        by_use = spread_days(total - standing, weights, hours, day)
        evenly = spread_days(standing, np.zeros(len(starts)), hours, day)
        return HourlyUse(openings, used, starts, day, pieces, total, by_use + evenly)

    def _prices(
        self, meter: Meter, openings: pd.DatetimeIndex, starts: pd.DatetimeIndex, day: np.ndarray, daily: np.ndarray
    ) -> np.ndarray:
        """Give the price at each piece: of its hour, of its time of day, or of its day; only their relation matters."""
        prices: np.ndarray = np.nan_to_num(daily, nan=1.0)[day]
        tariff = self._settings.tariffs.of_meter(meter)
        if tariff is None or not len(starts):
            return prices
        at = self._costing.dated_prices(meter, openings, starts)
        if tariff.hourly_prices is not None:
            hourly = hourly_prices(self._settings, self._store, starts[0].floor("h"), openings[-1])
            per_unit = units.factor(meter.output_unit, _HOURLY_UNIT)
            at = hourly.reindex(starts.floor("h")).to_numpy(dtype=float) * per_unit
        return np.asarray(np.where(np.isnan(at), prices, at))
