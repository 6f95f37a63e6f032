"""How a physical meter stands at present: whether it is read, and how far its days are only extrapolated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import RATE_WINDOW_DAYS, rate_near
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.season import weight_of
from workflows_dagster.domain.silences import duration, is_silent, overdue
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.physical import habit_of
from workflows_dagster.settings.meters import PhysicalMeter

_LONG = pd.Timedelta(days=31)
_YEAR = pd.Timedelta(days=365)
_SEASON = pd.Timedelta(days=15)


def present_findings(meter: PhysicalMeter, evaluation: Evaluation, now: pd.Timestamp) -> list[Finding]:
    """Review how a physical meter stands.

    Args:
        meter: The meter.
        evaluation: Of its house.
        now: The present, UTC.

    Returns:
        No reading at all, a reading overdue, a start that is estimated for more than a month; none of it for a meter
        that is gone or not there yet.

    Raises:
        StoreError: The raw readings cannot be read.
    """
    physical = evaluation.of_physical
    start, end = physical.bounds(meter)
    if (start is not None and start > now) or (end is not None and end <= now):
        return []
    recent = physical.around(meter, now, now)
    if len(recent) == 0:
        return [_nothing(meter, start if start is not None else now, now)]
    findings = []
    since = now - days.instants(recent.times[-1:])[0]
    if since > _LONG or is_silent(recent, habit_of(meter), now):
        findings.extend(_silence(meter, evaluation, now))
    ends = physical.ends(meter)
    if start is not None and ends is not None and ends[0] - start > _LONG:
        sentence = (
            f"the first reading was taken {_between(start, ends[0])} after the installation; the days before it are "
            "estimated backwards from what was used later. An initial_reading in meters.yaml makes their sum right."
        )
        findings.append(Finding("estimated_backwards", meter.meter_id, start, ends[0], sentence, {}, "note"))
    return findings


def _nothing(meter: PhysicalMeter, start: pd.Timestamp, now: pd.Timestamp) -> Finding:
    sentence = (
        f"there is no reading at all in `{meter.raw_entity_id}`. Look for its name in Home Assistant, or import "
        "readings; `meters discover` lists what is there."
    )
    return Finding("no_readings", meter.meter_id, start, now, sentence)


def _silence(meter: PhysicalMeter, evaluation: Evaluation, now: pd.Timestamp) -> list[Finding]:
    """Judge a silence by the season: by the meter's profile, and by the same days of the year before."""
    physical, habit = evaluation.of_physical, habit_of(meter)
    register = physical.around(meter, now - pd.Timedelta(days=RATE_WINDOW_DAYS + 45), now)
    last = days.instants(register.times[-1:])[0]
    weight = weight_of(physical.profile(meter))
    rate = rate_near(register, "last", weight)
    ahead = np.diff(weight.integral(np.array([register.times[-1], days.microsecond(now)])))
    expected = rate * float(ahead[0]) if rate is not None else None
    season = _gaps_between(register.times, now - _YEAR - _SEASON, now - _YEAR + _SEASON)
    late = overdue(register, habit, now, expected, season) if is_silent(register, habit, now) else None
    if late is not None:
        return [late]
    if now - last <= _LONG or (expected is not None and expected <= meter.resolution):
        return []
    sentence = (
        f"the last reading is {_between(last, now)} old; the days since are estimated by the season and the last year."
    )
    return [Finding("extrapolated_long", meter.meter_id, last, now, sentence, {}, "note")]


def _between(start: pd.Timestamp, end: pd.Timestamp) -> str:
    return duration(days.microsecond(end) - days.microsecond(start))


def _gaps_between(times: np.ndarray, start: pd.Timestamp, end: pd.Timestamp) -> np.ndarray:
    """Lengths of the gaps that touch a span. [µs]"""  # noqa: D415
    lo, hi = days.microsecond(start), days.microsecond(end)
    touches = (times[1:] >= lo) & (times[:-1] <= hi)
    lengths: np.ndarray = np.diff(times)[touches]
    return lengths
