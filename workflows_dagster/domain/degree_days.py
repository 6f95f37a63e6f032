"""The weight of a heating meter by outdoor temperature: degree days below a fitted base temperature.

Days without a known temperature get the degree days of a usual day of that season, so that the weight covers all times
(docs/explanation/methods.md#degree-days).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from workflows_dagster.domain.amplitude import Belief, beliefs, evidence
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, instants, microseconds
from workflows_dagster.domain.left_out import LeftOut
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import (
    DAYS_OF_MONTH,
    PROFILE_DECIMALS,
    PROFILE_TOLERANCE,
    Profile,
    Weight,
    daily_curve,
    joined_intervals,
)

BASE_TEMPERATURES = np.arange(10.0, 20.01, 0.5)
# The heating limit of an ordinary house, and how far houses lie from it.
_USUAL_BASE_TEMPERATURE, _BASE_TEMPERATURE_SPREAD = 15.0, 1.25
# How likely a meter that may heat does not.
_EVEN = 0.1
# A house remembers the last days' cold: each day before counts half as much as the one after it.
_MEMORY = np.array([1.0, 0.5, 0.25, 0.125])
PLAUSIBLE_CELSIUS = (-60.0, 60.0)
# A thermometer silent for longer counts as off, and a day covered for less is unknown.
_HOLDS_HOURS, _KNOWN_HOURS = 3.0, 20.0
# A usual month needs this many days; with fewer degree days in a year, heating is not modelled.
_DAYS_A_MONTH, _MILDEST_DEGREE_DAYS = 20, 0.5
# Rates and integrals are multiples of these, so that sums below 2²⁰ days are exact.
_RATE_STEP, _INTEGRAL_STEP = 2.0**-20, 2.0**-32


@dataclass(frozen=True)
class DegreeDayProfile(Profile):
    """How a meter's consumption follows the weather: `base + season · degree days / mean degree days`.

    Used as a plain `Profile`, it describes usual weather.

    Attributes:
        base: Share that flows evenly. [1]
        season: Share that follows the degree days, `base + season = 1`. [1]
        percentages: Degree days of each month of a usual year, January first. [%], shape (12,)
        base_temperature: Outdoor temperature below which the meter heats. [°C]
        mean_degree_days: Degree days of the mean day of a usual year. [K]
        missed: What readings left out miss by, over what was used, 0..1; None if not known. No part of the version.
        missed_by_season: The same if the meter followed the calendar.
    """

    base_temperature: float
    mean_degree_days: float
    missed: float | None = field(default=None, compare=False)
    missed_by_season: float | None = field(default=None, compare=False)

    def with_misses(self, weather: LeftOut | None, season: LeftOut | None) -> DegreeDayProfile:
        """Give the same profile with what the weather and the season miss readings by that were left out."""
        figures = [None if found is None else round(found.missed, 4) for found in (weather, season)]
        return replace(self, missed=figures[0], missed_by_season=figures[1])

    @property
    def version(self) -> str:
        """Short name of exactly this profile: equal profiles have equal versions."""
        facts = (self.base, self.season, self.percentages, self.base_temperature, self.mean_degree_days)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

    def is_near(self, other: Profile) -> bool:
        """Tell whether another profile changes no day by much, so that recomputing years is not worthwhile."""
        if not isinstance(other, DegreeDayProfile) or self.percentages is None or other.percentages is None:
            return False
        shares = np.abs(np.subtract(self.percentages, other.percentages)).max() / 100
        return (
            abs(self.base - other.base) <= PROFILE_TOLERANCE
            and abs(self.base_temperature - other.base_temperature) <= 0.5
            and abs(self.mean_degree_days / other.mean_degree_days - 1) <= PROFILE_TOLERANCE
            and bool(shares <= PROFILE_TOLERANCE / 2)
        )


class DegreeDayWeight(Weight):
    """Integral of the weight over time; an instant's value does not depend on other instants, to the last bit.

    The weight is constant within each UTC day. Differences of integrals are exact sums of the days between, so a
    changed temperature affects only gaps with one of the few days that depend on it.
    """

    def __init__(self, profile: DegreeDayProfile, remembered: np.ndarray) -> None:
        """Build the weight.

        Args:
            profile: The meter's profile.
            remembered: Smoothed outdoor temperature of each UTC day since 1970, NaN if unknown. [°C], shape (days,)
        """
        super().__init__(profile)
        days = min(len(remembered), len(self._rates))
        degree_days = np.maximum(profile.base_temperature - remembered[:days], 0.0)
        rates = self._rates.copy()
        known = profile.base + profile.season * degree_days / profile.mean_degree_days
        rates[:days] = np.where(np.isnan(known), rates[:days], known)
        self._rates = np.rint(rates / _RATE_STEP) * _RATE_STEP
        self._sums = np.concatenate([[0.0], np.cumsum(self._rates)[:-1]])

    def integral(self, microseconds: np.ndarray) -> np.ndarray:
        """Integrate the weight from 1970 on; arguments and result as `Weight.integral`."""
        day = microseconds // MICROSECONDS_PER_DAY
        within = (microseconds - day * MICROSECONDS_PER_DAY) / MICROSECONDS_PER_DAY
        part = np.rint(self._rates[day] * within / _INTEGRAL_STEP) * _INTEGRAL_STEP
        weight: np.ndarray = self._sums[day] + part
        return weight


class Weather:
    """Daily outdoor temperatures at one house; weights are cached by base temperature and shared by meters."""

    def __init__(self, means: pd.Series) -> None:
        """Take daily means.

        Args:
            means: Mean outdoor temperature by the instant at which the UTC day opens, as `daily_means` gives it.
                [°C], index UTC, increasing.
        """
        self._remembered = _remember(means)
        self._of_season: dict[float, DegreeDayWeight | None] = {}
        known = np.flatnonzero(~np.isnan(self._remembered))
        self._known = self._remembered[known]
        self._month = known.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
        self._days = np.bincount(self._month, minlength=12)

    def usual(self, base_temperature: float) -> tuple[tuple[float, ...], float] | None:
        """Give the degree days of a usual year below a base temperature.

        Args:
            base_temperature: Where degree days begin. [°C]

        Returns:
            Each month's percentage of the year's degree days, January first [%], and the mean day's [K]; None if the
            temperatures do not cover all months, or are rarely below it.
        """
        if self._days.min() < _DAYS_A_MONTH:
            return None
        degree_days = np.maximum(base_temperature - self._known, 0.0)
        of_month = np.bincount(self._month, degree_days, minlength=12) / self._days * DAYS_OF_MONTH
        mean = float(of_month.sum()) / 365
        if mean < _MILDEST_DEGREE_DAYS:
            return None
        return tuple(round(float(part) * 100, 3) for part in of_month / of_month.sum()), round(mean, 3)

    def weight(self, profile: DegreeDayProfile) -> DegreeDayWeight:
        """Give the weight of a profile in this weather."""
        return DegreeDayWeight(profile, self._remembered)

    def of_season(self, base_temperature: float) -> DegreeDayWeight | None:
        """Give the weight of a meter that only heats; None like `usual`."""
        if base_temperature not in self._of_season:
            usual = self.usual(base_temperature)
            self._of_season[base_temperature] = (
                None if usual is None else self.weight(DegreeDayProfile(0.0, 1.0, usual[0], base_temperature, usual[1]))
            )
        return self._of_season[base_temperature]


def daily_means(readings: pd.Series) -> pd.Series:
    """Average a thermometer's readings by UTC day, weighted by their duration.

    A reading holds until the next one, at most three hours. Days with less than 20 known hours are left out, as are
    readings that are not a number or impossible as outdoor temperature. A day depends on its own readings and the last
    one before.

    Args:
        readings: Outdoor temperature by UTC instant, any order. [°C], shape (n,)

    Returns:
        Means by the instant at which the UTC day opens, rounded to a hundredth. [°C]
    """
    values = readings.to_numpy(dtype=float)
    plausible = (values >= PLAUSIBLE_CELSIUS[0]) & (values <= PLAUSIBLE_CELSIUS[1])
    usable = readings[plausible]
    usable = usable[~usable.index.duplicated(keep="last")].sort_index()
    if usable.empty:
        return pd.Series(np.empty(0), index=instants(np.empty(0, dtype=np.int64)))
    times, values = microseconds(pd.DatetimeIndex(usable.index)), usable.to_numpy(dtype=float)
    longest = int(_HOLDS_HOURS * MICROSECONDS_PER_HOUR)
    until = np.minimum(np.append(times[1:], times[-1] + longest), times + longest)
    day = times // MICROSECONDS_PER_DAY
    midnight = (day + 1) * MICROSECONDS_PER_DAY
    first = day[0]
    days = np.concatenate([day, day + 1]) - first
    held = np.concatenate([np.minimum(until, midnight) - times, np.maximum(until - midnight, 0)])
    total = np.bincount(days, held)
    warmth = np.bincount(days, held * np.concatenate([values, values]))
    known = np.flatnonzero(total >= _KNOWN_HOURS * MICROSECONDS_PER_HOUR)
    return pd.Series(np.round(warmth[known] / total[known], 2), index=instants((known + first) * MICROSECONDS_PER_DAY))


def fit_degree_days(
    registers: Sequence[Register], percentages: tuple[float, ...], weather: Weather
) -> DegreeDayProfile | None:
    """Fit base temperature, base and season of a meter to its own history.

    By whole intervals between readings, as `season.fit_profile`: each base temperature and each share of the degree
    days is weighed by how well it fits, around an ordinary house's and around the share with which degree days come
    nearest to the monthly table; that a meter does not heat at all is possible
    (docs/explanation/methods.md#degree-days).

    Args:
        registers: Valid readings and advances; several where the meter was read in pieces.
        percentages: The monthly table, January first. [%], shape (12,)
        weather: Outdoor temperature.

    Returns:
        The profile, rounded; None if the temperatures cover too little of a year. Without any history, the table's
        shares at the usual base temperature.
    """
    parts = [joined_intervals(register) for register in registers]
    nothing = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    opening, closing, advance = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    candidates = [
        (temperature, weight)
        for temperature in BASE_TEMPERATURES.tolist()
        if (weight := weather.of_season(temperature)) is not None
    ]
    if not candidates:
        return None
    base_temperature, found = _USUAL_BASE_TEMPERATURE, None
    if len(advance) > 0 and advance.sum() > 0:
        length = (closing - opening) / MICROSECONDS_PER_DAY
        temperatures = np.array([temperature for temperature, _ in candidates])
        away = (temperatures - _USUAL_BASE_TEMPERATURE) / _BASE_TEMPERATURE_SPREAD
        believed = beliefs(
            [
                evidence(length, weight.integral(closing) - weight.integral(opening), advance)
                for _, weight in candidates
            ],
            [_share_of_table(percentages, weight.profile) for _, weight in candidates],
            np.exp(-(away**2) / 2),
            (0.0, 1.0),
            _EVEN,
        )
        heats = np.array([belief.cells.sum() for belief in believed])
        base_temperature = round(float((heats * temperatures).sum() / heats.sum()), 1)
        found = Belief(
            believed[0].edges,
            np.sum([belief.cells for belief in believed], axis=0),
            sum(belief.even for belief in believed),
        ).middle
    heating = (weather.of_season(base_temperature) or candidates[-1][1]).profile
    assert isinstance(heating, DegreeDayProfile)
    season = round(_share_of_table(percentages, heating) if found is None else found, PROFILE_DECIMALS)
    return DegreeDayProfile(
        base=round(1 - season, PROFILE_DECIMALS),
        season=season,
        percentages=heating.percentages,
        base_temperature=heating.base_temperature,
        mean_degree_days=heating.mean_degree_days,
    )


def _share_of_table(percentages: tuple[float, ...], heating: Profile) -> float:
    """Give the share of degree days, 0..1, with which they come nearest to a monthly table by least squares."""
    assert heating.percentages is not None
    curve, table = daily_curve(heating.percentages) - 1, daily_curve(percentages) - 1
    return float(np.clip(curve @ table / (curve @ curve), 0.0, 1.0))


def _remember(means: pd.Series) -> np.ndarray:
    """Average each UTC day since 1970 with the three before it, as far as they are known; NaN where it is not.

    Returns:
        Shape (last known day + 1,). [°C]
    """
    day = microseconds(pd.DatetimeIndex(means.index)) // MICROSECONDS_PER_DAY
    celsius = np.full(int(day.max(initial=-1)) + 1, np.nan)
    celsius[day] = means.to_numpy(dtype=float)
    total, weights = np.zeros(len(celsius)), np.zeros(len(celsius))
    for back, share in enumerate(_MEMORY.tolist()):
        earlier = celsius[: max(len(celsius) - back, 0)]
        known = ~np.isnan(earlier)
        total[back:][known] += share * earlier[known]
        weights[back:][known] += share
    with np.errstate(invalid="ignore", divide="ignore"):
        remembered = total / weights
    remembered[np.isnan(celsius)] = np.nan
    return remembered
