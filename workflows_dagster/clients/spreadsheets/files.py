"""Reads a file into cells: regular files of limited size, in a separate process unless it is a small text."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workflows_dagster.clients.spreadsheets.limits import MOST_BYTES
from workflows_dagster.clients.spreadsheets.read_process import decode
from workflows_dagster.clients.spreadsheets.tables import ReadTable, TableError, limited, tables_to_read
from workflows_dagster.clients.spreadsheets.text_file import text_tables
from workflows_dagster.clients.spreadsheets.verdicts import SpreadsheetError

# Small texts are read in this process, which is faster than starting another.
_SMALL_TEXT = 1_000_000
_STARTS_OF_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]
_LONGEST_ANSWER = 100_000_000
_BLOCK = 1 << 20
_WAIT_SECONDS = 60.0
# Variables that Python may need to start; no others are passed on.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG")


def tables_of(path: Path) -> list[ReadTable]:
    """Read the tables of a file: text, or a workbook (.xlsx, .xlsm, .xls, .ods).

    Raises:
        SpreadsheetError: The file does not exist or cannot be used.
    """
    try:
        with _opened(path) as descriptor:
            start = os.pread(descriptor, 8, 0)
            is_workbook = start.startswith(_STARTS_OF_WORKBOOKS)
            if not is_workbook and path.suffix.lower() in _WORKBOOK_SUFFIXES:
                raise TableError("no_workbook" if start else "empty")
            if not is_workbook and os.fstat(descriptor).st_size <= _SMALL_TEXT:
                content = os.pread(descriptor, _SMALL_TEXT + 1, 0)
                if len(content) <= _SMALL_TEXT:
                    return [
                        ReadTable(list(limited(table.lines, 0)), is_text=True)
                        for table in tables_to_read(text_tables(content))
                    ]
            return _read_apart(descriptor, "workbook" if is_workbook else "text")
    except TableError as error:
        raise SpreadsheetError(path, error.code, **error.figures) from None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a regular file; nothing else is opened, since a pipe would block and a device may have side effects."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise TableError("folder")
        if not stat.S_ISREG(kind):
            raise TableError("no_ordinary_file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise TableError("no_file") from None
    except OSError as error:
        raise TableError("unreadable", reason=str(error.strerror)) from None
    except TableError:
        raise
    except ValueError:
        raise TableError("no_file") from None
    try:
        now = os.fstat(descriptor)
        if not stat.S_ISREG(now.st_mode):
            raise TableError("no_ordinary_file")
        if now.st_size > MOST_BYTES:
            raise TableError("too_large", most=MOST_BYTES // 1_000_000)
        yield descriptor
    except OSError as error:
        raise TableError("unreadable", reason=str(error.strerror)) from None
    finally:
        os.close(descriptor)


def _read_apart(descriptor: int, kind: str) -> list[ReadTable]:
    command = [sys.executable, "-s", "-P", "-m", "workflows_dagster.clients.spreadsheets.read_process", kind]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment["PYTHONPATH"] = str(_PACKAGE_PARENT)
    with subprocess.Popen(
        command, stdin=descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        waiting = threading.Timer(_WAIT_SECONDS, process.kill)
        waiting.start()
        try:
            # Block by block: a read of the most that may come would take its memory at once.
            answer = bytearray()
            while len(answer) <= _LONGEST_ANSWER and (block := process.stdout.read(_BLOCK)):
                answer += block
            is_too_long = len(answer) > _LONGEST_ANSWER
        except BaseException:
            is_too_long = True
            raise
        finally:
            waiting.cancel()
            if is_too_long:
                process.kill()
    if process.returncode or is_too_long:
        raise TableError("takes_too_much")
    try:
        return decode(bytes(answer))
    except TableError:
        raise
    except (ValueError, TypeError, KeyError):
        raise TableError("takes_too_much") from None
