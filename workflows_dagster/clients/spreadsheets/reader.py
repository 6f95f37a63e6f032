"""Reads readings from text files and workbooks, with a verdict on every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.clients.spreadsheets.cells import TIME_OF_A_BARE_DAY, number
from workflows_dagster.clients.spreadsheets.files import tables_of
from workflows_dagster.clients.spreadsheets.header_words import SUMS
from workflows_dagster.clients.spreadsheets.row_placing import Draft, place
from workflows_dagster.clients.spreadsheets.table_layout import KnownMeter, Layout, ValueColumn, Wanted, find_layout
from workflows_dagster.clients.spreadsheets.tables import Cell, Line, ReadTable, TableError, shown
from workflows_dagster.clients.spreadsheets.time_stamps import Stamp, is_day_first, stamp
from workflows_dagster.clients.spreadsheets.verdicts import CellError, FileCode, Remark, SpreadsheetError
from workflows_dagster.domain.number_notation import Mark, decimal_marks

__all__ = ["KnownMeter", "Row", "Sheet", "SpreadsheetError", "Understood", "read_spreadsheet"]

Verdict = Literal["good", "bad", "duplicate", "passed_over"]
_MIDNIGHT = time()
_SHOWN_CELLS = 20


@dataclass(frozen=True)
class Row:
    """One reading of the file and its verdict.

    Attributes:
        line: Line of the text file or row of the sheet, from 1.
        meter_id: The meter, or None if it is not given.
        time: UTC instant, or None if unreadable.
        value: Reading, or None if unreadable. [meter unit]
        verdict: `good`: to be written. `bad`: unusable. `duplicate`: another row is equal or replaces it.
            `passed_over`: not meant as a reading.
        remarks: Reasons of the verdict, or assumptions.
        sheet: Name of the sheet in a workbook with several tables of readings, else None.
    """

    line: int
    meter_id: str | None
    time: pd.Timestamp | None
    value: float | None
    verdict: Verdict
    remarks: tuple[Remark, ...] = ()
    sheet: str | None = None


@dataclass(frozen=True)
class Understood:
    """How a table was read.

    Attributes:
        sheet: Name of the sheet, or None in a text file.
        line: Line of its header.
        columns: Each column of readings: header, meter or None, and the meter's unit if converted.
        unmatched: Headers of columns with a unit but without a meter.
        bare: Time of day assumed for days without one; None if every row has a time.
        ends: Interval meters whose stamps run from 01:00 to 24:00, like ends of intervals.
        minutes: Length of the intervals by meter, inferred from the stamps. [min]
    """

    sheet: str | None
    line: int
    columns: tuple[tuple[str, str | None, str | None], ...]
    unmatched: tuple[str, ...] = ()
    bare: Literal["noon", "midnight"] | None = None
    ends: tuple[str, ...] = ()
    minutes: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Sheet:
    """A file's rows, in its order."""

    path: Path
    rows: tuple[Row, ...]
    understood: tuple[Understood, ...] = ()

    def count(self, verdict: Verdict) -> int:
        """Count the rows of a verdict."""
        return sum(row.verdict == verdict for row in self.rows)

    def readings(self) -> dict[str, pd.Series]:
        """Give the good readings by meter id.

        Returns:
            For each meter `float64` values [meter unit], index `datetime64[us, UTC]`, strictly increasing.
        """
        good: dict[str, dict[pd.Timestamp, float]] = {}
        for row in self.rows:
            if row.verdict == "good" and row.meter_id and row.time is not None and row.value is not None:
                good.setdefault(row.meter_id, {})[row.time] = row.value
        return {
            meter_id: pd.Series(
                list(values.values()), index=pd.DatetimeIndex(list(values)).as_unit("us"), dtype=float, name="value"
            ).sort_index()
            for meter_id, values in good.items()
        }


