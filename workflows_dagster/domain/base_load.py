"""Base load: the consumption in the quietest hours of a day. If it stays raised, something leaks or was left on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain.anomalies import (
    ALERT,
    BAND,
    NOTICE,
    AnomalyRule,
    Scale,
    is_grave,
    unusual_days,
    with_reasons,
)
from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.days import MICROSECONDS_PER_HOUR
from workflows_dagster.domain.deviations import LOOKBACK_DAYS, REFERENCE_DAYS, STEPS, day_deviations
from workflows_dagster.domain.frames import BASE_LOADS
from workflows_dagster.domain.register import Register

BASE_LOAD_COLUMNS = tuple(BASE_LOADS.columns)

_QUIET_HOURS = 4
# With fewer readings or windows, a day does not count as hourly.
_LEAST_READINGS, _LEAST_WINDOWS = 8, 12
# A rise must last this long, since guests or a party are no leak.
_DAYS_RUNNING = 3
# Changes of fewer register steps within the quiet hours are noise.
_STEPS_WITHIN = 5


def base_loads(register: Register, cuts: np.ndarray, longest_hours: float, jitter: float) -> np.ndarray:
    """Give each day's base load: the lowest use over four consecutive hours (docs/explanation/methods.md#base-load).

    The register is constant between readings, because a meter that sends only changes stood still between them. So the
    first litre of the morning is not spread over the night.

    Args:
        register: Readings around the days.
        cuts: Instants at which the days open and the last one closes, microseconds since 1970, shape (n + 1,).
        longest_hours: Longer gaps with consumption are ignored, since their hours are unknown. [h]
        jitter: Largest advance that counts as zero. [meter unit]

    Returns:
        Base load, NaN for days whose readings are not hourly. [meter unit/h], shape (n,)
    """
    loads = np.full(len(cuts) - 1, np.nan)
    times = register.times
    if len(times) < 2:
        return loads
    # Whole hours of UTC, so that windows do not depend on the first day asked for.
    first, last = -(-int(cuts[0]) // MICROSECONDS_PER_HOUR), int(cuts[-1]) // MICROSECONDS_PER_HOUR
    hours = np.arange(first, last + 1, dtype=np.int64) * MICROSECONDS_PER_HOUR
    if len(hours) <= _QUIET_HOURS:
        return loads
    start, end = hours[:-_QUIET_HOURS], hours[_QUIET_HOURS:]
    day = np.searchsorted(cuts, start, side="right") - 1
    at = np.searchsorted(times, hours, side="right") - 1
    a, b = at[:-_QUIET_HOURS], at[_QUIET_HOURS:]
    long = np.diff(times) > longest_hours * MICROSECONDS_PER_HOUR
    useless = register.falls | register.substituted | (long & (register.advances > jitter))
    count = np.concatenate([[0], np.cumsum(useless), [int(useless.sum())]])
    usable = (a >= 0) & (end <= times[-1]) & (end <= cuts[day + 1])
    usable &= count[b + 1] == count[np.maximum(a, 0)]
    used = np.maximum(register.values[b] - register.values[np.maximum(a, 0)], 0.0)[usable]
    lowest = np.full(len(loads), np.inf)
    np.minimum.at(lowest, day[usable], used)
    windows = np.bincount(day[usable], minlength=len(loads))
    readings = np.diff(np.searchsorted(times, cuts))
    hourly = (readings >= _LEAST_READINGS) & (windows >= _LEAST_WINDOWS)
    loads[hourly] = lowest[hourly] / _QUIET_HOURS
    return loads


def judge_base_loads(loads: np.ndarray, civil: pd.Index, scale: Scale, rule: AnomalyRule) -> pd.DataFrame:
    """Judge base loads like days, and report one that is raised on the third consecutive day.

    Only rises are reported: a quieter house is no fault. The rule's score applies even if its method is plain.

    Args:
        loads: Base load of consecutive civil days, NaN if unknown; the first `LOOKBACK_DAYS` are only compared with.
            [unit/h], shape (LOOKBACK_DAYS + n,)
        civil: The n days judged, `date`.
        scale: Unit of the meter and resolution of its register.
        rule: What counts as unusual.

    Returns:
        Index `civil`; columns `BASE_LOAD_COLUMNS`, as `domain.anomalies.judge_days` gives them. [unit/h]
    """
    running = _DAYS_RUNNING
    since = LOOKBACK_DAYS - running
    step = Scale(f"{scale.unit}/h", scale.resolution * _STEPS_WITHIN / _QUIET_HOURS / STEPS)
    days = day_deviations(
        loads[since - REFERENCE_DAYS :], np.ones(len(loads) - since + REFERENCE_DAYS), step.resolution
    )
    rising = unusual_days(loads[since:], days, step, rule)[0]
    together: np.ndarray = np.all(np.lib.stride_tricks.sliding_window_view(rising, running), axis=1)
    told = together[1:] & ~together[:-1]
    lower, upper = (bound[running:] for bound in days.band(BAND))
    expected, now = days.expected[running:], loads[LOOKBACK_DAYS:]
    judged = np.isfinite(now) & np.isfinite(expected)
    with np.errstate(invalid="ignore", divide="ignore"):
        delta = np.where(expected > 0, 100 * (now / expected - 1), np.nan)
    columns = zip(BASE_LOAD_COLUMNS, (now, expected, lower, upper, delta), strict=False)
    frame = pd.DataFrame({name: np.where(judged, figures, np.nan) for name, figures in columns}, index=civil)
    severity, reason = np.full(len(frame), None, dtype=object), np.full(len(frame), None, dtype=object)
    for k in np.flatnonzero(told).tolist():
        severity[k] = ALERT if is_grave(now[k], max(expected[k], step.dust)) else NOTICE
        reason[k] = Reason.of("base_load", step.dust, now[k], expected[k], lower[k], upper[k], days=running)
    return with_reasons(frame, severity, reason)
