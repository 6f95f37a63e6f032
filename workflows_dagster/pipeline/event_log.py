"""Old import path of the event log, for dagster.yaml files written before it moved to `pipeline.storage`."""

from workflows_dagster.pipeline.storage.event_log import BatchingSqliteEventLogStorage

__all__ = ["BatchingSqliteEventLogStorage"]
