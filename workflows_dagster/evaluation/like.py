"""The use of another meter that a meter contains or goes along with, from that meter's own readings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.given_use import summed
from workflows_dagster.domain.like_profile import LikeProfile, LikeWeight, day_weights, fit_like, mean_use
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Profile

# Gives the use of a meter on some days: where they open and where the last one closes, UTC, shape (n + 1,), and the
# amounts, NaN where there is no value, in the unit of the meter that contains it, shape (n,).
DaysOf = Callable[[DayRange], tuple[pd.DatetimeIndex, np.ndarray]]


class LikeUse:
    """Use of another meter up to an instant, counted from the first day that was asked for.

    Days are evaluated as far as they are needed. Sums are exact, so differences do not depend on which were.

    Args:
        days_of: Gives its days.
        zone: The house's zone.

    Attributes:
        days_of: As given.
        zone: As given.
    """

    def __init__(self, days_of: DaysOf, zone: ZoneInfo) -> None:
        self.days_of, self.zone = days_of, zone
        self._covered: DayRange | None = None
        self._origin = 0
        self._edges = np.empty(0, dtype=np.int64)
        self._amounts = np.empty(0)

    def integral(self, microseconds: np.ndarray) -> np.ndarray:
        """Give the use up to instants; see `domain.given_use.GivenUse`.

        Raises:
            StoreError: The meter's readings cannot be read.
        """
        if len(microseconds) == 0:
            return np.empty(0)
        first, last = (days.civil_day(at, self.zone) for at in days.instants(np.sort(microseconds)[[0, -1]]))
        self._cover(first, last)
        sums = summed(self._edges, self._amounts, np.append(microseconds, self._origin))
        since: np.ndarray = sums[:-1] - sums[-1]
        return since

    def held(self, asked: DayRange) -> LikeUse:
        """Give the use of some days only, evaluated once however often it is asked for.

        Raises:
            StoreError: The meter's readings cannot be read.
        """
        cuts, used = self.days_of(asked)

        def days_of(part: DayRange) -> tuple[pd.DatetimeIndex, np.ndarray]:
            at = (part.first - asked.first).days
            return cuts[at : at + part.count + 1], used[at : at + part.count]

        return LikeUse(days_of, self.zone)

    def _cover(self, first: date, last: date) -> None:
        if self._covered is None:
            self._covered = DayRange(first, last)
            self._edges, self._amounts = self._read(first, last)
            self._origin = int(self._edges[0])
            return
        covered = self._covered
        if first < covered.first:
            edges, amounts = self._read(first, covered.first - timedelta(days=1))
            self._edges = np.concatenate([edges[:-1], self._edges])
            self._amounts = np.concatenate([amounts, self._amounts])
        if last > covered.last:
            edges, amounts = self._read(covered.last + timedelta(days=1), last)
            self._edges = np.concatenate([self._edges, edges[1:]])
            self._amounts = np.concatenate([self._amounts, amounts])
        self._covered = DayRange(min(first, covered.first), max(last, covered.last))

    def _read(self, first: date, last: date) -> tuple[np.ndarray, np.ndarray]:
        cuts, amounts = self.days_of(DayRange(first, last))
        return days.microseconds(cuts), amounts


def weight_like(use: LikeUse, profile: LikeProfile) -> LikeWeight:
    """Give the weight of a meter that goes along with another one."""

    def weights_of(asked: DayRange) -> tuple[pd.DatetimeIndex, np.ndarray]:
        cuts, used = use.days_of(asked)
        return cuts, day_weights(profile, days.microseconds(cuts), used)

    return LikeWeight(profile, LikeUse(weights_of, use.zone).integral)


def fitted_like(history: Register, table: tuple[float, ...] | None, other: str, use: LikeUse) -> Profile | None:
    """Fit how far a meter goes along with another one; None where the other one used nothing that is known.

    Args:
        history: All valid readings of the meter.
        table: Its monthly table, January first. [%], shape (12,)
        other: The other meter.
        use: Its use.

    Raises:
        StoreError: The other meter's readings cannot be read.
    """
    if len(history) < 2:
        return None
    cuts, used = use.days_of(days_around(history, use.zone))
    mean = mean_use(days.microseconds(cuts), used)
    if mean is None:
        return None
    whole = LikeProfile(0.0, 1.0, table, other, mean)
    return fit_like(history, whole, weight_like(use, whole).integral)


def days_around(history: Register, zone: ZoneInfo) -> DayRange:
    """Give the civil days from a history's first reading to its last one."""
    first, last = (days.civil_day(at, zone) for at in days.instants(history.times[[0, -1]]))
    return DayRange(first, last)
