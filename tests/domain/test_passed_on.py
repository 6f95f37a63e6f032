"""An error of another meter's use is one of the meter that is estimated by it, by just as much as its days change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.domain.test_given_use import DAY0, TABLE, Boiler, days, register_of
from tests.domain.test_like_profile import integral_of
from workflows_dagster.domain.allocation import Allowance, Rates
from workflows_dagster.domain.bands import Bands, Spread
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.like_profile import LikeProfile, LikeWeight
from workflows_dagster.domain.passed_on import passed_on
from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import FLAT, Profile, Weight, table_profile, weight_of
from workflows_dagster.domain.stretches import Stretches

ALLOWANCE = Allowance(25.0, 400.0, 0.0)
READ = [(DAY0 + 20, 2000.0), (DAY0 + 50, 2300.0), (DAY0 + 57, 2310.0), (DAY0 + 90, 2700.0)]
LENGTH = 120
WINTRY = table_profile(TABLE)


def bands_of(register: Register, weight: Weight) -> Bands:
    windows = rate_window(register, "first", weight), rate_window(register, "last", weight)
    return Bands(register, weight, ALLOWANCE, Spread(8.0), *windows)


def between(first: int, last: int) -> Stretches:
    first, last = ((DAY0 + day) * MICROSECONDS_PER_DAY for day in (first, last))
    return Stretches.each(np.array([first]), np.array([last]))


def by_day(found: Stretches) -> np.ndarray:
    """By how much each day of the boiler counts, from day 0 on."""
    factors = np.zeros(LENGTH)
    for start, end, factor in zip(found.starts, found.ends, found.factor, strict=True):
        first, last = (round(at / MICROSECONDS_PER_DAY) - DAY0 for at in (start, end))
        factors[first:last] += factor
    return factors


def computed(use: np.ndarray, profile: Profile, first: int, last: int) -> float:
    """What the meter's days add up to, with a boiler's use by day."""
    register = register_of(READ)
    weight = weight_of(profile).beside(Boiler(use.tolist()))
    head, tail = rate_window(register, "first", weight), rate_window(register, "last", weight)
    rates = Rates(head.rate, tail.rate, head.given_share, tail.given_share)
    return float(days(register, weight, first, last - first, rates).sum())


def test_in_ten_days_of_thirty_two_thirds_of_a_days_error_are_its_own_and_a_third_of_any_other_is_against_it():
    register, boiler = register_of([(DAY0, 0.0), (DAY0 + 30, 300.0)]), Boiler([4.0] * 30)
    factors = by_day(passed_on(bands_of(register, weight_of(FLAT).beside(boiler)), between(5, 15)))
    assert factors[5:15] == pytest.approx(np.full(10, 2 / 3))
    assert np.delete(factors[:30], range(5, 15)) == pytest.approx(np.full(20, -1 / 3))
    assert not factors[30:].any()


def test_where_it_used_more_than_was_counted_what_is_shifted_counts_as_far_as_there_is_room():
    register, boiler = register_of([(DAY0, 0.0), (DAY0 + 30, 60.0)]), Boiler([4.0] * 30)
    factors = by_day(passed_on(bands_of(register, weight_of(FLAT).beside(boiler)), between(5, 15)))
    assert factors[:6] == pytest.approx([-1 / 6] * 5 + [1 / 3])


def test_beyond_the_readings_what_was_used_too_much_in_the_window_lowers_the_rate():
    register, weight = register_of([(DAY0, 0.0), (DAY0 + 30, 300.0)]), weight_of(FLAT)
    few = by_day(passed_on(bands_of(register, weight.beside(Boiler([4.0] * 60))), between(40, 55)))
    assert few == pytest.approx(np.concatenate([np.full(30, -0.5), np.zeros(10), np.ones(15), np.zeros(LENGTH - 55)]))
    # 360 used where 300 were counted: five sixths of it count ahead, and 150 of them against all 360.
    much = by_day(passed_on(bands_of(register, weight.beside(Boiler([12.0] * 60))), between(40, 55)))
    ahead = np.concatenate([np.full(30, -150 / 360), np.zeros(10), np.full(15, 5 / 6), np.zeros(LENGTH - 55)])
    assert much == pytest.approx(ahead)


def test_a_meter_that_goes_along_with_another_one_has_of_its_error_what_its_share_says():
    """300 kWh in 30 days, half of them as the neighbour's 4 a day are used: 1 kWh there is 1.25 here, less a third."""
    register, profile = register_of([(DAY0, 0.0), (DAY0 + 30, 300.0)]), LikeProfile(0.5, 0.5, None, "neighbour", 4.0)
    weight = LikeWeight(profile, integral_of(profile, np.full(LENGTH, 4.0)))
    within = by_day(passed_on(bands_of(register, weight), between(5, 15)))
    assert within[:6] == pytest.approx([-1.25 / 3] * 5 + [1.25 * 2 / 3])
    ahead = by_day(passed_on(bands_of(register, weight), between(40, 55)))
    assert ahead == pytest.approx(np.concatenate([np.full(30, -0.625), np.zeros(10), np.full(15, 1.25), np.zeros(65)]))


