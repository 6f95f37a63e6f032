"""Keep Dagster's home small without forgetting which partitions are materialized.

Deleting a run deletes its events, and with the newest materialization of a partition Dagster forgets that there is one.
So first the superseded rows go; a run that still holds a row afterwards stays, with the outlines of its log; the others
go whole. Every step is safe by itself, whenever the program is killed, and the next night takes up what is left.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster
from dagster import AssetKey, DagsterEventType, DagsterInstance
from dagster._core.events import EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from sqlalchemy.exc import DBAPIError

from workflows_dagster.maintenance import run_logs
from workflows_dagster.maintenance.free_pages import give_back
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.pipeline.storage import superseded
from workflows_dagster.pipeline.storage.damage import damaged_home
from workflows_dagster.pipeline.storage.event_log import TESTED_MINOR

# A run's log is packed once nobody is likely to be looking at it any more.
_PACKED_AFTER = timedelta(days=1)
# Of a sensor or schedule that there is no more; the others' are Dagster's to purge (retention in dagster.yaml).
_TICKS_OF_THE_GONE = timedelta(days=100)
_OUTLINES = sorted(
    kind.value
    for kind in [
        *EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
        DagsterEventType.ENGINE_EVENT,
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.STEP_SUCCESS,
    ]
)
_BUSY_SECONDS = 30.0

# Told what is being done, as a sentence.
Telling = Callable[[str], None]


@dataclass
class Tidied:
    """What tidying came to.

    Attributes:
        bytes_before: Size of Dagster's home. [byte]
        bytes_after: Its size afterwards. [byte]
        rows: Superseded rows that were removed.
        runs: Runs that were removed.
        shortened: Logs of runs that stay, of which only the outlines were kept.
        packed: Logs that were packed.
        orphans: Logs of runs that were not known any more.
        ticks: Ticks of sensors and schedules that there are no more.
        left: What was left for another time, as sentences.
    """

    bytes_before: int = 0
    bytes_after: int = 0
    rows: int = 0
    runs: int = 0
    shortened: int = 0
    packed: int = 0
    orphans: int = 0
    ticks: int = 0
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"Dagster's home: {self.bytes_before / 1e6:,.1f} MB before, {self.bytes_after / 1e6:,.1f} MB now; "
            f"{self.runs:,} runs, {self.rows:,} superseded rows, {self.orphans:,} orphaned logs and {self.ticks:,} "
            f"ticks removed, {self.shortened:,} logs shortened, {self.packed:,} packed."
        )


class NotSqliteError(UpkeepError):
    """A home is kept in another database, which is tidied by that database's own means."""


class DagsterFiles:
    """The SQLite files of a Dagster home."""

    def __init__(self, instance: DagsterInstance) -> None:
        """Find them.

        Raises:
            NotSqliteError: The home is not kept in SQLite.
            UpkeepError: It is kept by a Dagster whose tables are not known.
        """
        events, runs, schedules = instance.event_log_storage, instance.run_storage, instance.schedule_storage
        if not (
            isinstance(events, SqliteEventLogStorage)
            and isinstance(runs, SqliteRunStorage)
            and isinstance(schedules, SqliteScheduleStorage)
        ):
            raise NotSqliteError(
                f"Dagster's home: it is kept by {type(events).__name__}, and only SQLite is tidied and backed up here. "
                "Use the means of that database (docs/operations.md)."
            )
        if dagster.__version__.split(".")[:2] != TESTED_MINOR.split("."):
            raise UpkeepError(
                f"Dagster's home: Dagster {dagster.__version__} is installed, only the tables of {TESTED_MINOR} are "
                f"known. Install {TESTED_MINOR}."
            )
        self.home = Path(instance.root_directory)
        self.index = Path(events.path_for_shard("index"))
        self.logs = self.index.parent
        with runs.connect() as connection:
            self.runs = Path(str(connection.engine.url.database))
        with schedules.connect() as connection:
            self.schedules = Path(str(connection.engine.url.database))

    @property
    def size(self) -> int:
        """How much the home takes. [byte]."""
        folders = {self.home, self.logs}
        files = {file for folder in folders for file in folder.rglob("*")}
        return sum(size for file in files if (size := _size(file)))


def tidy(
    instance: DagsterInstance,
    keep_runs_days: int,
    now: datetime,
    *,
    own_run: str | None = None,
    tell: Telling = lambda _: None,
) -> Tidied:
    """Remove what is old and superseded, and give the space back.

    Args:
        instance: Whose home it is.
        keep_runs_days: How long runs, their logs and superseded events are kept. [days]
        now: The present, UTC.
        own_run: The run that does this.
        tell: Told of each step.

    Raises:
        NotSqliteError: The home is not kept in SQLite.
        UpkeepError: The home is damaged, is busy for long, or (our bug) has forgotten a partition.
    """
    with _explained(instance):
        return _tidy(instance, keep_runs_days, now, own_run, tell)


def _tidy(instance: DagsterInstance, keep_runs_days: int, now: datetime, own_run: str | None, tell: Telling) -> Tidied:
    files = DagsterFiles(instance)
    before = now - timedelta(days=keep_runs_days)
    done = Tidied(bytes_before=files.size)
    known = _materialized(instance)
    with _connected(files.index) as index:
        tell("Looking for superseded events …")
        going = superseded.find(index, _stamp(before))
        tell(f"Removing {len(going.events) + len(going.checks):,} superseded rows …")
        done.rows = superseded.remove(index, going)
        _remove_runs(instance, files, index, before, done, tell)
    _tidy_logs(files, before, now, done, tell)
    done.ticks = _remove_ticks(files, now)
    idle = _is_idle(files, own_run)
    tell("Giving space back …")
    attempts = [give_back(path, may_rebuild=idle) for path in (files.index, files.runs, files.schedules)]
    done.left = tuple(filter(None, attempts))
    _check_nothing_forgotten(instance, known)
    done.bytes_after = files.size
    return done


