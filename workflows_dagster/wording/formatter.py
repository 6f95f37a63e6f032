"""Formats numbers, amounts, dates, durations and money in one language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from babel.dates import format_date
from babel.numbers import format_currency, get_currency_symbol, get_decimal_symbol, get_group_symbol

from workflows_dagster.settings.language import Language
from workflows_dagster.wording.catalogue import catalogue

UTC = ZoneInfo("UTC")
# Shown for unknown figures.
DASH = "\N{EN DASH}"
_HOUR_LIMIT = pd.Timedelta(days=2)
_DAY = {"de": "dd.MM.y", "en": "y-MM-dd"}
_GERMAN_CLOCKS = {"CET": "MEZ", "CEST": "MESZ"}
_LONG_DAY = {"de": "d. MMMM y", "en": "d MMMM y"}
_DAY_OF_YEAR = {"de": "d. MMMM", "en": "d MMMM"}


class Formatter:
    """Formats for one language.

    Args:
        language: The reader's language.
        zone: The zone in which instants are written.
    """

    def __init__(self, language: Language = "en", zone: ZoneInfo = UTC) -> None:
        self._language: Language = language
        self._zone = zone
        self._catalogue = catalogue(language)

    def number(self, value: float | None, digits: int = 4) -> str:
        """Write a number without exponent: `0.25`, `8,510`, `46.226,4`.

        Args:
            value: The number; None and NaN are a dash.
            digits: Significant digits; trailing zeros are dropped.
        """
        if value is None or math.isnan(value):
            return DASH
        return self._marked(_positional(value, digits), grouped=True)

    def plain_number(self, value: float | None, digits: int = 9) -> str:
        """Write a number for calculation: without thousands separators.

        Args:
            value: The number; None and NaN are a dash.
            digits: Significant digits; trailing zeros are dropped.
        """
        if value is None or math.isnan(value):
            return DASH
        return self._marked(_positional(value, digits), grouped=False)

    def fixed(self, value: float | None, decimals: int) -> str:
        """Write a number with a fixed number of decimals; None and NaN are a dash."""
        if value is None or math.isnan(value):
            return DASH
        return self._marked(_fixed(value, decimals), grouped=True)

    @property
    def decimal_mark(self) -> str:
        """The decimal mark: `.`, `,`."""
        return str(get_decimal_symbol(self._language))

    def rounded(self, value: float | None) -> str:
        """Write a number for a table: the smaller, the more decimals; None and NaN are a dash."""
        return self.fixed(value, 3 if value is None or abs(value) < 100 else 1)

    def band(self, lower: float, upper: float) -> str:
        """Write a band with the digits that its width covers, `97–110`; rounded outwards."""
        decimals = decimals_of(upper - lower)
        scale = 10.0**decimals
        below, above = math.floor(lower * scale) / scale, math.ceil(upper * scale) / scale
        return f"{self.fixed(below, max(decimals, 0))}–{self.fixed(above, max(decimals, 0))}"

    def short(self, value: float | None) -> str:
        """Write a number with at most four digits for wide tables, without thousands separators."""
        if value is None or math.isnan(value):
            return DASH
        decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        return self._marked(_fixed(value, decimals), grouped=False)

    def count(self, number: int) -> str:
        """Write a count."""
        return self._marked(str(number), grouped=True)

    def amount(self, value: float | None, unit: str, digits: int = 4) -> str:
        """Write an amount with its unit: `0.25 m³`, `8,510 kWh`.

        Args:
            value: The amount; None and NaN are a dash. [unit]
            unit: Its unit.
            digits: Significant digits; trailing zeros are dropped.
        """
        return f"{self.number(value, digits)} {unit}"

    def money(self, value: float | None, currency: str) -> str:
        """Write an amount of money to the cent: `€1,234.50`, `1.234,50 €`; None and NaN are a dash."""
        if value is None or math.isnan(value):
            return DASH
        if get_currency_symbol(currency, locale=self._language) == currency:
            return f"{self.fixed(value, 2)}\N{NO-BREAK SPACE}{currency}"
        return str(format_currency(value, currency, locale=self._language))

    def percent(self, share: float | None) -> str:
        """Write a share in per cent; only exact 0 and 1 are written as 0 % and 100 %."""
        if share is None or math.isnan(share):
            return DASH
        near = 0 < share < 0.01 or 0.99 < share < 1
        return f"{self.fixed(100 * share, 2 if near else 0)} %"

    def day(self, day: date) -> str:
        """Write a civil day: `2026-11-26`, `26.11.2026`."""
        return str(format_date(day, _DAY[self._language], locale=self._language))

    def long_day(self, day: date) -> str:
        """Write a civil day with the name of its month: `26 November 2026`, `26. November 2026`."""
        return str(format_date(day, _LONG_DAY[self._language], locale=self._language))

    def day_of_year(self, day: date) -> str:
        """Write a civil day without its year: `26 November`, `26. November`."""
        return str(format_date(day, _DAY_OF_YEAR[self._language], locale=self._language))

    def day_range(self, first: date, last: date) -> str:
        """Write one day, or the first and the last of several: `2026-11-26 to 2026-11-28`."""
        if first == last:
            return self.day(first)
        return self._catalogue.gettext("{first} to {last}").format(first=self.day(first), last=self.day(last))

    def days_between(self, start: pd.Timestamp, end: pd.Timestamp) -> str:
        """Write the civil days from one instant to another."""
        return self.day_range(self.day_at(start), self.day_at(end))

    def day_at(self, instant: pd.Timestamp) -> date:
        """Give the civil day of an instant in the reader's zone."""
        return instant.tz_convert(self._zone).date()

    def month(self, month: date) -> str:
        """Write a month: `November 2026`."""
        return str(format_date(month, "MMMM y", locale=self._language))

    def month_name(self, month: date) -> str:
        """Write a month without its year: `November`."""
        return str(format_date(month, "LLLL", locale=self._language))

    def short_month(self, month: date) -> str:
        """Write a month in three letters: `Nov`."""
        return str(format_date(month, "LLL", locale=self._language))

    def weekday(self, day: date) -> str:
        """Write a weekday: `Thursday`, `Donnerstag`."""
        return str(format_date(day, "EEEE", locale=self._language))

    def minute(self, instant: pd.Timestamp) -> str:
        """Write an instant to the minute in the reader's zone: `2026-11-26 08:03`, `26.11.2026 08:03`."""
        local = instant.tz_convert(self._zone)
        return f"{self.day(local.date())} {local:%H:%M}"

    def moment(self, instant: pd.Timestamp) -> str:
        """Write an instant in full in the reader's zone, with the zone's abbreviation."""
        local = instant.tz_convert(self._zone)
        point = "," if self._language == "de" else "."
        fraction = f"{point}{local.microsecond:06d}".rstrip("0") if local.microsecond else ""
        return f"{self.day(local.date())} {local:%H:%M:%S}{fraction} {self._clock(local)}"

    def _clock(self, local: pd.Timestamp) -> str:
        name = f"{local:%Z}"
        return _GERMAN_CLOCKS.get(name, name) if self._language == "de" else name

    def duration(self, length: timedelta, *, dative: bool = False) -> str:
        """Write a rounded duration: minutes below an hour, hours up to two days, else days.

        Args:
            length: The duration.
            dative: Whether it follows a German preposition with the dative: `in 3 Tagen`.
        """
        plural = self._catalogue.ngettext
        # A stored finding may have a start a microsecond late.
        length = pd.Timedelta(length).round("s")
        if length < pd.Timedelta(hours=1):
            number = max(round(length / pd.Timedelta(minutes=1)), 1)
            text = plural("{number} minute", "{number} minutes", number)
        elif length < _HOUR_LIMIT:
            number = round(length / pd.Timedelta(hours=1))
            text = plural("{number} hour", "{number} hours", number)
        else:
            number = round(length / pd.Timedelta(days=1))
            text = plural("{number} day", "{number} days", number)
            if dative:
                text = self._catalogue.npgettext("dative", "{number} day", "{number} days", number)
        return text.format(number=self.count(number))

    def exact_duration(self, days: float) -> str:
        """Write a duration for calculation: hours up to two days, else days.

        Args:
            days: The length in days of 24 hours. [d]
        """
        number = round(days * 24, 4) if days < _HOUR_LIMIT / pd.Timedelta(days=1) else round(days, 4)
        shown, plural = self.plain_number(number), 1 if number == 1 else 2
        if days < _HOUR_LIMIT / pd.Timedelta(days=1):
            text = self._catalogue.ngettext("{number} hour", "{number} hours", plural)
        else:
            text = self._catalogue.ngettext("{number} day", "{number} days", plural)
        return text.format(number=shown)

    def listed(self, items: Sequence[str]) -> str:
        """Join words: `gas, water and heat`."""
        if len(items) < 2:
            return "".join(items)
        return self._catalogue.gettext("{first} and {last}").format(first=", ".join(items[:-1]), last=items[-1])

    def _marked(self, text: str, *, grouped: bool) -> str:
        """Replace the marks of Python's number format by those of the language."""
        thousands, point = _marks(self._language)
        whole, _, decimals = text.lstrip("-").partition(".")
        if grouped:
            whole = f"{int(whole):,}".replace(",", thousands)
        sign = "-" if text.startswith("-") else ""
        return f"{sign}{whole}{point}{decimals}" if decimals else f"{sign}{whole}"


@cache
def _marks(language: Language) -> tuple[str, str]:
    """Give the thousands separator and the decimal mark."""
    return str(get_group_symbol(language)), str(get_decimal_symbol(language))


def _positional(value: float, digits: int) -> str:
    """Write a number with significant digits, without exponent and trailing zeros."""
    return np.format_float_positional(float(f"{value:.{digits}g}") + 0.0, trim="-")


def _fixed(value: float, decimals: int) -> str:
    """Write a number with a fixed number of decimals, never as negative zero."""
    return f"{float(f'{value:.{decimals}f}') + 0.0:.{decimals}f}"


def decimals_of(width: float) -> int:
    """Give the decimals of two digits of a band's width: the others say nothing; below 0 for tens and hundreds."""
    return 1 - math.floor(math.log10(width)) if width > 0 else 4
