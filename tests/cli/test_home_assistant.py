"""`meters home-assistant …` and the connection's line in `meters check --connect`, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from tests.cli.front_door import FrontDoor, every
from tests.services.given_house import compute
from workflows_dagster.domain.days import civil_day
from workflows_dagster.sample_house.home_assistant import StandIn, running
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

POWER = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}


@pytest.fixture
def stand_in(house: FrontDoor) -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.set_state("sensor.house_power", 431.4, {**POWER, "friendly_name": "House power"})
    stand_in.set_state("sensor.kettle", "unavailable", {**POWER, "friendly_name": "Kettle"})
    stand_in.set_state("sensor.house_energy", 1200, {"device_class": "energy", "unit_of_measurement": "kWh"})
    with running(stand_in) as url:
        house.configure(home_assistant={"url": url, "statistics": ["haupt_strom", "gas_zahler"]})
        house.secrets(HOME_ASSISTANT_TOKEN=stand_in.token)
        yield stand_in


@pytest.fixture
def computed(house: FrontDoor, stand_in: StandIn) -> FrontDoor:
    now = pd.Timestamp.now("UTC").floor("h")
    start = now - pd.Timedelta(days=40)
    house.read(RawSeries("kWh", "haupt_strom"), every("h", start.isoformat(), [float(k) for k in range(40 * 24)]))
    house.read(RawSeries("m³", "gas_zahler"), every("10D", start.isoformat(), [0.0, 20.0, 40.0, 60.0, 80.0]))
    settings = load()
    store = EmbeddedStore(house.database)
    zone = settings.site.zone
    yesterday = civil_day(now - pd.Timedelta(days=1), zone)
    compute(settings, store, civil_day(start, zone), yesterday)
    store.close()
    return house


def test_entities_says_what_each_sensor_is_taken_for(house: FrontDoor, stand_in: StandIn) -> None:
    result = house.run("home-assistant", "entities")
    assert result.exit_code == 0, result.output
    assert "sensor.house_power" in result.stdout
    assert "431 W" in result.stdout
    assert "home_assistant.power_entity" in result.stdout
    assert "Sensors of energy: sensor.house_energy." in result.stdout


def test_hours_are_given_back_once(computed: FrontDoor, stand_in: StandIn) -> None:
    result = computed.run("home-assistant", "send")
    assert result.exit_code == 0, result.output
    assert "haupt_strom: " in result.stdout
    assert set(stand_in.statistics) == {"utility_meters:haupt_strom", "utility_meters:gas_zahler"}
    assert computed.run("home-assistant", "send").stdout == "It has every hour.\n"


def test_the_energy_dashboard_is_shown_before_it_is_changed(computed: FrontDoor, stand_in: StandIn) -> None:
    shown = computed.run("home-assistant", "energy")
    assert "+ utility_meters:haupt_strom (grid)" in shown.stdout
    assert stand_in.prefs is None
    applied = computed.run("home-assistant", "energy", "--apply", "--yes")
    assert applied.exit_code == 0, applied.output
    assert stand_in.prefs is not None
    assert "has all entries" in computed.run("home-assistant", "energy", "--show").stdout
    both = computed.run("home-assistant", "energy", "--show", "--apply")
    assert both.exit_code == 2


def test_hours_can_be_cleared(computed: FrontDoor, stand_in: StandIn) -> None:
    computed.run("home-assistant", "send")
    unknown = computed.run("home-assistant", "clear", "no_meter", "--yes")
    assert unknown.exit_code == 2
    assert "no_meter" in unknown.stderr
    cleared = computed.run("home-assistant", "clear", "gas_zahler", "--yes")
    assert cleared.exit_code == 0, cleared.output
    assert set(stand_in.statistics) == {"utility_meters:haupt_strom"}


def test_the_connection_is_checked(house: FrontDoor, stand_in: StandIn) -> None:
    result = house.run("check", "--connect")
    assert "reachable, version 2024.3; 3 entities; the clocks are 0.0 s apart." in result.stdout
    stand_in.is_admin = False
    assert "no administrator's" in house.run("check", "--connect").stderr


@pytest.mark.parametrize("command", [("entities",), ("send",), ("energy",)])
def test_a_failure_is_a_sentence_without_the_token(house: FrontDoor, stand_in: StandIn, command: tuple[str]) -> None:
    house.secrets(HOME_ASSISTANT_TOKEN="planted-token-of-somebody")
    result = house.run("home-assistant", *command)
    assert result.exit_code == 1
    assert result.stderr.startswith("Home Assistant: the token is refused.")
    assert "planted" not in result.output


def test_without_meters_nothing_is_given_back(house: FrontDoor) -> None:
    result = house.run("home-assistant", "send")
    assert result.exit_code == 2
    assert "home_assistant.statistics" in result.stderr
