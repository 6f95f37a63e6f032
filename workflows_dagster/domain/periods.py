"""Months and years: days added up, without losing how they are known."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain.allocation import QUALITIES

Step = Literal["day", "month", "year"]
_FORMATS: dict[Step, str] = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


def by_period(frame: pd.DataFrame, civil: pd.Index, step: Step) -> pd.DataFrame:
    """Add up days by calendar period.

    Args:
        frame: Days in order, with the columns that `domain.allocation.allocate` gives.
        civil: Their civil days, shape (n,), dtype `object` of `date`.
        step: What to add up to.

    Returns:
        Index the period's name (`2024-05`), in order; `opening` of its first day and `closing` of its last,
        `consumption` the exact sum of the days that have one, `quality` the worst day's, `estimated_share` weighted by
        consumption, and `days` and `missing_days`.
    """
    names = [day.strftime(_FORMATS[step]) for day in civil]
    rows = {name: _sum(days) for name, days in frame.groupby(np.array(names, dtype=object), sort=True)}
    columns = ["opening", "closing", "consumption", "quality", "estimated_share", "days", "missing_days"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _sum(days: pd.DataFrame) -> list[float | str | int]:
    consumption = days["consumption"].to_numpy(dtype=float)
    known = ~np.isnan(consumption)
    used, share = consumption[known], days["estimated_share"].to_numpy(dtype=float)[known]
    total = math.fsum(used)
    weight = math.fsum(np.abs(used))
    unused = float(share.mean()) if len(share) else np.nan
    estimated = math.fsum(np.abs(used) * share) / weight if weight > 0 else unused
    worst = max(QUALITIES.index(quality) for quality in days["quality"])
    return [
        float(days["opening"].iloc[0]),
        float(days["closing"].iloc[-1]),
        total if known.any() else np.nan,
        QUALITIES[worst],
        estimated,
        len(days),
        int((~known).sum()),
    ]
