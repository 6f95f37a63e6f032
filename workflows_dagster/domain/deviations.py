"""Deviations of each day from its recent weeks: level, weekday and scatter, all from the days before it.

Every figure of a day is computed from that day and the `LOOKBACK_DAYS` before it, row by row, so that a single day, a
range and the full history give the same to the last bit (docs/explanation/methods.md#anomalies).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

LOOKBACK_DAYS = 56
WEEK = 7
# Seven reference weeks; the eighth shows on which day a run of unusual days began.
REFERENCE_DAYS = LOOKBACK_DAYS - WEEK
RECENT_DAYS = 28
LEAST_DAYS = 14

_MAD_TO_SIGMA = 1.4826
# Standard error of a median of n normal values: 1.2533 σ / √n.
_MEDIAN_ERROR = 1.2533
# The median of 49 days is uncertain, and for a meter that stands still it would make every step an outlier. So typical
# values of households count like a part of the days (docs/explanation/methods.md#anomalies). [1]
_USUAL_SCATTER, _USUAL_COUNTS = 0.3, 0.3
# Weekday effects count only as far as they exceed this multiple of the random spread of seven medians.
_WEEKDAY_DOUBT = 3.0
# … and are limited to a fifth and to five times.
_LARGEST_EFFECT = float(np.log(5.0))
# A boiler's summer has almost no weight; smaller weights count as this when deseasonalising. [1]
_LEAST_WEIGHT = 0.05
# A meter that stands still with a weight below this is out of season: the first cold day is not unusual. [1]
_IN_SEASON = 0.5
# Added to ratios, since zero has no logarithm. [1]
_OFFSET = 0.02
_WEEK_OFFSET = 0.1
# Amounts below this many steps of the register are noise.
STEPS = 10


@dataclass(frozen=True)
class Deviations:
    """Each day compared with its recent weeks; NaN if the day, or too many days before it, were not measured.

    Attributes:
        expected: Expected consumption of the day; also NaN if the meter stands still out of season. [meter unit],
            shape (n,)
        level: Expected consumption of a mean day of the year. [meter unit], shape (n,)
        ratio: The day relative to its expectation. [1], shape (n,)
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
        """Give the usual range, `sigmas` robust standard deviations wide on either side.

        Returns:
            Lower and upper bound. [meter unit], shape (n,) each
        """
        low = np.exp(-sigmas * self.fall_scatter) * (1 + _OFFSET) - _OFFSET
        return self.expected * np.maximum(low, 0.0), self.expected * (1 + sigmas * self.rise_scatter)


@dataclass(frozen=True)
class WeekDeviations:
    """The last seven days together, compared with the six weeks before them; NaN if too little was measured.

    Attributes:
        expected: Expected daily mean of the week's measured days. [meter unit/d], shape (n,)
        actual: Their daily mean. [meter unit/d], shape (n,)
        level: Expected consumption of a mean day of the year. [meter unit], shape (n,)
        scores: The logarithm of each day's ratio in robust standard deviations, NaN where it was not measured.
            [1], shape (n, 7)
        lowest: Lowest of the weeks before, scaled to the season. [meter unit/d], shape (n,)
        highest: Highest of them, likewise. [meter unit/d], shape (n,)
    """

    expected: np.ndarray
    actual: np.ndarray
    level: np.ndarray
    scores: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    def evidence(self, clip: float) -> np.ndarray:
        """Mean of the days' scores, each limited to `clip`. [1], shape (n,)"""  # noqa: D415
        enough = np.isfinite(self.scores).sum(axis=1) >= WEEK - 2
        clipped = np.nan_to_num(np.clip(self.scores, -clip, clip))
        mean = clipped.sum(axis=1) / np.maximum(np.isfinite(self.scores).sum(axis=1), 1)
        evidence: np.ndarray = np.where(enough & np.isfinite(self.expected), mean, np.nan)
        return evidence


def offset_log(ratio: np.ndarray, offset: float) -> np.ndarray:
    """Take the logarithm of a ratio with an offset: 1 gives 0, and 0 a finite value."""
    logarithm: np.ndarray = np.log((ratio + offset) / (1 + offset))
    return logarithm


def day_deviations(consumption: np.ndarray, weight: np.ndarray, resolution: float) -> Deviations:
    """Compare each day with the seven weeks before it.

    Args:
        consumption: Consecutive civil days, NaN for days to be ignored, shape (REFERENCE_DAYS + n,). [meter unit]
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

    A whole week has each weekday once, so that weekends cause no deviation.

    Args:
        consumption: Consecutive civil days, NaN for days to be ignored, shape (REFERENCE_DAYS - 1 + n,).
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
    """Give the median of each row ignoring NaN, NaN for rows of NaN only. Shape (n, m) to (n,)."""
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
    # A copy, so that the arithmetic of a row does not depend on the number of rows.
    return np.ascontiguousarray(sliding_window_view(values, length))


def _scatter(values: np.ndarray) -> np.ndarray:
    """Give the robust standard deviation of each row, shrunk towards that of typical households."""
    away = np.abs(values - median_of(values)[:, None])
    scatter = _MAD_TO_SIGMA * median_of(away)
    drawn: np.ndarray = np.sqrt((scatter * scatter + _USUAL_COUNTS * _USUAL_SCATTER**2) / (1 + _USUAL_COUNTS))
    return drawn


def _weekday_factors(reference: np.ndarray, dust: np.ndarray) -> np.ndarray:
    """Give each weekday's relative consumption, that of the day after the window first. [1], shape (n, 7).

    A median of seven values is uncertain, so all seven effects are shrunk towards none by the part of their spread that
    is expected by chance (positive-part James-Stein).
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
    """Give the mean of each week of a window that was mostly measured, else NaN. Shape (n, weeks)."""
    weeks = reference.reshape(len(reference), -1, WEEK)
    known = np.isfinite(weeks)
    count = known.sum(axis=2)
    means: np.ndarray = np.nan_to_num(weeks).sum(axis=2) / np.maximum(count, 1)
    return np.where(count >= WEEK - 2, means, np.nan)
