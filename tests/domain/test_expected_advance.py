"""What a register may show next, judged by its own year."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain import days
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.expected_advance import expected_advance
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, weight_of

WEIGHT = weight_of(FLAT)


def weekly(advances: list[float]) -> Register:
    instants = pd.date_range("2026-01-04 12:00", periods=len(advances) + 1, freq="7D", tz="UTC", unit="us")
    values = pd.Series(1000.0 + np.cumsum([0.0, *advances]), index=instants)
    return clean(values, Counter("gas", "m³", 0.001))


def after(register: Register, length: str) -> int:
    return days.microsecond(days.instants(register.times[-1:])[0] + pd.Timedelta(length))


def test_a_steady_meter_is_expected_to_go_on_as_before():
    register = weekly([70.0] * 30)
    found = expected_advance(register, after(register, "21D"), WEIGHT)
    assert found is not None
    assert found.likely == pytest.approx(210.0)
    # 28 stretches of three weeks lie within the history: 10 % and a 28th of 50 % on either side.
    assert (found.lower, found.upper) == pytest.approx((210 * (0.9 - 0.5 / 28), 210 * (1.1 + 0.5 / 28)))
    assert found.holds(210.0, 0.001)
    assert not found.holds(2100.0, 0.001)
    assert not found.holds(21.0, 0.001)


def test_a_meter_that_varies_has_a_wider_range():
    steady, varying = weekly([70.0] * 30), weekly([35.0, 105.0] * 15)
    narrow = expected_advance(steady, after(steady, "7D"), WEIGHT)
    wide = expected_advance(varying, after(varying, "7D"), WEIGHT)
    assert narrow is not None
    assert wide is not None
    assert wide.likely == pytest.approx(narrow.likely)
    assert wide.lower < narrow.lower < narrow.upper < wide.upper
    assert wide.holds(105.0, 0.001)


def test_over_a_longer_stretch_the_variation_evens_out():
    varying = weekly([35.0, 105.0] * 15)
    week = expected_advance(varying, after(varying, "7D"), WEIGHT)
    month = expected_advance(varying, after(varying, "28D"), WEIGHT)
    assert week is not None
    assert month is not None
    assert month.upper / month.likely < week.upper / week.likely


def test_two_readings_tell_a_rate_but_hardly_a_range_and_one_tells_nothing():
    two, one = weekly([70.0]), weekly([])
    found = expected_advance(two, after(two, "21D"), WEIGHT)
    assert found is not None
    assert (found.lower, found.upper) == pytest.approx((210 * 0.4, 210 * 1.6))
    assert expected_advance(one, after(one, "21D"), WEIGHT) is None
