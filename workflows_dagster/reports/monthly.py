"""The monthly report: built from the store, rendered as HTML or Markdown, written to a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from workflows_dagster.domain import months
from workflows_dagster.evaluation.outdoor_temperature import credit
from workflows_dagster.reports.content import DatedNote, MonthContent, Note
from workflows_dagster.reports.layout import fed_into_grid, layout
from workflows_dagster.reports.lines import name_of
from workflows_dagster.reports.month_days import HouseMonth, read_month
from workflows_dagster.reports.sections import section_of
from workflows_dagster.reports.summary import summary_of
from workflows_dagster.reports.year import YearSoFar, year_so_far
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, MeterBook
from workflows_dagster.stores.ports import ProcessedStore
from workflows_dagster.wording import Words, words_of
from workflows_dagster.wording.report import ReportWords

REPORTS_FOLDER = "reports"
_READABLE_BY_ALL = 0o644


class NoDaysError(ValueError):
    """No meter has a day in the month that is asked for."""


@dataclass(frozen=True)
class Report:
    """One month of the house; equal days give equal bytes.

    Attributes:
        content: The report's content.
        words: The reader's language.
    """

    content: MonthContent
    words: Words

    @property
    def month(self) -> str:
        """The month, `2025-03`."""
        return f"{self.content.month:%Y-%m}"

    @cached_property
    def html(self) -> str:
        """A self-contained page: no scripts, no external files, pictures embedded."""
        from workflows_dagster.reports.html import render_html

        return render_html(self.content, ReportWords(self.words))

    @cached_property
    def markdown(self) -> str:
        """The report as Markdown for the Dagster page."""
        from workflows_dagster.reports.markdown import render_markdown

        return render_markdown(self.content, ReportWords(self.words))


def monthly_report(
    settings: Settings, store: ProcessedStore, month: str, notes: Sequence[Note] = (), words: Words | None = None
) -> Report:
    """Report on one calendar month of the whole house, from the days that the store holds.

    Args:
        settings: The house.
        store: Where the days and the costs are.
        month: `YYYY-MM`. A running month is reported up to now and not compared.
        notes: Remarks for the reader, in the order of the page.
        words: The reader's language; by default the house's.

    Raises:
        NoDaysError: No meter has a day in that month.
        StoreError: The store cannot be read.
        ValueError: `month` is not a month.
    """
    first = parse_month(month)
    house_month = read_month(settings, store, first)
    if not house_month.meters:
        raise NoDaysError(f"{month}: no days are stored of this month")
    spoken = words or words_of(settings.site)
    return Report(_content(settings, store, house_month, notes, ReportWords(spoken)), spoken)


def parse_month(text: str) -> date:
    """Parse a month written as `2025-03` into its first day.

    Raises:
        ValueError: The text is not a month.
    """
    if len(text) != len("2025-03"):
        raise ValueError(f"'{text}' is no month")
    return date.fromisoformat(f"{text}-01")


def write_report(report: Report, folder: Path) -> Path:
    """Write the page as `<month>.html` atomically: readers see the old page or the new one.

    Args:
        report: What to write.
        folder: Target folder; created if it does not exist.

    Returns:
        The file.

    Raises:
        OSError: It cannot be written.
    """
    return write_whole(folder / f"{report.month}.html", report.html)


def write_whole(path: Path, text: str) -> Path:
    """Write a file atomically; create its folder if needed.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(draft).chmod(_READABLE_BY_ALL)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return path


def _content(
    settings: Settings, store: ProcessedStore, house_month: HouseMonth, notes: Sequence[Note], report: ReportWords
) -> MonthContent:
    words, month = report.words, house_month.month

    def year_of(meters: Sequence[Meter]) -> YearSoFar | None:
        return year_so_far(settings, store, meters, month)

    sections = [
        section_of(utility, places, house_month, report, year_of)
        for utility, places in layout(settings.meters, fed_into_grid(settings)).items()
        if any(place.meter.meter_id in house_month.meters for place in places)
    ]
    return MonthContent(
        month=month,
        title=words.format.month(month),
        month_before=words.format.month_name(months.shifted(month, -1)),
        year_before=words.format.month(months.first_needed(month)),
        summary=summary_of(sections, month, report),
        sections=sections,
        notes=[_dated(note, settings.meters, month.year, report) for note in notes],
        method=words.say(
            "Each figure is what the meter counted from the beginning of the month's first day to the end of its last, "
            "so nothing is lost between two months. Where a meter was read less often than about once a day, the "
            "difference between two readings is spread over the days between them as the meter's usual year suggests, "
            "and called estimated."
        ),
        credit=credit(settings),
    )


def _dated(note: Note, meters: MeterBook, year: int, report: ReportWords) -> DatedNote:
    name = name_of(meters[note.meter_id]) if note.meter_id is not None and note.meter_id in meters else note.meter_id
    about = ", ".join(part for part in (name, report.span(note.first, note.last, year)) if part)
    return DatedNote(about, note.sentence)
