"""The asset that gives the meters' hours back to Home Assistant, a partition a meter."""

from collections.abc import Callable, Mapping
from datetime import date

import dagster as dg
import pandas as pd

from workflows_dagster.clients.home_assistant.errors import HomeAssistantError
from workflows_dagster.pipeline.assets.insight import COSTS_KEY
from workflows_dagster.pipeline.assets.meters import OWNERS
from workflows_dagster.pipeline.partitions import RANGE_END, RANGE_START, partition_span
from workflows_dagster.pipeline.resources import HomeAssistantResource, StoreResource
from workflows_dagster.pipeline.runs import RETRIES
from workflows_dagster.pipeline.storage.partition_metadata import add_partition_metadata
from workflows_dagster.services.statistics_back import GivenBack
from workflows_dagster.settings.load import Settings

STATISTICS_KEY = dg.AssetKey("home_assistant_statistics")
STATISTICS_JOB = "statistics"
READ_BACK = "reads_back"
# After the runs of the hour that a late reading causes; nothing is asked while nothing has changed.
EVERY_HOUR = "35 * * * *"
_LOOK_AGAIN = pd.Timedelta(hours=23)


def statistics_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the asset over the meters that config.yaml names."""
    named = settings.site.home_assistant.statistics
    every_day = dg.AllPartitionMapping()

    @dg.asset(
        key=STATISTICS_KEY,
        deps=[
            *(dg.AssetDep(name, partition_mapping=every_day) for name in named),
            dg.AssetDep(COSTS_KEY, partition_mapping=every_day),
        ],
        partitions_def=dg.StaticPartitionsDefinition(list(named)),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                READ_BACK,
                asset=STATISTICS_KEY,
                description="Whether Home Assistant still has the last hour of each month as it was sent.",
            )
        ],
        group_name="insight",
        owners=OWNERS,
        kinds={"homeassistant"},
        description=(
            "The hours and costs of meters, given back to Home Assistant's Energy dashboard: measured hours as "
            "measured, estimated days spread over their hours. After a late reading or a replacement they are sent "
            "again from the first changed hour on."
        ),
    )
    def home_assistant_statistics(
        context: dg.AssetExecutionContext, store: StoreResource, home_assistant: HomeAssistantResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        within = partition_span(settings, pd.Timestamp.now("UTC"))
        if within is None:
            return dg.MaterializeResult(check_results=[_checked({}, [])])
        back = GivenBack(settings, store.store, within.last)
        try:
            with home_assistant.opened() as assistant:
                lost = back.verify(assistant)
                given = back.give(list(context.partition_keys), assistant)
        except HomeAssistantError as error:
            raise dg.Failure(description=str(error), allow_retries=error.passing) from None
        add_partition_metadata(
            context, {name: {"hours_sent": one.hours, "messages": one.messages} for name, one in given.items()}
        )
        return dg.MaterializeResult(check_results=[_checked(lost, back.left_over())])

    return home_assistant_statistics


def _checked(lost: Mapping[str, date], left_over: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=READ_BACK,
        passed=not lost and not left_over,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"sent_again_from": {name: str(month) for name, month in lost.items()}, "left_over": left_over},
    )


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")


def statistics_schedule(settings: Settings, now: Callable[[], pd.Timestamp] = _now) -> dg.ScheduleDefinition:
    """Build the hourly schedule, which asks Home Assistant where something has changed, and once a day anyway."""
    named = settings.site.home_assistant.statistics

    @dg.schedule(
        name="statistics_hourly",
        job_name=STATISTICS_JOB,
        cron_schedule=EVERY_HOUR,
        execution_timezone=settings.site.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Gives hours that have changed back to Home Assistant.",
    )
    def statistics_hourly(context: dg.ScheduleEvaluationContext, store: StoreResource) -> dg.RunRequest | dg.SkipReason:
        moment = now()
        within = partition_span(settings, moment)
        if within is None:
            return dg.SkipReason("No day is complete yet.")
        done = context.instance.get_latest_materialization_event(STATISTICS_KEY)
        is_recent = done is not None and moment - pd.Timestamp(done.timestamp, unit="s", tz="UTC") < _LOOK_AGAIN
        if is_recent and not GivenBack(settings, store.store, within.last).due():
            return dg.SkipReason("Home Assistant has every hour.")
        return dg.RunRequest(tags={RANGE_START: named[0], RANGE_END: named[-1], **RETRIES})

    return statistics_hourly
