from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows_dagster.domain import days
from workflows_dagster.domain.anomalies import COLUMNS, AnomalyRule, Scale, judge_days
from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.bands import Spread, half_width_ahead
from workflows_dagster.domain.base_load import base_loads, judge_base_loads
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.deviations import LOOKBACK_DAYS, median_of
from workflows_dagster.domain.gap_anomalies import LongGaps, judge_gaps
from workflows_dagster.domain.register import clean
from workflows_dagster.domain.season import FLAT, Profile, weight_of
from workflows_dagster.wording import Words
from workflows_dagster.wording.anomalies import anomaly_sentence

BERLIN = ZoneInfo("Europe/Berlin")
KWH, CUBIC_METRES = Scale("kWh", 0.001), Scale("m³", 0.001)
# A Tuesday.
DAY = date(2024, 11, 26)
ROBUST = AnomalyRule()


def judge(
    *amounts: float, before: float = 24.0, weight: float = 1.0, rule: AnomalyRule = ROBUST, scale: Scale = KWH
) -> pd.DataFrame:
    """Judge days from DAY on after eight weeks between 5 % below and 5 % above `before`."""
    lead = before * (1 + 0.05 * np.resize([-1, 0, 1], LOOKBACK_DAYS))
    return judge_all(np.concatenate([lead, amounts]), weight=weight, rule=rule, scale=scale)


def judge_all(
    consumption: np.ndarray,
    weight: float | np.ndarray = 1.0,
    rule: AnomalyRule = ROBUST,
    scale: Scale = KWH,
    first: date = DAY,
) -> pd.DataFrame:
    count = len(consumption) - LOOKBACK_DAYS
    civil = pd.Index([first + timedelta(days=k) for k in range(count)], dtype=object)
    return judge_days(consumption, np.broadcast_to(weight, len(consumption)), civil, scale, rule)


def said(reason: Reason, unit: str = "kWh") -> str:
    return anomaly_sentence(reason, unit, Words("en"))


def restless(count: int, seed: int = 1) -> np.ndarray:
    """Days of a house whose weekends differ, some of them unknown, some without any use."""
    random = np.random.default_rng(seed)
    weekend = np.where(np.arange(count) % 7 >= 5, 1.4, 1.0)
    amounts = 10 * weekend * random.lognormal(0, 0.45, count)
    amounts[random.random(count) < 0.04] = 0.0
    amounts[random.random(count) < 0.06] = np.nan
    return amounts


def test_a_day_as_always_has_figures_and_nothing_to_tell():
    row = judge(25.0).loc[DAY]
    assert row["expected"] == pytest.approx(24.0)
    assert row["delta_percent"] == pytest.approx(100 / 24)
    assert row["lower"] < 24 < row["upper"]
    assert row["severity"] is None
    assert row["reason"] is None


def test_twice_as_much_is_told_in_a_sentence_with_weekday_and_range():
    row = judge(60.0).loc[DAY]
    assert row["severity"] == "alert"
    assert (
        said(row["reason"]) == f"60 kWh, usual for a Tuesday at this season 24 ({row['lower']:.0f}–{row['upper']:.0f})"
    )


def test_less_than_twice_as_much_is_a_notice():
    assert judge(24 * 1.95, rule=AnomalyRule(score=4)).loc[DAY, "severity"] == "notice"
    assert judge(24 * 2.05, rule=AnomalyRule(score=4)).loc[DAY, "severity"] == "alert"


def test_a_day_of_nothing_is_an_alert():
    row = judge(0.0).loc[DAY]
    assert (row["severity"], row["delta_percent"]) == ("alert", -100.0)
    assert said(row["reason"]).startswith("0 kWh, usual for a Tuesday at this season 24 (")


def test_a_higher_score_tells_less():
    assert judge(50.0, rule=AnomalyRule(score=5)).loc[DAY, "severity"] == "alert"
    assert judge(50.0, rule=AnomalyRule(score=12)).loc[DAY, "severity"] is None


def test_figures_have_as_many_decimals_as_they_need():
    assert said(judge(1.2, before=0.31).loc[DAY, "reason"]).startswith(
        "1.20 kWh, usual for a Tuesday at this season 0.31 ("
    )


def test_a_run_of_unusual_days_is_told_on_its_first_day_and_when_a_week_has_passed():
    told = judge(*[90.0] * 12)["severity"].notna().to_numpy()
    assert told[0]
    assert not told[1:].all()
    assert told.sum() <= 2


