"""Marks runs whose process has died as failed, so that the queue is not blocked.

Dagster's default launcher starts each run as a child of the code server, and notices a child that dies while the code
server is running. If a power cut or a restart ends both, the run counts as running until `max_runtime_seconds` have
passed, and blocks the queue. Sensors are evaluated by the code server, on the machine and in the container of its runs,
so a sensor can check for the process.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance

LOOK_SECONDS = 60
_GONE = (
    "The process of this run (pid {}) is gone: the code server was ended with it, or the power was cut. What it had "
    "written stays; the days that are missing are computed again."
)
_NEVER_STARTED = (
    "No process was started for this run within {} s: the daemon was ended as it asked for one, or the power was cut. "
    "A process that comes late does nothing."
)
# Longer than the code server needs to start a process. [s]
START_SECONDS = 60
_STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")
_PROCESSES = Path("/proc")
# Command line of the code server's children. After a restart another program may have the same process id.
_CHILD = b"multiprocessing.spawn"


def _now() -> datetime:
    return datetime.now(UTC)


def lost_runs_sensor(seconds: int = LOOK_SECONDS, now: Callable[[], datetime] = _now) -> dg.SensorDefinition:
    """Build the sensor that marks runs as failed if their process has died or was never started.

    Args:
        seconds: Shortest time between two ticks. [s]
        now: Gives the present.
    """

    @dg.sensor(
        name="lost_runs",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sees that the process of a run is gone, after a power cut or a restart, so that no other waits "
        "for it. A run that asks for it is then tried again.",
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = list(_lost(context.instance, now()))
        for run, process in found:
            reason = _NEVER_STARTED.format(START_SECONDS) if process is None else _GONE.format(process)
            context.instance.report_run_failed(run, reason)
            what = "it never got a process" if process is None else f"its process (pid {process}) is gone"
            context.log.warning(f"Run {run.run_id[:8]} of job '{run.job_name}': {what}.")
        return dg.SkipReason(f"{len(found)} runs had lost their process." if found else "Every run has its process.")

    return lost_runs


def process_of(instance: DagsterInstance, run_id: str) -> int | None:
    """Give the id of the process that the code server started for a run; None if it was started otherwise.

    It is parsed from a log message of Dagster. If that changes, nothing is found, and `max_runtime_seconds` applies.
    """
    of_engine = instance.event_log_storage.get_logs_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    for entry in reversed(of_engine):
        found = _STARTED.match((entry.dagster_event.message if entry.dagster_event else None) or "")
        if found:
            return int(found[1])
    return None


def _lost(instance: DagsterInstance, now: datetime) -> Iterator[tuple[dg.DagsterRun, int | None]]:
    # Other launchers start runs elsewhere; Dagster checks those itself.
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return
    under_way = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
    for record in instance.get_run_records(dg.RunsFilter(statuses=under_way)):
        run = record.dagster_run
        process = process_of(instance, run.run_id)
        # Only the launcher sets STARTING; runs in another process, such as `meters backfill`, never have it.
        is_late = now - record.update_timestamp > timedelta(seconds=START_SECONDS)
        never_started = process is None and run.status == dg.DagsterRunStatus.STARTING and is_late
        if never_started or (process is not None and not _lives(process)):
            current = instance.get_run_by_id(run.run_id)
            # It may have succeeded between the two queries.
            if current is not None and current.status in under_way:
                yield current, process


def _lives(process: int) -> bool:
    if _PROCESSES.joinpath("self").exists():
        try:
            return _CHILD in _PROCESSES.joinpath(str(process), "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
