"""A lasting change is told from the season, from a mild or cold winter, and from an ill-fitting table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.level import level_change
from workflows_dagster.domain.register import Register, clean
from workflows_dagster.domain.season import FLAT, daily_curve, table_profile, weight_of

TABLE = (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0)
DAYS = pd.date_range("2022-01-01", "2025-01-01", freq="D", tz="UTC", unit="us", inclusive="left")
SEASON = weight_of(table_profile(TABLE))
MARCH = pd.Timestamp("2024-03-15", tz="UTC")


def used() -> pd.Series:
    """Ten units on a mean day, by the season, a tenth more or less from week to week."""
    curve = np.tile(daily_curve(TABLE), 4)[: len(DAYS)]
    weeks = np.random.default_rng(14).normal(1.0, 0.1, len(DAYS) // 7 + 1).repeat(7)[: len(DAYS)]
    return pd.Series(10.0 * curve * weeks, DAYS)


def read(use: pd.Series, every: int, until: str) -> Register:
    """Read the register every some days up to an instant, over two years."""
    shown = pd.Series(np.concatenate([[0.0], np.cumsum(use.to_numpy())[:-1]]), use.index)
    seen = shown.loc[: pd.Timestamp(until, tz="UTC")]
    return clean(seen.iloc[::-every].iloc[::-1].iloc[-760 // every :], Counter("gas", "m³", 0.001))


def in_months(use: pd.Series, year_months: str, factor: float) -> pd.Series:
    first, last = (pd.Period(month) for month in year_months.split("…"))
    months = use.index.tz_localize(None).to_period("M")
    return use.where((months < first) | (months > last), use * factor)


@pytest.mark.parametrize("every", [30, 60, 90])
def test_a_third_less_since_march_is_found_within_two_readings(every):
    use = used()
    use[use.index >= MARCH] *= 2 / 3
    second = MARCH + pd.Timedelta(days=2 * every)
    register = read(use, every, f"{second:%Y-%m-%d}")
    change = level_change(register, SEASON)
    assert change is not None
    since = pd.Timestamp(register.times[change.reading], unit="us", tz="UTC")
    assert abs(since - MARCH) <= pd.Timedelta(days=every)
    assert change.ratio == pytest.approx(2 / 3, abs=0.15)


@pytest.mark.parametrize("every", [30, 60, 90])
@pytest.mark.parametrize(
    "use",
    [used(), in_months(used(), "2023-11…2024-03", 0.82), in_months(used(), "2023-11…2024-03", 1.18)],
    ids=["as ever", "a mild winter", "a cold winter"],
)
def test_what_did_not_change_is_found_unchanged_at_every_reading(every, use):
    for until in pd.date_range("2023-06-01", "2024-12-31", freq=f"{every}D"):
        assert level_change(read(use, every, f"{until:%Y-%m-%d}"), SEASON) is None


def test_a_season_that_the_weight_does_not_know_is_no_change():
    for until in pd.date_range("2023-06-01", "2024-12-31", freq="30D"):
        assert level_change(read(used(), 30, f"{until:%Y-%m-%d}"), weight_of(FLAT)) is None


@pytest.mark.parametrize("left", [0.5, 0.2, 0.05])
def test_a_summer_without_a_bath_says_nothing_about_the_winter(left):
    """Hot water is a tenth of the year's gas; without half or nearly all of it the house's level is the same."""
    use = in_months(used(), "2024-06…2024-08", left)
    for until in ("2024-08-01", "2024-08-20", "2024-09-02", "2024-12-31"):
        assert level_change(read(use, 30, until), SEASON) is None


def test_few_readings_tell_nothing():
    use = used()
    use[use.index >= MARCH] *= 0.1
    assert level_change(read(use, 365, "2024-12-31"), SEASON) is None
    nothing = clean(pd.Series(dtype=float, index=DAYS[:0]), Counter("gas", "m³", 0.001))
    assert level_change(nothing, SEASON) is None
