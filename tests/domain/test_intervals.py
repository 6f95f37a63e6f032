"""Interval sources: hours are summed, what is missing is a gap, and a null is no zero."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.house import BERLIN, COUNTER, day, hourly, series, spread
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.intervals import register_from_intervals
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import FLAT, weight_of

CLOCK = weight_of(FLAT)
MIDNIGHT = "2024-01-09 23:00"  # 10 January opens in Berlin


def test_a_day_is_the_sum_of_its_hours():
    register = register_from_intervals(hourly([0.5] * 48, MIDNIGHT), "haupt_strom", CLOCK, zone=BERLIN)
    frame = spread(register, date(2024, 1, 10), date(2024, 1, 11))
    assert list(frame["consumption"]) == [12.0, 12.0]
    assert list(frame["quality"]) == ["measured", "measured"]


def test_the_two_o_clock_hours_of_october_are_two_hours():
    hours = DayRange.single(date(2024, 10, 27)).openings(BERLIN)
    starts = pd.date_range(hours[0], hours[1], freq="h", inclusive="left")
    register = register_from_intervals(pd.Series(1.0, index=starts), "haupt_strom", CLOCK, zone=BERLIN)
    assert spread(register, date(2024, 10, 27), date(2024, 10, 27))["consumption"].iloc[0] == 25.0


def test_a_missing_hour_is_estimated_and_says_so():
    hours = hourly([1.0] * 48, MIDNIGHT).drop(pd.Timestamp("2024-01-11 05:00", tz="UTC"))
    register = register_from_intervals(hours, "haupt_strom", CLOCK, zone=BERLIN)
    second = day(spread(register, date(2024, 1, 10), date(2024, 1, 11)), date(2024, 1, 11))
    assert second["consumption"] == pytest.approx(24.0)
    assert second["estimated_share"] == pytest.approx(1 / 24)


def test_a_null_is_a_missing_hour_and_no_zero():
    hours = hourly([1.0] * 30 + [np.nan] + [1.0] * 17, MIDNIGHT)
    with_null = register_from_intervals(hours, "haupt_strom", CLOCK, zone=BERLIN)
    without = register_from_intervals(hours.dropna(), "haupt_strom", CLOCK, zone=BERLIN)
    assert (with_null.advances == without.advances).all()
    assert with_null.advances.sum() == pytest.approx(48)


def test_register_readings_say_what_flowed_in_the_missing_hours():
    hours = hourly([1.0] * 48, MIDNIGHT).drop(pd.date_range("2024-01-11 05:00", periods=4, freq="h", tz="UTC"))
    anchors = clean(series([500.0, 552.0], ["2024-01-10", "2024-01-12"]), COUNTER)
    register = register_from_intervals(hours, "haupt_strom", CLOCK, zone=BERLIN, anchors=anchors)
    frame = spread(register, date(2024, 1, 10), date(2024, 1, 11))
    assert frame["consumption"].to_numpy() == pytest.approx([24, 28])
    assert frame["opening"].iloc[0] == pytest.approx(500)
    assert frame["closing"].iloc[-1] == pytest.approx(552)


def test_a_negative_hour_is_unknown_and_reported():
    register = register_from_intervals(hourly([1, 1, -5, 1], MIDNIGHT), "haupt_strom", CLOCK, zone=BERLIN)
    assert [finding.code for finding in register.findings] == ["negative_interval"]
    assert register.advances.sum() == pytest.approx(4)


def test_no_hours_at_all_is_an_empty_register():
    assert len(register_from_intervals(hourly([]), "haupt_strom", CLOCK, zone=BERLIN)) == 0


@given(st.lists(st.floats(0, 4), min_size=24 * 4, max_size=24 * 4), st.sets(st.integers(1, 90), max_size=20))
def test_a_later_hour_changes_no_earlier_days_consumption(values, missing):
    hours = hourly(values, MIDNIGHT)
    hours = hours.drop(hours.index[sorted(missing)])
    whole = spread(register_from_intervals(hours, "m", CLOCK, zone=BERLIN), date(2024, 1, 10), date(2024, 1, 13))
    cut = pd.Timestamp("2024-01-12 23:00", tz="UTC")
    late = hours.copy()
    late[late.index >= cut] += 1
    changed = spread(register_from_intervals(late, "m", CLOCK, zone=BERLIN), date(2024, 1, 10), date(2024, 1, 13))
    if (hours.index == cut - pd.Timedelta(hours=1)).any():
        assert (changed["consumption"].iloc[:2] == whole["consumption"].iloc[:2]).all()


def test_readings_before_the_first_hour_and_after_the_last_say_what_flowed_there():
    hours = hourly([0.5] * 24 * 2, MIDNIGHT)
    when = ["2024-01-05", "2024-01-08", "2024-01-15", "2024-01-17"]
    anchors = clean(series([100.0, 110.0, 170.0, 176.0], when), COUNTER)
    register = register_from_intervals(hours, "haupt_strom", CLOCK, zone=BERLIN, anchors=anchors)
    frame = spread(register, date(2024, 1, 5), date(2024, 1, 16))
    assert frame["consumption"].sum() == pytest.approx(76.0)
    assert day(frame, date(2024, 1, 10))["consumption"] == 12.0
    assert day(frame, date(2024, 1, 6))["consumption"] == pytest.approx(10 / 3)
    # 60 less the 24 that are known, over the five other days between the readings.
    assert day(frame, date(2024, 1, 9))["consumption"] == pytest.approx(36 / 5)
    assert day(frame, date(2024, 1, 16))["consumption"] == pytest.approx(3.0)
    assert frame["closing"].iloc[-1] == pytest.approx(176.0)
    assert list(frame["quality"].iloc[[0, 5, 11]]) == ["interpolated", "measured", "interpolated"]


def test_a_reading_inside_a_missing_stretch_parts_it():
    hours = hourly([1.0] * 24 * 6, MIDNIGHT).drop(pd.date_range("2024-01-10 23:00", periods=72, freq="h", tz="UTC"))
    anchors = clean(series([0.0, 100.0, 200.0], ["2024-01-10", "2024-01-12 12:00", "2024-01-16"]), COUNTER)
    frame = spread(
        register_from_intervals(hours, "m", CLOCK, zone=BERLIN, anchors=anchors), date(2024, 1, 10), date(2024, 1, 15)
    )
    assert frame["consumption"].sum() == pytest.approx(200.0)
    assert frame["consumption"].iloc[:2].sum() + frame["consumption"].iloc[2] > 100


def test_without_a_single_hour_the_readings_are_the_register():
    anchors = clean(series([0.0, 10.0], ["2024-01-10", "2024-01-12"]), COUNTER)
    register = register_from_intervals(hourly([]), "m", CLOCK, zone=BERLIN, anchors=anchors)
    assert list(register.advances) == [10.0]


def test_before_the_first_hour_the_year_after_it_is_continued():
    register = register_from_intervals(hourly([0.5] * 48, MIDNIGHT), "m", CLOCK, zone=BERLIN)
    assert spread(register, date(2024, 1, 8), date(2024, 1, 9))["consumption"].to_numpy() == pytest.approx([12.0, 12.0])


def test_readings_years_before_the_first_hour_still_say_what_flowed():
    anchors = clean(series([0.0, 800.0, 810.0], ["2020-01-01", "2022-01-01", "2022-01-02"]), COUNTER)
    register = register_from_intervals(hourly([0.5] * 48, MIDNIGHT), "m", CLOCK, zone=BERLIN, anchors=anchors)
    assert spread(register, date(2020, 1, 1), date(2021, 12, 31))["consumption"].sum() == pytest.approx(800.0)


def every(minutes: int, values: list[float], start: str = MIDNIGHT) -> pd.Series:
    """Intervals of some minutes."""
    return series(values, pd.date_range(start, periods=len(values), freq=f"{minutes}min", tz="UTC"))


def test_half_hours_that_are_missing_are_estimated_and_do_not_count_as_zero():
    halves = every(30, [0.5] * 48 * 5)
    third = pd.date_range("2024-01-11 23:30", periods=24, freq="h", tz="UTC")
    register = register_from_intervals(halves.drop(third), "h", CLOCK, zone=BERLIN)
    frame = spread(register, date(2024, 1, 10), date(2024, 1, 14))
    assert frame["consumption"].to_numpy() == pytest.approx([24.0] * 5)
    assert list(frame["quality"]) == ["measured", "measured", "extrapolated", "measured", "measured"]
    assert day(frame, date(2024, 1, 12))["estimated_share"] == pytest.approx(0.5)


@pytest.mark.parametrize("minutes", [5, 10, 15, 30, 60, 1440])
def test_the_last_interval_is_as_long_as_the_others(minutes):
    values = every(minutes, [minutes / 60] * (3 * 1440 // minutes))
    register = register_from_intervals(values, "gas", CLOCK, zone=BERLIN)
    assert days.instants(register.times[-1:])[0] == pd.Timestamp("2024-01-12 23:00", tz="UTC")
    assert register.advances.sum() == pytest.approx(72.0)


def test_three_quarter_hours_are_missing_and_the_one_before_lasts_a_quarter_of_an_hour():
    quarters = every(15, [0.25] * 96 * 2)
    register = register_from_intervals(quarters.drop(quarters.index[41:44]), "w", CLOCK, zone=BERLIN)
    assert register.advances[register.unknown].tolist() == pytest.approx([0.75])
    assert spread(register, date(2024, 1, 10), date(2024, 1, 10))["estimated_share"].iloc[0] == pytest.approx(1 / 32)


def test_what_is_declared_is_not_searched_for():
    hours = hourly([0.25] * 48, MIDNIGHT)
    register = register_from_intervals(hours, "w", CLOCK, zone=BERLIN, minutes=15)
    assert spread(register, date(2024, 1, 10), date(2024, 1, 10))["consumption"].iloc[0] == pytest.approx(24.0)
    (found,) = register.findings
    assert (found.code, found.figures) == ("interval_length", {"declared_minutes": 15, "found_minutes": 60})
    assert register_from_intervals(hours, "w", CLOCK, zone=BERLIN, minutes=60).findings == ()


def test_a_source_that_changes_from_hours_to_quarter_hours_keeps_both():
    hours, quarters = hourly([1.0] * 24 * 20, MIDNIGHT), every(15, [0.25] * 96 * 20, "2024-01-29 23:00")
    register = register_from_intervals(pd.concat([hours, quarters]), "m", CLOCK, zone=BERLIN)
    assert not register.unknown.any()
    assert register.advances.sum() == pytest.approx(24.0 * 40)


def test_civil_days_of_23_and_25_hours_are_intervals_without_a_gap():
    for first in (date(2024, 3, 28), date(2024, 10, 24)):
        opens = DayRange(first, first + timedelta(days=5)).openings(BERLIN)[:-1]
        register = register_from_intervals(pd.Series(7.0, index=opens), "gas", CLOCK, zone=BERLIN)
        frame = spread(register, first, first + timedelta(days=5))
        assert not register.unknown.any()
        assert list(frame["consumption"]) == [7.0] * 6
        assert set(frame["quality"]) == {"measured"}


def test_stamps_that_are_some_seconds_off_leave_no_gaps():
    off = [pd.Timedelta(seconds=int(s)) for s in np.random.default_rng(1).integers(0, 20, 96)]
    quarters = every(15, [0.25] * 96)
    quarters.index = quarters.index + pd.TimedeltaIndex(off)
    register = register_from_intervals(quarters, "w", CLOCK, zone=BERLIN)
    assert not register.unknown.any()
