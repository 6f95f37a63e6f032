"""Reads how the house is: each utility's month so far, yesterday and today, and the readings that are due."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.slips import Expected
from workflows_dagster.reports.layout import Place, fed_into_grid, layout
from workflows_dagster.services.raw_catalogue import newest_reading
from workflows_dagster.services.reading_entry import ReadingEntry
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.settings.utilities import Utility
from workflows_dagster.stores.ports import (
    CONSUMPTION_DAILY,
    MONTH_TO_DATE,
    RUNNING_DAY,
    Measurement,
    ProcessedStore,
    Store,
)


@dataclass(frozen=True)
class UtilityNow:
    """One utility at present: its main meter, or the sum of several.

    Attributes:
        utility: Which.
        meter_ids: Its main meters.
        unit: Their unit.
        month: Consumption of the month so far; None where a day is not known. [unit]
        band: Its 80 % band, if there is one main meter and it is estimated. [unit]
        estimated_share: Part of it that is estimated. [1]
        through: Last civil day that it contains; None without a month.
        year_before: The same days a year ago; None where they are not known. [unit]
        yesterday: Consumption of yesterday; None where it is not known. [unit]
        today: Today so far; None where it is not known. [unit]
    """

    utility: Utility
    meter_ids: tuple[str, ...]
    unit: str
    month: float | None
    band: tuple[float, float] | None
    estimated_share: float
    through: date | None
    year_before: float | None
    yesterday: float | None
    today: float | None

    @property
    def change(self) -> float | None:
        """The month so far relative to the same days a year ago, less 1; None where they do not compare. [1]"""  # noqa: D415
        if self.month is None or not self.year_before or self.year_before <= 0:
            return None
        return self.month / self.year_before - 1

    @property
    def leaves_change_open(self) -> bool:
        """Whether the month's band leaves open if it is more than the same days a year ago."""
        return self.band is not None and self.year_before is not None and self.band[0] < self.year_before < self.band[1]


@dataclass(frozen=True)
class HandReadMeter:
    """A meter that is read by hand.

    Attributes:
        meter: The meter.
        last: Instant of its last reading, UTC; None without any.
        value: That reading. [meter unit]
        expected: Where it is expected now; None if its readings give no rate.
        is_due: Whether it is to be read.
    """

    meter: PhysicalMeter
    last: pd.Timestamp | None
    value: float | None
    expected: Expected | None
    is_due: bool


def utilities_now(settings: Settings, store: ProcessedStore, now: pd.Timestamp) -> list[UtilityNow]:
    """Read the present state of each utility that has a main meter.

    Args:
        settings: The house.
        store: Its stored days and months.
        now: The present, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    found = []
    for utility, places in layout(settings.meters, fed_into_grid(settings)).items():
        main = [place for place in places if place.role == "main"]
        if main:
            found.append(_utility_now(settings, store, utility, main, now))
    return found


def _utility_now(
    settings: Settings, store: ProcessedStore, utility: Utility, main: list[Place], now: pd.Timestamp
) -> UtilityNow:
    zone = settings.site.zone
    today = days.civil_day(now, zone)
    yesterday = today - timedelta(days=1)
    names = tuple(place.meter.meter_id for place in main)
    unit = main[0].meter.output_unit
    begin = days.opening(yesterday.replace(day=1), zone)
    months = [_row(store, MONTH_TO_DATE, name, begin, begin) for name in names]
    through = None
    if all(row is not None for row in months):
        through = begin.tz_convert(zone).date() + timedelta(days=min(int(row["days"]) for row in months if row) - 1)
    known = [row for row in months if row is not None and not row["missing_days"]]
    month = _total([float(row["consumption"]) for row in known], names)
    shares = [(float(row["consumption"]), float(row["estimated_share"])) for row in known]
    used = math.fsum(amount for amount, _ in shares)
    estimated = math.fsum(amount * share for amount, share in shares) / used if used else 0.0
    band = None
    if len(known) == len(names) == 1 and not math.isnan(float(known[0]["lower"])):
        band = (float(known[0]["lower"]), float(known[0]["upper"]))
    return UtilityNow(
        utility=utility,
        meter_ids=names,
        unit=unit,
        month=month,
        band=band,
        estimated_share=estimated,
        through=through,
        year_before=_total([float(row["previous_year"]) for row in known], names),
        yesterday=_of_day(store, CONSUMPTION_DAILY, names, days.opening(yesterday, zone)),
        today=_of_day(store, RUNNING_DAY, names, days.opening(today, zone)),
    )


def _row(
    store: ProcessedStore, measurement: Measurement, meter_id: str, first: pd.Timestamp, last: pd.Timestamp
) -> dict[str, Any] | None:
    frame = store.read(measurement, meter_id, first, last + pd.Timedelta(microseconds=1))
    return None if frame.empty else {str(name): value for name, value in frame.iloc[-1].items()}


def _of_day(
    store: ProcessedStore, measurement: Measurement, meter_ids: tuple[str, ...], opening: pd.Timestamp
) -> float | None:
    rows = [_row(store, measurement, name, opening, opening) for name in meter_ids]
    return _total([float(row["consumption"]) for row in rows if row is not None], meter_ids)


def _total(values: list[float], meter_ids: tuple[str, ...]) -> float | None:
    """Add up the meters' values; None unless each has one."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) if len(known) == len(meter_ids) else None


def hand_read_meters(settings: Settings, store: Store, now: pd.Timestamp) -> list[HandReadMeter]:
    """List the meters that are read by hand, in the order of meters.yaml, with what each should show.

    Args:
        settings: The house.
        store: Its readings and profiles.
        now: The present, UTC.

    Raises:
        StoreError: The readings cannot be read.
    """
    entry, zone = ReadingEntry(settings, store), settings.site.zone
    found = []
    for meter in settings.meters.physical:
        removed = meter.deinstallation_date
        if meter.reading_interval_days is None or (removed is not None and days.instant(removed, zone, end=True) < now):
            continue
        newest = newest_reading(store, meter, now)
        last, value = newest if newest is not None else (None, None)
        expected = None if last is None or last >= now else entry.expected(meter, now)
        is_due = last is None or now - last >= pd.Timedelta(days=meter.reading_interval_days)
        found.append(HandReadMeter(meter, last, value, expected, is_due))
    return found
