"""Tells a lasting change of level from the season: a tenant moved in, a boiler was replaced, panels were added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.left_out import without_short_gaps
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# Two years and a month: the season before the change, and the same days a year earlier.
LEVEL_WINDOW_DAYS = 760
_YEAR = 365 * MICROSECONDS_PER_DAY
# How much a month's consumption strays from the profile, and how many months of the meter's own weigh as much.
_SCATTER, _PRIOR_MONTHS = 0.12, 6.0
# What strays within so many days strays together: longer gaps say little more. [d]
_TOGETHER = 30.0
# Least significance, least change, and how much of it must show against the same days of the year before as well.
_SIGMAS, _LEAST_CHANGE, _AGAINST_YEAR = 2.0, 0.25, 0.9
# Least time after the change; before it at least a year must be known. [d]
_AFTER = 25.0
# Least mean weight after it: a season in which a boiler makes hot water only tells nothing of the winter. [1]
_LEAST_WEIGHT = 1 / 3


@dataclass(frozen=True)
class LevelChange:
    """A lasting change.

    Attributes:
        reading: Number of the last reading before it.
        ratio: Consumption per unit of weight after it, over that before it. [1]
    """

    reading: int
    ratio: float


def level_change(register: Register, weight: Weight) -> LevelChange | None:
    """Find the clearest change of level in a register of about two years.

    At each reading the consumption per unit of weight after it is compared with that before it, by the scatter of the
    gaps around both. So that an ill-fitting season is no change, most of it must also show against the same days of the
    year before; and a season of little use tells no level, however strange it is (docs/explanation/methods.md#level).

    Args:
        register: Valid readings, `LEVEL_WINDOW_DAYS` of them.
        weight: The meter's weight.

    Returns:
        The change; None where there is none, or too little to tell.
    """
    thin = without_short_gaps(register, _AFTER)
    times, gaps = thin.times, len(thin) - 1
    if gaps < 3:
        return None
    running = np.concatenate([[0.0], np.cumsum(thin.advances)])
    weights = weight.integral(times) - weight.integral(times[:1])
    length = np.diff(times) / MICROSECONDS_PER_DAY
    # A season of little use, such as a boiler's summer, says little about the level: what is strange in it is a small
    # part of the year.
    tells = length / (length + _TOGETHER) * np.minimum(np.diff(weights) / length, 1.0) ** 2
    tells = np.where(thin.substituted, 0.0, tells)
    best, clearest = None, 0.0
    for at in range(2, gaps):
        found = _split(times, running, weights, tells, at)
        if found is not None and found[0] > clearest:
            clearest, best = found[0], LevelChange(int(np.searchsorted(register.times, times[at])), found[1])
    return best


def _split(
    times: np.ndarray, running: np.ndarray, weights: np.ndarray, tells: np.ndarray, at: int
) -> tuple[float, float] | None:
    """Give the significance and the ratio of a change at a reading; None where it is no change."""
    then = times[[at, -1]] - _YEAR
    if then[0] < times[0] or times[-1] - times[at] < _AFTER * MICROSECONDS_PER_DAY:
        return None
    used = np.array([running[at], running[-1] - running[at]])
    weighed = np.array([weights[at], weights[-1] - weights[at]])
    told = np.array([tells[:at].sum(), tells[at:].sum()])
    if (used <= 0).any() or (weighed <= 0).any() or (told <= 0).any():
        return None
    if weighed[1] < _LEAST_WEIGHT * (times[-1] - times[at]) / MICROSECONDS_PER_DAY:
        return None
    rates = used / weighed
    expected = np.diff(weights) * np.repeat(rates, [at, len(tells) - at])
    with np.errstate(invalid="ignore", divide="ignore"):
        strayed = np.where(expected > 0, np.diff(running) / expected - 1, 0.0)
    scatter = (_PRIOR_MONTHS * _SCATTER**2 + tells @ strayed**2) / (_PRIOR_MONTHS + tells.sum())
    ratio = float(rates[1] / rates[0])
    sigmas = float(abs(np.log(ratio)) / np.sqrt(scatter * (1 / told).sum()))
    if abs(ratio - 1) < _LEAST_CHANGE:
        return None
    year_before = float(np.diff(np.interp(then, times, running))[0])
    shows = year_before <= 0 or np.log(used[1] / year_before) / np.log(ratio) > _AGAINST_YEAR
    return (sigmas, ratio) if sigmas > _SIGMAS and shows else None
