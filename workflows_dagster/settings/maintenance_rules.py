"""The `upkeep` section of config.yaml: retention, tidying and backups."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from workflows_dagster.settings.cron import Cron
from workflows_dagster.settings.fields import Frozen, Text, Whole


class UpkeepSettings(Frozen):
    """Retention, tidying and backups.

    Attributes:
        keep_runs_days: How long Dagster's home keeps runs with their logs. Records of computed days are kept for ever.
            [days]
        retention_schedule: When Dagster's home is tidied, as a cron string in the site's zone.
        backup_schedule: When a backup is made and verified, likewise.
        keep_backups: Number of backups to keep; older ones are removed.
        backup_folder: Where backups go; None for `backups` in the data folder.
    """

    keep_runs_days: Annotated[Whole, Field(ge=2, le=3650)] = 30
    retention_schedule: Cron = "40 4 * * *"
    backup_schedule: Cron = "10 5 * * 0"
    keep_backups: Annotated[Whole, Field(ge=1, le=1000)] = 6
    backup_folder: Text | None = None
