"""Figures, months and changes in plain English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from workflows_dagster.reports.content import Amount, Money

NARROW = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# Below, two months are called alike.
ALIKE = 0.03
# From here on, a change is said as a multiple.
_TIMES = 2.0
# From here on, the figures themselves say more than any multiple.
FAR_MORE = 9.0
# Below this share of a unit's hundredth nothing is left to print.
_SMALLEST = 0.005
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def month_name(month: date) -> str:
    """Write a month: `March 2025`."""
    return f"{MONTHS[month.month - 1]} {month.year}"


def day_name(day: date) -> str:
    """Write a day without its year: `3 March`."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def span(first: date | None, last: date | None, year: int) -> str:
    """Write from when to when: `3 March`, `3–9 March`, `28 December 2024 – 3 January`.

    Args:
        first: First day; without it nothing is written.
        last: Last day, if it is another.
        year: The year that goes without saying.
    """
    if first is None:
        return ""
    if last is None or last == first:
        return _day_of(first, year)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}{DASH}{_day_of(last, year)}"
    return f"{_day_of(first, year)} {DASH} {_day_of(last, year)}"


def _day_of(day: date, year: int) -> str:
    return day_name(day) if day.year == year else f"{day_name(day)} {day.year}"


def number(value: float | None) -> str:
    """Write a figure with about three digits; one that is not known is a dash."""
    if value is None:
        return DASH
    size = abs(value)
    if size == 0.0:
        return "0"
    if size < _SMALLEST:
        return "<0.01" if value > 0 else f">{MINUS}0.01"
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def amount(quantity: Amount) -> str:
    """Write a figure with its unit, which stays on its line."""
    return DASH if quantity.value is None else f"{number(quantity.value)}{NARROW}{quantity.unit}"


def money(cost: Money | None) -> str:
    """Write a cost to the cent."""
    if cost is None:
        return DASH
    figure = f"{abs(cost.value):,.2f}"
    sign = MINUS if cost.value < 0 and float(figure.replace(",", "")) else ""
    symbol = _SIGNS.get(cost.currency)
    return f"{sign}{symbol}{figure}" if symbol else f"{sign}{figure}{NARROW}{cost.currency}"


def percent(share: float) -> str:
    """Write a share as a percentage; what is neither nothing nor all is never rounded to it."""
    whole = round(share * 100)
    if whole == 0 and share > 0:
        return f"under 1{NARROW}%"
    if whole == 100 and share < 1:
        return f"99{NARROW}%"
    return f"{whole}{NARROW}%"


def change(ratio: float | None) -> str:
    """Write a change for a table: `+8 %`, `−12 %`, `×3.4`."""
    if ratio is None:
        return DASH
    if ratio > _TIMES:
        return f"×{ratio + 1:.1f}" if ratio < FAR_MORE else "far more"
    whole = round(ratio * 100)
    if whole == 0:
        return f"±0{NARROW}%"
    return f"{'+' if whole > 0 else MINUS}{abs(whole)}{NARROW}%"


def more_or_less(ratio: float) -> str:
    """Say a change in a sentence: `8 % more`, `about as much`, `3.4 times as much`."""
    if abs(ratio) < ALIKE:
        return "about as much"
    if ratio > _TIMES:
        return f"{ratio + 1:.1f} times as much" if ratio < FAR_MORE else "far more"
    return f"{abs(round(ratio * 100))}{NARROW}% {'more' if ratio > 0 else 'less'}"


def known_by(share: float | None) -> str:
    """Say how a month is known: `all measured`, `38 % estimated`, `all estimated`."""
    if share is None:
        return DASH
    if share == 0.0:
        return "all measured"
    return "all estimated" if share >= 1.0 else f"{percent(share)} estimated"


def count(items: int) -> str:
    """Write a small count in letters."""
    return _COUNTS[items] if items < len(_COUNTS) else str(items)


def listed(items: Sequence[str]) -> str:
    """Join words as a sentence does: `gas, water and heat`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def capitalised(sentence: str) -> str:
    """Begin with a capital letter, and leave the rest as it is."""
    return sentence[:1].upper() + sentence[1:]
