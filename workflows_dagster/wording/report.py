"""Writes the figures, changes and names of the monthly report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from workflows_dagster.settings.utilities import Utility
from workflows_dagster.wording.formatter import DASH, decimals_of
from workflows_dagster.wording.words import Words, marked

NARROW = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
ALMOST = "\N{ALMOST EQUAL TO}"
# From this ratio on, only the figures are written, no multiple.
FAR_MORE = 9.0
# Below this ratio, two months count as alike.
_ALIKE = 0.03
# From this ratio on, a change is written as a multiple.
_TIMES = 2.0
# Smaller figures would be printed as 0.00.
_SMALLEST = 0.005

Comparison = Literal["alone", "of the day", "of the month"]
_Verdict = Literal["alike", "times", "far", "more", "less"]

_COMPARISONS: Mapping[Comparison, Mapping[_Verdict, str]] = {
    "alone": {
        "alike": marked("about as much"),
        "times": marked("{times} times as much"),
        "far": marked("far more"),
        "more": marked("{percent} more"),
        "less": marked("{percent} less"),
    },
    "of the day": {
        "alike": marked("about as much a day as in {month}"),
        "times": marked("{times} times as much a day as in {month}"),
        "far": marked("far more a day than in {month}"),
        "more": marked("{percent} more a day than in {month}"),
        "less": marked("{percent} less a day than in {month}"),
    },
    "of the month": {
        "alike": marked("About as much as in {month}: {now} against {before} a day."),
        "times": marked("{times} times as much as in {month}: {now} against {before} a day."),
        "far": marked("Far more than in {month}: {now} against {before} a day."),
        "more": marked("{percent} more than in {month}: {now} against {before} a day."),
        "less": marked("{percent} less than in {month}: {now} against {before} a day."),
    },
}
_TITLES: Mapping[Utility, str] = {
    "electricity": marked("Electricity"),
    "gas": marked("Gas"),
    "water": marked("Water"),
    "heat": marked("Heat"),
    "solar": marked("Solar"),
}
_NAMES: Mapping[Utility, str] = {
    "electricity": marked("electricity"),
    "gas": marked("gas"),
    "water": marked("water"),
    "heat": marked("heat"),
    "solar": marked("solar power"),
}
_BOTH: Mapping[Utility, str] = {
    "electricity": marked("Both electricity meters together"),
    "gas": marked("Both gas meters together"),
    "water": marked("Both water meters together"),
    "heat": marked("Both heat meters together"),
    "solar": marked("Both solar meters together"),
}
_ALL: Mapping[Utility, str] = {
    "electricity": marked("All {number} electricity meters together"),
    "gas": marked("All {number} gas meters together"),
    "water": marked("All {number} water meters together"),
    "heat": marked("All {number} heat meters together"),
    "solar": marked("All {number} solar meters together"),
}
_ONE_OF: Mapping[Utility, str] = {
    "electricity": marked("One of {number} electricity meters, without {names}"),
    "gas": marked("One of {number} gas meters, without {names}"),
    "water": marked("One of {number} water meters, without {names}"),
    "heat": marked("One of {number} heat meters, without {names}"),
    "solar": marked("One of {number} solar meters, without {names}"),
}
_SOME_OF: Mapping[Utility, str] = {
    "electricity": marked("{counted} of {number} electricity meters together, without {names}"),
    "gas": marked("{counted} of {number} gas meters together, without {names}"),
    "water": marked("{counted} of {number} water meters together, without {names}"),
    "heat": marked("{counted} of {number} heat meters together, without {names}"),
    "solar": marked("{counted} of {number} solar meters together, without {names}"),
}
_COUNTS = (
    "",
    "",
    marked("two"),
    marked("three"),
    marked("four"),
    marked("five"),
    marked("six"),
    marked("seven"),
    marked("eight"),
    marked("nine"),
    marked("ten"),
    marked("eleven"),
    marked("twelve"),
)


class ReportWords:
    """Writes the figures, changes and names of a report.

    Args:
        words: The reader's language.

    Attributes:
        words: The same.
    """

    def __init__(self, words: Words) -> None:
        self.words = words

    def number(self, value: float | None, band: tuple[float, float] | None = None) -> str:
        """Write a figure with about three digits, none that its band does not cover; an unknown one is a dash."""
        if value is None:
            return DASH
        covered = decimals_of(band[1] - band[0]) if band is not None and band[1] > band[0] else None
        if covered is not None:
            value = round(value, covered)
        size = abs(value)
        if size == 0.0:
            return "0"
        if size < _SMALLEST:
            smallest = self.words.format.fixed(0.01, 2)
            return f"<{smallest}" if value > 0 else f">{MINUS}{smallest}"
        decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
        if covered is not None:
            decimals = max(min(decimals, covered), 0)
        return self.words.format.fixed(value, decimals).replace("-", MINUS)

    def amount(self, value: float | None, unit: str, band: tuple[float, float] | None = None) -> str:
        """Write a figure with its unit, without a line break between, and its band: `103 m³ (97–110)`."""
        if value is None:
            return DASH
        figure = f"{self.number(value, band)}{NARROW}{unit}"
        return figure if band is None else f"{figure} ({self.band(band)})"

    def figure(self, value: float | None, band: tuple[float, float] | None) -> str:
        """Write a figure and its band without a unit: `103 (97–110)`."""
        return self.number(value) if band is None else f"{self.number(value, band)} ({self.band(band)})"

    def band(self, band: tuple[float, float]) -> str:
        """Write a band: `97–110`."""
        return self.words.format.band(*band).replace("-", MINUS)

    def money(self, value: float | None, currency: str) -> str:
        """Write a cost to the cent; what is earned is negative."""
        # Rounded first, so that zero is never negative.
        cents = None if value is None else round(value, 2) + 0.0
        return self.words.format.money(cents, currency).replace("-", MINUS).replace("\N{NO-BREAK SPACE}", NARROW)

    def percent(self, share: float) -> str:
        """Write a share as a percentage; only exact 0 and 1 are written as 0 % and 100 %."""
        whole = round(share * 100)
        if whole == 0 and share > 0:
            return self.words.say("under {percent}", percent=f"1{NARROW}%")
        if whole == 100 and share < 1:
            return f"99{NARROW}%"
        return f"{whole}{NARROW}%"

    def change(self, ratio: float | None, is_open: bool = False) -> str:
        """Write a change for a table: `+8 %`, `−12 %`, `×3.4`; `≈` where the bands leave open which is more."""
        if ratio is None:
            return DASH
        if is_open:
            return ALMOST
        if ratio > _TIMES:
            return f"×{self.words.format.fixed(ratio + 1, 1)}" if ratio < FAR_MORE else self.words.say("far more")
        whole = round(ratio * 100)
        if whole == 0:
            return f"±0{NARROW}%"
        return f"{'+' if whole > 0 else MINUS}{abs(whole)}{NARROW}%"

    def comparison(self, ratio: float, form: Comparison = "alone", **figures: str) -> str:
        """Write a change in words: `8 % more`, `about as much a day as in March 2025`.

        Args:
            ratio: The change relative to before, less 1. [1]
            form: Form of the sentence.
            figures: Values of the form: `month`, and the amounts `now` and `before`.
        """
        verdict: _Verdict = "more" if ratio > 0 else "less"
        if abs(ratio) < _ALIKE:
            verdict = "alike"
        elif ratio > _TIMES:
            verdict = "times" if ratio < FAR_MORE else "far"
        times, percent = self.words.format.fixed(ratio + 1, 1), f"{abs(round(ratio * 100))}{NARROW}%"
        return self.words.say(_COMPARISONS[form][verdict], times=times, percent=percent, **figures)

    def no_difference(self, month: str | None = None) -> str:
        """Say that two months' bands leave open which of them is more.

        Args:
            month: The month compared with, where it is to be named.
        """
        if month is None:
            return self.words.say("no difference that the readings could show")
        return self.words.say("no difference a day from {month} that the readings could show", month=month)

    def known_by(self, share: float | None, known_to: float | None = None, unit: str = "") -> str:
        """Write how a month is known: `all measured`, `38 % estimated`, `all estimated`, `known to ± 2 m³`.

        Args:
            share: Its estimated share. [1]
            known_to: The amount on either side, if the readings leave little open. [unit]
            unit: Its unit.
        """
        if share is None:
            return DASH
        if share == 0.0:
            return self.words.say("all measured")
        if known_to is not None:
            # With the digits of its band.
            amount = f"{self.number(known_to, (-known_to, known_to))}{NARROW}{unit}"
            return self.words.say("known to ± {amount}", amount=amount)
        if share >= 1.0:
            return self.words.say("all estimated")
        return self.words.say("{percent} estimated", percent=self.percent(share))

    def title(self, utility: Utility) -> str:
        """Name a utility in a heading."""
        return self.words.say(_TITLES[utility])

    def name(self, utility: Utility) -> str:
        """Name a utility within a sentence."""
        return self.words.say(_NAMES[utility])

    def names(self, utilities: Sequence[Utility]) -> str:
        """Name several utilities within a sentence."""
        return self.words.format.listed([self.name(utility) for utility in utilities])

    def sum_of_meters(self, utility: Utility, meters: int, without: Sequence[str]) -> str:
        """Name the sum of a utility's main meters.

        Args:
            utility: Which.
            meters: Number of the meters.
            without: Names of the meters left out.
        """
        number, counted = self._count(meters), meters - len(without)
        if not without:
            return self.words.say((_BOTH if meters == 2 else _ALL)[utility], number=number)
        names = self.words.format.listed(without)
        if counted == 1:
            return self.words.say(_ONE_OF[utility], number=number, names=names)
        return self.words.say(_SOME_OF[utility], number=number, names=names, counted=capitalised(self._count(counted)))

    def span(self, first: date | None, last: date | None, year: int) -> str:
        """Write a span of days: `3 March`, `3–9 March`, `28 December 2024 – 3 January`.

        Args:
            first: First day; None gives an empty text.
            last: Last day, or None.
            year: The year that is not written.
        """
        if first is None:
            return ""
        if last is None or last == first:
            return self._day_of(first, year)
        if (first.year, first.month) == (last.year, last.month):
            return self.words.say("{day}–{last}", day=first.day, last=self._day_of(last, year))
        return f"{self._day_of(first, year)} {DASH} {self._day_of(last, year)}"

    def _day_of(self, day: date, year: int) -> str:
        return self.words.format.day_of_year(day) if day.year == year else self.words.format.long_day(day)

    def _count(self, items: int) -> str:
        return self.words.say(_COUNTS[items]) if 2 <= items < len(_COUNTS) else self.words.format.count(items)


def capitalised(sentence: str) -> str:
    """Capitalise the first letter only."""
    return sentence[:1].upper() + sentence[1:]
