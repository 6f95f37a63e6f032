"""Builds run requests, and queries the runs that sensors and schedules wait for."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import dagster as dg
from dagster import DagsterInstance

from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.repair.repairs import Repair
from workflows_dagster.repair.snapshot import digest

SENSOR_SECONDS = 30
# Number of retries of a failed run; the next night compares all days with the readings anyway.
MAX_RETRIES = 3
RETRIES = {"dagster/max_retries": str(MAX_RETRIES), "dagster/retry_strategy": "ALL_STEPS"}
_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def repair_requests(repairs: Iterable[Repair], job: str, reason: str) -> Iterator[dg.RunRequest]:
    """Give one run request per repair."""
    for repair in repairs:
        yield dg.RunRequest(
            run_key=f"{reason}:{repair.days.first}:{repair.days.last}:{digest(repair.meters)}",
            job_name=job,
            asset_selection=[dg.AssetKey(meter) for meter in repair.meters],
            # Checks run separately; here each would store a row per day.
            asset_check_keys=[],
            tags={**range_tags(repair.days), **RETRIES},
        )


def is_unfinished(
    instance: DagsterInstance, *, job_name: str | None = None, tags: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a run of a job, or with some tags, is queued or in progress."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job_name, tags=tags, statuses=_UNFINISHED), limit=1))


def unfinished_jobs(instance: DagsterInstance) -> set[str]:
    """Give the jobs of queued runs and runs in progress."""
    return {run.job_name for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))}


def computed_days(instance: DagsterInstance, meter_id: str) -> list[date]:
    """Give the days of a meter that Dagster has recorded as materialized."""
    return [date.fromisoformat(key) for key in instance.get_materialized_partitions(dg.AssetKey(meter_id))]
