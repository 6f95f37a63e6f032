"""The small house in Dagster's graph: built once, copied by each test, and looked at as the daemon does."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import date
from shutil import copytree

import dagster as dg
import pandas as pd
import pytest

from tests.houses import SMALL, SmallHouse, small
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import DAYS_JOB
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.resources import store_resource
from workflows_dagster.pipeline.schedules import daily_schedule
from workflows_dagster.pipeline.sensors.new_readings import new_readings_sensor
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.settings.dagster_home import HOME_VARIABLE
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import EMBEDDED_FILE

HOUSE = small("2026-01-01")


ALL = list(SMALL)


LAST = date(2026, 5, 31)


CONFIG = "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2026}}"


# Its last days are lacking where a test needs that.
SHORT_OF = date(2026, 5, 24)


def set_environment(environment):
    """Have put back what opening a Dagster home sets."""
    environment.setenv(HOME_VARIABLE, "")
    environment.setenv(BATCH_SIZE_VARIABLE, "2000")


def opened_house(folder):
    """Open the house of a folder."""
    settings = load(folder / "config", {"METERS_DATA_DIR": str(folder / "data")})
    return SmallHouse(settings, EmbeddedStore(folder / "data" / EMBEDDED_FILE))


def read_monthly(house):
    house.read("main", {f"2026-{month:02d}-01 08:00": 300.0 * month for month in range(1, 8)})
    house.read("flat", {f"2026-{month:02d}-01 08:00": 100.0 * month for month in range(1, 8)})


def build_house(folder, last, read=read_monthly, tariffs=None):
    """Build a house in a folder, read its meters and, if a last day is given, compute its days."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "config" / "meters.yaml").write_text(HOUSE, encoding="utf-8")
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
    if tariffs:
        (folder / "config" / "tariffs.yaml").write_text(tariffs, encoding="utf-8")
    house = opened_house(folder)
    read(house)
    if last:
        with pytest.MonkeyPatch.context() as environment:
            set_environment(environment)
            with dagster_instance(folder / "home") as instance:
                backfill(house.settings, instance, ALL, DayRange(date(2026, 1, 1), last))
    house.store.close()
    return folder


@contextmanager
def copy_of(built, folder):
    """Open a copy of a house that was built once."""
    copytree(built, folder, dirs_exist_ok=True)
    house = opened_house(folder)
    with closing(house.store):
        yield house


def tick(house, instance, cursor=None):
    """One look of the sensor; gives its requests and its next cursor."""
    sensor = new_readings_sensor(house.settings, DAYS_JOB)
    definitions = build_definitions(house.settings)
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"store": store_resource(house.settings)},
        repository_def=definitions.get_repository_def(),
    ) as context:
        result = sensor(context)
    if isinstance(result, dg.SkipReason):
        return [], cursor, result.skip_message
    return list(result.run_requests or []), result.cursor, None


def night(house, instance, moment):
    """One night's look of the daily schedule."""
    schedule = daily_schedule(house.settings, DAYS_JOB, now=lambda: pd.Timestamp(moment))
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, resources={"store": store_resource(house.settings)}
    ) as context:
        result = list(schedule(context))
    return [request for request in result if isinstance(request, dg.RunRequest)]


def span_of(request):
    return request.tags["dagster/asset_partition_range_start"], request.tags["dagster/asset_partition_range_end"]


def meters_of(request):
    return [key.to_user_string() for key in request.asset_selection]


def compute_without_what_follows(settings, instance, meters, first, last):
    """A run over days as the page or the daemon makes one."""
    job = build_definitions(settings).resolve_job_def(DAYS_JOB)
    keys = frozenset(dg.AssetKey(meter) for meter in meters)
    chosen = job.get_subset(asset_selection=keys, asset_check_selection=frozenset())
    assert chosen.execute_in_process(instance=instance, tags=range_tags(DayRange(first, last))).success


def run(house, instance, request):
    """Do what the daemon would do with a request."""
    assert request.job_name == DAYS_JOB
    compute_without_what_follows(
        house.settings, instance, meters_of(request), *map(date.fromisoformat, span_of(request))
    )


TARIFFS = """\
tariffs:
  - utility: electricity
    billed_meter: main
    prices:
      - {valid_from: 2026-01-01, unit_price: 0.30, per: kWh, standing_charge: 120, standing_charge_per: year}
"""