def test_a_run_that_turns_grave_is_told_again():
    frame = judge(45.0, 90.0, rule=AnomalyRule(score=4))
    assert list(frame["severity"]) == ["notice", "alert"]


def test_a_change_too_small_for_a_day_is_told_when_it_lasts_a_week():
    frame = judge(*[38.0] * 14)
    told = np.flatnonzero(frame["severity"].notna())
    assert len(told) == 1
    assert 3 <= told[0] <= 6
    assert frame["severity"].iloc[told[0]] == "notice"
    assert " a day over the last 7 days, usual at this season 24 (" in said(frame["reason"].iloc[told[0]])


def test_half_of_what_is_usual_for_a_week_is_told():
    frame = judge(*[11.0] * 7)
    told = frame[frame["severity"].notna()]
    assert len(told) == 1
    # Six days of 11 and one of 24 are 12.9 a day, which is more than half.
    assert told["severity"].iloc[0] == "notice"
    assert said(told["reason"].iloc[0]).startswith("13 kWh a day over the last 7 days, usual at this season 24 (")


def test_weekends_of_their_own_are_expected():
    weekend = np.arange(LOOKBACK_DAYS + 7) % 7 >= 5
    frame = judge_all(np.where(weekend, 5.0, 20.0) * (1 + 0.02 * np.resize([-1, 0, 1], LOOKBACK_DAYS + 7)))
    assert frame["severity"].isna().all()
    assert frame["expected"].iloc[5] < 8
    assert frame["expected"].iloc[0] == pytest.approx(20, rel=0.05)


def test_the_season_is_no_deviation():
    weight = np.linspace(0.6, 1.8, LOOKBACK_DAYS + 1)
    row = judge_all(20 * weight, weight=weight).loc[DAY]
    assert row["expected"] == pytest.approx(36.0)
    assert row["severity"] is None


def test_days_that_were_not_measured_are_neither_judged_nor_learnt_from():
    amounts = np.full(LOOKBACK_DAYS + 2, 20.0)
    amounts[1::2] = np.nan
    frame = judge_all(amounts)
    assert frame["expected"].isna().tolist() == [False, True]
    amounts[1::2] = 900.0
    assert judge_all(amounts)["expected"].iloc[0] > 20
    amounts[:-1][1::2] = np.nan
    assert judge_all(amounts)["expected"].iloc[0] == pytest.approx(20.0)


def test_thirteen_days_are_too_few_to_judge_by():
    amounts = np.full(LOOKBACK_DAYS + 1, np.nan)
    amounts[-14:] = 20.0
    amounts[-1] = 90.0
    assert judge_all(amounts)["expected"].isna().all()
    amounts[-15] = 20.0
    assert judge_all(amounts).loc[DAY, "severity"] == "alert"


def test_a_meter_that_stands_still_may_move_by_a_few_steps_of_its_register():
    still = np.zeros(LOOKBACK_DAYS + 1)
    still[-1] = 0.009
    assert judge_all(still).loc[DAY, "severity"] is None
    still[-1] = 0.5
    assert judge_all(still).loc[DAY, "severity"] == "alert"


def test_the_first_cold_day_of_a_heat_meter_that_stood_still_all_summer_is_no_wonder():
    summer = np.zeros(LOOKBACK_DAYS + 1)
    summer[-1] = 0.03
    row = judge_all(summer, weight=0.2, scale=Scale("MWh", 0.001)).loc[DAY]
    assert np.isnan(row["expected"])
    assert row["severity"] is None


def test_credits_are_neither_judged_nor_learnt_from():
    frame = judge(-5.0, 24.0)
    assert frame["expected"].isna().tolist() == [True, False]
    assert frame["severity"].isna().all()


def test_the_plain_rule_flags_more_than_twice_the_mean_of_seven_days():
    plain = AnomalyRule(method="plain")
    amounts = np.concatenate([np.full(LOOKBACK_DAYS - 7, 900.0), np.full(7, 10.0), [20.0]])
    assert judge_all(amounts, rule=plain).loc[DAY, "severity"] is None
    amounts[-1] = 20.1
    row = judge_all(amounts, rule=plain).loc[DAY]
    assert (row["severity"], row["expected"], row["upper"]) == ("alert", 10.0, 20.0)
    assert said(row["reason"]) == "20 kWh, more than twice the mean of the 7 days before, 10 (up to 20)"
    amounts[-6:-2] = np.nan
    assert judge_all(amounts, rule=plain)["expected"].isna().all()


