"""The whole graph of one house: assets, resources, executor."""

import dagster as dg

from workflows_dagster.pipeline.io_manager import days_io_manager
from workflows_dagster.pipeline.meter_assets import IO_MANAGER_KEY, PROFILES_KEY, meter_assets, raw_assets
from workflows_dagster.pipeline.partitions import daily_partitions
from workflows_dagster.pipeline.resources import store_resource, tibber_resource
from workflows_dagster.pipeline.seasonal_profiles import seasonal_profiles_asset
from workflows_dagster.settings.load import Settings

DAYS_JOB = "days"
PROFILES_JOB = "profiles"


def build_definitions(settings: Settings) -> dg.Definitions:
    """Build the graph that the settings describe."""
    partitions = daily_partitions(settings)
    meters = meter_assets(settings, partitions)
    return dg.Definitions(
        assets=[
            *raw_assets(settings),
            seasonal_profiles_asset(settings),
            *meters,
        ],
        resources={
            "store": store_resource(settings),
            "tibber": tibber_resource(settings),
            IO_MANAGER_KEY: days_io_manager(settings),
        },
        jobs=[
            dg.define_asset_job(
                DAYS_JOB,
                selection=dg.AssetSelection.assets(*meters),
                description="Days of some or all meters, a whole range in one run.",
            ),
            dg.define_asset_job(
                PROFILES_JOB,
                selection=dg.AssetSelection.assets(PROFILES_KEY),
                description="Fit the seasonal profiles to all readings there are.",
            ),
        ],
        # A day of 27 meters takes 4 s in one process, 33 s with a process a step.
        executor=dg.in_process_executor,
    )
