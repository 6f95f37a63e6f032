"""What is made from days is requested whenever it was made from other days than are stored."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import cache

import dagster as dg
import pandas as pd
import pytest

from tests.pipeline.small_house import ALL, TARIFFS, build_house, compute_without_what_follows, copy_of, night, span_of
from workflows_dagster.domain.days import REPRESENTABLE, DayRange
from workflows_dagster.pipeline.backfill import backfill
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import CHECKS_JOB, DAYS_JOB, INSIGHT_JOB, MONTHS_JOB
from workflows_dagster.pipeline.resources import store_resource
from workflows_dagster.pipeline.sensors.downstream import downstream_sensor, follow_ups
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.repair.due import ANOMALIES, CHECKS, COSTS, MONTHS, OWNERS
from workflows_dagster.settings.load import load
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    CONSUMPTION_MONTHLY,
    COST_DAILY,
    EXPECTATION_DAILY,
    FINDING_DAILY,
    MADE_FROM,
    REGISTER_MONTHLY,
)

FIRST, LAST = date(2026, 1, 1), date(2026, 5, 31)
DOWNSTREAM_JOBS = (INSIGHT_JOB, MONTHS_JOB, CHECKS_JOB)
NO_POINTS = pd.DataFrame(columns=["digest", "days"], index=pd.DatetimeIndex([], tz="UTC"))
WITHIN = DayRange(FIRST, date(2026, 11, 20))


def every_day(house, meter, first, last, a_day):
    """Read a meter each midnight."""
    days = pd.date_range(first, last + timedelta(days=1), freq="D")
    house.read(meter, {str(day): a_day * k for k, day in enumerate(days)})


def read_daily(house):
    every_day(house, "main", FIRST, LAST, 10.0)
    every_day(house, "flat", FIRST, LAST, 4.0)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build houses once; a test that changes one copies it."""
    return cache(lambda last: build_house(tmp_path_factory.mktemp("built") / "house", last, read_daily, TARIFFS))


@pytest.fixture
def house(tmp_path, built):
    with copy_of(built(None), tmp_path) as house:
        yield house


@pytest.fixture
def computed(tmp_path, built):
    with copy_of(built(LAST), tmp_path) as house:
        yield house


def priced(house, tmp_path, tariffs):
    (tmp_path / "config" / "tariffs.yaml").write_text(tariffs, encoding="utf-8")
    house.settings = load(tmp_path / "config", {"METERS_DATA_DIR": str(tmp_path / "data")})
    return house


def look(house, instance, cursor=None, now=None):
    """One look of the sensor; gives its requests by job and its next cursor."""
    repository = build_definitions(house.settings).get_repository_def()
    sensor = repository.get_sensor_def("downstream")
    if now is not None:
        sensor = downstream_sensor(house.settings, [repository.get_job(job) for job in DOWNSTREAM_JOBS], now=now)
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"store": store_resource(house.settings)},
        repository_def=repository,
    ) as context:
        result = sensor(context)
    if isinstance(result, dg.SkipReason):
        return [], cursor
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or []), result.cursor


def jobs_of(requests):
    return Counter(request.job_name for request in requests)


def test_a_backfill_leaves_costs_months_and_anomalies_and_each_adds_up(computed):
    store = computed.store
    cost = store.read(COST_DAILY, "main")
    assert len(cost) == 151
    assert cost["cost"].sum() == pytest.approx(151 * (10 * 0.30 + 120 / 365))
    assert set(cost["unit"]) == {"EUR"}
    months = store.read(CONSUMPTION_MONTHLY, "rest")
    assert months["consumption"].tolist() == pytest.approx([186, 168, 186, 180, 186])
    assert months["per_day"].tolist() == pytest.approx([6.0] * 5)
    assert months["previous_month"].tolist()[1:] == pytest.approx([6.0] * 4)
    assert len(store.read(REGISTER_MONTHLY, "main")) == 5
    assert store.read(REGISTER_MONTHLY, "rest").empty
    assert len(store.read(EXPECTATION_DAILY, "main")) > 90
    assert store.read(ANOMALY_DAILY, "main").empty


def test_after_a_backfill_nothing_follows_because_it_was_done_there(computed, instance):
    requests, cursor = look(computed, instance)
    assert requests == []
    backfill(computed.settings, instance, ALL, DayRange(date(2026, 3, 10), date(2026, 3, 12)))
    requests, cursor = look(computed, instance, cursor)
    assert requests == []
    assert look(computed, instance, cursor) == ([], cursor)


