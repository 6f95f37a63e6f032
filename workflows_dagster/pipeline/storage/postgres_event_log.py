"""Dagster's PostgreSQL event log, with the asset events of a step written in one transaction, the planned ones too.

The stock log writes materializations in batches where a variable of the environment asks for it, but announces the
planned partitions one at a time, each over two or three new connections: that alone is minutes for a backfill of 27
meters over four years. Only a home in PostgreSQL needs this module and the extra `postgres`, which brings what it is
made from (deploy/dagster.postgres.yaml).
"""

import os
from collections.abc import Sequence
from typing import Any

import dagster
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config

from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE, DEFAULT_BATCH_SIZE
from workflows_dagster.pipeline.storage.version import is_tested

_ASSET_EVENTS = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    }
)


class BatchingPostgresEventLogStorage(PostgresEventLogStorage):
    """PostgreSQL event log that stores a batch of asset events in one transaction, or nothing of it.

    Dagster repeats a batch that failed event by event, so half a batch would become duplicates. It is configured as the
    stock class is; a token provider (`auth_provider`) is not known here.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        dagster_version: str = dagster.__version__,
    ) -> None:
        self._batches = is_tested(dagster_version)
        super().__init__(postgres_url, should_autocreate_tables, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "BatchingPostgresEventLogStorage":
        """Build the storage from dagster.yaml, and make Dagster hand over batches in this process.

        A value of the variable that the owner has set is kept.

        Raises:
            ValueError: The config asks for a token provider.
        """
        if config_value.get("auth_provider"):
            raise ValueError(
                "dagster.yaml: event_log_storage.config: 'auth_provider' is not known to this class. Give a password, "
                "or let dagster_postgres.PostgresEventLogStorage take its place."
            )
        os.environ.setdefault(BATCH_SIZE_VARIABLE, str(DEFAULT_BATCH_SIZE))
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the asset events of a step in one transaction, anything else as stock does.

        Args:
            events: What Dagster collected, in order.

        Raises:
            sqlalchemy.exc.DBAPIError: The transaction failed, and nothing of the batch is stored.
        """
        if not (self._batches and all(event.dagster_event_type in _ASSET_EVENTS for event in events)):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        returned = SqlEventLogStorageTable.c.id
        insert = SqlEventLogStorageTable.insert().returning(returned, sort_by_parameter_order=True)
        with self.index_transaction() as connection:
            ids = [int(event_id) for event_id in connection.execute(insert, rows).scalars()]
            self._store_asset_event_tags(connection, events, ids)
            for event, event_id in _last_of_each_kind(events, ids):
                self._store_asset_event(connection, event, event_id)


def _last_of_each_kind(events: Sequence[EventLogEntry], ids: Sequence[int]) -> list[tuple[EventLogEntry, int]]:
    """Give the last event of each kind for each asset, in order: all that the row of an asset remembers."""
    last: dict[tuple[str, DagsterEventType], tuple[EventLogEntry, int]] = {}
    for event, event_id in zip(events, ids, strict=True):
        dagster_event = event.get_dagster_event()
        of = (str(dagster_event.asset_key), dagster_event.event_type)
        # Taken out first, so that the kinds stand in the order of their last events.
        last.pop(of, None)
        last[of] = (event, event_id)
    return list(last.values())
