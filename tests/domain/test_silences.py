"""When a silence is a gap in the data, and when the register just stood still."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from tests.domain.house import COUNTER, hourly, series
from tests.sentences import said
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.intervals import register_from_intervals
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import FLAT, weight_of
from workflows_dagster.domain.silences import Habit, is_silent, late_readings, missing_intervals, overdue

BY_ITSELF = Habit("strom", 0.001, 25.0)
BY_HAND = Habit("strom", 0.001, 25.0, reading_interval_days=42)
NOTHING = np.empty(0)
HERE = ZoneInfo("Europe/Berlin")


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC").as_unit("us")


def without(readings: pd.Series, first: int, last: int) -> pd.Series:
    return readings.drop(readings.index[first:last])


def test_four_hours_without_a_reading_are_late_for_a_meter_that_reports_every_hour():
    readings = without(hourly([0.4 * k for k in range(72)]), 30, 34)
    (found,) = late_readings(clean(readings, COUNTER), BY_ITSELF, HERE)
    assert found.code == "reading_late"
    assert (found.start, found.end) == (readings.index[29], readings.index[30])
    assert found.figures == pytest.approx({"days": 5 / 24, "advance": 2.0, "usual_hours": 1.0, "spread": "one_day"})
    assert "no reading for 5 hours while 2 kWh were used; they usually come within 1 hour" in said(found)


def test_a_silence_over_which_the_register_stood_still_is_well():
    values = [0.4 * k for k in range(30)] + [0.4 * 29 + 0.4 * k for k in range(1, 43)]
    times = pd.date_range("2024-07-01", periods=30, freq="h", tz="UTC").append(
        pd.date_range("2024-07-20", periods=42, freq="h", tz="UTC")
    )
    assert late_readings(clean(series(values, times), COUNTER), BY_ITSELF, HERE) == []


def test_readings_by_hand_may_be_a_quarter_later_than_planned():
    register = clean(
        series([0, 100, 200, 300], ["2024-01-01 12:00", "2024-02-22 12:00", "2024-04-14 12:00", "2024-07-01"]), COUNTER
    )
    (found,) = late_readings(register, BY_HAND, HERE)
    assert found.start == register_time(register, 2)
    assert "every 42 days were planned" in said(found)


def register_time(register, k: int) -> pd.Timestamp:
    return pd.Timestamp(register.times[k], unit="us", tz="UTC").as_unit("us")


def test_a_gap_is_judged_alike_in_a_slice_and_in_the_whole_history():
    random = np.random.default_rng(7)
    readings = without(hourly(np.cumsum(random.uniform(0.1, 1.0, 1600)).tolist()), 800, 806)
    whole = late_readings(clean(readings, COUNTER), BY_ITSELF, HERE)
    slice_ = readings.iloc[60:1540]
    part = late_readings(clean(slice_, COUNTER, begins=False, ends=False), BY_ITSELF, HERE)
    assert len(whole) == 1
    assert part == whole


def test_a_slice_that_ends_beside_a_gap_leaves_it_to_a_wider_look():
    readings = without(hourly([0.4 * k for k in range(400)]), 200, 206)
    assert late_readings(clean(readings.iloc[:303], COUNTER, begins=True, ends=False), BY_ITSELF, HERE) == []


def test_hours_that_an_interval_meter_lacks_are_named_with_what_is_estimated_for_them():
    hours = hourly([0.5] * 48).drop(hourly([0.5] * 48).index[10:13])
    register = register_from_intervals(hours, "haupt_strom", weight_of(FLAT), zone=HERE)
    (found,) = missing_intervals(register, "haupt_strom")
    assert found.figures == pytest.approx({"hours": 3.0, "advance": 1.5})


def test_a_meter_read_by_hand_is_overdue_once_the_plan_is_exceeded_by_a_quarter():
    register = clean(series([0, 100], ["2024-01-01 12:00", "2024-02-10 12:00"]), COUNTER)
    assert not is_silent(register, BY_HAND, utc("2024-04-01"))
    now = utc("2024-04-05")
    assert is_silent(register, BY_HAND, now)
    found = overdue(register, BY_HAND, now, 135.0, NOTHING)
    assert found is not None
    assert said(found).startswith("the last reading is 55 days old; every 42 days are planned. About 135 kWh")


def test_a_heat_meter_that_is_silent_in_july_is_well_and_one_that_is_silent_in_january_is_not():
    register = clean(hourly([0.001 * k for k in range(80)]), COUNTER)
    now = utc("2024-01-25")
    assert is_silent(register, BY_ITSELF, now)
    assert overdue(register, BY_ITSELF, now, 0.0, NOTHING) is None
    late = overdue(register, BY_ITSELF, now, 0.4, NOTHING)
    assert late is not None
    assert "they usually come within 1 hour" in said(late)


def test_a_silence_as_long_as_the_year_before_at_the_same_season_is_a_habit():
    register = clean(hourly([0.4 * k for k in range(80)]), COUNTER)
    as_long = np.array([14.0 * MICROSECONDS_PER_DAY])
    assert overdue(register, BY_ITSELF, utc("2024-01-25"), 9.0, as_long) is None
    assert overdue(register, BY_ITSELF, utc("2024-02-25"), 9.0, as_long) is not None


def test_an_hour_without_a_reading_is_no_alarm_for_a_meter_that_just_pauses():
    register = clean(hourly([0.4 * k for k in range(80)]), COUNTER)
    last = register_time(register, 79)
    assert not is_silent(register, BY_ITSELF, last + pd.Timedelta(hours=23))
    assert is_silent(register, BY_ITSELF, last + pd.Timedelta(hours=25))


def test_a_meter_without_readings_is_not_silent():
    assert not is_silent(clean(series([], []), COUNTER), BY_ITSELF, utc("2024-01-25"))


@pytest.mark.parametrize(
    ("lacking", "limit", "consequence"),
    [
        # From 07:00 to 13:00 in Berlin's winter.
        ((7, 12), 2.0, "Both readings are of one day, whose consumption is known all the same; nothing is lost."),
        ((7, 12), 25.0, "Both readings are of one day, whose consumption is known all the same; nothing is lost."),
        # From 20:00 to midnight: it closes the day and crosses nothing.
        ((20, 23), 2.0, "Both readings are of one day, whose consumption is known all the same; nothing is lost."),
        ((21, 26), 25.0, "Readings no further apart than 25 hours count as measured; nothing is lost."),
        ((21, 26), 2.0, "How they spread over the days between is estimated; nothing is lost."),
    ],
)
def test_only_days_that_a_late_reading_leaves_unmeasured_are_called_estimated(lacking, limit, consequence):
    readings = without(hourly([0.4 * k for k in range(72)]), *lacking)
    (found,) = late_readings(clean(readings, COUNTER), replace(BY_ITSELF, measured_max_gap_hours=limit), HERE)
    assert said(found).endswith(f"they usually come within 1 hour. {consequence}")


def test_a_silence_tells_its_amounts_without_powers_of_ten():
    register = clean(series([0, 12_345_678], ["2024-01-01 12:00", "2024-06-01 12:00"]), COUNTER)
    late = overdue(register, BY_HAND, utc("2024-12-01"), 6_600_000.0, NOTHING)
    assert late is not None
    assert " About 6,600,000 Wh should have been used since. Read the meter." in said(late, "Wh")
    (found,) = late_readings(register, BY_HAND, HERE)
    assert "while 12,350,000 Wh were used" in said(found, "Wh")
    hours = hourly([20_000.0] * 48).drop(hourly([0.5] * 48).index[10:13])
    (lacking,) = missing_intervals(
        register_from_intervals(hours, "haupt_strom", weight_of(FLAT), zone=HERE), "haupt_strom"
    )
    assert "60,000 Wh are estimated" in said(lacking, "Wh")
