"""The asset of what each of Home Assistant's events changed, by day, and the nightly deletion of expired streams."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.assets.meters import OWNERS
from workflows_dagster.pipeline.partitions import day_range, partition_span, range_tags
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.runs import RETRIES
from workflows_dagster.pipeline.storage.partition_metadata import add_partition_metadata
from workflows_dagster.records.power import delete_expired, house_source
from workflows_dagster.services.event_correlation import Correlation
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store

EVENT_ENERGY_KEY = dg.AssetKey("event_energy_correlation")
EVENTS_JOB = "events"
STREAMS_JOB = "streams"
# After midnight's margin of two hours, in every zone and on the day of the clock change too.
EVERY_NIGHT = "45 3 * * *"
# An hour without a connection is filled from Home Assistant's history: the last days are computed once more.
_AGAIN = timedelta(days=2)


def correlation_of(settings: Settings, store: Store, now: pd.Timestamp) -> Correlation | None:
    """Give the correlation of the house; None while no power of the whole house is known.

    Raises:
        StoreError: The store cannot be read.
    """
    site = settings.site.home_assistant
    source = site.power_entity or house_source(store, now)
    return (source and Correlation(store, settings.site.zone, source, site.event_domains, site.keep_days)) or None


def event_energy_asset(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset."""
    keep_days = settings.site.home_assistant.keep_days

    @dg.asset(
        key=EVENT_ENERGY_KEY,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="insight",
        owners=OWNERS,
        kinds={"pandas"},
        description=(
            "What each switch, lamp or other device of Home Assistant changed of the house's power (W), learnt from "
            "the 14 days before; and what each device drew and for how long it was on (measurement `device_power`). "
            f"Power and events are kept for {keep_days} days: a day whose streams are no longer complete keeps its "
            "results."
        ),
    )
    def event_energy_correlation(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        now = pd.Timestamp.now("UTC")
        correlation = correlation_of(settings, store.store, now)
        if correlation is None:
            context.log.info(
                "No power of the whole house is known: name its sensor as home_assistant.power_entity in config.yaml."
            )
            return dg.MaterializeResult()
        done = correlation.of_days(day_range(context.partition_key_range), now)
        add_partition_metadata(
            context,
            {
                day.isoformat(): {"events": found.events, "credited": found.credited, "kept": int(found.expired)}
                for day, found in done.items()
            },
        )
        return dg.MaterializeResult()

    return event_energy_correlation


def event_jobs(settings: Settings) -> tuple[list[Any], list[dg.ScheduleDefinition]]:
    """Build the jobs and schedules: yesterday's events, what an earlier night lacks, and the end of old streams."""
    keep_days = settings.site.home_assistant.keep_days
    events = dg.define_asset_job(
        EVENTS_JOB,
        selection=dg.AssetSelection.assets(EVENT_ENERGY_KEY),
        description="What each of Home Assistant's events changed.",
    )

    @dg.op(name="delete_expired", out=dg.Out(dg.Nothing))
    def delete_expired_op(context: dg.OpExecutionContext, store: StoreResource) -> None:
        since = delete_expired(store.store, pd.Timestamp.now("UTC"), keep_days)
        context.log.info(f"Power and events are kept since {since:%Y-%m-%d}.")

    @dg.job(
        name=STREAMS_JOB,
        executor_def=dg.in_process_executor,
        description=f"Deletes power and events older than {keep_days} days; results stay.",
    )
    def streams_job() -> None:
        delete_expired_op()

    @dg.schedule(
        name="events_nightly",
        job_name=EVENTS_JOB,
        cron_schedule=EVERY_NIGHT,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Computes what yesterday's events changed, and days that an earlier night lacks.",
    )
    def events_nightly(
        context: dg.ScheduleEvaluationContext, store: StoreResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = pd.Timestamp.now("UTC")
        within, correlation = partition_span(settings, now), correlation_of(settings, store.store, now)
        if within is None or correlation is None:
            yield dg.SkipReason("No day is complete yet, or no power of the house is known.")
            return
        made = context.instance.get_materialized_partitions(EVENT_ENERGY_KEY)
        asked = days_to_compute(within, {date.fromisoformat(key) for key in made}, correlation, now)
        yield dg.RunRequest(run_key=f"{asked.first}:{asked.last}", tags={**range_tags(asked), **RETRIES})

    return [events, streams_job], [
        events_nightly,
        dg.ScheduleDefinition(
            name="streams_nightly",
            job=streams_job,
            cron_schedule=settings.site.upkeep.retention_schedule,
            execution_timezone=settings.site.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Deletes expired power and events.",
        ),
    ]


def days_to_compute(within: DayRange, made: set[date], correlation: Correlation, now: pd.Timestamp) -> DayRange:
    """Give the days from the first that is missing and still computable, or of the last three, to the last.

    Args:
        within: All complete days.
        made: Days that were computed.
        correlation: The house's correlation.
        now: The present, UTC.
    """
    first = max(within.last - _AGAIN, within.first)
    missing = (day for day in within if day not in made and not correlation.is_expired(day, now))
    return DayRange(min(first, next(missing, first)), within.last)
