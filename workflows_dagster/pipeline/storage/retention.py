"""Deletes old runs and their log files from Dagster's home, but no record of a materialized partition.

Nine tenths of a home are the log files of single runs (`history/runs/<run id>.db`, 140 KB each when empty); those of
old runs are deleted. Deleting a run from Dagster's databases deletes its events. Without its newest materialization
event, Dagster would treat a partition as missing. So an old run is deleted only if none of its events is the newest of
its kind for an asset and partition. SQLite reuses the space of deleted rows. Every step is safe by itself: after a kill
the next night continues.
"""

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import AssetKey, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.exc import DBAPIError

from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.pipeline.storage.damage import damaged_home
from workflows_dagster.pipeline.storage.version import is_tested, unknown_version

_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
# The files of a new run exist before Dagster records the run.
_ORPHANED_AFTER = timedelta(days=1)
_BESIDE = ("-wal", "-shm", "-journal")
_BUSY_SECONDS = 30.0
# The run of the event with the highest id is kept too: SQLite would reuse the id, which would break every cursor.
_RUNS_WITH_A_NEWEST_EVENT = """
    SELECT run_id FROM event_logs WHERE id IN (
        SELECT max(id) FROM event_logs WHERE asset_key IS NOT NULL GROUP BY asset_key, partition, dagster_event_type
        UNION ALL SELECT max(id) FROM event_logs)
    UNION SELECT run_id FROM asset_check_executions WHERE id IN (
        SELECT max(id) FROM asset_check_executions
        GROUP BY asset_key, check_name, partition, execution_status IN ('SUCCEEDED', 'FAILED'))
"""

# Called with a sentence about the current step.
Progress = Callable[[str], None]


class NotSqliteError(UpkeepError):
    """The home uses another database, or a Dagster version with unknown tables; it is left unchanged."""


@dataclass
class Tidied:
    """The result of tidying.

    Attributes:
        bytes_before: Size of Dagster's databases and logs. [byte]
        bytes_after: Their size afterwards. [byte]
        runs: Number of deleted runs, with their logs.
        logs: Number of deleted logs of kept or unknown runs.
    """

    bytes_before: int = 0
    bytes_after: int = 0
    runs: int = 0
    logs: int = 0

    def __str__(self) -> str:
        return (
            f"Dagster's home: {self.bytes_before / 1e6:,.1f} MB before, {self.bytes_after / 1e6:,.1f} MB now; "
            f"{self.runs:,} runs and {self.logs:,} logs of other runs deleted."
        )


def tidy(instance: DagsterInstance, keep_runs_days: int, now: datetime, progress: Progress = lambda _: None) -> Tidied:
    """Delete old runs and logs.

    Args:
        instance: The instance of the home.
        keep_runs_days: How long runs and their logs are kept. [days]
        now: The present, UTC.
        progress: Called at each step.

    Raises:
        NotSqliteError: The home does not use SQLite.
        UpkeepError: The home is damaged or locked for long, or (our bug) a partition's record was lost.
    """
    folder = _log_folder(instance)
    with _explained(instance):
        done = Tidied(bytes_before=_size(folder))
        known = _materialized(instance)
        going, logs = _old(instance, folder, keep_runs_days, now)
        progress(f"Deleting {len(going):,} old runs …")
        with _kept_open(folder / "index.db"), _kept_open(folder.parent / "runs.db"):
            for run_id in going:
                instance.delete_run(run_id)
                # Stock Dagster leaves an empty file.
                _delete(folder / f"{run_id}.db")
                done.runs += 1
        _delete_check_results(instance, folder / "index.db", keep_runs_days, now)
        progress(f"Deleting {len(logs):,} old logs …")
        for path in logs:
            _delete(path)
            done.logs += 1
        _check_nothing_forgotten(instance, known)
        done.bytes_after = _size(folder)
    return done


def preview(instance: DagsterInstance, keep_runs_days: int, now: datetime) -> Tidied:
    """Count what `tidy` would delete, and delete nothing.

    Raises:
        NotSqliteError: The home does not use SQLite.
        UpkeepError: The home is damaged, or locked for long.
    """
    folder = _log_folder(instance)
    with _explained(instance):
        going, logs = _old(instance, folder, keep_runs_days, now)
    size = _size(folder)
    return Tidied(bytes_before=size, bytes_after=size, runs=len(going), logs=len(logs))


