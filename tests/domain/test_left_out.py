"""Readings that are left out, and what an estimate misses them by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.left_out import missed_by, without, without_short_gaps
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, Profile, weight_of

SEASONAL = weight_of(Profile(0.2, 0.8, (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)))


def register(days: list[float], values: list[float]) -> Register:
    index = pd.DatetimeIndex([pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(days=day) for day in days])
    return clean(pd.Series(values, index=index.as_unit("us")), Counter("gas", "m³", 1e-9))


def test_an_even_meter_is_not_missed_by_the_straight_line_and_by_the_season_it_is():
    even = register([30.0 * k for k in range(13)], [60.0 * k for k in range(13)])
    straight = missed_by(even, lambda _: weight_of(FLAT))
    assert straight is not None
    assert straight.missed == pytest.approx(0)
    assert straight.count == 11
    seasonal = missed_by(even, lambda _: SEASONAL)
    assert seasonal is not None
    assert seasonal.missed > 0.05


def test_the_reading_in_the_middle_of_two_gaps_is_missed_by_what_was_misplaced():
    """100 in the first 30 days, 50 in the next 30: the straight line puts 75 into each."""
    found = missed_by(register([0, 30, 60], [0, 100, 150]), lambda _: weight_of(FLAT))
    assert found is not None
    assert (found.missed, found.count) == (pytest.approx(25 / 150), 1)


def test_two_readings_leave_nothing_to_leave_out():
    assert missed_by(register([0, 30], [0, 100]), lambda _: weight_of(FLAT)) is None


def test_an_estimate_that_cannot_be_fitted_misses_nothing_that_counts():
    assert missed_by(register([0, 30, 60], [0, 100, 150]), lambda _: None) is None


def test_a_meter_that_reports_each_hour_counts_as_read_each_week():
    hourly = register([k / 24 for k in range(24 * 40)], [0.1 * k for k in range(24 * 40)])
    thin = without_short_gaps(hourly)
    assert 6 <= len(thin) <= 8
    assert np.diff(thin.times[1:-1]).min() >= 6.9 * 86_400_000_000


@given(st.lists(st.floats(0.1, 50), min_size=4, max_size=30), st.integers(0, 3))
def test_leaving_readings_out_keeps_every_advance(steps, first):
    whole = register([float(k) for k in range(len(steps) + 1)], [0.0, *np.cumsum(steps)])
    rest = without(whole, np.arange(1 + first, len(whole) - 1, 2))
    assert rest.advances.sum() == pytest.approx(whole.advances.sum())
    assert len(rest.advances) == len(rest) - 1
    assert rest.values[0] + rest.advances.sum() == pytest.approx(rest.values[-1])
