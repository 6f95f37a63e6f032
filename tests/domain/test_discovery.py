"""What looks like a meter's register, and how often it is read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.discovery import (
    counts_up,
    likely_unit,
    may_be_register,
    reading_interval,
    unit_of,
    usual_gap,
)


def every(step: str, values: list[float] | np.ndarray) -> pd.Series:
    index = pd.date_range("2024-01-01", periods=len(values), freq=step, tz="UTC", unit="us")
    return pd.Series(values, index, dtype=float)


@pytest.mark.parametrize(
    ("measurement", "entity_id", "field", "expected"),
    [
        ("kWh", "cellar", "value", True),
        ("m3", "cellar", "value", True),
        ("kWh", "cellar", "state", True),
        ("kWh", "cellar", "min", False),
        ("kWh", "cellar", "max", False),
        ("energy", "cellar", "consumption", False),
        ("energy", "cellar", "cost", False),
        ("W", "cellar", "value", False),
        ("°C", "cellar", "value", False),
        ("%", "cellar", "value", False),
        ("m³/h", "cellar", "value", False),
        ("EUR/kWh", "cellar", "value", False),
        ("sensor.gaszaehler", "gaszaehler", "value", True),
        ("sensor.water_meter_total", "water_meter_total", "value", True),
        ("input_number.verbrauch", "verbrauch", "value", True),
        ("sensor.wifi_signal", "wifi_signal", "value", True),
        ("sensor.wifi_signal", "another", "value", False),
        ("state", "water_total", "value", True),
        ("homeassistant", "zaehler_keller", "value", True),
        ("state", "wifi_signal", "value", False),
        ("°C", "water", "value", False),
        ("bar", "water", "value", False),
    ],
)
def test_names_tell_what_may_be_a_register(measurement: str, entity_id: str, field: str, expected: bool) -> None:
    assert may_be_register(measurement, entity_id, field) is expected


def test_a_measurement_that_is_a_unit_is_spelled_our_way() -> None:
    assert (unit_of("m3"), unit_of("kWh"), unit_of("W"), unit_of("sensor.gas")) == ("m³", "kWh", None, None)


@pytest.mark.parametrize(
    ("measurement", "entity", "unit"),
    [
        ("sensor.meter", "garage_energy_wh", "Wh"),
        ("sensor.meter", "garage_energy_kwh", "kWh"),
        ("sensor.meter", "heat_mwh", "MWh"),
        ("sensor.gas_meter", "gas_meter", "m³"),
        ("sensor.wasserzaehler", "wasserzaehler", "m³"),
        ("sensor.meter", "garage", "kWh"),
    ],
)
def test_the_unit_is_guessed_from_the_names(measurement: str, entity: str, unit: str) -> None:
    assert likely_unit(measurement, entity) == unit


# Values


def test_a_rising_register_counts_up() -> None:
    assert counts_up(every("h", np.arange(500) * 0.25), "kWh")


def test_a_register_that_stands_still_counts_up() -> None:
    assert counts_up(every("D", [812.0] * 5), "m³")


def test_a_single_reading_may_be_a_register_and_none_is_not() -> None:
    assert counts_up(every("h", [812.0]), "m³")
    assert not counts_up(every("h", []), "m³")


def test_home_assistant_s_zero_does_not_disqualify_a_register() -> None:
    values = 5000 + np.arange(500) * 0.25
    values[100] = values[300] = 0.0
    assert counts_up(every("h", values), "kWh")


def test_a_replacement_does_not_disqualify_a_register() -> None:
    values = np.concatenate([8000 + np.arange(30.0) * 12, 3 + np.arange(30.0) * 12])
    assert counts_up(every("10D", values), "kWh")


def test_two_readings_that_fall_are_no_register() -> None:
    assert not counts_up(every("30D", [100.0, 90.0]), "kWh")


@pytest.mark.parametrize(("step", "a_day"), [("min", 1440), ("15min", 96), ("h", 24)])
def test_a_counter_that_starts_again_each_day_is_no_register(step: str, a_day: int) -> None:
    values = np.tile(np.arange(a_day) * (12.0 / a_day), 4)
    assert not counts_up(every(step, values[:5000]), "kWh")


def test_a_temperature_and_a_power_are_no_registers() -> None:
    hours = np.arange(500)
    assert not counts_up(every("h", 15 + 5 * np.sin(hours / 24 * 2 * np.pi)), "kWh")
    assert not counts_up(every("min", np.random.default_rng(1).uniform(0, 3000, 5000)), "Wh")


def test_a_battery_s_energy_is_no_register() -> None:
    assert not counts_up(every("15min", 5 + 4 * np.sin(np.arange(2000) / 40)), "kWh")


@given(st.lists(st.floats(0, 50), min_size=1, max_size=200), st.floats(0, 1e6))
def test_whatever_never_falls_counts_up(steps: list[float], start: float) -> None:
    assert counts_up(every("h", start + np.cumsum(steps)), "kWh")


def test_the_usual_gap_is_the_median_so_that_a_long_silence_does_not_count() -> None:
    readings = every("h", np.arange(10.0)).iloc[[0, 1, 2, 3, 9]]
    assert usual_gap(readings) == pd.Timedelta(hours=1)


@pytest.mark.parametrize(("gap", "days"), [("1h", None), ("1D", None), ("7D", 7), ("35D", 35), ("91D 9h", 91)])
def test_only_what_is_read_by_hand_has_a_reading_interval(gap: str, days: int | None) -> None:
    assert reading_interval(pd.Timedelta(gap)) == days


def test_one_reading_does_not_tell_the_interval() -> None:
    assert reading_interval(None) is None