@pytest.mark.parametrize("method", ["robust", "plain"])
@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 199), length=st.integers(1, 12), seed=st.integers(0, 50))
def test_a_day_alone_and_a_range_are_judged_as_in_the_full_history(method: str, first: int, length: int, seed: int):
    rule = AnomalyRule(method, 3.0)  # type: ignore[arg-type]
    last = min(first + length, 200)
    amounts, weight = restless(LOOKBACK_DAYS + 200, seed), np.linspace(0.4, 1.7, LOOKBACK_DAYS + 200)
    full = judge_all(amounts, weight=weight, rule=rule).iloc[first:last]
    part = slice(first, last + LOOKBACK_DAYS)
    alone = judge_all(amounts[part], weight=weight[part], rule=rule, first=DAY + timedelta(days=first))
    pd.testing.assert_frame_equal(full, alone, check_exact=True)


def test_a_calm_house_is_left_in_peace_for_years():
    random = np.random.default_rng(5)
    amounts = 10 * random.lognormal(0, 0.25, LOOKBACK_DAYS + 1461)
    frame = judge_all(amounts)
    assert frame["severity"].notna().sum() <= 4
    assert list(frame.columns) == list(COLUMNS)


def test_medians_leave_out_what_is_not_known():
    nan = np.nan
    rows = np.array([[3.0, nan, 1.0], [nan, nan, nan], [4.0, 1.0, 2.0], [nan, 7.0, nan]])
    np.testing.assert_array_equal(median_of(rows), [2.0, nan, 2.0, 7.0])


def judge_readings(
    readings: dict[str, float], *, also_quiet: bool = True, profile: Profile = FLAT, spread: Spread | None = None
) -> pd.DataFrame:
    index = pd.DatetimeIndex(list(readings)).tz_localize(BERLIN).tz_convert("UTC").as_unit("us")
    register = clean(pd.Series(list(readings.values()), index=index, dtype=float), Counter("m", "m³", 0.001))
    return judge_gaps(register, weight_of(profile), LongGaps(25, also_quiet), CUBIC_METRES, ROBUST, BERLIN, spread)


MONTHLY = {"2025-01-01 12:00": 100.0, "2025-02-01 12:00": 115.5, "2025-03-01 12:00": 129.5, "2025-04-03 12:00": 146.0}


def test_a_gap_is_judged_as_a_whole_on_the_day_of_its_closing_reading():
    frame = judge_readings({**MONTHLY, "2025-07-02 12:00": 146.0 + 90.0})
    assert list(frame.index) == [date(2025, 7, 2)]
    row = frame.iloc[0]
    assert (row["consumption"], row["expected"]) == pytest.approx((90.0, 45.0))
    assert row["severity"] == "notice"
    assert said(row["reason"], "m³").startswith("90 m³ in the 90 days to 2 July, usual for this time of year 45 (")


def test_a_gap_within_the_band_of_the_next_reading_is_not_unusual():
    readings = {**MONTHLY, "2025-07-02 12:00": 146.0 + 90.0}
    usual, irregular = Spread(0.5), Spread(0.5, scale_beyond=6.0)
    assert half_width_ahead(45.0, 46.0, 90.0, usual) < 45.0 < half_width_ahead(45.0, 46.0, 90.0, irregular)
    assert judge_readings(readings, spread=usual).iloc[0]["severity"] == "notice"
    assert judge_readings(readings, spread=irregular).iloc[0]["severity"] is None


def test_a_usual_gap_has_figures_and_nothing_to_tell():
    row = judge_readings({**MONTHLY, "2025-07-02 12:00": 146.0 + 47.0}).iloc[0]
    assert row["expected"] == pytest.approx(45.0)
    assert row["severity"] is None


def test_a_gap_without_any_use_is_told_of_a_meter_read_by_hand_only():
    readings = {**MONTHLY, "2025-05-03 12:00": 146.0}
    assert judge_readings(readings).iloc[0]["severity"] == "alert"
    assert judge_readings(readings, also_quiet=False).empty


def read_every(count_days: int, *amounts: float, start: str = "2025-01-05 12:00", **how: bool) -> pd.DataFrame:
    """Judge a meter that is read every so many days, with so much used in between."""
    index = pd.date_range(start, periods=len(amounts) + 1, freq=f"{count_days}D", tz=BERLIN)
    register = np.concatenate([[100.0], 100 + np.cumsum(amounts)])
    return judge_readings({f"{at:%Y-%m-%d %H:%M}": value for at, value in zip(index, register, strict=True)}, **how)