def read_spreadsheet(
    path: Path,
    zone: ZoneInfo,
    meter_id: str | None = None,
    now: pd.Timestamp | None = None,
    *,
    meters: Sequence[KnownMeter] = (),
    columns: Mapping[str, str] | None = None,
    stamps: Literal["start", "end"] | None = None,
    power: bool = False,
) -> Sheet:
    """Read a file of readings and judge each of its rows.

    The header may follow title lines. It has a column of days (or of days and times), possibly one of times of day and
    one of meters, and one of readings, or one column per meter. Units in the header are converted to the meter's. Both
    number notations are read; see `cells.number` for what is ambiguous. Times without an offset are civil time of the
    house. Of two readings at one instant the later row wins.

    Args:
        path: Text file (UTF-8, UTF-16 with a mark, or Windows-1252) or workbook, of which each sheet with a known
            header is read.
        zone: The house's zone.
        meter_id: Meter of the rows that name none.
        now: Instant after which a reading is refused as future, UTC; None refuses none.
        meters: The house's physical meters.
        columns: Meter ids by header, for headers that are neither id nor description.
        stamps: Whether intervals are stamped at their start or at their end; None means the start.
        power: Whether columns of mean power are converted to energy.

    Raises:
        SpreadsheetError: The file as a whole cannot be used.
    """
    wanted = Wanted(meters, meter_id, columns)
    options = _Options(zone, now, stamps == "end", power)
    read: list[tuple[list[Row], Understood]] = []
    widest: Line | None = None
    has_header_only = False
    for table in tables_of(path):
        try:
            found = find_layout(table.lines, wanted)
        except TableError as error:
            raise SpreadsheetError(path, error.code, **error.figures) from None
        if found is None:
            first = table.lines[0] if table.lines else None
            widest = first if first and (widest is None or len(first.cells) > len(widest.cells)) else widest
            continue
        layout, lines = found
        has_header_only = has_header_only or not lines
        if lines:
            read.append(_rows(layout, lines, table, wanted, options))
    if not read:
        raise _unknown(path, widest, has_header_only, wanted)
    rows = [row if len(read) > 1 else replace(row, sheet=None) for found_rows, _ in read for row in found_rows]
    return Sheet(path, tuple(_without_duplicates(rows)), tuple(understood for _, understood in read))


@dataclass(frozen=True)
class _Options:
    zone: ZoneInfo
    now: pd.Timestamp | None
    is_stamped_at_end: bool
    is_power_meant: bool


def _unknown(path: Path, widest: Line | None, has_header_only: bool, wanted: Wanted) -> SpreadsheetError:
    if has_header_only:
        return SpreadsheetError(path, "no_rows")
    if widest is None:
        return SpreadsheetError(path, "empty")
    found = tuple(shown(cell) for cell in widest.cells if cell is not None)
    code: FileCode = "no_temperatures" if wanted.is_of_temperatures else "unknown_header"
    return SpreadsheetError(path, code, found=found[:_SHOWN_CELLS])


def _rows(
    layout: Layout, lines: Sequence[Line], table: ReadTable, wanted: Wanted, options: _Options
) -> tuple[list[Row], Understood]:
    """Judge a table's lines; give a row for each reading."""
    expected = layout.is_day_first
    day_cells = [cell for line in lines for cell in (_cell(line, layout.day), _cell(line, layout.clock))]
    day_first = is_day_first(day_cells, expected=expected)
    marks = {column.place: _marks(lines, column.place) for column in layout.values}
    rows: list[Row | None] = []
    drafts: list[tuple[int, Draft]] = []
    for line in lines:
        if _is_sum(line, layout):
            rows.append(Row(line.number, None, None, None, "passed_over", (Remark("sum_row"),), table.name))
            continue
        for draft in _drafts(line, layout, marks, day_first, wanted, is_text=table.is_text):
            if isinstance(draft, Remark):
                rows.append(Row(line.number, None, None, None, "passed_over", (draft,), table.name))
                continue
            drafts.append((len(rows), draft))
            rows.append(None)
    times = [draft.stamp for _, draft in drafts if draft.stamp is not None]
    has_times = any(not one.is_bare and not one.is_of_two for one in times)
    bare = _MIDNIGHT if has_times else TIME_OF_A_BARE_DAY
    done = place([draft for _, draft in drafts], options.zone, bare, options.is_stamped_at_end, options.is_power_meant)
    for (number_of_row, draft), placed in zip(drafts, done.rows, strict=True):
        faults = [*draft.faults, *placed.faults]
        if options.now is not None and placed.at is not None and placed.at > options.now:
            civil = placed.at.tz_convert(options.zone).to_pydatetime().replace(tzinfo=None)
            faults.append(Remark("in_the_future", {"time": civil}))
        remarks = tuple(faults) or placed.remarks
        verdict: Verdict = "bad" if faults else "good"
        rows[number_of_row] = Row(draft.line, draft.meter_id, placed.at, placed.value, verdict, remarks, table.name)
    only_intervals = bool(drafts) and all(draft.meter is not None and draft.meter.is_interval for _, draft in drafts)
    understood = Understood(
        table.name,
        layout.line,
        tuple(_understood(column, wanted) for column in layout.values),
        layout.unmatched,
        None if all(not one.is_bare for one in times) else "midnight" if has_times or only_intervals else "noon",
        done.ends,
        done.minutes,
    )
    return [row for row in rows if row is not None], understood