def follow(house, instance, requests):
    """Do what the daemon would do with the requests."""
    repository = build_definitions(house.settings).get_repository_def()
    for request in requests:
        job = repository.get_job(request.job_name)
        if request.asset_selection:
            job = job.get_subset(asset_selection=frozenset(request.asset_selection), asset_check_selection=frozenset())
        assert job.execute_in_process(instance=instance, tags=request.tags).success


def other_days(house, instance, first, last, a_day=5.0):
    """Change readings and compute their days, as the page or the daemon does."""
    every_day(house, "flat", first, last, a_day)
    compute_without_what_follows(house.settings, instance, ALL, first, last)


def test_days_that_the_page_computed_are_followed_once(computed, instance):
    _, cursor = look(computed, instance)
    computed.read("flat", {"2026-03-11 00:00": 4.0 * 69 + 1})
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 9), date(2026, 3, 12))
    requests, cursor = look(computed, instance, cursor)
    assert jobs_of(requests) == {"insight": 2, "months": 1, "checks": 1}
    by_asset = {}
    for request in requests:
        for key in request.asset_selection or ():
            by_asset.setdefault(key.to_user_string(), []).append(span_of(request))
    assert by_asset == {
        "costs": [("2026-03-10", "2026-03-11")],
        "anomalies": [("2026-03-10", "2026-05-31")],
        "monthly_consumption": [("2026-03-01", "2026-04-01")],
    }
    (checks,) = [request for request in requests if request.job_name == "checks"]
    assert (checks.tags["meters/first_day"], checks.tags["meters/last_day"]) == ("2026-03-10", "2026-03-11")
    follow(computed, instance, requests)
    assert look(computed, instance, cursor)[0] == []


def test_days_that_are_computed_again_and_come_out_the_same_are_followed_by_nothing(computed, instance):
    _, cursor = look(computed, instance)
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 9), date(2026, 3, 12))
    assert look(computed, instance, cursor) == ([], cursor)


def test_what_was_computed_before_the_first_look_is_followed(computed, instance):
    """A sensor that looks at runs takes the newest one for seen."""
    computed.read("flat", {"2026-03-11 00:00": 4.0 * 69 + 1})
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 9), date(2026, 3, 12))
    requests, cursor = look(computed, instance)
    follow(computed, instance, requests)
    assert computed.store.read(COST_DAILY, "flat")["cost"].sum() > 0
    assert look(computed, instance, cursor)[0] == []


@pytest.mark.parametrize("job", [DAYS_JOB, INSIGHT_JOB, MONTHS_JOB, CHECKS_JOB])
def test_it_waits_while_days_or_what_follows_them_are_computed(computed, instance, job):
    _, cursor = look(computed, instance)
    computed.read("flat", {"2026-03-11 00:00": 4.0 * 69 + 1})
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 10), date(2026, 3, 10))
    job = build_definitions(computed.settings).resolve_job_def(job)
    running = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert look(computed, instance, cursor) == ([], cursor)
    instance.delete_run(running.run_id)
    assert len(look(computed, instance, cursor)[0]) == 4


def test_what_failed_for_good_is_requested_again_on_the_next_day_only(computed, instance):
    _, cursor = look(computed, instance)
    computed.read("flat", {"2026-03-11 00:00": 4.0 * 69 + 1})
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 10), date(2026, 3, 10))
    requests, cursor = look(computed, instance, cursor)
    assert look(computed, instance, cursor) == ([], cursor)
    insight = [request for request in requests if request.job_name == "insight"]
    follow(computed, instance, insight)
    again, cursor = look(computed, instance, cursor)
    assert again == []
    tomorrow = pd.Timestamp.now("UTC") + pd.Timedelta(days=1)
    again, _ = look(computed, instance, cursor, now=lambda: tomorrow)
    assert jobs_of(again) == {"months": 1, "checks": 1}


def test_a_house_that_was_computed_without_digests_is_followed_whole_and_once(computed, instance):
    for owner in (*ALL, *OWNERS):
        computed.store.replace(MADE_FROM, owner, "digest", *REPRESENTABLE, NO_POINTS)
    requests, cursor = look(computed, instance)
    assert jobs_of(requests) == {"insight": 1, "months": 1, "checks": 1}
    assert {span_of(request) for request in requests if request.job_name != "checks"} == {
        ("2026-01-01", "2026-05-31"),
        ("2026-01-01", "2026-05-01"),
    }
    follow(computed, instance, requests)
    assert look(computed, instance, cursor)[0] == []


