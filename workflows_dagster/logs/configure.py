"""Logging of a whole process: our lines on the console and in the file, in place of what libraries set up there."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TextIO, cast

from workflows_dagster.logs.console import Console, MaskedStream, PrintedLines
from workflows_dagster.logs.formats import JsonLines, TextLines
from workflows_dagster.logs.masking import know
from workflows_dagster.logs.plan import LogPlan
from workflows_dagster.logs.records import mask_records
from workflows_dagster.logs.rotating import SharedRotatingFile

_log = logging.getLogger(__name__)
_undo: list[Callable[[], None]] = []
# Their lines are the owner's business from `level` on; those of other libraries from WARNING on, or INFO with DEBUG.
_OUR_LOGGERS = ("workflows_dagster", "dagster", "dagster-webserver", "stdout", "stderr")


class HouseLogger(logging.Logger):
    """A logger that leaves the console to the process.

    Dagster gives each run and each look of a sensor a logger of its own, outside of the tree of loggers, with coloured
    lines on the console. This class, named to `logging.setLoggerClass`, hangs such a logger under the root instead.
    """

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802
        """Add a handler, unless it writes to the console."""
        if not _writes_to_console(hdlr):
            super().addHandler(hdlr)
        elif self.parent is None:
            self.parent = logging.getLogger()


def is_configured() -> bool:
    """Tell whether this process logs in the house's way already."""
    return bool(_undo)


def configure_service(
    plan: LogPlan, process: str, stream: TextIO, logger_class: type[HouseLogger] = HouseLogger
) -> None:
    """Make a long-running process log in the house's way, whoever in it logs or prints.

    Everything goes through the root's two handlers. Libraries that set up the console by themselves (Dagster and
    uvicorn, through `logging.config`) are kept from it, by the means that the standard library has for this.
    None of it is in Dagster's `python_logs`: a root logger that Dagster manages writes into its event log from within,
    and can wait there for itself for ever.

    Args:
        plan: How.
        process: What this process is: `webserver`, `daemon`, `code` or `run`.
        stream: Where the lines go beside the file.
        logger_class: Class of the loggers that are made from now on.
    """
    unconfigure()
    _handlers(plan, process, stream, logging.getLevelName(plan.level))
    _take_logging_config(plan.level)
    _take_loggers(logger_class)
    _take_streams(PrintedLines)
    _take_uncaught()
    if plan.problem:
        _log.warning("logging: %s Logged with level %s as %s.", plan.problem, plan.level, plan.form)


def configure_command(plan: LogPlan, stream: TextIO) -> None:
    """Make a command at the terminal log: warnings on the terminal as text, everything in the file; print no secret.

    Args:
        plan: How; its form is the file's alone.
        stream: The terminal, standard error as a rule.
    """
    unconfigure()
    _handlers(plan, "meters", stream, logging.WARNING)
    _take_streams(lambda before, _name, _level: cast(TextIO, MaskedStream(before)))


def unconfigure() -> None:
    """Put everything back as it was before."""
    while _undo:
        _undo.pop()()


def _handlers(plan: LogPlan, process: str, stream: TextIO, console_level: int) -> None:
    know(plan.secrets)
    _undo.append(mask_records())
    root = logging.getLogger()
    console = Console(stream)
    is_json = plan.form == "json"
    is_terminal = process == "meters"
    console.setFormatter(JsonLines(process) if is_json and not is_terminal else TextLines(process))
    console.setLevel(console_level)
    handlers: list[logging.Handler] = [console]
    if plan.file is not None:
        file = SharedRotatingFile(plan.file, plan.max_bytes, plan.backup_count, _complaining(console))
        file.setFormatter(JsonLines(process) if is_json else TextLines(process))
        file.setLevel(plan.level)
        handlers.append(file)
    for handler in handlers:
        root.addHandler(handler)
        _undo.append(_removing(root, handler))
    others = logging.INFO if plan.level == "DEBUG" else max(logging.WARNING, logging.getLevelName(plan.level))
    for name, level in [("", others), *((name, logging.getLevelName(plan.level)) for name in _OUR_LOGGERS)]:
        logger = logging.getLogger(name)
        _undo.append(_setting_level(logger, logger.level))
        logger.setLevel(level)
    logging.captureWarnings(True)
    _undo.append(lambda: logging.captureWarnings(False))


