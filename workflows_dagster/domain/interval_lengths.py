"""Lengths of an interval source's intervals: as configured, else inferred from their spacing."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR

MICROSECONDS_PER_MINUTE = MICROSECONDS_PER_HOUR // 60
MINUTES_PER_DAY = 1440
# Usual lengths. [min]
USUAL_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, MINUTES_PER_DAY)
# Stamps may be some seconds off, and civil days have 23 to 25 hours.
_TOLERANCE = 0.05
# A source may change its length; the spacing that fills most of this many days around an interval is its length.
_AROUND_DAYS = 7
_WITHOUT_NEIGHBOURS = 60


@dataclass(frozen=True)
class Lengths:
    """Lengths of intervals.

    Attributes:
        minutes: Length of each interval; 1440 is a civil day. [min], shape (n,), `int64`.
        closing: Instant at which each one ends, never after the next one opens, microseconds since 1970, shape (n,).
    """

    minutes: np.ndarray
    closing: np.ndarray


def lengths(opening: np.ndarray, zone: ZoneInfo, declared: int | None = None) -> Lengths:
    """Give each interval's length (docs/explanation/methods.md#intervals).

    Args:
        opening: Instants at which the intervals open, increasing, microseconds since 1970, shape (n,).
        zone: The house's zone, for intervals of a day.
        declared: Length of all of them, or None to infer it. [min]
    """
    minutes = np.full(len(opening), declared, dtype=np.int64) if declared is not None else found_minutes(opening)
    closing = opening + minutes * MICROSECONDS_PER_MINUTE
    whole_days = np.flatnonzero(minutes == MINUTES_PER_DAY)
    if len(whole_days):
        local = days.instants(opening[whole_days]).tz_convert(zone).tz_localize(None) + pd.Timedelta(days=1)
        first_of_two = np.ones(len(local), dtype=bool)
        ends = local.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward").tz_convert("UTC")
        closing[whole_days] = days.microseconds(ends)
    following = np.append(opening[1:], np.iinfo(np.int64).max)
    is_next = following - opening <= minutes * MICROSECONDS_PER_MINUTE * (1 + _TOLERANCE)
    return Lengths(minutes, np.where(is_next, following, np.minimum(closing, following)))


def found_minutes(opening: np.ndarray) -> np.ndarray:
    """Infer each interval's length: of the usual lengths, the spacing that fills most of the week on either side.

    A lone interval, or one without neighbours at a usual distance, gets the most frequent length; if there is none, an
    hour.

    Args:
        opening: Instants at which the intervals open, increasing, microseconds since 1970, shape (n,).

    Returns:
        Minutes, shape (n,), `int64`.
    """
    spacing = np.diff(opening)
    usual = np.array(USUAL_MINUTES, dtype=np.int64) * MICROSECONDS_PER_MINUTE
    nearest = np.abs(spacing[:, None] - usual).argmin(axis=1) if len(spacing) else np.empty(0, dtype=np.int64)
    fits = np.abs(spacing - usual[nearest]) <= _TOLERANCE * usual[nearest]
    present = np.unique(nearest[fits])
    if len(present) == 0:
        return np.full(len(opening), _WITHOUT_NEIGHBOURS, dtype=np.int64)
    around = _AROUND_DAYS * MICROSECONDS_PER_DAY
    first = np.searchsorted(opening[:-1], opening - around, side="left")
    last = np.searchsorted(opening[:-1], opening + around, side="left")
    filled = np.empty((len(present), len(opening)))
    for place, which in enumerate(present.tolist()):
        time = np.concatenate([[0], np.cumsum(np.where(fits & (nearest == which), spacing, 0))])
        # One of the spacings may be a hole; of two that occur once, the shorter is the length.
        fills = time[last] - time[first]
        filled[place] = np.where(fills > 0, np.maximum(fills - usual[which], 0), -1)
    most = present[filled.argmax(axis=0)]
    alone = filled.max(axis=0) < 0
    if alone.any():
        most[alone] = np.bincount(most[~alone]).argmax()
    minutes: np.ndarray = np.array(USUAL_MINUTES, dtype=np.int64)[most]
    return minutes
