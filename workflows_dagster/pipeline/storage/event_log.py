"""Dagster's SQLite event log, with the asset events of a step written in one transaction.

The stock log opens two databases, inserts, commits and closes for every event: some 15 ms a partition, ten minutes for
a backfill of 27 meters over four years. Dagster already hands over the events of one step as a batch, but the stock
class loops over it. And Dagster announces each partition by an event of its own, unless a storage takes one for a whole
range: ours does, and leaves the same rows. Everything else (reading, single events, the schema) stays Dagster's own.

The batch uses private names of Dagster, so it is active only with the minor version that it was tested with. With other
versions, and for unknown events, the stock code stores events one by one.
"""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster
from dagster import DagsterEventType, EventLogEntry, Field, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, NullPool, create_engine

from workflows_dagster.pipeline.storage.event_rows import (
    MATERIALIZATION,
    MaterializationRows,
    Row,
    asset_name,
    materialization_of,
    with_equal_tags,
)
from workflows_dagster.pipeline.storage.version import is_tested

if is_tested():
    from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
"""Environment variable with Dagster's batch size for asset events; unset or 0 disables batches."""

DEFAULT_BATCH_SIZE = 2000
"""Events per transaction: five years of one meter's days.

Measured: 500 take 8 % longer, 5000 gain nothing and hold more in memory.
"""

_RUN_SHARD = "run_shard"
_MOST_ENGINES = 8
_PLACEHOLDER = "the-partition-of-the-row"

_ASSET_EVENTS = frozenset(
    {
        MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION.value,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
    }
)
_BATCHED_EVENTS = _ASSET_EVENTS | {DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value}


