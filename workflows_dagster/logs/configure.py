"""Configures the logging of a whole process, replacing the console handlers that libraries set up."""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, TextIO, cast

from workflows_dagster.logs.config import LogConfig
from workflows_dagster.logs.console import Console, MaskedStream, PrintedLines
from workflows_dagster.logs.formats import JsonLines, TextLines
from workflows_dagster.logs.masking import know, mask_records

_log = logging.getLogger(__name__)
# Restores the previous state; empty while nothing is configured.
_restore: list[ExitStack] = []
# Logged from `level` on; other libraries from WARNING on, or INFO with DEBUG.
_OUR_LOGGERS = ("workflows_dagster", "dagster", "dagster-webserver", "stdout", "stderr")


class HouseLogger(logging.Logger):
    """A logger that accepts no console handlers of its own.

    Dagster gives each run and each sensor tick a logger outside the tree of loggers, with coloured lines on the
    console. With this class set by `logging.setLoggerClass`, such a logger becomes a child of the root instead.
    """

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802
        """Add a handler, unless it writes to the console."""
        if not _writes_to_console(hdlr):
            super().addHandler(hdlr)
        elif self.parent is None:
            self.parent = logging.getLogger()


def is_configured() -> bool:
    """Tell whether this process is configured already."""
    return bool(_restore)


def configure_service(
    config: LogConfig, process: str, stream: TextIO, logger_class: type[HouseLogger] = HouseLogger
) -> None:
    """Configure a service: everything that it logs or prints becomes a line in one format.

    Everything goes through the root's two handlers. Libraries that would set up the console themselves (Dagster and
    uvicorn, through `logging.config`) are prevented by means of the standard library. Dagster's `python_logs` is not
    used: a root logger that Dagster manages writes into the event log recursively and can deadlock.

    Args:
        config: The log configuration.
        process: Role of this process: `webserver`, `daemon`, `code` or `run`.
        stream: The console.
        logger_class: Class of loggers made from now on.
    """
    unconfigure()
    restore = _add_handlers(config, process, stream, logging.getLevelName(config.level))
    _replace_dict_config(restore, config.level)
    restore.callback(logging.setLoggerClass, logging.getLoggerClass())
    logging.setLoggerClass(logger_class)
    _remove_console_handlers()
    _replace_streams(restore, PrintedLines)
    if config.problem:
        _log.warning("logging: %s Logged with level %s as %s.", config.problem, config.level, config.form)


def configure_command(config: LogConfig, stream: TextIO) -> None:
    """Configure a command: warnings as text on the terminal, everything in the file, secrets masked in its output.

    Args:
        config: The log configuration; its form applies to the file only.
        stream: The terminal, usually standard error.
    """
    unconfigure()
    restore = _add_handlers(config, "meters", stream, logging.WARNING)
    _replace_streams(restore, lambda original, _name, _level: cast(TextIO, MaskedStream(original)))


def unconfigure() -> None:
    """Restore the previous logging."""
    while _restore:
        _restore.pop().close()


def _add_handlers(config: LogConfig, process: str, stream: TextIO, console_level: int) -> ExitStack:
    restore = ExitStack()
    _restore.append(restore)
    know(config.secrets)
    restore.callback(mask_records())
    text = TextLines(process)
    lines = JsonLines(process) if config.form == "json" else text
    console = Console(stream)
    console.setFormatter(text if process == "meters" else lines)
    console.setLevel(console_level)
    handlers: list[logging.Handler] = [console]
    if config.file is not None:
        # Slow to import, and not every house logs to a file.
        from workflows_dagster.logs.rotating_file import RotatingFile

        file = RotatingFile(config.file, config.max_bytes, config.backup_count, _reporter(console))
        file.setFormatter(lines)
        file.setLevel(config.level)
        handlers.append(file)
    root = logging.getLogger()
    for handler in handlers:
        root.addHandler(handler)
        restore.callback(handler.close)
        restore.callback(root.removeHandler, handler)
    others = logging.INFO if config.level == "DEBUG" else max(logging.WARNING, logging.getLevelName(config.level))
    for name, level in {"": others, **dict.fromkeys(_OUR_LOGGERS, config.level)}.items():
        logger = logging.getLogger(name)
        restore.callback(logger.setLevel, logger.level)
        logger.setLevel(level)
    logging.captureWarnings(True)
    restore.callback(logging.captureWarnings, False)
    return restore


def _reporter(console: Console) -> Callable[[str], None]:
    def report(sentence: str) -> None:
        # Not through the loggers, which would call the file's handler again.
        console.handle(logging.LogRecord(__name__, logging.ERROR, __file__, 0, sentence, (), None))

    return report


def _replace_dict_config(restore: ExitStack, level: str) -> None:
    """Ignore the console handlers in configurations that libraries pass to `logging.config`.

    `dictConfigClass` is meant to be replaced (Python's documentation of `logging.config.dictConfig`).
    """
    module = cast(Any, logging.config)
    original = module.dictConfigClass
    restore.callback(setattr, module, "dictConfigClass", original)
    module.dictConfigClass = lambda config: original(_without_console(config, level))


def _without_console(config: dict[str, Any], level: str) -> dict[str, Any]:
    consoles = {
        name
        for name, handler in config.get("handlers", {}).items()
        if isinstance(handler, Mapping) and handler.get("class") in ("logging.StreamHandler", logging.StreamHandler)
    }

    def kept(logger: Mapping[str, Any]) -> list[str]:
        return [name for name in logger.get("handlers", ()) if name not in consoles]

    loggers = {
        name: {**logger, "handlers": kept(logger), "propagate": True, "level": level}
        if consoles.intersection(logger.get("handlers", ()))
        else logger
        for name, logger in config.get("loggers", {}).items()
    }
    root = {"root": {**config["root"], "handlers": kept(config["root"])}} if "root" in config else {}
    return {**config, "loggers": loggers, **root}


def _remove_console_handlers() -> None:
    for logger in [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]:
        for handler in list(logger.handlers):
            if _writes_to_console(handler):
                logger.removeHandler(handler)
                logger.propagate = True


def _replace_streams(restore: ExitStack, replacement: Callable[[TextIO, str, int], TextIO | PrintedLines]) -> None:
    for name, level in (("stdout", logging.INFO), ("stderr", logging.WARNING)):
        original: TextIO = getattr(sys, name)
        restore.callback(setattr, sys, name, original)
        setattr(sys, name, replacement(original, name, level))


def _writes_to_console(handler: logging.Handler) -> bool:
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    stream = handler.stream
    return stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) or isinstance(stream, PrintedLines)