def _understood(column: ValueColumn, wanted: Wanted) -> tuple[str, str | None, str | None]:
    whose = column.meter_id or wanted.meter_id
    meter = wanted.meter(whose)
    unit = meter.unit if meter is not None and column.header.unit not in (None, meter.unit) else None
    return column.header.written, whose, unit


def _cell(line: Line, place_of: int | None) -> Cell:
    return line.cells[place_of] if place_of is not None and place_of < len(line.cells) else None


def _marks(lines: Sequence[Line], place_of: int) -> frozenset[Mark]:
    cells = (_cell(line, place_of) for line in lines)
    return decimal_marks(cell for cell in cells if isinstance(cell, str))


def _is_sum(line: Line, layout: Layout) -> bool:
    first = next((cell for cell in line.cells if cell is not None), None)
    texts = (_cell(line, layout.day), first)
    return any(isinstance(text, str) and text.strip(" :∑Σ").lower() in SUMS for text in texts)


def _drafts(
    line: Line,
    layout: Layout,
    marks: Mapping[int, frozenset[Mark]],
    day_first: bool | None,
    wanted: Wanted,
    *,
    is_text: bool,
) -> list[Draft | Remark]:
    """Parse a line's readings with their faults; in a table with one column per meter, empty cells are skipped."""
    is_wide = layout.values[0].meter_id is not None
    filled = [column for column in layout.values if not is_wide or _cell(line, column.place) is not None]
    if not filled:
        return []
    faults: list[Remark] = []
    when: Stamp | None = None
    try:
        alone = layout.clock is None and not layout.is_comma_usual
        when = stamp(_cell(line, layout.day), _cell(line, layout.clock), day_first=day_first, alone=alone)
    except CellError as error:
        faults.append(error.remark)
    if is_text and any(extra is not None for extra in line.cells[layout.width :]):
        # A decimal comma in a comma-separated file: the integer part would pass for the reading.
        faults.append(Remark("too_many_cells", {"cells": len(line.cells), "columns": layout.width}))
    drafts: list[Draft | Remark] = []
    for column in filled:
        whose, conflict = _whose(column, _cell(line, layout.meter), wanted)
        meter = wanted.meter(whose)
        cell = _cell(line, column.place)
        if cell is None and meter is not None and meter.is_interval and when is not None:
            drafts.append(Remark("no_value"))
            continue
        value, unread = None, []
        try:
            is_temperature = meter is not None and meter.is_temperature
            usual: Mark = "," if layout.is_comma_usual else "."
            value = number(cell, seen=marks[column.place], usual=usual, is_temperature=is_temperature)
        except CellError as error:
            unread = [error.remark]
        own = (*faults[:1], *unread, *faults[1:]) if when is None else (*unread, *faults)
        drafts.append(Draft(line.number, whose, meter, when, value, column.header, (*own, *conflict)))
    return drafts


def _whose(column: ValueColumn, cell: Cell, wanted: Wanted) -> tuple[str | None, tuple[Remark, ...]]:
    if column.meter_id is not None:
        return column.meter_id, ()
    named = None if cell is None else str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
    if named is not None and wanted.meter(named) is None:
        text = " ".join(named.lower().split())
        named = next((m.meter_id for m in wanted.meters if (m.description or "").lower() == text), named)
    asked = wanted.meter_id
    if named is None and asked is None:
        return None, (Remark("no_meter"),)
    if named is not None and asked is not None and named != asked:
        return named, (Remark("other_meter", {"named": shown(named), "asked": shown(asked)}),)
    return named or asked, ()


def _without_duplicates(rows: list[Row]) -> list[Row]:
    """Keep one good row per meter and instant: the last one, or the first of equal ones."""
    judged = list(rows)
    holder: dict[tuple[str | None, pd.Timestamp | None], int] = {}
    for here, row in enumerate(rows):
        if row.verdict != "good":
            continue
        before = holder.setdefault((row.meter_id, row.time), here)
        if before == here:
            continue
        earlier = judged[before]
        if earlier.value == row.value:
            judged[here] = replace(row, verdict="duplicate", remarks=(Remark("says_the_same", {"line": earlier.line}),))
            continue
        judged[before] = replace(
            earlier,
            verdict="duplicate",
            remarks=(Remark("replaced", {"line": row.line, "value": row.value or 0.0}),),
        )
        takes = Remark("replaces", {"line": earlier.line, "value": earlier.value or 0.0})
        judged[here] = replace(row, remarks=(*row.remarks, takes))
        holder[row.meter_id, row.time] = here
    return judged
