"""The hours of one year in civil time, and random draws that depend only on seed, name and year."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# A UTC year touches at most 367 civil days; one more is harmless.
DAYS_DRAWN = 368


@dataclass(frozen=True)
class Hours:
    """The hours of one UTC year, each described by its civil time; all arrays of shape (n,), n = 8760 or 8784.

    Attributes:
        opening: Microseconds since 1970 at which each hour opens, UTC.
        utc_hour: Hour of the day in UTC, 0..23.
        hour: Hour of the civil day, 0..23; October's repeated hour occurs twice.
        weekend: Whether the civil day is a Saturday or a Sunday.
        yearday: Day of the civil year, 1..366.
        day: Number of its civil day among this year's days, from 0.
    """

    opening: NDArray[np.int64]
    utc_hour: NDArray[np.int64]
    hour: NDArray[np.int64]
    weekend: NDArray[np.bool_]
    yearday: NDArray[np.int64]
    day: NDArray[np.int64]


def hours_of(year: int, zone: ZoneInfo) -> Hours:
    """Describe the hours of a UTC year in civil time."""
    instants = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="h", inclusive="left", tz="UTC", unit="us")
    civil = instants.tz_convert(zone)
    midnight = civil.tz_localize(None).normalize()
    return Hours(
        opening=instants.asi8,
        utc_hour=instants.hour.to_numpy(dtype=np.int64),
        hour=civil.hour.to_numpy(dtype=np.int64),
        weekend=civil.day_of_week.to_numpy() >= 5,
        yearday=civil.day_of_year.to_numpy(dtype=np.int64),
        day=(midnight - midnight[0]).days.to_numpy(dtype=np.int64),
    )


def draws(seed: int, name: str, year: int = 0) -> np.random.Generator:
    """Give the random generator of a name and a year, independent of process and call order."""
    digest = hashlib.sha256(f"{seed}/{name}/{year}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
