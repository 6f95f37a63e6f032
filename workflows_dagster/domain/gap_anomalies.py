"""Judges long gaps between readings as a whole, compared with the meter's earlier gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.anomalies import ALERT, BAND, COLUMNS, NOTICE, AnomalyRule, Scale, is_grave, with_reasons
from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.bands import Spread, half_width_ahead
from workflows_dagster.domain.deviations import offset_log
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# Sums over weeks scatter less than days, and there are few of them. [1], times the score
_GAP = 2 / 3
_LEAST_RATIO, _LEAST_PART = 1.3, 0.1
_LEAST_GAPS, _YEAR_DAYS = 3, 365.0
# A gap shorter than the shortest civil day depends on the time of day, and cannot be compared with weeks. [h]
_SHORTEST_HOURS = 23.0
# A meter that stood still for this part of the time is seasonal. [1]
_RESTING_PART = 0.25
# Gaps within this distance in the year are of the same season. [d]
_SEASON_DAYS = 60.0
_MEAN_YEAR_DAYS = 365.2425
# Short gaps are joined to stretches of this length; remnants are dropped. [d]
_STRETCH_DAYS, _SHORTEST_STRETCH_DAYS = 7, 3.5
# Typical scatter of sums over weeks in households, weighted as this many gaps. [1]
_USUAL_SCATTER, _USUAL_GAPS = 0.15, 2.0
_OFFSET, _LEAST_WEIGHT = 0.02, 0.05
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class LongGaps:
    """The gaps that are judged as a whole.

    Attributes:
        over_hours: Gaps longer than this, and at least as long as the shortest civil day. [h]
        also_quiet: Whether low and zero consumption is judged too; not for a meter that sends only changes, whose
            silence is normal.
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

    def only(self, kept: np.ndarray | slice) -> _Stretches:
        """Keep some of them."""
        arrays = (self.opening, self.closing, self.use, self.length, self.weight)
        return _Stretches(*(array[kept] for array in arrays))


@dataclass(frozen=True)
class _Usual:
    """The usual consumption before a gap.

    Attributes:
        rate: Consumption per unit of weight, above zero. [meter unit/d]
        scatter: Scatter of its logarithm. [1]
        rests: Whether the meter often stands still; `rate` is then that of the other times.
        flowed: Consumption that the rate was taken from. [meter unit]
    """

    rate: float
    scatter: float
    rests: bool
    flowed: float


@dataclass(frozen=True)
class _Judged:
    """A judged gap: figures as in `COLUMNS`, direction (0 if usual), and reason."""

    opening: int
    closing: int
    figures: tuple[float, ...]
    direction: int
    grave: bool
    reason: Reason


def judge_gaps(
    register: Register,
    weight: Weight,
    long: LongGaps,
    scale: Scale,
    rule: AnomalyRule,
    zone: ZoneInfo,
    spread: Spread | None = None,
) -> pd.DataFrame:
    """Judge each long gap against the consumption per unit of weight over the gaps before it.

    The expectation is the rate, the median by length over about a year, times the gap's weight. For a meter that often
    stands still, the rate is taken over the gaps of the same season in which it did not. A run of unusual gaps is
    reported once, with its first one, and again if it becomes grave (docs/explanation/methods.md#anomalies).

    Args:
        register: The meter's readings from the first on.
        weight: The meter's weight.
        long: The gaps to judge.
        scale: Unit and resolution.
        rule: What counts as unusual; of a plain rule only the score is used.
        zone: Where days are cut.
        spread: How irregular the meter is: what lies within the 80 % band of a reading ahead is not unusual. None
            before it is known.

    Returns:
        Index the civil days in which the gaps end, in order, each once; columns as `judge_days` gives them,
        `consumption` being that of the whole gap. Gaps with fewer than three gaps or less than a year before them are
        not judged; nor is low consumption of a meter that often stands still.
    """
    gaps = np.diff(register.times)
    is_long = gaps > long.over_hours * days.MICROSECONDS_PER_HOUR
    is_long &= gaps >= _SHORTEST_HOURS * days.MICROSECONDS_PER_HOUR
    # The advance over a rollover is exact, that over a reset is a guess.
    whole = ~register.substituted & (~register.falls | (register.bases == register.values[:-1]))
    stretches = _stretches(register, weight, is_long, whole)
    wanted = is_long & whole
    if not long.also_quiet:
        wanted &= register.advances > scale.dust
    rows: dict[date, tuple[object, ...]] = {}
    before: _Judged | None = None
    for k in np.flatnonzero(wanted).tolist():
        opening, closing = int(register.times[k]), int(register.times[k + 1])
        usual = _usual_rate(stretches, opening, (opening + closing) / 2)
        if usual is None:
            continue
        span = weight.integral(register.times[[k, k + 1]])
        of_gap = max(float(span[1] - span[0]), _LEAST_WEIGHT * (closing - opening) / days.MICROSECONDS_PER_DAY)
        last = days.civil_day(days.instants(np.array([closing - 1]))[0], zone)
        use = float(register.advances[k])
        if use > usual.rate * of_gap or (long.also_quiet and not usual.rests):
            judged = _judged(use, of_gap, (opening, closing), usual, last, scale, rule, spread)
            rows[last] = (*judged.figures, *_reported(judged, before))
            before = judged
    columns = {name: [row[k] for row in rows.values()] for k, name in enumerate(COLUMNS)}
    frame = pd.DataFrame({name: columns[name] for name in COLUMNS[:5]}, index=pd.Index(list(rows), dtype="object"))
    severity, reason = (_objects(columns[name]) for name in COLUMNS[5:])
    return with_reasons(frame.astype(float), severity, reason)


