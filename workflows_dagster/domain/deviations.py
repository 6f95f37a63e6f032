"""How far each day lies from its own recent weeks: level, weekday and scatter, all from the days before it.

Every figure of a day is made from that day and the `LOOKBACK_DAYS` before it, row by row, so that a day alone, a range
and the full history give the same to the last bit (docs/explanation/methods.md#anomalies).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

LOOKBACK_DAYS = 56
WEEK = 7
# Seven weeks are learnt from; the eighth lets a run of unusual days be told from its first day.
REFERENCE_DAYS = LOOKBACK_DAYS - WEEK
RECENT_DAYS = 28
LEAST_DAYS = 14

_MAD_TO_SIGMA = 1.4826
# Standard error of a median of n normal values: 1.2533 σ / √n.
_MEDIAN_ERROR = 1.2533
# A median of 49 days is uncertain, and next to none of them (a meter that stands still) would make every step a wonder:
# what is usual in households counts as if it were a part of the days seen (docs/explanation/methods.md#anomalies). [1]
_USUAL_SCATTER, _USUAL_COUNTS = 0.3, 0.3
# Weekday effects are believed only in so far as they exceed this multiple of what chance alone makes of seven medians.
_WEEKDAY_DOUBT = 3.0
# … and no further than to a fifth or to five times.
_LARGEST_EFFECT = float(np.log(5.0))
# A boiler's summer has next to no weight; below this the season is not divided out any further. [1]
_LEAST_WEIGHT = 0.05
# A meter that stands still where its weight is below this is out of its season: the first cold day is no wonder. [1]
_IN_SEASON = 0.5
# A day of nothing has no logarithm: this part of the level is added first. [1]
_OFFSET = 0.02
_WEEK_OFFSET = 0.1
# What a register cannot show more finely than in so many steps is noise.
STEPS = 10


@dataclass(frozen=True)
class Deviations:
    """Each day against its own recent weeks; NaN where the day, or too much before it, was not measured.

    Attributes:
        expected: What the day should have been; NaN too where the meter stands still out of its season. [meter unit],
            shape (n,)
        level: The same of a mean day of the year. [meter unit], shape (n,)
        ratio: The day relative to what it should have been. [1], shape (n,)
        rise_scatter: Robust standard deviation of that ratio among the reference days. [1], shape (n,)
        fall_scatter: The same of its logarithm. [1], shape (n,)
    """

    expected: np.ndarray
    level: np.ndarray
    ratio: np.ndarray
    rise_scatter: np.ndarray
    fall_scatter: np.ndarray

    def rise(self) -> np.ndarray:
        """Robust standard deviations above the expectation. [1], shape (n,)"""  # noqa: D415
        scores: np.ndarray = (self.ratio - 1) / self.rise_scatter
        return scores

    def fall(self) -> np.ndarray:
        """Robust standard deviations below the expectation, by the logarithm. [1], shape (n,)"""  # noqa: D415
        scores: np.ndarray = -offset_log(self.ratio, _OFFSET) / self.fall_scatter
        return scores

    def band(self, sigmas: float) -> tuple[np.ndarray, np.ndarray]:
        """Give the range in which usual days lie, so many robust standard deviations wide on either side.

        Returns:
            Lower and upper bound. [meter unit], shape (n,) each
        """
        low = np.exp(-sigmas * self.fall_scatter) * (1 + _OFFSET) - _OFFSET
        return self.expected * np.maximum(low, 0.0), self.expected * (1 + sigmas * self.rise_scatter)


@dataclass(frozen=True)
class WeekDeviations:
    """The last seven days together, against the six weeks before them; NaN where too little was measured.

    Attributes:
        expected: What the measured days of the week should have been, a day. [meter unit/d], shape (n,)
        actual: What they were, a day. [meter unit/d], shape (n,)
        level: A mean day of the year. [meter unit], shape (n,)
        scores: The logarithm of each day's ratio in robust standard deviations, NaN where it was not measured.
            [1], shape (n, 7)
        lowest: The quietest of the weeks before, scaled to the season. [meter unit/d], shape (n,)
        highest: The busiest. [meter unit/d], shape (n,)
    """

    expected: np.ndarray
    actual: np.ndarray
    level: np.ndarray
    scores: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    def evidence(self, clip: float) -> np.ndarray:
        """Mean of the days' scores, none of which counts for more than `clip`. [1], shape (n,)"""  # noqa: D415
        enough = np.isfinite(self.scores).sum(axis=1) >= WEEK - 2
        clipped = np.nan_to_num(np.clip(self.scores, -clip, clip))
        mean = clipped.sum(axis=1) / np.maximum(np.isfinite(self.scores).sum(axis=1), 1)
        evidence: np.ndarray = np.where(enough & np.isfinite(self.expected), mean, np.nan)
        return evidence


