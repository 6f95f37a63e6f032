"""How far a way of estimating misses readings that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from workflows_dagster.domain.given_use import mixed_share
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# Each reading but the first and the last is left out once, in so many rounds.
ROUNDS = 4

Fit = Callable[[Register], Weight | None]


@dataclass(frozen=True)
class LeftOut:
    """What an estimate misses readings by that it does not know.

    Attributes:
        missed: What was misplaced, over all that was used around the readings left out. 0..1
        count: How many readings were left out.
    """

    missed: float
    count: int


def missed_by(register: Register, fit: Fit) -> LeftOut | None:
    """Compare readings that are left out with what the others give for them.

    Every fourth reading is left out, the estimate is fitted to the rest, and the rest gives the register at their
    instants (docs/explanation/methods.md#choice).

    Args:
        register: A meter's whole history.
        fit: Fits the estimate to readings.

    Returns:
        None where no reading can be left out, or the estimate cannot be fitted.
    """
    thin = without_short_gaps(register)
    missed = used = 0.0
    count = 0
    inner = np.arange(1, len(thin) - 1)
    for round_ in range(ROUNDS):
        left_out = inner[inner % ROUNDS == round_]
        left_out = left_out[_sure(thin, left_out)]
        if len(left_out) == 0:
            continue
        rest = without(thin, left_out)
        weight = fit(rest)
        if weight is None:
            return None
        before, at, after = (weight.integral(thin.times[left_out + step]) for step in (-1, 0, 1))
        amount = thin.advances[left_out - 1] + thin.advances[left_out]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(after > before, (at - before) / (after - before), np.nan)
        if weight.given is not None:
            opens, at_given, closes = (weight.given.integral(thin.times[left_out + step]) for step in (-1, 0, 1))
            share = mixed_share(share, at_given - opens, closes - opens, amount)
        known = ~np.isnan(share)
        missed += float(np.abs(thin.advances[left_out - 1] - share * amount)[known].sum())
        used += float(amount[known].sum())
        count += int(known.sum())
    return LeftOut(missed / used, count) if used > 0 else None


def without(register: Register, left_out: np.ndarray) -> Register:
    """Leave out inner readings: the advances around each become one.

    Args:
        register: Valid readings.
        left_out: Positions of the readings, neither the first nor the last, shape (m,).
    """
    kept = np.setdiff1d(np.arange(len(register)), left_out)
    starts = kept[:-1]
    return replace(
        register,
        times=register.times[kept],
        values=register.values[kept],
        bases=register.bases[starts],
        advances=np.add.reduceat(register.advances, starts),
        falls=np.logical_or.reduceat(register.falls, starts),
        substituted=np.logical_or.reduceat(register.substituted, starts),
        unknown=None if register.unknown is None else np.logical_or.reduceat(register.unknown, starts),
    )


def without_short_gaps(register: Register, shortest_days: float = 7.0) -> Register:
    """Keep readings at least some days apart: a meter that reports each hour counts as read each week.

    Args:
        register: Valid readings.
        shortest_days: Least time between two of them. [d]
    """
    if len(register) < 3:
        return register
    block = register.times // int(shortest_days * 86_400_000_000)
    first = np.flatnonzero(np.diff(block, prepend=block[0] - 1) > 0)
    kept = np.union1d(first, [0, len(register) - 1])
    return without(register, np.setdiff1d(np.arange(len(register)), kept))


def _sure(register: Register, at: np.ndarray) -> np.ndarray:
    """Tell where the counter did not fall and no advance is a substitute around a reading, shape (n,), `bool`."""
    odd = register.falls | register.substituted
    sure: np.ndarray = ~(odd[at - 1] | odd[at])
    return sure
