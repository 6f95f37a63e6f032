"""From a file to cells: text files in the encodings and separators that Excel writes, and .xlsx workbooks."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from xml.etree.ElementTree import ParseError

from workflows_dagster.clients.spreadsheets.verdicts import SpreadsheetError

Cell = str | int | float | bool | datetime | date | time | timedelta | None

WORKBOOK = b"PK\x03\x04"
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
SEPARATORS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        number: Line of the text file or row of the sheet, from 1.
        cells: What stands in it, text stripped, empty cells None.
    """

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """One way to read a file.

    Attributes:
        lines: The lines with any content, header first.
        separator: What separates the cells of a text file; None in a workbook.
        broken: Line at which the text could not be split any further, and why; None where it could.
    """

    lines: list[Line]
    separator: str | None = None
    broken: tuple[int, str] | None = None


def tables(path: Path) -> Iterator[Table]:
    """Read a file into the tables that it may mean: one for each separator, or one for each sheet of a workbook.

    The caller takes the first table whose header it knows; whether that one is broken matters only then.

    Raises:
        SpreadsheetError: There is no such file, or it cannot be read as text or as a workbook.
    """
    content = _content(path)
    if content.startswith(OLD_WORKBOOK):
        raise SpreadsheetError(path, "old_workbook")
    if content.startswith(WORKBOOK):
        yield from _sheets(path, content)
        return
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        raise SpreadsheetError(path, "no_workbook")
    text = _text(path, content)
    for separator in SEPARATORS:
        yield _split(text, separator)


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise SpreadsheetError(path, "folder")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SpreadsheetError(path, "no_file") from None
    except OSError as error:
        raise SpreadsheetError(path, "unreadable", reason=str(error.strerror)) from None
    if not content.strip(b" \t\r\n,;"):
        raise SpreadsheetError(path, "empty")
    return content


def _text(path: Path, content: bytes) -> str:
    """Decode as UTF-16 where a mark says so, else as UTF-8, else as the western European code page of Windows."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SpreadsheetError(path, "not_text")


def _split(text: str, separator: str) -> Table:
    lines = []
    # Rows are told apart by csv itself, because a quoted comment may hold a line break.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    try:
        for texts in reader:
            cells = tuple(text.replace("\xa0", " ").strip() or None for text in texts)
            declared = number == 1 and _SEPARATOR_LINE.fullmatch(separator.join(texts).strip())
            if any(cells) and not declared:
                lines.append(Line(number, cells))
            number = reader.line_num + 1
    except csv.Error as error:
        return Table(lines, separator, (number, str(error)))
    return Table(lines, separator)


def _sheets(path: Path, content: bytes) -> Iterator[Table]:
    # Costs a quarter of pandas, and most files are text.
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            # openpyxl warns about styles and extensions that hold no readings.
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            try:
                sheets = []
                for sheet in workbook.worksheets:
                    sheet.reset_dimensions()
                    sheets.append([Line(number, _row(row)) for number, row in enumerate(sheet.iter_rows(), start=1)])
            finally:
                workbook.close()
    except (
        zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, EOFError, OSError,
        AttributeError, IndexError, KeyError, TypeError, ValueError,
    ):  # fmt: skip
        raise SpreadsheetError(path, "damaged_workbook") from None
    for lines in sheets:
        yield Table([line for line in lines if any(cell is not None for cell in line.cells)])


def _row(row: tuple[object, ...]) -> tuple[Cell, ...]:
    return tuple(_cell(getattr(cell, "value", None), getattr(cell, "number_format", None) or "") for cell in row)


def _cell(value: Cell, number_format: str) -> Cell:
    if isinstance(value, str):
        return value.replace("\xa0", " ").strip() or None
    # Excel keeps a day as its midnight; only the format tells whether the midnight is meant.
    if isinstance(value, datetime) and value.time() == time() and "h" not in number_format.lower():
        return value.date()
    return value
