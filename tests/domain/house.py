"""Small registers and days for the tests of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, Profile, weight_of

BERLIN = ZoneInfo("Europe/Berlin")
COUNTER = Counter("strom", "kWh", resolution=0.001)
GAS_TABLE = (17.0, 15.0, 13.0, 8.0, 4.0, 1.5, 1.0, 1.0, 3.5, 8.0, 12.0, 16.0)


def series(values: Sequence[float], times: Sequence[str] | pd.DatetimeIndex) -> pd.Series:
    """Readings at local Berlin times."""
    index = pd.DatetimeIndex(times)
    if index.tz is None:
        index = index.tz_localize(BERLIN)
    return pd.Series(np.asarray(values, dtype=float), index=index.tz_convert("UTC").as_unit("us"))


def hourly(values: Sequence[float], start: str = "2024-01-10") -> pd.Series:
    """Readings an hour apart."""
    return series(values, pd.date_range(start, periods=len(values), freq="h", tz="UTC"))


def spread(
    register: Register | pd.Series,
    first: date,
    last: date,
    *,
    profile: Profile = FLAT,
    max_gap: float = 25,
    max_extrapolation: float = 400,
    life: Life | None = None,
    floor: float = 0.0,
    counter: Counter = COUNTER,
) -> pd.DataFrame:
    """Days of a register, with the rates that its own ends give."""
    if isinstance(register, pd.Series):
        register = clean(register, counter)
    weight = weight_of(profile)
    head, tail = rate_window(register, "first", weight), rate_window(register, "last", weight)
    return allocate(
        register,
        DayRange(first, last).openings(BERLIN),
        weight,
        Allowance(max_gap, max_extrapolation, counter.jitter, floor),
        life or Life(),
        Rates(head and head.rate, tail and tail.rate),
    )


def day(frame: pd.DataFrame, civil: date) -> pd.Series:
    """One day of a frame."""
    return frame.loc[days.opening(civil, BERLIN)]
