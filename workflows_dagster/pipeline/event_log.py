"""Dagster's SQLite event log, with the asset events of a step written in one transaction.

The stock log opens two databases, inserts, commits and closes for every event: some 15 ms a partition, ten minutes for
a backfill of 27 meters over four years. Dagster already hands over the events of one step as a batch, but the stock
class loops over it. Everything else (reading, single events, the schema) stays Dagster's own.

The batch leans on names that Dagster does not promise, so it is used only with the minor version it was tested with;
any other version, and any event that this module does not know, takes the stock way, one by one.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster
from dagster import DagsterEventType, Field, StringSource
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, func, select

TESTED_MINOR = "1.13"
"""The minor version of Dagster whose tables the batch is known to fill as Dagster does."""

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
"""Environment variable that makes Dagster collect asset events at all; unset or 0, it hands over one at a time."""

DEFAULT_BATCH_SIZE = 2000
"""Events a transaction: five years of one meter's days.

Measured: 500 take 8 % longer, 5000 gain nothing and hold more in memory.
"""

_RUN_SHARD = "run_shard"

_ASSET_EVENTS = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    }
)
_BATCHED_EVENTS = _ASSET_EVENTS | {DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}


def event_log_folder(home: str | Path) -> Path:
    """Return where the event log of a Dagster home stands: where stock puts it, so that either can take over."""
    # Dagster expands the ~ of DAGSTER_HOME only for itself.
    return Path(home).expanduser() / "history" / "runs"


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """SQLite event log that stores a batch of asset events in one transaction.

    A batch is either wholly there or not at all, in the run's database and in the index alike. Dagster repeats a batch
    that failed event by event, so half a batch would become duplicates. (Only a power cut between the two commits can
    part them: then the index is ahead, where stock would leave it behind.)

    It is configured in dagster.yaml with `home`, the Dagster home (its `history/runs` is used, as stock does), or with
    `base_dir`, the folder of the databases itself.
    """

    def __init__(
        self,
        base_dir: str,
        inst_data: ConfigurableClassData | None = None,
        dagster_version: str = dagster.__version__,
    ) -> None:
        self._batches = dagster_version.split(".")[:2] == TESTED_MINOR.split(".")
        self._present_tables: set[str] = set()
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
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "BatchingSqliteEventLogStorage":
        """Build the storage from dagster.yaml, and make Dagster hand over batches in this process.

        Runs, daemon and page all build their storage here, so here the variable reaches every one of them. A value that
        the owner has set is kept.

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
        """Tell whether the index has a table; one that was seen once is not looked for again.

        Stock opens a database for the answer, at each event with tags. Dagster never drops a table.
        """
        if table_name not in self._present_tables and super().has_table(table_name):
            self._present_tables.add(table_name)
        return table_name in self._present_tables

    @contextmanager
    def index_connection(self) -> Iterator[Connection]:
        """Connect to the index; within a batch this is the batch's own connection, so that stock code joins it."""
        connection = getattr(self._within, "connection", None)
        if connection is not None:
            yield connection
        else:
            with super().index_connection() as connection:
                yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the asset events of one run in one transaction, anything else one by one.

        Args:
            events: What Dagster collected, in order.

        Raises:
            sqlalchemy.exc.DBAPIError: The transaction failed, and nothing of the batch is stored. A database that is
                locked was waited for as long as stock waits (30 s).
        """
        if not (self._batches and _is_one_run_of_asset_events(events)):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        with self._both_databases(events[0].run_id) as connection:
            connection.execute(
                SqlEventLogStorageTable.insert(), rows, execution_options={"schema_translate_map": {None: _RUN_SHARD}}
            )
            # The ids that SQLite would give, given by ourselves: asking for them afterwards costs a statement a row.
            first = connection.execute(
                select(func.coalesce(func.max(SqlEventLogStorageTable.c.id), 0) + 1)
            ).scalar_one()
            ids = range(first, first + len(rows))
            connection.execute(
                SqlEventLogStorageTable.insert(), [{"id": row_id, **row} for row_id, row in zip(ids, rows, strict=True)]
            )
            self._store_asset_index(events, ids)

    @contextmanager
    def _both_databases(self, run_id: str) -> Iterator[Connection]:
        """Connect to the index with the run's database attached, so that both commit or neither does."""
        if run_id not in self._initialized_dbs:
            with self.run_connection(run_id):
                pass  # Connecting makes the tables.
        with super().index_connection() as connection:
            connection.exec_driver_sql(f"ATTACH DATABASE ? AS {_RUN_SHARD}", (self.path_for_shard(run_id),))
            # Both locks at once and before anything is read: a reader that turns writer is refused without waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._within.connection = connection
            try:
                yield connection
            finally:
                self._within.connection = None

    def _store_asset_index(self, events: Sequence[EventLogEntry], ids: Sequence[int]) -> None:
        """Bring tags, asset keys and planned checks to the state in which single events would leave them."""
        tagged: list[tuple[EventLogEntry, int]] = []
        last: dict[str, dict[DagsterEventType, tuple[EventLogEntry, int]]] = {}
        for event, event_id in zip(events, ids, strict=True):
            dagster_event = event.get_dagster_event()
            kind = dagster_event.event_type
            if kind not in _ASSET_EVENTS:
                self.store_asset_check_event(event, event_id)
                continue
            tagged.append((event, event_id))
            kinds = last.setdefault(str(dagster_event.asset_key), {})
            # Taken out first, so that the kinds stand in the order of their last events.
            kinds.pop(kind, None)
            kinds[kind] = (event, event_id)
        self.store_asset_event_tags([event for event, _ in tagged], [event_id for _, event_id in tagged])
        for kinds in last.values():
            for event, event_id in kinds.values():
                self.store_asset_event(event, event_id)


def _is_one_run_of_asset_events(events: Sequence[EventLogEntry]) -> bool:
    """Tell whether a batch is what one transaction is known to store as stock would."""
    return len({event.run_id for event in events}) == 1 and all(
        event.is_dagster_event and event.dagster_event_type in _BATCHED_EVENTS for event in events
    )
