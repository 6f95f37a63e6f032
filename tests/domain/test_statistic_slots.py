"""Days as running sums of hours: they add up to the days, whatever the pieces say."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.costs import hour_cuts
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.statistic_slots import DECIMALS, first_difference, running_sums, spread_days

BERLIN = ZoneInfo("Europe/Berlin")
amounts = st.floats(-1e4, 1e4) | st.just(float("nan")) | st.just(0.0)
NAN = float("nan")


def cut(first: date, last: date, zone: str = "Europe/Berlin") -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    openings = DayRange(first, last).openings(ZoneInfo(zone))
    cuts = hour_cuts(openings)
    day = np.asarray(openings.searchsorted(cuts[:-1], side="right")) - 1
    return cuts[:-1], np.asarray((cuts[1:] - cuts[:-1]) / pd.Timedelta(hours=1)), day


def test_measured_pieces_that_add_up_to_the_day_stay() -> None:
    spread = spread_days(np.array([3.0]), np.array([1.0, 0.0, 2.0]), np.ones(3), np.zeros(3, dtype=int))
    assert spread.tolist() == [1.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("day", "pieces", "expected"),
    [
        pytest.param(6.0, [1.0, 0.0, 2.0], [2.0, 0.0, 4.0], id="they are scaled to the day"),
        pytest.param(6.0, [0.0, 0.0, 0.0], [2.0, 2.0, 2.0], id="nothing to scale"),
        pytest.param(6.0, [-1.0, 0.0, -2.0], [2.0, 2.0, 2.0], id="the other sign"),
        pytest.param(6.0, [NAN, NAN, NAN], [2.0, 2.0, 2.0], id="nothing known"),
        pytest.param(6.0, [900.0, -899.0, 1.0], [2.0, 2.0, 2.0], id="both signs would blow up"),
        pytest.param(0.0, [1.0, 0.0, 2.0], [0.0, 0.0, 0.0], id="nothing used"),
        pytest.param(NAN, [1.0, 0.0, 2.0], [0.0, 0.0, 0.0], id="a day without a value"),
        pytest.param(-3.0, [-1.0, 0.0, -2.0], [-1.0, 0.0, -2.0], id="a counter that turned back"),
    ],
)
def test_the_day_decides(day: float, pieces: list[float], expected: list[float]) -> None:
    spread = spread_days(np.array([day]), np.array(pieces), np.ones(3), np.zeros(3, dtype=int))
    assert spread.tolist() == expected


@given(st.lists(amounts, min_size=3, max_size=3), st.lists(amounts, min_size=72, max_size=72))
def test_the_pieces_of_each_day_add_up_to_it(days: list[float], pieces: list[float]) -> None:
    day = np.repeat([0, 1, 2], 24)
    spread = spread_days(np.array(days), np.array(pieces), np.ones(72), day)
    assert np.bincount(day, weights=spread) == pytest.approx(np.nan_to_num(days), abs=1e-6)


@pytest.mark.parametrize(("civil", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_the_days_of_the_clock_change_have_their_own_number_of_hours(civil: date, hours: int) -> None:
    starts, lengths, day = cut(civil, civil)
    pieces = spread_days(np.array([50.0]), np.full(len(starts), NAN), lengths, day)
    sums = running_sums(starts, pieces, day, np.array([50.0]))
    assert len(sums) == hours
    assert sums.diff().dropna().round(4).unique().tolist() == [round(50.0 / hours, 4)]
    assert sums.iloc[-1] == 50.0


def test_in_a_half_hour_zone_the_hour_in_which_a_day_opens_takes_both_parts() -> None:
    starts, lengths, day = cut(date(2026, 1, 1), date(2026, 1, 2), "Asia/Kolkata")
    pieces = spread_days(np.array([24.0, 48.0]), np.full(len(starts), NAN), lengths, day)
    sums = running_sums(starts, pieces, day, np.array([24.0, 48.0]))
    uses = sums.diff().fillna(sums.iloc[0])
    assert sums.index[0] == pd.Timestamp("2025-12-31 18:00", tz="UTC")
    assert uses.tolist() == pytest.approx([0.5, *[1.0] * 23, 1.5, *[2.0] * 23, 1.0])


@given(st.lists(st.floats(0, 100), min_size=4, max_size=4), st.integers(1, 3))
def test_sums_that_go_on_where_others_ended_equal_those_of_all_days(days: list[float], begin: int) -> None:
    """To the last bit: a month that is computed alone changes no hour."""
    starts, lengths, day = cut(date(2026, 3, 27), date(2026, 3, 30))
    amounts = np.array(days)
    pieces = spread_days(amounts, np.arange(len(starts), dtype=float), lengths, day)
    whole = running_sums(starts, pieces, day, amounts)
    before = float(np.cumsum(np.concatenate([[0.0], amounts]))[begin])
    part = running_sums(starts[day >= begin], pieces[day >= begin], day[day >= begin] - begin, amounts[begin:], before)
    assert part.equals(whole[whole.index >= part.index[0]])


@given(st.lists(st.floats(0, 1e5), min_size=3, max_size=3))
def test_a_days_last_sum_is_that_of_the_days(days: list[float]) -> None:
    starts, lengths, day = cut(date(2026, 3, 28), date(2026, 3, 30))
    amounts = np.array(days)
    pieces = spread_days(amounts, np.arange(len(starts)) % 7 + 0.1, lengths, day)
    sums = running_sums(starts, pieces, day, amounts)
    ends = sums[np.append(np.diff(day) > 0, True)]
    assert ends.tolist() == np.round(np.cumsum(amounts), DECIMALS).tolist()


def test_what_is_added_up_within_a_day_does_not_move_its_last_digit() -> None:
    """These parts of 14.5000005 add up to a bit more, which would be rounded up."""
    starts, _, day = cut(date(2026, 1, 1), date(2026, 1, 1))
    amounts, weights = np.array([14.5000005]), np.arange(1.0, 25.0)
    assert running_sums(starts, amounts[0] * weights / weights.sum(), day, amounts).iloc[-1] == 14.5


def test_the_first_difference_is_the_first_hour_that_is_missing_or_other() -> None:
    hours = pd.date_range("2026-01-01", periods=4, freq="h", tz="UTC")
    wanted = pd.Series([1.0, 2.0, 3.0, 4.0], hours)
    assert first_difference(wanted, wanted) is None
    assert first_difference(wanted[:2], wanted) == hours[2]
    assert first_difference(pd.Series([1.0, 2.5, 3.0, 4.0], hours), wanted) == hours[1]
    assert first_difference(wanted[:0], wanted) == hours[0]
    assert first_difference(wanted, wanted[2:]) is None
