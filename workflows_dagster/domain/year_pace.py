"""What a year will have cost at its present pace."""

from __future__ import annotations


def rest_of_year(used: float, share: float, before: float | None, before_rest: float | None) -> float | None:
    """Give what the rest of a year will use, at the pace of its days so far.

    Like last year's rest, more or less by as much as the days so far differ from last year's; where last year is not
    known, by the share of a usual year that the days so far are.

    Args:
        used: Consumption of the days so far. [unit]
        share: Part of a usual year's consumption that falls into these days, 0..1.
        before: Consumption of the same days of the year before, None where it is not known. [unit]
        before_rest: Consumption of the rest of that year, likewise. [unit]

    Returns:
        Consumption, None where nothing tells. [unit]
    """
    if before is not None and before_rest is not None and before > 0:
        return before_rest * used / before
    return used * (1 - share) / share if share > 0 else None
