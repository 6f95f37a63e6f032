"""How an explanation writes figures and instants, so that a person can go on calculating with them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

# Enough to give a day back to a millionth, and no more than a pocket calculator takes.
_DIGITS = 9
_READING_DIGITS = 12
_HOUR_LIMIT_DAYS = 2.0


def figure(value: float | None) -> str:
    """Write a figure that is calculated with: nine significant digits, never as a power of ten."""
    return _positional(value, _DIGITS)


def register(value: float | None) -> str:
    """Write what a register shows: as many digits as it has, up to twelve."""
    return _positional(value, _READING_DIGITS)


def _positional(value: float | None, digits: int) -> str:
    if value is None or math.isnan(value):
        return "–"
    rounded = float(f"{value:.{digits}g}")
    return np.format_float_positional(rounded if rounded else 0.0, trim="-")


def amount_of(value: float | None, unit: str) -> str:
    """Write a register or amount with its unit."""
    return f"{register(value)} {unit}"


def rounded(value: float | None, unit: str) -> str:
    """Write a figure to be read, not calculated with: the smaller, the more decimals."""
    if value is None or math.isnan(value):
        return "no value"
    if value == 0:
        return f"0 {unit}"
    decimals = 1 if abs(value) >= 100 else 3 if abs(value) >= 0.1 else 5
    return f"{value:.{decimals}f} {unit}"


def percent(share: float | None) -> str:
    """Write a share as per cent; what is neither none nor all never looks like it."""
    if share is None or math.isnan(share):
        return "–"
    if 0 < share < 0.01 or 0.99 < share < 1:
        return f"{100 * share:.2f} %"
    return f"{100 * share:.0f} %"


def length(in_days: float) -> str:
    """Write a length of time: hours up to two days, else days."""
    if in_days < _HOUR_LIMIT_DAYS:
        return _plural(figure(round(in_days * 24, 4)), "hour")
    return _plural(figure(round(in_days, 4)), "day")


def count_of(number: int, noun: str) -> str:
    """Write a number of things."""
    return _plural(str(number), noun)


def _plural(number: str, noun: str) -> str:
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def moment(at: pd.Timestamp) -> str:
    """Write an instant in the house's time, with what its clock is called on that day."""
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction} {at:%Z}"
