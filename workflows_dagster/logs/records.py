"""Log records that hold no secret from their first moment on, whoever keeps or formats them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from workflows_dagster.logs.masking import masked

_formatter = logging.Formatter()


def mask_records() -> Callable[[], None]:
    """Have every log record of this process masked when it is made: message, arguments, traceback.

    A handler that is not ours (Dagster's event log, a library's own) then sees no secret either.

    Returns:
        A function that ends it.
    """
    before = logging.getLogRecordFactory()

    def make(*args: Any, **named: Any) -> logging.LogRecord:
        return _without_secrets(before(*args, **named))

    logging.setLogRecordFactory(make)

    def end() -> None:
        if logging.getLogRecordFactory() is make:
            logging.setLogRecordFactory(before)

    return end


def _without_secrets(record: logging.LogRecord) -> logging.LogRecord:
    try:
        text = record.getMessage()
    except Exception:
        # Arguments that do not fit would be printed as they are, to the console.
        record.msg, record.args = masked(f"{record.msg!s} {record.args!r}"), ()
    else:
        clean = masked(text)
        if clean != text:
            record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[0] is not None:
        # Formatters use what stands here already instead of the exception itself.
        record.exc_text = masked(_formatter.formatException(record.exc_info))
    if record.stack_info:
        record.stack_info = masked(record.stack_info)
    return record
