"""Allocation of advances to days: its three laws, and worked examples."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.house import BERLIN, COUNTER, GAS_TABLE, day, hourly, series, spread
from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Life
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import FLAT, Profile

SEASONAL = Profile(0.3, 0.7, GAS_TABLE)


def test_the_days_between_two_readings_share_evenly_without_a_season():
    frame = spread(series([100, 170], ["2024-01-01", "2024-01-08"]), date(2024, 1, 1), date(2024, 1, 7))
    assert frame["consumption"].to_numpy() == pytest.approx([10] * 7)
    assert list(frame["quality"]) == ["interpolated"] * 7
    assert list(frame["estimated_share"]) == [1.0] * 7


def test_the_short_day_of_march_gets_23_of_24_hours():
    frame = spread(series([0, 71], ["2024-03-30", "2024-04-02"]), date(2024, 3, 30), date(2024, 4, 1))
    assert frame["consumption"].to_numpy() == pytest.approx([24, 23, 24])


def test_the_long_day_of_october_gets_25_of_24_hours():
    frame = spread(series([0, 73], ["2024-10-26", "2024-10-29"]), date(2024, 10, 26), date(2024, 10, 28))
    assert frame["consumption"].to_numpy() == pytest.approx([24, 25, 24])


def test_a_gap_of_a_day_is_measured_and_one_of_two_days_is_not():
    frame = spread(
        series([0, 10, 30, 40], ["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"]),
        date(2024, 1, 1),
        date(2024, 1, 4),
    )
    assert list(frame["quality"]) == ["measured", "interpolated", "interpolated", "measured"]
    assert frame["estimated_share"].to_numpy() == pytest.approx([0, 1, 1, 0])


def test_the_estimated_share_is_the_part_from_the_long_gap():
    hours = [*pd.date_range("2024-01-01", "2024-01-02 12:00", freq="h"), pd.Timestamp("2024-01-04 12:00")]
    frame = spread(series([*range(37), 36 + 96], hours), date(2024, 1, 2), date(2024, 1, 2))
    assert frame["consumption"].iloc[0] == pytest.approx(12 + 24)
    assert frame["estimated_share"].iloc[0] == pytest.approx(24 / 36)
    assert frame["quality"].iloc[0] == "interpolated"


def test_a_long_silence_in_which_nothing_was_used_is_measured():
    frame = spread(
        series([5, 5.001, 6], ["2024-06-01", "2024-08-30", "2024-08-30 12:00"]), date(2024, 6, 1), date(2024, 8, 29)
    )
    assert set(frame["quality"]) == {"measured"}


def test_before_and_after_the_readings_the_year_next_to_them_is_continued():
    frame = spread(series([100, 200], ["2024-01-11", "2024-01-21"]), date(2024, 1, 6), date(2024, 1, 25))
    assert frame["consumption"].to_numpy() == pytest.approx([10] * 20)
    assert list(frame["quality"][:5]) == ["extrapolated"] * 5
    assert list(frame["quality"][-5:]) == ["extrapolated"] * 5
    assert frame["closing"].iloc[-1] == pytest.approx(250)


def test_no_register_falls_below_zero_before_its_first_reading():
    frame = spread(series([20, 120], ["2024-01-11", "2024-01-21"]), date(2024, 1, 1), date(2024, 1, 10))
    assert frame["opening"].min() == 0
    assert frame["consumption"].sum() == pytest.approx(20)


def test_no_register_falls_below_its_initial_reading():
    frame = spread(series([120, 220], ["2024-01-11", "2024-01-21"]), date(2024, 1, 1), date(2024, 1, 10), floor=100.0)
    assert frame["opening"].min() == 100


def test_beyond_the_furthest_extrapolation_there_is_no_value():
    frame = spread(
        series([0, 10], ["2024-01-01", "2024-01-02"]), date(2024, 1, 2), date(2024, 1, 8), max_extrapolation=3
    )
    assert list(frame["quality"]) == ["extrapolated"] * 3 + ["missing"] * 4
    assert frame["consumption"].isna().tolist() == [False] * 3 + [True] * 4


def test_one_reading_alone_tells_nothing_of_other_days():
    frame = spread(series([5], ["2024-01-03 12:00"]), date(2024, 1, 1), date(2024, 1, 5))
    assert set(frame["quality"]) == {"missing"}


def test_a_meter_without_readings_is_missing():
    frame = spread(series([], pd.DatetimeIndex([], tz="UTC")), date(2024, 1, 1), date(2024, 1, 2))
    assert list(frame["quality"]) == ["missing", "missing"]


def test_days_outside_the_life_have_no_row_and_a_first_day_counts_from_its_first_instant():
    readings = series([3, 4, 14], ["2024-01-02 12:00", "2024-01-03", "2024-01-04"])
    start = int(days.microseconds(readings.index)[0])
    frame = spread(readings, date(2024, 1, 1), date(2024, 1, 3), life=Life(start, None))
    assert list(days.civil_days(frame.index, BERLIN)) == [date(2024, 1, 2), date(2024, 1, 3)]
    assert frame["consumption"].to_numpy() == pytest.approx([1, 10])
    assert frame["opening"].iloc[0] == 3
    assert list(frame["quality"]) == ["measured", "measured"]


def test_a_rollover_in_the_middle_of_a_day_is_consumption():
    counter = Counter("gas", "m³", 0.001, digits=3)
    readings = series([996, 998, 3, 5], ["2024-01-01", "2024-01-01 12:00", "2024-01-02 00:00", "2024-01-03"])
    frame = spread(readings, date(2024, 1, 1), date(2024, 1, 2), counter=counter)
    assert frame["consumption"].to_numpy() == pytest.approx([7, 2])
    assert frame["closing"].iloc[0] == 3


def test_a_rollover_in_a_long_gap_shows_the_counter_as_it_would_have_stood():
    counter = Counter("gas", "m³", 0.001, digits=3)
    frame = spread(series([990, 10], ["2024-01-01", "2024-01-05"]), date(2024, 1, 1), date(2024, 1, 4), counter=counter)
    # The newest fallen reading waits for another one to confirm it.
    assert set(frame["quality"]) == {"missing"}
    readings = series([990, 10, 15], ["2024-01-01", "2024-01-05", "2024-01-06"])
    frame = spread(readings, date(2024, 1, 1), date(2024, 1, 4), counter=counter)
    assert frame["opening"].to_numpy() == pytest.approx([990, 995, 0, 5])
    assert frame["consumption"].to_numpy() == pytest.approx([5] * 4)


def test_a_gap_without_any_weight_is_a_straight_line():
    table = (25.0, 25.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 25.0, 25.0)
    frame = spread(
        series([0, 10], ["2024-07-01", "2024-07-11"]),
        date(2024, 7, 1),
        date(2024, 7, 10),
        profile=Profile(0.0, 1.0, table),
    )
    assert frame["consumption"].to_numpy() == pytest.approx([1] * 10)


def test_winter_days_get_more_than_summer_days_by_the_weight():
    frame = spread(
        series([0, 365], ["2023-01-01", "2024-01-01"]), date(2023, 1, 1), date(2023, 12, 31), profile=SEASONAL
    )
    january = frame["consumption"].iloc[:31].sum()
    assert january == pytest.approx(0.3 * 31 + 0.7 * 365 * 0.17, rel=1e-3)


registers = st.builds(
    lambda gaps, steps: series(
        50 + np.cumsum(steps[: len(gaps)]),
        pd.Timestamp("2023-05-03 07:13", tz="UTC")
        + pd.to_timedelta(np.cumsum(gaps[: len(steps)]), unit="min").as_unit("us"),
    ),
    st.lists(st.integers(5, 60 * 24 * 40), min_size=40, max_size=40),
    st.lists(st.floats(0, 300).map(lambda x: round(x, 3)), min_size=2, max_size=40),
)


@given(registers, st.sampled_from([FLAT, SEASONAL]))
@settings(max_examples=60, deadline=None)
def test_the_days_between_readings_add_up_to_their_difference(readings, profile):
    """Nothing is lost and nothing invented."""
    first = days.civil_day(readings.index[0], BERLIN)
    last = days.civil_day(readings.index[-1], BERLIN)
    life = Life(*(int(x) for x in days.microseconds(readings.index[[0, -1]])))
    frame = spread(readings, first, last, profile=profile, life=life)
    assert frame["consumption"].sum() == pytest.approx(readings.iloc[-1] - readings.iloc[0], rel=1e-9, abs=1e-9)
    assert (frame["consumption"] >= 0).all()
    assert (frame["closing"].to_numpy()[:-1] == frame["opening"].to_numpy()[1:]).all()
    assert (np.diff(frame["closing"]) >= 0).all()
    assert frame["estimated_share"].between(0, 1).all()


@given(registers, st.integers(0, 500), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_one_day_or_ten_years_the_same_number(readings, offset, length):
    """A day alone, a range and the full history give the same bits."""
    counter = COUNTER
    register = clean(readings, counter)
    begin, end = date(2023, 4, 1), date(2025, 1, 31)
    whole = spread(register, begin, end, profile=SEASONAL)
    first = begin + timedelta(days=offset)
    part = spread(register, first, min(first + timedelta(days=length), end), profile=SEASONAL)
    pd.testing.assert_frame_equal(part, whole.loc[part.index], check_exact=True)


@given(st.lists(st.floats(0, 5).map(lambda x: round(x, 3)), min_size=60, max_size=120))
def test_hours_between_local_midnights_are_their_own_sum(steps):
    readings = hourly(100 + np.cumsum(steps), start="2024-01-09 23:00")
    frame = spread(readings, date(2024, 1, 10), date(2024, 1, 11))
    assert day(frame, date(2024, 1, 11))["consumption"] == pytest.approx(sum(steps[25:49]), abs=1e-9)
    assert set(frame["quality"]) == {"measured"}


def test_no_rounding_lifts_a_register_above_its_next_reading():
    """Just before a reading the register stands at it, though opening plus advance may round to more."""
    for before, after in [(3.843, 52.079), (3.042, 20.352), (3.957, 14.772), (8.679, 26.815), (6.009, 227.6)]:
        assert before + (after - before) > after
        frame = spread(
            series([before, after, after], ["2024-01-01", "2024-01-11 00:00:00.000001", "2024-01-12"]),
            date(2024, 1, 9),
            date(2024, 1, 10),
        )
        assert frame["closing"].iloc[-1] <= after


def test_a_missing_day_leaves_its_neighbours_as_they_are_alone():
    readings = series([0, 19], ["2024-01-01", "2024-01-10 12:00"])
    whole = spread(readings, date(2024, 1, 9), date(2024, 1, 15), max_extrapolation=3)
    assert list(whole["quality"])[-3:] == ["missing"] * 3
    for start in whole.index:
        civil = days.civil_day(start, BERLIN)
        alone = spread(readings, civil, civil, max_extrapolation=3)
        pd.testing.assert_frame_equal(alone, whole.loc[[start]], check_exact=True, check_freq=False)


def test_a_register_that_steps_back_within_its_resolution_uses_nothing():
    hours = pd.date_range("2024-01-09", periods=24 * 8, freq="h")
    for values in ([10.0] * 30 + [10.001] + [10.0] * 161, list(10 - 0.001 * np.arange(24 * 8))):
        frame = spread(series(values, hours), date(2024, 1, 9), date(2024, 1, 15))
        assert (frame["consumption"] >= 0).all()
        assert frame["consumption"].sum() <= 0.0011


def test_a_long_gap_over_a_reset_is_estimated_though_nothing_is_counted():
    readings = series([49000, 49010, 4995, 5005], ["2024-01-01", "2024-02-01", "2024-08-01", "2024-09-01"])
    frame = spread(readings, date(2024, 3, 1), date(2024, 7, 1))
    assert set(frame["quality"]) == {"interpolated"}


def test_a_day_after_a_register_that_stood_still_is_nothing_and_wholly_estimated():
    frame = spread(series([5.0, 5.0], ["2024-03-01", "2024-03-02"]), date(2024, 3, 3), date(2024, 3, 4))
    assert frame["quality"].tolist() == ["extrapolated"] * 2
    assert frame["consumption"].tolist() == [0.0, 0.0]
    assert frame["estimated_share"].tolist() == [1.0, 1.0]
