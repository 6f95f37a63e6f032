"""Forecasts a year's consumption at its present pace."""

from __future__ import annotations


def rest_of_year(used: float, share: float, before: float | None, before_rest: float | None) -> float | None:
    """Forecast the consumption of the rest of a year at the pace of its days so far.

    The forecast is last year's rest times the ratio of the days so far to last year's same days. If last year is
    unknown, it follows from the days' share of a usual year.

    Args:
        used: Consumption of the days so far. [unit]
        share: These days' part of a usual year's consumption, 0..1.
        before: Consumption of the same days of the year before, None where it is not known. [unit]
        before_rest: Consumption of the rest of that year, likewise. [unit]

    Returns:
        Consumption, None if unknown. [unit]
    """
    if before is not None and before_rest is not None and before > 0:
        return before_rest * used / before
    return used * (1 - share) / share if share > 0 else None
