"""Dagster jobs of the upkeep: nightly tidying of Dagster's home, and a weekly verified backup."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from workflows_dagster.maintenance.contents import places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.status import note
from workflows_dagster.maintenance.verified_backup import back_up
from workflows_dagster.pipeline.storage.retention import NotSqliteError, tidy
from workflows_dagster.settings.load import Settings

UPKEEP_JOB = "upkeep"
BACKUP_JOB = "backup"
UPKEEP_SCHEDULE = "nightly_upkeep"
BACKUP_SCHEDULE = "weekly_backup"


@dataclass(frozen=True)
class Upkeep:
    """Jobs and schedules of the upkeep.

    Attributes:
        jobs: The nightly tidying, the weekly backup.
        schedules: When they run.
    """

    jobs: Sequence[dg.JobDefinition]
    schedules: Sequence[dg.ScheduleDefinition]


def upkeep(settings: Settings) -> Upkeep:
    """Build the jobs and schedules of the upkeep."""
    rules = settings.site.upkeep
    tidying, backup = _upkeep_job(settings), _backup_job(settings)
    return Upkeep(
        [tidying, backup],
        [
            _schedule(settings, UPKEEP_SCHEDULE, tidying, rules.retention_schedule, "Keeps Dagster's home small."),
            _schedule(
                settings, BACKUP_SCHEDULE, backup, rules.backup_schedule, "Makes a backup, and restores it on trial."
            ),
        ],
    )


def _upkeep_job(settings: Settings) -> dg.JobDefinition:
    rules = settings.site.upkeep

    @dg.op(name="tidy_home", out=dg.Out(dg.Nothing), tags={"kind": "sqlite"})
    def tidy_home(context: dg.OpExecutionContext) -> None:
        now = datetime.now(UTC)
        try:
            # Starts the week after which a house without any backup is alerted.
            note(settings.data_dir, now)
            done = tidy(
                context.instance,
                rules.keep_runs_days,
                now,
                progress=lambda text: context.log.info(text),
            )
        except NotSqliteError as elsewhere:
            # Not an error: such a home is never tidied by this job.
            context.log.info(str(elsewhere))
            return
        except UpkeepError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        context.log.info(str(done))

    @dg.job(
        name=UPKEEP_JOB,
        executor_def=dg.in_process_executor,
        description=(
            f"Deletes runs and logs older than {rules.keep_runs_days} days from Dagster's home. "
            "Which partitions are materialized is never forgotten."
        ),
    )
    def upkeep_job() -> None:
        tidy_home()

    return upkeep_job


def _backup_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(name="back_up", out=dg.Out(dg.Nothing), tags={"kind": "sqlite"})
    def back_up_op(context: dg.OpExecutionContext) -> None:
        try:
            made = back_up(
                settings, places(settings), lambda: datetime.now(UTC), tell=lambda text: context.log.info(text)
            )
        except UpkeepError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        for sentence in made.manifest.notes:
            context.log.info(sentence)

    @dg.job(
        name=BACKUP_JOB,
        executor_def=dg.in_process_executor,
        description=(
            "Makes a backup of data, Dagster's home and configuration (without secrets), restores it into a scratch "
            "folder and compares the monthly sums by meter."
        ),
    )
    def backup_job() -> None:
        back_up_op()

    return backup_job


def _schedule(
    settings: Settings, name: str, job: dg.JobDefinition, cron: str, description: str
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
