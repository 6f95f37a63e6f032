"""Bands: zero at the readings, largest in the middle, never wider by a further reading that says nothing new."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.allocation import Allowance
from workflows_dagster.domain.bands import Bands, Spread, half_width
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.irregularity import fit_spread
from workflows_dagster.domain.rate_window import RateWindow, rate_window
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.register_band import register_band
from workflows_dagster.domain.season import FLAT, table_profile, weight_of

WINTRY = (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)
ALLOWANCE = Allowance(measured_max_gap_hours=25, max_extrapolation_days=400, jitter=0.001)
START = pd.Timestamp("2023-01-01", tz="UTC")


def register(*readings: tuple[float, float]) -> Register:
    """Readings as (days after 2023, register)."""
    index = pd.DatetimeIndex([START + pd.Timedelta(days=day) for day, _ in readings])
    return clean(pd.Series([value for _, value in readings], index=index), Counter("gas", "m³", 0.001))


def bands(of: Register, *, wintry: bool = True, mean: float = 5.0, **more: RateWindow | bool | None) -> Bands:
    weight = weight_of(table_profile(WINTRY) if wintry else FLAT)
    return replace(Bands(of, weight, ALLOWANCE, Spread(mean)), **more)  # type: ignore[arg-type]


def at(*days: float) -> np.ndarray:
    return np.array(
        [int(pd.DatetimeIndex([START]).as_unit("us").asi8[0] + day * MICROSECONDS_PER_DAY) for day in days],
        dtype=np.int64,
    )


def variance(of: Bands, start: float, end: float) -> float:
    return float(of.variance(at(start), at(end))[0])


def test_the_half_of_an_even_gap_of_100_days_is_known_to_a_fifth() -> None:
    """Half width 1.476·√(5·500·¼·(0.124 + 0.318·psi(50)·phi(100))), with psi = 10.56 d and phi = 0.333."""
    even = bands(register((0, 0), (100, 500)), wintry=False)
    psi = 2 * 6 * (1 - 6 / 50 * (1 - np.exp(-50 / 6)))
    phi = 1 - np.exp(-((100 / 157) ** 2))
    by_hand = 1.476 * np.sqrt(5 * 500 * 0.25 * (0.124 + 0.318 * psi * phi))
    assert half_width(np.array([variance(even, 0, 50)]))[0] == pytest.approx(by_hand)
    assert 0.1 < by_hand / 250 < 0.2


def test_a_whole_gap_and_several_whole_gaps_are_known() -> None:
    read = bands(register((0, 0), (40, 200), (130, 400), (160, 420)))
    for start, end in ((0, 40), (40, 130), (0, 130), (40, 160), (0, 160)):
        assert variance(read, start, end) == 0


def test_a_part_of_a_gap_and_the_rest_of_it_are_equally_uncertain() -> None:
    read = bands(register((0, 0), (365, 1800)))
    assert variance(read, 0, 31) == pytest.approx(variance(read, 31, 365))
    assert variance(read, 0, 31) > 0


def test_days_that_were_measured_have_no_band() -> None:
    hourly = bands(register(*((hour / 24, hour * 0.2) for hour in range(241))))
    assert np.all(hourly.variance(at(*range(9)), at(*range(1, 10))) == 0)


def test_a_gap_in_which_nothing_was_used_has_no_band() -> None:
    assert variance(bands(register((0, 100), (90, 100))), 10, 40) == 0


def test_a_stretch_over_a_reading_adds_the_uncertainty_of_both_gaps() -> None:
    read = bands(register((0, 0), (60, 300), (130, 500)))
    assert variance(read, 50, 80) == pytest.approx(variance(read, 50, 60) + variance(read, 60, 80))


def test_a_sum_is_known_better_than_its_days_together() -> None:
    read = bands(register((0, 0), (90, 450)))
    days = half_width(read.variance(at(*range(90)), at(*range(1, 91))))
    assert half_width(read.variance(at(0), at(89)))[0] < days.sum() / 10


def test_beyond_the_last_reading_the_band_grows_from_zero() -> None:
    read = register((0, 0), (180, 900), (365, 1800))
    open_ended = bands(read, tail=rate_window(read, "last", weight_of(table_profile(WINTRY))))
    found = [variance(open_ended, 365, day) for day in (365, 366, 380, 420, 500)]
    assert found[0] == 0
    assert found == sorted(found)


def test_a_counter_that_turns_back_has_a_band_where_its_net_amount_is_nothing() -> None:
    net = bands(register((0, 500), (90, 500)), turns_back=True)
    assert variance(net, 0, 45) > 0


def test_without_three_readings_a_meter_counts_as_usual() -> None:
    assert fit_spread(register((0, 0), (100, 300)), weight_of(FLAT)) == Spread(3.0)


def test_an_irregular_meter_has_wider_bands_than_a_regular_one() -> None:
    regular = [(30.0 * k, 150.0 * k) for k in range(25)]
    jumpy = [(30.0 * k, 150.0 * k + 100 * (k % 2)) for k in range(25)]
    even, uneven = (fit_spread(register(*readings), weight_of(FLAT)) for readings in (regular, jumpy))
    assert even.scale < 0.5 < 1.5 < uneven.scale


def test_ninety_days_after_a_year_of_readings_are_known_to_a_fifth() -> None:
    """Half width 1.476·√(5·450·(1 + 2.7·450/1825)·(0.87 + 0.11·psi(90)·phi(90))): psi = 17.2 d, phi = 0.0376."""
    read = register((0, 0), (180, 900), (365, 1825))
    open_ended = bands(read, wintry=False, tail=rate_window(read, "last", weight_of(FLAT)))
    psi = 2 * 9.6 * (1 - 9.6 / 90 * (1 - np.exp(-90 / 9.6)))
    phi = 1 - np.exp(-((90 / 460) ** 2))
    by_hand = 1.476 * np.sqrt(5 * 450 * (1 + 2.7 * 450 / 1825) * (0.87 + 0.11 * psi * phi))
    assert half_width(np.array([variance(open_ended, 365, 455)]))[0] == pytest.approx(by_hand, rel=1e-3)
    assert 0.18 < by_hand / 450 < 0.21


def test_a_meter_whose_rate_changes_leaves_more_open_beyond_its_readings_than_between_them() -> None:
    """Each year uses half as much more: neighbours agree, but no year says what the next one shows."""
    days = np.arange(0, 1460, 60)
    growing = np.cumsum(np.concatenate([[0.0], 300 * 1.5 ** (days[1:] / 365)]))
    steady = 300.0 * np.arange(len(days))
    grown, kept = (
        fit_spread(register(*zip(days, values, strict=True)), weight_of(FLAT)) for values in (growing, steady)
    )
    assert grown.scale_beyond > 2 * grown.scale
    assert kept.scale_beyond < 0.5


def test_a_change_long_ago_says_nothing_of_the_scale_beyond_only_the_year_after_it_does() -> None:
    days = np.arange(0, 1500, 30)
    doubled = np.cumsum(np.concatenate([[0.0], np.where(days[:-1] < 730, 300, 600)]))
    found = fit_spread(register(*zip(days, doubled, strict=True)), weight_of(FLAT))
    # By all readings before it is missed by more and for two years: 2.3.
    assert 1.0 < found.scale_beyond < 1.6


def test_a_reading_that_only_a_few_months_precede_says_nothing_of_the_scale_beyond() -> None:
    assert fit_spread(register((0, 0), (60, 300), (120, 900), (180, 950)), weight_of(FLAT)).scale_beyond == 1


def test_a_register_that_fell_says_nothing_of_the_scale_beyond() -> None:
    regular = [(60.0 * k, 300.0 * k) for k in range(9)]
    replaced = [*regular, (540, 5.0), (600, 305.0)]
    scales = [fit_spread(register(*readings), weight_of(FLAT)).scale_beyond for readings in (regular, replaced)]
    assert scales[1] < 1


def test_a_register_is_as_open_as_what_was_counted_since_the_reading_before() -> None:
    read = bands(register((0, 100), (60, 400), (130, 600)))
    assert read.variance(*read.since_reading(at(0, 60, 130))).tolist() == [0, 0, 0]
    assert read.variance(*read.since_reading(at(20, 100))).tolist() == [variance(read, 0, 20), variance(read, 60, 100)]
    shown = np.array([100.0, 215.0, 400.0, 510.0, 600.0])
    width = half_width(read.variance(*read.since_reading(at(0, 20, 60, 100, 130))))
    lower, upper = register_band(read, at(0, 20, 60, 100, 130), shown, width)
    assert lower.tolist() == (shown - width).tolist()
    assert upper.tolist() == (shown + width).tolist()


def test_a_register_is_open_at_the_far_end_before_the_first_and_beyond_the_last_reading() -> None:
    read, weight = register((0, 500), (180, 1400), (365, 2300)), weight_of(FLAT)
    windows = {"head": rate_window(read, "first", weight), "tail": rate_window(read, "last", weight)}
    even = bands(read, wintry=False, **windows)
    far, near = (even.variance(*even.since_reading(at(*days))) for days in ((-60, -10), (425, 375)))
    assert far[0] > far[1] > 0
    assert near[0] > near[1] > 0
    lower, upper = register_band(even, at(-10, 375), np.array([450.0, 2350.0]), half_width(np.array([far[1], near[1]])))
    # What was counted is never below nothing.
    assert (lower < [450, 2350]).all()
    assert (upper > [450, 2350]).all()
    assert upper[0] <= 500
    assert lower[1] >= 2300


def test_a_register_stays_between_its_readings_unless_it_turns_back() -> None:
    read = bands(register((0, 100), (300, 110)), mean=5.0)
    lower, upper = register_band(read, at(150), np.array([105.0]), np.array([20.0]))
    assert (lower[0], upper[0]) == (100, 110)
    lower, upper = register_band(replace(read, turns_back=True), at(150), np.array([105.0]), np.array([20.0]))
    assert lower[0] < 100 < 110 < upper[0]


schedules = st.lists(st.floats(2, 200), min_size=2, max_size=6)


@given(schedules, st.lists(st.floats(0, 9), min_size=6, max_size=6), st.floats(0.01, 0.99), st.booleans())
def test_a_further_reading_that_equals_the_estimate_widens_no_month(
    gaps: list[float], rates: list[float], place: float, wintry: bool
) -> None:
    days = np.cumsum([0.0, *gaps])
    values = np.cumsum([0.0, *(gap * rate for gap, rate in zip(gaps, rates, strict=False))])
    before = register(*zip(days, values, strict=True))
    coarse = bands(before, wintry=wintry)
    new = place * days[-1]
    gap = int(np.searchsorted(days, new, side="right")) - 1
    lo, here, hi = coarse.weight.integral(at(days[gap], new, days[gap + 1]))
    estimate = values[gap] + (values[gap + 1] - values[gap]) * (here - lo) / (hi - lo)
    fine = bands(register(*sorted([*zip(days, values, strict=True), (new, estimate)])), wintry=wintry)
    edges = np.clip(np.arange(0, days[-1] + 30, 30.4), 0, days[-1])
    starts, ends = at(*edges[:-1]), at(*edges[1:])
    assert np.all(fine.variance(starts, ends) <= coarse.variance(starts, ends) * (1 + 1e-6) + 1e-6)


@given(schedules, st.floats(0, 0.9), st.floats(0.01, 0.5))
def test_a_band_does_not_depend_on_the_range_asked_for(gaps: list[float], place: float, length: float) -> None:
    days = np.cumsum([0.0, *gaps])
    read = bands(register(*((day, 3 * day) for day in days)))
    start, end = place * days[-1], min(place + length, 1.0) * days[-1]
    others = np.linspace(0, days[-1], 20)
    alone = variance(read, start, end)
    among = read.variance(at(start, *others[:-1]), at(end, *others[1:]))[0]
    assert alone == among
