"""Tables of cells, and the choice among a file's possible tables.

Neither this module nor what it imports loads pandas: it also runs in the process that reads foreign files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain, islice

from workflows_dagster.clients.spreadsheets.header_words import DAYS
from workflows_dagster.clients.spreadsheets.limits import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS
from workflows_dagster.clients.spreadsheets.verdicts import Figure, FileCode

Cell = str | int | float | bool | datetime | date | time | timedelta | None

_SHOWN = 40
# Titles, an address and an account number may precede a table.
DEEPEST_HEADER = 40


class TableError(ValueError):
    """A file as a whole cannot be used.

    Args:
        code: Why.
        figures: Values of its sentence.
    """

    def __init__(self, code: FileCode, **figures: Figure) -> None:
        self.code, self.figures = code, figures
        super().__init__(code)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        number: Line of the text file or row of the sheet, from 1.
        cells: Its cells, text stripped and cut, None if empty.
    """

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """One interpretation of a file as a table.

    Attributes:
        lines: The non-empty lines, header first, read lazily; iteration may raise `TableError`.
        separator: Separator of the cells of a text file; None for a workbook.
        name: Name of the sheet; None for a text file.
    """

    lines: Iterator[Line]
    separator: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class ReadTable:
    """A table that has been read.

    Attributes:
        lines: The non-empty lines.
        is_text: Whether it is from a text file, not from a workbook, whose tables may have notes beside them.
        name: Name of the sheet; None for a text file.
    """

    lines: Sequence[Line]
    is_text: bool
    name: str | None = None


def shown(cell: Cell) -> str:
    """Quote a cell, shortened if it is long."""
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


def tables_to_read(tables: Iterable[Table]) -> Iterator[Table]:
    """Choose among a file's possible tables: every sheet, or the right separator of a text.

    The right separator is the first that gives a column of days in some line near the top, else the one that gives most
    cells.

    Raises:
        TableError: The file is empty, or has no separator.
    """
    widest: tuple[int, Table] | None = None
    broken: TableError | None = None
    is_empty = True
    for table in tables:
        if table.separator is None:
            yield table
            is_empty = False
            continue
        top, error = _top(table.lines)
        whole = Table(chain(top, _raising(error) if error else table.lines), table.separator)
        if any(_has_days(line) for line in top):
            yield whole
            return
        broken = broken or error
        cells = sum(len(line.cells) for line in top)
        if error is None and cells and (widest is None or cells > widest[0]):
            widest = cells, whole
    if widest is not None:
        yield widest[1]
    elif is_empty:
        raise broken or TableError("empty")


def limited(lines: Iterable[Line], rows: int) -> Iterator[Line]:
    """Give a table's lines, cut after the last column that is evaluated.

    Args:
        lines: The lines.
        rows: Number of rows of the file read before.

    Raises:
        TableError: There are too many, or a header has too many columns.
    """
    for number, line in enumerate(lines):
        if number + rows > MOST_ROWS:
            raise TableError("too_many_rows", most=MOST_ROWS)
        if number < DEEPEST_HEADER and len(line.cells) > MOST_COLUMNS and _has_days(line):
            used = sum(cell is not None for cell in line.cells)
            if used > MOST_COLUMNS:
                raise TableError("too_many_columns", most=MOST_COLUMNS)
        yield Line(line.number, line.cells[: MOST_COLUMNS + 1])


def _top(lines: Iterator[Line]) -> tuple[list[Line], TableError | None]:
    top: list[Line] = []
    try:
        for line in islice(lines, DEEPEST_HEADER):
            top.append(line)
    except TableError as error:
        return top, error
    return top, None


def _raising(error: TableError) -> Iterator[Line]:
    yield from ()
    raise error


def _has_days(line: Line) -> bool:
    return len(line.cells) > 1 and any(isinstance(cell, str) and _name(cell) in DAYS for cell in line.cells)


def _name(cell: str) -> str:
    """Give a column's name without a unit in brackets behind it."""
    name = " ".join(cell.lower().split())
    for opening, closing in ("()", "[]"):
        if name.endswith(closing) and opening in name:
            return name[: name.rindex(opening)].rstrip()
    return name