def offset_log(ratio: np.ndarray, offset: float) -> np.ndarray:
    """Take the logarithm of a ratio so that 1 gives 0, and 0 something finite."""
    logarithm: np.ndarray = np.log((ratio + offset) / (1 + offset))
    return logarithm


def day_deviations(consumption: np.ndarray, weight: np.ndarray, resolution: float) -> Deviations:
    """Compare each day with the seven weeks before it.

    Args:
        consumption: Consecutive civil days, NaN where not to be learnt from, shape (REFERENCE_DAYS + n,). [meter unit]
        weight: Seasonal weight of the days, likewise. [1]
        resolution: Smallest step of the register. [meter unit]

    Returns:
        The last n days.
    """
    weighted = np.maximum(weight, _LEAST_WEIGHT)
    reference = _windows(consumption / weighted, REFERENCE_DAYS)[:-1]
    today, scale = consumption[REFERENCE_DAYS:], weighted[REFERENCE_DAYS:]
    dust = STEPS * resolution / scale
    factors = _weekday_factors(reference, dust)
    even = reference / _spread(factors, REFERENCE_DAYS)
    recent = median_of(even[:, -RECENT_DAYS:])
    level = np.where(np.isfinite(recent), recent, median_of(even))
    level[np.isfinite(reference).sum(axis=1) < LEAST_DAYS] = np.nan
    floored = np.maximum(level, dust)
    ratios = even / floored[:, None]
    expected = level * factors[:, 0] * scale
    expected[_is_idle(expected, dust * scale, scale)] = np.nan
    return Deviations(
        expected=expected,
        level=level,
        ratio=today / np.maximum(expected, dust * scale),
        rise_scatter=_scatter(ratios),
        fall_scatter=_scatter(offset_log(ratios, _OFFSET)),
    )


def week_deviations(consumption: np.ndarray, weight: np.ndarray, resolution: float) -> WeekDeviations:
    """Compare the seven days that end with each day with the six weeks before them.

    A whole week holds each weekday once, so that weekends are no deviation.

    Args:
        consumption: Consecutive civil days, NaN where not to be learnt from, shape (REFERENCE_DAYS - 1 + n,).
            [meter unit]
        weight: Seasonal weight of the days, likewise. [1]
        resolution: Smallest step of the register. [meter unit]

    Returns:
        The weeks that end with the last n days.
    """
    weighted = np.maximum(weight, _LEAST_WEIGHT)
    windows = _windows(consumption / weighted, REFERENCE_DAYS)
    scales = _windows(weighted, REFERENCE_DAYS)[:, -WEEK:]
    reference, now = windows[:, :-WEEK], windows[:, -WEEK:]
    dust = STEPS * resolution / scales[:, -1]
    factors = _weekday_factors(reference, dust)
    even = reference / _spread(factors, reference.shape[1])
    level = median_of(even)
    level[np.isfinite(reference).sum(axis=1) < LEAST_DAYS] = np.nan
    floored = np.maximum(level, dust)[:, None]
    scatter = _scatter(offset_log(even / floored, _WEEK_OFFSET))[:, None]
    known = np.isfinite(now)
    count = np.maximum(known.sum(axis=1), 1)
    usual = np.where(known, level[:, None] * factors * scales, 0.0).sum(axis=1) / count
    weeks = _week_means(reference)
    weeks = np.where(np.isfinite(weeks).any(axis=1)[:, None], weeks, level[:, None])
    scale = np.where(known, scales, 0.0).sum(axis=1) / count
    usual[_is_idle(usual, dust * scales[:, -1], scales[:, -1])] = np.nan
    return WeekDeviations(
        expected=usual,
        actual=np.where(known, now * scales, 0.0).sum(axis=1) / count,
        level=level,
        scores=offset_log(now / factors / floored, _WEEK_OFFSET) / scatter,
        lowest=scale * np.fmin.reduce(weeks, axis=1),
        highest=scale * np.fmax.reduce(weeks, axis=1),
    )


