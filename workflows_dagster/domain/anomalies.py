"""Finds unusual days, with severity and reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.deviations import (
    LOOKBACK_DAYS,
    STEPS,
    WEEK,
    Deviations,
    WeekDeviations,
    day_deviations,
    week_deviations,
)
from workflows_dagster.domain.frames import ANOMALIES

COLUMNS = tuple(ANOMALIES.columns)
ALERT, NOTICE = "alert", "notice"

# Nine of ten usual days lie within this many standard deviations of the normal distribution. [1]
BAND = 1.645
# A quiet day is more often an absence than a fault; a week's mean scatters less than a day. [1], times the score
_FALL, _WEEK_UP, _WEEK_DOWN = 2.2, 0.45, 0.52
# No single day weighs more in its week than this. [1], times the score
_WEEK_CLIP = 0.68
# Smaller changes are never reported, however even the days before were. [1]
_LEAST_RATIO, _LEAST_WEEK_RATIO = 1.3, 1.2
# Nor are changes below this part of the year's mean day, as in a boiler's summer. [1]
_LEAST_PART = 0.1
_ALERT_RATIO = 2.0
_PLAIN_FACTOR, _PLAIN_LEAST_DAYS = 2.0, 4


@dataclass(frozen=True)
class AnomalyRule:
    """What counts as unusual.

    Attributes:
        method: Compared with the meter's own recent weeks (robust), or above twice the mean of seven days (plain).
        score: Robust standard deviations from which on a day is unusual. [1]
    """

    method: Literal["robust", "plain"] = "robust"
    score: float = 6.0


@dataclass(frozen=True)
class Scale:
    """Unit and resolution of figures.

    Attributes:
        unit: Their unit.
        resolution: Smallest distinguishable step. [unit]
    """

    unit: str
    resolution: float

    @property
    def dust(self) -> float:
        """Largest amount that cannot be distinguished from zero. [unit]"""  # noqa: D415
        return STEPS * self.resolution


def judge_days(
    consumption: np.ndarray, weight: np.ndarray, civil: pd.Index, scale: Scale, rule: AnomalyRule
) -> pd.DataFrame:
    """Compare each day with the days before it only (docs/explanation/methods.md#anomalies).

    A run of unusual days is reported once, on its first day, and again if it becomes grave. A lasting change is
    reported after a week of it, and not again until a week has been usual.

    Args:
        consumption: Consecutive civil days; NaN or negative for days to be ignored. The first `LOOKBACK_DAYS` are only
            compared with. [unit], shape (LOOKBACK_DAYS + n,)
        weight: Seasonal weight of the same days, by which they are deseasonalised. [1]
        civil: The n days judged, `date`.
        scale: Unit and resolution.
        rule: What counts as unusual.

    Returns:
        Index `civil`; columns `COLUMNS`: figures in the unit, `delta_percent` from the expectation [%] (NaN if nothing
        was expected), `severity` and `reason` (a `Reason`) None for usual days. A day that cannot be judged has no
        `expected`.
    """
    known = np.where(consumption >= 0, consumption, np.nan)
    if rule.method == "plain":
        return _judge_plainly(known, civil, scale)
    # One day more, to know whether a run began before.
    days = day_deviations(known[WEEK - 1 :], weight[WEEK - 1 :], scale.resolution)
    amounts = known[LOOKBACK_DAYS - 1 :]
    rising, falling = unusual_days(amounts, days, scale, rule)
    grave = _is_grave(days.ratio)
    told = (_newly(rising, grave) | _newly(falling, grave))[1:]
    weeks = week_deviations(known[1:], weight[1:], scale.resolution)
    lasting = (_first_in_a_week(up) for up in unusual_weeks(weeks, scale, rule))
    lasts = np.logical_or(*lasting)

    lower, upper = days.band(BAND)
    frame = _frame(amounts[1:], days.expected[1:], lower[1:], upper[1:], civil)
    severity, reason = frame["severity"].to_numpy(copy=True), frame["reason"].to_numpy(copy=True)
    for k in np.flatnonzero(told | (lasts & np.isfinite(amounts[1:]))).tolist():
        if told[k]:
            severity[k] = ALERT if grave[1 + k] else NOTICE
            reason[k] = _day_reason(frame.iloc[k], civil[k], scale)
        else:
            week = WEEK + k
            severity[k] = ALERT if is_grave(weeks.actual[week], max(weeks.expected[week], scale.dust)) else NOTICE
            reason[k] = _week_reason(weeks, week, scale)
    return with_reasons(frame, severity, reason)


def unusual_days(
    amounts: np.ndarray, days: Deviations, scale: Scale, rule: AnomalyRule
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which days are too high, and which too low; shape (n,) each, `bool`."""
    with np.errstate(invalid="ignore"):
        matters = np.abs(amounts - days.expected) >= np.maximum(scale.dust, _LEAST_PART * days.level)
        rising = matters & (days.rise() > rule.score) & (days.ratio >= _LEAST_RATIO)
        falling = matters & (days.fall() > _FALL * rule.score) & (days.ratio <= 1 / _LEAST_RATIO)
    return rising, falling


def unusual_weeks(weeks: WeekDeviations, scale: Scale, rule: AnomalyRule) -> tuple[np.ndarray, np.ndarray]:
    """Tell which weeks are too high, and which too low; shape (n,) each, `bool`."""
    evidence = weeks.evidence(_WEEK_CLIP * rule.score)
    away = weeks.actual - weeks.expected
    with np.errstate(invalid="ignore"):
        matters = np.abs(away) >= np.maximum(scale.dust, _LEAST_PART * weeks.level)
        rising = evidence > _WEEK_UP * rule.score
        rising &= matters & (weeks.actual >= _LEAST_WEEK_RATIO * weeks.expected)
        falling = -evidence > _WEEK_DOWN * rule.score
        falling &= matters & (weeks.actual * _LEAST_WEEK_RATIO <= weeks.expected)
    return rising, falling


def _judge_plainly(known: np.ndarray, civil: pd.Index, scale: Scale) -> pd.DataFrame:
    before = np.lib.stride_tricks.sliding_window_view(known[LOOKBACK_DAYS - WEEK : -1], WEEK)
    count = np.isfinite(before).sum(axis=1)
    mean = np.nan_to_num(before).sum(axis=1) / np.maximum(count, 1)
    mean[count < _PLAIN_LEAST_DAYS] = np.nan
    amounts = known[LOOKBACK_DAYS:]
    upper = _PLAIN_FACTOR * mean
    frame = _frame(amounts, mean, np.zeros(len(mean)), upper, civil)
    severity, reason = frame["severity"].to_numpy(copy=True), frame["reason"].to_numpy(copy=True)
    with np.errstate(invalid="ignore"):
        over = (amounts > upper) & (amounts - mean >= scale.dust)
    for k in np.flatnonzero(over).tolist():
        severity[k] = ALERT
        reason[k] = Reason.of("plain", scale.dust, amounts[k], mean[k], 0.0, upper[k], days=WEEK)
    return with_reasons(frame, severity, reason)


def _frame(
    amounts: np.ndarray, expected: np.ndarray, lower: np.ndarray, upper: np.ndarray, civil: pd.Index
) -> pd.DataFrame:
    """Lay out the judged days; those that cannot be judged stay empty."""
    judged = np.isfinite(amounts) & np.isfinite(expected)
    with np.errstate(invalid="ignore", divide="ignore"):
        delta = np.where(expected > 0, 100 * (amounts / expected - 1), np.nan)
    figures = (amounts, expected, lower, upper, delta)
    columns = {name: np.where(judged, column, np.nan) for name, column in zip(COLUMNS, figures, strict=False)}
    frame = pd.DataFrame(columns, index=civil)
    return with_reasons(frame, *np.full((2, len(frame)), None, dtype=object))


def with_reasons(frame: pd.DataFrame, severity: np.ndarray, reason: np.ndarray) -> pd.DataFrame:
    """Add the columns `severity` and `reason`, `object` even where all are None."""
    added = {"severity": severity, "reason": reason}
    return frame.assign(**{name: pd.Series(column, frame.index, dtype=object) for name, column in added.items()})


def is_grave(amount: float, expected: float) -> bool:
    """Tell whether an amount is more than twice or less than half of the expectation."""
    return bool(amount > _ALERT_RATIO * expected or amount * _ALERT_RATIO < expected)


def _is_grave(ratio: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        grave: np.ndarray = (ratio > _ALERT_RATIO) | (ratio < 1 / _ALERT_RATIO)
    return grave


def _newly(unusual: np.ndarray, grave: np.ndarray) -> np.ndarray:
    """Keep the first day of each run, and the first grave one after days that were not. Shape (n,), first unused."""
    newly = unusual.copy()
    newly[1:] &= ~unusual[:-1] | (grave[1:] & ~grave[:-1])
    return newly


def _first_in_a_week(unusual: np.ndarray) -> np.ndarray:
    """Keep days after seven days that are not unusual. Shape (WEEK + n,) to (n,)."""
    before = np.lib.stride_tricks.sliding_window_view(unusual[:-1], WEEK).any(axis=1)
    first: np.ndarray = unusual[WEEK:] & ~before
    return first


def _day_reason(row: pd.Series, day: date, scale: Scale) -> Reason:
    amounts = row["consumption"], row["expected"], row["lower"], row["upper"]
    return Reason.of("day", scale.dust, *amounts, weekday=day.weekday())


def _week_reason(weeks: WeekDeviations, k: int, scale: Scale) -> Reason:
    amounts = weeks.actual[k], weeks.expected[k], weeks.lowest[k], weeks.highest[k]
    return Reason.of("week", scale.dust, *amounts, days=WEEK)