def preview(instance: DagsterInstance, keep_runs_days: int, now: datetime) -> Tidied:
    """Count what `tidy` would remove, and touch nothing.

    Raises:
        NotSqliteError: The home is not kept in SQLite.
        UpkeepError: The home is damaged, or busy for long.
    """
    with _explained(instance):
        return _preview(instance, keep_runs_days, now)


@contextmanager
def _explained(instance: DagsterInstance) -> Iterator[None]:
    """Make a sentence of what goes wrong in Dagster's databases, asked directly or through Dagster."""
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


def _preview(instance: DagsterInstance, keep_runs_days: int, now: datetime) -> Tidied:
    files = DagsterFiles(instance)
    before = now - timedelta(days=keep_runs_days)
    size = files.size
    with _connected(files.index) as index:
        going = superseded.find(index, _stamp(before))
        held = superseded.holders(index, going)
    old = _old_runs(files, before)
    return Tidied(
        bytes_before=size,
        bytes_after=size,
        rows=len(going.events) + len(going.checks),
        runs=sum(run not in held for run in old),
        shortened=sum(run in held and run_logs.log_of(files.logs, run).exists() for run in old),
        orphans=len(run_logs.orphans(files.logs, _all_runs(files), (now - _PACKED_AFTER).timestamp())),
    )


def _remove_runs(
    instance: DagsterInstance,
    files: DagsterFiles,
    index: sqlite3.Connection,
    before: datetime,
    done: Tidied,
    tell: Telling,
) -> None:
    old = _old_runs(files, before)
    tell(f"Looking through {len(old):,} old runs …")
    last_event = index.execute("SELECT run_id FROM event_logs ORDER BY id DESC LIMIT 1").fetchone()
    for run in old:
        log = run_logs.log_of(files.logs, run)
        if superseded.is_held(index, run) or last_event == (run,):
            done.shortened += run_logs.shorten(log, _OUTLINES) > 0
        else:
            _delete_run(instance, run)
            run_logs.remove(log)
            done.runs += 1


def _delete_run(instance: DagsterInstance, run: str) -> None:
    """Do what `DagsterInstance.delete_run` does, but for emptying the run's log, which goes as a whole.

    To open a log, Dagster reads all of its migrations: that is nine tenths of the time.
    """
    events = instance.event_log_storage
    assert isinstance(events, SqliteEventLogStorage)
    instance.run_storage.delete_run(run)
    with events.index_connection() as connection:
        events.delete_events_for_run(connection, run)
    if events.supports_global_concurrency_limits:
        events.free_concurrency_slots_for_run(run)


def _tidy_logs(files: DagsterFiles, before: datetime, now: datetime, done: Tidied, tell: Telling) -> None:
    tell("Packing logs …")
    known, quiet = _all_runs(files), (now - _PACKED_AFTER)
    for path in run_logs.orphans(files.logs, known, quiet.timestamp()):
        run_logs.remove(path)
        done.orphans += 1
    for run in _old_runs(files, quiet, but_after=before):
        done.packed += run_logs.pack(run_logs.log_of(files.logs, run)) > 0
    old = set(_old_runs(files, before))
    for folder in run_logs.orphan_folders(files.home / "storage", known - old, quiet.timestamp()):
        run_logs.remove_folder(folder)


def _old_runs(files: DagsterFiles, before: datetime, but_after: datetime | None = None) -> list[str]:
    """Give the runs that were over before an instant, but never the newest, whose number must not be given again."""
    with _connected(files.runs) as runs:
        found = runs.execute(
            f"SELECT run_id FROM runs WHERE status IN ({', '.join('?' * len(FINISHED_STATUSES))})"
            " AND update_timestamp < ? AND update_timestamp >= ? AND id < (SELECT max(id) FROM runs) ORDER BY id",
            (*(status.value for status in FINISHED_STATUSES), _stamp(before), _stamp(but_after) if but_after else ""),
        )
        return [run for (run,) in found]


def _all_runs(files: DagsterFiles) -> set[str]:
    with _connected(files.runs) as runs:
        return {run for (run,) in runs.execute("SELECT run_id FROM runs")}


def _is_idle(files: DagsterFiles, own_run: str | None) -> bool:
    """Tell whether no run waits or works, except the one that asks."""
    over = ", ".join(f"'{status.value}'" for status in FINISHED_STATUSES)
    with _connected(files.runs) as runs:
        found = runs.execute(f"SELECT count(*) FROM runs WHERE status NOT IN ({over}) AND run_id IS NOT ?", (own_run,))
        return int(found.fetchone()[0]) == 0


def _remove_ticks(files: DagsterFiles, now: datetime) -> int:
    """Remove the old ticks of sensors and schedules that have not ticked for long, but each one's last."""
    with _connected(files.schedules) as schedules:
        return schedules.execute(
            "DELETE FROM job_ticks AS t WHERE timestamp < ?1"
            " AND EXISTS (SELECT 1 FROM job_ticks n WHERE n.selector_id IS t.selector_id AND n.id > t.id)"
            " AND NOT EXISTS (SELECT 1 FROM job_ticks n WHERE n.selector_id IS t.selector_id AND n.timestamp >= ?1)",
            (_stamp(now - _TICKS_OF_THE_GONE),),
        ).rowcount


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


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        yield connection


def _stamp(instant: datetime) -> str:
    """Write an instant as Dagster does: UTC without saying so."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
