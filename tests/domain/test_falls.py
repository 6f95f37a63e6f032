"""Falls of a counter that time tells apart: misreadings, lost decimals, restarts on purpose, turning back."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.domain.house import day, series, spread
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.register import clean

WATER = Counter("wasser", "m³", 0.001)
POWER = Counter("strom", "kWh", 0.001)


def steady(per_day: float, *, start: float, every: str, days: int, digits: int = 3) -> pd.Series:
    """A counter that counts evenly, read so often."""
    index = pd.date_range("2024-05-01", periods=round(pd.Timedelta(days=days) / pd.Timedelta(every)) + 1, freq=every)
    elapsed = (index - index[0]) / pd.Timedelta(days=1)
    return series((start + per_day * elapsed).to_numpy().round(digits), index)


def codes(readings: pd.Series, counter: Counter) -> list[str]:
    return [finding.code for finding in clean(readings, counter).findings]


@pytest.mark.parametrize(
    ("every", "first", "count", "step", "per_day", "start"),
    [
        ("5min", 1000, 24, 1.0, 0.23, 425.1),
        ("5min", 1000, 700, 1.0, 0.23, 425.1),
        ("5min", 1000, 24, -425.0, 0.23, 425.1),
        ("15min", 300, 200, 100.0, 12.0, 9100.0),
        ("15min", 300, 30, -5.0, 3.0, 9107.0),
        ("1h", 100, 60, 3000.0, 11.0, 41_000.0),
        ("1h", 100, 2, 0.0, 11.0, 41_000.0),
    ],
    ids=[
        "a digit for two hours",
        "for more than two days",
        "zeros for two hours",
        "gas",
        "a digit too low",
        "power",
        "right",
    ],
)
def test_a_wrong_digit_is_a_misreading_for_days_whatever_the_rate(every, first, count, step, per_day, start):
    right = steady(per_day, start=start, every=every, days=14)
    wrong = right.copy()
    wrong.iloc[first : first + count] += step
    register = clean(wrong, WATER)
    assert register.advances.sum() == pytest.approx(right.iloc[-1] - right.iloc[0])
    assert register.advances.max() < 1.2 * per_day * max(count, 1) * pd.Timedelta(every) / pd.Timedelta(days=1) + 0.01
    assert [finding.code for finding in register.findings] == (["glitch_dropped"] if step else [])


def test_what_stays_for_a_week_is_no_misreading():
    readings = steady(0.23, start=425.1, every="1h", days=30)
    readings.iloc[200:400] += 1.0
    assert "glitch_dropped" not in codes(readings, WATER)


def test_of_a_meter_read_once_a_month_one_reading_is_a_glitch_and_a_year_is_none():
    months = pd.date_range("2023-01-01", periods=18, freq="MS")
    readings = series(100.0 + 10 * np.arange(18), months)
    one, many = readings.copy(), readings.copy()
    one.iloc[5] += 5000
    many.iloc[5:15] += 5000
    assert codes(one, WATER) == ["glitch_dropped"]
    assert codes(many, WATER) == ["undeclared_reset"]


@pytest.mark.parametrize(
    ("every", "start", "per_day", "unit", "resolution"),
    [("5min", 18_234.5, 13.0, "kWh", 0.001), ("1h", 812_400.0, 300.0, "l", 1.0), ("15min", 41.2, 0.1, "MWh", 0.001)],
    ids=["solar", "water", "heat"],
)
def test_a_first_reading_of_zero_before_the_lifetime_total_is_none(every, start, per_day, unit, resolution):
    readings = steady(per_day, start=start, every=every, days=5)
    readings.iloc[0] = 0.0
    readings.iloc[2] = 0.0
    register = clean(readings, Counter("m", unit, resolution))
    assert register.values[0] == readings.iloc[1]
    assert register.advances.sum() == pytest.approx(readings.iloc[-1] - readings.iloc[1])


def test_a_new_meter_begins_at_zero_and_a_declared_start_is_believed():
    by_hand = series([0.0, 310.0, 600.0, 930.0], ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"])
    assert clean(by_hand, POWER).values[0] == 0
    readings = steady(13.0, start=18_234.5, every="5min", days=2)
    readings.iloc[0] = 0.0
    assert clean(readings, Counter("m", "kWh", 0.001, declared_start=True)).values[0] == 0


def losing(every: str, per_day: float, lost: float, start: float = 2366.8) -> pd.Series:
    """A counter that shows decimals of its own making and takes them back once a day, in the night."""
    readings = steady(per_day, start=start, every=every, days=20)
    local = pd.DatetimeIndex(readings.index).tz_convert("Europe/Berlin").hour
    return readings + np.where((local >= 1) & (local < 3), lost, 0.0).round(3)


@pytest.mark.parametrize(
    ("every", "per_day", "lost", "resolution"),
    [("1h", 10.0, 0.95, 1.0), ("15min", 10.0, 0.7, 1.0), ("1h", 0.8, 0.06, 0.1)],
    ids=["heat", "quarter hours", "water"],
)
def test_lost_decimals_tell_the_resolution_and_nothing_is_counted_twice(every, per_day, lost, resolution):
    register = clean(losing(every, per_day, lost), POWER)
    assert register.advances.sum() == pytest.approx(20 * per_day, abs=lost)
    assert {finding.code for finding in register.findings} == {"decimals_lost"}
    assert {finding.figures["resolution"] for finding in register.findings} == {resolution}
    declared = Counter("strom", "kWh", resolution, declared_resolution=True)
    assert not clean(losing(every, per_day, lost), declared).findings


def test_a_declared_resolution_is_believed():
    declared = Counter("strom", "kWh", 0.001, declared_resolution=True)
    assert "decimals_lost" not in codes(losing("1h", 10.0, 0.95), declared)


def daily(every: str, offset: str = "0h", days: int = 12) -> pd.Series:
    """What a counter shows that starts again at each midnight, some 11 kWh a day."""
    index = pd.date_range("2024-03-01", periods=days * round(pd.Timedelta("1D") / pd.Timedelta(every)), freq=every)
    index = index + pd.Timedelta(offset)
    of_day = (index - index.normalize()) / pd.Timedelta(days=1)
    scale = np.random.default_rng(4).uniform(9, 13, 400)[index.day_of_year]
    return series((of_day * scale).to_numpy().round(3), index)


SESSIONS = series(
    [0, 12.3, 0, 15.0, 0, 7.5, 0, 20.1, 0, 20.0, 0, 9.0],
    [f"2024-03-{d:02} {at}" for d in (2, 4, 6, 8, 10, 12) for at in ("18:00", "22:00")],
)


@pytest.mark.parametrize("kind", ["register", "resetting"])
@pytest.mark.parametrize(
    ("every", "offset"), [("1h", "5min"), ("12h", "11h55min"), ("5min", "1min"), ("6h", "5h59min")]
)
def test_energy_today_adds_up_day_by_day_and_the_finding_says_what_to_write(kind, every, offset):
    readings = daily(every, offset)
    register = clean(readings, Counter("strom", "kWh", 0.001, kind=kind))
    of_day = readings.groupby(pd.DatetimeIndex(readings.index).tz_convert("Europe/Berlin").date).last()
    assert register.advances.sum() == pytest.approx(of_day.sum() - readings.iloc[0], abs=0.02)
    found = {finding.code for finding in register.findings}
    assert found == (set() if kind == "resetting" else {"counter_restarts"})


def test_each_charging_session_counts_on_its_own_day():
    counter = Counter("auto", "kWh", 0.001, kind="resetting")
    frame = spread(SESSIONS, date(2024, 3, 2), date(2024, 3, 12), counter=counter)
    expected = {2: 12.3, 3: 0, 4: 15.0, 6: 7.5, 8: 20.1, 10: 20.0, 11: 0}
    for civil, consumed in expected.items():
        assert day(frame, date(2024, 3, civil))["consumption"] == pytest.approx(consumed, abs=1e-9)
    assert "counter_restarts" in codes(SESSIONS, POWER)


def test_an_allocator_starts_again_at_the_turn_of_the_year():
    index = pd.date_range("2023-10-01 06:00", "2024-03-31 06:00", freq="D")
    values = np.where(index.year == 2023, 700 + 5 * np.arange(len(index)), 5 * (index.day_of_year - 1))
    register = clean(series(values, index), Counter("hkv", "HKV", 1.0, kind="resetting"))
    assert register.advances.max() == 5
    assert register.advances.min() == 0
    assert not register.findings


def test_a_zero_among_the_readings_of_a_day_is_no_restart():
    readings = daily("1h", "5min")
    zero = readings.copy()
    zero.iloc[115] = 0.0
    counter = Counter("strom", "kWh", 0.001, kind="resetting")
    assert clean(zero, counter).advances.sum() == pytest.approx(clean(readings, counter).advances.sum())


def test_zeros_every_morning_are_no_restarts():
    readings = steady(12.0, start=50.0, every="1h", days=14)
    readings.iloc[6::24] = 0.0
    assert set(codes(readings, POWER)) == {"glitch_dropped"}


def net(every: str, days: int = 14) -> pd.Series:
    """A counter that turns forward by 6 and, around noon, back by 2.5 kWh a day; it shows tenths."""
    index = pd.date_range("2024-05-01", periods=round(pd.Timedelta(days=days) / pd.Timedelta(every)) + 1, freq=every)
    hours = (index - index[0]) / pd.Timedelta(hours=1)
    of_day = hours % 24
    shape = np.interp(of_day, [0, 10, 15, 24], [0, 6 * 10 / 19, 6 * 10 / 19 - 2.5, 3.5])
    values = (31_250 + 3.5 * (hours // 24) + shape).to_numpy().round(1)
    readings = series(values, index)
    # A sensor sends changes only.
    return readings[np.append(True, np.diff(readings.to_numpy()) != 0)] if every == "1min" else readings


NET = Counter("strom", "kWh", 0.1, digits=5, kind="turns_back", declared_resolution=True)


@pytest.mark.parametrize("every", ["1min", "5min", "15min", "1h", "8h", "1D"])
def test_a_counter_that_turns_back_counts_net_whatever_the_reading_rate(every):
    readings = net(every)
    register = clean(readings, NET)
    assert register.advances.sum() == pytest.approx(readings.iloc[-1] - readings.iloc[0])
    assert not register.findings
    frame = spread(readings, date(2024, 5, 2), date(2024, 5, 12), counter=NET)
    assert frame["consumption"].to_numpy() == pytest.approx(3.5, abs=0.3)
    assert frame["closing"].to_numpy()[:-1] == pytest.approx(frame["opening"].to_numpy()[1:], abs=0)


def test_a_sunny_day_is_below_zero_and_a_gap_over_it_is_estimated():
    readings = series([100.0, 94.0, 97.0], ["2024-06-01", "2024-06-04", "2024-06-05"])
    frame = spread(readings, date(2024, 6, 1), date(2024, 6, 4), counter=NET)
    assert frame["consumption"].to_numpy() == pytest.approx([-2, -2, -2, 3])
    assert list(frame["quality"]) == ["interpolated"] * 3 + ["measured"]
    assert frame["estimated_share"].to_numpy() == pytest.approx([1, 1, 1, 0])


def test_a_counter_that_turns_back_through_zero_shows_its_digits():
    readings = series([1.0, 99_998.0, 2.0], ["2024-06-01", "2024-06-02", "2024-06-03"])
    register = clean(readings, NET)
    assert register.advances == pytest.approx([-3, 4])
    frame = spread(readings, date(2024, 6, 1), date(2024, 6, 2), counter=NET)
    assert frame["consumption"].to_numpy() == pytest.approx([-3, 4])


def test_home_assistants_zero_is_left_out_of_a_counter_that_turns_back():
    readings = net("15min")
    zero = readings.copy()
    zero.iloc[200:203] = 0.0
    register = clean(zero, NET)
    assert register.advances.sum() == pytest.approx(readings.iloc[-1] - readings.iloc[0])
    assert [finding.code for finding in register.findings] == ["glitch_dropped"]


@pytest.mark.parametrize("every", ["1min", "15min", "1h"])
def test_a_counter_that_turns_back_is_recognised_whatever_the_reading_rate(every):
    found = clean(net(every), Counter("strom", "kWh", 0.1, digits=5, declared_resolution=True)).findings
    assert {finding.code for finding in found} == {"counter_turns_back"}
    assert {finding.severity for finding in found} == {"warn"}
    assert [round(float(finding.figures["amount"]), 1) for finding in found] == [2.5] * len(found)
    assert len(found) >= 12


def wrong_digit() -> pd.Series:
    readings = steady(3.0, start=9107.0, every="15min", days=60)
    readings.iloc[2500:2740] += 500.0
    return readings


def test_wherever_a_slice_begins_or_ends_a_misreading_is_one():
    readings = wrong_digit()
    whole = clean(readings, POWER)
    compared = 0
    for first in range(0, len(readings) // 2, len(readings) // 40):
        for part in (
            clean(readings.iloc[first:], POWER, begins=first == 0),
            clean(readings.iloc[: len(readings) - first], POWER, ends=first == 0),
        ):
            at = np.searchsorted(whole.times, part.times)
            compared += len(at)
            assert (whole.times[at] == part.times).all()
            assert (whole.values[at] == part.values).all()
            assert (whole.advances[at[:-1]] == part.advances).all()
    assert compared > len(readings)
