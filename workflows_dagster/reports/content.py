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
        band: Its 80 % band, if it is estimated and has one. [unit]
    """

    value: float | None
    unit: str
    band: tuple[float, float] | None = None


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
    """One remark for the reader: a finding or an unusual day.

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
        role: Role among the utility's meters: several main meters together, the main meter, one of several, a
            remainder, any other, a device of a master.
        depth: Number of meters above it in the table.
        used: Consumption of the month.
        per_day: Mean of the days with a value.
        month_change: `per_day` relative to the month before, less 1; None where the two do not compare, 0 where their
            bands leave open which of them is more. [1]
        year_change: Likewise for the same month of the year before. [1]
        is_open: Whether each of the two changes lies within the bands.
        year_before: `per_day` of the same month of the year before.
        estimated_share: Part of the consumption that is not measured; None where there is no value. [1]
        cost: What it cost, if that is known.
        remarks: Remarks that qualify the figures.
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
    is_open: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Bar:
    """One month or day of a plot.

    Attributes:
        first: Its first civil day.
        value: Consumption, None where it is not known. [the series' unit]
        estimated_share: Part of it that is not measured. [1]
        label: Figure above the bar, where it is to be read.
        whole: Whether every day of it has a value.
        band: Its 80 % band, if it is estimated and has one. [the series' unit]
    """

    first: date
    value: float | None
    estimated_share: float
    label: str = ""
    whole: bool = True
    band: tuple[float, float] | None = None


@dataclass(frozen=True)
class Series:
    """Bars of one plot.

    Attributes:
        unit: Unit of the bars.
        bars: In order of time, gaps included.
        caption: What they show.
        description: The plot in words, for screen readers.
    """

    unit: str
    bars: Sequence[Bar]
    caption: str
    description: str


@dataclass(frozen=True)
class Curve:
    """Consumption added up since the first of January, and the year before beside it.

    Attributes:
        unit: Unit of both.
        first: First of January.
        this_year: What each day of the year reached, None from the first that is not known. [unit]
        before: The same of the whole year before; None from the start where it is not known. [unit]
        caption: What they show.
        description: The plot in words, for those who do not see it.
    """

    unit: str
    first: date
    this_year: tuple[float | None, ...]
    before: tuple[float | None, ...]
    caption: str
    description: str


@dataclass(frozen=True)
class Section:
    """One utility.

    Attributes:
        utility: Which.
        title: Its heading.
        lines: Rows of its table.
        headline: The row of the whole utility: its main meter, or the sum of several.
        sentence: Comparison of the headline with the year before, and the largest change below it.
        months: The headline in the last thirteen months.
        days: The headline day by day.
        year: The headline's year so far, and where its cost is heading.
        curve: The same as a line, beside last year's.
        fed_in: Whether the headline is energy fed into the grid, because the utility has no other meter.
    """

    utility: Utility
    title: str
    lines: Sequence[Line]
    headline: Line
    sentence: str
    months: Series
    days: Series
    year: str = ""
    curve: Curve | None = None
    fed_in: bool = False


@dataclass(frozen=True)
class DatedNote:
    """A note with its meter and days, as printed.

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
        notes: Remarks for the reader.
        method: How the numbers are computed.
        credit: What the source of outdoor temperatures asks to be shown, if it does.
    """

    month: date
    title: str
    month_before: str
    year_before: str
    summary: str
    sections: Sequence[Section]
    notes: Sequence[DatedNote]
    method: str
    credit: str | None = None
