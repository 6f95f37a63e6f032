"""The whole graph of one house: assets, resources, executor."""

import dagster as dg

from workflows_dagster.logs.from_settings import secrets_in
from workflows_dagster.pipeline.assets.event_energy_correlation import event_energy_asset, event_jobs
from workflows_dagster.pipeline.assets.home_assistant_statistics import (
    STATISTICS_JOB,
    statistics_asset,
    statistics_schedule,
)
from workflows_dagster.pipeline.assets.ingestion import tibber_asset
from workflows_dagster.pipeline.assets.insight import anomalies_asset, costs_asset
from workflows_dagster.pipeline.assets.meters import IO_MANAGER_KEY, meter_assets, raw_assets
from workflows_dagster.pipeline.assets.months import months_asset
from workflows_dagster.pipeline.assets.outdoor_temperature import outdoor_temperature
from workflows_dagster.pipeline.assets.running_day import running_day_asset
from workflows_dagster.pipeline.assets.seasonal_profiles import seasonal_profiles_asset
from workflows_dagster.pipeline.checks import meter_checks
from workflows_dagster.pipeline.code_references import with_code_references
from workflows_dagster.pipeline.io_manager import DaysIOManager
from workflows_dagster.pipeline.jobs import (
    DAYS_JOB,
    PROFILES_JOB,
    RUNNING_DAY_JOB,
    TIBBER_JOB,
    WEATHER_JOB,
    days_job,
    downstream_jobs,
    other_jobs,
    statistics_job,
    weather_job,
)
from workflows_dagster.pipeline.maintenance import upkeep
from workflows_dagster.pipeline.partitions import daily_partitions, monthly_partitions
from workflows_dagster.pipeline.resources import (
    home_assistant_resource,
    store_resource,
    tibber_resource,
    weather_resource,
)
from workflows_dagster.pipeline.runs import SENSOR_SECONDS
from workflows_dagster.pipeline.schedules import (
    daily_schedule,
    profiles_schedule,
    running_day_schedule,
    tibber_schedule,
    weather_schedule,
)
from workflows_dagster.pipeline.sensors.alerts import alerts_sensor
from workflows_dagster.pipeline.sensors.downstream import downstream_sensor
from workflows_dagster.pipeline.sensors.failed_runs import failed_runs_sensor
from workflows_dagster.pipeline.sensors.house_status import house_status_sensor
from workflows_dagster.pipeline.sensors.lost_runs import lost_runs_sensor
from workflows_dagster.pipeline.sensors.new_readings import new_readings_sensor
from workflows_dagster.pipeline.storage.run_log import keep_secret
from workflows_dagster.settings.load import Settings


def build_definitions(settings: Settings, sensor_seconds: int = SENSOR_SECONDS) -> dg.Definitions:
    """Build the graph of the settings, and mask their secrets in all errors that Dagster stores.

    Args:
        settings: The house.
        sensor_seconds: Least time between two ticks of the sensors that request runs. [s]
    """
    keep_secret(secrets_in(settings))
    partitions = daily_partitions(settings)
    months = monthly_partitions(settings)
    meters = meter_assets(settings, partitions)
    checks = meter_checks(settings)
    days = days_job(meters)
    downstream = downstream_jobs(checks)
    kept = upkeep(settings)
    store = store_resource(settings)
    temperature = outdoor_temperature(settings)
    # What is not set up shows nothing on the page that never runs.
    fetches_weather = settings.site.weather.is_fetched
    has_events = settings.site.home_assistant.url is not None
    jobs_of_events, schedules_of_events = event_jobs(settings) if has_events else ([], [])
    gives_back = has_events and bool(settings.site.home_assistant.statistics)
    return dg.Definitions(
        assets=[
            *raw_assets(settings),
            *([temperature] if isinstance(temperature, dg.AssetSpec) else []),
            *with_code_references(
                [
                    *([temperature] if isinstance(temperature, dg.AssetsDefinition) else []),
                    tibber_asset(settings),
                    seasonal_profiles_asset(settings),
                    *meters,
                    running_day_asset(settings),
                    anomalies_asset(settings, partitions),
                    costs_asset(settings, partitions),
                    months_asset(settings, months),
                    *([event_energy_asset(settings, partitions)] if has_events else []),
                    *([statistics_asset(settings)] if gives_back else []),
                ]
            ),
        ],
        asset_checks=[checks],
        resources={
            "store": store,
            "tibber": tibber_resource(settings),
            **({"weather": weather_resource(settings)} if fetches_weather else {}),
            **({"home_assistant": home_assistant_resource(settings)} if gives_back else {}),
            IO_MANAGER_KEY: DaysIOManager(store=store, timezone=settings.site.timezone),
        },
        jobs=[
            days,
            *downstream,
            *other_jobs(),
            *([weather_job()] if fetches_weather else []),
            *jobs_of_events,
            *([statistics_job()] if gives_back else []),
            *kept.jobs,
        ],
        schedules=[
            daily_schedule(settings, DAYS_JOB),
            profiles_schedule(settings, PROFILES_JOB),
            running_day_schedule(settings, RUNNING_DAY_JOB),
            *([tibber_schedule(settings, TIBBER_JOB)] if settings.secrets.tibber_api_token else []),
            *([weather_schedule(settings, WEATHER_JOB)] if fetches_weather else []),
            *schedules_of_events,
            *([statistics_schedule(settings)] if gives_back else []),
            *kept.schedules,
        ],
        sensors=[
            new_readings_sensor(settings, DAYS_JOB, sensor_seconds),
            downstream_sensor(settings, downstream, sensor_seconds),
            failed_runs_sensor(),
            lost_runs_sensor(2 * sensor_seconds),
            house_status_sensor(settings),
            alerts_sensor(
                settings,
                {TIBBER_JOB: "tibber_down", WEATHER_JOB: "weather_down", STATISTICS_JOB: "home_assistant_down"},
                hourly_jobs=[RUNNING_DAY_JOB],
            ),
        ],
        # A day of 27 meters takes 4 s in one process, 33 s with one process per step.
        executor=dg.in_process_executor,
    )


def validate_graph(settings: Settings) -> None:
    """Build the graph and let Dagster resolve all of it; an exception is a bug of this program."""
    dg.Definitions.validate_loadable(build_definitions(settings))
