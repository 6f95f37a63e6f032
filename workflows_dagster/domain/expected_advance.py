"""What a register may show at an instant, judged by what it advanced over equally long stretches before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.allocation import rate_window
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# One stretch in ten may lie outside what is taken as the meter's habit, half of them on either side.
_OUTSIDE = 0.05
# So far beyond its habit an advance is still plausible; with few stretches to judge by, farther.
_MARGIN, _MARGIN_OF_FEW = 0.1, 0.5


@dataclass(frozen=True)
class ExpectedAdvance:
    """What a register is expected to advance by from its last reading to an instant.

    Attributes:
        lower: Least that is plausible. [meter unit]
        likely: At the meter's usual rate, in its season. [meter unit]
        upper: Most that is plausible. [meter unit]
    """

    lower: float
    likely: float
    upper: float

    def holds(self, advance: float, resolution: float) -> bool:
        """Tell whether an advance is plausible, give or take one step of the register. [meter unit]"""  # noqa: D415
        return self.lower - resolution <= advance <= self.upper + resolution


def expected_advance(register: Register, at: int, weight: Weight) -> ExpectedAdvance | None:
    """Give what a register is expected to advance by from its last reading to an instant.

    The rate is that of about a year before the last reading, season taken out. How far an advance may lie from it is
    how far the meter's own advances did, over stretches at least as long as the present one
    (docs/explanation/methods.md#one-reading).

    Args:
        register: Valid readings before the instant, about a year of them.
        at: The instant, after the last reading, microseconds since 1970.
        weight: The meter's weight.

    Returns:
        The range; None where the readings tell no rate.
    """
    window = rate_window(register, "last", weight)
    if window is None:
        return None
    weighed = weight.integral(register.times)
    since_last = weight.integral(np.array([register.times[-1], at], dtype=np.int64))
    likely = window.rate * max(float(since_last[1] - since_last[0]), 0.0)
    reached = np.concatenate([[0.0], np.cumsum(register.advances)])
    elapsed = at - int(register.times[-1])
    ends = np.arange(len(register))
    starts = np.searchsorted(register.times, register.times - elapsed, side="right") - 1
    # Of a meter that is read seldom every gap may be shorter than the present one: then its gaps have to do.
    starts = np.where(starts < 0, ends - 1, starts) if not (starts >= 0).any() else starts
    usable = (starts >= 0) & (starts < ends)
    usual = window.rate * (weighed[ends[usable]] - weighed[starts[usable]])
    moved = (reached[ends] - reached[np.maximum(starts, 0)])[usable]
    ratios = moved[usual > 0] / usual[usual > 0]
    if not len(ratios):
        return ExpectedAdvance(0.0, likely, 2 * likely)
    lowest, highest = np.quantile(ratios, [_OUTSIDE, 1 - _OUTSIDE])
    margin = _MARGIN + _MARGIN_OF_FEW / len(ratios)
    return ExpectedAdvance(
        max(float(lowest) * (1 - margin), 0.0) * likely, likely, float(highest) * (1 + margin) * likely
    )
