"""Dagster jobs: days, downstream results, and the jobs of the schedules."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from workflows_dagster.pipeline.assets.home_assistant_statistics import STATISTICS_JOB, STATISTICS_KEY
from workflows_dagster.pipeline.assets.insight import ANOMALIES_KEY, COSTS_KEY
from workflows_dagster.pipeline.assets.meters import PROFILES_KEY, TEMPERATURE_KEY, TIBBER_KEY
from workflows_dagster.pipeline.assets.months import MONTHS_KEY
from workflows_dagster.pipeline.assets.running_day import RUNNING_DAY_KEY

DAYS_JOB = "days"
INSIGHT_JOB = "insight"
MONTHS_JOB = "months"
CHECKS_JOB = "checks"
PROFILES_JOB = "profiles"
RUNNING_DAY_JOB = "today"
TIBBER_JOB = "tibber_sync"
WEATHER_JOB = "weather"

# The return type of `define_asset_job` has no public name.
AssetJob = Any


def days_job(meters: Sequence[dg.AssetsDefinition]) -> AssetJob:
    """Build the job of the days of some or all meters, a whole range in one run."""
    return dg.define_asset_job(
        DAYS_JOB,
        # In a run over a range each check would store a row per day, so checks run separately.
        selection=dg.AssetSelection.assets(*meters).without_checks(),
        description="Days of some or all meters, a whole range in one run.",
    )


def downstream_jobs(checks: dg.AssetChecksDefinition) -> list[AssetJob]:
    """Build the jobs of costs, anomalies, months and checks."""
    return [
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


def other_jobs() -> list[AssetJob]:
    """Build the jobs of the profiles, the running day and Tibber's hours."""
    return [
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
    ]


def weather_job() -> AssetJob:
    """Build the job that fetches the outdoor temperature, and can fit the profiles to the first ones at once."""
    return dg.define_asset_job(
        WEATHER_JOB,
        selection=dg.AssetSelection.assets(TEMPERATURE_KEY, PROFILES_KEY),
        description="The outdoor temperature from Open-Meteo.",
    )


def statistics_job() -> AssetJob:
    """Build the job that gives hours back to Home Assistant."""
    return dg.define_asset_job(
        STATISTICS_JOB,
        selection=dg.AssetSelection.assets(STATISTICS_KEY),
        description="Hours and costs that have changed, back to Home Assistant.",
    )