def _log_folder(instance: DagsterInstance) -> Path:
    if not is_tested():
        raise NotSqliteError(unknown_version())
    events = instance.event_log_storage
    if not isinstance(events, SqliteEventLogStorage):
        raise NotSqliteError(
            f"Dagster's home: it is kept by {type(events).__name__}, and only SQLite is tidied and "
            "backed up here. Use the means of that database (docs/how-to/backup.md)."
        )
    return Path(events.path_for_shard("index")).parent


@contextmanager
def _explained(instance: DagsterInstance) -> Iterator[None]:
    """Turn errors of Dagster's databases, direct or through Dagster, into `UpkeepError`."""
    try:
        yield
    except (sqlite3.DatabaseError, DBAPIError) as error:
        home = Path(instance.root_directory)
        cause = error.orig if isinstance(error, DBAPIError) else error
        if sentence := damaged_home(home, error):
            raise UpkeepError(sentence) from error
        if not isinstance(cause, sqlite3.OperationalError):
            raise
        raise UpkeepError(
            f"{home}: Dagster's databases could not be tidied ({cause}). What is done stays so; try again later."
        ) from error


def _old(instance: DagsterInstance, folder: Path, keep_runs_days: int, now: datetime) -> tuple[list[str], list[Path]]:
    """Find the runs that can be deleted, and old logs of kept or unknown runs."""
    before = now - timedelta(days=keep_runs_days)
    newest = instance.get_run_records(limit=1)
    kept = {record.dagster_run.run_id for record in newest} | _runs_with_a_newest_event(folder / "index.db")
    finished = RunsFilter(statuses=_FINISHED, updated_before=before)
    old = [record.dagster_run.run_id for record in instance.get_run_records(finished)]
    known = {record.dagster_run.run_id for record in instance.get_run_records()}
    going = [run_id for run_id in old if run_id not in kept]
    staying = [path for run_id in old if run_id in kept and (path := folder / f"{run_id}.db").exists()]
    orphans = [
        path
        for path in sorted(folder.glob("*.db"))
        if _is_run_id(path.stem) and path.stem not in known and _changed_before(path, now - _ORPHANED_AFTER)
    ]
    return going, staying + orphans


def _runs_with_a_newest_event(index: Path) -> set[str]:
    if not index.exists():
        return set()
    with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as connection:
        return {run_id for (run_id,) in connection.execute(_RUNS_WITH_A_NEWEST_EVENT)}


def _delete_check_results(instance: DagsterInstance, index: Path, keep_runs_days: int, now: datetime) -> None:
    """Delete check results of deleted runs, which Dagster keeps: 70 MB a year."""
    known = json.dumps([record.dagster_run.run_id for record in instance.get_run_records()])
    before = (now - timedelta(days=keep_runs_days)).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    with closing(sqlite3.connect(index, timeout=_BUSY_SECONDS)) as connection, connection:
        connection.execute(
            "DELETE FROM asset_check_executions"
            " WHERE create_timestamp < ? AND run_id NOT IN (SELECT value FROM json_each(?))",
            (before, known),
        )


@contextmanager
def _kept_open(database: Path) -> Iterator[None]:
    """Keep a database open, since SQLite checkpoints whenever the last connection closes, here after each deletion."""
    if not database.exists():
        yield
        return
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield


def _materialized(instance: DagsterInstance) -> dict[AssetKey, set[str]]:
    return {key: set(instance.get_materialized_partitions(key)) for key in instance.all_asset_keys()}


def _check_nothing_forgotten(instance: DagsterInstance, known: dict[AssetKey, set[str]]) -> None:
    for key, partitions in known.items():
        lost = sorted(partitions - set(instance.get_materialized_partitions(key)))
        if lost:
            raise UpkeepError(
                f"{key.to_user_string()}: {len(lost)} partitions, {lost[0]} the first, were forgotten while Dagster's "
                "home was tidied. Run `meters backfill` over them, and report this."
            )


def _delete(log: Path) -> None:
    for path in (log, *(log.with_name(log.name + ending) for ending in _BESIDE)):
        path.unlink(missing_ok=True)


def _is_run_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _changed_before(path: Path, instant: datetime) -> bool:
    try:
        return path.stat().st_mtime < instant.timestamp()
    except FileNotFoundError:
        return False


def _size(log_folder: Path) -> int:
    """Give the size of the databases and logs. [byte]."""
    history = log_folder.parent
    return sum(
        size
        for folder in (history, history.parent / "schedules")
        for path in folder.rglob("*")
        if (size := _size_of(path))
    )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
