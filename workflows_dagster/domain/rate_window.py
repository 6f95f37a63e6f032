"""Selects the readings that give the rate beyond either end of a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

Side = Literal["first", "last"]
# A year and a fortnight: every season once, plus the readings around the year's ends.
RATE_WINDOW_DAYS = 380
# How far from an end the window is to reach, in microseconds.
RATE_YEAR = 365 * MICROSECONDS_PER_DAY


@dataclass(frozen=True)
class RateWindow:
    """The readings that give the rate beyond one end of the history.

    Attributes:
        first: Instant of the window's first reading, microseconds since 1970.
        last: Instant of its last reading, likewise.
        values: Register at both. [meter unit]
        advance: Advance between them. [meter unit]
        weight: Weight between them, in days of mean consumption, above 0. [d]
        given: Use of the other meter between them, where one is given. [meter unit]
        is_since_change: Whether a change of level made it begin later.
    """

    first: int
    last: int
    values: tuple[float, float]
    advance: float
    weight: float
    given: float = 0.0
    is_since_change: bool = False

    @property
    def rate(self) -> float:
        """Consumption per unit of weight, beside what is given. [meter unit/d]"""  # noqa: D415
        return max(self.advance - self.given, 0.0) / self.weight if self.given else self.advance / self.weight

    @property
    def given_share(self) -> float:
        """How much of the other meter's use the advance has room for. 0..1"""  # noqa: D415
        return min(self.advance / self.given, 1.0) if self.given > 0 else 1.0


def nearest(times: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """Give the number of the reading nearest to each instant, the earlier of two, shape (n,); at least two readings."""
    after = np.clip(np.searchsorted(times, instants), 1, len(times) - 1)
    is_before = instants - times[after - 1] <= times[after] - instants
    found: np.ndarray = np.where(is_before, after - 1, after)
    return found


def rate_window(register: Register, side: Side, weight: Weight, since: int = 0) -> RateWindow | None:
    """Select the readings of about a year at one end of the history: to the one nearest to a year from it.

    Over whole years a season that fits badly evens out.

    Args:
        register: Readings that reach at least a year from that end, one beyond it included, or all there are.
        side: Which end.
        weight: The meter's weight.
        since: Number of the reading before which the level was another; after the last reading only what came later
            gives the rate.

    Returns:
        The window, or None if there is a single reading or no weight between the readings.
    """
    if len(register) < 2:
        return None
    times, is_since_change = register.times, False
    if side == "first":
        first, last = 0, max(int(nearest(times, times[:1] + RATE_YEAR)[0]), 1)
    else:
        first, last = int(nearest(times, times[-1:] - RATE_YEAR)[0]), len(times) - 1
        is_since_change = since > first
        first = min(max(first, since), last - 1)
    lo, hi = weight.beyond.integral(times[[first, last]])
    if hi <= lo:
        return None
    advance = float(np.cumsum(register.advances[first:last])[-1])
    values = (float(register.values[first]), float(register.values[last]))
    given = float(np.diff(weight.given.integral(times[[first, last]]))[0]) if weight.given is not None else 0.0
    return RateWindow(int(times[first]), int(times[last]), values, advance, float(hi - lo), given, is_since_change)
