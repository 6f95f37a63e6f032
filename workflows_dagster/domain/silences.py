"""Finds silences: unusually long gaps between readings, and overdue readings.

Home Assistant sends changes only, so a silence is normal while the register stands still. Only silences count over
which the register moved, or should have moved by the season (docs/explanation/methods.md#silences).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from workflows_dagster.domain.findings import Figure, Finding
from workflows_dagster.domain.register import Register

# A gap is compared with this many before and after it, so that a slice of history is judged as the whole is.
NEIGHBOURS = 12
# A person may read a quarter of the interval later than planned.
_GRACE = 1.25
# A silence exceeds the usual gap this many times, in time and in consumption.
_UNUSUAL = 3.0
_SHORTEST_HOURS = 2.0
_SHORTEST_OPEN_HOURS = 24.0
# Known intervals between two missing stretches that are reported as one.
_FEW_BETWEEN = 2


@dataclass(frozen=True)
class Habit:
    """The usual frequency of a meter's readings.

    Attributes:
        meter_id: The meter.
        resolution: Smallest step that it shows. [unit]
        measured_max_gap_hours: Longest gap whose days are measured. [h]
        reading_interval_days: How often a person means to read it, or None where it reports by itself. [d]
    """

    meter_id: str
    resolution: float
    measured_max_gap_hours: float
    reading_interval_days: float | None = None


def late_readings(register: Register, habit: Habit, zone: ZoneInfo) -> list[Finding]:
    """Find a counter's gaps that were longer than usual although the register moved.

    Args:
        register: Valid readings. Gaps with fewer than `NEIGHBOURS` neighbours here, but more in the history, are not
            judged.
        habit: The meter's habit.
        zone: The house's zone, for its days.

    Returns:
        One finding per gap, from the reading before it to the one after.
    """
    if len(register) < 2:
        return []
    length = np.diff(register.times)
    if habit.reading_interval_days is not None:
        allowed = _GRACE * habit.reading_interval_days * MICROSECONDS_PER_DAY
        late = np.flatnonzero((length > allowed) & (register.advances > habit.resolution))
        planned = {"planned_days": habit.reading_interval_days}
        return [_late(register, habit, zone, k, planned) for k in late.tolist()]
    long = (length > _SHORTEST_HOURS * MICROSECONDS_PER_HOUR) & (register.advances > 2 * habit.resolution)
    findings = []
    for k in np.flatnonzero(long).tolist():
        beside = neighbours_of(register, k)
        if len(beside) < 2:
            continue
        usual = usual_length(length[beside])
        if length[k] > _UNUSUAL * usual and register.advances[k] > _UNUSUAL * np.median(register.advances[beside]):
            findings.append(_late(register, habit, zone, k, {"usual_hours": usual / MICROSECONDS_PER_HOUR}))
    return findings


def missing_intervals(register: Register, meter_id: str) -> list[Finding]:
    """Find the stretches of an interval meter without intervals.

    Stretches with at most two known intervals between them share a finding, so that a day without every second half
    hour is reported once.
    """
    if register.unknown is None:
        return []
    length, missing = np.diff(register.times), np.flatnonzero(register.unknown)
    groups = np.split(missing, np.flatnonzero(np.diff(missing) > _FEW_BETWEEN + 1) + 1) if len(missing) else []
    findings = []
    for gaps in groups:
        start, end = days.instants(register.times[[gaps[0], gaps[-1] + 1]])
        figures = {
            "hours": float(length[gaps].sum() / MICROSECONDS_PER_HOUR),
            "advance": float(register.advances[gaps].sum()),
        }
        findings.append(Finding("hours_missing", meter_id, start, end, figures))
    return findings


def is_silent(register: Register, habit: Habit, now: pd.Timestamp) -> bool:
    """Tell whether the time since the last reading exceeds the usual gap, regardless of the season.

    Args:
        register: The last readings.
        habit: The meter's habit.
        now: The present, UTC.
    """
    if len(register) == 0:
        return False
    elapsed = float(days.microsecond(now) - register.times[-1])
    if habit.reading_interval_days is not None:
        return elapsed > _GRACE * habit.reading_interval_days * MICROSECONDS_PER_DAY
    length = _last_lengths(register)
    return (
        len(length) >= 2
        and elapsed > _SHORTEST_OPEN_HOURS * MICROSECONDS_PER_HOUR
        and elapsed > _UNUSUAL * usual_length(length)
    )


def overdue(
    register: Register, habit: Habit, now: pd.Timestamp, expected: float | None, same_season: np.ndarray
) -> Finding | None:
    """Give a finding if the next reading is overdue; call it only if `is_silent`.

    Args:
        register: The last readings, at least one.
        habit: The meter's habit.
        now: The present, UTC.
        expected: Expected consumption since the last reading by the season, None if unknown. [unit]
        same_season: Lengths of the meter's gaps around the same days of the year before. [µs], shape (n,)

    Returns:
        The finding, from the last reading until now; None if the season explains the silence.
    """
    last = days.instants(register.times[-1:])[0]
    elapsed = float(days.microsecond(now) - register.times[-1])
    figures: dict[str, Figure] = {"days": elapsed / MICROSECONDS_PER_DAY}
    if habit.reading_interval_days is not None:
        figures |= {"planned_days": habit.reading_interval_days, "reader": "person"}
    else:
        step = max(float(np.median(register.advances[-2 * NEIGHBOURS :])), habit.resolution)
        as_last_year = elapsed <= _GRACE * same_season.max(initial=0.0)
        stands_still = expected is not None and expected <= _UNUSUAL * step
        if as_last_year or stands_still:
            return None
        usual = usual_length(_last_lengths(register))
        figures |= {"usual_hours": usual / MICROSECONDS_PER_HOUR, "reader": "sensor"}
    if expected is not None:
        figures["expected"] = expected
    return Finding("reading_overdue", habit.meter_id, last, now, figures)


def _last_lengths(register: Register) -> np.ndarray:
    lengths: np.ndarray = np.diff(register.times)[-2 * NEIGHBOURS :]
    return lengths


def neighbours_of(register: Register, gap: int) -> np.ndarray:
    """Give the indices of a gap's neighbours; none if fewer than `NEIGHBOURS` are here but history continues."""
    last = len(register) - 2
    before, after = gap - NEIGHBOURS, gap + NEIGHBOURS
    if (before < 0 and not register.begins) or (after > last and not register.ends):
        return np.empty(0, dtype=np.int64)
    beside = np.arange(max(before, 0), min(after, last) + 1)
    others: np.ndarray = beside[beside != gap]
    return others


