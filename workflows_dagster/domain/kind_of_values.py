"""Distinguishes register readings from consumption of intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain.findings import Finding

# Fewer numbers are inconclusive: heating consumption may rise for some months.
_FEWEST = 24
_FEWEST_CLIMBS = 5
# A register falls rarely, at replacements and glitches; consumption falls in about every second step.
_FALLS_OF_REGISTER = 0.01
_FALLS_OF_CONSUMPTION = (0.3, 0.7)
# Number of intervals that are judged together: a day of quarter hours.
_JUDGED = 96


def looks_like_register(values: np.ndarray) -> bool:
    """Tell whether numbers only rise, as a register does and consumption does not.

    Args:
        values: In time order, shape (n,).
    """
    if len(values) < _FEWEST:
        return False
    steps = np.diff(values)
    climbs, falls = int((steps > 0).sum()), int((steps < 0).sum())
    return climbs >= _FEWEST_CLIMBS and falls <= _FALLS_OF_REGISTER * len(steps) and bool(values[-1] > values[0])


def looks_like_consumption(values: np.ndarray) -> bool:
    """Tell whether numbers fall in about half of their steps, as consumption does and a register does not.

    Args:
        values: In time order, shape (n,).
    """
    if len(values) < _FEWEST:
        return False
    steps = np.diff(values)
    moves = int((steps != 0).sum())
    falls = int((steps < 0).sum())
    least, most = _FALLS_OF_CONSUMPTION
    return moves >= _FEWEST and least * moves <= falls <= most * moves


def registers_among_intervals(intervals: pd.Series, meter_id: str) -> list[Finding]:
    """Find stretches of an interval source with register readings (docs/explanation/methods.md#plausibility).

    Args:
        intervals: Consumption by the UTC instant at which each interval opens, in time order, shape (n,). [meter unit]
        meter_id: The meter.

    Returns:
        One finding per stretch.
    """
    values, stamps = intervals.to_numpy(dtype=float), pd.DatetimeIndex(intervals.index)
    climbing = [
        (lo, hi)
        for lo in range(0, len(values), _JUDGED)
        if looks_like_register(values[lo : (hi := min(lo + _JUDGED, len(values)))])
    ]
    stretches: list[tuple[int, int]] = []
    for lo, hi in climbing:
        if stretches and stretches[-1][1] == lo:
            lo = stretches.pop()[0]
        stretches.append((lo, hi))
    return [
        Finding(
            "register_as_intervals",
            meter_id,
            stamps[lo],
            stamps[hi - 1],
            {"count": float(hi - lo), "first": float(values[lo]), "last": float(values[hi - 1])},
        )
        for lo, hi in stretches
    ]
