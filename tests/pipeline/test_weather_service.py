"""From Open-Meteo to days that follow the weather, through Dagster: over a stand-in of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from tests.clients.open_meteo_server import OpenMeteoStandIn, serving
from tests.clients.tibber_server import instead, refusal
from tests.weather_house import house_of, temperatures
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.pipeline.assets.meters import PROFILES_KEY, TEMPERATURE_KEY
from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import WEATHER_JOB
from workflows_dagster.pipeline.schedules import weather_schedule
from workflows_dagster.services.connections import look_around
from workflows_dagster.settings.load import Settings

GAP = DayRange(date(2024, 1, 1), date(2024, 2, 29))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with dagster_instance(tmp_path / "dagster") as instance:
        yield instance


@pytest.fixture
def service() -> Iterator[OpenMeteoStandIn]:
    nothing = pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC").as_unit("us"))
    with serving(OpenMeteoStandIn(temperatures(), nothing)) as stand_in:
        yield stand_in


@pytest.fixture
def house(small_house):
    return house_of(small_house, known=False)


@pytest.fixture
def settings(house, service) -> Settings:
    site = house.settings.site.model_copy(update={"weather": service.settings()})
    return replace(house.settings, site=site)


def fetch(settings: Settings, instance: dg.DagsterInstance, *, first: bool = False) -> dg.ExecuteInProcessResult:
    job = build_definitions(settings).resolve_job_def(WEATHER_JOB)
    keys = [TEMPERATURE_KEY, *([PROFILES_KEY] if first else [])]
    return job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=keys)


def failure(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return str(failed.user_failure_data.description)


def test_the_first_fetch_makes_the_gas_follow_the_weather(settings, instance, house):
    before = Evaluation(settings, house.store).days("gas", GAP).days["consumption"]
    assert fetch(settings, instance, first=True).success
    after = Evaluation(settings, house.store).days("gas", GAP).days["consumption"]
    assert after.sum() == pytest.approx(before.sum(), rel=1e-3)
    # January is mild in this house's weather, which the calendar cannot know.
    assert after.iloc[:31].sum() < 0.8 * before.iloc[:31].sum()


def test_a_fetch_says_what_it_wrote_and_what_is_unknown(settings, instance, house):
    result = fetch(settings, instance)
    (shown,) = result.asset_materializations_for_node(TEMPERATURE_KEY.to_user_string())
    figures = {name: value.value for name, value in shown.metadata.items()}
    kept = house.store.readings(OUTDOOR)
    assert figures["hours_written"] == len(kept)
    assert figures["hours_corrected"] == 0
    assert figures["newest_hour"] == kept.index[-1].timestamp()
    assert figures["days_unknown"] > 300


def test_while_the_service_is_away_the_run_fails_in_one_sentence_and_nothing_else_does(
    settings, instance, house, service
):
    assert fetch(settings, instance, first=True).success
    before = Evaluation(settings, house.store).days("gas", GAP).days
    service.faults.append(refusal(404))
    assert "/v1/archive refuses the question (404). Correct weather.archive_url" in failure(fetch(settings, instance))
    pd.testing.assert_frame_equal(Evaluation(settings, house.store).days("gas", GAP).days, before)


def test_another_shape_writes_nothing(settings, instance, house, service):
    service.faults.append(instead('{"hourly": []}'))
    assert "hourly is [], not an object" in failure(fetch(settings, instance))
    assert house.store.readings(OUTDOOR).empty


def test_the_first_tick_fits_the_profiles_too_and_later_ones_only_fetch(settings, instance):
    schedule = weather_schedule(settings, WEATHER_JOB)

    def selected() -> list[dg.AssetKey]:
        asked = schedule(dg.build_schedule_context(instance, datetime.now(UTC)))
        assert isinstance(asked, dg.RunRequest)
        return list(asked.asset_selection or [])

    assert selected() == [TEMPERATURE_KEY, PROFILES_KEY]
    instance.report_runless_asset_event(dg.AssetMaterialization(TEMPERATURE_KEY))
    assert selected() == [TEMPERATURE_KEY]


def test_the_lineage_leads_from_the_temperature_to_gas_and_not_to_water(settings, house):
    graph = build_definitions(settings).resolve_asset_graph()
    children = {key.to_user_string() for key in graph.get(TEMPERATURE_KEY).child_keys}
    assert children == {"gas", "seasonal_profiles"}
    assert not graph.get(TEMPERATURE_KEY).is_external
    assert build_definitions(house.settings).resolve_asset_graph().get(TEMPERATURE_KEY).is_external


def test_without_a_place_nothing_is_asked(house):
    definitions = build_definitions(house.settings).get_repository_def()
    assert not definitions.has_schedule_def("weather_six_hourly")
    assert WEATHER_JOB not in definitions.job_names


def test_check_connect_says_what_the_service_has_or_why_not(settings, service):
    said = [fact for fact in look_around(settings, lambda _: False) if fact.text.startswith("Open-Meteo")]
    assert [fact.is_good for fact in said] == [True]
    service.faults.append(refusal(503))
    (told,) = [fact for fact in look_around(settings, lambda _: False) if fact.text.startswith("Open-Meteo")]
    assert not told.is_good
    assert "out of order (503) (1 try)" in told.text
