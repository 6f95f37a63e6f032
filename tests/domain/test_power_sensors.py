"""Which power sensor is the whole house: told, else by evidence, else nobody guesses."""

from __future__ import annotations

import pytest

from workflows_dagster.domain.power_sensors import PowerSensor, sort_out, watts

KETTLE = PowerSensor("sensor.kettle", "Kettle", 2000.0, "plug")
LAMP = PowerSensor("sensor.lamp", "Lamp", 60.0, "dimmer")
METER = PowerSensor("sensor.meter", "Smart meter", 2400.0, "meter")
L1, L2, L3 = (
    PowerSensor(f"sensor.meter_l{k}", "Smart meter", value, "meter")
    for k, value in ((1, 300.0), (2, 2000.0), (3, 100.0))
)


def roles(
    *sensors: PowerSensor, house: str | None = None, devices: tuple[str, ...] = (), named: tuple[str, ...] = ()
) -> dict[str, str]:
    return {one.sensor.entity_id: one.role for one in sort_out(sensors, house, devices, named)}


def test_the_named_one_is_the_house_and_all_others_are_circuits() -> None:
    assert roles(KETTLE, LAMP, METER, house="sensor.meter") == {
        "sensor.meter": "house", "sensor.kettle": "circuit", "sensor.lamp": "circuit",
    }  # fmt: skip


def test_the_device_whose_energy_is_the_grids_is_the_house() -> None:
    assert roles(KETTLE, METER, devices=("meter",))["sensor.meter"] == "house"


def test_of_a_meters_three_phases_the_sum_is_the_house_and_the_phases_are_no_circuits() -> None:
    found = roles(KETTLE, METER, L1, L2, L3, devices=("meter",))
    assert found["sensor.meter"] == "house"
    assert {found[one.entity_id] for one in (L1, L2, L3)} == {"sum"}
    assert found["sensor.kettle"] == "circuit"


def test_what_is_a_sum_of_others_is_no_circuit() -> None:
    group = PowerSensor("sensor.kitchen", "Kitchen", 2060.0, None, ("sensor.kettle", "sensor.lamp"))
    assert roles(KETTLE, LAMP, METER, group, house="sensor.meter")["sensor.kitchen"] == "sum"


def test_where_nothing_says_it_the_largest_is_asked_about() -> None:
    assert roles(KETTLE, LAMP) == {"sensor.lamp": "circuit", "sensor.kettle": "unsure"}


def test_named_circuits_are_the_only_ones() -> None:
    found = roles(KETTLE, LAMP, METER, house="sensor.meter", named=("sensor.lamp",))
    assert (found["sensor.lamp"], found["sensor.kettle"]) == ("circuit", "unsure")


@pytest.mark.parametrize(
    ("state", "unit", "expected"),
    [
        ("1.5", "kW", 1500.0),
        ("-20", "W", -20.0),
        ("unavailable", "W", None),
        ("5", "VA", None),
        ("inf", "W", None),
        ("nan", "W", None),
        (None, "W", None),
    ],
)
def test_power_of_a_state(state: str | None, unit: str, expected: float | None) -> None:
    assert watts(state, unit) == expected
