"""The price of the house's electricity."""

from __future__ import annotations

from datetime import date

import numpy as np

from workflows_dagster.domain import days, units
from workflows_dagster.domain.costs import unit_prices
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.reports.layout import fed_into_grid, layout
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import COST_DAILY, Store

_ENERGY = "kWh"


def electricity_price(settings: Settings, store: Store, first: date, last: date) -> float | None:
    """Give the mean price of electricity over some days: what was stored for a day, else what the tariff says.

    The first main meter of electricity in meters.yaml that has a price counts.

    Args:
        settings: The house and its tariffs.
        store: Its stored costs.
        first: First day.
        last: Last day, included.

    Returns:
        Price, None if no day has one. [currency/kWh]

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    asked = days.DayRange(first, last)
    openings = asked.openings(zone)[:-1]
    costing = Costing(settings, store)
    for place in layout(settings.meters, fed_into_grid(settings)).get("electricity", ()):
        meter, name = place.meter, place.meter.meter_id
        if place.role != "main":
            continue
        civil = days.civil_days(openings, zone)
        dated = unit_prices(civil, meter.output_unit, costing.dated(meter), settings.site.gas_conversion)
        stored = store.read(COST_DAILY, name, *asked.bounds(zone))["unit_price"].reindex(openings).to_numpy(dtype=float)
        prices = np.where(np.isfinite(stored), stored, dated) * units.factor(_ENERGY, meter.output_unit)
        if np.isfinite(prices).any():
            return float(np.nanmean(prices))
    return None
