"""Writes log lines to the console, and captures what other code prints there."""

from __future__ import annotations

import io
import logging
import threading
from contextlib import suppress
from typing import Any, TextIO, cast

from workflows_dagster.domain.printable import printable
from workflows_dagster.logs.masking import masked


class Console(logging.Handler):
    """Writes each record to a stream at once.

    Not a `logging.StreamHandler`, because libraries that colour the console replace those.

    Args:
        stream: Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a failure is ignored, since there is nowhere to report it."""
        with suppress(Exception):
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            self._stream.write(self.format(record).encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()


class MaskedStream:
    """Replaces the standard output or error of a command: masks secrets and escapes control characters.

    A server may quote what it was sent, and an error of ours may quote the server.

    Args:
        original: The stream that it replaces.
    """

    def __init__(self, original: TextIO) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def write(self, text: str) -> int:
        """Write a text with secrets masked and control characters escaped."""
        self._original.write(printable(masked(text), "\n\t"))
        return len(text)

    @property
    def styled(self) -> TextIO:
        """A stream for callers that write colours and escape control characters themselves; it masks secrets too."""
        return cast(TextIO, _StyledStream(self._original))


class _StyledStream(MaskedStream):
    """Lets control characters through."""

    def write(self, text: str) -> int:
        """Write a text with secrets masked."""
        self._original.write(masked(text))
        return len(text)


class PrintedLines(io.TextIOBase):
    """Replaces the standard output or error of a service: each printed line becomes a log record.

    Dagster and libraries print lines and tracebacks; as log records they get a time stamp and masked secrets.

    Args:
        original: The stream that it replaces.
        name: Its name, `stdout` or `stderr`, which becomes the logger's.
        level: Level of the records.
    """

    def __init__(self, original: TextIO, name: str, level: int) -> None:
        super().__init__()
        self._original = original
        self._logger = logging.getLogger(name)
        self._level = level
        self._thread = threading.local()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the original stream."""
        return self._original.encoding

    def fileno(self) -> int:
        """Give the descriptor of the original stream, which child processes inherit."""
        return self._original.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Take a piece of text; each line that it completes is logged."""
        if getattr(self._thread, "is_logging", False):
            # Something prints while a line is being logged; logging that too would recurse for ever.
            self._original.write(masked(text))
            return len(text)
        *lines, self._thread.rest = (getattr(self._thread, "rest", "") + text).split("\n")
        self._thread.is_logging = True
        try:
            for line in lines:
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip())
        finally:
            self._thread.is_logging = False
        return len(text)
