"""Generates the raw readings of each meter of the sample house."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.sample_house.civil_hours import draws
from workflows_dagster.sample_house.faults import FaultKind, faults_of
from workflows_dagster.sample_house.household import Household
from workflows_dagster.sample_house.registers import (
    SUCCESSORS,
    Counter,
    installed_at,
    is_interval,
    is_read_by_hand,
    microseconds,
    removed_at,
)
from workflows_dagster.settings.meters import PhysicalMeter

SHORTEST_VISIT_DAYS = 14
LONGEST_VISIT_DAYS = 42
VISITS_DRAWN = 4000  # More than three centuries of visits, drawn at once so that a longer history changes none.
YEARS_BEFORE_HISTORY = 6.0  # A meter without a first reading had counted for up to this long,
FACTORY_TEST = 5.0  # and a new one up to this much. [meter unit]
GLITCH_FACTOR = 10.0


@dataclass(frozen=True)
class SampleMeter:
    """One meter of the sample house: its raw readings and its true consumption.

    Attributes:
        meter_id: The meter.
        readings: Register readings, or an interval source's hours stamped at their beginning. [meter unit], `float64`,
            index `datetime64[us, UTC]`, strictly increasing.
        truth: True consumption of each civil day, partial on days of installation or removal. [meter unit],
            `float64`, index `object` of `date`, named `day`.
    """

    meter_id: str
    readings: pd.Series
    truth: pd.Series


def sample_meter(meter: PhysicalMeter, house: Household, start: pd.Timestamp | None, end: pd.Timestamp) -> SampleMeter:
    """Generate a meter's readings from its installation or `start` until `end`, and the true consumption of whole days.

    Args:
        meter: The meter.
        house: The household.
        start: First instant, UTC, or None for the installation.
        end: Instant after the last, UTC.
    """
    installed, removed = installed_at(meter, house.zone), removed_at(meter, house.zone)
    last = end if removed is None else min(removed, end)
    if last <= installed:
        return SampleMeter(meter.meter_id, _series([], []), _truth_of([], []))
    counter = Counter(meter, house, last)
    if is_interval(meter):
        times, values = _hours(meter, counter, microseconds(installed), microseconds(last))
    else:
        if is_read_by_hand(meter):
            times = _visits(meter, house, installed)
        else:
            times = _hourly(meter, house, counter)
            times = np.append(microseconds(installed), times[times > microseconds(installed)])
        if removed is not None:
            times = np.append(times[times < microseconds(removed)], microseconds(removed))
        times, values = _register(meter, house, counter, times)
    times, values = _without_silences(meter.meter_id, times, values)
    inside = (times < microseconds(end)) & (times >= microseconds(start or installed))
    truth = _truth(counter, house.zone, installed, removed, start, end)
    return SampleMeter(meter.meter_id, _series(times[inside], values[inside]), truth)


def _series(times: np.ndarray | list[int], values: np.ndarray | list[float]) -> pd.Series:
    index = days.instants(np.asarray(times, dtype=np.int64))
    return pd.Series(np.asarray(values, dtype=float), index=index, name="value")


def _truth_of(civil_days: list[date], amounts: np.ndarray | list[float]) -> pd.Series:
    return pd.Series(
        np.asarray(amounts, dtype=float), index=pd.Index(civil_days, dtype=object, name="day"), name="truth"
    )


def _truth(
    counter: Counter,
    zone: ZoneInfo,
    installed: pd.Timestamp,
    removed: pd.Timestamp | None,
    start: pd.Timestamp | None,
    end: pd.Timestamp,
) -> pd.Series:
    """Sum each civil day that closes by `end` and does not open before `start`."""
    first = days.civil_day(installed, zone)
    cuts = DayRange(first, days.civil_day(end, zone)).openings(zone)
    opening = np.clip(
        days.microseconds(cuts), microseconds(installed), None if removed is None else microseconds(removed)
    )
    whole = np.asarray(cuts[1:] <= end) & (np.diff(opening) > 0)
    if start is not None:
        whole &= np.asarray(cuts[:-1] >= start)
    civil_days = [first + timedelta(days=int(day)) for day in np.flatnonzero(whole)]
    return _truth_of(civil_days, np.diff(counter.at(opening))[whole])


def _hourly(meter: PhysicalMeter, house: Household, counter: Counter) -> np.ndarray:
    """Give the stamps of hourly readings, late by a few seconds that are constant for each meter."""
    seconds = int(draws(house.seed, f"{meter.meter_id} lag").integers(3, 59))
    return counter.edges + seconds * 1_000_000


def _visits(meter: PhysicalMeter, house: Household, installed: pd.Timestamp) -> np.ndarray:
    """Draw the times at which a person reads the meter: every two to six weeks, between 8 and 21 o'clock.

    A replacement is first read when it is installed, any other meter some days later.
    """
    random = draws(house.seed, f"{meter.meter_id} visits")
    gaps = random.integers(SHORTEST_VISIT_DAYS, LONGEST_VISIT_DAYS + 1, VISITS_DRAWN)
    minutes = random.integers(8 * 60, 21 * 60, VISITS_DRAWN)
    first = days.civil_day(installed, house.zone)
    at_installation = meter.meter_id in SUCCESSORS
    if not at_installation:
        gaps[0] //= 3
    visits = np.cumsum(gaps)
    fixed: list[int] = [microseconds(installed)] if at_installation else []
    for fault in faults_of(meter.meter_id, "late_reading"):
        if fault.start > installed:
            before = (days.civil_day(fault.start, house.zone) - first).days
            after = (days.civil_day(fault.end, house.zone) - first).days
            early = _evenly(visits[visits < before], before)
            visits = np.concatenate([early, after + np.cumsum(gaps[len(early) :])])
            fixed += [microseconds(fault.start), microseconds(fault.end)]
    # Three decades are longer than any history, and dates have an upper limit.
    visits = visits[: np.searchsorted(visits, 30 * 366)]
    times = [
        microseconds(days.instant(_clock(first + timedelta(days=int(day)), int(minute)), house.zone, end=False))
        for day, minute in zip(visits, minutes, strict=False)
    ]
    return np.unique(np.array(times + fixed, dtype=np.int64))


def _clock(day: date, minute: int) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60))


def _evenly(visits: np.ndarray, until: int) -> np.ndarray:
    """Drop and shift the last visits so that the gap to a visit on day `until` is of usual length."""
    kept = visits[until - visits > 2 * LONGEST_VISIT_DAYS]
    rest = until - (kept[-1] if len(kept) else 0)
    parts = max(math.ceil(rest / LONGEST_VISIT_DAYS), 1)
    steps = until - rest + np.round(rest * np.arange(1, parts) / parts).astype(int)
    return np.append(kept, steps)


def _register(
    meter: PhysicalMeter, house: Household, counter: Counter, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the register at `times`; an automatic meter sends only changes, and its faults.

    Returns:
        Instants in microseconds since 1970 and readings. [meter unit]
    """
    initial = _initial(meter, house, counter)

    def shown(instants: np.ndarray) -> np.ndarray:
        register = rounded(meter, initial + counter.at(instants))
        return register if meter.register_digits is None else rounded(meter, register % 10.0**meter.register_digits)

    values = shown(times)
    if is_read_by_hand(meter):
        return times, values
    sent = np.append(True, np.diff(values) != 0.0)
    if meter.deinstallation_date is not None:
        sent[-1] = True
    times, values = times[sent], values[sent]
    glitches: tuple[tuple[FaultKind, float], ...] = (("zero", 0.0), ("high_glitch", GLITCH_FACTOR))
    for kind, scale in glitches:
        for fault in faults_of(meter.meter_id, kind):
            if times[0] < microseconds(fault.start) and microseconds(fault.end) < times[-1]:
                at = np.array([microseconds(fault.start), microseconds(fault.end)])
                where = np.searchsorted(times, at)
                true = shown(at)
                times = np.insert(times, where, at)
                values = np.insert(values, where, rounded(meter, true * [scale, 1.0]))
    return times, values


