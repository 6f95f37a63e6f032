"""Figures as a person reads them."""

from __future__ import annotations

import math


def number(value: float | None, *, short: bool = False) -> str:
    """Write a figure: the smaller, the more decimals.

    Args:
        value: The figure; None and NaN are a dash.
        short: At most three digits after the first, for wide tables.
    """
    if value is None or math.isnan(value):
        return "–"
    if short:
        decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        return f"{value:.{decimals}f}"
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"
