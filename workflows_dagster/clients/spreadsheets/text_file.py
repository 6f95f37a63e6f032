"""Reads text files in the encodings and with the separators that spreadsheet programs use."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from workflows_dagster.clients.spreadsheets.limits import LONGEST_LINE, MOST_LINES, MOST_ROWS
from workflows_dagster.clients.spreadsheets.tables import Line, Table, TableError, cleaned

SEPARATORS = (",", ";", "\t")
_BLANK = b" \t\r\n,;"


def text_tables(content: bytes) -> Iterator[Table]:
    """Give the possible tables of a text, one for each separator.

    Raises:
        TableError: The file is empty or not a text.
    """
    if not content.strip(_BLANK):
        raise TableError("empty")
    if content.count(b"\n") > MOST_LINES or content.count(b"\r") > MOST_LINES:
        raise TableError("too_many_rows", most=MOST_ROWS)
    text = _decoded(content)
    for separator in SEPARATORS:
        yield Table(_split(text, separator), separator)


def _decoded(content: bytes) -> str:
    """Decode as UTF-16 if there is a byte order mark, else as UTF-8, else as Windows-1252."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TableError("not_text")


class _Lines:
    """Iterates over a text's lines for csv, and refuses multi-line rows that are too long."""

    def __init__(self, text: str) -> None:
        self._text, self._start, self.length = text, 0, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._start >= len(self._text):
            raise StopIteration
        end = self._end()
        line = self._text[self._start : end]
        self.length += len(line)
        if self.length > LONGEST_LINE:
            raise csv.Error(f"more than {LONGEST_LINE} characters in a row")
        self._start = end
        return line

    def _end(self) -> int:
        """Give where the line ends, behind its line break: `\\n`, `\\r\\n` or `\\r`."""
        limit = self._start + LONGEST_LINE + 1
        newline = self._text.find("\n", self._start, limit)
        stop = newline if newline >= 0 else min(limit, len(self._text))
        alone = self._text.find("\r", self._start, stop)
        if alone >= 0 and alone + 1 != newline:
            return alone + 1
        return newline + 1 if newline >= 0 else stop


def _split(text: str, separator: str) -> Iterator[Line]:
    source = _Lines(text)
    # csv separates the rows, because a quoted comment may contain a line break.
    reader = csv.reader(source, delimiter=separator, strict=True)
    number = 1
    try:
        for texts in reader:
            source.length = 0
            cells = tuple(map(cleaned, texts))
            if any(cells) and not (number == 1 and _declares_separator(separator.join(texts))):
                yield Line(number, cells)
            number = reader.line_num + 1
    except csv.Error as error:
        raise TableError("cannot_be_split", line=number, reason=str(error)) from None


def _declares_separator(line: str) -> bool:
    """Tell whether a line is Excel's `sep=;`."""
    text = line.strip().strip('"')
    return len(text) == len("sep=;") and text.lower().startswith("sep=")
