"""Degree days: daily temperatures, the weight made of them, and its fit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.house import BERLIN, COUNTER, GAS_TABLE, series
from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, DayRange
from workflows_dagster.domain.degree_days import (
    DegreeDayProfile,
    Weather,
    daily_means,
    fit_degree_days,
)
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import Profile, weight_of

USUAL = (20.0, 16.0, 13.0, 9.0, 4.0, 0.0, 0.0, 0.0, 3.0, 8.0, 12.0, 15.0)
HEATING = DegreeDayProfile(0.2, 0.8, USUAL, base_temperature=15.0, mean_degree_days=6.0)


def outdoors(first: str = "2018-01-01", last: str = "2023-12-31", seed: int = 1) -> pd.Series:
    """Daily means of a temperate place: a cosine over the year, and weather that lasts some days."""
    index = pd.date_range(first, last, freq="D", tz="UTC", unit="us")
    noise = np.random.default_rng(seed).normal(0.0, 1.6, len(index))
    weather = np.zeros(len(index))
    for k in range(1, len(index)):
        weather[k] = 0.8 * weather[k - 1] + noise[k]
    mean = 10.0 - 8.0 * np.cos(2 * np.pi * (index.day_of_year.to_numpy() - 20) / 365.25)
    return pd.Series(np.round(mean + weather, 2), index=index)


def steady(celsius: float, first: str = "2024-01-01", count: int = 10) -> pd.Series:
    return pd.Series(celsius, index=pd.date_range(first, periods=count, freq="D", tz="UTC", unit="us"))


def midnights(*moments: str) -> np.ndarray:
    return days.microseconds(pd.DatetimeIndex(pd.to_datetime(list(moments), utc=True)))


def test_a_day_is_the_mean_of_its_hours():
    hours = pd.Series(np.arange(48.0) % 24, index=pd.date_range("2024-01-01", periods=48, freq="h", tz="UTC"))
    assert daily_means(hours).tolist() == [11.5, 11.5]


def test_a_reading_holds_until_the_next_one():
    quarters = ["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 03:00"]
    later = pd.date_range("2024-01-01 06:00", "2024-01-01 23:00", freq="h", tz="UTC")
    index = pd.DatetimeIndex(pd.to_datetime(quarters, utc=True)).append(later)
    readings = pd.Series([12.0, 6.0, 4.0] + [0.0] * len(later), index=index)
    assert daily_means(readings).tolist() == [pytest.approx((12 + 2 * 6 + 3 * 4) / 24, abs=0.005)]


def test_the_last_reading_of_a_day_holds_an_hour_into_the_next_but_no_longer():
    index = pd.DatetimeIndex(["2024-01-01 22:00"]).append(pd.date_range("2024-01-02 02:00", periods=22, freq="h"))
    means = daily_means(pd.Series([23.0] + [0.0] * 22, index=index.tz_localize("UTC")))
    assert means.loc["2024-01-02"] == 1.0


def test_a_day_with_a_thermometer_that_was_off_for_long_is_not_known():
    index = pd.date_range("2024-01-01", periods=17, freq="h", tz="UTC")
    assert daily_means(pd.Series(5.0, index=index)).empty
    longer = pd.date_range("2024-01-01", periods=18, freq="h", tz="UTC")
    assert daily_means(pd.Series(5.0, index=longer)).tolist() == [5.0]


def test_what_a_broken_thermometer_says_is_left_out():
    index = pd.date_range("2024-01-01", periods=24, freq="h", tz="UTC")
    readings = pd.Series(5.0, index=index)
    readings.iloc[[3, 9, 15]] = [85.0, -127.0, np.nan]
    assert daily_means(readings).tolist() == [5.0]


def test_no_readings_are_no_days():
    assert daily_means(pd.Series([], index=pd.DatetimeIndex([], tz="UTC"), dtype=float)).empty


def test_a_day_is_the_same_from_its_own_readings_and_the_one_before_as_from_all():
    index = pd.date_range("2024-01-01", periods=24 * 9, freq="67min", tz="UTC", unit="us")
    readings = pd.Series(np.random.default_rng(3).normal(5, 3, len(index)), index=index)
    whole = daily_means(readings)
    day = pd.Timestamp("2024-01-05", tz="UTC")
    first = index.searchsorted(day) - 1
    alone = daily_means(readings.iloc[first : index.searchsorted(day + pd.Timedelta(days=1)) + 1])
    assert alone[day] == whole[day]


def test_five_degrees_below_the_base_temperature_weigh_five_sixths_of_a_mean_winter_part():
    weight = Weather(steady(10.0)).weight(HEATING)
    assert np.diff(weight.integral(midnights("2024-01-05", "2024-01-06"))) == pytest.approx(
        [0.2 + 0.8 * 5 / 6], abs=1e-6
    )


def test_a_day_above_the_base_temperature_weighs_the_base():
    weight = Weather(steady(15.5)).weight(HEATING)
    assert weight.at(midnights("2024-01-05 12:00")) == pytest.approx([0.2], abs=1e-6)


def test_the_house_remembers_three_cold_days():
    means = steady(15.0)
    means.iloc[4] = 0.0
    felt = Weather(means).weight(HEATING).at(midnights(*(f"2024-01-{day:02}" for day in range(4, 10))))
    degree_days = (felt - 0.2) / 0.8 * 6.0
    assert degree_days == pytest.approx([0.0, *(np.array([8, 4, 2, 1]) / 15 * 15.0), 0.0], abs=1e-4)


def test_days_without_temperature_weigh_as_usual_weather():
    weight = Weather(steady(-5.0)).weight(HEATING)
    usual = weight_of(Profile(0.2, 0.8, USUAL))
    for moment in ("1999-02-03", "2023-12-31", "2024-01-11", "2031-07-01"):
        assert weight.at(midnights(moment)) == pytest.approx(usual.at(midnights(moment)), abs=1e-6)


def test_a_gap_in_the_temperatures_is_usual_weather_too():
    means = steady(-5.0).drop(pd.Timestamp("2024-01-04", tz="UTC"))
    weight = Weather(means).weight(HEATING)
    usual = weight_of(Profile(0.2, 0.8, USUAL))
    assert weight.at(midnights("2024-01-04")) == pytest.approx(usual.at(midnights("2024-01-04")), abs=1e-6)
    assert weight.at(midnights("2024-01-05")) == pytest.approx([0.2 + 0.8 * 20 / 6], abs=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 1_900_000_000_000_000), st.integers(1, 10**13))
def test_the_integral_never_falls_and_is_the_same_alone_and_in_company(instant, step):
    weight = _IN_WEATHER
    both = weight.integral(np.array([instant, instant + step]))
    assert both[1] >= both[0]
    assert weight.integral(np.array([instant]))[0] == both[0]


_IN_WEATHER = Weather(outdoors()).weight(HEATING)


def test_the_integral_has_no_step_at_midnight():
    at = midnights("2022-03-05")[0]
    before, on = _IN_WEATHER.integral(np.array([at - 1, at]))
    assert 0 <= on - before < 1e-8


def test_the_weight_is_the_slope_of_its_integral():
    at = midnights("2022-02-05 06:00")[0]
    hour = MICROSECONDS_PER_DAY // 24
    slope = np.diff(_IN_WEATHER.integral(np.array([at, at + hour])))[0] * 24
    assert slope == pytest.approx(_IN_WEATHER.at(np.array([at]))[0], abs=1e-6)


@pytest.mark.parametrize("around", [2015, 2022], ids=["where sums lose a digit", "elsewhere"])
def test_an_earlier_temperature_moves_no_later_gap_by_a_single_bit(around):
    means = outdoors(f"{around - 5}-01-01", f"{around + 1}-12-31")
    corrected = means.copy()
    corrected.loc[f"{around - 4}-03-01" : f"{around - 4}-03-20"] += 3.33
    cuts = DayRange(date(around - 1, 1, 1), date(around, 12, 31)).openings(BERLIN)
    readings = [f"{around - 2}-12-20 09:17", f"{around + 1}-01-04 07:30"]
    register = clean(series([0.0, 1700.0], readings), COUNTER)
    frames = [
        allocate(register, cuts, Weather(each).weight(HEATING), Allowance(25, 400, 0.001), Life(), Rates())
        for each in (means, corrected)
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_a_temperature_reaches_three_days_further_and_no_more():
    means = outdoors()
    corrected = means.copy()
    corrected.loc["2022-01-10"] -= 9.0
    instants = days.microseconds(pd.date_range("2022-01-05", "2022-01-20", freq="D", tz="UTC", unit="us"))
    moved = Weather(means).weight(HEATING).at(instants) != Weather(corrected).weight(HEATING).at(instants)
    assert [5 + k for k in np.flatnonzero(moved)] == [10, 11, 12, 13]


def test_the_days_between_two_readings_add_up_to_the_advance():
    register = clean(series([100.0, 950.0], ["2021-10-01 00:00", "2022-05-01 00:00"]), COUNTER)
    cuts = DayRange(date(2021, 10, 1), date(2022, 4, 30)).openings(BERLIN)
    frame = allocate(register, cuts, _IN_WEATHER, Allowance(25, 400, 0.001), Life(), Rates())
    assert frame["consumption"].sum() == pytest.approx(850.0)
    assert (frame["consumption"] >= 0).all()


def made_of(base: float, base_temperature: float, every: int, means: pd.Series) -> pd.Series:
    """Readings of a meter that does exactly what degree days say."""
    weather = Weather(means)
    usual = weather.usual(base_temperature)
    assert usual is not None
    weight = weather.weight(DegreeDayProfile(base, 1 - base, usual[0], base_temperature, usual[1]))
    cuts = DayRange(date(2018, 1, 5), date(2023, 12, 20)).openings(BERLIN)[::every]
    return series(50 + 30.0 * (weight.integral(days.microseconds(cuts)) - 17000), cuts)


@pytest.mark.parametrize("base_temperature", [12.0, 15.0, 18.0])
@pytest.mark.parametrize("base", [0.1, 0.3])
def test_the_fit_finds_the_house_that_made_the_readings(base, base_temperature):
    means = outdoors()
    fitted = fit_degree_days([clean(made_of(base, base_temperature, 30, means), COUNTER)], GAS_TABLE, Weather(means))
    assert fitted.base == pytest.approx(base, abs=0.04)
    assert fitted.base_temperature == pytest.approx(base_temperature, abs=0.7)


@pytest.mark.parametrize("every", [30, 90, 180])
def test_a_meter_that_does_not_heat_is_found_to_be_used_evenly(every):
    means = outdoors()
    fitted = fit_degree_days([clean(made_of(1.0, 15.0, every, means), COUNTER)], GAS_TABLE, Weather(means))
    assert fitted.base == 1.0


def test_a_few_long_intervals_leave_the_base_temperature_near_that_of_an_ordinary_house():
    means = outdoors()
    fitted = fit_degree_days([clean(made_of(0.2, 12.0, 365, means), COUNTER)], GAS_TABLE, Weather(means))
    assert 13.0 <= fitted.base_temperature <= 16.0


def test_a_fit_in_pieces_is_a_fit_of_all_intervals():
    means = outdoors()
    readings = made_of(0.2, 15.0, 30, means)
    pieces = [clean(readings.iloc[:30], COUNTER), clean(readings.iloc[29:], COUNTER)]
    assert fit_degree_days(pieces, GAS_TABLE, Weather(means)) == fit_degree_days(
        [clean(readings, COUNTER)], GAS_TABLE, Weather(means)
    )


@pytest.mark.parametrize("registers", [[], [clean(series([1.0], ["2024-01-01 12:00"]), COUNTER)]], ids=["none", "one"])
def test_without_history_the_shares_are_the_tables_at_fifteen_degrees(registers):
    fitted = fit_degree_days(registers, GAS_TABLE, Weather(outdoors()))
    assert fitted.base_temperature == 15.0
    assert 0.0 <= fitted.base < 0.25


def test_half_a_year_of_temperatures_is_too_little_to_know_what_is_usual():
    weather = Weather(outdoors("2023-01-01", "2023-07-31"))
    assert weather.usual(15.0) is None
    assert fit_degree_days([], GAS_TABLE, weather) is None


def test_no_temperature_at_all_is_too_little():
    assert fit_degree_days([], GAS_TABLE, Weather(steady(5.0, count=0))) is None


def test_where_it_is_never_cold_there_is_nothing_to_follow():
    assert fit_degree_days([], GAS_TABLE, Weather(outdoors() + 20.0)) is None


def test_a_usual_year_is_not_bent_by_a_month_that_is_known_more_often():
    means = outdoors("2022-01-01", "2022-12-31")
    again = means.loc["2022-01"].copy()
    again.index = again.index - pd.Timedelta(days=365)
    more = pd.concat([again, means])
    once, twice = Weather(means).usual(15.0), Weather(more).usual(15.0)
    assert twice[0] == pytest.approx(once[0], abs=0.2)
    assert sum(once[0]) == pytest.approx(100.0, abs=0.01)


def test_equal_profiles_have_equal_versions_and_others_do_not():
    other = DegreeDayProfile(0.2, 0.8, USUAL, base_temperature=15.5, mean_degree_days=6.0)
    assert HEATING.version == DegreeDayProfile(0.2, 0.8, USUAL, 15.0, 6.0).version
    assert len({HEATING.version, other.version, Profile(0.2, 0.8, USUAL).version}) == 3


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (DegreeDayProfile(0.21, 0.79, USUAL, 15.2, 6.05), True),
        (DegreeDayProfile(0.23, 0.77, USUAL, 15.0, 6.0), False),
        (DegreeDayProfile(0.2, 0.8, USUAL, 15.6, 6.0), False),
        (DegreeDayProfile(0.2, 0.8, USUAL, 15.0, 6.3), False),
        (DegreeDayProfile(0.2, 0.8, (17.0, 19.0, *USUAL[2:]), 15.0, 6.0), False),
        (Profile(0.2, 0.8, USUAL), False),
    ],
    ids=["all a little", "base", "base temperature", "mean", "a month", "no degree days"],
)
def test_a_refit_is_near_where_no_part_moves_by_much(other, near):
    assert HEATING.is_near(other) is near