def severities(frame: pd.DataFrame) -> list[str | None]:
    return frame["severity"].tolist()


def test_a_run_of_unusual_gaps_is_told_once_and_again_when_it_turns_grave():
    usual = (10.0, 10.4, 9.7, 10.1, 9.9, 10.2, 9.8)
    told = severities(read_every(7, *usual, 18.0, 18.5, 18.0, 26.0, 26.0, 10.0, 18.0))
    assert told == [None] * 4 + ["notice", None, None, "alert", None, None, "notice"]


def test_too_much_after_too_little_is_another_run():
    assert severities(read_every(7, 10.0, 10.4, 9.7, 10.1, 2.0, 2.0, 30.0)) == [None, "alert", None, "alert"]


def test_two_unusual_gaps_with_usual_days_between_them_are_told_both():
    """A meter that reports by itself, and is silent for a few days in May and again in June."""
    week = {f"2025-05-{day:02}" if day < 32 else f"2025-06-{day - 31:02}": day for day in range(1, 60)}
    silent = {*range(27, 31), *range(44, 48)}
    readings, shown = {}, 0.0
    for moment, day in week.items():
        shown += 8.0 if day in silent or day - 1 in silent else 2.0
        if day not in silent:
            readings[f"{moment} 12:00"] = shown
    frame = judge_readings(readings, also_quiet=False)
    assert [(day.month, day.day) for day in frame.index] == [(5, 31), (6, 17)]
    assert frame["severity"].tolist() == ["alert", "alert"]


def test_the_first_summer_of_a_garden_tap_is_judged_only_when_there_is_something_to_judge_by():
    frame = read_every(7, *[0.0] * 13, 0.3, 0.5, 0.2, 0.8, 0.4, 0.5, 5.0)
    assert frame["expected"].min() > 0
    assert list(frame["reason"].dropna().index) == [date(2025, 5, 25)]
    assert "usual for this time of year 0.4" in said(frame["reason"].iloc[-1])
    assert read_every(7, *[0.0] * 13, 0.3, 0.5, 5.0).empty


def test_a_garden_tap_is_compared_with_the_last_summer_not_with_the_winter():
    year = [0.0] * 12 + [0.5, 0.6, 0.4, 0.5] * 6 + [0.0] * 16
    assert severities(read_every(7, *year, *[0.0] * 12, 0.5))[-1] is None
    assert severities(read_every(7, *year, *[0.0] * 12, 5.0))[-1] == "alert"


def test_spring_is_compared_with_spring_though_most_is_used_in_autumn():
    year = [0.0] * 16 + [0.5, 0.6, 0.4, 0.5] + [0.0] * 14 + [5.0, 6.0, 4.0, 5.0] * 2 + [0.0] * 10
    assert severities(read_every(7, *year, *[0.0] * 16, 5.0))[-1] == "alert"
    assert severities(read_every(7, *year, *[0.0] * 34, 5.0))[-1] is None


def test_the_first_autumn_of_a_garden_tap_is_no_wonder():
    frame = read_every(7, *[0.0] * 12, *[0.5, 0.6, 0.4, 0.5] * 5, *[0.0] * 8)
    assert len(frame) > 0
    assert frame["severity"].isna().all()


def test_nothing_is_usual_for_a_meter_that_often_stands_still():
    frame = read_every(7, *[0.0] * 13, 0.5, 0.6, 0.4, 0.55, 0.0, 0.0)
    assert list(frame.index) == [date(2025, 5, 4)]
    assert frame["severity"].isna().all()


def test_hours_without_a_reading_are_no_gap_to_judge():
    """Read at noon every day, and once late: 33 hours with thrice the use, and 15 with as much."""
    times = [f"2025-01-{day:02} 12:00" for day in range(1, 31)]
    times[24] = "2025-01-25 21:00"
    used = np.full(30, 10.0)
    used[[24, 25]] = 30.0
    index = pd.DatetimeIndex(times).tz_localize(BERLIN).tz_convert("UTC").as_unit("us")
    register = clean(pd.Series(np.cumsum(used), index=index), Counter("m", "m³", 0.001))
    frame = judge_gaps(register, weight_of(FLAT), LongGaps(12, True), CUBIC_METRES, ROBUST, BERLIN)
    told = frame["reason"].dropna()
    assert [day.day for day in told.index] == [25]
    assert frame["consumption"].iloc[-1] == pytest.approx(10.0)
    assert date(2025, 1, 26) not in frame.index


