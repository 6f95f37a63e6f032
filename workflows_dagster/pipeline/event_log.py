"""Where a dagster.yaml that was written before the event log moved to `pipeline.storage` still looks for it."""

from workflows_dagster.pipeline.storage.event_log import BatchingSqliteEventLogStorage

__all__ = ["BatchingSqliteEventLogStorage"]
