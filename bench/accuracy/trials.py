"""The trials: hide readings, fill in, compare with what was hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from bench.accuracy.households import Household
from bench.accuracy.methods import AS_COMPUTED, DEGREE_DAYS, cleaned, look_at, register_of, spread, weights
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.degree_days import Weather, daily_means

GAPS = (14, 30, 60, 90, 180, 365)
SCHEDULES = 40
# Days ahead that are extrapolated; between them and the start the readings must tell of a whole year.
HORIZONS = (30, 90)
READ_EVERY = (30, 90, 365)
HISTORY_DAYS, CUT_EVERY_DAYS, SCHEDULES_AHEAD = 400, 14, 6
DEGREE_DAYS_AFTERWARDS, AS_COMPUTED_AFTERWARDS = "degree days, weather known", "as computed, weather known"


@dataclass
class Errors:
    """Errors of each method, schedule by schedule, so that methods can be compared pair by pair. [%]"""  # noqa: D415

    by_method: dict[str, list[float]] = field(default_factory=dict)

    def add(self, method: str, error: float) -> None:
        """Add one schedule's error."""
        self.by_method.setdefault(method, []).append(error)

    def mean(self, method: str) -> float:
        """Mean over the schedules. [%]"""  # noqa: D415
        return float(np.mean(self.by_method[method]))

    def deviation(self, method: str) -> float:
        """Standard deviation over the schedules. [%]"""  # noqa: D415
        return float(np.std(self.by_method[method]))

    def nearer(self, method: str, other: str) -> float:
        """Share of schedules in which a method is nearer to the truth than another, 0..1."""
        return float(np.mean(np.array(self.by_method[method]) < np.array(self.by_method[other])))


@dataclass(frozen=True)
class Between:
    """Errors between readings.

    Attributes:
        months: By gap [d].
        days: By gap [d].
        hourly: Daily error of a register that is read every hour. [%]
    """

    months: Mapping[int, Errors]
    days: Mapping[int, Errors]
    hourly: float


@dataclass(frozen=True)
class Ahead:
    """Errors beyond the last reading.

    Attributes:
        errors: By days between readings and days ahead.
        cuts: How many last readings were tried, 0 where the series is too short.
    """

    errors: Mapping[tuple[int, int], Errors]
    cuts: int


def weighted_error(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Weighted absolute percentage error: all that is misplaced, over all that was used. [%]"""  # noqa: D415
    return 100 * float(np.abs(estimate - truth).sum() / truth.sum())


def true_days(household: Household) -> pd.Series:
    """Add up the hours of each civil day, by the instant at which it opens; whole days only."""
    opening = household.hours.index.tz_convert(household.zone).normalize().tz_convert("UTC")
    return household.hours.groupby(opening).sum().iloc[1:-1]


def months_of(series: pd.Series, household: Household) -> pd.Series:
    """Add up days to whole months."""
    local = series.tz_convert(household.zone)
    sums = local.groupby(local.index.strftime("%Y-%m")).agg(["sum", "count"])
    whole = sums["count"].to_numpy() == [pd.Period(month).days_in_month for month in sums.index]
    return sums.loc[whole, "sum"]


def between_readings(household: Household, gaps: Sequence[int] = GAPS, schedules: int = SCHEDULES) -> Between:
    """Fill in between readings that lie `gaps` days apart, and compare days and months with the truth."""
    register = register_of(household.hours)
    truth = true_days(household)
    first, last = (days.civil_day(moment, household.zone) for moment in truth.index[[0, -1]])
    cuts = DayRange(first, last).openings(household.zone)
    true_months = months_of(truth, household)
    weather = weather_of(household.temperatures)

    def errors(readings: pd.Series) -> list[tuple[str, float, float]]:
        seen = cleaned(readings)
        found = []
        for method, weight in weights(seen, household, weather).items():
            estimate = spread(seen, cuts, weight)
            month = weighted_error(months_of(estimate, household).to_numpy(), true_months.to_numpy())
            found.append((method, month, weighted_error(estimate.to_numpy(), truth.to_numpy())))
        return found

    months: dict[int, Errors] = {gap: Errors() for gap in gaps}
    by_day: dict[int, Errors] = {gap: Errors() for gap in gaps}
    for gap in gaps:
        for seed in range(schedules):
            for method, month, day in errors(look_at(register, gap, seed)):
                months[gap].add(method, month)
                by_day[gap].add(method, day)
    return Between(months, by_day, max(day for _, _, day in errors(register)))


def beyond_readings(
    household: Household, read_every: Sequence[int] = READ_EVERY, schedules: int = SCHEDULES_AHEAD
) -> Ahead:
    """End the readings at many dates, extrapolate, and compare what was used in the days ahead with the truth.

    Nothing that lies after the last reading is known to the fit; only `DEGREE_DAYS_AFTERWARDS` knows the temperature of
    the days that it fills in, as it is when the days are over and the meter was not read.
    """
    register = register_of(household.hours)
    furthest = max(HORIZONS) * 24
    ends = range(HISTORY_DAYS * 24, len(register) - furthest, CUT_EVERY_DAYS * 24)
    estimates: dict[tuple[int, int], dict[str, list[list[float]]]] = {}
    truths: dict[int, list[float]] = {horizon: [] for horizon in HORIZONS}
    for end in ends:
        at = register.index[end]
        cuts = pd.DatetimeIndex([at, *(at + timedelta(days=horizon) for horizon in HORIZONS)]).as_unit("us")
        for horizon in HORIZONS:
            truths[horizon].append(float(register.iloc[end + horizon * 24] - register.iloc[end]))
        until_then = weather_of(household.temperatures, at)
        afterwards = weather_of(household.temperatures, cuts[-1])
        for gap in read_every:
            for seed in range(schedules):
                seen = cleaned(look_at(register.iloc[: end + 1], gap, seed))
                methods = dict(weights(seen, household, until_then))
                knowing = weights(seen, household, afterwards) if DEGREE_DAYS in methods else {}
                if DEGREE_DAYS in knowing:
                    methods[DEGREE_DAYS_AFTERWARDS] = knowing[DEGREE_DAYS]
                    methods[AS_COMPUTED_AFTERWARDS] = knowing[AS_COMPUTED]
                for method, weight in methods.items():
                    level = method in (AS_COMPUTED, AS_COMPUTED_AFTERWARDS)
                    pieces = np.cumsum(spread(seen, cuts, weight, level=level).to_numpy())
                    for horizon, used in zip(HORIZONS, pieces, strict=True):
                        by_seed = estimates.setdefault((gap, horizon), {}).setdefault(
                            method, [[] for _ in range(schedules)]
                        )
                        by_seed[seed].append(float(used))
    errors: dict[tuple[int, int], Errors] = {}
    for (gap, horizon), by_method in estimates.items():
        errors[gap, horizon] = Errors()
        for method, by_seed in by_method.items():
            for used_by_cut in by_seed:
                # Degree days wait for a year of weather, and are compared only where all cuts have them.
                if len(used_by_cut) == len(ends):
                    errors[gap, horizon].add(method, weighted_error(np.array(used_by_cut), np.array(truths[horizon])))
    return Ahead(errors, len(ends))


def weather_of(temperatures: pd.Series | None, until: pd.Timestamp | None = None) -> Weather | None:
    """Give the weather that is known until an instant; None without temperatures."""
    if temperatures is None:
        return None
    return Weather(daily_means(temperatures if until is None else temperatures[temperatures.index < until]))
