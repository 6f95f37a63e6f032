"""Use of another meter that a meter's advances contain, day by day (docs/explanation/methods.md#like)."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from workflows_dagster.domain.days import instants
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.register import Register

# Amounts of days and of parts of days are multiples of these, so that sums below 2²⁰ units are exact: differences do
# not depend on where a sum begins, and a changed day changes no other, to the last bit.
_DAY_STEP, _PART_STEP = 2.0**-20, 2.0**-32
# A conversion, such as a gas bill's, is no better than this.
_TOLERANCE = 0.02


class GivenUse(Protocol):
    """What another meter used up to an instant, counted from any fixed one."""

    def integral(self, microseconds: np.ndarray) -> np.ndarray:
        """Give the use up to instants.

        Args:
            microseconds: Instants, microseconds since 1970, shape (n,), `int64`.

        Returns:
            Use. [unit of the meter that contains it], shape (n,)
        """
        ...


def summed(edges: np.ndarray, amounts: np.ndarray, microseconds: np.ndarray) -> np.ndarray:
    """Sum the amounts of days up to instants; within a day they flow evenly.

    Args:
        edges: Where the days open, and where the last one closes, microseconds since 1970, increasing, shape (n + 1,).
        amounts: What each used; nothing where that is not known (NaN), nor below 0. [unit], shape (n,)
        microseconds: Instants, shape (m,); outside the days nothing is used.

    Returns:
        Sums from the first edge on. [unit], shape (m,)
    """
    steps = np.rint(np.maximum(np.nan_to_num(amounts), 0.0) / _DAY_STEP) * _DAY_STEP
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.clip(microseconds, edges[0], edges[-1])
    day = np.minimum(np.searchsorted(edges, at, side="right") - 1, len(steps) - 1)
    within = (at - edges[day]) / (edges[day + 1] - edges[day])
    part = np.rint(steps[day] * within / _PART_STEP) * _PART_STEP
    total: np.ndarray = sums[day] + part
    return total


def mixed_share(share: np.ndarray, part: np.ndarray, used: np.ndarray, advance: np.ndarray) -> np.ndarray:
    """Mix the rest's share of a gap with another meter's use, which is taken as it is as far as the advance has room.

    Args:
        share: Share of the gap's weight before an instant, 0..1, shape (n,)
        part: The other meter's use before it, since the gap began. [meter unit], shape (n,)
        used: Its use in the whole gap. [meter unit], shape (n,)
        advance: What was counted in the gap. [meter unit], shape (n,)

    Returns:
        Share of the advance before the instant, 0..1, shape (n,)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(advance > 0, np.minimum(used / advance, 1.0), 0.0)
        theirs = np.where(used > 0, part / used, share)
    mixed: np.ndarray = share + own * (theirs - share)
    return mixed


def rest_of(register: Register, given: GivenUse) -> Register:
    """Give what a meter counted beside the other one's use: its advances less that use, none below 0.

    Its values are not a counter's any more; only times and advances count.
    """
    used = np.diff(given.integral(register.times))
    return replace(register, advances=np.maximum(register.advances - used, 0.0))


def exceeded(register: Register, given: GivenUse, meter_id: str, other: str) -> list[Finding]:
    """Find gaps in which the other meter used more than this one counted; its use is then scaled to what was counted.

    Args:
        register: Valid readings.
        given: The other meter's use. [meter unit]
        meter_id: The meter.
        other: The other meter.

    Returns:
        A finding for each gap with more than 2 % too much, in time order.
    """
    if len(register) < 2:
        return []
    used = np.diff(given.integral(register.times))
    times = instants(register.times)
    return [
        Finding(
            "like_exceeds",
            meter_id,
            times[k],
            times[k + 1],
            {"other": other, "used": float(used[k]), "advance": float(register.advances[k])},
            "note",
        )
        for k in np.flatnonzero(used > register.advances * (1 + _TOLERANCE)).tolist()
    ]
