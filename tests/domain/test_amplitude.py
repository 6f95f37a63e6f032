"""How far a meter follows a curve, by its advances and what is usual."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.amplitude import Belief, beliefs, evidence

# Half years, of which a curve puts four fifths into the winter.
LENGTH = np.full(8, 182.5)
CURVE = np.tile([292.0, 73.0], 4)
BOUNDS = (-0.8, 1.3)


def fitted(advances: np.ndarray, even: float = 0.05) -> float:
    (belief,) = beliefs([evidence(LENGTH, CURVE, advances)], [1.0], np.ones(1), BOUNDS, even)
    return belief.middle


def used(amplitude: float) -> np.ndarray:
    return 3.0 * (LENGTH + amplitude * (CURVE - LENGTH))


@pytest.mark.parametrize("amplitude", [-0.5, 0.4, 1.0, 1.2])
def test_clear_readings_are_followed(amplitude):
    assert fitted(used(amplitude)) == pytest.approx(amplitude, abs=0.08)


def test_an_even_load_is_exactly_even():
    assert fitted(used(0.0)) == 0.0
    assert fitted(used(0.03)) == 0.0


def test_a_single_gap_says_nothing_and_leaves_the_usual_amplitude():
    (belief,) = beliefs([evidence(LENGTH[:1], CURVE[:1], np.array([100.0]))], [1.0], np.ones(1), (-0.8, 2.8), even=0.0)
    assert belief.middle == pytest.approx(1.0, abs=0.01)


def test_of_two_curves_the_one_that_the_meter_follows_gets_nearly_all_the_belief():
    other = np.full(8, 182.5) + np.tile([40.0, 60.0, -40.0, -60.0], 2)
    follows, does_not = beliefs(
        [evidence(LENGTH, curve, used(1.0)) for curve in (CURVE, other)], [1.0, 1.0], np.ones(2), BOUNDS, 0.1
    )
    assert follows.cells.sum() > 100 * does_not.cells.sum()


def test_the_middle_of_a_belief_worked_by_hand():
    """Cells of 0.2, 0.2 and 0.2 from −1 to 2, and 0.4 at 0: the middle is 0; without that mass it is half a cell on."""
    edges, cells = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([0.2, 0.2, 0.2])
    assert Belief(edges, cells, 0.4).middle == 0.0
    assert Belief(edges, cells, 0.0).middle == pytest.approx(0.5)
    assert Belief(edges, np.array([0.1, 0.1, 0.7]), 0.1).middle == pytest.approx(1 + 2 / 7)
    assert Belief(edges, np.array([0.7, 0.1, 0.1]), 0.1).middle == pytest.approx(-1 + 5 / 7)


@given(st.lists(st.floats(0.1, 500), min_size=8, max_size=8), st.sampled_from([2.0**-6, 2.0, 2.0**10]))
def test_the_unit_of_the_meter_changes_no_bit_and_the_amplitude_stays_in_its_bounds(advances, unit):
    amplitude = fitted(np.array(advances))
    assert BOUNDS[0] <= amplitude <= BOUNDS[1]
    assert fitted(np.array(advances) * unit) == amplitude


@given(st.lists(st.floats(0.1, 500), min_size=8, max_size=8), st.permutations(range(8)))
def test_the_order_of_the_gaps_says_nothing(advances, order):
    order = list(order)
    (shuffled,) = beliefs([evidence(LENGTH, CURVE[order], np.array(advances)[order])], [1.0], np.ones(1), BOUNDS, 0.05)
    assert shuffled.middle == pytest.approx(fitted(np.array(advances)), abs=1e-6)
