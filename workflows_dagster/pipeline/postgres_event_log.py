"""Old import path of the PostgreSQL event log, for older dagster.yaml files; it is Dagster's own storage now."""

import os

from dagster_postgres import PostgresEventLogStorage as BatchingPostgresEventLogStorage

# Without them Dagster writes every event, and announces every day, separately.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "2000")
os.environ.setdefault("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "1")

__all__ = ["BatchingPostgresEventLogStorage"]
