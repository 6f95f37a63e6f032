"""The sensor and the schedules, driven as the daemon drives them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg
import pandas as pd

from tests.pipeline.small_house import (
    meters_of,
    night,
    run,
    span_of,
    tick,
)
from workflows_dagster.domain import days
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import DAYS_JOB
from workflows_dagster.pipeline.partitions import partition_span
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.stores.ports import RawSeries


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
        "house_status",
        "alerts",
    }
    seconds = {sensor.name: sensor.minimum_interval_seconds for sensor in repository.sensor_defs}
    assert seconds == {
        "new_readings": 30,
        "downstream": 30,
        "failed_runs": 30,
        "lost_runs": 60,
        "house_status": 60,
        "alerts": 300,
    }
