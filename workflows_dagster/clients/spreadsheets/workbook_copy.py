"""Copies the cells of an .xlsx workbook into a small one, so that size and malformed cells do not prevent reading.

The copy has the non-empty cells, without empty rows and columns between them, so that a formatted blank in the last row
of a sheet costs nothing. A malformed cell (a missing shared string, an unknown type) becomes its raw text. Macros,
pictures and everything else are left out.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import IO
from xml.parsers import expat

from workflows_dagster.clients.spreadsheets.limits import LONGEST_CELL, MOST_CELLS, MOST_COLUMNS, MOST_ROWS
from workflows_dagster.clients.spreadsheets.tables import TableError

_SHEETS = "xl/worksheets/"
_PARTS = frozenset(
    {
        "[content_types].xml",
        "_rels/.rels",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/styles.xml",
        "xl/sharedstrings.xml",
    }
)
_BLOCK = 1 << 16
_LAST_COLUMN = 16_384
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_STRING = re.compile(rb"<(?:\w{1,20}:)?si[\s/>]")
# Excel's own formats with a day and a time of day.
_BUILT_IN = frozenset({"22", "32", "33", "55", "56"})
_DAY_ZERO, _DAY_ZERO_1904 = date(1899, 12, 30), date(1904, 1, 1)
_LAST_SERIAL = 109_575  # 2199-12-31
_LAST_DAY = 2_958_465  # 9999-12-31

Attributes = Mapping[str, str]


def is_needed(name: str) -> bool:
    """Tell whether a file in the archive of a workbook is needed to read its cells."""
    return name.lower() in _PARTS or is_sheet(name)


def is_sheet(name: str) -> bool:
    """Tell whether a file in the archive is a sheet."""
    lower = name.lower()
    return lower.startswith(_SHEETS) and lower.endswith(".xml")


def copy_workbook(read: Callable[[str], bytes], names: Sequence[str], target: IO[bytes]) -> None:
    """Write the copy. The first cell of each row is the row's original number, from 1.

    Args:
        read: Reads a file of the archive.
        names: The needed files of the archive.
        target: Where to write the copy.

    Raises:
        TableError: The workbook is too large.
        expat.ExpatError: A file is not XML.
    """
    workbook = _Workbook()
    cells = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        # The sheets last, since their cells refer to the other files.
        for name in sorted(names, key=is_sheet):
            if is_sheet(name):
                with copy.open(name, "w", force_zip64=True) as stream:
                    sheet = _Sheet(workbook, stream, cells)
                    _parse(read(name), sheet)
                    sheet.finish()
                cells = sheet.cells
                continue
            content = read(name)
            if name.lower() == "xl/sharedstrings.xml":
                workbook.strings = _count_strings(content)
            elif name.lower() in ("xl/workbook.xml", "xl/styles.xml"):
                _parse(content, workbook)
            copy.writestr(name, content)


def _count_strings(content: bytes) -> int:
    number = sum(1 for _ in _STRING.finditer(content))
    if number > MOST_CELLS:
        raise TableError("sheet_too_large", most=MOST_CELLS)
    return number


class _Part:
    """Base of the handlers of XML elements."""

    def start(self, name: str, attributes: Attributes) -> None:
        """Handle the start of an element."""

    def end(self, name: str) -> None:
        """Handle the end of an element."""

    def text(self, text: str) -> None:
        """Handle text."""


def _parse(content: bytes, part: _Part) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise TableError("damaged_workbook")

    # No spreadsheet program writes one, and it may declare entities that expand without limit.
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: part.start(name.rpartition(" ")[2], attributes)
    parser.EndElementHandler = lambda name: part.end(name.rpartition(" ")[2])
    parser.CharacterDataHandler = part.text
    parser.Parse(content, True)


@dataclass
class _Workbook(_Part):
    """Properties of the workbook that the meaning of cells depends on.

    Attributes:
        strings: Number of shared strings.
        is_1904: Whether days are counted from 1904.
        formats: The owner's number formats, by their id.
        styles: Number format of each style.
    """

    strings: int = 0
    is_1904: bool = False
    formats: dict[str, str] = field(default_factory=dict)
    styles: list[str] = field(default_factory=list)
    _in_styles: bool = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "workbookPr":
            self.is_1904 = attributes.get("date1904") in ("1", "true")
        elif name == "numFmt":
            self.formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self._in_styles = True
        elif name == "xf" and self._in_styles:
            self.styles.append(attributes.get("numFmtId", ""))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_styles = False

    def shows_clock(self, style: str) -> bool:
        """Tell whether a style shows day and time of day, so that a whole number means midnight."""
        number = int(style) if style.isdecimal() and len(style) < 8 else -1
        if not 0 <= number < len(self.styles):
            return False
        known = self.styles[number]
        code = _QUOTED.sub("", self.formats.get(known, "")[:500]).lower()
        return known in _BUILT_IN or ("h" in code and any(letter in code for letter in "yd:"))


class _Sheet(_Part):
    """Writes the non-empty cells of one sheet."""

    def __init__(self, workbook: _Workbook, stream: IO[bytes], cells: int) -> None:
        self.cells = cells
        self._rows = 0
        self._workbook, self._stream = workbook, stream
        self._clocks: dict[str, bool] = {}
        self._columns: dict[int, str] = {}
        self._written = ['<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>']
        self._length = 0
        self._row = self._column = 0
        self._is_row_open = False
        self._cell: Attributes | None = None
        self._text: list[str] = []
        self._room = 0
        self._takes_text = False
        self._phonetic = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "row":
            self._row, self._column = _number(attributes.get("r", ""), self._row + 1), 0
        elif name == "c":
            self._cell, self._text, self._room = attributes, [], LONGEST_CELL + 1
            self._column = _column(attributes.get("r", ""), self._column + 1)
        elif name == "rPh":
            self._phonetic += 1
        elif name in ("v", "t"):
            self._takes_text = self._cell is not None and not self._phonetic

    def text(self, text: str) -> None:
        if self._takes_text and self._room > 0:
            self._text.append(text[: self._room])
            self._room -= len(text)

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._takes_text = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "c" and self._cell is not None:
            self._write_cell(self._cell, "".join(self._text))
            self._cell = None
        elif name == "row" and self._is_row_open:
            self._put("</row>")
            self._is_row_open = False

    def finish(self) -> None:
        """Write the end."""
        self._put("</sheetData></worksheet>")
        self._flush()

    def _write_cell(self, cell: Attributes, text: str) -> None:
        if not text.strip():
            return
        if not self._is_row_open:
            if self._rows > MOST_ROWS:
                raise TableError("too_many_rows", most=MOST_ROWS)
            self._rows += 1
            self._put(f'<row r="{self._rows}"><c r="A{self._rows}"><v>{self._row}</v></c>')
            self._is_row_open = True
        letters = self._columns.get(self._column)
        if letters is None:
            if len(self._columns) >= MOST_COLUMNS:
                raise TableError("too_many_columns", most=MOST_COLUMNS)
            letters = self._columns[self._column] = _letters(len(self._columns) + 1)
        self.cells += 1
        if self.cells > MOST_CELLS or self._rows * len(self._columns) > MOST_CELLS:
            raise TableError("sheet_too_large", most=MOST_CELLS)
        kind, style = cell.get("t", "n"), cell.get("s", "")
        place = f'<c r="{letters}{self._rows}"'
        if kind == "n" and (number := _float(text)) is not None:
            if moment := self._midnight(number, style):
                self._put(f'{place} t="d"><v>{moment}</v></c>')
            else:
                # Beyond the year 9999 it is no day, whatever its format says.
                is_styled = style.isdecimal() and len(style) < 8 and 0 <= number <= _LAST_DAY
                style = style if is_styled else "0"
                self._put(f'{place} s="{style}"><v>{text.strip()}</v></c>')
        elif kind == "s" and 0 <= _number(text, -1) < self._workbook.strings:
            self._put(f'{place} t="s"><v>{int(text)}</v></c>')
        elif kind == "b" and text in ("0", "1"):
            self._put(f'{place} t="b"><v>{text}</v></c>')
        elif kind == "d" and _is_iso(text):
            self._put(f'{place} t="d"><v>{text}</v></c>')
        else:
            # Blanks at the ends are dropped, inner ones are kept.
            safe = text.replace("&", "&amp;").replace("<", "&lt;")
            self._put(f'{place} t="inlineStr"><is><t>{safe}</t></is></c>')

    def _midnight(self, number: float, style: str) -> str | None:
        """Give a midnight as text if its format shows a time; without the format it would be read as a day."""
        if not number.is_integer() or not 1 <= number <= _LAST_SERIAL:
            return None
        if style not in self._clocks:
            self._clocks[style] = self._workbook.shows_clock(style)
        if not self._clocks[style]:
            return None
        zero = _DAY_ZERO_1904 if self._workbook.is_1904 else _DAY_ZERO
        return f"{zero + timedelta(days=number)}T00:00:00"

    def _put(self, text: str) -> None:
        self._written.append(text)
        self._length += len(text)
        if self._length > _BLOCK:
            self._flush()

    def _flush(self) -> None:
        self._stream.write("".join(self._written).encode("utf-8", "replace"))
        self._written, self._length = [], 0


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else otherwise


def _float(text: str) -> float | None:
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def _column(reference: str, otherwise: int) -> int:
    """Give the number of a column, from 1, from a reference such as `AB12`."""
    number = 0
    for letter in reference[:8]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number if 0 < number <= _LAST_COLUMN else otherwise


def _letters(number: int) -> str:
    """Give the letters of a column, from 0, below 702."""
    high, low = divmod(number, 26)
    return (chr(64 + high) if high else "") + chr(65 + low)


def _is_iso(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return len(text) == 10 or (len(text) < 40 and text[10] == "T")
