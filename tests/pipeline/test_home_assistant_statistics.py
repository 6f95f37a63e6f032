"""Hours given back through Dagster: a partition a meter, a check, a schedule that asks only when something changed."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pandas as pd
import pytest

from tests.houses import small
from tests.services.given_house import compute, recounted
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.assets.home_assistant_statistics import (
    STATISTICS_JOB,
    STATISTICS_KEY,
    statistics_schedule,
)
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.partitions import RANGE_END, RANGE_START
from workflows_dagster.pipeline.resources import store_resource
from workflows_dagster.sample_house.home_assistant import StandIn, running
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import EMBEDDED_FILE
from workflows_dagster.stores.ports import RawSeries

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 5)


@pytest.fixture
def stand_in():
    return StandIn()


@pytest.fixture
def settings(tmp_path, stand_in):
    config = tmp_path / "config"
    config.mkdir()
    (config / "meters.yaml").write_text(small("2026-01-01"), encoding="utf-8")
    (config / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
    with running(stand_in) as url:
        (config / "config.yaml").write_text(
            "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2026}}\n"
            f"home_assistant: {{url: {url}, statistics: [main, rest]}}\n",
            encoding="utf-8",
        )
        environ = {"METERS_DATA_DIR": str(tmp_path / "data"), "HOME_ASSISTANT_TOKEN": stand_in.token}
        yield load(config, environ)


@pytest.fixture
def store(tmp_path, settings):
    (tmp_path / "data").mkdir()
    opened = EmbeddedStore(tmp_path / "data" / EMBEDDED_FILE)
    days = pd.date_range("2026-01-01", "2026-03-06", freq="10D", tz="UTC").as_unit("us")
    opened.write_readings(RawSeries("kWh", "main"), pd.Series(range(len(days)), days, dtype=float) * 100)
    opened.write_readings(RawSeries("kWh", "flat"), pd.Series(range(len(days)), days, dtype=float) * 30)
    compute(settings, opened, FIRST, LAST)
    yield opened
    opened.close()


def run(settings, instance):
    job = build_definitions(settings).resolve_job_def(STATISTICS_JOB)
    return job.execute_in_process(
        instance=instance, raise_on_error=False, tags={RANGE_START: "main", RANGE_END: "rest"}
    )


def tick(settings, instance, now="2026-03-06 12:00"):
    schedule = statistics_schedule(settings, lambda: pd.Timestamp(now, tz="UTC"))
    with dg.build_schedule_context(instance, resources={"store": store_resource(settings)}) as context:
        return schedule.evaluate_tick(context)


def test_one_run_gives_every_meter_back_and_its_partitions_say_how_much(settings, store, stand_in):
    with dg.instance_for_test() as instance:
        result = run(settings, instance)
        assert result.success
        assert instance.get_materialized_partitions(STATISTICS_KEY) == {"main", "rest"}
        (check,) = result.get_asset_check_evaluations()
        assert check.passed
    sums = stand_in.statistics["utility_meters:rest"]["sums"]
    for hour, total in recounted(settings, store, "rest").items():
        assert sums[round(hour.timestamp() * 1000)] == pytest.approx(total, abs=2e-6)


def test_the_schedule_asks_only_when_something_has_changed_and_once_a_day(settings, store, stand_in):
    with dg.instance_for_test() as instance:
        assert len(tick(settings, instance).run_requests) == 1
        assert run(settings, instance).success
        done = instance.get_latest_materialization_event(STATISTICS_KEY)
        now = pd.Timestamp(done.timestamp, unit="s", tz="UTC")
        # Partition days end with the present day; the house's last one is what is stored.
        assert tick(settings, instance, now.tz_localize(None)).skip_message == "Home Assistant has every hour."
        assert len(tick(settings, instance, (now + pd.Timedelta(days=1)).tz_localize(None)).run_requests) == 1
        store.write_readings(RawSeries("kWh", "main"), pd.Series([90.0], [pd.Timestamp("2026-01-09", tz="UTC")]))
        compute(settings, store, FIRST, LAST)
        (request,) = tick(settings, instance, now.tz_localize(None)).run_requests
        assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("main", "rest")


def test_what_home_assistant_lost_fails_the_check_and_is_sent_again_by_the_same_run(settings, store, stand_in):
    with dg.instance_for_test() as instance:
        assert run(settings, instance).success
        del stand_in.statistics["utility_meters:main"]
        result = run(settings, instance)
        (check,) = result.get_asset_check_evaluations()
        assert not check.passed
        assert check.metadata["sent_again_from"].value == {"main": "2026-01-01"}
        assert "utility_meters:main" in stand_in.statistics
        (check,) = run(settings, instance).get_asset_check_evaluations()
        assert check.passed


@pytest.mark.parametrize("fault", ["token", "clock", "refused"])
def test_a_failure_is_a_sentence(settings, store, stand_in, fault):
    if fault == "token":
        stand_in.token = "another"
    elif fault == "clock":
        stand_in.clock_offset = 3600
    else:
        stand_in.is_admin = False
    with dg.instance_for_test() as instance:
        result = run(settings, instance)
        assert not result.success
        (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        assert failed.user_failure_data.description.startswith("Home Assistant: ")
        assert DayRange(FIRST, LAST).count == 64
