"""The weight of a heating meter by outdoor temperature: degree days below a fitted base temperature.

Where a day's temperature is not known, the degree days of a usual day of that season stand in, so that the weight
reaches as far back and ahead as any other (docs/explanation/methods.md#degree-days).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, instants, microseconds
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import (
    _DAYS_OF_MONTH,
    _PROFILE_DECIMALS,
    _PSEUDO_DAYS,
    PROFILE_TOLERANCE,
    Profile,
    Weight,
    _intervals,
    daily_curve,
)

BASE_TEMPERATURES = np.arange(10.0, 20.01, 0.5)
# The heating limit of an ordinary house, and how far houses lie from it.
_USUAL_BASE_TEMPERATURE, _BASE_TEMPERATURE_SPREAD = 15.0, 1.0
# Until a meter's own intervals tell: (mean day's consumption)² a day, counted as so many intervals.
_SCATTER, _SCATTER_INTERVALS = 1.0, 4.0
# A house remembers the last days' cold: each day before counts half as much as the one after it.
_MEMORY = np.array([1.0, 0.5, 0.25, 0.125])
_PLAUSIBLE_CELSIUS = (-60.0, 60.0)
# A thermometer that says nothing for longer is off, and a day that is not known nearly whole is not known.
_HOLDS_HOURS, _KNOWN_HOURS = 3.0, 20.0
# What a month is usually like takes this many days of it; a year milder than this has no heating to follow.
_DAYS_A_MONTH, _MILDEST_DEGREE_DAYS = 20, 0.5
# Rates and integrals are multiples of these: sums below 2²⁰ days are exact, whatever came before.
_RATE_STEP, _INTEGRAL_STEP = 2.0**-20, 2.0**-32


@dataclass(frozen=True)
class DegreeDayProfile(Profile):
    """How a meter's consumption follows the weather: `base + season · degree days / mean degree days`.

    As a plain `Profile` it is what the meter does in usual weather.

    Attributes:
        base: Share that flows evenly. [1]
        season: Share that follows the degree days, `base + season = 1`. [1]
        percentages: Degree days of each month of a usual year, January first. [%], shape (12,)
        base_temperature: Outdoor temperature below which the meter heats. [°C]
        mean_degree_days: Degree days of the mean day of a usual year. [K]
    """

    base_temperature: float
    mean_degree_days: float

    @property
    def version(self) -> str:
        """Short name of exactly this profile: equal profiles have equal versions."""
        facts = (self.base, self.season, self.percentages, self.base_temperature, self.mean_degree_days)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

    def is_near(self, other: Profile) -> bool:
        """Tell whether another profile moves no day by much: a refit that does not is not worth recomputing years."""
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
    """Integral of the weight over time, the same to the last bit for an instant whatever else is asked.

    The weight is constant within each UTC day. Differences of integrals are exact sums of the days between, so a
    temperature that changes moves no gap but those that hold one of the few days that remember it.
    """

    def __init__(self, profile: DegreeDayProfile, remembered: np.ndarray) -> None:
        """Build the weight.

        Args:
            profile: The meter's profile.
            remembered: Outdoor temperature of each UTC day since 1970 as the house feels it, NaN where it is not
                known. [°C], shape (days,)
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
    """Outdoor temperature at one house, day by day; weights by base temperature are built once and shared by meters."""

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
        """Tell what a usual year is like below a base temperature.

        Args:
            base_temperature: Where degree days begin. [°C]

        Returns:
            Each month's percentage of the year's degree days, January first [%], and the mean day's [K]; None where
            the temperatures do not cover all months, or hardly fall below.
        """
        if self._days.min() < _DAYS_A_MONTH:
            return None
        degree_days = np.maximum(base_temperature - self._known, 0.0)
        of_month = np.bincount(self._month, degree_days, minlength=12) / self._days * _DAYS_OF_MONTH
        mean = float(of_month.sum()) / 365
        if mean < _MILDEST_DEGREE_DAYS:
            return None
        return tuple(round(float(part) * 100, 3) for part in of_month / of_month.sum()), round(mean, 3)

    def weight(self, profile: DegreeDayProfile) -> DegreeDayWeight:
        """Give the weight of a profile in this weather."""
        return DegreeDayWeight(profile, self._remembered)

    def of_season(self, base_temperature: float) -> DegreeDayWeight | None:
        """Give the weight of a meter that does nothing but heat; None as `usual`."""
        if base_temperature not in self._of_season:
            usual = self.usual(base_temperature)
            self._of_season[base_temperature] = (
                None if usual is None else self.weight(DegreeDayProfile(0.0, 1.0, usual[0], base_temperature, usual[1]))
            )
        return self._of_season[base_temperature]


