"""Bands of meters' numbers: each for itself, none over whole gaps, whatever else is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.houses import SmallHouse, fit_profiles
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.bands import HouseBands
from workflows_dagster.evaluation.sums import HouseSums
from workflows_dagster.records.days import write_days
from workflows_dagster.records.profiles import Kept, keep_profile, kept
from workflows_dagster.services.consumption import stored_days, with_bands
from workflows_dagster.stores.ports import PROFILE

METERS = """\
meters:
  - {meter_id: old, type: physical, output_unit: kWh, installation_date: 2023-01-01, deinstallation_date: 2023-07-01}
  - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2023-07-01}
  - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2023-01-01}
  - {meter_id: sensor, type: physical, output_unit: kWh, installation_date: 2023-01-01}
  - meter_id: house
    type: master
    output_unit: kWh
    periods:
      - {start_date: 2023-01-01, end_date: 2023-07-01, composition_type: single, source_meters: [old]}
      - {start_date: 2023-07-02, composition_type: single, source_meters: [new]}
  - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: house,
     subtract_meters: [flat]}
  - {meter_id: again, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: house,
     subtract_meters: [rest]}
"""
YEAR = DayRange(date(2023, 1, 1), date(2023, 12, 31))
FITTED = pd.Timestamp("2024-01-06", tz="UTC")
ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture
def house(small_house) -> SmallHouse:
    house: SmallHouse = small_house(METERS)
    days = pd.date_range("2023-01-01", "2024-01-05", freq="D")
    shown = np.cumsum(10.0 + 3.0 * np.sin(np.arange(len(days)) / 9))

    def read(meter: str, every: int, first: str, last: str, factor: float = 1.0) -> None:
        picked = pd.Series(np.round(factor * shown, 1), days).loc[first:last]
        chosen = sorted({*range(0, len(picked), every), len(picked) - 1})
        house.read(meter, {f"{day:%Y-%m-%d} 00:00": value for day, value in picked.iloc[chosen].items()})

    read("old", 45, "2023-01-01", "2023-07-01")
    read("new", 45, "2023-07-01", "2024-01-05")
    read("flat", 60, "2023-01-01", "2024-01-05", 0.5)
    read("sensor", 1, "2023-01-01", "2024-01-05")
    return house


def bands_of(house: SmallHouse) -> HouseBands:
    return Evaluation(house.settings, house.store).bands


def keep(house: SmallHouse, *meters: str) -> None:
    """Compute the year of some meters and store it."""
    evaluation = Evaluation(house.settings, house.store)
    for meter in meters:
        found = evaluation.days(meter, YEAR).days
        write_days(house.store, meter, "kWh", *YEAR.bounds(house.settings.site.zone), found)


def spans_of(*texts: str) -> list[DayRange]:
    return [DayRange(*(date.fromisoformat(part) for part in text.split(" "))) for text in texts]


def test_what_is_measured_has_no_band_and_neither_has_a_whole_gap(house):
    bands = bands_of(house)
    assert bands.half_widths("sensor", spans_of("2023-03-01 2023-03-31")).tolist() == [0.0]
    # Read on 1 January, 2 March and 1 May.
    whole, part = bands.half_widths("flat", spans_of("2023-03-02 2023-04-30", "2023-03-02 2023-04-01"))
    assert whole == pytest.approx(0.0, abs=1e-6)
    assert part > 1.0


def test_a_masters_year_is_known_as_its_devices_are_and_its_days_are_not(house):
    bands = bands_of(house)
    year, day = bands.half_widths("house", [YEAR, DayRange.single(date(2023, 5, 5))])
    assert day > 1.0
    assert year < 0.02 * 3650
    both = bands.half_widths("old", spans_of("2023-05-05 2023-05-05"))
    assert both[0] == pytest.approx(day)


def test_a_remainder_is_as_open_as_both_together_and_what_stands_on_both_sides_cancels(house):
    bands = bands_of(house)
    span = spans_of("2023-04-10 2023-05-05")
    main, flat, rest = (bands.half_widths(meter, span)[0] for meter in ("house", "flat", "rest"))
    assert rest == pytest.approx(np.hypot(main, flat))
    # The house less what is left beside the flat is the flat.
    assert bands.half_widths("again", span)[0] == pytest.approx(flat)


@given(st.integers(0, 340), st.integers(1, 24), st.lists(st.integers(0, 360), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_a_band_does_not_depend_on_what_else_is_asked_for(house, first, length, others):
    span = DayRange(YEAR.first + timedelta(days=first), YEAR.first + timedelta(days=first + length))
    more = [span, *(DayRange.single(YEAR.first + timedelta(days=day)) for day in others)]
    for meter in ("flat", "house", "rest"):
        assert bands_of(house).half_widths(meter, [span])[0] == bands_of(house).half_widths(meter, more)[0]


def test_days_are_stored_with_the_bands_that_their_readings_give(house):
    fit_profiles(house.settings, house.store, FITTED)
    keep(house, "old", "new", "flat", "sensor", "house", "rest", "again")
    every = [DayRange.single(day) for day in YEAR]
    for meter in ("flat", "house", "rest", "again"):
        frame = stored_days(house.settings, house.store, meter)
        widths = (frame["upper"] - frame["consumption"]).to_numpy()
        # A measured day has none.
        ours = bands_of(house).half_widths(meter, every)
        assert np.nan_to_num(widths) == pytest.approx(ours, rel=1e-9, abs=1e-9)
        assert np.isnan(widths).sum() == (frame["estimated_share"] == 0).sum()
        known = frame.dropna(subset="lower")
        assert (known["lower"] <= known["consumption"]).all()
        assert (known["lower"] >= 0).all()
    measured = stored_days(house.settings, house.store, "sensor")
    assert measured[["lower", "upper"]].isna().all(axis=None)


def test_a_day_stores_the_band_of_the_register_at_its_opening_and_a_month_that_of_its_first_day(house):
    fit_profiles(house.settings, house.store, FITTED)
    keep(house, "old", "new", "flat", "sensor", "house", "rest")
    flat = stored_days(house.settings, house.store, "flat")
    assert (flat["opening_lower"] <= flat["opening"]).all()
    assert (flat["opening"] <= flat["opening_upper"]).all()
    civil = [f"{at.tz_convert(ZONE):%m-%d}" for at in flat.index]
    width = dict(zip(civil, flat["opening_upper"] - flat["opening_lower"], strict=True))
    # Read on 1 January, 2 March and 1 May.
    assert [width[day] for day in ("01-01", "03-02", "05-01")] == [0.0, 0.0, 0.0]
    assert 0 < width["03-03"] < width["04-01"]
    since = bands_of(house).half_widths("flat", spans_of("2023-03-02 2023-03-31"))[0]
    assert width["04-01"] == pytest.approx(2 * since)
    for meter in ("sensor", "rest"):
        stored = stored_days(house.settings, house.store, meter)
        assert stored[["opening_lower", "opening_upper"]].isna().all(axis=None)
    april = HouseSums(house.settings, house.store).months("flat", YEAR).loc[date(2023, 4, 1)]
    assert april["opening_upper"] - april["opening_lower"] == width["04-01"]


def test_a_master_has_the_band_of_its_devices_register(house):
    fit_profiles(house.settings, house.store, FITTED)
    evaluation = Evaluation(house.settings, house.store)
    for device, day in (("old", date(2023, 5, 5)), ("new", date(2023, 9, 9))):
        one, master = (evaluation.days(meter, DayRange.single(day)).days.iloc[0] for meter in (device, "house"))
        assert master["opening_upper"] - master["opening"] == pytest.approx(one["opening_upper"] - one["opening"])
        assert master["opening_upper"] > master["opening"]


@pytest.mark.parametrize("read_at_the_end", [True, False])
def test_a_last_reading_that_nobody_took_leaves_the_masters_register_open_for_good(small_house, read_at_the_end):
    carried = "source_meters: [new], apply_offset_from_previous_period: true"
    house: SmallHouse = small_house(METERS.replace("source_meters: [new]", carried))
    house.read("old", {"2023-01-01 00:00": 0.0, "2023-03-01 00:00": 500.0, "2023-05-01 00:00": 1100.0})
    if read_at_the_end:
        house.read("old", {"2023-07-01 00:00": 1700.0})
    house.read("new", {"2023-07-01 00:00": 0.0, "2023-09-01 00:00": 600.0, "2023-11-01 00:00": 1200.0})
    fit_profiles(house.settings, house.store, FITTED)
    evaluation = Evaluation(house.settings, house.store)
    days = DayRange(date(2023, 8, 1), date(2023, 9, 1))
    master, new = (evaluation.days(meter, days).days for meter in ("house", "new"))
    widths, own = (frame["opening_upper"] - frame["opening"] for frame in (master, new))
    # On 1 September the new device is read.
    assert own.iloc[-1] == 0
    assert (widths.iloc[-1] == 0) == read_at_the_end
    assert widths.to_numpy() == pytest.approx(np.hypot(own, widths.iloc[-1]).to_numpy())


def test_before_the_first_fit_no_band_is_stored(house):
    keep(house, "flat")
    bands = ["lower", "upper", "opening_lower", "opening_upper"]
    assert stored_days(house.settings, house.store, "flat")[bands].isna().all(axis=None)


def test_a_days_band_is_the_same_alone_and_in_a_range_to_the_last_bit(house):
    fit_profiles(house.settings, house.store, FITTED)
    evaluation = Evaluation(house.settings, house.store)
    wholes = {meter: evaluation.days(meter, YEAR).days for meter in ("flat", "house", "rest", "again")}

    @given(st.integers(0, 350), st.integers(0, 14))
    @settings(max_examples=15, deadline=None)
    def law(first: int, length: int) -> None:
        span = DayRange(YEAR.first + timedelta(days=first), YEAR.first + timedelta(days=first + length))
        for meter, days_of_year in wholes.items():
            whole = days_of_year.loc[days_of_year.index.isin(span.openings(ZONE)[:-1])]
            ends = [evaluation.days(meter, DayRange.single(day)).days for day in {span.first, span.last}]
            for alone in ends:
                pd.testing.assert_frame_equal(whole.loc[alone.index], alone, check_exact=True)
            pd.testing.assert_frame_equal(whole, evaluation.days(meter, span).days, check_exact=True)

    law()


def test_days_and_months_are_shown_with_bands_of_their_own(house):
    fit_profiles(house.settings, house.store, FITTED)
    keep(house, "old", "new", "flat", "house", "rest")
    frame = stored_days(house.settings, house.store, "rest")
    days, months = (with_bands(house.settings, house.store, "rest", frame, step) for step in ("day", "month"))
    for shown in (days, months):
        assert (shown["lower"] <= shown["consumption"]).all()
        assert (shown["consumption"] <= shown["upper"]).all()
        assert (shown["lower"] >= 0).all()
    april = days.loc["2023-04-01":"2023-04-30"]
    summed = (april["upper"] - april["consumption"]).sum()
    assert months.loc["2023-04", "upper"] - months.loc["2023-04", "consumption"] < 0.5 * summed


def test_part_of_a_month_has_the_band_of_its_own_days(house):
    fit_profiles(house.settings, house.store, FITTED)
    keep(house, "flat")
    # Read on 2 March: from there until 1 May nothing is open at the far end.
    frame = stored_days(house.settings, house.store, "flat", date(2023, 3, 2), date(2023, 4, 30))
    months = with_bands(house.settings, house.store, "flat", frame, "month")
    ours = bands_of(house).half_widths("flat", spans_of("2023-03-02 2023-03-31"))
    assert months.loc["2023-03", "upper"] - months.loc["2023-03", "consumption"] == pytest.approx(ours[0])


def test_months_and_years_and_the_month_to_date_have_their_own_bands(house):
    fit_profiles(house.settings, house.store, FITTED)
    keep(house, "old", "new", "flat", "sensor", "house", "rest")
    sums, bands = HouseSums(house.settings, house.store), bands_of(house)
    months, years = sums.months("rest", YEAR), sums.years("rest", YEAR)
    assert list(months.index) == [date(2023, month, 1) for month in range(1, 13)]
    april = months.loc[date(2023, 4, 1)]
    ours = bands.half_widths("rest", [*spans_of("2023-04-01 2023-04-30"), YEAR])
    assert april["upper"] == april["consumption"] + ours[0]
    year = years.loc[date(2023, 1, 1)]
    assert year["consumption"] == pytest.approx(months["consumption"].sum())
    assert year["upper"] == year["consumption"] + ours[1]
    assert year["upper"] - year["consumption"] < (months["upper"] - months["consumption"]).sum() / 3
    so_far = sums.month_to_date("rest", date(2023, 12, 1)).iloc[0]
    assert (so_far["consumption"], so_far["days"]) == (months["consumption"].iloc[-1], 31)
    assert so_far["previous_month"] == pytest.approx(months["consumption"].iloc[-2])
    assert np.isnan(so_far["previous_year"])
    assert sums.months("sensor", YEAR)[["lower", "upper"]].isna().all(axis=None)


def test_a_new_fit_with_nearly_the_same_spread_changes_no_band_and_another_one_does(house):
    fit_profiles(house.settings, house.store, FITTED)
    before = kept(house.store, "flat")
    later = FITTED + pd.Timedelta(days=1)
    near = replace(before.spread, mean=1.05 * before.spread.mean)
    assert not keep_profile(house.store, "flat", "kWh", before.profile, later, near)
    assert kept(house.store, "flat") == before
    other = replace(before.spread, scale=2 * before.spread.scale)
    assert keep_profile(house.store, "flat", "kWh", before.profile, later, other)
    assert kept(house.store, "flat") == Kept(before.profile, other)


def test_another_scale_beyond_the_readings_is_a_new_fit_too(house):
    fit_profiles(house.settings, house.store, FITTED)
    before = kept(house.store, "flat")
    other = replace(before.spread, scale_beyond=2 * before.spread.scale_beyond)
    assert keep_profile(house.store, "flat", "kWh", before.profile, FITTED + pd.Timedelta(days=1), other)
    assert kept(house.store, "flat") == Kept(before.profile, other)


def test_a_spread_that_an_earlier_version_stored_keeps_its_bands_until_the_next_fit(house):
    fit_profiles(house.settings, house.store, FITTED)
    stored = house.store.read(PROFILE, "flat").assign(scale=0.7, scale_beyond=np.nan)
    start, end = stored.index[0], stored.index[-1] + pd.Timedelta(microseconds=1)
    house.store.replace(PROFILE, "flat", "kWh", start, end, stored.drop(columns="unit", errors="ignore"))
    found = kept(house.store, "flat").spread
    assert (found.scale, found.scale_beyond) == (0.7, 0.7)


def test_without_the_spread_of_one_source_no_band_is_made_up(house):
    fit_profiles(house.settings, house.store, FITTED)
    evaluation = Evaluation(house.settings, house.store)
    frames = {meter: evaluation.days(meter, YEAR).days for meter in ("house", "flat", "rest")}
    frames["flat"] = frames["flat"].assign(lower=np.nan, upper=np.nan)
    frames["rest"].loc[frames["rest"].index[5:], ["lower", "upper"]] = np.nan
    for meter in ("rest", "again"):
        found = evaluation.derived(house.settings.meters[meter], YEAR, frames).days
        assert found[["lower", "upper"]].iloc[10:].isna().all(axis=None)


def test_a_month_or_year_without_all_its_days_has_no_band(house):
    fit_profiles(house.settings, house.store, FITTED)
    frame = Evaluation(house.settings, house.store).days("flat", YEAR).days
    gone = frame.index[100]
    frame.loc[gone, ["opening", "closing", "consumption", "estimated_share", "lower", "upper"]] = np.nan
    frame.loc[gone, "quality"] = "missing"
    write_days(house.store, "flat", "kWh", *YEAR.bounds(ZONE), frame)
    sums = HouseSums(house.settings, house.store)
    months = sums.months("flat", YEAR)
    assert months["lower"].isna().to_list() == [month == 4 for month in range(1, 13)]
    assert sums.years("flat", YEAR)["lower"].isna().all()


def test_what_is_kept_for_a_run_changes_no_number_whatever_is_asked_for_first(house):
    march, year = spans_of("2023-03-02 2023-04-01"), [YEAR]
    held = Evaluation(house.settings, house.store, hold=True).bands
    for meter in ("flat", "house", "rest"):
        for spans in (march, year, march):
            assert held.half_widths(meter, spans).tolist() == bands_of(house).half_widths(meter, spans).tolist()


def test_what_is_kept_within_the_readings_does_not_serve_beyond_either_end_of_them(small_house):
    house = small_house(
        "meters:\n  - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2023-01-01}\n"
    )
    for month, value in (("2023-03-01", 0), ("2023-05-01", 610), ("2023-07-01", 1300), ("2023-09-01", 1900)):
        house.read("flat", {f"{month} 00:00": float(value)})
    before, within, after = spans_of("2023-02-01 2023-02-20", "2023-05-10 2023-06-10", "2023-09-10 2023-09-30")
    for beyond in (before, after):
        held = Evaluation(house.settings, house.store, hold=True).bands
        held.half_widths("flat", [within])
        width = held.half_widths("flat", [beyond])[0]
        assert width == bands_of(house).half_widths("flat", [beyond])[0]
        assert width > 1.0


def test_sums_beyond_the_days_that_are_kept_are_read(house):
    fit_profiles(house.settings, house.store, FITTED)
    keep(house, "flat")
    kept_march = HouseSums(house.settings, house.store, held=DayRange(date(2023, 3, 1), date(2023, 3, 31)))
    for asked in (DayRange(date(2023, 3, 1), date(2023, 3, 31)), YEAR):
        read = HouseSums(house.settings, house.store).years("flat", asked)
        pd.testing.assert_frame_equal(kept_march.years("flat", asked), read)
        months = HouseSums(house.settings, house.store).months("flat", asked)
        pd.testing.assert_frame_equal(kept_march.months("flat", asked), months)
