"""Prices by the day and by the hour, against a pencil's figures."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.house import BERLIN
from workflows_dagster.domain.costs import (
    Price,
    costs,
    hour_cuts,
    mean_prices,
    standing_charges,
    unit_prices,
)
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.units import GasFactors

NAN = math.nan
NO_GAS: tuple[GasFactors, ...] = ()


def civil(first: str, last: str) -> pd.Index:
    """Civil days from one to another."""
    return pd.Index(pd.date_range(first, last).date, dtype=object)


def kwh(first: str, price: float | None, charge: float = 0.0, per: str = "kWh", span: str = "year") -> Price:
    return Price(date.fromisoformat(first), price, per, charge, span)


def test_a_price_holds_from_its_first_day_until_the_next_one():
    prices = [kwh("2024-01-02", 0.30), kwh("2024-01-04", 0.25)]
    found = unit_prices(civil("2024-01-01", "2024-01-05"), "kWh", prices, NO_GAS)
    assert found.tolist() == pytest.approx([NAN, 0.30, 0.30, 0.25, 0.25], nan_ok=True)


def test_a_price_that_is_added_later_leaves_every_earlier_day_as_it_was():
    year = civil("2024-01-01", "2024-12-31")
    before = [kwh("2024-01-01", 0.3123, 147.3)]
    after = [*before, kwh("2024-09-01", 0.28, 99.0)]
    for find in (
        lambda prices: unit_prices(year, "kWh", prices, NO_GAS),
        lambda prices: standing_charges(year, prices),
    ):
        old, new = find(before), find(after)
        assert (old[:244] == new[:244]).all()
        assert (old[244:] != new[244:]).all()


def test_a_price_per_megawatt_hour_is_a_thousandth_per_kilowatt_hour():
    day = civil("2024-01-01", "2024-01-01")
    assert unit_prices(day, "kWh", [kwh("2024-01-01", 120.0, per="MWh")], NO_GAS) == pytest.approx([0.12])
    assert unit_prices(day, "l", [kwh("2024-01-01", 4.5, per="m³")], NO_GAS) == pytest.approx([0.0045])


def test_gas_is_billed_in_energy_by_the_factors_of_each_day():
    gas = (GasFactors(date(2023, 1, 1), 11.0, 0.9), GasFactors(date(2024, 1, 1), 10.0, 0.95))
    found = unit_prices(civil("2023-12-31", "2024-01-01"), "m³", [kwh("2020-01-01", 0.10)], gas)
    # 11.0 · 0.9 = 9.9 kWh in a cubic metre, then 10.0 · 0.95 = 9.5.
    assert found.tolist() == pytest.approx([0.99, 0.95], rel=1e-15)


@pytest.mark.parametrize(("year", "length"), [(2023, 365), (2024, 366), (2100, 365)])
def test_the_shares_of_a_year_add_up_to_its_charge(year, length):
    shares = standing_charges(civil(f"{year}-01-01", f"{year}-12-31"), [kwh("2020-01-01", 0.3, 136.80)])
    assert len(shares) == length
    assert set(shares) == {136.80 / length}
    assert math.fsum(shares) == pytest.approx(136.80, rel=1e-14)


@pytest.mark.parametrize(("month", "length"), [("2024-02", 29), ("2023-02", 28), ("2024-03", 31), ("2024-04", 30)])
def test_the_shares_of_a_month_add_up_to_its_charge(month, length):
    month_days = civil(f"{month}-01", f"{month}-{length}")
    shares = standing_charges(month_days, [kwh("2020-01-01", 0.3, 5.99, span="month")])
    assert set(shares) == {5.99 / length}
    assert math.fsum(shares) == pytest.approx(5.99, rel=1e-14)


def test_a_daily_charge_is_owed_each_day_from_the_first_price_on():
    shares = standing_charges(civil("2024-01-01", "2024-01-03"), [kwh("2024-01-02", 0.3, 0.4, span="day")])
    assert shares.tolist() == [0.0, 0.4, 0.4]


def test_a_day_costs_what_was_used_and_its_share_of_the_standing_charge():
    consumption = pd.Series([10.0, 0.0, NAN, 5.0, 4.0])
    found = costs(consumption, np.array([0.3, 0.3, 0.3, NAN, -0.02]), np.array([0.4, 0.4, 0.4, 0.4, 0.0]))
    # A day of unknown consumption or without a price has no cost at all, not even its standing charge.
    assert found.index.tolist() == [0, 1, 4]
    assert found["cost"].tolist() == pytest.approx([3.4, 0.4, -0.08])
    assert found["standing_charge"].tolist() == [0.4, 0.4, 0.0]


def test_nothing_is_rounded():
    found = costs(pd.Series([1 / 3]), np.array([0.1234567891]), np.array([0.0]))
    assert found["cost"].tolist() == [1 / 3 * 0.1234567891]


def hourly(consumption: list[float], prices: list[float], day: list[int], n: int = 1) -> list[float]:
    return mean_prices(np.array(consumption), np.array(prices), np.array(day, dtype=np.int64), n).tolist()


def test_the_mean_of_a_days_prices_is_weighted_by_what_was_used():
    # 1 kWh at 0.20 and 3 kWh at 0.40 are 1.40 for 4 kWh.
    assert hourly([1.0, 3.0], [0.20, 0.40], [0, 0]) == pytest.approx([0.35])


def test_hours_of_which_consumption_or_price_is_unknown_do_not_enter():
    assert hourly([1.0, NAN, 9.0, 3.0], [0.20, 9.0, NAN, 0.40], [0, 0, 0, 0]) == pytest.approx([0.35])


def test_where_nothing_was_used_the_known_hours_weigh_alike():
    assert hourly([0.0, 0.0, NAN], [0.20, 0.40, 9.0], [0, 0, 0]) == pytest.approx([0.30])


def test_where_no_consumption_is_known_all_prices_of_the_day_weigh_alike():
    assert hourly([NAN, NAN, 5.0], [0.20, 0.40, 0.50], [0, 0, 1], 2) == pytest.approx([0.30, 0.50])


def test_a_day_without_any_price_has_no_mean():
    assert hourly([1.0, 1.0], [NAN, 0.30], [0, 1], 3) == pytest.approx([NAN, 0.30, NAN], nan_ok=True)


def test_negative_prices_of_the_hour_take_their_part():
    assert hourly([1.0, 3.0], [0.20, -0.40], [0, 0]) == pytest.approx([-0.25])


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 10) | st.just(NAN), st.floats(-1, 1) | st.just(NAN)), min_size=23, max_size=25),
        min_size=1,
        max_size=4,
    )
)
def test_a_day_alone_has_the_mean_that_it_has_in_a_range_to_the_last_bit(range_of_days):
    flat = [hour for hours in range_of_days for hour in hours]
    day = [k for k, hours in enumerate(range_of_days) for _ in hours]
    together = hourly([c for c, _ in flat], [p for _, p in flat], day, len(range_of_days))
    alone = [hourly([c for c, _ in hours], [p for _, p in hours], [0] * len(hours))[0] for hours in range_of_days]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-06-01", 24), ("2024-10-27", 25)])
def test_a_day_is_cut_into_the_hours_that_it_has(day, hours):
    opening = DayRange.single(date.fromisoformat(day)).openings(BERLIN)
    cuts = hour_cuts(opening)
    assert len(cuts) - 1 == hours
    assert (cuts[0], cuts[-1]) == (opening[0], opening[1])
    assert ((cuts[1:] - cuts[:-1]) == pd.Timedelta(hours=1)).all()


def test_days_that_open_at_half_past_are_cut_at_midnight_too():
    openings = pd.DatetimeIndex(["2024-01-01 18:30", "2024-01-02 18:30"], tz="UTC").as_unit("us")
    cuts = hour_cuts(openings)
    assert len(cuts) == 26
    assert cuts[0] == openings[0]
    assert cuts[1] == pd.Timestamp("2024-01-01 19:00", tz="UTC")
    assert cuts[-1] == openings[1]


def test_a_cost_lies_as_open_as_its_consumption_also_of_what_is_earned():
    consumption = pd.Series([10.0, 10.0, 10.0])
    band = pd.DataFrame({"lower": [8.0, 8.0, np.nan], "upper": [13.0, 13.0, np.nan]})
    found = costs(consumption, np.array([0.3, -0.1, 0.3]), np.array([1.0, 0.0, 1.0]), band)
    assert found["lower"].tolist() == pytest.approx([3.4, -1.3, np.nan], nan_ok=True)
    assert found["upper"].tolist() == pytest.approx([4.9, -0.8, np.nan], nan_ok=True)
