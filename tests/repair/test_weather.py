"""A gas meter that follows the outdoor temperature: chosen by the readings left out, and repaired like any other."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse, fit_profiles
from tests.repair.repaired_house import WITHIN, compute, plan
from tests.weather_house import HOURS, METERS, PATTERNS, heated, house_of, temperatures
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.degree_days import DegreeDayProfile
from workflows_dagster.domain.season import FLAT
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.records.days import read_days
from workflows_dagster.records.profiles import kept
from workflows_dagster.repair.repairs import Repair
from workflows_dagster.stores.ports import RawSeries

FITTED = pd.Timestamp("2025-01-02", tz="UTC")


def computed(house: SmallHouse) -> SmallHouse:
    compute(house, [Repair(WITHIN, ("gas", "water"))])
    return house


def missed(house: SmallHouse) -> float:
    """What is misplaced among the months, over all. [1]"""
    days = read_days(house.store, "gas")["consumption"]["2023-02-01":"2024-10-31"]
    truth = heated(temperatures()).diff().reindex(days.index.floor("D"))
    months = days.index.tz_convert("Europe/Berlin").strftime("%Y-%m")
    error = np.abs(days.groupby(months).sum() - truth.set_axis(days.index).groupby(months).sum()).sum()
    return float(error / truth.sum())


def test_gas_follows_the_weather_where_it_misses_less_and_water_never(small_house):
    house = house_of(small_house)
    fit_profiles(house.settings, house.store, FITTED)
    profile = kept(house.store, "gas").profile
    assert isinstance(profile, DegreeDayProfile)
    assert profile.missed < 0.3 * profile.missed_by_season
    assert 13.5 < profile.base_temperature < 16
    assert kept(house.store, "water").profile == FLAT
    assert missed(computed(house)) < 0.04


def test_without_temperatures_gas_follows_the_calendar_and_misses_more(small_house):
    house = house_of(small_house, known=False)
    fit_profiles(house.settings, house.store, FITTED)
    assert not isinstance(kept(house.store, "gas").profile, DegreeDayProfile)
    assert missed(computed(house)) > 0.1


@pytest.mark.parametrize(("estimate", "follows"), [("season", False), ("even", False), ("weather", True)])
def test_the_owner_may_say_what_the_meter_follows(small_house, estimate, follows):
    house = house_of(small_house, gas=f", estimate: {estimate}")
    fit_profiles(house.settings, house.store, FITTED)
    assert isinstance(kept(house.store, "gas").profile, DegreeDayProfile) == follows
    days = computed(house).store
    frame = read_days(days, "gas")["consumption"]["2023-05-05":"2023-06-20"]
    assert (frame.round(9).nunique() == 1) == (estimate == "even")


def test_a_thermometer_that_says_nothing_new_loses_its_place_only_when_it_is_worse(small_house):
    """The temperature is of the other hemisphere: the calendar is nearer, and the profile goes back to it."""
    house = house_of(small_house)
    shown = heated(temperatures())
    months = pd.date_range("2023-01-01", "2024-12-01", freq="MS", tz="UTC", unit="us")
    house.store.write_readings(RawSeries("m³", "gas"), pd.Series([round(shown.asof(at), 2) for at in months], months))
    fit_profiles(house.settings, house.store, FITTED)
    assert isinstance(kept(house.store, "gas").profile, DegreeDayProfile)
    house.store.write_readings(OUTDOOR, 20.0 - temperatures())
    fit_profiles(house.settings, house.store, FITTED)
    assert not isinstance(kept(house.store, "gas").profile, DegreeDayProfile)


def test_the_days_between_two_readings_add_up_and_a_day_alone_is_the_same_to_the_last_bit(small_house):
    house = house_of(small_house)
    fit_profiles(house.settings, house.store, FITTED)
    computed(house)
    evaluation = Evaluation(house.settings, house.store)
    stored = read_days(house.store, "gas")
    for day in (date(2023, 3, 26), date(2023, 7, 2), date(2024, 2, 29), date(2024, 12, 30)):
        alone = evaluation.days("gas", DayRange.single(day)).days
        pd.testing.assert_frame_equal(
            alone, stored.loc[alone.index, list(alone.columns)], check_exact=True, check_dtype=False
        )
    between = stored["2023-01-02":"2024-10-31"]
    whole = between["closing"].iloc[-1] - between["opening"].iloc[0]
    assert between["consumption"].sum() == pytest.approx(whole, rel=1e-12)


def test_a_corrected_temperature_repairs_its_gap_of_the_meters_that_follow_it_and_nothing_else(small_house):
    house = house_of(small_house)
    fit_profiles(house.settings, house.store, FITTED)
    before = plan(computed(house), None)
    assert before.repairs == ()
    cold = pd.Series(-5.0, index=HOURS[(HOURS >= "2023-10-10") & (HOURS < "2023-10-12")])
    house.store.write_readings(OUTDOOR, cold)
    found = plan(house, before.snapshot)
    assert found.changed == ("gas",)
    (repair,) = found.repairs
    assert repair.meters == ("gas",)
    # Read on 1 September and 1 November at 01:00 or 02:00 local time.
    assert (repair.days.first, repair.days.last) == (date(2023, 9, 1), date(2023, 11, 1))
    compute(house, found.repairs)
    assert plan(house, None).repairs == ()
    assert plan(house, found.snapshot).changed == ()


def test_temperatures_that_come_late_repair_the_days_that_had_the_seasons(small_house):
    """The thermometer was silent in December: its days fall back on the season, until its values are there."""
    house = house_of(small_house)
    fit_profiles(house.settings, house.store, FITTED)
    december = (pd.Timestamp("2023-12-01", tz="UTC"), pd.Timestamp("2024-01-01", tz="UTC"))
    late = house.store.readings(OUTDOOR, *december)
    house.store.delete_readings(OUTDOOR, *december)
    before = plan(computed(house), None).snapshot
    house.store.write_readings(OUTDOOR, late)
    found = plan(house, before)
    assert {day for repair in found.repairs for day in repair.days} >= {
        date(2023, 12, 1) + timedelta(days=k) for k in range(31)
    }
    compute(house, found.repairs)
    assert missed(house) < 0.04


def test_the_houses_own_thermometer_goes_before_imported_temperatures(small_house, tmp_path):
    house = small_house(METERS.format(gas=""), patterns=PATTERNS, config="weather: {entity_id: outside}")
    other = house_of(small_house)
    house.store.write_readings(RawSeries("°C", "outside"), temperatures())
    house.store.write_readings(OUTDOOR, temperatures() + 7.0)
    assert len(other.store.readings(RawSeries("m³", "gas"))) == 12
    meters = Evaluation(house.settings, house.store).of_physical
    profile, _ = meters.fitted(house.settings.meters["gas"])
    assert isinstance(profile, DegreeDayProfile)
    assert profile.base_temperature < 17
