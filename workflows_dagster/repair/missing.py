"""Finds missing days: never computed, or lost from the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange, joined
from workflows_dagster.repair.repairs import Repair
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, Store


def missing_days(
    settings: Settings, store: Store, computed: Mapping[str, Iterable[date]], within: DayRange
) -> dict[str, set[date]]:
    """Find each meter's missing days.

    Args:
        settings: The house.
        store: Its days. A day that was computed but is absent although the meter existed is missing too: a server may
            lose confirmed writes at a restart.
        computed: Days that were computed, by meter.
        within: Days that partitions exist for.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    everything = within.days()
    start, end = within.bounds(zone)
    present = store.present(CONSUMPTION_DAILY, start, end)
    missing = {}
    for meter in settings.meters:
        stored = set(days.civil_days(present.get(meter.meter_id, pd.DatetimeIndex([], tz="UTC")), zone))
        lives = _lives(settings, meter.meter_id)
        lost = {day for day in everything - stored if any(day in life for life in lives)}
        found = (everything - set(computed.get(meter.meter_id, ()))) | lost
        if found:
            missing[meter.meter_id] = found
    return missing


def catch_up(settings: Settings, missing: Mapping[str, set[date]]) -> list[Repair]:
    """Give one run per contiguous span of missing days, over the meters that lack some of it."""
    order = [meter.meter_id for meter in settings.meters.in_order()]
    repairs = []
    for span in joined({day for found in missing.values() for day in found}):
        inside = span.days()
        repairs.append(Repair(span, tuple(meter for meter in order if missing.get(meter, set()) & inside)))
    return repairs


def _lives(settings: Settings, meter_id: str) -> list[DayRange]:
    """Give the days on which the meter existed according to the settings."""
    meter = settings.meters[meter_id]
    if isinstance(meter, PhysicalMeter):
        if meter.installation_date is None:
            return []
        first = _civil(settings, meter.installation_date, end=False)
        last = _civil(settings, meter.deinstallation_date, end=True) if meter.deinstallation_date else date.max
        # On the first and last day, a reading at the day's opening or closing may leave no part of the day.
        first, last = first + timedelta(days=1), last - timedelta(days=1)
        return [DayRange(first, last)] if first <= last else []
    if isinstance(meter, MasterMeter):
        return [DayRange(period.start_date, period.end_date or date.max) for period in meter.periods]
    return _lives(settings, meter.base_meter)


def _civil(settings: Settings, moment: date, *, end: bool) -> date:
    instant = days.instant(moment, settings.site.zone, end=end)
    return days.civil_day(instant - pd.Timedelta(microseconds=1) if end else instant, settings.site.zone)