def usual_length(lengths: np.ndarray) -> float:
    """Give the length that at most one gap in ten exceeds. [µs]"""  # noqa: D415
    ordered = np.sort(lengths)
    return float(ordered[len(ordered) - 1 - len(ordered) // 10])


def _late(register: Register, habit: Habit, zone: ZoneInfo, gap: int, usual: Mapping[str, float]) -> Finding:
    start, end = days.instants(register.times[[gap, gap + 1]])
    length, advance = float(register.times[gap + 1] - register.times[gap]), float(register.advances[gap])
    figures: dict[str, Figure] = {
        "days": length / MICROSECONDS_PER_DAY,
        "advance": advance,
        **usual,
        "spread": _spread(start, end, habit, zone),
    }
    if figures["spread"] == "measured":
        figures["measured_hours"] = habit.measured_max_gap_hours
    return Finding("reading_late", habit.meter_id, start, end, figures)


def _spread(start: pd.Timestamp, end: pd.Timestamp, habit: Habit, zone: ZoneInfo) -> str:
    """Give the quality of a late reading's days, by the rule of `allocate`."""
    if days.civil_day(start, zone) == days.civil_day(end - pd.Timedelta(microseconds=1), zone):
        return "one_day"
    if end - start <= pd.Timedelta(hours=habit.measured_max_gap_hours):
        return "measured"
    return "estimated"