def _objects(items: list[object]) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _judged(
    use: float,
    of_gap: float,
    span: tuple[int, int],
    usual: _Usual,
    last: date,
    scale: Scale,
    rule: AnomalyRule,
    spread: Spread | None,
) -> _Judged:
    expected, dust = usual.rate * of_gap, scale.dust
    length = (span[1] - span[0]) / days.MICROSECONDS_PER_DAY
    lower, upper = expected * float(np.exp(-BAND * usual.scatter)), expected * float(np.exp(BAND * usual.scatter))
    ratio = use / max(expected, dust)
    score = abs(float(offset_log(np.array([ratio]), _OFFSET)[0])) / usual.scatter
    matters = abs(use - expected) >= max(dust, _LEAST_PART * usual.rate * length)
    unusual = matters and score > _GAP * rule.score and not 1 / _LEAST_RATIO < ratio < _LEAST_RATIO
    unusual &= spread is None or abs(use - expected) > half_width_ahead(expected, usual.flowed, length, spread)
    count = max(round(length), 1)
    reason = Reason.of("gap", dust, use, expected, lower, upper, days=count, last=last.isoformat())
    figures = (use, expected, lower, upper, 100 * (use / expected - 1))
    return _Judged(*span, figures, int(np.sign(ratio - 1)) * unusual, is_grave(use, max(expected, dust)), reason)


def _reported(gap: _Judged, before: _Judged | None) -> tuple[str | None, Reason | None]:
    """Give a gap's severity and reason; None within a run, unless it becomes grave.

    A run goes on where less than a day lies between two gaps.
    """
    goes_on = (
        before is not None
        and before.direction == gap.direction
        and (before.grave or not gap.grave)
        and gap.opening - before.closing < days.MICROSECONDS_PER_DAY
    )
    if not gap.direction or goes_on:
        return None, None
    return ALERT if gap.grave else NOTICE, gap.reason


def _stretches(register: Register, weight: Weight, is_long: np.ndarray, whole: np.ndarray) -> _Stretches:
    """Give the long gaps unchanged, and the short ones joined to weeks."""
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


def _usual_rate(stretches: _Stretches, before: int, middle: float) -> _Usual | None:
    """Give the usual consumption before an instant, for a gap around a second one, both in microseconds; or None."""
    earlier = int(np.searchsorted(stretches.closing, before, side="right"))
    first = int(np.searchsorted(stretches.closing, before - RATE_WINDOW_DAYS * days.MICROSECONDS_PER_DAY, side="right"))
    used = stretches.only(slice(max(min(first, earlier - _LEAST_GAPS), 0), earlier))
    if len(used.length) < _LEAST_GAPS and used.length.sum() < _YEAR_DAYS:
        return None
    rests = bool(used.length[used.use <= 0].sum() >= _RESTING_PART * used.length.sum())
    if rests:
        away = (middle - (used.opening + used.closing) / 2) / days.MICROSECONDS_PER_DAY % _MEAN_YEAR_DAYS
        used = used.only((used.use > 0) & (np.minimum(away, _MEAN_YEAR_DAYS - away) <= _SEASON_DAYS))
        if len(used.length) < _LEAST_GAPS:
            return None
    rates = used.use / used.weight
    rate = _median_by(rates, used.length)
    away = np.abs(offset_log(rates / rate, _OFFSET))
    scatter = _MAD_TO_SIGMA * _median_by(away, used.length)
    count = len(rates)
    drawn = np.sqrt((count * scatter**2 + _USUAL_GAPS * _USUAL_SCATTER**2) / (count + _USUAL_GAPS))
    return _Usual(rate, float(drawn * np.sqrt(1 + 1 / count)), rests, float(used.use.sum()))


def _median_by(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])
