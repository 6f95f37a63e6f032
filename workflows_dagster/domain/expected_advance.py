"""Predicts a register's advance until an instant, from its advances over equally long stretches before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# One stretch in ten may lie outside the usual range, half of them on either side.
_OUTSIDE = 0.05
# An advance this far outside the usual range is still plausible; farther if there are few stretches.
_MARGIN, _MARGIN_OF_FEW = 0.1, 0.5


@dataclass(frozen=True)
class ExpectedAdvance:
    """The expected advance of a register from its last reading to an instant.

    Attributes:
        lower: Lowest plausible advance. [meter unit]
        likely: At the meter's usual rate, in its season. [meter unit]
        upper: Highest plausible advance. [meter unit]
    """

    lower: float
    likely: float
    upper: float

    def holds(self, advance: float, resolution: float) -> bool:
        """Tell whether an advance is plausible, within one step of the register. [meter unit]"""  # noqa: D415
        return self.lower - resolution <= advance <= self.upper + resolution


def expected_advance(register: Register, at: int, weight: Weight) -> ExpectedAdvance | None:
    """Give a register's expected advance from its last reading to an instant.

    The rate is the deseasonalised one of about a year before the last reading. The plausible range follows from the
    meter's own advances over stretches at least as long as the present one (docs/explanation/methods.md#one-reading).

    Args:
        register: Valid readings before the instant, about a year of them.
        at: The instant, after the last reading, microseconds since 1970.
        weight: The meter's weight.

    Returns:
        The range; None if the readings give no rate.
    """
    window = rate_window(register, "last", weight)
    if window is None:
        return None
    weighed = weight.beyond.integral(register.times)
    since_last = weight.beyond.integral(np.array([register.times[-1], at], dtype=np.int64))
    likely = window.rate * max(float(since_last[1] - since_last[0]), 0.0)
    reached = np.concatenate([[0.0], np.cumsum(register.advances)])
    elapsed = at - int(register.times[-1])
    ends = np.arange(len(register))
    starts = np.searchsorted(register.times, register.times - elapsed, side="right") - 1
    # For a rarely read meter every gap may be shorter than the present one; then its gaps are used.
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
