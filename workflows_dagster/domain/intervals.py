"""Converts interval sources (consumption by hour, quarter hour or day) into registers."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.interval_lengths import found_minutes, lengths
from workflows_dagster.domain.kind_of_values import registers_among_intervals
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS
from workflows_dagster.domain.register import Register, empty
from workflows_dagster.domain.season import Weight


def register_from_intervals(
    intervals: pd.Series,
    meter_id: str,
    weight: Weight,
    *,
    zone: ZoneInfo,
    minutes: int | None = None,
    start_value: float = 0.0,
    anchors: Register | None = None,
) -> Register:
    """Join known intervals into a register, and estimate missing stretches.

    Between two readings of the register, missing stretches (also those before the first and after the last interval)
    share the readings' difference less the known intervals. Other stretches get the rate of the year before, else after
    (docs/explanation/methods.md#intervals).

    Args:
        intervals: Consumption by the UTC instant at which each interval opens, any order, shape (n,). [meter unit]
            Nulls are unknown, not zero; negative values are dropped and reported.
        meter_id: The meter.
        weight: The meter's weight.
        zone: The house's zone, for intervals of a day.
        minutes: Length of an interval, or None to infer it from their spacing. [min]
        start_value: Register at the first interval's opening, unless an anchor gives it. [meter unit]
        anchors: Valid readings of the same meter's register, or None.

    Returns:
        The register at the edges of intervals. Its `advances` are the intervals, to the last bit; missing stretches are
        marked `unknown`, and also `substituted` if no readings give their sum.
    """
    given = intervals[(intervals.index >= days.REPRESENTABLE[0]) & (intervals.index < days.REPRESENTABLE[1])]
    given = given[~given.index.duplicated(keep="last")].sort_index()
    findings = _negative(given[given < 0], meter_id)
    known = (np.isfinite(given) & (given >= 0)).to_numpy(dtype=bool)
    usable = given[known]
    findings += tuple(registers_among_intervals(usable, meter_id))
    if usable.empty:
        return replace(anchors, findings=findings) if anchors is not None else empty(findings=findings)
    # Null and negative intervals keep their place without an amount.
    stamps = days.microseconds(pd.DatetimeIndex(given.index))
    opening, closing = stamps[known], lengths(stamps, zone, minutes).closing[known]
    if minutes is not None:
        findings += _other_length(stamps, minutes, meter_id)
    known_readings = anchors.times if anchors is not None else np.empty(0, dtype=np.int64)
    times = np.unique(np.concatenate([opening, closing, known_readings]))
    advances = _laid_out(times, opening, closing, usable.to_numpy(dtype=float))
    unknown = np.isnan(advances)
    substituted = unknown.copy()
    for gap in np.flatnonzero(substituted).tolist():
        advances[gap] = _bridge(gap, times, advances, substituted, weight)
    if anchors is not None:
        _fit_between(anchors, times, advances, substituted)
    values = np.concatenate([[0.0], np.cumsum(advances)]) + start_value
    if anchors is not None and len(anchors):
        values += anchors.values[0] - values[np.searchsorted(times, anchors.times[0])]
    return Register(
        times=times,
        values=values,
        bases=values[:-1],
        advances=advances,
        falls=np.zeros(len(advances), dtype=bool),
        substituted=substituted,
        counts=False,
        findings=findings,
        unknown=unknown,
    )


def _other_length(stamps: np.ndarray, minutes: int, meter_id: str) -> tuple[Finding, ...]:
    """Tell where most intervals are longer or shorter than declared."""
    found = int(np.bincount(found_minutes(stamps)).argmax())
    if found == minutes or len(stamps) < 2:
        return ()
    start, end = days.instants(stamps[[0, -1]])
    figures = {"declared_minutes": float(minutes), "found_minutes": float(found)}
    return (Finding("interval_length", meter_id, start, end, figures),)


def _laid_out(times: np.ndarray, opening: np.ndarray, closing: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Give each stretch between two edges its part of the surrounding interval, NaN if unknown."""
    which = np.searchsorted(opening, times[:-1], side="right") - 1
    inside = (which >= 0) & (times[:-1] < closing[np.maximum(which, 0)])
    k = np.maximum(which, 0)
    share = (times[1:] - times[:-1]) / (closing[k] - opening[k])
    return np.where(inside, amounts[k] * share, np.nan)


def _negative(negative: pd.Series, meter_id: str) -> tuple[Finding, ...]:
    if negative.empty:
        return ()
    figures = {"count": float(len(negative)), "lowest": float(negative.min())}
    return (Finding("negative_interval", meter_id, negative.index[0], negative.index[-1], figures),)


def _bridge(gap: int, times: np.ndarray, advances: np.ndarray, substituted: np.ndarray, weight: Weight) -> float:
    """Estimate a missing stretch from the known intervals of the year before it, else after it."""
    window = RATE_WINDOW_DAYS * days.MICROSECONDS_PER_DAY
    lo = int(np.searchsorted(times, times[gap] - window, side="left"))
    near = slice(lo, gap)
    if not (~substituted[near]).any():
        near = slice(gap + 1, int(np.searchsorted(times, times[gap + 1] + window, side="right")) - 1)
    known = np.flatnonzero(~substituted[near]) + near.start
    if len(known) == 0:
        return 0.0
    integral = weight.integral(times)
    flowed = float(np.cumsum(advances[known])[-1])
    weighed = float(np.cumsum(integral[known + 1] - integral[known])[-1])
    return flowed / weighed * float(integral[gap + 1] - integral[gap]) if weighed > 0 else 0.0


def _fit_between(anchors: Register, times: np.ndarray, advances: np.ndarray, substituted: np.ndarray) -> None:
    """Scale, in place, the missing stretches between two register readings to match the readings' difference.

    They then count like any gap of a register, and are no longer substituted.
    """
    edges = np.searchsorted(times, anchors.times)
    for k in np.flatnonzero(~anchors.falls).tolist():
        inside = np.arange(edges[k], edges[k + 1])
        missing = inside[substituted[inside]]
        known = inside[~substituted[inside]]
        left = float(anchors.advances[k]) - float(np.concatenate([[0.0], np.cumsum(advances[known])])[-1])
        if len(missing) == 0 or left < 0:
            continue
        guessed = float(advances[missing].sum())
        length = times[missing + 1] - times[missing]
        advances[missing] = advances[missing] / guessed * left if guessed > 0 else length / length.sum() * left
        substituted[missing] = False


def by_day(register: Register) -> Register:
    """Join the stretches of each UTC day: single intervals, unlike days, may be far above all others beside them."""
    day = register.times // days.MICROSECONDS_PER_DAY
    firsts = np.flatnonzero(np.append(True, day[1:] != day[:-1]))
    edges = np.unique(np.append(firsts, len(register) - 1))
    if len(edges) < 2:
        return register
    sums = np.append(0.0, np.cumsum(register.advances))
    advances = np.diff(sums[edges])
    never = np.zeros(len(advances), dtype=bool)
    return replace(
        register,
        times=register.times[edges],
        values=register.values[edges],
        bases=register.values[edges][:-1],
        advances=advances,
        falls=never,
        substituted=never,
        unknown=never,
    )
