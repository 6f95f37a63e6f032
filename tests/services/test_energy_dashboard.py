"""The Energy dashboard's entries: ours take their places, those of others stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.services.given_house import named
from workflows_dagster.clients.home_assistant.blocking import home_assistant
from workflows_dagster.sample_house.home_assistant import StandIn, running
from workflows_dagster.services.energy_dashboard import plan
from workflows_dagster.settings.load import Settings

OTHERS: dict[str, Any] = {
    "energy_sources": [
        {
            "type": "grid",
            "flow_from": [
                {
                    "stat_energy_from": "sensor.smart_meter",
                    "stat_cost": None,
                    "entity_energy_price": None,
                    "number_energy_price": 0.3,
                }
            ],
            "flow_to": [],
            "cost_adjustment_day": 0.0,
        },
        {"type": "solar", "stat_energy_from": "sensor.roof", "config_entry_solar_forecast": None},
    ],
    "device_consumption": [{"stat_consumption": "sensor.fridge"}],
}


@pytest.fixture
def house(shipped: Settings) -> Settings:
    return named(shipped, "strom_total", "eg_strom", "gas_total", "eg_kalfire", "haupt_wasser", "eg_wasser", "og1_heat")


def test_each_utility_has_its_place(house: Settings) -> None:
    found = plan(house, (2024, 3), {})
    assert {one.removeprefix("utility_meters:"): place.partition(",")[0] for one, place in found.added.items()} == {
        "strom_total": "grid",
        "eg_strom": "device_consumption",
        "gas_total": "gas",
        "haupt_wasser": "water",
    }
    assert found.without_place == ("eg_kalfire", "eg_wasser", "og1_heat")
    assert found.prefs["energy_sources"][0]["flow_from"][0]["stat_cost"] == "utility_meters:strom_total_cost"


def test_heat_is_a_device_only_where_it_is_named(house: Settings) -> None:
    assistant = house.site.home_assistant.model_copy(update={"heat_devices": ("og1_heat",)})
    found = plan(replace(house, site=house.site.model_copy(update={"home_assistant": assistant})), (2024, 3), {})
    assert {"stat_consumption": "utility_meters:og1_heat"} in found.prefs["device_consumption"]


def test_single_water_meters_have_a_place_in_newer_versions(house: Settings) -> None:
    found = plan(house, (2026, 1), {})
    assert found.prefs["device_consumption_water"] == [{"stat_consumption": "utility_meters:eg_wasser"}]
    assert "device_consumption_water" not in plan(house, (2024, 3), {}).prefs


def test_entries_of_others_stay_and_a_second_time_changes_nothing(house: Settings) -> None:
    once = plan(house, (2024, 3), OTHERS)
    (grid,) = (one for one in once.prefs["energy_sources"] if one["type"] == "grid")
    assert grid["flow_from"][0] == OTHERS["energy_sources"][0]["flow_from"][0]
    assert OTHERS["energy_sources"][1] in once.prefs["energy_sources"]
    assert once.prefs["device_consumption"][0] == {"stat_consumption": "sensor.fridge"}
    again = plan(house, (2024, 3), once.prefs)
    assert not again.changes
    assert again.prefs == once.prefs


def test_a_meter_that_is_no_longer_named_loses_its_entry(house: Settings) -> None:
    once = plan(house, (2024, 3), OTHERS)
    fewer = plan(named(house, "strom_total"), (2024, 3), once.prefs)
    assert set(fewer.removed) == {"utility_meters:eg_strom", "utility_meters:gas_total", "utility_meters:haupt_wasser"}
    assert {"stat_consumption": "sensor.fridge"} in fewer.prefs["device_consumption"]


def test_an_entity_of_the_same_meter_is_named(house: Settings) -> None:
    there = {"energy_sources": [], "device_consumption": [{"stat_consumption": "sensor.eg_strom"}]}
    assert plan(house, (2024, 3), there).doubled == {"eg_strom": "sensor.eg_strom"}


@pytest.mark.parametrize("version", ["2024.3.3", "2025.12.0", "2026.3.1"])
def test_the_stand_in_takes_the_entries_of_each_version(house: Settings, version: str) -> None:
    stand_in = StandIn(version=version)
    with running(stand_in) as url, home_assistant(url, stand_in.token) as assistant:
        assistant.ask("energy/save_prefs", **plan(house, assistant.version, {}).prefs)
        assert not plan(house, assistant.version, assistant.ask("energy/get_prefs")).changes
