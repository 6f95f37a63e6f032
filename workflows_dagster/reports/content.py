"""The content of a monthly report, independent of its form: amounts, changes, sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from workflows_dagster.settings.utilities import Utility

Role = Literal["total", "main", "side", "rest", "part", "device"]


@dataclass(frozen=True)
class Amount:
    """A quantity as the page shows it.

    Attributes:
        value: The figure, None where it is not known. [unit]
        unit: Its unit.
    """

    value: float | None
    unit: str


@dataclass(frozen=True)
class Money:
    """A cost; what is earned is negative.

    Attributes:
        value: The figure. [currency]
        currency: Code such as `EUR`.
    """

    value: float
    currency: str


@dataclass(frozen=True)
class Note:
    """One thing that the reader should know.

    Attributes:
        sentence: The fact, for a house owner.
        meter_id: The meter that it is about, if it is about one.
        first: First civil day that it is about, if there is one.
        last: Last civil day, if it is another.
    """

    sentence: str
    meter_id: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Line:
    """One meter's month, a row of the table.

    Attributes:
        name: The meter in the owner's words.
        meter_id: Its id; None for several meters together.
        role: What it is among the utility's meters: several main meters together, the main meter, one of several, what
            is left of a meter, any other, a device behind a master.
        depth: How many meters stand above it.
        used: Consumption of the month.
        per_day: Mean of the days with a value.
        month_change: `per_day` relative to the month before, less 1; None where the two do not compare. [1]
        year_change: Likewise for the same month of the year before. [1]
        year_before: `per_day` of the same month of the year before.
        estimated_share: Part of the consumption that is not measured; None where there is no value. [1]
        cost: What it cost, if that is known.
        remarks: What the figures need said with them.
        small_print: The meter's id and the device that counts for it.
    """

    name: str
    meter_id: str | None
    role: Role
    depth: int
    used: Amount
    per_day: Amount
    month_change: float | None
    year_change: float | None
    year_before: Amount
    estimated_share: float | None
    cost: Money | None = None
    remarks: tuple[str, ...] = ()
    small_print: str = ""


@dataclass(frozen=True)
class Bar:
    """One month or day of a plot.

    Attributes:
        first: Its first civil day.
        value: Consumption, None where it is not known. [the series' unit]
        estimated_share: Part of it that is not measured. [1]
        label: Figure above the bar, where it is to be read.
        whole: Whether every day of it has a value.
    """

    first: date
    value: float | None
    estimated_share: float
    label: str = ""
    whole: bool = True


@dataclass(frozen=True)
class Series:
    """Bars of one plot.

    Attributes:
        unit: Unit of the bars.
        bars: In order of time, gaps included.
        caption: What they show.
        description: The plot in words, for those who do not see it.
    """

    unit: str
    bars: Sequence[Bar]
    caption: str
    description: str


@dataclass(frozen=True)
class Section:
    """One utility.

    Attributes:
        utility: Which.
        title: Its name for people.
        lines: Rows of its table.
        headline: The row that stands for the utility: its main meter, or its main meters together.
        sentence: What the headline says against the year before, and what changed most below it.
        months: The headline in the last thirteen months.
        days: The headline day by day.
        fed_in: Whether the headline is what went into the grid, because nothing else is there.
    """

    utility: Utility
    title: str
    lines: Sequence[Line]
    headline: Line
    sentence: str
    months: Series
    days: Series
    fed_in: bool = False


@dataclass(frozen=True)
class DatedNote:
    """A note as it is printed.

    Attributes:
        about: Meter and days, or nothing.
        sentence: The fact.
    """

    about: str
    sentence: str


@dataclass(frozen=True)
class MonthContent:
    """The whole report.

    Attributes:
        month: First civil day of the month.
        title: The month.
        month_before: Heading of the comparison with the month before.
        year_before: Heading of the comparison with the year before.
        summary: A short paragraph.
        sections: The utilities that have days in the month.
        notes: What the reader should know.
        method: How the numbers are made.
    """

    month: date
    title: str
    month_before: str
    year_before: str
    summary: str
    sections: Sequence[Section]
    notes: Sequence[DatedNote]
    method: str
