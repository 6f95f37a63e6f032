"""Reads a meter's stored months and years, the running month as far as it goes."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.frames import BAND_COLUMNS, REGISTER_BAND_COLUMNS
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import (
    CONSUMPTION_MONTHLY,
    CONSUMPTION_YEARLY,
    MONTH_TO_DATE,
    REGISTER_MONTHLY,
    Measurement,
    ProcessedStore,
)

COLUMNS = (
    "opening",
    "closing",
    "consumption",
    *BAND_COLUMNS,
    "unit",
    "quality",
    "estimated_share",
    *REGISTER_BAND_COLUMNS,
    "days",
)
_OF_REGISTER = {
    "opening": "value",
    "closing": "closing",
    **dict(zip(REGISTER_BAND_COLUMNS, BAND_COLUMNS, strict=True)),
}
_NAMES = {"month": "%Y-%m", "year": "%Y"}


def stored_sums(
    settings: Settings,
    store: ProcessedStore,
    meter_id: str,
    step: Literal["month", "year"],
    first: date | None = None,
    last: date | None = None,
) -> pd.DataFrame:
    """Read a meter's stored months or years.

    Args:
        settings: The house.
        store: Where they are.
        meter_id: The meter.
        step: Months or years.
        first: A civil day of the first; None for the first there is.
        last: A civil day of the last; None for the last there is.

    Returns:
        Index the period's name (`2024-05`, `2024`), in order; columns `COLUMNS`: register at opening and closing and
        the band of that at opening (NaN for years and virtual meters), consumption and its band [unit], unit, worst
        quality, estimated share [1], number of days. The running month and year go to the last day that is known.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    start = days.opening(first.replace(day=1) if step == "month" else date(first.year, 1, 1), zone) if first else None
    end = days.closing(last, zone) if last else None

    def read(measurement: Measurement) -> pd.DataFrame:
        return store.read(measurement, meter_id, start, end)

    if step == "year":
        found = read(CONSUMPTION_YEARLY)
    else:
        months, running = read(CONSUMPTION_MONTHLY), read(MONTH_TO_DATE)
        register = read(REGISTER_MONTHLY)
        running = running[~running.index.isin(months.index)]
        found = pd.concat([months, running]).sort_index() if len(running) else months
        found = found.assign(**{name: register[field].reindex(found.index) for name, field in _OF_REGISTER.items()})
    names = [f"{opening:{_NAMES[step]}}" for opening in pd.DatetimeIndex(found.index).tz_convert(zone)]
    return found.reindex(columns=list(COLUMNS)).set_axis(pd.Index(names, dtype=object), axis=0)
