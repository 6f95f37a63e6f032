"""Takes states that Home Assistant sends by an automation as readings."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from workflows_dagster.evaluation import raw_series
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import Store

Outcome = Literal["stored", "same", "unknown_entity", "interval_meter", "not_a_number", "implausible_time"]
_CLOCKS_DIFFER = pd.Timedelta(minutes=5)
_OLDEST = pd.Timedelta(days=7)
_STEP = pd.Timedelta(microseconds=1)


def take_state(
    settings: Settings, store: Store, entity_id: str, state: str, at: pd.Timestamp, now: pd.Timestamp
) -> Outcome:
    """Store a state of an entity that a meter reads; the same again changes nothing.

    Args:
        settings: The house.
        store: Where to write.
        entity_id: Home Assistant's entity, with or without its domain.
        state: Its state, a number.
        at: When it changed, UTC.
        now: The present, UTC.

    Raises:
        StoreError: It was not stored.
    """
    meter = _meter_of(settings, entity_id)
    if meter is None:
        return "unknown_entity"
    if meter.source.kind == "interval":
        return "interval_meter"
    value = _number(state)
    if value is None or (value < 0 and not meter.source.turns_back):
        return "not_a_number"
    if at > now + _CLOCKS_DIFFER or at < now - _OLDEST:
        return "implausible_time"
    series = raw_series(meter)
    there = store.readings(series, at, at + _STEP)
    if len(there) and float(there.iloc[0]) == value:
        return "same"
    store.write_readings(series, pd.Series([value], index=pd.DatetimeIndex([at]).as_unit("us"), dtype=float))
    return "stored"


def _meter_of(settings: Settings, entity_id: str) -> PhysicalMeter | None:
    domain, _, name = entity_id.rpartition(".")
    for meter in settings.meters.physical:
        fits = not domain or meter.source.domain in (None, domain)
        if meter.raw_entity_id == name and fits and meter.deinstallation_date is None:
            return meter
    return None


def _number(state: str) -> float | None:
    try:
        value = float(state)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
