"""One rotating log file that several processes write to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

_MODE = 0o640


class RotatingFile(ConcurrentRotatingFileHandler):
    """Appends lines to a file that page, daemon, code server and runs share.

    A line that cannot be written (full disk, no permission) is dropped. That is reported once, not once per line.

    Args:
        path: The file; its folder is made when it is not there.
        max_bytes: Size at which the file is rotated. [byte]
        backup_count: How many rotated files are kept: `<path>.1` is the newest. With 0 the file begins anew.
        report: Takes the sentence that says why the file cannot be written.
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
        # What the disk did not take stays in the buffer of the stream.
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
