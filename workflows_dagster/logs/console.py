"""The console: our lines on it, and what others print there."""

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

    It is no `logging.StreamHandler`: libraries that colour the console replace those.

    Args:
        stream: Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; where that fails, nothing is left to report it to."""
        with suppress(Exception):
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            self._stream.write(self.format(record).encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()


class MaskedStream:
    """Replaces the standard output or error of a command: what is printed holds no secret and steers no terminal.

    A server may quote what it was sent, and an error of ours may quote the server.

    Args:
        original: The stream that it replaces.
    """

    def __init__(self, original: TextIO) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def write(self, text: str) -> int:
        """Write a text without the secrets in it, and with control characters escaped."""
        self._original.write(printable(masked(text), "\n\t"))
        return len(text)

    @property
    def styled(self) -> TextIO:
        """A stream for those who write colours and escape what they were given themselves; it masks secrets too."""
        return cast(TextIO, _StyledStream(self._original))


class _StyledStream(MaskedStream):
    """Lets control characters through."""

    def write(self, text: str) -> int:
        """Write a text without the secrets in it."""
        self._original.write(masked(text))
        return len(text)


class PrintedLines(io.TextIOBase):
    """Replaces the standard output or error of a service: each printed line becomes a log record.

    Dagster and libraries print here and there, tracebacks too; so every line has its time and holds no secret.

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
        """Tell that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take a piece of text; each line that it completes is logged."""
        if getattr(self._thread, "is_logging", False):
            # Something prints while a line is being logged: logging it too would never end.
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
