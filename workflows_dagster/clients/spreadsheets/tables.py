"""Tables of cells, and which of a file's tables holds readings: the one whose header is known.

Neither this module nor what it imports loads pandas: it also runs in the process that reads foreign files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from workflows_dagster.clients.spreadsheets.limits import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS
from workflows_dagster.clients.spreadsheets.verdicts import Figure, FileCode

Cell = str | int | float | bool | datetime | date | time | timedelta | None

COLUMNS = ("time", "value", "meter_id", "datum", "uhrzeit", "zählerstand")
_SPELLINGS = {
    **{name: name for name in COLUMNS},
    "ab-datum": "datum",
    "ab-zeit": "uhrzeit",
    "zaehlerstand": "zählerstand",
}
_SHOWN = 40
_SHOWN_CELLS = 20


class TableError(ValueError):
    """A file as a whole cannot be used.

    Args:
        code: Why.
        figures: What belongs to it.
    """

    def __init__(self, code: FileCode, **figures: Figure) -> None:
        self.code, self.figures = code, figures
        super().__init__(code)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        number: Line of the text file or row of the sheet, from 1.
        cells: What stands in it, text stripped and cut, empty cells None.
    """

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """One way to read a file.

    Attributes:
        lines: The lines with any content, header first, read as they are asked for: a `TableError` may come where one
            cannot be read.
        separator: What separates the cells of a text file; None in a workbook.
    """

    lines: Iterator[Line]
    separator: str | None = None


@dataclass(frozen=True)
class ReadingLine:
    """What a line says about a reading.

    Attributes:
        number: Line of the text file or row of the sheet, from 1.
        cells: What stands in the known columns, in the order of `Readings.columns`.
        surplus: Cells of the line, where there are more of them than the header has; else 0.
    """

    number: int
    cells: tuple[Cell, ...]
    surplus: int = 0


@dataclass(frozen=True)
class Readings:
    """The table of a file that holds readings.

    Attributes:
        columns: The known columns that it has.
        width: Cells of the header.
        lines: The lines below the header.
    """

    columns: tuple[str, ...]
    width: int
    lines: Sequence[ReadingLine]


def shown(cell: Cell) -> str:
    """Quote a cell, cut where it is long."""
    text = str(cell)
    return f"'{text[:_SHOWN]}…'" if len(text) > _SHOWN else f"'{text}'"


def cleaned(cell: Cell) -> Cell:
    """Strip and cut a text; an empty one is None. A number of absurd length becomes a text."""
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) >= 10**LONGEST_CELL:
        return "9" * LONGEST_CELL + "…"
    if not isinstance(cell, str):
        return cell
    text = cell[: 2 * LONGEST_CELL].replace("\xa0", " ").strip()
    return (text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…") or None


def readings_in(tables: Iterable[Table]) -> Readings:
    """Find the table of readings among those that a file may mean; whether that one is broken matters only then.

    Raises:
        TableError: There is none, or it cannot be used.
    """
    unknown: Line | None = None
    broken: TableError | None = None
    for table in tables:
        try:
            header = next(table.lines, None)
        except TableError as error:
            broken = broken or error
            continue
        if header is None:
            continue
        names = [_name(cell) for cell in header.cells]
        columns = tuple(name for name in COLUMNS if name in names)
        if {"time", "value"} <= set(columns) or {"datum", "zählerstand"} <= set(columns):
            twice = [name for name in columns if names.count(name) > 1]
            if twice:
                raise TableError("column_twice", name=twice[0])
            return _below(header, table, columns, [names.index(name) for name in columns])
        if unknown is None or len(header.cells) > len(unknown.cells):
            unknown = header
    if unknown is None:
        raise broken or TableError("empty")
    found = tuple(shown(cell) for cell in unknown.cells if cell is not None)
    raise TableError("unknown_header", found=found[:_SHOWN_CELLS])


def _below(header: Line, table: Table, columns: tuple[str, ...], places: Sequence[int]) -> Readings:
    used = [place for place, cell in enumerate(header.cells) if cell is not None]
    if len(used) > MOST_COLUMNS:
        raise TableError("too_many_columns", most=MOST_COLUMNS)
    # Text that has more cells than its header has been split in the wrong place; a sheet may have notes at its side.
    width, is_text = used[-1] + 1, table.separator is not None
    lines: list[ReadingLine] = []
    for line in table.lines:
        if len(lines) == MOST_ROWS:
            raise TableError("too_many_rows", most=MOST_ROWS)
        cells = tuple(line.cells[place] if place < len(line.cells) else None for place in places)
        surplus = len(line.cells) if is_text and any(cell is not None for cell in line.cells[width:]) else 0
        lines.append(ReadingLine(line.number, cells, surplus))
    if not lines:
        raise TableError("no_rows")
    return Readings(columns, width, lines)


def _name(cell: Cell) -> str:
    """Give a column's name without a unit in brackets behind it."""
    name = str(cell).strip().lower()
    for opening, closing in ("()", "[]"):
        if name.endswith(closing) and opening in name:
            name = name[: name.rindex(opening)].rstrip()
            break
    return _SPELLINGS.get(name, name)