def test_whole_gaps_measured_ones_and_meters_without_a_contained_one_pass_nothing_on():
    register, boiler = register_of(READ), Boiler([4.0] * LENGTH)
    weight = weight_of(FLAT).beside(boiler)
    assert not by_day(passed_on(bands_of(register, weight), between(20, 57))).any()
    assert not len(passed_on(bands_of(register, weight_of(FLAT)), between(30, 40)).number)
    measured = register_of([(DAY0 + day, 10.0 * day) for day in range(60)])
    assert not len(passed_on(bands_of(measured, weight), between(30, 40)).number)


@given(
    st.lists(st.floats(0, 20), min_size=LENGTH, max_size=LENGTH),
    st.integers(0, LENGTH - 1),
    st.integers(0, LENGTH - 2),
    st.integers(1, 60),
    st.sampled_from([FLAT, WINTRY, replace(WINTRY, ahead=(0.4, -0.2, 0.1, 0.0))]),
)
def test_what_is_passed_on_is_what_another_use_changes(
    use: list[float], changed: int, first: int, length: int, profile: Profile
) -> None:
    last = min(first + length, LENGTH)
    register, boiler = register_of(READ), Boiler(use)
    weight = weight_of(profile).beside(boiler)
    counted, used = (
        np.append(each, each.sum()) for each in (register.advances, np.diff(boiler.integral(register.times)))
    )
    # Where just as much was used as counted, less and more change differently.
    assume(np.abs(counted - used).min() > 0.1)
    factors = by_day(passed_on(bands_of(register, weight), between(first, last)))
    # Small, and a multiple of the days' step, since days of a use above what was counted scale all others.
    step = 2.0**-10
    other = np.array(use)
    other[changed] += step
    moved = computed(other, profile, first, last) - computed(np.array(use), profile, first, last)
    assert moved / step == pytest.approx(factors[changed], abs=2e-3)


@given(
    st.lists(st.floats(1, 20), min_size=LENGTH, max_size=LENGTH),
    st.integers(0, LENGTH - 1),
    st.integers(0, LENGTH - 2),
    st.integers(1, 60),
    st.sampled_from([0.3, 1.0]),
)
def test_what_is_passed_on_to_one_that_goes_along_is_what_another_use_changes(
    use: list[float], changed: int, first: int, length: int, season: float
) -> None:
    last, profile = min(first + length, LENGTH), LikeProfile(1 - season, season, TABLE, "neighbour", 8.0)
    # Weights of days are multiples of 2⁻²⁰.
    register, step = register_of(READ), 2.0**-4

    def along(used: list[float]) -> LikeWeight:
        return LikeWeight(profile, integral_of(profile, np.array(used)))

    factors = by_day(passed_on(bands_of(register, along(use)), between(first, last)))
    sums = []
    for used in (use, [*use[:changed], use[changed] + step, *use[changed + 1 :]]):
        weight = along(used)
        rates = Rates(rate_window(register, "first", weight).rate, rate_window(register, "last", weight).rate)
        sums.append(float(days(register, weight, first, last - first, rates).sum()))
    assert (sums[1] - sums[0]) / step == pytest.approx(factors[changed], abs=5e-3)
