"""Formats log records as JSON lines or as text, in UTC, with secrets masked."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from workflows_dagster.domain.printable import printable
from workflows_dagster.logs.context import RunContext, current_run
from workflows_dagster.logs.masking import masked

_SHOWN_OF_A_RUN_ID = 8
# JSON itself escapes what is below a blank.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object on one line.

    Keys, those without a value left out: `time` (UTC, ISO 8601 with milliseconds), `level`, `logger`, `message`,
    `process` and `pid`, `run`, `job`, `asset`, `partitions`, `event` (Dagster's), `exception` (with traceback).

    Args:
        process: Role of this process, such as `daemon`.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without line break."""
        context = _context_of(record)
        event = getattr(record, "event", None)
        line = {
            "time": _utc(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": self._process,
            "pid": record.process,
            "run": context and context.run,
            "job": context and context.job,
            "asset": context and context.asset,
            "partitions": context and context.partitions,
            "event": event if isinstance(event, str) else None,
            "exception": _traceback(self, record),
        }
        text = json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False)
        return masked(_UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


class TextLines(logging.Formatter):
    """Formats a record as text: time, level, run with asset and partitions, logger, message; a traceback below.

    Args:
        process: Role of this process, such as `daemon`.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line and those of a traceback, without final line break."""
        context = _context_of(record)
        within = ""
        if context is not None:
            known = [f"run {context.run[:_SHOWN_OF_A_RUN_ID]}", context.asset, context.partitions]
            within = f" [{' '.join(word for word in known if word)}]"
        trace = _traceback(self, record)
        # Further lines of a message are set in: none of them passes for a line of its own.
        message = record.getMessage().replace("\n", "\n    ")
        text = f"{_utc(record)} {record.levelname} {self._process}{within} {record.name}: {message}"
        return printable(masked(f"{text}\n{trace}" if trace else text), "\n\t")


def _context_of(record: logging.LogRecord) -> RunContext | None:
    """Give a record's run: its own (attribute `run_context`), else the process's current one."""
    own = getattr(record, "run_context", None)
    return own if isinstance(own, RunContext) else current_run()


def _utc(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """Give the traceback of the record, or of the run's failure that it reports (attribute `failure`)."""
    parts = [getattr(record, "failure", None), record.exc_text, record.stack_info]
    if not record.exc_text and record.exc_info and record.exc_info[0] is not None:
        parts[1] = formatter.formatException(record.exc_info)
    found = [part for part in parts if isinstance(part, str) and part]
    return "\n".join(found) or None
