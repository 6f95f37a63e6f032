"""Dagster's home: the folder that holds dagster.yaml, the event log, the runs and the schedules."""

import os
import tempfile
from pathlib import Path

from workflows_dagster.maintenance.generations import settle
from workflows_dagster.settings.dagster_home import HOME_VARIABLE

INSTANCE_FILE_NAME = "dagster.yaml"

INSTANCE_FILE = """\
# Dagster's instance file. It belongs into the folder that DAGSTER_HOME names; a copy there is yours to edit, nothing
# overwrites it. Every path below is under that folder, so it may be moved as a whole while nothing runs.

# Stock SQLite, but with the events of a step in one transaction: seconds where stock takes minutes. The databases are
# the same, in the stock folder (history/runs); without this section the stock storage continues with the same history.
# Runs and schedules are in stock SQLite, which needs no section: history/runs.db and schedules/.
event_log_storage:
  module: workflows_dagster.pipeline.storage.event_log
  class: BatchingSqliteEventLogStorage
  config:
    home:
      env: DAGSTER_HOME

# One run at a time: SQLite has one writer, so two runs would wait for each other, and two runs over the same days would
# write the same points. Other requested runs wait in the queue.
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: 1
    # After a power cut the daemon may be up before the code server: wait for it instead of failing the run.
    max_user_code_failure_retries: 5
    user_code_failure_retry_delay: 30

# A run ended by a power cut still counts as running, and with one run at a time it would block the queue for ever.
# So no run may take longer than an hour; raise this on a machine where the first backfill needs more.
run_monitoring:
  enabled: true
  max_runtime_seconds: 3600
  # A run started by hand (meters backfill) is "not started" while it announces its partitions; slow disks take minutes.
  start_timeout_seconds: 900
  cancel_timeout_seconds: 180
  poll_interval_seconds: 60

# Every schedule here depends on the present state only: after a week off, one tick catches up with everything.
scheduler:
  module: dagster.core.scheduler
  class: DagsterDaemonScheduler
  config:
    max_catchup_runs: 1

# A failed run is retried only if it has the tag dagster/max_retries.
run_retries:
  enabled: true
  max_retries: 0

# A sensor ticks every 30 seconds, nearly always for nothing: a million ticks a year.
retention:
  sensor:
    purge_after_days:
      skipped: 1
      started: 7
      success: 30
      failure: 30
  schedule:
    purge_after_days:
      skipped: 7
      started: 7
      success: 90
      failure: 90

# Whether each meter was computed last night is shown with it.
freshness:
  enabled: true

# A run's output goes to the journal or docker logs at once. Capturing it would start four processes per run, sometimes
# lose the last lines, and leave two files per run for ever. The page shows steps and their log lines in any case.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager

# At DEBUG every partition of every run is a line on the console. The event log has them anyway.
python_logs:
  python_log_level: INFO

# No usage statistics leave the house.
telemetry:
  enabled: false
nux:
  enabled: false
"""
"""The dagster.yaml of a new home. A test checks that deploy/dagster.yaml is a copy of it."""


class HomeError(RuntimeError):
    """Dagster's home cannot be created; the text says why and what to do."""


def ensure_home(home: Path) -> Path:
    """Create a Dagster home with our dagster.yaml, if it does not exist.

    An existing dagster.yaml is left unchanged. If two processes do this at once, both find one complete file.

    Args:
        home: The folder, see `settings.dagster_home.home_folder`.

    Returns:
        The same folder.

    Raises:
        HomeError: The folder or the file cannot be created.
    """
    instance_file = home / INSTANCE_FILE_NAME
    try:
        home.mkdir(parents=True, exist_ok=True)
        settle(home)
        if not instance_file.exists():
            _place(instance_file, INSTANCE_FILE)
    except OSError as error:
        raise HomeError(
            f"{HOME_VARIABLE}: {home} cannot be made Dagster's home ({error.strerror}). "
            f"Make the folder writable, or let {HOME_VARIABLE} name another."
        ) from error
    return home


def _place(path: Path, text: str) -> None:
    """Write a file atomically, without replacing an existing one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        # With mode 0600 the other services could not read the file.
        draft.chmod(0o644)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
