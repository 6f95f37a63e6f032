"""How irregular a meter is by its own history: how far its readings miss what the others say of them.

See docs/explanation/methods.md#bands.
"""

from __future__ import annotations

import numpy as np

from workflows_dagster.domain.bands import Spread, variance_beyond, variance_within
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.left_out import without_short_gaps
from workflows_dagster.domain.rate_window import RATE_YEAR, nearest
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight, joined_intervals

# The usual meter counts as so many readings, and no reading for more than so many variances: between readings, and
# beyond them, where meters differ more (docs/explanation/accuracy.md#bands).
_USUAL_READINGS = 0.5
_LARGEST_SQUARE, _LARGEST_SQUARE_BEYOND = 5.0, 40.0
# Least time before a reading whose rate says what it should show. [d]
_LEAST_BEFORE = 200.0


def fit_spread(register: Register, weight: Weight) -> Spread:
    """Fit a meter's irregularity to its own history.

    Args:
        register: The meter's whole history.
        weight: Its weight.

    Returns:
        Scales of 1 for a meter with too few readings; the mean 0 for one without consumption.
    """
    opening, closing, advance = joined_intervals(register)
    flowed = np.abs(advance).sum()
    if len(advance) == 0 or flowed <= 0:
        return Spread(0.0)
    usual = Spread(float(flowed / ((closing - opening).sum() / MICROSECONDS_PER_DAY)))
    between = _scale(_squares_between(opening, closing, advance, weight, usual), _LARGEST_SQUARE)
    beyond = _scale(_squares_beyond(register, weight, usual), _LARGEST_SQUARE_BEYOND)
    return Spread(usual.mean, between, beyond)


def _scale(squares: np.ndarray, largest: float) -> float:
    return float(np.sqrt((_USUAL_READINGS + np.minimum(squares, largest).sum()) / (_USUAL_READINGS + len(squares))))


def _squares_between(
    opening: np.ndarray, closing: np.ndarray, advance: np.ndarray, weight: Weight, usual: Spread
) -> np.ndarray:
    """Compare each reading with what its neighbours say of it: squares over the usual variance, shape (m,). [1]"""  # noqa: D415
    length = (closing - opening) / MICROSECONDS_PER_DAY
    neighbours = np.flatnonzero(closing[:-1] == opening[1:])
    amount = np.maximum(advance[neighbours] + advance[neighbours + 1], 0.0)
    lo, at, hi = (weight.integral(x) for x in (opening[neighbours], closing[neighbours], closing[neighbours + 1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (at - lo) / (hi - lo)
    part, whole = length[neighbours], length[neighbours] + length[neighbours + 1]
    variance = variance_within(share, amount, part, whole, usual)
    judged = (hi > lo) & (variance > 0)
    squares: np.ndarray = (advance[neighbours] - share * amount)[judged] ** 2 / variance[judged]
    return squares


def _squares_beyond(register: Register, weight: Weight, usual: Spread) -> np.ndarray:
    """Compare each reading with what the year before it says of it, as `_squares_between`."""
    thin = without_short_gaps(register)
    if len(thin) < 3:
        return np.empty(0)
    times, running = thin.times, np.concatenate([[0.0], np.cumsum(thin.advances)])
    weights = weight.beyond.integral(times)
    # Of each gap: the reading before it, the first one of the year before that, and the reading after it.
    before = np.arange(1, len(thin) - 1)
    since = np.minimum(nearest(times, times[before] - RATE_YEAR), before - 1)
    sure = ~(thin.falls[before] | thin.substituted[before])
    known, weighed = running[before] - running[since], weights[before] - weights[since]
    long_enough = (times[before] - times[since]) / MICROSECONDS_PER_DAY >= _LEAST_BEFORE
    judged = sure & long_enough & (known > 0) & (weighed > 0)
    before, known, weighed = before[judged], known[judged], weighed[judged]
    expected = known / weighed * (weights[before + 1] - weights[before])
    days = (times[before + 1] - times[before]) / MICROSECONDS_PER_DAY
    variance = variance_beyond(expected, known, days, days, usual)
    possible = variance > 0
    missed = thin.advances[before] - expected
    squares: np.ndarray = missed[possible] ** 2 / variance[possible]
    return squares
