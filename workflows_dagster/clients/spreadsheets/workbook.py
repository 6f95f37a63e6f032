"""Workbooks (.xlsx, .xlsm without its macros, .xls, .ods), read by calamine. Only for the process that reads files."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from xml.parsers.expat import ExpatError

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from workflows_dagster.clients.spreadsheets.limits import MOST_CELLS, MOST_UNPACKED_BYTES
from workflows_dagster.clients.spreadsheets.tables import Cell, Line, Table, TableError, cleaned
from workflows_dagster.clients.spreadsheets.workbook_copy import copy_workbook, is_needed

ZIP = b"PK\x03\x04"
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_OPEN_DOCUMENT = frozenset({"mimetype", "meta-inf/manifest.xml", "content.xml"})
_EXACT = 2.0**53
_ENCRYPTED_FLAG, _AES = 0x1, 99


def workbook_tables(content: bytes) -> Iterator[Table]:
    """Give the sheets of a workbook.

    Raises:
        TableError: The workbook cannot be used.
    """
    with _told_as_sentence():
        if content.startswith(ZIP):
            yield from _of_archive(content)
        elif _ENCRYPTED_STREAM in content:
            raise TableError("encrypted_workbook")
        else:
            for table in _sheets(content, is_numbered=False):
                yield Table(_with_midnights(list(table.lines)))


@contextmanager
def _told_as_sentence() -> Iterator[None]:
    try:
        yield
    except PasswordError:
        raise TableError("encrypted_workbook") from None
    except TableError:
        raise
    except (CalamineError, ExpatError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError):
        raise TableError("damaged_workbook") from None
    except BaseException as error:
        # What Rust calls a panic is no Exception in Python.
        if type(error).__name__ == "PanicException":
            raise TableError("damaged_workbook") from None
        raise


def _of_archive(content: bytes) -> Iterator[Table]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        lower = {name.lower() for name in infos}
        if any(info.flag_bits & _ENCRYPTED_FLAG or info.compress_type == _AES for info in infos.values()):
            raise TableError("encrypted_archive")
        is_excel = "xl/workbook.xml" in lower
        if not is_excel and "content.xml" not in lower:
            raise TableError("archive_without_workbook")
        names = [name for name in infos if (is_needed(name) if is_excel else name.lower() in _OPEN_DOCUMENT)]
        if sum(infos[name].file_size for name in names) > MOST_UNPACKED_BYTES:
            raise TableError("unpacks_too_large", most=MOST_UNPACKED_BYTES // 1_000_000)
        unpacked = _Unpacked(archive)
        target = io.BytesIO()
        if is_excel:
            copy_workbook(unpacked.read, names, target)
        else:
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
                for name in names:
                    copy.writestr(name, unpacked.read(name))
    yield from _sheets(target.getvalue(), is_numbered=is_excel)


class _Unpacked:
    """Reads an archive's files and limits their actual size, since declared sizes may be wrong."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._left = archive, MOST_UNPACKED_BYTES

    def read(self, name: str) -> bytes:
        with self._archive.open(name) as stream:
            content = stream.read(self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise TableError("unpacks_too_large", most=MOST_UNPACKED_BYTES // 1_000_000)
        return content


def _sheets(content: bytes, *, is_numbered: bool) -> Iterator[Table]:
    with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
        for place in range(len(workbook.sheet_names)):
            sheet = workbook.get_sheet_by_index(place)
            if sheet.height * sheet.width > MOST_CELLS:
                raise TableError("sheet_too_large", most=MOST_CELLS)
            yield Table(_lines(sheet, is_numbered), name=sheet.name)


def _with_midnights(lines: list[Line]) -> Iterator[Line]:
    """Read a day as its midnight if its column has times of day: calamine gives no formats of an .xls."""
    clocks = {
        place
        for line in lines
        for place, cell in enumerate(line.cells)
        if isinstance(cell, datetime) and cell.time() != time()
    }
    for line in lines:
        yield Line(
            line.number,
            tuple(
                datetime.combine(cell, time()) if place in clocks and type(cell) is date else cell
                for place, cell in enumerate(line.cells)
            ),
        )


def _lines(sheet: CalamineSheet, is_numbered: bool) -> Iterator[Line]:
    first = sheet.start[0] + 1 if sheet.start else 1
    with _told_as_sentence():
        for number, row in enumerate(sheet.iter_rows(), first):
            cells = tuple(map(_plain, row))
            if is_numbered:
                number, cells = int(str(cells[0])), cells[1:]
            if any(cell is not None for cell in cells):
                yield Line(number, cells)


def _plain(cell: Cell) -> Cell:
    """Clean a cell; calamine gives every number as a float."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT else cleaned(cell)