def _complaining(console: Console) -> Callable[[str], None]:
    def complain(sentence: str) -> None:
        # Not through the loggers: the file's own handler would be asked again.
        record = logging.LogRecord(__name__, logging.ERROR, __file__, 0, sentence, (), None)
        console.handle(record)

    return complain


def _removing(logger: logging.Logger, handler: logging.Handler) -> Callable[[], None]:
    def remove() -> None:
        logger.removeHandler(handler)
        handler.close()

    return remove


def _setting_level(logger: logging.Logger, level: int) -> Callable[[], None]:
    return lambda: logger.setLevel(level)


def _take_logging_config(level: str) -> None:
    """Keep the configurations that libraries give to `logging.config` away from the console.

    `dictConfigClass` is there to be replaced (Python's documentation of `logging.config.dictConfig`).
    """
    module = cast(Any, logging.config)
    before = module.dictConfigClass

    def without_console(config: dict[str, Any]) -> Any:
        return before(_without_console(config, level))

    module.dictConfigClass = without_console
    _undo.append(lambda: setattr(module, "dictConfigClass", before))


def _without_console(config: dict[str, Any], level: str) -> dict[str, Any]:
    consoles = {
        name
        for name, handler in config.get("handlers", {}).items()
        if isinstance(handler, Mapping) and handler.get("class") in ("logging.StreamHandler", logging.StreamHandler)
    }
    loggers = dict(config.get("loggers", {}))
    for name, logger in loggers.items():
        kept = [handler for handler in logger.get("handlers", ()) if handler not in consoles]
        if len(kept) < len(list(logger.get("handlers", ()))):
            loggers[name] = {**logger, "handlers": kept, "propagate": True, "level": level}
    changed = {**config, "loggers": loggers}
    if "root" in config:
        root = config["root"]
        changed["root"] = {**root, "handlers": [name for name in root.get("handlers", ()) if name not in consoles]}
    return changed


def _take_loggers(logger_class: type[HouseLogger]) -> None:
    before = logging.getLoggerClass()
    logging.setLoggerClass(logger_class)
    _undo.append(lambda: logging.setLoggerClass(before))
    for logger in [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]:
        for handler in list(logger.handlers):
            if _writes_to_console(handler):
                logger.removeHandler(handler)
                logger.propagate = True


def _take_streams(stand_in: Callable[[TextIO, str, int], TextIO | PrintedLines]) -> None:
    for name, level in (("stdout", logging.INFO), ("stderr", logging.WARNING)):
        before: TextIO = getattr(sys, name)
        setattr(sys, name, stand_in(before, name, level))
        _undo.append(lambda name=name, before=before: setattr(sys, name, before))  # type: ignore[misc]


def _take_uncaught() -> None:
    main_before, thread_before = sys.excepthook, threading.excepthook

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            main_before(kind, error, trace)
        else:
            _log.critical("The process ends with an error that nothing expected.", exc_info=(kind, error, trace))

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            name = args.thread.name if args.thread else "unknown"
            failure = (args.exc_type, args.exc_value, args.exc_traceback)
            _log.critical("Thread %s ends with an error that nothing expected.", name, exc_info=failure)

    sys.excepthook, threading.excepthook = uncaught, uncaught_in_thread

    def put_back() -> None:
        sys.excepthook, threading.excepthook = main_before, thread_before

    _undo.append(put_back)


def _writes_to_console(handler: logging.Handler) -> bool:
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    stream = handler.stream
    return stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) or isinstance(stream, PrintedLines)
