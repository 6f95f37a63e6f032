"""Reads a file of readings in a separate process with limited memory and time; see `files`.

Files are untrusted, and their parsers are large programs. A failure ends only this process, which holds no secrets.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

from workflows_dagster.clients.spreadsheets.limits import MOST_BYTES, MOST_MEMORY, MOST_SECONDS
from workflows_dagster.clients.spreadsheets.tables import (
    Cell,
    Line,
    ReadTable,
    Table,
    TableError,
    limited,
    tables_to_read,
)
from workflows_dagster.clients.spreadsheets.text_file import text_tables

_KINDS: dict[type, str] = {datetime: "datetime", date: "date", time: "time"}
_READERS: dict[str, Callable[[str], Cell]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda seconds: timedelta(seconds=float(seconds)),
}


def main() -> None:
    """Read the file from standard input; write what `decode` reads to standard output, line by line."""
    _limit()
    write = sys.stdout.write
    try:
        rows = 0
        for table in tables_to_read(_tables()):
            write(json.dumps({"name": table.name, "is_text": table.separator is not None}) + "\n")
            for line in limited(table.lines, rows):
                rows += 1
                write(json.dumps([line.number, *map(_encoded, line.cells)], separators=(",", ":")) + "\n")
        write("{}\n")
    except TableError as error:
        write(json.dumps({"code": error.code, "figures": error.figures}) + "\n")
    except MemoryError:
        write(json.dumps({"code": "takes_too_much", "figures": {}}) + "\n")


def decode(text: bytes) -> list[ReadTable]:
    """Decode the output of `main`.

    Raises:
        TableError: The file cannot be used.
        ValueError: The text is something else.
    """
    tables: list[ReadTable] = []
    lines: list[Line] = []
    for record in map(json.loads, text.splitlines()):
        if isinstance(record, list):
            number, *cells = record
            lines.append(Line(number, tuple(map(_cell, cells))))
        elif "code" in record:
            figures = {name: tuple(f) if isinstance(f, list) else f for name, f in record["figures"].items()}
            raise TableError(record["code"], **figures)
        elif not record:
            return tables
        else:
            lines = []
            tables.append(ReadTable(lines, record["is_text"], record["name"]))
    raise ValueError("the answer has no end")


def _tables() -> Iterator[Table]:
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TableError("too_large", most=MOST_BYTES // 1_000_000)
    if sys.argv[1:] == ["text"]:
        return text_tables(content)
    from workflows_dagster.clients.spreadsheets.workbook import workbook_tables

    return workbook_tables(content)


def _limit() -> None:
    # A system without one of these limits still has the others, and the caller's time-out.
    for limit, most in (
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_DATA, MOST_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


def _encoded(cell: Cell) -> Any:
    if isinstance(cell, timedelta):
        return ["timedelta", cell.total_seconds()]
    kind = _KINDS.get(type(cell))
    return cell if kind is None else [kind, cell.isoformat()]  # type: ignore[union-attr]


def _cell(written: Any) -> Cell:
    if isinstance(written, list):
        kind, text = written
        return _READERS[kind](text)
    cell: Cell = written
    return cell


if __name__ == "__main__":
    main()