def test_two_earlier_gaps_of_less_than_a_year_are_too_few():
    assert judge_readings(dict(list(MONTHLY.items())[:3])).empty


def test_a_gap_is_measured_by_its_season():
    profile = Profile(0.0, 1.0, (17.0, 15.0, 13.0, 8.0, 4.0, 2.0, 1.5, 1.5, 3.5, 8.0, 11.5, 15.0))
    moments = pd.DatetimeIndex(["2024-01-01", "2024-02-10", "2024-03-20", "2024-05-01", "2024-07-10"]).tz_localize(
        "UTC"
    )
    heat = weight_of(profile).integral(days.microseconds(moments.as_unit("us")))
    readings = pd.Series(10 * (heat - heat[0]), index=moments.as_unit("us"))
    register = clean(readings, Counter("m", "m³", 0.001))
    frame = judge_gaps(register, weight_of(profile), LongGaps(25, True), CUBIC_METRES, ROBUST, BERLIN)
    assert frame["delta_percent"].to_numpy() == pytest.approx(0.0, abs=1e-6)
    assert frame["severity"].isna().all()


def hourly_register(litres: np.ndarray, start: str = "2025-01-05 23:00", *, every: bool = True) -> pd.Series:
    """Register in m³ at the end of each hour; with `every` false only where it changed."""
    index = pd.date_range(start, periods=len(litres) + 1, freq="h", tz="UTC", unit="us")
    register = pd.Series(np.concatenate([[0.0], np.cumsum(litres)]) / 1000, index=index)
    return register if every else register[(register.diff() != 0) | (register.index == index[-1])]


def loads_of(readings: pd.Series, count: int) -> np.ndarray:
    cuts = days.microseconds(DayRange(date(2025, 1, 6), date(2025, 1, 5) + timedelta(days=count)).openings(BERLIN))
    return base_loads(clean(readings, Counter("m", "m³", 0.001)), cuts, 25, 0.001)


# Litres in each hour of a day: a quiet night, and taps.
TAPS = np.array([0, 0, 0, 0, 0, 0, 40, 60, 30, 5, 5, 10, 30, 5, 5, 5, 10, 20, 40, 30, 20, 10, 5, 0], dtype=float)


def test_the_base_load_is_the_least_over_four_hours_running():
    leak = np.tile(TAPS + 3, 2)
    assert loads_of(hourly_register(leak), 2) == pytest.approx([0.003, 0.003])
    assert loads_of(hourly_register(np.tile(TAPS, 2)), 2) == pytest.approx([0.0, 0.0])


def test_a_meter_that_sends_only_changes_stood_still_in_between():
    assert loads_of(hourly_register(np.tile(TAPS, 2), every=False), 2) == pytest.approx([0.0, 0.0])


def test_a_meter_that_is_read_now_and_then_has_no_base_load():
    assert np.isnan(loads_of(hourly_register(np.tile(TAPS, 2)).iloc[::6], 2)).all()


def test_the_short_day_of_march_has_a_base_load_too():
    readings = hourly_register(np.full(24 * 3 - 1, 2.0), start="2025-03-28 23:00")
    cuts = days.microseconds(DayRange(date(2025, 3, 29), date(2025, 3, 31)).openings(BERLIN))
    loads = base_loads(clean(readings, Counter("m", "m³", 0.001)), cuts, 25, 0.001)
    assert loads == pytest.approx([0.002] * 3)


def judge_loads(*loads: float, before: float = 0.0) -> pd.DataFrame:
    civil = pd.Index([DAY + timedelta(days=k) for k in range(len(loads))], dtype=object)
    return judge_base_loads(np.concatenate([np.full(LOOKBACK_DAYS, before), loads]), civil, CUBIC_METRES, ROBUST)


def test_a_slow_leak_is_told_once_on_its_third_day():
    frame = judge_loads(0.0, 0.006, 0.006, 0.006, 0.006)
    assert frame["severity"].tolist() == [None, None, None, "alert", None]
    assert said(frame["reason"].iloc[3], "m³").startswith(
        "at least 0.0060 m³/h flowed all day for the 3rd day running, usual 0.0000"
    )


def test_one_evening_with_guests_is_no_leak():
    assert judge_loads(0.02, 0.0, 0.02, 0.02, 0.0)["severity"].isna().all()


def test_a_base_load_that_falls_is_no_fault():
    assert judge_loads(0.0, 0.0, 0.0, 0.0, before=0.2)["severity"].isna().all()
