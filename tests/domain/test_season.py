"""The seasonal weight and its fit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from tests.domain.house import BERLIN, COUNTER, GAS_TABLE, series
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, Profile, daily_curve, fit_profile, table_profile, weight_of

MONTH_ENDS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
tables = st.lists(st.floats(0, 30).map(lambda x: round(x, 2)), min_size=12, max_size=12).filter(lambda t: sum(t) > 1)


@given(tables)
def test_the_curve_keeps_every_months_percentage_and_the_mean(table):
    curve = daily_curve(tuple(100 * part / sum(table) for part in table))
    assert curve.mean() == pytest.approx(1.0)
    assert (curve >= 0).all()
    for month in range(12):
        share = curve[MONTH_ENDS[month] : MONTH_ENDS[month + 1]].sum() / 365
        assert share == pytest.approx(table[month] / sum(table), abs=1e-12)


@given(tables)
def test_the_curve_is_drawn_by_the_monotone_cubic_of_scipy_to_the_last_bit(table):
    percentages = tuple(100 * part / sum(table) for part in table)
    running = np.concatenate([[0.0], np.cumsum(percentages)])
    running /= running[-1]
    knots = np.concatenate([MONTH_ENDS[:-1] - 365, MONTH_ENDS, MONTH_ENDS[1:] + 365])
    sums = np.concatenate([running[:-1] - 1, running, running[1:] + 1])
    expected = np.maximum(np.diff(PchipInterpolator(knots, sums)(np.arange(366))), 0.0) * 365
    assert np.array_equal(daily_curve(percentages), expected)


def test_the_curve_is_smooth_over_the_turn_of_the_year():
    curve = daily_curve(GAS_TABLE)
    assert abs(curve[0] - curve[-1]) < 0.05 * curve.max()


def test_an_even_table_is_flat_but_for_the_length_of_the_months():
    assert daily_curve((100 / 12,) * 12) == pytest.approx(np.ones(365), abs=0.12)


def test_a_year_of_weight_is_a_year():
    weight = weight_of(table_profile(GAS_TABLE))
    cuts = days.microseconds(DayRange(date(2023, 1, 1), date(2023, 12, 31)).openings(BERLIN))
    assert np.diff(weight.integral(cuts[[0, -1]]))[0] == pytest.approx(365, rel=1e-3)


@given(st.integers(0, 1_900_000_000_000_000), st.integers(1, 10**12))
def test_the_integral_never_falls_and_is_the_same_alone_and_in_company(instant, step):
    weight = weight_of(table_profile(GAS_TABLE))
    both = weight.integral(np.array([instant, instant + step]))
    assert both[1] >= both[0]
    assert weight.integral(np.array([instant]))[0] == both[0]


def test_the_leap_day_repeats_the_day_before():
    weight = weight_of(table_profile(GAS_TABLE))
    first, second = days.microseconds(DayRange(date(2024, 2, 28), date(2024, 2, 29)).openings(BERLIN))[1:]
    assert weight.at(np.array([first]))[0] == weight.at(np.array([second - 1]))[0]


def test_without_a_table_the_weight_is_the_clock():
    cuts = days.microseconds(DayRange(date(2024, 1, 1), date(2024, 1, 2)).openings(BERLIN))
    assert np.diff(weight_of(FLAT).integral(cuts)) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("base", [0.0, 0.3, 0.8])
def test_the_fit_finds_the_base_load_that_made_the_readings(base):
    truth = weight_of(Profile(base, 1 - base, GAS_TABLE))
    cuts = DayRange(date(2018, 1, 1), date(2023, 12, 31)).openings(BERLIN)[::30]
    register = clean(series(50 + 3.0 * (truth.integral(days.microseconds(cuts)) - 17000), cuts), COUNTER)
    assert fit_profile([register], GAS_TABLE).base == pytest.approx(base, abs=0.07)


def read_every(days_between: int, profile: Profile, years: int = 4) -> Register:
    """Read a meter that uses 3 units a mean day exactly by a profile."""
    truth = weight_of(profile)
    cuts = DayRange(date(2018, 1, 1), date(2018 + years - 1, 12, 31)).openings(BERLIN)[::days_between]
    return clean(series(50 + 3.0 * (truth.integral(days.microseconds(cuts)) - 17000), cuts), COUNTER)


@pytest.mark.parametrize("days_between", [30, 90, 150])
@pytest.mark.parametrize(("season", "within"), [(0.0, 0.05), (-0.25, 0.08), (0.5, 0.15)])
def test_a_load_that_ignores_its_table_or_runs_against_it_is_followed(days_between, season, within):
    fitted = fit_profile([read_every(days_between, Profile(1 - season, season, GAS_TABLE))], GAS_TABLE)
    assert fitted.season == pytest.approx(season, abs=within)


def test_a_swing_larger_than_the_tables_is_followed():
    flat_table = tuple(100 / 12 + 0.25 * (share - 100 / 12) for share in GAS_TABLE)
    fitted = fit_profile([read_every(60, Profile(-1.0, 2.0, flat_table))], flat_table)
    assert fitted.season == pytest.approx(2.0, abs=0.15)


def test_a_few_yearly_readings_change_little():
    fitted = fit_profile([read_every(365, Profile(0.5, 0.5, GAS_TABLE))], GAS_TABLE)
    assert fitted.season > 0.8


@given(st.lists(st.floats(0.01, 500), min_size=1, max_size=12), st.sampled_from([9, 30, 91, 365]))
def test_no_readings_make_a_weight_negative(advances, days_between):
    at = pd.date_range("2018-01-01 12:00", periods=len(advances) + 1, freq=f"{days_between}D", tz="UTC", unit="us")
    register = clean(pd.Series(np.concatenate([[0.0], np.cumsum(advances)]), at), COUNTER)
    fitted = fit_profile([register], GAS_TABLE)
    assert fitted.base + fitted.season == pytest.approx(1.0)
    assert (fitted.base + fitted.season * daily_curve(GAS_TABLE) >= min(0.19, daily_curve(GAS_TABLE).min())).all()


def test_a_meter_without_history_keeps_its_table():
    register = clean(series([1.0], ["2024-01-01 12:00"]), COUNTER)
    assert fit_profile([register], GAS_TABLE) == table_profile(GAS_TABLE)


def test_one_short_interval_hardly_moves_the_table():
    register = clean(series([0.0, 30.0], ["2024-07-01 12:00", "2024-07-10 12:00"]), COUNTER)
    assert fit_profile([register], GAS_TABLE).base < 0.5


def test_equal_profiles_have_equal_versions_and_others_do_not():
    assert Profile(0.2, 0.8, GAS_TABLE).version == Profile(0.2, 0.8, GAS_TABLE).version
    assert Profile(0.2, 0.8, GAS_TABLE).version != Profile(0.21, 0.79, GAS_TABLE).version
