"""Dagster schedules: the nightly comparison of all days, the fetches, the monthly refit and the running day."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pandas as pd

from workflows_dagster.pipeline.assets.meters import PROFILES_KEY, TEMPERATURE_KEY, TIBBER_KEY
from workflows_dagster.pipeline.partitions import partition_span
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.runs import computed_days, is_unfinished, repair_requests
from workflows_dagster.repair.missing import catch_up, missing_days
from workflows_dagster.repair.repairs import plan_repairs
from workflows_dagster.settings.load import Settings

DAILY = "daily"
MONTHLY_REFIT = "30 3 1 * *"
EVERY_HOUR = "15 * * * *"
# Before the nightly computation, and again where that failed.
SIX_HOURLY = "40 1,7,13,19 * * *"
# Tolerance for a tick that comes slightly early because the previous one came late.
_EARLIEST = 0.9


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")


def daily_schedule(settings: Settings, job: str, now: Callable[[], pd.Timestamp] = _now) -> dg.ScheduleDefinition:
    """Build the nightly schedule, which requests all missing and all stale days.

    It finds missing days and compares every stored day with the readings. That repairs the effects of a run that failed
    for good, of a server that lost data, or of a machine that was off. It depends only on the present state, so one
    tick makes up for several missed ones.
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
            # Repairs first: runs are sequential, and missing days may derive from repaired ones.
            *plan_repairs(settings, store.store, None, within, present.__getitem__).repairs,
            *catch_up(settings, missing),
        ]
        if not repairs:
            yield dg.SkipReason("Every day is there and true.")
            return
        yield from repair_requests(repairs, job, f"{now():%Y-%m-%d}")

    return daily


def tibber_schedule(settings: Settings, job: str) -> dg.ScheduleDefinition:
    """Build the schedule of the Tibber sync, which skips ticks within `tibber.polling_interval` of the last answer."""
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
    """Build the schedule of the monthly refit. A changed profile makes days stale, which the sensor recomputes."""
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


def weather_schedule(settings: Settings, job: str) -> dg.ScheduleDefinition:
    """Build the schedule of the outdoor temperature; with the first ones the profiles are fitted at once."""

    @dg.schedule(
        name="weather_six_hourly",
        job_name=job,
        cron_schedule=SIX_HOURLY,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Fetches the outdoor temperature from Open-Meteo.",
    )
    def weather_six_hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        is_first = context.instance.get_latest_materialization_event(TEMPERATURE_KEY) is None
        return dg.RunRequest(asset_selection=[TEMPERATURE_KEY, *([PROFILES_KEY] if is_first else [])])

    return weather_six_hourly
