"""Days and costs written as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.records.days import write_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import CONSUMPTION_MONTHLY, COST_DAILY, Store


def store_days(
    settings: Settings,
    store: Store,
    meter_id: str,
    first: date,
    used: Sequence[float],
    *,
    share: float = 0.0,
    residual: Sequence[float] | None = None,
) -> None:
    """Write a meter's days from `first` on; those that are NaN are missing."""
    zone, amounts = settings.site.zone, np.array(used, dtype=float)
    openings = DayRange(first, first + timedelta(days=len(amounts) - 1)).openings(zone)
    missing = np.isnan(amounts)
    closing = 100 + np.nancumsum(amounts)
    frame = pd.DataFrame(
        {
            "opening": closing - np.nan_to_num(amounts),
            "closing": closing,
            "consumption": amounts,
            "quality": np.where(missing, "missing", "interpolated" if share else "measured").astype(object),
            "estimated_share": np.where(missing, np.nan, share),
            "residual": np.nan if residual is None else np.array(residual, dtype=float),
        },
        index=openings[:-1],
    )
    unit = settings.meters[meter_id].output_unit
    write_days(store, meter_id, unit, openings[0], openings[-1], frame)


def store_costs(settings: Settings, store: Store, meter_id: str, first: date, costs: Sequence[float]) -> None:
    """Write what a meter's days cost, in euros."""
    openings = DayRange(first, first + timedelta(days=len(costs) - 1)).openings(settings.site.zone)
    frame = pd.DataFrame({"cost": costs, "unit_price": 0.3, "standing_charge": 0.0}, index=openings[:-1])
    store.replace(COST_DAILY, meter_id, "EUR", openings[0], openings[-1], frame)


def store_month_bands(
    settings: Settings, store: Store, meter_id: str, bands: Mapping[date, tuple[float, float, float]]
) -> None:
    """Write the sums and bands of some months by their first days."""
    openings = pd.DatetimeIndex([days.opening(first, settings.site.zone) for first in bands]).as_unit("us")
    frame = pd.DataFrame(bands.values(), columns=["consumption", "lower", "upper"], index=openings)
    end = openings[-1] + pd.Timedelta(days=1)
    store.replace(CONSUMPTION_MONTHLY, meter_id, settings.meters[meter_id].output_unit, openings[0], end, frame)
