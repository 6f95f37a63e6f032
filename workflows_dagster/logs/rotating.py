"""One log file for all processes: written a whole line at a time, rotated by whichever finds it full."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

# A process that is stopped in the middle of a line must not hold up all others for good.
_LONGEST_WAIT = 2.0
_LOOK_AGAIN = 0.01
_MODE = 0o640


class SharedRotatingFile(logging.Handler):
    """Appends lines to a file that other processes write to as well, and rotates it.

    Page, daemon, code server and each run are processes of their own. The standard library's rotating file is made for
    one: when a second rotates, the first goes on writing into the file that was renamed, and old lines are lost. Here
    every line is one `write` under a lock between processes, and a file that was rotated meanwhile is opened anew.

    A line that cannot be written (full disk, no permission) is dropped, and that is said once, not once a line.

    Args:
        path: The file; its folder is made when it is not there.
        max_bytes: Size that it does not exceed. [byte]
        backup_count: How many rotated files are kept: `<path>.1` is the newest. With 0 it begins anew.
        complain: Told in a sentence why the file cannot be written.
    """

    def __init__(self, path: Path, max_bytes: int, backup_count: int, complain: Callable[[str], None]) -> None:
        super().__init__()
        self.path = path
        self._max_bytes = max_bytes
        self._backup_count = backup_count
        self._complain = complain
        self._is_failing = False
        self._file: int | None = None
        self._lock_file: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        except Exception as error:
            self._fails(f"a line cannot be formatted ({type(error).__name__})")
            return
        try:
            self._write(line)
        except OSError as error:
            self._fails((error.strerror or type(error).__name__).lower())
        else:
            self._is_failing = False

    def close(self) -> None:
        """Close the file. A record that comes later opens it again, as after `logging.config`, which closes all."""
        with self.lock or nullcontext():
            for descriptor in (self._file, self._lock_file):
                if descriptor is not None:
                    os.close(descriptor)
            self._file = self._lock_file = None
        super().close()

    def _write(self, line: bytes) -> None:
        with self._alone() as is_alone:
            descriptor = self._opened()
            size = os.fstat(descriptor).st_size
            if is_alone and size > 0 and size + len(line) > self._max_bytes:
                self._rotate()
                descriptor = self._opened()
            written = os.write(descriptor, line)
            if written < len(line):
                os.write(descriptor, line[written:])

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Wait until no other process writes; whether that could be had within the longest wait."""
        if self._lock_file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name(f".{self.path.name}.lock")
            self._lock_file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        until = time.monotonic() + _LONGEST_WAIT
        while not (got := _try_to_lock(self._lock_file)) and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN)
        try:
            yield got
        finally:
            if got:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _opened(self) -> int:
        """Give the file that stands at the path now, which is another once some process has rotated it."""
        if self._file is not None:
            ours = os.fstat(self._file)
            try:
                there = self.path.stat()
            except FileNotFoundError:
                there = None
            if there is not None and (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev):
                return self._file
            os.close(self._file)
            self._file = None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        return self._file

    def _rotate(self) -> None:
        if self._backup_count == 0:
            self.path.unlink(missing_ok=True)
            return
        for number in range(self._backup_count - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _fails(self, reason: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._complain(
                f"config.yaml: logging.file: {self.path} cannot be written: {reason}. Correct its folder, owner or "
                "mode, or make room; until then the lines are on the console only."
            )


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
