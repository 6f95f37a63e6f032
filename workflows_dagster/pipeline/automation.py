"""What runs by itself: the sensor for changed readings, and the schedules."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

import dagster as dg
import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.domain import days
from workflows_dagster.pipeline.assets.meters import TIBBER_KEY
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.repair.missing import catch_up, missing_days
from workflows_dagster.repair.repairs import Repair, plan_repairs
from workflows_dagster.repair.snapshot import decode, digest
from workflows_dagster.repair.stale_days import Span
from workflows_dagster.settings.load import Settings

DAILY = "daily"
SENSOR_SECONDS = 30
# A run that fails is requested again that often; the night after compares all days with the readings anyway.
MAX_RETRIES = 3
MONTHLY_REFIT = "30 3 1 * *"
EVERY_HOUR = "15 * * * *"
# A tick that comes a little early, because the one before came a little late, asks all the same.
_EARLIEST = 0.9
_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def new_readings_sensor(settings: Settings, job: str) -> dg.SensorDefinition:
    """Build the sensor that finds new, back-dated, edited and deleted readings, and requests the days they reach.

    Its cursor is a snapshot of the readings. It moves only with the requests that it stands for, and waits while days
    are being computed, so that no change falls between a run and the look at its result.
    """

    @dg.sensor(
        name="new_readings",
        job_name=job,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Finds changed readings and recomputes the days that they reach, and no others.",
    )
    def new_readings(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult | dg.SkipReason:
        if is_unfinished(context.instance, job_name=job):
            return dg.SkipReason("Days are being computed; the readings are looked at when that is done.")
        within = partition_span(settings, pd.Timestamp.now("UTC"))
        if within is None:
            return dg.SkipReason("No day is complete yet.")
        number, _, text = (context.cursor or "").partition("|")
        before = decode(text)
        plan = plan_repairs(settings, store.store, before, within, partial(computed_days, context.instance))
        if not plan.changed:
            return dg.SkipReason("No reading has changed.")
        # Numbered, because readings that go back to what they were must be a new request all the same.
        number = str(int(number) + 1 if number.isdigit() else 1)
        cursor = f"{number}|{plan.snapshot.encode()}"
        if not plan.repairs:
            return dg.SensorResult(skip_reason=f"{_names(plan.changed)} changed; no complete day does.", cursor=cursor)
        return dg.SensorResult(run_requests=list(_requests(plan.repairs, job, digest(cursor))), cursor=cursor)

    return new_readings


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")


def daily_schedule(settings: Settings, job: str, now: Callable[[], pd.Timestamp] = _now) -> dg.ScheduleDefinition:
    """Build the nightly schedule: all missing days, however long the machine was off, and all that are not true.

    Besides what is missing it compares every stored day with what the readings give, so that whatever went wrong
    before, a run that failed for good or a server that lost data, is right in the morning. It looks at the present,
    so of several ticks that were missed one is enough.
    """

    @dg.schedule(
        name=DAILY,
        cron_schedule=settings.site.workflows.analytics.schedule,
        execution_timezone=settings.site.timezone,
        job_name=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Computes every missing day of every meter, and any that is no longer true.",
    )
    def daily(context: dg.ScheduleEvaluationContext, store: StoreResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if is_unfinished(context.instance, tags={"dagster/schedule_name": DAILY}):
            yield dg.SkipReason("The run of an earlier tick is not done.")
            return
        within = partition_span(settings, now())
        if within is None:
            yield dg.SkipReason("No day is complete yet.")
            return
        computed = {meter.meter_id: computed_days(context.instance, meter.meter_id) for meter in settings.meters}
        missing = missing_days(settings, store.store, computed, within)
        present = {meter: set(found) - missing.get(meter, set()) for meter, found in computed.items()}
        repairs = [
            # Repairs first: what was lost may be made from what is repaired, and one run comes after the other.
            *plan_repairs(settings, store.store, None, within, present.__getitem__).repairs,
            *catch_up(settings, missing),
        ]
        if not repairs:
            yield dg.SkipReason("Every day is there and true.")
            return
        yield from _requests(repairs, job, f"{now():%Y-%m-%d}")

    return daily


def tibber_schedule(settings: Settings, job: str) -> dg.ScheduleDefinition:
    """Build the schedule of the Tibber sync, which asks no sooner after an answer than `tibber.polling_interval`."""
    pause = timedelta(seconds=_EARLIEST * settings.site.tibber.polling_interval)

    @dg.schedule(
        name="tibber_hourly",
        job_name=job,
        cron_schedule=settings.site.workflows.tibber_sync.schedule,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Fetches Tibber's hours.",
    )
    def tibber_hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        answered = context.instance.get_latest_materialization_event(TIBBER_KEY)
        if answered is not None:
            earliest = datetime.fromtimestamp(answered.timestamp, UTC) + pause
            if context.scheduled_execution_time < earliest:
                seconds = settings.site.tibber.polling_interval
                return dg.SkipReason(
                    f"Tibber was asked less than {seconds} s ago (config.yaml:tibber.polling_interval)."
                )
        return dg.RunRequest()

    return tibber_hourly


def profiles_schedule(settings: Settings, job: str) -> dg.ScheduleDefinition:
    """Build the monthly refit. A profile that moves changes its meter's recipe, which the sensor sees and repairs."""
    return dg.ScheduleDefinition(
        name="monthly_profiles",
        job_name=job,
        cron_schedule=MONTHLY_REFIT,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refits the seasonal profiles; where one moves, its meter's estimated days are recomputed.",
    )


