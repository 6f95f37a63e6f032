"""Interval sources: consumption by the hour, as the register that would have counted it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import RATE_WINDOW_DAYS
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.register import Register, empty
from workflows_dagster.domain.season import Weight

HOUR = pd.Timedelta(hours=1)


def register_from_intervals(
    intervals: pd.Series,
    meter_id: str,
    weight: Weight,
    *,
    width: pd.Timedelta = HOUR,
    start_value: float = 0.0,
    anchors: Register | None = None,
) -> Register:
    """Lay known intervals end to end, and bridge what is missing between them.

    A missing stretch lies between two register readings or it does not. If it does, the readings say what flowed less
    what is known; else it gets what flowed per unit of weight in the year before it, or after it
    (docs/methods.md#intervals).

    Args:
        intervals: Consumption by the UTC instant at which each interval opens, any order, shape (n,). [meter unit]
            Nulls are unknown, not zero; negative ones are left out and reported.
        meter_id: The meter.
        weight: The meter's weight.
        width: Length of an interval.
        start_value: Register when the first interval opens, where no anchor says better. [meter unit]
        anchors: Valid readings of the same meter's register, or None.

    Returns:
        The register at the edges of intervals: its `advances` are the intervals themselves, to the last bit, and those
        of missing stretches are marked `substituted`.
    """
    finite = intervals[np.isfinite(intervals.to_numpy(dtype=float))]
    finite = finite[(finite.index >= days.REPRESENTABLE[0]) & (finite.index < days.REPRESENTABLE[1])]
    usable = finite[~finite.index.duplicated(keep="last")].sort_index()
    negative = usable < 0
    findings = _negative(usable[negative], meter_id)
    usable = usable[~negative]
    if usable.empty:
        return empty(findings=findings)
    opening = days.microseconds(pd.DatetimeIndex(usable.index))
    closing = np.minimum(
        opening + width // pd.Timedelta(microseconds=1), np.append(opening[1:], np.iinfo(np.int64).max)
    )
    amounts = usable.to_numpy(dtype=float)

    bridged = np.flatnonzero(closing[:-1] < opening[1:])
    times = np.insert(opening, bridged + 1, closing[bridged])
    advances = np.insert(amounts, bridged + 1, np.nan)
    times = np.append(times, closing[-1])
    substituted = np.isnan(advances)
    for gap in np.flatnonzero(substituted).tolist():
        advances[gap] = _bridge(gap, times, advances, substituted, weight)
    if anchors is not None and len(anchors) >= 2:
        advances = _fit_between(anchors, times, advances, substituted)
    values = np.concatenate([[0.0], np.cumsum(advances)]) + start_value
    values = _anchored(values, times, anchors)
    return Register(
        times=times,
        values=values,
        bases=values[:-1],
        advances=advances,
        falls=np.zeros(len(advances), dtype=bool),
        substituted=substituted,
        counts=False,
        findings=findings,
    )


def _negative(negative: pd.Series, meter_id: str) -> tuple[Finding, ...]:
    if negative.empty:
        return ()
    sentence = (
        f"{len(negative)} interval{'s have' if len(negative) > 1 else ' has'} a negative consumption, "
        f"{negative.min():g} at the least, and is treated as unknown. Check the source."
    )
    figures = {"count": float(len(negative)), "lowest": float(negative.min())}
    return (Finding("negative_interval", meter_id, negative.index[0], negative.index[-1], sentence, figures),)


def _bridge(gap: int, times: np.ndarray, advances: np.ndarray, substituted: np.ndarray, weight: Weight) -> float:
    """Estimate a missing stretch from the known intervals of the year before it, else after it."""
    window = RATE_WINDOW_DAYS * days.MICROSECONDS_PER_DAY
    lo = int(np.searchsorted(times, times[gap] - window, side="left"))
    near = slice(lo, gap)
    if not (~substituted[near]).any():
        near = slice(gap + 1, int(np.searchsorted(times, times[gap + 1] + window, side="right")) - 1)
    known = np.flatnonzero(~substituted[near]) + near.start
    integral = weight.integral(times)
    flowed = float(np.cumsum(advances[known])[-1])
    weighed = float(np.cumsum(integral[known + 1] - integral[known])[-1])
    return flowed / weighed * float(integral[gap + 1] - integral[gap]) if weighed > 0 else 0.0


def _fit_between(anchors: Register, times: np.ndarray, advances: np.ndarray, substituted: np.ndarray) -> np.ndarray:
    """Scale the missing stretches between two register readings so that the readings' difference comes out."""
    fitted = advances.copy()
    for k in np.flatnonzero(~anchors.falls):
        lo = int(np.searchsorted(times, anchors.times[k], side="left"))
        hi = int(np.searchsorted(times, anchors.times[k + 1], side="right")) - 1
        inside = np.arange(lo, max(hi, lo))
        missing = inside[substituted[inside]]
        if len(missing) == 0:
            continue
        known = float(np.cumsum(advances[inside][~substituted[inside]])[-1]) if len(missing) < len(inside) else 0.0
        left, guessed = float(anchors.advances[k]) - known, float(advances[missing].sum())
        if left >= 0:
            fitted[missing] = advances[missing] / guessed * left if guessed > 0 else left / len(missing)
    return fitted


def _anchored(values: np.ndarray, times: np.ndarray, anchors: Register | None) -> np.ndarray:
    """Shift the running sum so that it meets the first register reading."""
    if anchors is None or len(anchors) == 0:
        return values
    at = float(np.interp(anchors.times[0], times, values))
    return values + (float(anchors.values[0]) - at)
