"""Long gaps between readings, judged once and as a whole against the meter's own gaps before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import RATE_WINDOW_DAYS
from workflows_dagster.domain.anomalies import ALERT, BAND, COLUMNS, NOTICE, AnomalyRule, Scale, is_grave, with_words
from workflows_dagster.domain.deviations import offset_log
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# Sums over weeks scatter less than days, and there are few of them. [1], times the score
_GAP = 2 / 3
_LEAST_RATIO, _LEAST_PART = 1.3, 0.1
_LEAST_GAPS, _YEAR_DAYS = 3, 365.0
# Short gaps are joined to such stretches, of which a remnant says too little. [d]
_STRETCH_DAYS, _SHORTEST_STRETCH_DAYS = 7, 3.5
# How much sums over weeks scatter in households; it counts as so many gaps. [1]
_USUAL_SCATTER, _USUAL_GAPS = 0.15, 2.0
_OFFSET, _LEAST_WEIGHT = 0.02, 0.05
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class LongGaps:
    """Which gaps are judged as a whole.

    Attributes:
        over_hours: Those longer than this. [h]
        also_quiet: Whether those too with less than usual, or nothing: not of a meter that sends only its changes, to
            which silence means just that.
    """

    over_hours: float
    also_quiet: bool


@dataclass(frozen=True)
class _Stretches:
    """Stretches between readings: instants in microseconds, use in meter units, length and weight in days."""

    opening: np.ndarray
    closing: np.ndarray
    use: np.ndarray
    length: np.ndarray
    weight: np.ndarray


def judge_gaps(
    register: Register, weight: Weight, long: LongGaps, scale: Scale, rule: AnomalyRule, zone: ZoneInfo
) -> pd.DataFrame:
    """Judge each long gap against the consumption per unit of weight over the gaps before it.

    Expected is that rate, the median by length over about a year, times the weight of the gap
    (docs/methods.md#anomalies).

    Args:
        register: The meter's readings from the first on.
        weight: The meter's weight.
        long: Which gaps.
        scale: Unit and resolution.
        rule: What counts as unusual; of a plain rule nothing but the score is used.
        zone: Where days are cut.

    Returns:
        Index the civil days in which the gaps end, in order, each once; columns as `judge_days` gives them,
        `consumption` being that of the whole gap. Gaps with fewer than three before them, or less than a year, are not
        judged.
    """
    gaps = np.diff(register.times)
    is_long = gaps > long.over_hours * days.MICROSECONDS_PER_HOUR
    # A rollover is honest; what a reset left is a guess.
    whole = ~register.substituted & (~register.falls | (register.bases == register.values[:-1]))
    stretches = _stretches(register, weight, is_long, whole)
    wanted = is_long & whole
    if not long.also_quiet:
        wanted &= register.advances > scale.dust
    rows: dict[date, tuple[object, ...]] = {}
    for k in np.flatnonzero(wanted).tolist():
        opening, closing = int(register.times[k]), int(register.times[k + 1])
        usual = _usual_rate(stretches, opening)
        if usual is None:
            continue
        span = weight.integral(register.times[[k, k + 1]])
        length = (closing - opening) / days.MICROSECONDS_PER_DAY
        of_gap = max(float(span[1] - span[0]), _LEAST_WEIGHT * length)
        last = days.civil_day(days.instants(np.array([closing - 1]))[0], zone)
        use = float(register.advances[k])
        if long.also_quiet or use > usual[0] * of_gap:
            rows[last] = _judged(use, of_gap, length, usual, last, scale, rule)
    columns = {name: [row[k] for row in rows.values()] for k, name in enumerate(COLUMNS)}
    frame = pd.DataFrame({name: columns[name] for name in COLUMNS[:5]}, index=pd.Index(list(rows), dtype="object"))
    words = (np.array(columns[name], dtype=object) for name in COLUMNS[5:])
    return with_words(frame.astype(float), *words)


def _judged(
    use: float, of_gap: float, length: float, usual: tuple[float, float], last: date, scale: Scale, rule: AnomalyRule
) -> tuple[object, ...]:
    rate, scatter = usual
    expected = rate * of_gap
    lower, upper = expected * float(np.exp(-BAND * scatter)), expected * float(np.exp(BAND * scatter))
    dust = scale.dust
    ratio = use / max(expected, dust)
    score = abs(float(offset_log(np.array([ratio]), _OFFSET)[0])) / scatter
    matters = abs(use - expected) >= max(dust, _LEAST_PART * rate * length)
    delta = 100 * (use / expected - 1) if expected > 0 else float("nan")
    figures = (use, expected, lower, upper, delta)
    if not (matters and score > _GAP * rule.score and not 1 / _LEAST_RATIO < ratio < _LEAST_RATIO):
        return (*figures, None, None)
    count = max(round(length), 1)
    shown = scale.spoken(expected, use, expected, lower, upper)
    sentence = (
        f"{shown[0]} {scale.unit} in the {count} day{'s' if count > 1 else ''} to {last.day} {last:%B}, "
        f"usual for this time of year {shown[1]} ({shown[2]}–{shown[3]})"
    )
    return (*figures, ALERT if is_grave(use, max(expected, dust)) else NOTICE, sentence)


def _stretches(register: Register, weight: Weight, is_long: np.ndarray, whole: np.ndarray) -> _Stretches:
    """Give the long gaps as they are, and the short ones joined to weeks."""
    times = register.times
    if len(times) < 2:
        none = np.empty(0)
        return _Stretches(none.astype(np.int64), none.astype(np.int64), none, none, none)
    week = times[:-1] // (_STRETCH_DAYS * days.MICROSECONDS_PER_DAY)
    parted = (np.diff(week) > 0) | is_long[1:] | is_long[:-1] | (whole[1:] != whole[:-1])
    starts = np.flatnonzero(np.concatenate([[True], parted]))
    ends = np.concatenate([starts[1:], [len(week)]])
    opening, closing = times[starts], times[ends]
    length = (closing - opening) / days.MICROSECONDS_PER_DAY
    of_stretch = np.maximum(weight.integral(closing) - weight.integral(opening), _LEAST_WEIGHT * length)
    kept = whole[starts] & (is_long[starts] | (length >= _SHORTEST_STRETCH_DAYS))
    use = np.add.reduceat(register.advances, starts)
    return _Stretches(opening[kept], closing[kept], use[kept], length[kept], of_stretch[kept])


def _usual_rate(stretches: _Stretches, before: int) -> tuple[float, float] | None:
    """Give the consumption per unit of weight before an instant, and the scatter of its logarithm, or None."""
    earlier = int(np.searchsorted(stretches.closing, before, side="right"))
    first = int(np.searchsorted(stretches.closing, before - RATE_WINDOW_DAYS * days.MICROSECONDS_PER_DAY, side="right"))
    used = slice(max(min(first, earlier - _LEAST_GAPS), 0), earlier)
    length = stretches.length[used]
    if len(length) < _LEAST_GAPS and length.sum() < _YEAR_DAYS:
        return None
    rates = stretches.use[used] / stretches.weight[used]
    rate = _median_by(rates, length)
    if rate <= 0:
        return 0.0, _USUAL_SCATTER
    away = np.abs(offset_log(rates / rate, _OFFSET))
    scatter = _MAD_TO_SIGMA * _median_by(away, length)
    count = len(length)
    drawn = np.sqrt((count * scatter**2 + _USUAL_GAPS * _USUAL_SCATTER**2) / (count + _USUAL_GAPS))
    return rate, float(drawn * np.sqrt(1 + 1 / count))


def _median_by(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])
