"""The readings that give the rate beyond either end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.domain.house import COUNTER
from workflows_dagster.domain.rate_window import rate_window
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import FLAT, weight_of


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [
        # A yearly reader's last few weeks give no rate; nor do the first ones.
        ((0, 365, 411), 0, 1),
        ((0, 46, 411), 1, 2),
        # Of the readings around a year from either end the nearer one counts, of two as near the earlier.
        ((0, 30, 60, 380, 420), 2, 3),
        ((0, 20, 350, 380, 400), 1, 2),
        # A last gap of more than two years is all there is.
        ((0, 900), 0, 1),
    ],
)
def test_the_rate_is_that_between_an_end_and_the_reading_nearest_to_a_year_from_it(days, first, last):
    register = clean(pd.Series(np.arange(len(days), dtype=float), at_days(days)), COUNTER)
    tail, head = (rate_window(register, side, weight_of(FLAT)) for side in ("last", "first"))
    assert [(window.first, window.last) for window in (tail, head)] == [
        (register.times[first], register.times[-1]),
        (register.times[0], register.times[last]),
    ]


def at_days(days):
    return pd.DatetimeIndex([pd.Timestamp("2022-01-01", tz="UTC") + pd.Timedelta(days=day) for day in days])
