"""Formats a finding's figures for its sentence."""

from __future__ import annotations

from datetime import date

import pandas as pd

from workflows_dagster.domain.findings import Finding
from workflows_dagster.wording.words import Words

# Enough digits to compare with a register.
_DIGITS = 6


class Figures:
    """The figures of one finding.

    Args:
        finding: The finding.
        unit: The meter's unit.
        words: The reader's language and the house's zone.
    """

    def __init__(self, finding: Finding, unit: str, words: Words) -> None:
        self.finding, self.unit, self.words = finding, unit, words

    def __contains__(self, name: str) -> bool:
        return name in self.finding.figures

    def value(self, name: str) -> float:
        """Give a figure as a number."""
        return float(self.finding.figures[name])

    def text(self, name: str) -> str:
        """Give a figure as a text; empty if absent."""
        return str(self.finding.figures.get(name, ""))

    def count(self, name: str) -> int:
        """Give a figure as a whole number."""
        return round(self.value(name))

    def number(self, name: str) -> str:
        """Write a figure without its unit."""
        return self.words.format.number(self.value(name), _DIGITS)

    def amount(self, name: str, digits: int = _DIGITS) -> str:
        """Write a figure with its unit."""
        return self.words.format.amount(self.value(name), self.unit, digits)

    def day(self, name: str) -> str:
        """Write a civil day."""
        return self.words.format.day(date.fromisoformat(self.text(name)))

    def hours(self, name: str) -> str:
        """Write a number of hours as a duration."""
        return self.words.format.duration(pd.Timedelta(hours=self.value(name)))

    @property
    def lasted(self) -> str:
        """Write the duration of the finding."""
        return self.words.format.duration(self.finding.end - self.finding.start)
