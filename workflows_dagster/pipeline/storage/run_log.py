"""Writes Dagster's messages about runs to the house's log, with run, asset and partitions, and secrets masked."""

import copy
import logging
import multiprocessing
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workflows_dagster.logs.config import LogConfig
from workflows_dagster.logs.configure import HouseLogger, configure_service, is_configured
from workflows_dagster.logs.context import RunContext, follow_run
from workflows_dagster.logs.masking import know, masked
from workflows_dagster.pipeline.storage.version import TESTED_MINOR

_log = logging.getLogger(__name__)

_META = "dagster_meta"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_PARTITION = "dagster/partition"
_RUN_IS_OVER = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})
_STEP_IS_OVER = frozenset({"STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED", "STEP_UP_FOR_RETRY"})
_FOLLOWED = _RUN_IS_OVER | _STEP_IS_OVER | {"PIPELINE_START", "STEP_START", "STEP_RESTARTED"}


class RunLogger(HouseLogger):
    """Translates the records of a Dagster run, and tracks the current run and step of this process.

    Dagster makes the console logger of a run from `logging.getLoggerClass()` and gives it every event, whatever its
    level. So lines that libraries log meanwhile can be assigned to the run without loggers managed by Dagster, which
    would write to the event log recursively.
    """

    def log(self, level: int, msg: object, *args: Any, **named: Any) -> None:
        """Log a message; a run's events are tracked even if their level is not logged."""
        meta = (named.get("extra") or {}).get(_META)
        event = meta.get("dagster_event") if isinstance(meta, Mapping) else None
        if meta is not None and event is not None and event.event_type_value in _FOLLOWED:
            _follow(meta, event.event_type_value)
        super().log(level, msg, *args, **named)

    def handle(self, record: logging.LogRecord) -> None:
        """Pass on a record, with the plain message instead of Dagster's line that repeats job, run and step."""
        meta = getattr(record, _META, None)
        super().handle(_translated(record, meta) if isinstance(meta, Mapping) else record)


def mask_errors() -> None:
    """Make Dagster mask secrets in every error that it stores or sends: event log, ticks, GraphQL, other processes.

    All of them pass through one constructor, which has no public name. It is patched with every version of Dagster,
    because unmasked errors may show a secret; tests cover the tested version.
    """
    try:
        from dagster_shared.error import SerializableErrorInfo

        original = SerializableErrorInfo.from_traceback.__func__  # type: ignore[attr-defined]
    except (ImportError, AttributeError):
        _log.error(
            "Dagster keeps its errors in a way that is not known here, so secrets in them are not masked. Install "
            "Dagster %s.",
            TESTED_MINOR,
        )
        return
    if getattr(original, "masks", False):
        return

    def from_traceback(cls: type[SerializableErrorInfo], tb: traceback.TracebackException) -> SerializableErrorInfo:
        # Causes and contexts pass through here one by one.
        info: SerializableErrorInfo = original(cls, tb)
        return info._replace(message=masked(info.message), stack=[masked(line) for line in info.stack])

    from_traceback.masks = True  # type: ignore[attr-defined]
    SerializableErrorInfo.from_traceback = classmethod(from_traceback)  # type: ignore[method-assign,assignment]


def keep_secret(secrets: Iterable[str]) -> None:
    """Mask these secrets in everything that this process logs or Dagster stores."""
    know(secrets)
    mask_errors()


def log_code_location(config: Callable[[], LogConfig]) -> None:
    """Configure the logging of a code server or run; other processes that load the graph are left unchanged.

    Args:
        config: Gives the configuration; called only if needed.
    """
    mask_errors()
    process = _process(sys.argv[1:])
    if process is not None and not is_configured():
        configure_service(config(), process, sys.stdout, RunLogger)


def _process(arguments: list[str]) -> str | None:
    """Give this process's role, from Dagster's command line, which a run inherits from its code server."""
    if arguments[:1] not in (["api"], ["code-server"]):
        return None
    is_run = any(argument in ("execute_run", "resume_run", "execute_step") for argument in arguments[1:2])
    return "run" if is_run or _is_child() else "code"


def _is_child() -> bool:
    # The code server starts each run through `multiprocessing`.
    return multiprocessing.parent_process() is not None


def _follow(meta: Mapping[str, Any], event: str) -> None:
    if event in _RUN_IS_OVER:
        follow_run(None)
    else:
        context = _context(meta)
        if context is not None and event in _STEP_IS_OVER:
            context = RunContext(context.run, context.job, None, context.partitions)
        follow_run(context)


def _context(meta: Mapping[str, Any]) -> RunContext | None:
    run = meta.get("run_id")
    if not run:
        return None
    event, tags = meta.get("dagster_event"), meta.get("job_tags") or {}
    asset_key = getattr(event, "asset_key", None)
    first, last = (tags.get(name) for name in _RANGE)
    return RunContext(
        run=run,
        job=meta.get("job_name"),
        asset=asset_key.to_user_string() if asset_key is not None else meta.get("step_key"),
        partitions=f"{first}...{last}" if first and last else tags.get(_PARTITION),
    )


def _translated(record: logging.LogRecord, meta: Mapping[str, Any]) -> logging.LogRecord:
    translated = copy.copy(record)
    message = meta.get("orig_message")
    ticking = meta.get("name")
    if message is not None:
        translated.msg = f"{ticking}: {message}" if ticking else message
        translated.args = ()
    event = meta.get("dagster_event")
    extras = vars(translated)
    extras["run_context"] = _context(meta)
    if event is not None:
        extras["event"] = event.event_type_value
        error = getattr(event.event_specific_data, "error", None)
        if error is not None:
            extras["failure"] = error.to_string().strip()
    return translated