def test_each_day_proves_the_digests_by_the_stored_days(computed, instance):
    """Whoever writes days without their digests is found in the night."""
    _, cursor = look(computed, instance)
    frame = read_days(computed.store, "flat").loc["2026-03-09 23:00":"2026-03-09 23:00"].drop(columns="unit")
    span = frame.index[0], frame.index[0] + pd.Timedelta(days=1)
    write_days(computed.store, "flat", "kWh", *span, frame.assign(consumption=4.5))
    assert look(computed, instance, cursor) == ([], cursor)
    tomorrow = pd.Timestamp.now("UTC") + pd.Timedelta(days=1)
    requests, _ = look(computed, instance, cursor, now=lambda: tomorrow)
    assert jobs_of(requests) == {"insight": 2, "months": 1, "checks": 1}


def test_a_corrected_price_reprices_its_days_and_an_added_one_none_of_the_past(computed, instance, tmp_path):
    _, cursor = look(computed, instance)
    added = TARIFFS + "      - {valid_from: 2030-01-01, unit_price: 0.50, per: kWh}\n"
    requests, cursor = look(priced(computed, tmp_path, added), instance, cursor)
    assert requests == []
    corrected = TARIFFS + "      - {valid_from: 2026-05-01, unit_price: 0.40, per: kWh}\n"
    requests, cursor = look(priced(computed, tmp_path, corrected), instance, cursor)
    assert [(request.job_name, span_of(request)) for request in requests] == [
        ("insight", ("2026-05-01", "2026-05-31")),
        ("months", ("2026-05-01", "2026-05-01")),
    ]
    assert [key.to_user_string() for key in requests[0].asset_selection] == ["costs"]


def test_equal_spans_are_one_run():
    yesterday = (date(2026, 11, 20),)
    runs = follow_ups({COSTS: yesterday, ANOMALIES: yesterday, MONTHS: (date(2026, 11, 1),), CHECKS: yesterday}, WITHIN)
    assert [(run.job, len(run.keys)) for run in runs] == [("insight", 2), ("months", 1), ("checks", 0)]


def test_near_days_share_checks_and_keep_their_costs_apart():
    due = (date(2026, 3, 1), date(2026, 3, 20), date(2026, 9, 1))
    runs = follow_ups({COSTS: due, CHECKS: due}, WITHIN)
    assert [(run.days.first, run.days.last) for run in runs if run.job == "checks"] == [
        (date(2026, 3, 1), date(2026, 3, 20)),
        (date(2026, 9, 1), date(2026, 9, 1)),
    ]
    assert [run.days.first for run in runs if run.job == "insight"] == list(due)


def test_months_that_follow_each_other_are_one_run():
    due = (date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 11, 1))
    runs = follow_ups({MONTHS: due}, WITHIN)
    assert [(run.days.first, run.days.last) for run in runs] == [
        (date(2025, 11, 1), date(2026, 1, 1)),
        (date(2026, 11, 1), date(2026, 11, 1)),
    ]


def test_checks_tell_what_was_found_in_sentences(house, instance):
    house.read("flat", {"2026-03-05 10:00": 0.0})
    backfill(house.settings, instance, ALL, DayRange(FIRST, LAST))
    evaluation = latest_check(instance, "flat", "readings")
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert evaluation.description.startswith("2026-03-05: 1 reading of 0 kWh left out, because the counter came back.")
    assert [finding.code for finding in kept_findings(house.store, "flat", measurements=[FINDING_DAILY])] == [
        "glitch_dropped"
    ]
    for meter, check in (("flat", "conservation"), ("main", "readings"), ("rest", "residual")):
        assert latest_check(instance, meter, check).passed


def latest_check(instance, meter, check):
    key = dg.AssetCheckKey(dg.AssetKey(meter), check)
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return record.event.dagster_event.asset_check_evaluation_data


def test_checks_leave_one_row_each_however_many_days(computed, instance):
    """A row a day and check made a backfill over years twice as long."""
    key = dg.AssetCheckKey(dg.AssetKey("main"), "conservation")
    assert len(instance.event_log_storage.get_asset_check_execution_history(key, limit=100)) == 1


def test_a_glitch_that_changes_no_day_is_found_all_the_same(computed, instance):
    computed.read("flat", {"2026-03-05 10:00": 0.0})
    before = read_days(computed.store, "flat")
    (request,) = night(computed, instance, pd.Timestamp("2026-06-01 02:00", tz="Europe/Berlin").to_pydatetime())
    assert span_of(request) == ("2026-03-05", "2026-03-05")
    backfill(computed.settings, instance, ["flat"], DayRange(date(2026, 3, 5), date(2026, 3, 5)))
    pd.testing.assert_frame_equal(read_days(computed.store, "flat"), before)
    assert len(kept_findings(computed.store, "flat", measurements=[FINDING_DAILY])) == 1
    assert night(computed, instance, pd.Timestamp("2026-06-01 02:00", tz="Europe/Berlin").to_pydatetime()) == []
