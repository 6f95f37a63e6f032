"""Finds alert causes in Dagster: runs that failed for good, failing schedules and sensors, no data from Tibber."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.alerts.cause import Cause, Figure
from workflows_dagster.pipeline.partitions import PARTITION, RANGE_END, RANGE_START
from workflows_dagster.pipeline.storage.ticks import failing_instigators

DAY = pd.Timedelta(days=1)
# An hourly job is reported only if it fails twice.
HOURLY_PATIENCE = pd.Timedelta(hours=2)
# The nightly run recomputes days that are still wrong, so older failures have been repaired.
_DAYS_REMEMBERED = pd.Timedelta(days=3)
# Long enough that a later run of a monthly job can repair its failure.
_REMEMBERED = pd.Timedelta(days=35)
# An hourly failure occurs 840 times in this period, and must not hide a monthly one.
_MOST_RUNS = 2000


@dataclass(frozen=True)
class FailedJob:
    """A job with failed runs that no later run has repaired.

    Attributes:
        name: Its name.
        runs: The runs, the newest first.
    """

    name: str
    runs: tuple[dg.RunRecord, ...]

    @property
    def since(self) -> pd.Timestamp:
        """When the first of them failed, UTC."""
        return pd.Timestamp(self.runs[-1].update_timestamp).tz_convert("UTC")


def failed_jobs(instance: DagsterInstance, now: pd.Timestamp) -> list[FailedJob]:
    """Find the jobs with runs that failed for good: neither retried nor repaired by a later run.

    A run over some days of some assets is repaired by a run that shares days and assets with it, because the nightly
    run requests exactly what is still wrong. Any other run is repaired by the next run of its job.

    Args:
        instance: Dagster's own.
        now: The present, UTC.
    """
    failures = [
        record
        for record in _runs(instance, dg.DagsterRunStatus.FAILURE, now - _REMEMBERED)
        if record.dagster_run.tags.get("dagster/will_retry", "false").lower() != "true"
        and not (_days_of(record) and _ended(record) < now - _DAYS_REMEMBERED)
    ]
    by_job: dict[str, list[dg.RunRecord]] = {}
    for failure in failures:
        by_job.setdefault(failure.dagster_run.job_name, []).append(failure)
    for name, failed in by_job.items():
        # Queried by job, because runs of a frequent job would hide those that repaired another.
        successes = _runs(instance, dg.DagsterRunStatus.SUCCESS, _ended(failed[-1]), name)
        failed[:] = [failure for failure in failed if not any(_makes_good(success, failure) for success in successes)]
    return [FailedJob(name, tuple(failed)) for name, failed in by_job.items() if failed]


def run_causes(failed: Sequence[FailedJob], patience: Mapping[str, pd.Timedelta], now: pd.Timestamp) -> Iterator[Cause]:
    """Give a cause per failed job.

    Args:
        failed: The jobs.
        patience: How long a job may fail before it is reported, by name.
        now: The present, UTC.
    """
    for job in failed:
        if job.name in patience and now - job.since < patience[job.name]:
            continue
        newest = job.runs[0]
        code = "manual_run_failed" if job.name.startswith("__") else "run_failed"
        figures: dict[str, Figure] = {
            "job": job.name, "run": newest.dagster_run.run_id[:8], "at": _ended(newest).isoformat(),
            "times": len(job.runs),
        }  # fmt: skip
        yield Cause(f"run:{job.name}", code, figures, job.since)


def fetch_causes(failed: Sequence[FailedJob], codes: Mapping[str, str], now: pd.Timestamp) -> Iterator[Cause]:
    """Give a cause per outside service whose every fetch has failed for a day.

    Args:
        failed: The jobs with failed runs.
        codes: The cause's code by the name of the job that fetches.
        now: The present, UTC.
    """
    for one in failed:
        if one.name in codes and now - one.since >= DAY:
            yield Cause(f"run:{one.name}", codes[one.name], {"since": one.since.isoformat()}, one.since)


def tick_causes(
    instance: DagsterInstance, names: Collection[str], location: str | None, now: pd.Timestamp
) -> Iterator[Cause]:
    """Give a cause per schedule whose last tick failed, and per sensor whose ticks have all failed for an hour.

    Args:
        instance: Dagster's own.
        names: Schedules and sensors of this house.
        location: Name of their code location; None if unknown.
        now: The present, UTC.
    """
    for failing in failing_instigators(instance, names, location, now):
        figures = {"name": failing.name, "since": failing.since.isoformat()}
        yield Cause(f"tick:{failing.name}", f"{failing.kind}_failing", figures, failing.since)


def _runs(
    instance: DagsterInstance, status: dg.DagsterRunStatus, since: pd.Timestamp, job_name: str | None = None
) -> Sequence[dg.RunRecord]:
    """Give the runs that ended with a status since an instant, of one job or of all, newest first."""
    return instance.get_run_records(
        dg.RunsFilter(job_name=job_name, statuses=[status], updated_after=since.to_pydatetime()),
        order_by="update_timestamp",
        limit=_MOST_RUNS,
    )


def _makes_good(success: dg.RunRecord, failure: dg.RunRecord) -> bool:
    if success.dagster_run.job_name != failure.dagster_run.job_name or _ended(success) < _ended(failure):
        return False
    wanted, done = _days_of(failure), _days_of(success)
    if wanted is None or done is None:
        return True
    assets, computed = failure.dagster_run.asset_selection, success.dagster_run.asset_selection
    share_assets = not assets or not computed or not assets.isdisjoint(computed)
    return share_assets and wanted[0] <= done[1] and done[0] <= wanted[1]


def _days_of(record: dg.RunRecord) -> tuple[str, str] | None:
    tags = record.dagster_run.tags
    first, last = tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))
    return (first, last) if first and last else None


def _ended(record: dg.RunRecord) -> pd.Timestamp:
    return pd.Timestamp(record.update_timestamp).tz_convert("UTC")
