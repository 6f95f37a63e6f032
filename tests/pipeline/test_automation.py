"""The sensor and the schedules, driven as the daemon drives them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from functools import cache
from shutil import copytree
from textwrap import dedent

import dagster as dg
import pandas as pd
import pytest

from tests.conftest import SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import DAYS_JOB
from workflows_dagster.pipeline.partitions import partition_span, range_tags
from workflows_dagster.pipeline.resources import store_resource
from workflows_dagster.pipeline.schedules import daily_schedule
from workflows_dagster.pipeline.sensors.new_readings import new_readings_sensor
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.settings.dagster_home import HOME_VARIABLE
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import EMBEDDED_FILE
from workflows_dagster.stores.ports import RawSeries

HOUSE = """
    meters:
      - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2026-01-01}
      - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2026-01-01}
      - meter_id: rest
        type: virtual
        output_unit: kWh
        calculation_type: subtraction
        base_meter: main
        subtract_meters: [flat]
"""
ALL = ["main", "flat", "rest"]
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
    (folder / "config" / "meters.yaml").write_text(dedent(HOUSE), encoding="utf-8")
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


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build houses once; a test that changes one copies it."""
    return cache(lambda last: build_house(tmp_path_factory.mktemp("built") / "house", last))


@contextmanager
def copy_of(built, folder):
    """Open a copy of a house that was built once."""
    copytree(built, folder, dirs_exist_ok=True)
    house = opened_house(folder)
    with closing(house.store):
        yield house


@pytest.fixture
def house(tmp_path, built):
    with copy_of(built(None), tmp_path) as house:
        yield house


@pytest.fixture
def computed(tmp_path, built):
    """The house with its days up to the last."""
    with copy_of(built(LAST), tmp_path) as house:
        yield house


@pytest.fixture
def short(tmp_path, built):
    """The house with its last week not computed."""
    with copy_of(built(SHORT_OF), tmp_path) as house:
        yield house


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """The house's Dagster home, made by our own program; a test names it after the house, which may bring it."""
    set_environment(monkeypatch)
    with dagster_instance(tmp_path / "home") as instance:
        yield instance


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


def test_a_late_reading_requests_its_days_of_its_meters_and_the_next_look_is_quiet(computed, instance):
    first, cursor, _ = tick(computed, instance)
    assert first == []
    computed.read("flat", {"2026-03-15 08:00": 310.0})
    (request,), cursor, _ = tick(computed, instance, cursor)
    assert meters_of(request) == ["flat", "rest"]
    assert span_of(request) == ("2026-03-01", "2026-04-01")
    run(computed, instance, request)
    again, _, reason = tick(computed, instance, cursor)
    assert again == []
    assert reason == "No reading has changed."


def test_the_look_waits_while_days_are_computed_and_misses_nothing(computed, instance):
    _, cursor, _ = tick(computed, instance)
    computed.read("flat", {"2026-03-15 08:00": 310.0})
    job = build_definitions(computed.settings).resolve_job_def(DAYS_JOB)
    running = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    waiting, held, reason = tick(computed, instance, cursor)
    assert waiting == []
    assert "being computed" in reason
    instance.delete_run(running.run_id)
    requests, _, _ = tick(computed, instance, held)
    assert len(requests) == 1


def test_a_restart_without_a_cursor_still_finds_what_is_not_true(computed, instance):
    computed.read("flat", {"2026-03-15 08:00": 310.0})
    requests, _, _ = tick(computed, instance, cursor="half a cursor, cut off {")
    assert [span_of(request) for request in requests] == [("2026-03-01", "2026-04-01")]


def test_a_repair_is_tried_again_and_the_same_change_is_one_request(computed, instance):
    _, cursor, _ = tick(computed, instance)
    computed.read("flat", {"2026-03-15 08:00": 310.0})
    (first,), _, _ = tick(computed, instance, cursor)
    (second,), _, _ = tick(computed, instance, cursor)
    assert first.run_key == second.run_key
    assert first.tags["dagster/max_retries"] == "3"


