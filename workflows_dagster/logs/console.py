"""The console: our lines on it, and what others print there made into lines as well."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any, TextIO

from workflows_dagster.logs.masking import masked


class Console(logging.Handler):
    """Writes each record to a stream at once.

    It is no `logging.StreamHandler` on purpose: libraries that colour the console look for those and take them away.

    Args:
        stream: Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self.say(self.format(record))
        except Exception:
            # There is nowhere left to say so.
            return

    def say(self, line: str) -> None:
        """Write a line as it is."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()


class MaskedStream:
    """Stands in for the standard output or error of a command: what is printed holds no secret.

    A sentence of ours may quote a server, and a server may quote what it was sent, in whatever spelling.

    Args:
        behind: The stream that it stands in for.
    """

    def __init__(self, behind: TextIO) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    def write(self, text: str) -> int:
        """Write a text without the secrets in it.

        Raises:
            TypeError: It is no text.
        """
        self._behind.write(masked(text))
        return len(text)


class PrintedLines(io.TextIOBase):
    """Stands in for the standard output or error of a service: a line that is printed becomes a log record.

    Dagster and libraries print here and there, tracebacks too; so no line lacks its time or holds a secret.

    Args:
        behind: The stream that it stands in for.
        name: Its name, `stdout` or `stderr`, which becomes the logger's.
        level: Level of the records.
    """

    def __init__(self, behind: TextIO, name: str, level: int) -> None:
        super().__init__()
        self._behind = behind
        self._logger = logging.getLogger(name)
        self._level = level
        self._within = threading.local()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream behind."""
        return self._behind.encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What happens to characters that it cannot hold."""
        return "backslashreplace"

    def fileno(self) -> int:
        """Give the descriptor of the stream behind, which child processes inherit."""
        return self._behind.fileno()

    def isatty(self) -> bool:
        """Tell that this is no terminal, so that nobody colours what is printed."""
        return False

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take a piece of text; each line that it completes is logged.

        Raises:
            TypeError: It is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"a text is needed, not {type(text).__name__}")
        if getattr(self._within, "is_logging", False):
            # Somebody prints while a line is being logged: logging it would go round for ever.
            self._behind.write(masked(text))
            return len(text)
        *lines, rest = (getattr(self._within, "rest", "") + text).split("\n")
        self._within.rest = rest
        self._within.is_logging = True
        try:
            for line in lines:
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip())
        finally:
            self._within.is_logging = False
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind; a line that is not complete waits for its end."""
        self._behind.flush()
