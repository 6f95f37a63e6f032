"""The use of another meter that a meter's advances contain, from that meter's own readings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.given_use import summed

# Gives the use of a meter on some days: where they open and where the last one closes, UTC, shape (n + 1,), and the
# amounts, NaN where there is no value, in the unit of the meter that contains it, shape (n,).
DaysOf = Callable[[DayRange], tuple[pd.DatetimeIndex, np.ndarray]]


class LikeUse:
    """Use of another meter up to an instant, counted from the first day that was asked for.

    Days are evaluated as far as they are needed. Sums are exact, so differences do not depend on which were.

    Args:
        days_of: Gives its days.
        zone: The house's zone.
    """

    def __init__(self, days_of: DaysOf, zone: ZoneInfo) -> None:
        self._days_of, self._zone = days_of, zone
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
        first, last = (days.civil_day(at, self._zone) for at in days.instants(np.sort(microseconds)[[0, -1]]))
        self._cover(first, last)
        sums = summed(self._edges, self._amounts, np.append(microseconds, self._origin))
        since: np.ndarray = sums[:-1] - sums[-1]
        return since

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
        cuts, amounts = self._days_of(DayRange(first, last))
        return days.microseconds(cuts), amounts
