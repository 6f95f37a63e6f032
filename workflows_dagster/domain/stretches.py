"""Stretches of time that count in numbers, and how uncertain what they add up to is.

See docs/explanation/methods.md#bands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

# Gives the variance of a meter's consumption between instants, microseconds since 1970. [meter unit²], shape (n,)
VarianceBetween = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Stretches:
    """Stretches of time whose consumption counts in numbers.

    Attributes:
        number: The number that each counts in, shape (n,), `int64`.
        starts: Instants, microseconds since 1970, shape (n,), `int64`.
        ends: Instants not before `starts`, likewise.
        factor: By how much each counts, shape (n,).
    """

    number: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    factor: np.ndarray

    @staticmethod
    def each(starts: np.ndarray, ends: np.ndarray) -> Stretches:
        """Give stretches that each are a number of their own."""
        return Stretches(np.arange(len(starts)), starts, ends, np.ones(len(starts)))

    @staticmethod
    def joined(several: list[Stretches]) -> Stretches:
        """Give all of several stretches, in order; at least one."""
        columns = zip(*((one.number, one.starts, one.ends, one.factor) for one in several), strict=True)
        return Stretches(*(np.concatenate(column) for column in columns))

    def where(self, chosen: np.ndarray) -> Stretches:
        """Give some of them, shape (n,), `bool`."""
        return Stretches(self.number[chosen], self.starts[chosen], self.ends[chosen], self.factor[chosen])

    def by_day(self, edges: np.ndarray, factor: np.ndarray) -> Stretches:
        """Multiply by a factor that may change from day to day; what has none is left out.

        Args:
            edges: Where the days open, and where the last one closes, microseconds since 1970, around all stretches,
                shape (days + 1,).
            factor: The factor of each day, shape (days,).
        """
        changes = np.flatnonzero(np.diff(factor)) + 1
        runs = factor[np.concatenate([[0], changes])]
        bounds = edges[np.concatenate([[0], changes, [len(factor)]])]
        first = np.searchsorted(bounds[1:-1], self.starts, side="right")
        last = np.maximum(np.searchsorted(bounds[1:-1], self.ends, side="left"), first)
        pieces = last - first + 1
        of = np.repeat(np.arange(len(self.starts)), pieces)
        run = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        cut = Stretches(
            self.number[of],
            np.maximum(self.starts[of], bounds[run]),
            np.minimum(self.ends[of], bounds[run + 1]),
            self.factor[of] * runs[run],
        )
        return cut.where(cut.factor != 0)

    def reach(self) -> np.ndarray:
        """Give the first start and the last end, shape (2,); at least one stretch."""
        return np.array([self.starts.min(), self.ends.max()], dtype=np.int64)

    def moved(self, clip: Callable[[np.ndarray], np.ndarray]) -> Stretches:
        """Give them with other instants."""
        return replace(self, starts=clip(self.starts), ends=clip(self.ends))


def variance_of(stretches: Stretches, count: int, between: VarianceBetween) -> np.ndarray:
    """Give the variance of what stretches of one meter add up to, as far as they hang together.

    What several stretches use is a sum over the register at their ends, `Σ c·F(t)` with `Σ c = 0`, and the variance of
    such a sum follows from the variances of its differences, `−Σ c·c'·Var(F(t) − F(t'))` over the pairs.

    Args:
        stretches: The stretches.
        count: How many numbers there are.
        between: Variance of the meter's consumption between any two instants.

    Returns:
        Not below 0. [meter unit²], shape (count,)
    """
    variance = np.zeros(count)
    number, at, jump = _jumps(stretches)
    lag = 1
    while len(pair := np.flatnonzero(number[lag:] == number[:-lag])):
        own = -(jump[pair] * jump[pair + lag]) * between(at[pair], at[pair + lag])
        variance += np.bincount(number[pair], own, minlength=count)
        lag += 1
    return np.maximum(variance, 0.0)


def _jumps(stretches: Stretches) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give by what the register counts in each number, at each instant in order: number, instant, factor."""
    number = np.concatenate([stretches.number, stretches.number])
    at = np.concatenate([stretches.starts, stretches.ends])
    jump = np.concatenate([-stretches.factor, stretches.factor])
    order = np.lexsort((at, number))
    number, at, jump = number[order], at[order], jump[order]
    is_first = np.ones(len(number), dtype=bool)
    is_first[1:] = (np.diff(number) != 0) | (np.diff(at) != 0)
    summed = np.bincount(np.cumsum(is_first) - 1, jump, minlength=int(is_first.sum()))
    counts = summed != 0
    return number[is_first][counts], at[is_first][counts], summed[counts]
