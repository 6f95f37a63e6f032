"""The whole graph of one house: assets, resources, executor."""

import dagster as dg

from workflows_dagster.logs.reading import secrets_in
from workflows_dagster.pipeline.alerts_sensor import alerts_sensor
from workflows_dagster.pipeline.assets.ingestion import tibber_asset
from workflows_dagster.pipeline.assets.insight import (
    ANOMALIES_KEY,
    COSTS_KEY,
    MONTHS_KEY,
    anomalies_asset,
    costs_asset,
    months_asset,
)
from workflows_dagster.pipeline.assets.meters import IO_MANAGER_KEY, PROFILES_KEY, TIBBER_KEY, meter_assets, raw_assets
from workflows_dagster.pipeline.assets.running_day import RUNNING_DAY_KEY, running_day_asset
from workflows_dagster.pipeline.assets.seasonal_profiles import seasonal_profiles_asset
from workflows_dagster.pipeline.automation import (
    daily_schedule,
    failed_runs_sensor,
    new_readings_sensor,
    profiles_schedule,
    running_day_schedule,
    tibber_schedule,
)
from workflows_dagster.pipeline.checks import meter_checks
from workflows_dagster.pipeline.downstream import (
    CHECKS_JOB,
    DAYS_JOB,
    INSIGHT_JOB,
    MONTHS_JOB,
    following_sensor,
)
from workflows_dagster.pipeline.io_manager import days_io_manager
from workflows_dagster.pipeline.lost_runs_sensor import lost_runs_sensor
from workflows_dagster.pipeline.maintenance import upkeep
from workflows_dagster.pipeline.partitions import daily_partitions, monthly_partitions
from workflows_dagster.pipeline.resources import store_resource, tibber_resource
from workflows_dagster.pipeline.storage.run_log import keep_secret
from workflows_dagster.settings.load import Settings

PROFILES_JOB = "profiles"
RUNNING_DAY_JOB = "today"
TIBBER_JOB = "tibber_sync"


def build_definitions(settings: Settings) -> dg.Definitions:
    """Build the graph that the settings describe; from then on Dagster keeps none of their secrets in its errors."""
    keep_secret(secrets_in(settings))
    partitions = daily_partitions(settings)
    months = monthly_partitions(settings)
    meters = meter_assets(settings, partitions)
    checks = meter_checks(settings)
    days_job = dg.define_asset_job(
        DAYS_JOB,
        # In a run over a range each check would leave a row a day; they follow in a run of their own.
        selection=dg.AssetSelection.assets(*meters).without_checks(),
        description="Days of some or all meters, a whole range in one run.",
    )
    following = [
        dg.define_asset_job(
            INSIGHT_JOB,
            selection=dg.AssetSelection.assets(ANOMALIES_KEY, COSTS_KEY),
            description="Anomalies and costs of days that were computed.",
        ),
        dg.define_asset_job(
            MONTHS_JOB,
            selection=dg.AssetSelection.assets(MONTHS_KEY),
            description="Months, and the report of a month that is over.",
        ),
        dg.define_asset_job(
            CHECKS_JOB,
            selection=dg.AssetSelection.checks(checks),
            description="What is found about each meter.",
        ),
    ]
    kept = upkeep(settings)
    return dg.Definitions(
        assets=[
            *raw_assets(settings),
            tibber_asset(settings),
            seasonal_profiles_asset(settings),
            *meters,
            running_day_asset(settings),
            anomalies_asset(settings, partitions),
            costs_asset(settings, partitions),
            months_asset(settings, months),
        ],
        asset_checks=[checks],
        resources={
            "store": store_resource(settings),
            "tibber": tibber_resource(settings),
            IO_MANAGER_KEY: days_io_manager(settings),
        },
        jobs=[
            days_job,
            *following,
            *kept.jobs,
            dg.define_asset_job(
                PROFILES_JOB,
                selection=dg.AssetSelection.assets(PROFILES_KEY),
                description="Fit the seasonal profiles to all readings there are.",
            ),
            dg.define_asset_job(
                RUNNING_DAY_JOB,
                selection=dg.AssetSelection.assets(RUNNING_DAY_KEY),
                description="Today so far.",
            ),
            dg.define_asset_job(
                TIBBER_JOB,
                selection=dg.AssetSelection.assets(TIBBER_KEY),
                description="Tibber's new, late and corrected hours.",
            ),
        ],
        schedules=[
            daily_schedule(settings, DAYS_JOB),
            profiles_schedule(settings, PROFILES_JOB),
            running_day_schedule(settings, RUNNING_DAY_JOB),
            tibber_schedule(settings, TIBBER_JOB),
            *kept.schedules,
        ],
        sensors=[
            new_readings_sensor(settings, DAYS_JOB),
            following_sensor(settings, following),
            failed_runs_sensor(),
            lost_runs_sensor(),
            alerts_sensor(settings, TIBBER_JOB, hourly_jobs=[RUNNING_DAY_JOB]),
        ],
        # A day of 27 meters takes 4 s in one process, 33 s with a process a step.
        executor=dg.in_process_executor,
    )
