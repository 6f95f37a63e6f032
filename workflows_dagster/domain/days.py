"""Civil days: their opening and closing, in a zone with days of 23, 24 or 25 hours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

MICROSECONDS_PER_DAY = 86_400_000_000
MICROSECONDS_PER_HOUR = 3_600_000_000
# Days that a zone skips in a row, as Samoa did one when it crossed the date line.
_LONGEST_SKIP = 1
# More than thirty years.
_DAYS_KEPT = 12_000
# Readings outside are typing errors.
REPRESENTABLE = (pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2199-12-31", tz="UTC"))


@dataclass(frozen=True, order=True)
class DayRange:
    """Consecutive civil days.

    Attributes:
        first: First day.
        last: Last day, included.

    Raises:
        ValueError: `last` lies before `first`.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse a range without a day."""
        if self.last < self.first:
            raise ValueError(f"the last day {self.last} lies before the first, {self.first}")

    @classmethod
    def single(cls, day: date) -> DayRange:
        """Give the range of one day."""
        return cls(day, day)

    @property
    def count(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        """Give the days in order."""
        return map(date.fromordinal, range(self.first.toordinal(), self.last.toordinal() + 1))

    def __contains__(self, day: date) -> bool:
        """Tell whether a civil day lies in the range."""
        return self.first <= day <= self.last

    def days(self) -> set[date]:
        """Give the days as a set."""
        return set(self)

    def clipped(self, within: DayRange) -> DayRange | None:
        """Give the part that lies within another range; None where there is none."""
        first, last = max(self.first, within.first), min(self.last, within.last)
        return DayRange(first, last) if first <= last else None

    def openings(self, zone: ZoneInfo) -> pd.DatetimeIndex:
        """Give the instants at which the days open, and at which the last one closes.

        A midnight that the zone skips opens at the first instant after it; one that it repeats opens the first time
        (docs/explanation/methods.md#days). A day that the zone skips as a whole has no opening.

        Returns:
            UTC instants, strictly increasing, shape (count + 1,) or less, `datetime64[us, UTC]`.
        """
        return self.midnights(zone).unique()

    def midnights(self, zone: ZoneInfo) -> pd.DatetimeIndex:
        """Give what `openings` gives, but for a day that the zone skips as a whole too: there the next day opens.

        Returns:
            UTC instants, increasing, shape (count + 1,), `datetime64[us, UTC]`.
        """
        beyond = self.last + timedelta(days=1 + _LONGEST_SKIP)
        midnights = pd.date_range(self.first, beyond, freq="D", unit="us")
        first_of_two = np.ones(len(midnights), dtype=bool)
        local = midnights.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward")
        stamps = microseconds(local.tz_convert("UTC"))
        # Of a day that does not exist, the shifted midnight lies after the next one.
        in_order = np.minimum.accumulate(stamps[::-1])[::-1]
        return instants(in_order[: self.count + 1])

    def bounds(self, zone: ZoneInfo) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Give the instants at which the first day opens and the last one closes, UTC."""
        return opening(self.first, zone), closing(self.last, zone)


def joined(civil: Iterable[date], *, near: timedelta = timedelta(days=1)) -> list[DayRange]:
    """Join days to ranges, in order; days at most `near` apart belong to one."""
    return merged((DayRange.single(day) for day in set(civil)), near=near)


def merged(ranges: Iterable[DayRange], *, near: timedelta = timedelta(days=1)) -> list[DayRange]:
    """Merge ranges that overlap or lie at most `near` apart, in order."""
    result: list[DayRange] = []
    for found in sorted(ranges):
        if result and found.first - result[-1].last <= near:
            result[-1] = DayRange(result[-1].first, max(result[-1].last, found.last))
        else:
            result.append(found)
    return result


def opening(day: date, zone: ZoneInfo) -> pd.Timestamp:
    """Give the instant at which a civil day opens, UTC."""
    return _ends(day, zone)[0]


def closing(day: date, zone: ZoneInfo) -> pd.Timestamp:
    """Give the instant at which a civil day closes and the next one opens, UTC."""
    return _ends(day, zone)[1]


@lru_cache(maxsize=_DAYS_KEPT)
def _ends(day: date, zone: ZoneInfo) -> tuple[pd.Timestamp, pd.Timestamp]:
    found = DayRange.single(day).midnights(zone)
    return found[0], found[1]


def civil_day(instant: pd.Timestamp, zone: ZoneInfo) -> date:
    """Give the civil day in which a UTC instant lies."""
    return instant.tz_convert(zone).date()


def civil_days(instants: pd.DatetimeIndex, zone: ZoneInfo) -> pd.Index:
    """Give the civil day of each UTC instant, shape (n,), dtype `object` of `date`."""
    return pd.Index(instants.tz_convert(zone).date, dtype=object)


def instant(moment: date | datetime, zone: ZoneInfo, *, end: bool) -> pd.Timestamp:
    """Turn a configured date or date-time into an instant.

    Args:
        moment: A whole civil day, or an exact time, which is local time if it has no offset.
        zone: The house's zone.
        end: Whether to give the end of a whole day instead of its beginning.

    Returns:
        UTC instant.
    """
    if isinstance(moment, datetime):
        exact = pd.Timestamp(moment).as_unit("us")
        if exact.tzinfo is None:
            exact = exact.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
        return exact.tz_convert("UTC")
    return closing(moment, zone) if end else opening(moment, zone)


def is_whole_day(moment: date | datetime) -> bool:
    """Tell whether a configured date or date-time means a whole civil day: a date, or a midnight without an offset."""
    return not isinstance(moment, datetime) or (moment.time() == time() and moment.tzinfo is None)


def microseconds(instants: pd.DatetimeIndex) -> np.ndarray:
    """Give instants as microseconds since 1970, UTC, shape (n,), `int64`."""
    return instants.as_unit("us").asi8


def microsecond(moment: pd.Timestamp) -> int:
    """Give one instant as microseconds since 1970, UTC."""
    return int(moment.as_unit("us").asm8.astype(np.int64))


def instants(microseconds_since_1970: np.ndarray) -> pd.DatetimeIndex:
    """Give microseconds since 1970 as UTC instants, shape (n,)."""
    return pd.DatetimeIndex(np.asarray(microseconds_since_1970, dtype="datetime64[us]"), tz="UTC")
