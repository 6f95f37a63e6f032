"""What one reading would mean, by the kind of counter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain.hand_readings import judged
from workflows_dagster.domain.register import Counter, clean
from workflows_dagster.domain.season import FLAT, weight_of

INSTANTS = pd.date_range("2026-01-04 12:00", periods=20, freq="7D", tz="UTC", unit="us")
NEXT = INSTANTS[-1] + pd.Timedelta("7D")


def reading(value: float, counter: Counter, step: float = 70.0):
    before = clean(pd.Series(1000.0 + step * np.arange(20), index=INSTANTS), counter)
    return judged(value, NEXT, before, None, counter, weight_of(FLAT))


def test_a_counter_that_turns_back_or_starts_again_is_not_doubted_for_falling():
    turned = reading(2300.0, Counter("gas", "kWh", 0.001, kind="turns_back"))
    assert (turned.advance, turned.doubts) == (-30.0, ())
    restarted = reading(12.0, Counter("gas", "kWh", 0.001, kind="resetting"))
    assert (restarted.advance, restarted.doubts) == (12.0, ())
    assert reading(2300.0, Counter("gas", "kWh", 0.001)).doubts == ("below_last",)


def test_a_rollover_is_no_fall():
    counter = Counter("gas", "m³", 0.001, 4)
    before = clean(pd.Series(8600.0 + 70 * np.arange(20), index=INSTANTS), counter)
    found = judged(0.0, NEXT, before, None, counter, weight_of(FLAT))
    assert found.advance == pytest.approx(70.0)
    assert found.doubts == ()
