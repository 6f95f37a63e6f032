"""Reads a meter's stored days, adds them up by month or year, and computes today so far."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import BAND_COLUMNS, REGISTER_BAND_COLUMNS
from workflows_dagster.domain.periods import Step, by_period
from workflows_dagster.evaluation import Evaluated, Evaluation
from workflows_dagster.evaluation.sums import HouseSums
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import ProcessedStore, Store

COLUMNS = ("opening", "closing", "consumption", "unit", "quality", "estimated_share", *REGISTER_BAND_COLUMNS)
# Quality of the running day.
PROVISIONAL = "provisional"


def stored_days(
    settings: Settings, store: ProcessedStore, meter_id: str, first: date | None = None, last: date | None = None
) -> pd.DataFrame:
    """Read a meter's stored days.

    Args:
        settings: The house.
        store: Where the days are.
        meter_id: The meter.
        first: First civil day; None for the first there is.
        last: Last civil day, included; None for the last there is.

    Returns:
        As `records.days.read_days` gives them: index the days' openings, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    start = days.opening(first, zone) if first else None
    end = days.closing(last, zone) if last else None
    return read_days(store, meter_id, start, end)


def stored_consumption(
    settings: Settings,
    store: ProcessedStore,
    meter_id: str,
    first: date | None = None,
    last: date | None = None,
    step: Step = "day",
) -> pd.DataFrame:
    """Read a meter's stored days and add them up by day, month or year.

    Args:
        settings: The house.
        store: Where the days are.
        meter_id: The meter.
        first: First civil day; None for the first there is.
        last: Last civil day, included; None for the last there is.
        step: What to add up to.

    Returns:
        Index the period's name (`2024-05-31`, `2024-05`, `2024`), in order; columns `COLUMNS`: `opening`, `closing`
        and `consumption` [unit], `unit`, `quality` (the worst day's), `estimated_share` [1], and the band of
        `opening` [unit].

    Raises:
        StoreError: The store cannot be read.
    """
    return named(settings, stored_days(settings, store, meter_id, first, last), step)


def with_bands(
    settings: Settings, store: Store, meter_id: str, frame: pd.DataFrame, step: Step = "day"
) -> pd.DataFrame:
    """Add up a meter's days by day, month or year, with the 80 % bands.

    Those of days are stored; those of months and years are computed from the raw readings, each for itself. Where all
    is measured, they are the number itself.

    Args:
        settings: The house.
        store: Its readings and profiles.
        meter_id: The meter.
        frame: Days as `stored_days` gives them.
        step: What to add up to.

    Returns:
        As `named`, with the columns `lower` and `upper` after `consumption`. [unit]

    Raises:
        StoreError: The readings cannot be read.
    """
    is_measured = (frame["quality"] == "measured").to_numpy(dtype=bool)
    for name in REGISTER_BAND_COLUMNS:
        own = frame[name].mask(is_measured & frame[name].isna().to_numpy(), frame["opening"])
        frame = frame.assign(**{name: own})
    found = named(settings, frame, step)
    if frame.empty:
        return found.reindex(columns=[*COLUMNS[:3], *BAND_COLUMNS, *COLUMNS[3:]])
    banded = HouseSums(settings, store).with_bands(meter_id, frame, step)
    measured = found["estimated_share"].to_numpy(dtype=float) == 0
    place = list(found.columns).index("consumption") + 1
    for name in reversed(BAND_COLUMNS):
        found.insert(place, name, np.where(measured, found["consumption"], banded[name].to_numpy(dtype=float)))
    return found


def today_so_far(
    settings: Settings,
    store: Store,
    meter_id: str,
    now: pd.Timestamp,
    first: date | None = None,
    last: date | None = None,
) -> pd.DataFrame:
    """Compute today until now from the raw readings, if today is within the days asked for.

    Returns:
        A row as `stored_consumption` gives it, of quality `PROVISIONAL`; empty if today is not asked for.

    Raises:
        StoreError: The store cannot be read.
    """
    now = now.as_unit("us")
    today = days.civil_day(now, settings.site.zone)
    if (first and first > today) or (last and last < today):
        return pd.DataFrame(columns=list(COLUMNS))
    frame = Evaluation(settings, store, until=now).days(meter_id, DayRange.single(today)).days
    frame = frame.reindex(columns=[name for name in COLUMNS if name != "unit"])
    unit = settings.meters[meter_id].output_unit
    return named(settings, frame.assign(unit=unit, quality=PROVISIONAL), "day")


def analyse(settings: Settings, store: Store, meter_id: str, asked: DayRange) -> Evaluated:
    """Compute a meter's days from the raw readings, without storing them.

    The days equal those that a backfill stores, to the last bit.

    Args:
        settings: The house.
        store: Its readings and profiles.
        meter_id: The meter.
        asked: Civil days that are over.

    Returns:
        The days, index their openings, UTC, and the findings about them.

    Raises:
        StoreError: The store cannot be read.
    """
    return Evaluation(settings, store).days(meter_id, asked)


def named(settings: Settings, frame: pd.DataFrame, step: Step) -> pd.DataFrame:
    """Add up days by day, month or year.

    Args:
        settings: The house.
        frame: Days as `stored_days` gives them.
        step: What to add up to.

    Returns:
        As `stored_consumption`.
    """
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    civil = days.civil_days(pd.DatetimeIndex(frame.index), settings.site.zone)
    if step == "day":
        named = frame.set_index(pd.Index([day.isoformat() for day in civil], dtype=object))
    else:
        named = by_period(frame, civil, step).assign(unit=frame["unit"].iloc[-1])
    return named[list(COLUMNS)]
