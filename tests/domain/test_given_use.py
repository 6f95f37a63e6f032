"""Another meter's use within a meter's gaps: conserved, never below what is given, and independent of the range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, instants
from workflows_dagster.domain.given_use import exceeded, rest_of, summed
from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, Weight, table_profile, weight_of

DAY0 = 19_000
TABLE = (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)
ALLOWANCE = Allowance(25.0, 400.0, 0.0)
NO_RATES = Rates()


class Boiler:
    """A meter's use by UTC day, from an origin of one's own."""

    def __init__(self, amounts: list[float], origin: int = DAY0) -> None:
        self.edges = (DAY0 + np.arange(len(amounts) + 1)) * MICROSECONDS_PER_DAY
        self.amounts, self.origin = np.array(amounts), origin * MICROSECONDS_PER_DAY

    def integral(self, microseconds: np.ndarray) -> np.ndarray:
        sums = summed(self.edges, self.amounts, np.append(microseconds, self.origin))
        return sums[:-1] - sums[-1]


def cuts(first: int, count: int) -> pd.DatetimeIndex:
    return instants((DAY0 + first + np.arange(count + 1)) * MICROSECONDS_PER_DAY)


def days(register: Register, weight: Weight, first: int, count: int, rates: Rates = NO_RATES) -> np.ndarray:
    frame = allocate(register, cuts(first, count), weight, ALLOWANCE, Life(), rates)
    return frame["consumption"].to_numpy()


def test_the_given_use_is_taken_and_only_the_rest_is_spread():
    # Ten days: 60 m³ counted, of which the boiler used 5 m³ on each of the first eight days.
    register = register_of([(DAY0, 0.0), (DAY0 + 10, 60.0)])
    boiler = Boiler([5.0] * 8 + [0.0, 0.0])
    found = days(register, weight_of(FLAT).beside(boiler), 0, 10)
    assert found == pytest.approx([7.0] * 8 + [2.0] * 2)


def test_where_it_used_more_than_was_counted_it_is_scaled_and_told():
    register = register_of([(DAY0, 0.0), (DAY0 + 2, 6.0), (DAY0 + 4, 16.0)])
    boiler = Boiler([4.0, 8.0, 5.0, 5.05])
    assert days(register, weight_of(FLAT).beside(boiler), 0, 2) == pytest.approx([2.0, 4.0])
    (found,) = exceeded(register, boiler, "gas", "boiler")
    assert found.figures == {"other": "boiler", "used": 12.0, "advance": 6.0}


def test_beyond_the_readings_the_given_use_is_added_to_the_rate_of_the_rest():
    register = register_of([(DAY0, 0.0), (DAY0 + 10, 30.0)])
    boiler = Boiler([2.0] * 10 + [7.0, 0.0, np.nan])
    weight = weight_of(FLAT).beside(boiler)
    window = rate_window(register, "last", weight)
    assert window is not None
    assert (window.given, window.rate, window.given_share) == (20.0, 1.0, 1.0)
    found = days(register, weight, 10, 3, Rates(tail=window.rate, tail_given=window.given_share))
    assert found == pytest.approx([8.0, 1.0, 1.0])


def test_the_rest_of_a_history_is_what_was_counted_beside_it():
    register = register_of([(DAY0, 0.0), (DAY0 + 2, 6.0), (DAY0 + 4, 16.0)])
    assert rest_of(register, Boiler([4.0, 8.0, 2.0, 2.0])).advances.tolist() == [0.0, 6.0]


AMOUNTS = st.lists(st.floats(0, 50, allow_subnormal=False), min_size=60, max_size=60)
READINGS = st.lists(st.tuples(st.integers(1, 59), st.floats(0, 900)), min_size=2, max_size=5, unique_by=lambda r: r[0])


@given(AMOUNTS, READINGS, st.booleans())
def test_gaps_add_up_and_no_day_falls_below_the_given_use_where_it_fits(amounts, readings, seasonal):
    register = read_at(readings)
    boiler = Boiler(amounts)
    weight = weight_of(table_profile(TABLE) if seasonal else FLAT).beside(boiler)
    first, last = ((register.times[[0, -1]] // MICROSECONDS_PER_DAY) - DAY0).tolist()
    found = days(register, weight, first, last - first)
    assert found.sum() == pytest.approx(register.advances.sum(), rel=1e-9, abs=1e-9)
    used = np.diff(boiler.integral(register.times))
    fits = np.repeat(used <= register.advances, np.diff(register.times) // MICROSECONDS_PER_DAY)
    assert (found[fits] >= np.array(amounts)[first:last][fits] - 1e-6).all()


@given(AMOUNTS, READINGS, st.integers(0, 59), st.floats(0, 50), st.integers(DAY0, DAY0 + 60))
def test_a_changed_day_of_the_other_meter_changes_no_other_gap_to_the_last_bit(amounts, readings, day, amount, origin):
    register = read_at(readings)
    changed = [*amounts[:day], amount, *amounts[day + 1 :]]
    before, after = (
        days(register, weight_of(FLAT).beside(boiler), 0, 60) for boiler in (Boiler(amounts), Boiler(changed, origin))
    )
    gap = np.searchsorted(register.times, (DAY0 + np.arange(60)) * MICROSECONDS_PER_DAY, side="right")
    elsewhere = gap != gap[day]
    np.testing.assert_array_equal(before[elsewhere], after[elsewhere])


@given(AMOUNTS, READINGS, st.integers(0, 50), st.integers(1, 9))
def test_some_days_are_the_same_as_among_all_to_the_last_bit(amounts, readings, first, count):
    register = read_at(readings)
    weight = weight_of(table_profile(TABLE)).beside(Boiler(amounts))
    np.testing.assert_array_equal(
        days(register, weight, 0, 60)[first : first + count], days(register, weight, first, count)
    )


def register_of(points: list[tuple[int, float]]) -> Register:
    """Give the register of readings at the beginning of UTC days."""
    at = instants(np.array([day for day, _ in points]) * MICROSECONDS_PER_DAY)
    return clean(pd.Series([value for _, value in points], index=at), Counter("gas", "m³", 0.001))


def read_at(readings: list[tuple[int, float]]) -> Register:
    """Readings on some days, each so much above the one before."""
    register = 0.0
    points = []
    for day, advance in sorted(readings):
        register += round(advance, 3)
        points.append((DAY0 + day, register))
    return register_of(points)
