"""Where a dagster.yaml of an earlier version looks for the event log in PostgreSQL, which is Dagster's own now."""

import os

from dagster_postgres import PostgresEventLogStorage as BatchingPostgresEventLogStorage

# Without them Dagster writes each event, and announces each day, by itself.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "2000")
os.environ.setdefault("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "1")

__all__ = ["BatchingPostgresEventLogStorage"]
