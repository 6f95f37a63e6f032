"""Beyond its readings a meter's own years shape its season; between them nothing changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.bands import Bands, Spread
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, instants
from workflows_dagster.domain.expected_advance import expected_advance
from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, Profile, Weight, daily_curve, day_of_year, fit_profile, yearly_curve
from workflows_dagster.domain.season_ahead import with_season_ahead

GAS_TABLE = (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)
ELECTRICITY = (9.6, 8.6, 8.9, 8.0, 7.8, 7.3, 7.4, 7.5, 7.7, 8.4, 9.0, 9.8)
DAY0 = 18_262  # 2020-01-01
ALLOWANCE = Allowance(25.0, 400.0, 0.0)


def two_peaks(days: np.ndarray) -> np.ndarray:
    """A house that heats a little and cools a little: a winter and a summer peak that no table has."""
    return 10.0 + 4.0 * np.cos(4 * np.pi * day_of_year(DAY0 + days) / 365)


def read_every(gap: int, count: int, used=two_peaks) -> Register:
    shown = np.concatenate([[0.0], np.cumsum(used(np.arange(count)))])
    at = np.arange(0, count + 1, gap)
    index = instants((DAY0 + at) * MICROSECONDS_PER_DAY)
    return clean(pd.Series(shown[at], index=index), Counter("power", "kWh", 0.001))


def ahead(register: Register, weight: Weight, count: int, first: int = 0) -> np.ndarray:
    """The days after the last reading."""
    window = rate_window(register, "last", weight)
    assert window is not None
    start = int(register.times[-1]) + first * MICROSECONDS_PER_DAY
    cuts = instants(start + np.arange(count + 1) * MICROSECONDS_PER_DAY)
    frame = allocate(register, cuts, weight, ALLOWANCE, Life(), Rates(tail=window.rate))
    return frame["consumption"].to_numpy()


@pytest.mark.parametrize("gap", [30, 60])
def test_ninety_days_ahead_are_known_by_the_years_before(gap):
    register = read_every(gap, 1_020)
    profile = fit_profile([register], ELECTRICITY)
    shaped = with_season_ahead(profile, [register])
    truth = two_peaks(1_020 + np.arange(90))
    plain, found = (ahead(register, Weight(each), 90) for each in (profile, shaped))
    assert np.abs(found - truth).sum() < 0.4 * np.abs(plain - truth).sum()
    assert found.sum() == pytest.approx(truth.sum(), rel=0.03)


def test_rate_advance_and_band_ahead_are_all_by_the_shaped_curve():
    """A hundred days of winter gave 900 units: with a shape their weight is another, and the days ahead likewise."""
    register = read_every(50, 100, lambda days: np.full(len(days), 9.0))
    weight = Weight(Profile(1.0, 0.0, ELECTRICITY, ahead=(0.5, 0.0, 0.0, 0.0)))
    window = rate_window(register, "last", weight)
    assert window is not None
    end = int(register.times[-1])
    assert window.weight == float(np.diff(weight.beyond.integral(register.times[[0, -1]]))[0])
    assert window.weight > 110
    month = np.array([end, end + 30 * MICROSECONDS_PER_DAY])
    likely = 900.0 / window.weight * float(np.diff(weight.beyond.integral(month))[0])
    assert ahead(register, weight, 30).sum() == pytest.approx(likely)
    expected = expected_advance(register, int(month[1]), weight)
    assert expected is not None
    assert expected.likely == pytest.approx(likely)
    # The band is that of a flat meter which is expected to use as much.
    flat = replace(window, weight=900.0 / likely * 30)
    found, by_hand = (
        Bands(register, each, ALLOWANCE, Spread(9.0), tail=tail).variance(month[:1], month[1:])[0]
        for each, tail in ((weight, window), (Weight(FLAT), flat))
    )
    assert found == pytest.approx(by_hand)


def test_between_readings_nothing_changes():
    register = read_every(60, 1_020)
    profile = fit_profile([register], ELECTRICITY)
    shaped = with_season_ahead(profile, [register])
    assert shaped.ahead is not None
    instant = register.times[3:9] + 12_345_678_901
    np.testing.assert_array_equal(Weight(shaped).integral(instant), Weight(profile).integral(instant))
    assert Weight(profile).beyond.profile is profile


def test_a_meter_that_follows_its_table_keeps_its_curve():
    by_table = read_every(30, 1_020, lambda days: 10.0 * daily_curve(GAS_TABLE)[day_of_year(DAY0 + days)])
    shaped = with_season_ahead(Profile(0.0, 1.0, GAS_TABLE), [by_table])
    assert shaped.ahead is not None
    assert np.abs(shaped.ahead).max() < 0.05


@pytest.mark.parametrize("register", [read_every(30, 330), read_every(180, 720), read_every(30, 20)])
def test_less_than_a_year_or_few_readings_shape_nothing(register):
    profile = Profile(0.2, 0.8, ELECTRICITY)
    assert with_season_ahead(profile, [register]) is profile
    assert with_season_ahead(FLAT, [read_every(30, 1_020)]) is FLAT


def test_a_season_ahead_is_part_of_the_version_and_none_leaves_it_as_it_was():
    profile = Profile(0.2, 0.8, ELECTRICITY)
    shaped = replace(profile, ahead=(0.1, 0.0, -0.2, 0.0))
    assert profile.version != shaped.version
    assert not profile.is_near(shaped)
    assert shaped.is_near(replace(profile, ahead=(0.11, 0.0, -0.19, 0.0)))


HARMONICS = st.tuples(*[st.floats(-2, 2)] * 4)


@given(HARMONICS, st.sampled_from([-0.5, 0.0, 0.7, 1.0]))
def test_no_day_is_negative_and_the_mean_is_one(harmonics, season):
    curve = yearly_curve(Profile(1 - season, season, GAS_TABLE, ahead=harmonics))
    assert (curve >= 0).all()
    assert curve.mean() == pytest.approx(1.0, abs=1e-5)


@given(HARMONICS, st.integers(0, 80), st.integers(1, 9))
def test_a_day_ahead_is_the_same_alone_and_among_others_to_the_last_bit(harmonics, first, count):
    register = read_every(60, 720)
    weight = Weight(Profile(0.3, 0.7, ELECTRICITY, ahead=harmonics))
    np.testing.assert_array_equal(
        ahead(register, weight, 90)[first : first + count], ahead(register, weight, count, first)
    )
