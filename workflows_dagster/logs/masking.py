"""Replaces the secrets of this process in texts and log records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from workflows_dagster.settings.mask import Mask

_formatter = logging.Formatter()
_mask = Mask()


def masked(text: str) -> str:
    """Mask the secrets of this process (see `know`) in a text."""
    return _mask(text)


def know(secrets: Iterable[str]) -> None:
    """Set the secrets of this process, replacing the previous ones."""
    global _mask
    _mask = Mask(secrets)


def mask_records() -> Callable[[], None]:
    """Mask every log record of this process when it is created: message, arguments, traceback.

    So foreign handlers (Dagster's event log, those of libraries) get no secrets either.

    Returns:
        A function that stops the masking.
    """
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(lambda *args, **named: _without_secrets(before(*args, **named)))
    return lambda: logging.setLogRecordFactory(before)


def _without_secrets(record: logging.LogRecord) -> logging.LogRecord:
    try:
        text = record.getMessage()
    except Exception:
        # Arguments that do not fit the message; the logging library would print them unmasked.
        record.msg, record.args = f"{record.msg!s} {record.args!r}", ()
        text = record.msg
    clean = masked(text)
    if clean != text:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[0] is not None:
        # Formatters use this text instead of the exception.
        record.exc_text = masked(_formatter.formatException(record.exc_info))
    if record.stack_info:
        record.stack_info = masked(record.stack_info)
    return record
