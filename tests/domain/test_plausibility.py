"""Implausible advances: far faster than all neighbouring gaps."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.domain.house import COUNTER, GAS_TABLE, hourly, series
from tests.sentences import said
from workflows_dagster.domain.plausibility import implausible_rates, unit_changes
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import FLAT, table_profile, weight_of

WEIGHT = weight_of(FLAT)


def found(readings: pd.Series, weight=WEIGHT):
    return implausible_rates(clean(readings, COUNTER), "strom", 0.001, weight)


def test_a_jump_with_which_the_counter_stays_is_named():
    values = [0.4 * k for k in range(30)]
    values[20:] = [value + 500 for value in values[20:]]
    (jump,) = found(hourly(values))
    assert jump.code == "implausible_rate"
    assert jump.figures["advance"] == 500.4
    assert "500.4 kWh within 1 hour" in said(jump)


def test_a_digit_too_many_in_the_newest_reading_by_hand_is_named():
    values = [100.0 * k for k in range(8)]
    times = pd.date_range("2024-01-01", periods=8, freq="30D", tz="UTC")
    values[-1] = 7000.0
    assert len(found(series(values, times))) == 1


def test_an_advance_that_others_come_near_is_plausible_however_short_its_gap_was():
    """Ten minutes before a car was charged its register was read once more: fast, yet no more than usual."""
    times = pd.date_range("2024-01-01", periods=30, freq="6h", tz="UTC")
    amounts = [0.0] + [6.0 if k % 4 == 0 else 0.5 for k in range(29)]
    values = pd.Series(amounts).cumsum().tolist()
    # After 18 hours of next to nothing 4 kWh within ten minutes, 12 times as fast as ever nearby.
    at = times[14] + pd.Timedelta(minutes=10)
    readings = pd.concat([series(values[:15], times[:15]), series([values[14] + 4.0], pd.DatetimeIndex([at]))])
    readings = pd.concat([readings, series([value + 4.0 for value in values[15:]], times[15:])])
    assert found(readings) == []


def test_a_long_gap_with_much_consumption_is_plausible():
    values = [0.4 * k for k in range(40)]
    readings = hourly(values).drop(hourly(values).index[10:20])
    assert found(readings) == []


def test_winter_after_summer_is_plausible_by_the_season():
    """The same gas, 17 times as much a day in January as in July."""
    weight = weight_of(table_profile(GAS_TABLE))
    times = pd.date_range("2023-05-01", periods=9, freq="30D", tz="UTC")
    amounts = weight.integral(times.as_unit("us").asi8) * 10
    assert found(series(list(amounts - amounts[0]), times), weight) == []


def test_a_step_of_the_last_digit_is_never_implausible():
    values = [0.001 * (k // 8) for k in range(40)]
    values[20:] = [value + 0.012 for value in values[20:]]
    assert found(hourly(values)) == []


def test_too_short_a_history_judges_nothing():
    assert found(hourly([0.0, 0.4, 0.8, 900.0, 900.4])) == []


def test_the_first_use_of_a_garden_tap_in_spring_is_plausible():
    times = pd.date_range("2024-10-06", periods=28, freq="7D", tz="UTC")
    assert found(series([0.0] * 27 + [0.2], times)) == []
    # In the autumn before it dripped once.
    assert found(series([0.0] * 20 + [0.003] * 7 + [0.203], times)) == []


def test_the_first_sun_after_grey_hours_is_plausible():
    assert found(hourly([0.0] * 14 + [0.002, 0.502])) == []


def test_a_digit_too_many_is_named_though_most_gaps_beside_it_are_of_nothing():
    """A register of whole kWh, every hour: it moves in every fourth of them."""
    values = [float(k // 4) for k in range(40)]
    values[30:] = [value + 500 for value in values[30:]]
    (jump,) = found(hourly(values))
    assert "500 kWh within 1 hour" in said(jump) or "501 kWh within 1 hour" in said(jump)
    assert "inf" not in said(jump)


@pytest.mark.parametrize("times", [1000.0, 0.001], ids=["a thousandfold", "a thousandth"])
def test_a_unit_that_changes_under_the_same_name_is_a_finding(times):
    values = [5000 + 0.5 * k for k in range(48)]
    values = [value * (times if k >= 24 else 1) for k, value in enumerate(values)]
    register = clean(hourly(values), COUNTER)
    (change,) = unit_changes(register, "strom", 0.001)
    assert (change.code, change.figures["times"]) == ("unit_changed", times)
    assert change.figures["before"] == pytest.approx(5011.5)


def test_a_counter_that_is_used_changes_no_unit():
    register = clean(hourly([0.001, 1.0, 2.0, 50.0, 900.0]), COUNTER)
    assert unit_changes(register, "strom", 0.001) == []