def event_log_folder(home: str | Path) -> Path:
    """Return the folder of a Dagster home's event log: the stock folder, so that either storage can use it."""
    # Dagster expands the ~ of DAGSTER_HOME only for its own use.
    return Path(home).expanduser() / "history" / "runs"


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """SQLite event log that stores a batch of asset events in one transaction.

    A batch is stored completely or not at all, in the run's database and in the index. Dagster retries a failed batch
    event by event, so half a batch would give duplicates. (Only a power cut between the two commits can separate them;
    the index is then ahead, while stock would leave it behind.)

    Configured in dagster.yaml with `home`, the Dagster home (`history/runs` in it is used, as by stock), or with
    `base_dir`, the folder of the databases.
    """

    def __init__(
        self,
        base_dir: str,
        inst_data: "ConfigurableClassData | None" = None,
        dagster_version: str = dagster.__version__,
    ) -> None:
        self._batches = is_tested(dagster_version)
        self._present_tables: set[str] = set()
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._within = threading.local()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """Return the schema of the `config` in dagster.yaml."""
        return {
            "home": Field(StringSource, is_required=False, description="Dagster home; history/runs below it is used."),
            "base_dir": Field(StringSource, is_required=False, description="Folder of the databases, as in stock."),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: "ConfigurableClassData | None", config_value: Any
    ) -> "BatchingSqliteEventLogStorage":
        """Build the storage from dagster.yaml, and enable batches in this process.

        Runs, daemon and page all build their storage here, so the variable is set here for all of them. A value set by
        the owner is kept.

        Raises:
            ValueError: Not exactly one of `home` and `base_dir` is given.
        """
        folders = [event_log_folder(config_value["home"])] if "home" in config_value else []
        folders += [Path(config_value["base_dir"])] if "base_dir" in config_value else []
        if len(folders) != 1:
            raise ValueError(
                f"dagster.yaml: event_log_storage.config: {sorted(config_value)} given, it takes home or base_dir. "
                "Keep one of them."
            )
        os.environ.setdefault(BATCH_SIZE_VARIABLE, str(DEFAULT_BATCH_SIZE))
        return cls(str(folders[0]), inst_data)

    def has_table(self, table_name: str) -> bool:
        """Tell whether the index has a table; positive answers are cached.

        Stock opens a database for each event with tags. Dagster never drops a table.
        """
        if not self._batches:
            return bool(super().has_table(table_name))
        if table_name not in self._present_tables and super().has_table(table_name):
            self._present_tables.add(table_name)
        return table_name in self._present_tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Connect to a database as stock does, but through a cached engine with its compiled statements.

        Stock creates an engine per connection, which takes longer than the statement itself. The connection is still
        opened and closed each time, so processes and threads share none.
        """
        if not self._batches:
            with super()._connect(shard) as connection:
                yield connection
            return
        with self._db_lock:
            engine = self._engines.pop(shard, None) or create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            self._engines[shard] = engine
            if len(self._engines) > _MOST_ENGINES:
                self._engines.popitem(last=False)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def index_connection(self) -> Iterator[Connection]:
        """Connect to the index; within a batch, give the batch's connection, so that stock code joins it."""
        connection = getattr(self._within, "connection", None)
        if connection is not None:
            yield connection
        else:
            with super().index_connection() as connection:
                yield connection

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Whether one event may announce a range of partitions; `store_event` expands it to a row per partition."""
        return self._batches

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event as stock does; an event that announces a range gets a row for each partition.

        Args:
            event: Of any kind.

        Raises:
            sqlalchemy.exc.DBAPIError: As for a batch.
        """
        if self._batches and _announced_partitions(event) is not None:
            self.store_event_batch([event])
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the asset events of one run in one transaction, anything else one by one.

        Args:
            events: The events that Dagster collected, in order.

        Raises:
            sqlalchemy.exc.DBAPIError: The transaction failed, and nothing of the batch is stored. A locked database is
                waited for as long as by stock (30 s).
        """
        if not (self._batches and _is_one_run_of_asset_events(events)):
            super().store_event_batch(events)
            return
        materializations = MaterializationRows(self._event_to_row)
        rows_of_events = [self._rows_of(event, materializations) for event in events]
        with self._both_databases(events[0].run_id) as connection:
            highest = self._insert(connection, list(chain.from_iterable(rows_of_events)))
            last_ids = list(accumulate((len(of_event) for of_event in rows_of_events), initial=highest))[1:]
            self._store_asset_index(connection, events, last_ids)

    def delete_events(self, run_id: str) -> None:
        """Delete a run's events as stock does, but the run's own database as a file.

        Opening a database reads all migrations, nine tenths of the time. Stock leaves an empty file.
        """
        if not self._batches:
            super().delete_events(run_id)
            return
        with self.index_connection() as connection:
            self.delete_events_for_run(connection, run_id)
        if self.supports_global_concurrency_limits:
            self.free_concurrency_slots_for_run(run_id)
        with self._db_lock:
            self._engines.pop(run_id, None)
            self._initialized_dbs.discard(run_id)
            for ending in ("", "-wal", "-shm"):
                Path(self.path_for_shard(run_id) + ending).unlink(missing_ok=True)

    def _insert(self, connection: Connection, rows: list[Row]) -> int:
        """Insert rows into the run's database and, with the ids that SQLite would give, into the index.

        Returns:
            The highest id in the index before.
        """
        newest = "SELECT coalesce(max(id), 0) FROM {}.event_logs"
        highest = int(connection.exec_driver_sql(newest.format("main")).scalar_one())
        highest_of_run = int(connection.exec_driver_sql(newest.format(_RUN_SHARD)).scalar_one())
        columns = ", ".join(rows[0])
        # The statement that SQLAlchemy would compile, which would take as long as SQLite's insert.
        written = [
            tuple({**row, "timestamp": row["timestamp"].isoformat(" ", "microseconds")}.values()) for row in rows
        ]
        connection.exec_driver_sql(
            f"INSERT INTO {_RUN_SHARD}.event_logs ({columns}) VALUES ({', '.join('?' * len(rows[0]))})", written
        )
        connection.exec_driver_sql(
            f"INSERT INTO main.event_logs (id, {columns}) "
            f"SELECT id - ? + ?, {columns} FROM {_RUN_SHARD}.event_logs WHERE id > ? ORDER BY id",
            (highest_of_run, highest, highest_of_run),
        )
        return highest

    def _rows_of(self, event: EventLogEntry, materializations: MaterializationRows) -> list[Row]:
        """Give an event's row, or one row for each partition that it announces."""
        made = materialization_of(event)
        if made is not None:
            return [materializations.row(event, made)]
        announced = _announced_partitions(event)
        if announced is None:
            return [self._event_to_row(event)]
        dagster_event = event.get_dagster_event()
        of_one = dagster_event.asset_materialization_planned_data._replace(
            partition=_PLACEHOLDER, partitions_subset=None
        )
        row = self._event_to_row(event._replace(dagster_event=dagster_event._replace(event_specific_data=of_one)))
        return [
            {**row, "partition": key, "event": row["event"].replace(_PLACEHOLDER, json.dumps(key)[1:-1])}
            for key in announced
        ]

    @contextmanager
    def _both_databases(self, run_id: str) -> Iterator[Connection]:
        """Connect to the index with the run's database attached, so that both commit or neither does."""
        if run_id not in self._initialized_dbs:
            with self.run_connection(run_id):
                pass  # Connecting makes the tables.
        with super().index_connection() as connection:
            connection.exec_driver_sql(f"ATTACH DATABASE ? AS {_RUN_SHARD}", (self.path_for_shard(run_id),))
            # Lock both before reading: SQLite refuses a reader that becomes a writer without waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._within.connection = connection
            try:
                yield connection
            finally:
                self._within.connection = None

    def _store_asset_index(self, connection: Connection, events: Sequence[EventLogEntry], ids: Sequence[int]) -> None:
        """Update tags, asset keys and planned checks as single events would.

        Args:
            connection: To the index.
            events: Of the batch.
            ids: Id of each event's row, or of its last row.
        """
        tagged: list[tuple[EventLogEntry, int]] = []
        last: dict[str, dict[str, tuple[EventLogEntry, int]]] = {}
        for event, event_id in zip(events, ids, strict=True):
            dagster_event = event.get_dagster_event()
            kind = dagster_event.event_type_value
            if kind not in _ASSET_EVENTS:
                self.store_asset_check_event(event, event_id)
                continue
            tagged.append((event, event_id))
            kinds = last.setdefault(asset_name(event), {})
            # Removed first, so that the kinds are in the order of their last events.
            kinds.pop(kind, None)
            kinds[kind] = (event, event_id)
        self._store_tags(connection, tagged)
        for kinds in last.values():
            for event, event_id in kinds.values():
                self.store_asset_event(event, event_id)

    def _store_tags(self, connection: Connection, tagged: Sequence[tuple[EventLogEntry, int]]) -> None:
        """Store the events' tags: those of the first event as stock does, and copies of its rows for the others."""
        by_stock: list[tuple[EventLogEntry, int]] = []
        for alike in with_equal_tags(tagged):
            by_stock.append(alike[0])
            if len(alike) > 1:
                self.store_asset_event_tags([event for event, _ in by_stock], [event_id for _, event_id in by_stock])
                by_stock = []
                if self.has_table("asset_event_tags"):
                    connection.exec_driver_sql(
                        "INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp) "
                        "SELECT event.id, tag.asset_key, tag.key, tag.value, event.timestamp "
                        "FROM event_logs AS event CROSS JOIN asset_event_tags AS tag "
                        "WHERE event.id > ? AND event.id <= ? AND tag.event_id = ? ORDER BY event.id, tag.id",
                        (alike[0][1], alike[-1][1], alike[0][1]),
                    )
        if by_stock:
            self.store_asset_event_tags([event for event, _ in by_stock], [event_id for _, event_id in by_stock])


def _announced_partitions(event: EventLogEntry) -> list[str] | None:
    """Give the partitions of an event that announces a range; None for any other event."""
    dagster_event = event.dagster_event
    if dagster_event is None or dagster_event.event_type_value != DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value:
        return None
    subset = dagster_event.asset_materialization_planned_data.partitions_subset
    return None if subset is None else list(subset.get_partition_keys())


def _is_one_run_of_asset_events(events: Sequence[EventLogEntry]) -> bool:
    """Tell whether a batch has only events that one transaction can store exactly as stock would."""
    return len({event.run_id for event in events}) == 1 and all(
        event.dagster_event is not None and event.dagster_event.event_type_value in _BATCHED_EVENTS for event in events
    )
