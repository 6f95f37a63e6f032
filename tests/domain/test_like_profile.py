"""A meter that goes along with another one: conserved, independent of the range, and its share fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, instants
from workflows_dagster.domain.given_use import summed
from workflows_dagster.domain.like_profile import LikeProfile, LikeWeight, day_weights, fit_like, mean_use
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import Profile

DAY0, COUNT = 19_000, 60
EDGES = (DAY0 + np.arange(COUNT + 1)) * MICROSECONDS_PER_DAY
TABLE = (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)
ALONE = LikeProfile(0.0, 1.0, None, "neighbour", 5.0)


def integral_of(profile: LikeProfile, used: np.ndarray, origin: int = DAY0):
    """The integral from an origin of one's own, as long as some days may be asked for before others."""
    edges = (DAY0 + np.arange(len(used) + 1)) * MICROSECONDS_PER_DAY

    def integral(microseconds: np.ndarray) -> np.ndarray:
        at = np.append(microseconds, origin * MICROSECONDS_PER_DAY)
        sums = summed(edges, day_weights(profile, edges, used), at)
        return sums[:-1] - sums[-1]

    return integral


def days(register: Register, profile: LikeProfile, used: list[float], first: int = 0, count: int = COUNT, origin=DAY0):
    cuts = instants((DAY0 + first + np.arange(count + 1)) * MICROSECONDS_PER_DAY)
    weight = LikeWeight(profile, integral_of(profile, np.array(used), origin))
    frame = allocate(register, cuts, weight, Allowance(25.0, 400.0, 0.0), Life(), Rates())
    return frame["consumption"].to_numpy()


def register_of(points: list[tuple[int, float]]) -> Register:
    at = instants(np.array([day for day, _ in points]) * MICROSECONDS_PER_DAY)
    return clean(pd.Series([value for _, value in points], index=at), Counter("heat", "kWh", 0.001))


def test_half_of_it_follows_the_neighbour():
    """Ten days, 100 kWh: 5 on each day, and the other 50 as the neighbour used them."""
    register = register_of([(DAY0, 0.0), (DAY0 + 10, 100.0)])
    half = LikeProfile(0.5, 0.5, None, "neighbour", 2.0)
    found = days(register, half, [4.0] * 5 + [0.0] * 5, count=10)
    assert found == pytest.approx([15.0] * 5 + [5.0] * 5)


def test_a_day_that_the_neighbour_does_not_know_is_a_mean_day_of_its_season():
    edges = EDGES[:4]
    assert day_weights(ALONE, edges, np.array([10.0, np.nan, -3.0])) == pytest.approx([2.0, 1.0, 0.0])
    seasonal = day_weights(LikeProfile(0.0, 1.0, TABLE, "neighbour", 5.0), edges, np.array([np.nan] * 3))
    # The 8th of January.
    assert (seasonal > 1.5).all()


def test_the_mean_use_is_that_of_the_known_days():
    assert mean_use(EDGES[:5], np.array([2.0, np.nan, 4.0, 6.0])) == 4.0
    assert mean_use(EDGES[:3], np.array([np.nan, np.nan])) is None
    assert mean_use(EDGES[:3], np.array([0.0, 0.0])) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_fit_finds_the_share_that_made_the_readings(share):
    used = 5.0 + 4.0 * np.sin(np.arange(720) / 30) + np.random.default_rng(1).uniform(-1, 1, 720)
    alone = LikeProfile(0.0, 1.0, None, "neighbour", float(f"{used.mean():.6g}"))
    shown = np.concatenate([[0.0], np.cumsum(3.0 * (1 - share + share * used / used.mean()))])
    register = register_of([(DAY0 + day, float(shown[day])) for day in range(0, 721, 45)])
    fitted = fit_like(register, alone, integral_of(alone, used))
    assert fitted.season == pytest.approx(share, abs=0.05)
    assert (fitted.other, fitted.mean_use) == ("neighbour", alone.mean_use)


def test_without_any_history_it_follows_alone():
    assert fit_like(register_of([(DAY0, 1.0)]), ALONE, integral_of(ALONE, np.ones(5))) == ALONE


def test_another_neighbour_or_mean_use_is_another_profile():
    assert ALONE.is_near(LikeProfile(0.01, 0.99, None, "neighbour", 5.05))
    for other in (
        LikeProfile(0.0, 1.0, None, "other", 5.0),
        LikeProfile(0.0, 1.0, None, "neighbour", 6.0),
        Profile(0.0, 1.0, None),
    ):
        assert not ALONE.is_near(other)
        assert ALONE.version != other.version


AMOUNTS = st.lists(st.floats(0, 50, allow_subnormal=False) | st.just(float("nan")), min_size=COUNT, max_size=COUNT)
READINGS = st.lists(st.tuples(st.integers(1, 59), st.floats(0, 900)), min_size=2, max_size=5, unique_by=lambda r: r[0])
SHARES = st.sampled_from([0.0, 0.25, 0.8, 1.0])


def read_at(readings: list[tuple[int, float]]) -> Register:
    ordered = sorted(readings)
    values = np.cumsum([used for _, used in ordered])
    return register_of([(DAY0 + day, float(value)) for (day, _), value in zip(ordered, values, strict=True)])


@given(AMOUNTS, READINGS, SHARES)
def test_gaps_add_up_and_no_day_is_negative(amounts, readings, share):
    register = read_at(readings)
    first, last = ((register.times[[0, -1]] // MICROSECONDS_PER_DAY) - DAY0).tolist()
    found = days(register, LikeProfile(1 - share, share, TABLE, "neighbour", 5.0), amounts, first, last - first)
    assert found.sum() == pytest.approx(register.advances.sum(), rel=1e-9, abs=1e-9)
    assert (found >= 0).all()


@given(AMOUNTS, READINGS, SHARES, st.integers(0, 59), st.floats(0, 50), st.integers(DAY0, DAY0 + 60))
def test_a_changed_day_of_the_neighbour_changes_no_other_gap_to_the_last_bit(
    amounts, readings, share, day, amount, origin
):
    register, profile = read_at(readings), LikeProfile(1 - share, share, TABLE, "neighbour", 5.0)
    changed = [*amounts[:day], amount, *amounts[day + 1 :]]
    before, after = days(register, profile, amounts), days(register, profile, changed, origin=origin)
    gap = np.searchsorted(register.times, EDGES[:-1], side="right")
    np.testing.assert_array_equal(before[gap != gap[day]], after[gap != gap[day]])


@given(AMOUNTS, READINGS, SHARES, st.integers(0, 50), st.integers(1, 9))
def test_some_days_are_the_same_as_among_all_to_the_last_bit(amounts, readings, share, first, count):
    register, profile = read_at(readings), LikeProfile(1 - share, share, TABLE, "neighbour", 5.0)
    np.testing.assert_array_equal(
        days(register, profile, amounts)[first : first + count], days(register, profile, amounts, first, count)
    )