def _initial(meter: PhysicalMeter, house: Household, counter: Counter) -> float:
    """Give the reading at the installation. [meter unit].

    It is the configured one, else the one that a planned rollover needs, else a count from before the history.
    """
    if meter.initial_reading is not None:
        return float(meter.initial_reading)
    if meter.register_digits is not None:
        for fault in faults_of(meter.meter_id, "rollover"):
            middle = np.array([(microseconds(fault.start) + microseconds(fault.end)) // 2])
            # A shorter history must begin with the same reading.
            return float(10.0**meter.register_digits - Counter(meter, house, fault.end).at(middle)[0])
    random = draws(house.seed, f"{meter.meter_id} initial")
    if meter.meter_id in SUCCESSORS:
        counted = random.uniform(0.0, FACTORY_TEST)
    else:
        counted = random.uniform(0.5, YEARS_BEFORE_HISTORY) * counter.first_year
    return float(rounded(meter, np.array(counted)))


def _hours(meter: PhysicalMeter, counter: Counter, installed: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Give each whole hour's consumption, stamped at its beginning."""
    edges = counter.edges[(counter.edges >= installed) & (counter.edges <= last)]
    return edges[:-1], rounded(meter, np.diff(counter.at(edges)))


def rounded(meter: PhysicalMeter, values: np.ndarray) -> np.ndarray:
    """Round to the meter's smallest step, without errors of binary fractions. [meter unit]."""
    decimals = max(0, -math.floor(math.log10(meter.resolution)))
    return np.round(np.round(values / meter.resolution) * meter.resolution, decimals)


def _without_silences(meter_id: str, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    heard = np.ones(len(times), dtype=bool)
    for fault in (*faults_of(meter_id, "silence"), *faults_of(meter_id, "missing_hours")):
        heard &= (times < microseconds(fault.start)) | (times >= microseconds(fault.end))
    return times[heard], values[heard]