def median_of(values: np.ndarray) -> np.ndarray:
    """Give the median of each row without its NaN, NaN where a row has nothing else. Shape (n, m) to (n,)."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    rows = np.arange(len(ordered))
    median: np.ndarray = (ordered[rows, low] + ordered[rows, np.minimum(high, ordered.shape[1] - 1)]) / 2
    return np.where(count > 0, median, np.nan)


def _is_idle(expected: np.ndarray, dust: np.ndarray, weight: np.ndarray) -> np.ndarray:
    idle: np.ndarray = (expected <= dust) & (weight < _IN_SEASON)
    return idle


def _windows(values: np.ndarray, length: int) -> np.ndarray:
    # A copy, so that row by row arithmetic does not depend on how many rows there are.
    return np.ascontiguousarray(sliding_window_view(values, length))


def _scatter(values: np.ndarray) -> np.ndarray:
    """Robust standard deviation of each row, drawn towards what is usual in households."""
    away = np.abs(values - median_of(values)[:, None])
    scatter = _MAD_TO_SIGMA * median_of(away)
    drawn: np.ndarray = np.sqrt((scatter * scatter + _USUAL_COUNTS * _USUAL_SCATTER**2) / (1 + _USUAL_COUNTS))
    return drawn


def _weekday_factors(reference: np.ndarray, dust: np.ndarray) -> np.ndarray:
    """Consumption of each weekday relative to all, the one of the day after the window first. [1], shape (n, 7).

    Seven values make an uncertain median: all seven effects are shrunk towards none by the part of their spread that
    chance alone would give (positive-part James-Stein).
    """
    middle = np.maximum(median_of(reference), dust)[:, None]
    logs = np.log(reference / middle + _OFFSET)
    logs -= median_of(logs)[:, None]
    by_weekday = logs.reshape(len(logs), -1, WEEK)
    rows = by_weekday.transpose(0, 2, 1).reshape(len(logs) * WEEK, -1)
    effects = np.nan_to_num(median_of(rows).reshape(len(logs), WEEK))
    scatter = _scatter(logs - _spread(effects, logs.shape[1]))
    chance = _WEEKDAY_DOUBT * WEEK * (_MEDIAN_ERROR * scatter) ** 2 / by_weekday.shape[1]
    spread = (effects * effects).sum(axis=1)
    kept = np.maximum(1 - chance / np.maximum(spread, np.finfo(float).tiny), 0.0)
    factors: np.ndarray = np.exp(np.clip(kept[:, None] * effects, -_LARGEST_EFFECT, _LARGEST_EFFECT))
    return factors


def _spread(by_weekday: np.ndarray, length: int) -> np.ndarray:
    """Repeat seven weekdays over a window whose length is whole weeks."""
    return np.tile(by_weekday, (1, length // WEEK))


def _week_means(reference: np.ndarray) -> np.ndarray:
    """Mean of each week of a window that was measured for the most part, else NaN. Shape (n, weeks)."""
    weeks = reference.reshape(len(reference), -1, WEEK)
    known = np.isfinite(weeks)
    count = known.sum(axis=2)
    means: np.ndarray = np.nan_to_num(weeks).sum(axis=2) / np.maximum(count, 1)
    return np.where(count >= WEEK - 2, means, np.nan)
