"""Adds up days by month or year, with their quality."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from workflows_dagster.domain.allocation import QUALITIES
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import REGISTER_BAND_COLUMNS

Step = Literal["day", "month", "year"]
# Characters of a day's name that name its period.
_LENGTHS: dict[Step, int] = {"day": len("2024-05-31"), "month": len("2024-05"), "year": len("2024")}


def by_period(frame: pd.DataFrame, civil: pd.Index, step: Step) -> pd.DataFrame:
    """Add up days by calendar period.

    Args:
        frame: Days in order, with the columns that `domain.allocation.allocate` gives; of a virtual meter also
            `residual`, NaN on days without a value; `opening_lower` and `opening_upper` where there are any.
        civil: Their civil days, shape (n,), dtype `object` of `date`.
        step: What to add up to.

    Returns:
        Index the period's name (`2024-05`), in order; `opening` of its first day and `closing` of its last,
        `consumption` the exact sum of the days that have one (of a virtual meter's months and years that of their
        residuals, not below 0), `quality` the worst day's, `estimated_share` weighted by
        consumption, `days` and `missing_days`, and the band of the first day's `opening`.
    """
    names, begins = _names(civil, step)
    known = _Days(*(frame[column].to_numpy() for column in _Days._fields))
    residual = frame["residual"].to_numpy(dtype=float) if step != "day" and "residual" in frame else None
    ends = np.r_[begins, len(names)][1:]
    rows = [_sum(known, residual, slice(begin, end)) for begin, end in zip(begins, ends, strict=True)]
    columns = ["opening", "closing", "consumption", "quality", "estimated_share", "days", "missing_days"]
    sums = pd.DataFrame(rows, index=pd.Index(names[begins], dtype=object), columns=columns)
    for name in REGISTER_BAND_COLUMNS:
        sums[name] = frame[name].to_numpy(dtype=float)[begins] if name in frame else np.nan
    return sums


def spans_of(civil: pd.Index, step: Step) -> list[DayRange]:
    """Give the days from the first to the last that each sum of `by_period` covers, in order."""
    _, begins = _names(civil, step)
    ends = np.r_[begins, len(civil)][1:]
    return [DayRange(civil[begin], civil[end - 1]) for begin, end in zip(begins, ends, strict=True)]


def _names(civil: pd.Index, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Name each day's period, and give where each period begins."""
    length = _LENGTHS[step]
    names = np.array([day.isoformat()[:length] for day in civil], dtype=object)
    return names, np.flatnonzero(np.r_[True, names[1:] != names[:-1]][: len(names)])


class _Days(NamedTuple):
    opening: np.ndarray
    closing: np.ndarray
    consumption: np.ndarray
    quality: np.ndarray
    estimated_share: np.ndarray


def _sum(days: _Days, residual: np.ndarray | None, period: slice) -> list[float | str | int]:
    consumption = days.consumption[period].astype(float)
    known = ~np.isnan(consumption)
    used, share = consumption[known], days.estimated_share[period].astype(float)[known]
    total = math.fsum(used)
    if residual is not None and not np.isnan(residual[period]).all():
        total = max(math.fsum(residual[period][known]), 0.0)
    weight = math.fsum(np.abs(used))
    unused = float(share.mean()) if len(share) else np.nan
    estimated = math.fsum(np.abs(used) * share) / weight if weight > 0 else unused
    worst = max(QUALITIES.index(quality) for quality in days.quality[period])
    return [
        float(days.opening[period][0]),
        float(days.closing[period][-1]),
        total if known.any() else np.nan,
        QUALITIES[worst],
        estimated,
        len(consumption),
        int((~known).sum()),
    ]
