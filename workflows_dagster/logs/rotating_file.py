"""A rotating log file shared by several processes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

_MODE = 0o640


class RotatingFile(ConcurrentRotatingFileHandler):
    """Appends lines to a file shared by page, daemon, code server and runs.

    Lines that cannot be written (full disk, no permission) are dropped; this is reported once.

    Args:
        path: The file; its folder is created if needed.
        max_bytes: Size at which the file is rotated. [byte]
        backup_count: Number of rotated files to keep; `<path>.1` is the newest. With 0 the file is truncated.
        report: Called with a sentence why the file cannot be written.
    """

    def __init__(self, path: Path, max_bytes: int, backup_count: int, report: Callable[[str], None]) -> None:
        super().__init__(
            str(path), maxBytes=max_bytes, backupCount=backup_count, encoding="utf-8", chmod=_MODE,
            unicode_error_policy="replace",
        )  # fmt: skip
        self._path = path
        self._report = report
        self._is_failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if self.stream is None:
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
        super().emit(record)

    def do_write(self, msg: str) -> None:
        """Write one line while the lock is held."""
        super().do_write(msg)
        self._is_failing = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Report the first of several failures."""
        # Unwritten bytes remain in the stream's buffer.
        with suppress(OSError):
            self.close()
        error = sys.exc_info()[1]
        if not self._is_failing:
            self._is_failing = True
            reason = (getattr(error, "strerror", None) or type(error).__name__).lower()
            self._report(
                f"config.yaml: logging.file: {self._path} cannot be written: {reason}. Correct its folder, owner or "
                "mode, or make room; until then the lines are on the console only."
            )
