"""What the house page learns of runs and backups."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pandas as pd
import pytest

from tests.houses import small
from workflows_dagster.maintenance.status import Attempt, note
from workflows_dagster.pipeline.resources import store_resource
from workflows_dagster.pipeline.sensors.house_status import house_status_sensor
from workflows_dagster.records.house_status import HouseStatus, keep_status, stored_status

NOW = pd.Timestamp("2026-11-26T10:00", tz="UTC").as_unit("us")


@dg.op(config_schema={"fails": bool})
def work(context) -> None:
    if context.op_config["fails"]:
        raise ValueError


@dg.job
def days() -> None:
    work()


@pytest.fixture
def house(small_house):
    return small_house(small("2025-01-01"))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(instance: dg.DagsterInstance, *, fails: bool) -> None:
    days.execute_in_process({"ops": {"work": {"config": {"fails": fails}}}}, instance=instance, raise_on_error=False)


def tick(house, instance: dg.DagsterInstance, cursor: str | None = None) -> str | None:
    """One look of the sensor; gives its next cursor, None where nothing was stored."""
    sensor = house_status_sensor(house.settings, now=lambda: pd.Timestamp.now("UTC").as_unit("us"))
    resources = {"store": store_resource(house.settings)}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        found = sensor(context)
    return found.cursor if isinstance(found, dg.SensorResult) else None


def test_a_status_reads_back(house):
    for status in (HouseStatus(NOW, "failure", ("costs", "days"), NOW), HouseStatus(NOW, "success")):
        keep_status(house.store, status, NOW)
        assert stored_status(house.store) == status
    keep_status(house.store, HouseStatus(), NOW)
    assert stored_status(house.store) is None


def test_a_run_that_failed_and_a_backup_are_stored_once(house, instance):
    run(instance, fails=True)
    cursor = tick(house, instance)
    status = stored_status(house.store)
    assert status is not None
    assert (status.run_result, status.failed_jobs, status.backup) == ("failure", ("days",), None)
    assert tick(house, instance, cursor) is None
    at = datetime(2026, 11, 22, 5, 10, tzinfo=UTC)
    note(house.settings.data_dir, at, Attempt(at=at, ok=True, sentence=""), Attempt(at=at, ok=True, sentence=""))
    assert tick(house, instance, cursor) is not None
    status = stored_status(house.store)
    assert status is not None
    assert status.backup == pd.Timestamp(at)


def test_a_later_run_makes_a_failure_good(house, instance):
    run(instance, fails=True)
    run(instance, fails=False)
    tick(house, instance)
    status = stored_status(house.store)
    assert status is not None
    assert (status.run_result, status.failed_jobs) == ("success", ())
