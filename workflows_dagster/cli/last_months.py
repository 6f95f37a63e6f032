"""Prints the last twelve months of every meter, fitted to the terminal's width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
from rich.console import Console
from rich.table import Table

from workflows_dagster.cli.tables import TerminalConsole
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.periods import by_period
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import open_store
from workflows_dagster.wording import Words, words_of
from workflows_dagster.wording.tables import table_word

_MONTHS_SHOWN = 12
# Numbers of tables over which the months can be split, fewest first.
_PARTS = (1, 2, 3, 4, 6)


@dataclass(frozen=True)
class _Row:
    """One meter's twelve months and their sum, as text."""

    meter_id: str
    unit: str
    months: Sequence[str]
    total: str


def print_last_months(console: Console, settings: Settings, last: date) -> bool:
    """Print each meter's last twelve months in one table, or in several if it is too wide.

    Args:
        console: Where to print.
        settings: The house.
        last: Last complete day.

    Returns:
        Whether there was any day to print.

    Raises:
        StoreError: The store cannot be read.
    """
    first = (pd.Timestamp(last).to_period("M") - (_MONTHS_SHOWN - 1)).start_time.date()
    months = [str(month) for month in pd.period_range(first, last, freq="M")]
    words = words_of(settings.site)
    rows = _rows(settings, DayRange(first, last), months)
    if not rows:
        return False
    tables: list[Table] = []
    for parts in _PARTS:
        tables = _tables(months, rows, parts, words)
        if max(map(_width, tables)) <= console.width:
            break
    # If nothing fits, the terminal wraps the lines; nothing is cut off.
    paper = TerminalConsole(file=console.file, width=max(console.width, max(map(_width, tables))))
    for place, table in enumerate(tables):
        if place:
            paper.print()
        paper.print(table)
    return True


def _rows(settings: Settings, shown: DayRange, months: Sequence[str]) -> list[_Row]:
    zone = settings.site.zone
    rows = []
    number = words_of(settings.site).format.short
    with open_store(settings) as store:
        for meter in settings.meters:
            frame = read_days(store, meter.meter_id, *shown.bounds(zone))
            if frame.empty:
                continue
            sums = by_period(frame, days.civil_days(pd.DatetimeIndex(frame.index), zone), "month")["consumption"]
            cells = [number(float(sums.get(month, float("nan")))) for month in months]
            rows.append(_Row(meter.meter_id, meter.output_unit, cells, number(float(sums.sum()))))
    return rows


def _tables(months: Sequence[str], rows: Sequence[_Row], parts: int, words: Words) -> list[Table]:
    """Split the months over several tables; the last one has the total."""
    tables = []
    size = len(months) // parts
    title, of_sum = words.say("The last twelve months"), table_word("sum", words)
    for start in range(0, len(months), size):
        shown = slice(start, start + size)
        is_last = start + size == len(months)
        table = Table(title=title if start == 0 else None, title_justify="left", box=None, pad_edge=False)
        for name in ("meter", "unit"):
            table.add_column(table_word(name, words), no_wrap=True)
        for name in [*(month[2:] for month in months[shown]), *([of_sum] if is_last else [])]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(row.meter_id, row.unit, *row.months[shown], *([row.total] if is_last else []))
        tables.append(table)
    return tables


def _width(table: Table) -> int:
    """Give a table's untruncated width in characters."""
    unbounded = Console(width=10_000, file=io.StringIO())
    return max(unbounded.measure(table).maximum, len(str(table.title or "")))
