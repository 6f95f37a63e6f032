"""What follows the days: costs of exactly those, anomalies of the weeks after too, months, checks."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import cache

import dagster as dg
import pandas as pd
import pytest

from tests.pipeline.test_automation import (
    ALL,
    build_house,
    compute_without_what_follows,
    copy_of,
    instance,  # noqa: F401
    night,
    span_of,
)
from workflows_dagster.domain.allocation import RATE_WINDOW_DAYS
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import backfill
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import DAYS_JOB
from workflows_dagster.pipeline.partitions import partition_span
from workflows_dagster.pipeline.resources import store_resource
from workflows_dagster.pipeline.sensors.downstream import Due, follow_ups
from workflows_dagster.records.days import read_days
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.settings.load import load
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    CONSUMPTION_MONTHLY,
    COST_DAILY,
    FINDING_DAILY,
    REGISTER_MONTHLY,
)

FIRST, LAST = date(2026, 1, 1), date(2026, 5, 31)
REACH = timedelta(days=2 * RATE_WINDOW_DAYS)
WITHIN = DayRange(FIRST, date(2026, 11, 20))
TARIFFS = """\
tariffs:
  - utility: electricity
    billed_meter: main
    prices:
      - {valid_from: 2026-01-01, unit_price: 0.30, per: kWh, standing_charge: 120, standing_charge_per: year}
"""


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


def look(house, instance, cursor=None):  # noqa: F811
    """One look of the sensor; gives its requests by job and its next cursor."""
    repository = build_definitions(house.settings).get_repository_def()
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"store": store_resource(house.settings)},
        repository_def=repository,
    ) as context:
        result = repository.get_sensor_def("after_days")(context)
    if isinstance(result, dg.SkipReason):
        return [], cursor
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
    judged = store.read(ANOMALY_DAILY, "main")
    assert len(judged) > 90
    assert judged["severity"].isna().all()


def test_after_a_backfill_nothing_follows_because_it_was_done_there(computed, instance):  # noqa: F811
    requests, cursor = look(computed, instance)
    assert requests == []
    backfill(computed.settings, instance, ALL, DayRange(date(2026, 3, 10), date(2026, 3, 12)))
    requests, cursor = look(computed, instance, cursor)
    assert requests == []
    assert look(computed, instance, cursor) == ([], cursor)


def test_days_that_the_page_computed_are_followed_once(computed, instance):  # noqa: F811
    _, cursor = look(computed, instance)
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 10), date(2026, 3, 12))
    requests, cursor = look(computed, instance, cursor)
    assert jobs_of(requests) == {"insight": 2, "months": 1, "checks": 1}
    yesterday = partition_span(computed.settings, pd.Timestamp.now("UTC")).last
    by_asset = {
        key.to_user_string(): span_of(request)
        for request in requests
        if request.job_name != "checks"
        for key in request.asset_selection
    }
    assert by_asset == {
        "costs": ("2026-03-10", "2026-03-12"),
        "anomalies": ("2026-03-10", f"{min(date(2026, 3, 12) + REACH, yesterday)}"),
        "monthly_consumption": ("2026-03-01", "2026-04-01"),
    }
    (checks,) = [request for request in requests if request.job_name == "checks"]
    assert (checks.tags["meters/first_day"], checks.tags["meters/last_day"]) == ("2026-03-10", "2026-03-12")
    assert look(computed, instance, cursor)[0] == []


def test_it_waits_while_days_are_computed(computed, instance):  # noqa: F811
    _, cursor = look(computed, instance)
    compute_without_what_follows(computed.settings, instance, ALL, date(2026, 3, 10), date(2026, 3, 10))
    job = build_definitions(computed.settings).resolve_job_def(DAYS_JOB)
    running = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert look(computed, instance, cursor) == ([], cursor)
    instance.delete_run(running.run_id)
    assert len(look(computed, instance, cursor)[0]) == 4


def test_the_first_look_finds_days_that_were_never_followed(house, instance):  # noqa: F811
    compute_without_what_follows(house.settings, instance, ALL, FIRST, LAST)
    requests, _ = look(house, instance)
    assert jobs_of(requests) == {"insight": 1, "months": 1}
    assert {span_of(request) for request in requests} == {("2026-01-01", "2026-05-31"), ("2026-01-01", "2026-05-01")}


def test_a_corrected_price_reprices_its_days_and_an_added_one_none_of_the_past(computed, instance, tmp_path):  # noqa: F811
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


def test_equal_spans_are_one_run_and_yesterdays_anomalies_reach_no_further():
    runs = follow_ups(Due(days={date(2026, 11, 20)}), WITHIN)
    assert [(run.job, len(run.keys)) for run in runs] == [("insight", 2), ("months", 1), ("checks", 0)]


def test_near_spans_share_months_and_checks_and_keep_their_costs_apart():
    runs = follow_ups(Due(days={date(2026, 3, 1), date(2026, 3, 20), date(2026, 9, 1)}), WITHIN)
    spans = {job: [(run.days.first, run.days.last) for run in runs if run.job == job] for job in ("months", "checks")}
    assert spans["months"] == [(date(2026, 3, 1), date(2026, 4, 1)), (date(2026, 9, 1), date(2026, 10, 1))]
    assert spans["checks"] == [(date(2026, 3, 1), date(2026, 3, 20)), (date(2026, 9, 1), date(2026, 9, 1))]
    priced_days = [run.days.first for run in runs if any(key.to_user_string() == "costs" for key in run.keys)]
    assert priced_days == [date(2026, 3, 1), date(2026, 3, 20), date(2026, 9, 1)]


def test_checks_tell_what_was_found_in_sentences(house, instance):  # noqa: F811
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


def latest_check(instance, meter, check):  # noqa: F811
    key = dg.AssetCheckKey(dg.AssetKey(meter), check)
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return record.event.dagster_event.asset_check_evaluation_data


def test_checks_leave_one_row_each_however_many_days(computed, instance):  # noqa: F811
    """A row a day and check made a backfill over years twice as long."""
    key = dg.AssetCheckKey(dg.AssetKey("main"), "conservation")
    assert len(instance.event_log_storage.get_asset_check_execution_history(key, limit=100)) == 1


def test_a_glitch_that_changes_no_day_is_found_all_the_same(computed, instance):  # noqa: F811
    computed.read("flat", {"2026-03-05 10:00": 0.0})
    before = read_days(computed.store, "flat")
    (request,) = night(computed, instance, pd.Timestamp("2026-06-01 02:00", tz="Europe/Berlin").to_pydatetime())
    assert span_of(request) == ("2026-03-05", "2026-03-05")
    backfill(computed.settings, instance, ["flat"], DayRange.single(date(2026, 3, 5)))
    pd.testing.assert_frame_equal(read_days(computed.store, "flat"), before)
    assert len(kept_findings(computed.store, "flat", measurements=[FINDING_DAILY])) == 1
    assert night(computed, instance, pd.Timestamp("2026-06-01 02:00", tz="Europe/Berlin").to_pydatetime()) == []