def running_day_schedule(settings: Settings, job: str) -> dg.ScheduleDefinition:
    """Build the hourly schedule of today so far."""
    return dg.ScheduleDefinition(
        name="running_day_hourly",
        job_name=job,
        cron_schedule=EVERY_HOUR,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Shows today so far.",
    )


def failed_runs_sensor() -> dg.SensorDefinition:
    """Build the sensor that raises the alarm in the log when a run has failed for good."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SENSOR_SECONDS,
        description="Says in the log which run failed, and whether it is tried again.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        again = run.tags.get("dagster/will_retry", "false").lower() == "true"
        ending = "It is tried again." if again else "It is not tried again before the night. See the run on the page."
        message = context.failure_event.message or "no reason given"
        context.log.error(f"Run {run.run_id[:8]} of job '{run.job_name}' failed: {message} {ending}")

    return failed_runs


def partition_span(settings: Settings, now: pd.Timestamp) -> Span | None:
    """Give the civil days that are complete at an instant, from the first on; None where there is none."""
    last = days.civil_day(now.tz_convert("UTC"), settings.site.zone) - timedelta(days=1)
    return Span(settings.first_day, last) if last >= settings.first_day else None


def _requests(repairs: Iterable[Repair], job: str, reason: str) -> Iterator[dg.RunRequest]:
    for repair in repairs:
        first, last = repair.span.first, repair.span.last
        yield dg.RunRequest(
            run_key=f"{reason}:{first}:{last}:{digest(repair.meters)}",
            job_name=job,
            asset_selection=[dg.AssetKey(meter) for meter in repair.meters],
            # They follow in a run of their own; here each would leave a row a day.
            asset_check_keys=[],
            tags={
                **range_tags(first, last),
                "dagster/max_retries": str(MAX_RETRIES),
                "dagster/retry_strategy": "ALL_STEPS",
            },
        )


def is_unfinished(
    instance: DagsterInstance, *, job_name: str | None = None, tags: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a run of a job, or with some tags, waits or works."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job_name, tags=tags, statuses=_UNFINISHED), limit=1))


def computed_days(instance: DagsterInstance, meter_id: str) -> list[date]:
    """Give the days of a meter that Dagster knows to be materialized."""
    return [date.fromisoformat(key) for key in instance.get_materialized_partitions(dg.AssetKey(meter_id))]


def _names(meters: Sequence[str]) -> str:
    return ", ".join(meters[:3]) + (f" and {len(meters) - 3} more" if len(meters) > 3 else "")
