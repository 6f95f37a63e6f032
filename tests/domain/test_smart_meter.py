"""Five minutes of power, with a pencil: means, peaks, energy since midnight, holes, and days of 23 and 25 hours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows_dagster.domain.smart_meter import OTHER, PowerCurve, circuit_power, five_minutes, house_power

NOON = pd.Timestamp("2026-06-01T12:00", tz="UTC")


def at(minute: float) -> pd.Timestamp:
    return NOON + pd.Timedelta(minutes=minute)


def curve(changes: dict[float, float], until: float = 60) -> PowerCurve:
    """Power from each minute after noon on."""
    frame = pd.DataFrame({"time": [at(m) for m in changes], "power_w": list(changes.values())})
    return PowerCurve.of(frame, at(until))


def house(of: PowerCurve, minute: float = 5, midnight: float = 0, register: pd.Series | None = None) -> pd.Series:
    return house_power(of, pd.DatetimeIndex([at(minute)]), pd.DatetimeIndex([at(midnight)]), register).iloc[0]


def test_the_mean_is_weighted_by_time_and_the_peak_is_the_highest_value() -> None:
    """100 W for four minutes and 600 W for one are 200 W, and 200 · 5 / 60 Wh."""
    row = house(curve({0: 100.0, 4: 600.0}))
    assert (row["total_power_w"], row["peak_power_w"], row["known_share"]) == (200.0, 600.0, 1.0)
    assert row["daily_kwh"] == pytest.approx(0.2 * 5 / 60)


def test_a_value_holds_until_the_next_one_however_long_nothing_is_sent() -> None:
    row = house(curve({-600: 250.0}), midnight=-60)
    assert (row["total_power_w"], row["known_share"]) == (250.0, 1.0)
    assert row["daily_kwh"] == pytest.approx(0.25 * 65 / 60)


def test_while_the_entity_is_unavailable_its_power_is_unknown_and_not_zero() -> None:
    row = house(curve({0: 300.0, 1: np.nan, 3: 300.0}))
    assert (row["total_power_w"], row["known_share"]) == (300.0, 0.6)
    assert row["daily_kwh"] == pytest.approx(0.3 * 3 / 60)


def test_nothing_known_is_no_number() -> None:
    row = house(curve({0: np.nan}))
    assert row[["total_power_w", "peak_power_w", "daily_kwh"]].isna().all()
    assert row["known_share"] == 0.0


def test_what_was_not_read_yet_is_not_known() -> None:
    assert house(curve({0: 300.0}, until=2))["known_share"] == 0.4


def test_the_registers_difference_is_taken_where_there_is_one() -> None:
    register = pd.Series([100.0, 100.5, 101.25], index=pd.DatetimeIndex([at(-30), at(0), at(4)]))
    assert house(curve({0: 100.0}), register=register)["daily_kwh"] == 0.75
    before = register.iloc[:2]
    assert house(curve({0: 100.0}), register=before)["daily_kwh"] == pytest.approx(0.1 * 5 / 60)
    fallen = pd.Series([100.0, 1.0], index=pd.DatetimeIndex([at(0), at(4)]))
    assert house(curve({0: 100.0}), register=fallen)["daily_kwh"] == pytest.approx(0.1 * 5 / 60)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-06-01", 24), ("2026-10-25", 25)])
def test_a_day_of_the_clock_change_has_its_own_length(day: str, hours: int) -> None:
    opening = pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC")
    closing = (pd.Timestamp(day, tz="Europe/Berlin") + pd.DateOffset(days=1)).tz_convert("UTC")
    ends = five_minutes(opening, closing)
    assert len(ends) == hours * 12
    power = PowerCurve.of(pd.DataFrame({"time": [opening], "power_w": [1000.0]}), closing)
    rows = house_power(power, ends, pd.DatetimeIndex([opening] * len(ends)))
    assert rows["daily_kwh"].iloc[-1] == pytest.approx(hours)
    assert rows["total_power_w"].eq(1000.0).all()


def test_what_no_circuit_claims_is_the_circuit_other_and_signed() -> None:
    ends = pd.DatetimeIndex([at(5), at(10)])
    total = pd.Series([1000.0, 500.0], index=ends)
    rows = circuit_power(total, {"Kitchen": curve({0: 250.0}), "Heat pump": curve({0: 400.0})}, ends)
    assert rows["circuit_name"].tolist() == ["Heat pump", "Kitchen", OTHER] * 2
    assert rows["power_w"].tolist() == [400.0, 250.0, 350.0, 400.0, 250.0, -150.0]
    assert rows["percentage"].tolist() == [40.0, 25.0, 35.0, 80.0, 50.0, -30.0]


def test_a_silent_circuit_is_left_out_and_makes_other_unknown() -> None:
    ends = pd.DatetimeIndex([at(5)])
    rows = circuit_power(
        pd.Series([1000.0], index=ends), {"Kitchen": curve({0: 250.0}), "Garage": curve({0: np.nan})}, ends
    )
    assert rows["circuit_name"].tolist() == ["Kitchen"]


@given(
    st.lists(st.tuples(st.integers(0, 3600), st.floats(0, 5000) | st.just(float("nan"))), min_size=1, max_size=20),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_five_minutes_add_up_to_the_hour_in_any_order_of_arrival(changes: list[tuple[int, float]], seed: int) -> None:
    frame = pd.DataFrame({"time": [at(s / 60) for s, _ in changes], "power_w": [w for _, w in changes]})
    ends = five_minutes(at(0), at(60))
    opening = pd.DatetimeIndex([at(0)] * len(ends))
    rows = house_power(PowerCurve.of(frame, at(60)), ends, opening)
    mixed = PowerCurve.of(frame.sample(frac=1, random_state=seed), at(60))
    pd.testing.assert_frame_equal(house_power(mixed, ends, opening), rows, check_exact=True)
    parts = (rows["total_power_w"] * rows["known_share"] / 12000).sum()
    whole = rows["daily_kwh"].iloc[-1]
    assert parts == pytest.approx(0.0 if np.isnan(whole) else whole, abs=1e-9)
    assert not (rows["peak_power_w"] < rows["total_power_w"] - 1e-9).any()
