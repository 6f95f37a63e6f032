"""The matrix of contributions: which source counts in a derived meter on which day, and by which factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

# Gives the factor from a source's unit to the derived meter's, by day.
Conversion = Callable[[str], np.ndarray]


@dataclass(frozen=True)
class Contribution:
    """One source's contribution to a derived meter: a row of the matrix of sources and days.

    Attributes:
        source: The source.
        sign: 1 where it is added, -1 where it is subtracted.
        conversion: Derived meter's unit per the source's unit, by day. [1], shape (n,)
        counts: Days on which it counts, if it is installed, shape (n,), `bool`.
        period: Index of the master's period; 0 for a virtual meter.
        succeeds: Whether it counts as a successor, on the last day of the period before its own.
    """

    source: str
    sign: Literal[1, -1]
    conversion: np.ndarray
    counts: np.ndarray
    period: int = 0
    succeeds: bool = False

    @property
    def factor(self) -> np.ndarray:
        """Signed factor by day, NaN where the source does not count. [1], shape (n,)"""  # noqa: D415
        return np.where(self.counts, self.sign * self.conversion, np.nan)


@dataclass(frozen=True)
class Segment:
    """A master's period.

    Attributes:
        first: First civil day.
        last: Last civil day, or None while it is open.
        sources: Meters whose consumption adds up to the master's.
        successors: Meters of the next period that are installed on the last day of this one.
        carried: Master's register at the handover to this period, or None if it shows its sources' own. [master's unit]
        taken_over: Sum of the sources' registers at that moment. [master's unit]
        open_by: Half width of the 80 % band of their difference; NaN where it is not known. [master's unit]
    """

    first: date
    last: date | None
    sources: tuple[str, ...]
    successors: tuple[str, ...] = ()
    carried: float | None = None
    taken_over: float = 0.0
    open_by: float = 0.0

    def holds(self, civil: np.ndarray) -> np.ndarray:
        """Tell which civil days lie in the period, shape (n,), `bool`."""
        return (civil >= self.first) & (civil <= (self.last or date.max))

    def register(self, own: np.ndarray) -> np.ndarray:
        """Turn the sum of its sources' registers into the master's. [master's unit], shape (n,)"""  # noqa: D415
        return own if self.carried is None else self.carried + (own - self.taken_over)


def of_master(segments: Sequence[Segment], civil: pd.Index, conversion: Conversion) -> tuple[Contribution, ...]:
    """Give a master's contributions.

    The sources of a period count on its days. On its last day a successor that is installed on that day counts too
    (docs/explanation/methods.md#master).

    Args:
        segments: Periods in order, without overlap.
        civil: Civil days, shape (n,), dtype `object` of `date`.
        conversion: Gives each source's conversion by day.
    """
    dates = np.asarray(civil, dtype=object)
    rows = []
    for k, segment in enumerate(segments):
        within = segment.holds(dates)
        rows += [Contribution(source, 1, conversion(source), within, k) for source in segment.sources]
        last = within & (dates == segment.last)
        rows += [Contribution(source, 1, conversion(source), last, k + 1, True) for source in segment.successors]
    return tuple(rows)


def of_virtual(
    base: str, subtracted: Sequence[str], civil: pd.Index, conversion: Conversion
) -> tuple[Contribution, ...]:
    """Give a virtual meter's contributions: the base meter, and from it the meters subtracted, on every day.

    Args:
        base: The base meter.
        subtracted: The meters subtracted from it.
        civil: Civil days, shape (n,), dtype `object` of `date`.
        conversion: Gives each source's conversion by day.
    """
    always = np.ones(len(civil), dtype=bool)
    return (
        Contribution(base, 1, conversion(base), always),
        *(Contribution(source, -1, conversion(source), always) for source in subtracted),
    )
