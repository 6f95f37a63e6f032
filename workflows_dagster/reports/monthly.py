"""The monthly report: made from the store, shown as HTML or Markdown, kept as a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from workflows_dagster.reports.composing import compose
from workflows_dagster.reports.content import MonthContent, Note
from workflows_dagster.reports.gathering import gather
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import ProcessedStore

REPORTS_FOLDER = "reports"
_READABLE_BY_ALL = 0o644


class NoDaysError(ValueError):
    """No meter has a day in the month that is asked for."""


@dataclass(frozen=True)
class Report:
    """One month of the house, equal bytes for equal days.

    Attributes:
        content: What it says.
    """

    content: MonthContent

    @property
    def month(self) -> str:
        """The month, `2025-03`."""
        return f"{self.content.month:%Y-%m}"

    @cached_property
    def html(self) -> str:
        """A page that opens by itself: no script, nothing to fetch, the pictures inside."""
        from workflows_dagster.reports.html import render_html

        return render_html(self.content)

    @cached_property
    def markdown(self) -> str:
        """The same as tables and pictures for the Dagster page."""
        from workflows_dagster.reports.markdown import render_markdown

        return render_markdown(self.content)


def monthly_report(settings: Settings, store: ProcessedStore, month: str, notes: Sequence[Note] = ()) -> Report:
    """Report on one calendar month of the whole house, from the days that the store holds.

    Args:
        settings: The house.
        store: Where the days and the costs are.
        month: `YYYY-MM`. A month that still runs is told as far as it goes, and not compared.
        notes: What the reader should know, in the order of the page.

    Raises:
        NoDaysError: No meter has a day in that month.
        StoreError: The store cannot be read.
        ValueError: `month` is not a month.
    """
    first = parse_month(month)
    gathered = gather(settings, store, first)
    if not gathered.meters:
        raise NoDaysError(f"{month}: no days are stored of this month")
    return Report(compose(settings, gathered, notes))


def parse_month(text: str) -> date:
    """Read a month written as `2025-03`, and give its first day.

    Raises:
        ValueError: It is none.
    """
    if len(text) != len("2025-03"):
        raise ValueError(f"'{text}' is no month")
    return date.fromisoformat(f"{text}-01")


def write_report(report: Report, folder: Path) -> Path:
    """Write the page as `<month>.html`; whoever looks meanwhile sees the old page or the new one, whole.

    Args:
        report: What to write.
        folder: Where to; made if it is not there.

    Returns:
        The file.

    Raises:
        OSError: It cannot be written.
    """
    return write_whole(folder / f"{report.month}.html", report.html)


def write_whole(path: Path, text: str) -> Path:
    """Write a file in one step, and its folder if need be.

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
