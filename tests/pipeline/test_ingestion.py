"""From Tibber's API to daily consumption, through Dagster: over a stand-in that speaks real GraphQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster import serialize_value
from pydantic import SecretStr

from tests.clients.tibber_server import Fault, TibberStandIn, drop, graphql_error, refusal
from tests.houses import SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.pipeline.assets.meters import TIBBER_KEY
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import TIBBER_JOB
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.secrets import Secrets
from workflows_dagster.stores.ports import RawSeries

TOKEN = "5K4MVS-a-token-that-nobody-may-read"
HOURS = RawSeries("energy", "haupt_strom", "consumption")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
NAN = float("nan")
ON_TIBBER = """
    meters:
      - meter_id: haupt_strom
        type: physical
        output_unit: kWh
        source: {kind: interval, measurement: energy}
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Building the graph sets these two; afterwards they are as before."""
    monkeypatch.setenv("TIBBER_API_TOKEN", "none yet")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(tmp_path / "dagster") as instance:
        yield instance


Serve = Callable[[pd.Series], TibberStandIn]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as servers:
        yield lambda hours: servers.enter_context(TibberStandIn(hours, TOKEN))


def hours_until_now(length: pd.Timedelta) -> pd.Series:
    """A consumption of its own for each hour of the day, up to the hour before the last."""
    end = pd.Timestamp.now("UTC").floor("h") - HOUR
    index = pd.date_range(end - length, end, freq="h", inclusive="left", unit="us")
    return pd.Series(index.hour / 10 + 0.1, index)


def asking(house: SmallHouse, server: TibberStandIn, token: str = TOKEN) -> Settings:
    site = house.settings.site
    site = site.model_copy(update={"tibber": site.tibber.model_copy(update={"url": server.url})})
    return replace(house.settings, site=site, secrets=Secrets(tibber_api_token=SecretStr(token)))


def sync(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_definitions(settings).resolve_job_def(TIBBER_JOB)
    return job.execute_in_process(instance=instance, raise_on_error=False)


def figures(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    assert result.success
    (materialization,) = result.asset_materializations_for_node(TIBBER_KEY.to_user_string())
    return {name: value.value for name, value in materialization.metadata.items()}


def warnings(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == logging.WARNING]


def failure(result: dg.ExecuteInProcessResult) -> str | None:
    assert not result.success
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.error.cause is failed.error.context is None
    return failed.user_failure_data.description


def patiently(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Sync in a job whose steps are tried twice."""
    graph = build_definitions(settings)
    twice = dg.define_asset_job("twice", [TIBBER_KEY], op_retry_policy=dg.RetryPolicy(max_retries=1))
    job = dg.Definitions(assets=graph.assets, resources=graph.resources, jobs=[twice]).resolve_job_def("twice")
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_three_years_with_nulls_a_correction_a_429_and_a_drop_are_there_once_and_add_up_to_the_days(
    small_house, serve, instance
):
    house = small_house(ON_TIBBER)
    truth = hours_until_now(3 * 365 * DAY)
    newest = truth.index[-1]
    never = truth.index[5000]
    late = [newest, newest - HOUR, newest - 10 * DAY]
    served = truth.copy()
    served[[never, *late]] = NAN
    server = serve(served)
    settings = asking(house, server)
    server.fail(Fault(), drop(), Fault(), refusal(429, {"Retry-After": "1"}))

    first = sync(settings, instance)
    shown = figures(first)
    assert (shown["hours_written"], shown["hours_corrected"], shown["hours_unknown"]) == (len(truth) - 4, 0, 3)
    assert "1 hour" in shown["findings"]
    assert [text for text in warnings(first, instance) if "haupt_strom: Tibber has no consumption for 1 hour" in text]

    corrected = newest - 12 * HOUR
    server.correct({hour: truth[hour] for hour in late} | {corrected: 9.5})
    truth[corrected] = 9.5
    asked = len(server.asked)
    shown = figures(sync(settings, instance))
    assert (shown["hours_written"], shown["hours_corrected"], shown["hours_unknown"]) == (3, 1, 0)
    assert shown["newest_hour"] == newest.timestamp()
    assert len(server.asked) == asked + 1
    assert "findings" not in shown

    assert figures(sync(settings, instance))["hours_written"] == 0
    expected = truth.drop(never)
    pd.testing.assert_series_equal(house.store.readings(HOURS), expected, check_names=False, check_freq=False)

    zone = settings.site.zone
    begin = days.civil_day(truth.index[0], zone) + timedelta(days=1)
    end = days.civil_day(newest + HOUR, zone) - timedelta(days=1)
    backfill(settings, instance, ["haupt_strom"], DayRange(begin, end))
    found = read_days(house.store, "haupt_strom", days.opening(begin, zone), days.closing(end, zone))
    computed = Evaluation(settings, house.store).days("haupt_strom", DayRange(begin, end)).days
    pd.testing.assert_frame_equal(
        found[computed.columns], computed, check_exact=True, check_freq=False, check_dtype=False
    )
    civil = days.civil_days(pd.DatetimeIndex(truth.index), zone)
    by_day = truth.groupby(civil).sum().loc[begin:end]
    hole = days.civil_day(never, zone)
    measured = found["consumption"].set_axis(days.civil_days(pd.DatetimeIndex(found.index), zone))
    pd.testing.assert_series_equal(
        measured.drop(hole), by_day.drop(hole), check_names=False, check_index_type=False, rtol=1e-9
    )


