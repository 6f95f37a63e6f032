"""Shapes a meter's season beyond its readings by its own history: two harmonics that multiply its curve.

See docs/explanation/methods.md#before-the-first-reading-and-after-the-last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workflows_dagster.domain.amplitude import precision
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import HARMONICS, Profile, day_of_year, joined_intervals, yearly_curve

# Least history: a whole year, in several intervals. [d]
_SHORTEST_DAYS, _FEWEST = 365.0, 6
# How firmly both harmonics are held to nothing, the yearly and the half-yearly pair (docs/explanation/accuracy.md).
_HOLD = np.array([25.0, 25.0, 50.0, 50.0])
_STEPS, _LARGEST_STEP = 4, 0.5
_DECIMALS = 3


def with_season_ahead(profile: Profile, registers: Sequence[Register]) -> Profile:
    """Fit the harmonics to whole intervals between readings, by a few steps of regularised least squares.

    Args:
        profile: The profile between readings.
        registers: Valid readings and advances; several where the meter was read in pieces.

    Returns:
        The profile with its season ahead; without one where the history is shorter than a year.
    """
    parts = [joined_intervals(register) for register in registers]
    if profile.percentages is None or not parts:
        return profile
    opening, closing, advance = (np.concatenate([part[k] for part in parts]) for k in range(3))
    length = (closing - opening) / MICROSECONDS_PER_DAY
    if len(advance) < _FEWEST or length.sum() < _SHORTEST_DAYS or advance.sum() <= 0:
        return profile
    within = _Within(opening, closing)
    relative, trust = advance * (length.sum() / advance.sum()), precision(length)
    found = np.zeros(len(_HOLD))
    for _ in range(_STEPS):
        curve = yearly_curve(replace(profile, ahead=tuple(found)))
        weighed = within.integrals(curve[:, np.newaxis])[:, 0]
        level = (relative * weighed) @ trust / (weighed**2 @ trust)
        design = np.column_stack([weighed, level * within.integrals(curve[:, np.newaxis] * HARMONICS)])
        normal = design.T @ (design * trust[:, np.newaxis]) + np.diag([0.0, *_HOLD])
        wanted = design.T @ ((relative - level * weighed) * trust) - np.concatenate([[0.0], _HOLD * found])
        step = np.linalg.solve(normal, wanted)[1:]
        found = found + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
    return replace(profile, ahead=tuple(round(float(part), _DECIMALS) for part in found))


class _Within:
    """Integrates yearly curves over intervals. [d]"""  # noqa: D415

    def __init__(self, opening: np.ndarray, closing: np.ndarray) -> None:
        first, last = int(opening.min() // MICROSECONDS_PER_DAY), int(closing.max() // MICROSECONDS_PER_DAY)
        self._of_year = day_of_year(np.arange(first, last + 1))
        self._edges = np.arange(first, last + 2) * MICROSECONDS_PER_DAY
        self._opening, self._closing = opening, closing

    def integrals(self, curves: np.ndarray) -> np.ndarray:
        """Integrate curves, shape (365, m), over the intervals; shape (n, m)."""
        sums = np.vstack([np.zeros(curves.shape[1]), np.cumsum(curves[self._of_year], axis=0)])
        columns = [
            np.interp(self._closing, self._edges, column) - np.interp(self._opening, self._edges, column)
            for column in sums.T
        ]
        return np.column_stack(columns)
