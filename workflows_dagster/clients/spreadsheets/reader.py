"""Reads readings from a file, CSV or Excel, English or German, with a verdict on every row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.clients.spreadsheets.cells import german_time, instant, iso_time, number
from workflows_dagster.clients.spreadsheets.files import readings_of
from workflows_dagster.clients.spreadsheets.tables import Cell, ReadingLine, shown
from workflows_dagster.clients.spreadsheets.verdicts import CellError, Remark, SpreadsheetError
from workflows_dagster.domain.number_notation import Mark, decimal_marks

__all__ = ["Row", "Sheet", "SpreadsheetError", "read_spreadsheet"]

Verdict = Literal["good", "bad", "duplicate"]


@dataclass(frozen=True)
class Row:
    """What became of one row of the file.

    Attributes:
        line: Line of the text file or row of the sheet, from 1.
        meter_id: The meter that it is about, or None where nothing says.
        time: UTC instant, or None where it cannot be read.
        value: Reading, or None where it cannot be read. [meter unit]
        verdict: `good`: to be written. `bad`: not usable. `duplicate`: another row says the same or takes its place.
        remarks: Why it is not good, or what was assumed.
    """

    line: int
    meter_id: str | None
    time: pd.Timestamp | None
    value: float | None
    verdict: Verdict
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A file's rows, in its order."""

    path: Path
    rows: tuple[Row, ...]

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


def read_spreadsheet(path: Path, zone: ZoneInfo, meter_id: str | None = None, now: pd.Timestamp | None = None) -> Sheet:
    """Read a file of readings and judge each of its rows.

    The header says which of two formats it is. `time,value[,meter_id]`: ISO 8601 times, usually a decimal dot.
    `Ab-Datum;Ab-Zeit;Zählerstand`: German dates, usually a decimal comma; a `meter_id` column may be there too. Both
    number notations are read in both; see `cells.number` for what is ambiguous. Other columns are ignored, and so are
    upper and lower case and a unit in brackets behind a name. Times without an offset are civil time of the house, a
    day without a time is noon. Of two readings at one instant the later row wins.

    Args:
        path: Text file (UTF-8, UTF-16 with a mark, or Windows-1252) or workbook (.xlsx, .xlsm, .xls, .ods); in a
            workbook the first sheet with a known header is read.
        zone: The house's zone.
        meter_id: Meter of the rows that name none.
        now: Instant after which a reading is refused as future, UTC; None refuses none.

    Raises:
        SpreadsheetError: The file as a whole cannot be used.
    """
    table = readings_of(path)
    german = "zählerstand" in table.columns and "datum" in table.columns
    written = "zählerstand" if german else "value"
    place = table.columns.index(written)
    values = (line.cells[place] for line in table.lines)
    layout = _Layout(
        table.columns, table.width, german, written, decimal_marks(cell for cell in values if isinstance(cell, str))
    )
    rows = [_judged(line, layout, zone, meter_id, now) for line in table.lines]
    return Sheet(path, tuple(_without_duplicates(rows)))


@dataclass(frozen=True)
class _Layout:
    """What the header and the column of readings say about every row."""

    columns: tuple[str, ...]
    width: int
    german: bool
    value: str
    marks: frozenset[Mark]


def _judged(line: ReadingLine, layout: _Layout, zone: ZoneInfo, meter_id: str | None, now: pd.Timestamp | None) -> Row:
    cells = dict(zip(layout.columns, line.cells, strict=True))
    faults: list[Remark] = []
    time, value = None, None
    remarks: tuple[Remark, ...] = ()
    try:
        if layout.german:
            moment = german_time(cells["datum"], cells.get("uhrzeit"))
        else:
            moment = iso_time(cells["time"])
        time, remarks = instant(moment, zone)
        if now is not None and time > now:
            faults.append(Remark("in_the_future", {"time": time.tz_convert(zone).to_pydatetime().replace(tzinfo=None)}))
    except CellError as error:
        faults.append(error.remark)
    try:
        value = number(cells[layout.value], seen=layout.marks, usual="," if layout.german else ".")
    except CellError as error:
        faults.append(error.remark)
    if line.surplus:
        # A decimal comma in a file separated by commas: what stands before it would pass for the reading.
        faults.append(Remark("too_many_cells", {"cells": line.surplus, "columns": layout.width}))
    whose, conflict = _whose(cells.get("meter_id"), meter_id)
    faults += conflict
    return Row(line.number, whose, time, value, "bad" if faults else "good", tuple(faults) or remarks)


def _whose(cell: Cell, meter_id: str | None) -> tuple[str | None, list[Remark]]:
    named = None if cell is None else str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
    if named is None and meter_id is None:
        return None, [Remark("no_meter")]
    if named is not None and meter_id is not None and named != meter_id:
        return named, [Remark("other_meter", {"named": shown(named), "asked": shown(meter_id)})]
    return named or meter_id, []


def _without_duplicates(rows: list[Row]) -> list[Row]:
    """Leave one good row a meter and instant: the last one, or of equal ones the first."""
    judged = list(rows)
    holder: dict[tuple[str | None, pd.Timestamp | None], int] = {}
    for place, row in enumerate(rows):
        if row.verdict != "good":
            continue
        before = holder.setdefault((row.meter_id, row.time), place)
        if before == place:
            continue
        earlier = judged[before]
        if earlier.value == row.value:
            judged[place] = replace(
                row, verdict="duplicate", remarks=(Remark("says_the_same", {"line": earlier.line}),)
            )
            continue
        judged[before] = replace(
            earlier,
            verdict="duplicate",
            remarks=(Remark("replaced", {"line": row.line, "value": row.value or 0.0}),),
        )
        takes = Remark("replaces", {"line": earlier.line, "value": earlier.value or 0.0})
        judged[place] = replace(row, remarks=(*row.remarks, takes))
        holder[row.meter_id, row.time] = place
    return judged
