"""Cleaning: rollovers, resets, replacements and glitches of a counter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.house import COUNTER, hourly
from tests.sentences import said
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.register import clean

NAN = float("nan")


@pytest.mark.parametrize(
    ("readings", "advances", "codes"),
    [
        pytest.param([100, 101, 0, 102], [1, 1], ["glitch_dropped"], id="Home Assistant's zero"),
        pytest.param(
            [100, 101, 0, 0, 0.5, 102], [1, 1], ["glitch_dropped"], id="a restart that counts from zero for a while"
        ),
        pytest.param([100, 101, 5000, 102, 103], [1, 1, 1], ["glitch_dropped"], id="a high glitch"),
        pytest.param(
            [100, 0, 101, 0, 102, 0, 103], [1, 1, 1], ["glitch_dropped"] * 3, id="every second reading a zero"
        ),
        pytest.param([100, 0, 5000, 101], [1], ["glitch_dropped"], id="low and high in a row"),
        pytest.param([10, 11, 0, 250], [1, 239], ["glitch_dropped"], id="back much later, never from zero"),
        pytest.param(
            [30, 40, 2, 12, 25, 41, 60],
            [10, 2, 10, 13, 16, 19],
            ["undeclared_reset"],
            id="a reset climbs back by itself",
        ),
        pytest.param(
            [100, 101, 102, 5000.5, 5001, 5002], [1, 1, 4898.5, 0.5, 1], [], id="a rise that stays is believed"
        ),
        pytest.param(
            [100, 102, 104, 61, 62, 63],
            [2, 2, 0, 1, 1],
            ["undeclared_reset"],
            id="a used counter shows nothing since zero",
        ),
        pytest.param([100, 101, 100.9995, 101.5], [1, 0, 0.5], [], id="jitter within the resolution"),
        pytest.param([100, 101, 0], [1], ["unconfirmed_fall"], id="the newest reading fell"),
        pytest.param([100, NAN, 101, float("inf"), 102], [1, 1], ["reading_not_a_number"], id="not a number"),
        pytest.param([7], [], [], id="one reading"),
        pytest.param([], [], [], id="no reading"),
    ],
)
def test_a_counter_is_read_as_a_person_would(readings, advances, codes):
    register = clean(hourly(readings), COUNTER)
    assert register.advances == pytest.approx(advances)
    assert [finding.code for finding in register.findings] == codes


def test_a_rollover_wraps_the_advance():
    counter = Counter("gas", "m³", 0.001, digits=5)
    register = clean(hourly([99_997, 99_999.5, 3, 4]), counter)
    assert register.advances == pytest.approx([2.5, 3.5, 1])
    assert [finding.code for finding in register.findings] == ["rollover"]


def test_a_zero_near_the_top_is_a_glitch_and_no_rollover():
    counter = Counter("gas", "m³", 0.001, digits=5)
    register = clean(hourly([99_997, 99_998, 0, 99_999, 99_999.5]), counter)
    assert register.advances == pytest.approx([1, 1, 0.5])


def test_of_two_readings_at_one_instant_the_last_written_wins():
    readings = hourly([100, 101, 102])
    readings = pd.concat([readings, pd.Series([101.5], index=readings.index[1:2])])
    assert list(clean(readings, COUNTER).values) == [100, 101.5, 102]


def test_a_reset_says_what_to_do():
    (finding,) = clean(hourly([100, 102, 104, 61, 62]), COUNTER).findings
    assert "fell from 104 to 61 kWh" in said(finding)
    assert "meters.yaml" in said(finding)


def test_a_long_jitter_is_counted_once():
    register = clean(hourly([100.0, 100.001, 100.0, 100.001, 100.0, 100.001, 100.5]), COUNTER)
    assert register.advances.sum() == pytest.approx(0.5, rel=1e-12)


readings_of_a_counter = st.lists(st.floats(0, 50).map(lambda x: round(x, 3)), min_size=1, max_size=200).map(
    lambda steps: 1 + np.cumsum(steps)
)


@given(readings_of_a_counter, st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_irrelevant(values, random):
    readings = hourly(values)
    order = list(range(len(readings)))
    random.shuffle(order)
    assert (clean(readings.iloc[order], COUNTER).values == clean(readings, COUNTER).values).all()


@given(readings_of_a_counter)
def test_advances_of_an_honest_counter_add_up_to_the_readings_difference(values):
    register = clean(hourly(values), COUNTER)
    assert register.advances.sum() == pytest.approx(values[-1] - values[0], rel=1e-9, abs=1e-9)
    assert not register.findings


def disturbed(seed: int, every: str) -> pd.Series:
    """Ten weeks of a counter that shows everything that a counter may show: zeros, wrong digits, resets, restarts."""
    random = np.random.default_rng(seed)
    index = pd.date_range("2024-01-10", "2024-03-20", freq=every, tz="UTC")
    n = len(index)
    values = 1000 + np.cumsum(random.gamma(1, 0.5, n))
    for start in random.integers(0, n, 20):
        wrong = slice(start, start + random.integers(1, 14))
        values[wrong] = random.choice([0.0, 7.0, 9e4, 2e5]) + random.uniform(0, 5)
    for start in random.integers(0, n, 4):
        values[start : start + random.integers(1, max(2, n // 30))] += random.choice([-100, 100, 3000])
    for start in random.integers(0, n, 3):
        values[start:] -= random.choice([0.4, 3.0, 0.9]) * np.arange(n - start) // max(1, n // 70)
    if seed % 3 == 0:
        begin = int(random.integers(0, n))
        values[begin:] -= values[begin] - (np.arange(n - begin) // max(1, n // 70) % 2)
        day = max(2, n // 70)
        values[begin:] = np.concatenate([np.cumsum(random.gamma(1, 0.5, day)) for _ in range(-(-(n - begin) // day))])[
            : n - begin
        ]
    return pd.Series(np.maximum(values, 0).round(3), index=index.as_unit("us"))


@pytest.mark.parametrize("kind", ["register", "resetting", "turns_back"])
@pytest.mark.parametrize("every", ["2h", "45min", "20min"])
@pytest.mark.parametrize("seed", range(4))
def test_a_slice_of_a_history_full_of_faults_is_cleaned_as_the_whole(seed, every, kind):
    counter = Counter("strom", "kWh", 0.001, kind=kind)
    readings = disturbed(seed, every)
    whole = clean(readings, counter)
    compared = 0
    for first in range(0, len(readings) // 5, len(readings) // 15):
        last = first + len(readings) * 4 // 5
        part = clean(readings.iloc[first:last], counter, begins=first == 0, ends=False)
        at = np.searchsorted(whole.times, part.times)
        compared += len(at)
        assert (whole.times[at] == part.times).all()
        assert (np.diff(at) == 1).all()
        assert (whole.values[at] == part.values).all()
        assert (whole.advances[at[:-1]] == part.advances).all()
        assert (whole.bases[at[:-1]] == part.bases).all()
        if len(part):
            lo, hi = part.times[[0, -1]].astype("datetime64[us]")
            margin = pd.Timedelta(days=1)
            inside = [f for f in whole.findings if lo + margin < f.start.asm8 and f.end.asm8 < hi - margin]
            found = [f for f in part.findings if lo + margin < f.start.asm8 and f.end.asm8 < hi - margin]
            assert found == inside
    assert compared > 100


@given(st.lists(st.floats(0, 1e5), min_size=0, max_size=120))
def test_no_advance_is_ever_negative(values):
    register = clean(hourly(values), COUNTER)
    assert (register.advances >= 0).all()


def test_two_runs_of_zeros_near_each_other_are_two_glitches():
    values = 1000 + np.arange(240) * 0.5
    values[84:96], values[107:119] = 0.0, 0.0
    register = clean(hourly(values), COUNTER)
    assert register.advances.sum() == pytest.approx(119.5)


def test_a_fall_from_beyond_the_registers_digits_is_no_rollover():
    register = clean(hourly([11_900, 12_000, 5, 6]), Counter("gas", "m³", 0.001, digits=4))
    assert (register.advances >= 0).all()


def test_a_reading_of_another_century_is_left_out_with_a_finding():
    index = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2204-01-03", "1904-01-01"]).tz_localize("UTC").as_unit("us")
    register = clean(pd.Series([1.0, 2.0, 3.0, 0.5], index=index), COUNTER)
    assert list(register.values) == [1.0, 2.0]
    assert [finding.code for finding in register.findings] == ["reading_out_of_time"]


@pytest.mark.parametrize("kind", ["register", "resetting", "turns_back"])
def test_a_counter_of_any_kind_without_a_reading_is_empty(kind):
    nothing = pd.Series([], index=pd.DatetimeIndex([], tz="UTC").as_unit("us"), dtype=float)
    assert len(clean(nothing, Counter("meter", "kWh", 0.1, 5, kind=kind))) == 0