def test_readings_that_go_back_and_forth_are_a_new_request_each_time(computed, instance):
    _, cursor, _ = tick(computed, instance)
    keys = []
    at = pd.Timestamp("2026-03-15 08:00", tz="Europe/Berlin").tz_convert("UTC")
    for _ in range(2):
        computed.read("flat", {"2026-03-15 08:00": 310.0})
        (request,), cursor, _ = tick(computed, instance, cursor)
        keys.append(request.run_key)
        run(computed, instance, request)
        computed.store.delete_readings(RawSeries("kWh", "flat"), at, at + pd.Timedelta(seconds=1))
        (request,), cursor, _ = tick(computed, instance, cursor)
        keys.append(request.run_key)
        run(computed, instance, request)
    assert len(set(keys)) == 4


def test_what_was_lost_is_computed_after_what_it_is_made_from_is_repaired(computed, instance):
    zone = computed.settings.site.zone
    span = days.opening(date(2026, 2, 20), zone), days.closing(date(2026, 4, 10), zone)
    nothing = read_days(computed.store, "rest").iloc[:0].drop(columns=["opening", "closing", "unit"])
    write_days(computed.store, "rest", "kWh", *span, nothing)
    computed.read("flat", {"2026-03-15 08:00": 310.0})
    for request in night(computed, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC)):
        run(computed, instance, request)
    assert night(computed, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC)) == []


def test_after_a_week_off_one_run_fills_seven_days_for_all_meters(short, instance):
    (request,) = night(short, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC))
    assert span_of(request) == ("2026-05-25", "2026-05-31")
    assert meters_of(request) == ["main", "flat", "rest"]
    run(short, instance, request)
    assert night(short, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC)) == []


def test_the_nights_that_were_missed_come_at_once_and_ask_for_one_run(short, instance):
    job = build_definitions(short.settings).resolve_job_def(DAYS_JOB)
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/schedule_name": "daily"})
    assert night(short, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC)) == []


def test_a_first_night_computes_everything_in_one_run(house, instance):
    (request,) = night(house, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC))
    assert span_of(request) == ("2026-01-01", "2026-05-31")


def test_the_night_repairs_what_a_failed_run_left(computed, instance):
    computed.read("flat", {"2026-03-15 08:00": 310.0})
    (request,) = night(computed, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC))
    assert span_of(request) == ("2026-03-01", "2026-04-01")


def test_the_night_restores_days_that_the_store_lost(computed, instance):
    before = read_days(computed.store, "rest")
    zone = computed.settings.site.zone
    start, end = days.opening(date(2026, 2, 3), zone), days.closing(date(2026, 2, 4), zone)
    write_days(computed.store, "rest", "kWh", start, end, before.iloc[:0].drop(columns=["opening", "closing", "unit"]))
    (request,) = night(computed, instance, datetime(2026, 6, 1, 0, 0, tzinfo=UTC))
    assert span_of(request) == ("2026-02-03", "2026-02-04")
    run(computed, instance, request)
    pd.testing.assert_frame_equal(read_days(computed.store, "rest"), before, check_exact=True)


def test_the_running_day_has_no_partition(house):
    span = partition_span(house.settings, pd.Timestamp("2026-06-01 10:00", tz="UTC"))
    assert span.last == date(2026, 5, 31)
    early = partition_span(house.settings, pd.Timestamp("2026-05-31 23:00", tz="UTC"))
    assert early.last == date(2026, 5, 31)
    assert partition_span(house.settings, pd.Timestamp("2026-01-01 10:00", tz="UTC")) is None


def test_everything_runs_by_itself_in_the_houses_zone(shipped):
    repository = build_definitions(shipped).get_repository_def()
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert schedules["daily"].cron_schedule == "0 2 * * *"
    assert all(schedule.execution_timezone == "Europe/Berlin" for schedule in schedules.values())
    assert all(schedule.default_status == dg.DefaultScheduleStatus.RUNNING for schedule in schedules.values())
    assert all(sensor.default_status == dg.DefaultSensorStatus.RUNNING for sensor in repository.sensor_defs)
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "new_readings",
        "downstream",
        "failed_runs",
        "lost_runs",
        "alerts",
    }
    seconds = {sensor.name: sensor.minimum_interval_seconds for sensor in repository.sensor_defs}
    assert seconds == {"new_readings": 30, "downstream": 30, "failed_runs": 30, "lost_runs": 60, "alerts": 300}
