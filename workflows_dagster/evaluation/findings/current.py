"""Reviews a physical meter's present state: overdue readings and extrapolated days."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Figure, Finding, Severity
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS
from workflows_dagster.domain.silences import is_silent, overdue
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.valid_readings import habit_of
from workflows_dagster.settings.meters import PhysicalMeter

# So long before a reading by hand is due it is asked for.
_REMINDED_BEFORE = pd.Timedelta(days=3)
_LONG = pd.Timedelta(days=31)
_YEAR = pd.Timedelta(days=365)
# A sensor's clock may be slightly ahead of ours.
_CLOCKS_DIFFER = pd.Timedelta(hours=1)
_SEASON = pd.Timedelta(days=15)


def present_findings(meter: PhysicalMeter, evaluation: Evaluation, now: pd.Timestamp, zone: ZoneInfo) -> list[Finding]:
    """Review a physical meter's present state.

    Args:
        meter: The meter.
        evaluation: Of its house.
        now: The present, UTC.
        zone: The house's zone, for its days.

    Returns:
        Findings: no reading at all, a reading dated in the future, an overdue reading, days without a value, a start
        that is estimated for more than a month. A removed meter gets only the first kind, a meter not yet installed
        none.

    Raises:
        StoreError: The raw readings cannot be read.
    """
    physical = evaluation.of_physical
    start, end = physical.readings.bounds(meter)
    if start is not None and start > now:
        return []
    until = now if end is None else min(now, end)
    recent = physical.readings.around(meter, until, until)
    if len(recent) == 0:
        since_when = start if start is not None else until
        return [Finding("no_readings", meter.meter_id, since_when, until, {"entity": meter.raw_entity_id})]
    if until < now:
        return []
    findings = []
    newest = days.instants(recent.times[-1:])[0]
    since = now - newest
    if -since > _CLOCKS_DIFFER:
        findings.append(Finding("reading_ahead", meter.meter_id, now, newest))
    elif since > _LONG or is_silent(recent, habit_of(meter), now):
        findings.extend(_silence(meter, evaluation, now, zone))
    if meter.reading_interval_days is not None and since > pd.Timedelta(0) and not _is_overdue(findings):
        due = newest + pd.Timedelta(days=meter.reading_interval_days)
        if now >= due - _REMINDED_BEFORE:
            figures: dict[str, Figure] = {"due": days.civil_day(due, zone).isoformat()}
            findings.append(Finding("reading_due", meter.meter_id, newest, now, figures, "note"))
    change = physical.level_change(meter, newest)
    if change is not None:
        since_when, times = change
        figures = {"since": days.civil_day(since_when, zone).isoformat(), "times": times}
        findings.append(Finding("level_changed", meter.meter_id, since_when, newest, figures, "note"))
    ends = physical.readings.ends(meter)
    if start is not None and ends is not None and ends[0] - start > _LONG:
        # A single reading gives no rate.
        before = {"before": "no_value" if ends[0] == ends[1] else "estimated"}
        findings.append(Finding("estimated_backwards", meter.meter_id, start, ends[0], before, "note"))
    return findings


def _is_overdue(findings: list[Finding]) -> bool:
    return any(finding.code == "reading_overdue" for finding in findings)


def _silence(meter: PhysicalMeter, evaluation: Evaluation, now: pd.Timestamp, zone: ZoneInfo) -> list[Finding]:
    """Judge a silence by the meter's seasonal profile and by the same days of the year before."""
    physical, habit = evaluation.of_physical, habit_of(meter)
    register = physical.readings.around(meter, now - pd.Timedelta(days=RATE_WINDOW_DAYS + 45), now)
    last = days.instants(register.times[-1:])[0]
    basis = physical.basis(meter, pd.DatetimeIndex([last, now]))
    rate = basis.rates.tail
    ahead = np.diff(basis.weight.beyond.integral(np.array([register.times[-1], days.microsecond(now)])))
    expected = rate * float(ahead[0]) if rate is not None else None
    season = _gaps_between(register.times, now - _YEAR - _SEASON, now - _YEAR + _SEASON)
    silent = is_silent(register, habit, now)
    late = overdue(register, habit, now, expected, season) if silent else None
    trusted = pd.Timedelta(days=meter.max_extrapolation_days if rate is not None else 0)
    unvalued: dict[str, Figure] = {}
    if now - last > max(_LONG, trusted):
        unvalued["unvalued_since"] = days.civil_day(last + trusted, zone).isoformat()
    if late is not None:
        return [replace(late, figures={**late.figures, **unvalued})]
    if unvalued:
        if rate is None:
            unvalued["no_rate"] = "single" if len(register) == 1 else "several"
        by_hand = meter.reading_interval_days is not None
        reader = "person" if by_hand else "sensor"
        figures: dict[str, Figure] = {"days": (now - last) / pd.Timedelta(days=1), "reader": reader, **unvalued}
        # A meter read by hand is not overdue before its planned interval has passed.
        severity: Severity = "note" if by_hand and not silent else "warn"
        return [Finding("reading_overdue", meter.meter_id, last, now, figures, severity)]
    if now - last <= _LONG or (expected is not None and expected <= meter.resolution):
        return []
    return [Finding("extrapolated_long", meter.meter_id, last, now, severity="note")]


def _gaps_between(times: np.ndarray, start: pd.Timestamp, end: pd.Timestamp) -> np.ndarray:
    """Lengths of the gaps that touch a span. [µs]"""  # noqa: D415
    lo, hi = days.microsecond(start), days.microsecond(end)
    touches = (times[1:] >= lo) & (times[:-1] <= hi)
    lengths: np.ndarray = np.diff(times)[touches]
    return lengths
