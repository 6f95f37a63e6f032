"""Stretches: what hangs together in one meter cancels or adds up, and factors change by day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.stretches import Stretches, variance_of


def stretches(*rows: tuple[int, int, int, float]) -> Stretches:
    """Stretches as (number, start, end, factor)."""
    number, starts, ends, factor = (np.array(column) for column in zip(*rows, strict=True))
    return Stretches(number, starts, ends, factor.astype(float))


def even(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Variances of a meter whose instants are independent of each other: 1 for each."""
    return np.abs(ends - starts).astype(float)


def between_0_and_10(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The same of a meter of which it is known what it used from 0 to 10."""
    return (ends - starts) * (10 - (ends - starts)) / 10


def test_one_stretch_is_as_open_as_it_is_and_counts_by_the_square_of_its_factor() -> None:
    found = variance_of(stretches((0, 2, 5, 1.0), (2, 2, 5, -3.0)), 3, even)
    assert found.tolist() == [3.0, 0.0, 27.0]


def test_stretches_that_join_are_one_and_those_against_each_other_cancel() -> None:
    joined = stretches((0, 2, 5, 1.0), (0, 5, 9, 1.0), (1, 2, 5, 1.0), (1, 2, 5, -1.0))
    assert variance_of(joined, 2, between_0_and_10).tolist() == [pytest.approx(2.1), 0.0]


def test_both_parts_of_a_known_amount_are_each_others_opposite() -> None:
    # x + y = 10 is known, so x − y leaves open what 2 x does, and x + y nothing.
    rows = [(0, 0, 4, 1.0), (0, 4, 10, -1.0), (1, 0, 4, 2.0), (2, 0, 4, 1.0), (2, 4, 10, 1.0)]
    against, double, whole = variance_of(stretches(*rows), 3, between_0_and_10)
    assert against == pytest.approx(double)
    assert whole == 0


instants = st.integers(0, 10)
rows = st.tuples(instants, instants, st.sampled_from([-2.0, -0.5, 0.5, 1.0]))


@given(st.lists(rows, min_size=1, max_size=5), st.booleans())
def test_it_is_the_variance_of_the_sum_over_all_instants(drawn: list[tuple[int, int, float]], is_known: bool) -> None:
    ours = stretches(*((0, min(a, b), max(a, b), factor) for a, b, factor in drawn))
    weights = np.zeros(10)
    for a, b, factor in drawn:
        weights[min(a, b) : max(a, b)] += factor
    # Independent instants; where their sum is known, the mean weight leaves nothing open.
    by_hand = ((weights - weights.mean()) ** 2).sum() if is_known else (weights**2).sum()
    found = variance_of(ours, 1, between_0_and_10 if is_known else even)[0]
    assert found == pytest.approx(by_hand, abs=1e-9)


@given(st.lists(rows, min_size=1, max_size=4), st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=5, max_size=5))
def test_a_factor_by_day_counts_each_day_by_its_own(drawn: list[tuple[int, int, float]], factors: list[float]) -> None:
    ours = stretches(*((0, min(a, b), max(a, b), factor) for a, b, factor in drawn))
    edges = np.arange(0, 11, 2)
    weights = np.zeros(10)
    for a, b, factor in drawn:
        weights[min(a, b) : max(a, b)] += factor
    by_hand = ((weights * np.repeat(factors, 2)) ** 2).sum()
    assert variance_of(ours.by_day(edges, np.array(factors)), 1, even)[0] == pytest.approx(by_hand)


@given(st.lists(rows, min_size=1, max_size=4), st.lists(rows, min_size=1, max_size=4))
def test_a_number_does_not_depend_on_the_others(
    ours: list[tuple[int, int, float]], others: list[tuple[int, int, float]]
) -> None:
    own = [(1, min(a, b), max(a, b), factor) for a, b, factor in ours]
    more = [(2 * (k % 2), min(a, b), max(a, b), factor) for k, (a, b, factor) in enumerate(others)]
    alone = variance_of(stretches(*own), 3, between_0_and_10)[1]
    assert variance_of(stretches(*more, *own, *more), 3, between_0_and_10)[1] == alone
