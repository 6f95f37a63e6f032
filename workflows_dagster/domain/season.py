"""The seasonal weight by which advances are allocated, and its fit to a meter's history."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from workflows_dagster.domain.amplitude import beliefs, evidence
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.given_use import GivenUse
from workflows_dagster.domain.register import Register

DAYS_OF_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_LAST_YEAR = 2199
# Shorter intervals say nothing about the season, only about weather and time of day.
_SHORTEST_INTERVAL_DAYS = 7.0
PROFILE_DECIMALS = 6
# How far down a fitted weight may go, and how likely a meter with a monthly table is used evenly all the same.
_SWING, _EVEN = 0.8, 0.05
# A refit that changes the base by less would recompute years of days without changing them much.
PROFILE_TOLERANCE = 0.02


@dataclass(frozen=True)
class Profile:
    """How a meter's consumption follows the year: `base + season · s(day of year)`.

    Attributes:
        base: Share that flows evenly. [1]
        season: Share that follows the monthly table, `base + season = 1`. [1]
        percentages: The monthly table, January first, or None for a meter without a season. [%], shape (12,)
        ahead: Logarithm of what multiplies the curve beyond the readings, as factors of `HARMONICS`, shape (4,); None
            where nothing does.
    """

    base: float
    season: float
    percentages: tuple[float, ...] | None
    ahead: tuple[float, ...] | None = field(default=None, kw_only=True)

    @property
    def version(self) -> str:
        """Short name of exactly this profile: equal profiles have equal versions."""
        text = repr((self.base, self.season, self.percentages, *([self.ahead] if self.ahead else [])))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def is_near(self, other: Profile) -> bool:
        """Tell whether another profile has the same table, and a base and a season ahead that change no day by much."""
        ahead, others = (np.array(each.ahead or [0.0] * HARMONICS.shape[1]) for each in (self, other))
        return (
            self.percentages == other.percentages
            and abs(self.base - other.base) <= PROFILE_TOLERANCE
            and bool(np.abs(ahead - others).max() <= PROFILE_TOLERANCE)
        )


# Cosine and sine of the year and of the half year, by day, shape (365, 4).
HARMONICS = np.column_stack(
    [wave(2 * np.pi * times * np.arange(365) / 365) for times in (1, 2) for wave in (np.cos, np.sin)]
)
# The logarithm of what the harmonics multiply by is no larger than this; rates ahead are multiples of the step, so that
# they are the same on any machine.
_LARGEST_SHAPE, _RATE_STEP = 1.5, 2.0**-20
FLAT = Profile(base=1.0, season=0.0, percentages=None)


def table_profile(percentages: tuple[float, ...] | None) -> Profile:
    """Give the profile of a meter without fit: its table, or a flat profile without table."""
    return FLAT if percentages is None else Profile(base=0.0, season=1.0, percentages=percentages)


@lru_cache(maxsize=64)
def daily_curve(percentages: tuple[float, ...]) -> np.ndarray:
    """Draw a smooth yearly curve through twelve monthly percentages.

    The cumulative percentages are interpolated by a monotone cubic through the month ends, repeated every year; its
    daily differences are the curve. So every month keeps its percentage, no day is negative and the mean is 1
    (docs/explanation/methods.md#season).

    Args:
        percentages: January first, none negative, sum 100. [%], shape (12,)

    Returns:
        Consumption of each day of a year of 365 days relative to the mean day. [1], shape (365,)
    """
    ends = np.concatenate([[0], np.cumsum(DAYS_OF_MONTH)])
    running = np.concatenate([[0.0], np.cumsum(percentages)])
    running /= running[-1]
    days = np.concatenate([ends[:-1] - 365, ends, ends[1:] + 365])
    sums = np.concatenate([running[:-1] - 1, running, running[1:] + 1])
    steps: np.ndarray = np.diff(_monotone_cubic(days.astype(float), sums, np.arange(366.0)))
    curve: np.ndarray = np.maximum(steps, 0.0) * 365
    return curve


def _monotone_cubic(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Interpolate by a monotone cubic between the second knot and the last but one.

    See docs/explanation/methods.md#season. Equal to `scipy.interpolate.PchipInterpolator` to the last bit, without the
    0.3 s of CPU that its import takes in each command that computes a day.

    Args:
        x: Knots, increasing, shape (n,)
        y: Values there, shape (n,)
        at: Where to interpolate, shape (m,)

    Returns:
        Values, shape (m,)
    """
    width = np.diff(x)
    secant = np.diff(y) / width
    before, after = secant[:-1], secant[1:]
    weights = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic = 1.0 / ((weights[0] / before + weights[1] / after) / (weights[0] + weights[1]))
    # The slopes at both ends are never used.
    slope = np.concatenate([[0.0], np.where(before * after > 0, harmonic, 0.0), [0.0]])
    bend = (slope[:-1] + slope[1:] - 2 * secant) / width
    square, cube = (secant - slope[:-1]) / width - bend, bend / width
    piece = np.searchsorted(x, at, side="right") - 1
    step = at - x[piece]
    value: np.ndarray = (
        y[piece] + slope[piece] * step + square[piece] * (step * step) + cube[piece] * (step * step * step)
    )
    return value


class Weight:
    """Integral of the weight over time; an instant's value does not depend on other instants, to the last bit.

    The weight is constant within each UTC day; the 29th of February repeats the 28th.

    Attributes:
        profile: The meter's profile.
        given: Use of another meter that this one's advances contain: it is taken as it is, and the weight spreads the
            rest; None where all is spread.
    """

    given: GivenUse | None = None

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._rates, self._sums = _tables(profile)
        self._beyond: Weight | None = None
        if profile.ahead is not None:
            self._beyond = copy(self)
            self._beyond._rates, self._beyond._sums = _over_calendar(yearly_curve(profile))

    def integral(self, microseconds: np.ndarray) -> np.ndarray:
        """Integrate the weight from 1970 on.

        Args:
            microseconds: Instants, microseconds since 1970, from 1970 to 2199, shape (n,), `int64`.

        Returns:
            Weight, in days of mean consumption. [d], shape (n,)
        """
        day = microseconds // MICROSECONDS_PER_DAY
        within = (microseconds - day * MICROSECONDS_PER_DAY) / MICROSECONDS_PER_DAY
        weight: np.ndarray = self._sums[day] + self._rates[day] * within
        return weight

    def at(self, microseconds: np.ndarray) -> np.ndarray:
        """Give the weight itself at instants. [1], shape (n,)"""  # noqa: D415
        rates: np.ndarray = self._rates[microseconds // MICROSECONDS_PER_DAY]
        return rates

    @property
    def beyond(self) -> Weight:
        """The weight before the first reading and after the last."""
        return self if self._beyond is None else self._beyond

    def beside(self, given: GivenUse) -> Weight:
        """Give the same weight for what is left beside another meter's use."""
        weight = copy(self)
        weight.given = given
        return weight


@lru_cache(maxsize=64)
def weight_of(profile: Profile) -> Weight:
    """Give the weight of a profile, cached."""
    return Weight(profile)


def _tables(profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    if profile.percentages is None or profile.season == 0:
        return _over_calendar(np.full(365, profile.base + profile.season))
    return _over_calendar(profile.base + profile.season * daily_curve(profile.percentages))


def _over_calendar(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the rate of each UTC day since 1970 and the sums before it, by a curve of one year."""
    rates = curve[_days_of_year()]
    return rates, np.concatenate([[0.0], np.cumsum(rates)[:-1]])


@lru_cache(maxsize=1)
def _days_of_year() -> np.ndarray:
    return day_of_year(np.arange(np.datetime64(f"{_LAST_YEAR + 1}-01-01").astype("datetime64[D]").astype(np.int64)))


def day_of_year(days: np.ndarray) -> np.ndarray:
    """Number the days of the year from 0 to 364; the 29th of February repeats the 28th.

    Args:
        days: UTC days since 1970, shape (n,), `int64`.
    """
    calendar = days.astype("datetime64[D]")
    years = calendar.astype("datetime64[Y]")
    of_year: np.ndarray = (calendar - years.astype("datetime64[D]")).astype(np.int64)
    number = years.astype(np.int64) + 1970
    leap = (number % 4 == 0) & ((number % 100 != 0) | (number % 400 == 0))
    of_year -= leap & (of_year >= 59)
    return of_year


def yearly_curve(profile: Profile) -> np.ndarray:
    """Give the weight of each day of a year beyond the readings, mean 1, shape (365,)."""
    table = 1.0 if profile.percentages is None else daily_curve(profile.percentages)
    curve: np.ndarray = np.full(365, profile.base) + profile.season * table
    if profile.ahead is not None:
        shape = np.clip(HARMONICS @ np.array(profile.ahead), -_LARGEST_SHAPE, _LARGEST_SHAPE)
        curve = np.maximum(curve, 0.0) * np.exp(shape)
        curve = np.rint(curve * (365 / curve.sum()) / _RATE_STEP) * _RATE_STEP
    return curve


def fit_profile(registers: Sequence[Register], percentages: tuple[float, ...]) -> Profile:
    """Fit base and season of a meter to its own history.

    By whole intervals between readings; a swing larger than the table's, or against it, is followed where the readings
    are clear about it (see `amplitude.beliefs`). `base` is below 0 then, or `season` is, and their sum remains 1.

    Args:
        registers: Valid readings and advances; several where the meter was read in pieces.
        percentages: The monthly table, January first. [%], shape (12,)

    Returns:
        The profile, rounded so that noise in the last digits gives no new version; the table's if there is no history.
    """
    parts = [joined_intervals(register) for register in registers]
    opening, closing, advance = (
        (np.concatenate([part[k] for part in parts]) for k in range(3)) if parts else [np.empty(0)] * 3
    )
    table = table_profile(percentages)
    length = (closing - opening) / MICROSECONDS_PER_DAY
    if len(advance) == 0 or advance.sum() <= 0:
        return table
    seasonal = weight_of(table)
    season = seasonal.integral(closing.astype(np.int64)) - seasonal.integral(opening.astype(np.int64))
    curve = daily_curve(percentages)
    # A weight that nearly vanishes on some days would misplace much of them.
    least, most = -_SWING / (curve.max() - 1), max(_SWING / (1 - curve.min()), 1.0)
    (belief,) = beliefs([evidence(length, season, advance)], [1.0], np.ones(1), (least, most), _EVEN)
    swing = round(belief.middle, PROFILE_DECIMALS)
    return Profile(base=round(1 - swing, PROFILE_DECIMALS), season=swing, percentages=percentages)


def joined_intervals(register: Register) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join short gaps to intervals of at least a week: openings and closings in microseconds, and advances."""
    known = ~register.substituted & ~register.falls
    if len(register) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    block = (register.times[:-1] // int(_SHORTEST_INTERVAL_DAYS * MICROSECONDS_PER_DAY)).astype(np.int64)
    block = np.cumsum(np.concatenate([[0], (np.diff(block) > 0) | (known[1:] != known[:-1])]))
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    ends = np.concatenate([starts[1:] - 1, [len(block) - 1]])
    advance = np.add.reduceat(register.advances, starts)
    whole = known[starts]
    return register.times[starts][whole], register.times[ends + 1][whole], advance[whole]
