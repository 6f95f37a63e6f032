"""Headings and labels of the page."""

from __future__ import annotations

from dataclasses import dataclass

from workflows_dagster.reports.content import MonthContent
from workflows_dagster.wording import Words


@dataclass(frozen=True)
class Labels:
    """Headings and labels, in the reader's language.

    Attributes:
        page: Title of the page.
        house_in: Line above the month.
        notes: Heading of the notes.
        meter, used, per_day, month_change, year_change, known_by, cost: Columns of a table.
        month_change_short, year_change_short, known_by_short: The same on a narrow screen.
        estimated, band, some_days: Key of the plots.
        no_difference: What `≈` is.
        bold: What bold changes are.
    """

    page: str
    house_in: str
    notes: str
    meter: str
    used: str
    per_day: str
    month_change: str
    month_change_short: str
    year_change: str
    year_change_short: str
    known_by: str
    known_by_short: str
    cost: str
    estimated: str
    band: str
    no_difference: str
    some_days: str
    bold: str


def labels_of(content: MonthContent, words: Words) -> Labels:
    """Give the labels of a report."""
    say = words.say
    return Labels(
        page=say("The house in {month}", month=content.title),
        house_in=say("The house in"),
        notes=say("What you should know"),
        meter=say("Meter"),
        used=say("Used"),
        per_day=say("A day"),
        month_change=say("A day against {month}", month=content.month_before),
        month_change_short=say("vs {month}", month=content.month_before),
        year_change=say("A day against {month}", month=content.year_before),
        year_change_short=say("vs {month}", month=content.year_before),
        known_by=say("How it is known"),
        known_by_short=say("Known how"),
        cost=say("Cost"),
        estimated=say("estimated"),
        band=say("within this, four times in five"),
        no_difference=say("no difference that the readings could show"),
        some_days=say("some days only"),
        bold=say("bold: a quarter more or less, or further off, and mostly measured"),
    )