def daily_means(readings: pd.Series) -> pd.Series:
    """Average a thermometer's readings by UTC day, each for as long as it holds.

    A reading holds until the next one, at most three hours. A day of which less than 20 hours are known is left out, as
    are readings that are not a number or no outdoor temperature on this earth. A day depends on its own readings and
    the last one before.

    Args:
        readings: Outdoor temperature by UTC instant, any order. [°C], shape (n,)

    Returns:
        Means by the instant at which the UTC day opens, rounded to a hundredth. [°C]
    """
    values = readings.to_numpy(dtype=float)
    plausible = (values >= _PLAUSIBLE_CELSIUS[0]) & (values <= _PLAUSIBLE_CELSIUS[1])
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

    For each base temperature non-negative least squares on whole intervals between readings, as
    `season.fit_profile`, shrunk towards the monthly table as degree days would have made it; the base temperature is
    the mean over all of them by how well they fit, around that of an ordinary house
    (docs/explanation/methods.md#degree-days).

    Args:
        registers: Valid readings and advances; several where the meter was read in pieces.
        percentages: The monthly table, January first. [%], shape (12,)
        weather: Outdoor temperature.

    Returns:
        The profile, rounded; None where the temperatures tell too little of a year. Without any history the table's
        shares at the usual base temperature.
    """
    parts = [_intervals(register) for register in registers]
    nothing = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    opening, closing, advance = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    candidates = [
        (temperature, weight)
        for temperature in BASE_TEMPERATURES.tolist()
        if (weight := weather.of_season(temperature)) is not None
    ]
    if not candidates:
        return None
    base_temperature = _USUAL_BASE_TEMPERATURE
    has_history = len(advance) > 0 and advance.sum() > 0
    if has_history:
        misfits = np.array([_shares(opening, closing, advance, weight, percentages)[1] for _, weight in candidates])
        scatter = (misfits.min() + _SCATTER * _SCATTER_INTERVALS) / (len(advance) + _SCATTER_INTERVALS)
        temperatures = np.array([temperature for temperature, _ in candidates])
        away = (temperatures - _USUAL_BASE_TEMPERATURE) / _BASE_TEMPERATURE_SPREAD
        cost = misfits / scatter + away**2
        likely = np.exp((cost.min() - cost) / 2)
        base_temperature = round(float((likely * temperatures).sum() / likely.sum()), 1)
    weight = weather.of_season(base_temperature) or candidates[-1][1]
    heating = weight.profile
    assert isinstance(heating, DegreeDayProfile)
    shares = (
        _shares(opening, closing, advance, weight, percentages)[0] if has_history else _of_table(percentages, heating)
    )
    base = round(float(shares[0] / shares.sum()), _PROFILE_DECIMALS)
    return DegreeDayProfile(
        base=base,
        season=round(1 - base, _PROFILE_DECIMALS),
        percentages=heating.percentages,
        base_temperature=heating.base_temperature,
        mean_degree_days=heating.mean_degree_days,
    )


def _shares(
    opening: np.ndarray, closing: np.ndarray, advance: np.ndarray, weight: Weight, percentages: tuple[float, ...]
) -> tuple[np.ndarray, float]:
    """Fit base and season at one base temperature; also the sum of squares that stays. [d]"""  # noqa: D415
    length = (closing - opening) / MICROSECONDS_PER_DAY
    season = weight.integral(closing) - weight.integral(opening)
    scale, pull = 1 / np.sqrt(length), np.sqrt(_PSEUDO_DAYS)
    mean = advance.sum() / length.sum()
    design = np.vstack([np.column_stack([length * scale, season * scale]), pull * np.eye(2)])
    target = np.concatenate([advance / mean * scale, pull * _of_table(percentages, weight.profile)])
    shares = nnls(design, target)[0]
    rest = design @ shares - target
    # How far the shares had to be pulled is no fault of the base temperature.
    return shares, float((rest[:-2] ** 2).sum())


def _of_table(percentages: tuple[float, ...], heating: Profile) -> np.ndarray:
    """Base and season by which degree days come nearest to a monthly table, sum 1, shape (2,)."""
    assert heating.percentages is not None
    shares = nnls(np.column_stack([np.ones(365), daily_curve(heating.percentages)]), daily_curve(percentages))[0]
    return np.asarray(shares / shares.sum())


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