def test_the_two_hours_of_an_october_night_are_two_hours(small_house, serve, instance):
    house = small_house(ON_TIBBER)
    index = pd.date_range("2023-10-28", "2023-10-31", freq="h", inclusive="left", tz="UTC", unit="us")
    settings = asking(house, serve(pd.Series(1.0, index)))
    figures(sync(settings, instance))
    day = pd.Timestamp("2023-10-29").date()
    frame = Evaluation(settings, house.store).days("haupt_strom", DayRange.single(day)).days
    assert frame["consumption"].tolist() == [25.0]
    assert frame["quality"].tolist() == ["measured"]


def test_without_a_token_the_asset_says_what_is_missing_and_succeeds(small_house, instance):
    house = small_house(ON_TIBBER)
    shown = figures(sync(house.settings, instance))
    assert shown == {
        "missing": "Tibber is not asked: TIBBER_API_TOKEN is not set. Make a token at developer.tibber.com and put it "
        "into secrets/tibber.env, or leave it so: everything else works without."
    }
    assert house.store.catalogue().empty


def test_a_refused_token_fails_with_one_sentence_and_is_not_tried_again(small_house, serve, instance):
    server = serve(hours_until_now(DAY))
    failed = failure(patiently(asking(small_house(ON_TIBBER), server, token="another-token"), instance))
    assert failed == (
        "Tibber: the token is refused (401). Make a new one at developer.tibber.com and put it into secrets/tibber.env "
        "as TIBBER_API_TOKEN."
    )
    assert len(server.asked) == 1


def test_an_answer_that_cannot_be_true_fails_writes_nothing_and_may_be_asked_for_again(small_house, serve, instance):
    house, server = small_house(ON_TIBBER), serve(hours_until_now(DAY))
    senseless = Fault(body=b'{"data": {"viewer": 7}}')
    server.fail(senseless)
    failed = failure(sync(asking(house, server), instance))
    assert failed is not None
    assert failed.startswith("Tibber: viewer is 7, not an object.")
    assert house.store.catalogue().empty
    server.fail(senseless)
    assert figures(patiently(asking(house, server), instance))["hours_written"] == 24


def test_a_house_that_does_not_use_the_hours_is_told_how(small_house, serve, instance):
    house = small_house("meters: [{meter_id: haupt_strom, type: physical, output_unit: kWh}]")
    shown = figures(sync(asking(house, serve(hours_until_now(DAY))), instance))
    assert "source: {kind: interval, measurement: energy, entity_id: haupt_strom}" in shown["not_used"]


def test_the_token_is_in_no_event_no_log_and_no_file(small_house, serve, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    house = small_house(ON_TIBBER)
    server = serve(hours_until_now(DAY))
    server.fail(graphql_error(f"Tibber quotes Bearer {TOKEN}"))
    home = tmp_path / "dagster"
    with dagster_instance(home) as instance:
        runs = [sync(asking(house, server), instance), sync(asking(house, server), instance)]
        assert [run.success for run in runs] == [False, True]
        written = [serialize_value(entry) for run in runs for entry in instance.all_logs(run.run_id)]
        records = instance.get_run_records()
        assert len(records) == 2
        for record in records:
            written.append(serialize_value(record.dagster_run))
            written.append(serialize_value(instance.get_job_snapshot(record.dagster_run.job_snapshot_id)))
            plan = instance.get_execution_plan_snapshot(record.dagster_run.execution_plan_snapshot_id)
            written.append(serialize_value(plan))
    written += [str(path.read_bytes()) for path in home.rglob("*") if path.is_file()]
    written += [caplog.text, *capfd.readouterr()]
    assert any('"home_id"' in text for text in written), "the snapshots name the resource's fields, so they were read"
    assert not any(TOKEN in text for text in written)
