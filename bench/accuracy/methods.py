"""The weights that are compared, each as a meter's own readings and nothing else would give it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.accuracy.households import Household
from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.degree_days import Weather, fit_degree_days
from workflows_dagster.domain.level import LEVEL_WINDOW_DAYS, level_change
from workflows_dagster.domain.profile_choice import Candidates, fit_best, weight_for
from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, Weight, fit_profile, table_profile, weight_of

STRAIGHT, TABLE, PROFILE, DEGREE_DAYS = "straight line", "monthly table", "profile", "degree days"
AS_COMPUTED = "as computed"
METHODS = (STRAIGHT, TABLE, PROFILE, DEGREE_DAYS, AS_COMPUTED)
_COUNTER = Counter("bench", "unit", 0.001)
ALLOWANCE = Allowance(measured_max_gap_hours=25, max_extrapolation_days=400, jitter=_COUNTER.jitter)


def register_of(hours: pd.Series) -> pd.Series:
    """Give the register that counted the hours: its value when each hour opens, and at the end."""
    index = hours.index.append(hours.index[-1:] + pd.Timedelta(hours=1))
    return pd.Series(np.concatenate([[0.0], np.cumsum(hours.to_numpy())]), index=index)


def look_at(register: pd.Series, gap: int, seed: int) -> pd.Series:
    """Look at the register every `gap` days, give or take a fifth, from a random day on, and at both ends."""
    random = np.random.default_rng([gap, seed])
    picks, at = [0], random.uniform(0.1, 1.0) * gap * 24
    while at < len(register) - 1:
        picks.append(int(at))
        at += gap * 24 * random.uniform(0.8, 1.2)
    return register.iloc[sorted({*picks, len(register) - 1})]


def cleaned(readings: pd.Series) -> Register:
    """Clean readings as the pipeline does."""
    return clean(readings, _COUNTER)


def weights(register: Register, household: Household, weather: Weather | None) -> Mapping[str, Weight]:
    """Fit each method to the readings; degree days only where the weather tells enough of a year."""
    found = {
        STRAIGHT: weight_of(FLAT),
        TABLE: weight_of(table_profile(household.table)),
        PROFILE: weight_of(fit_profile([register], household.table)),
    }
    fitted = fit_degree_days([register], household.table, weather) if weather is not None else None
    if fitted is not None and weather is not None:
        found[DEGREE_DAYS] = weather.weight(fitted)
    found[AS_COMPUTED] = weight_for(fit_best(register, Candidates(household.table, weather)), weather)
    return found


def spread(register: Register, cuts: pd.DatetimeIndex, weight: Weight, *, level: bool = False) -> pd.Series:
    """Allocate readings to the pieces between cuts, before and beyond them too, as the pipeline does.

    Args:
        register: The readings.
        cuts: Where the pieces begin, and where the last one ends.
        weight: The weight.
        level: Whether a lasting change counts beyond the last reading.
    """
    since = 0
    if level and len(register) > 1:
        window = register.times[-1] - LEVEL_WINDOW_DAYS * MICROSECONDS_PER_DAY
        first = int(np.searchsorted(register.times, window))
        change = level_change(register.between(first, len(register) - 1), weight)
        since = 0 if change is None else first + change.reading
    head, tail = rate_window(register, "first", weight), rate_window(register, "last", weight, since=since)
    rates = Rates(head and head.rate, tail and tail.rate)
    return allocate(register, cuts, weight, ALLOWANCE, Life(), rates)["consumption"]
