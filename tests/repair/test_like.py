"""A gas meter read by hand that contains a boiler which reports by itself: estimated with it, repaired with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse, fit_profiles
from tests.repair.repaired_house import WITHIN, compute, plan
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.evaluation.findings.contained import would_pay
from workflows_dagster.records.days import read_days
from workflows_dagster.records.profiles import keep_profile, kept
from workflows_dagster.repair.repairs import Repair
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {{meter_id: gas, type: physical, output_unit: m³, installation_date: 2023-01-01{gas}}}
  - {{meter_id: boiler, type: physical, output_unit: kWh, utility: gas, installation_date: 2023-01-01}}
  - {{meter_id: house_gas, type: master, output_unit: m³,
     periods: [{{start_date: 2023-01-01, composition_type: single, source_meters: [gas]}}]}}
  - {{meter_id: stove, type: virtual, output_unit: m³, calculation_type: subtraction, base_meter: house_gas,
     subtract_meters: [boiler], subtract_meter_conversions: {{boiler: {{from_unit: kWh, to_unit: m³}}}}}}
"""
CONFIG = "gas_conversion: {energy_content: 10.0, z_factor: 1.0}"
LIKE = ", estimate: [like: boiler]"
DAYS = pd.date_range("2023-01-01", "2025-01-01", freq="D", tz="Europe/Berlin", unit="us")


def house_of(small_house, gas: str = LIKE) -> SmallHouse:
    """The boiler burns by the day of the week and the season; a stove burns 0.5 m³ a day."""
    house: SmallHouse = small_house(METERS.format(gas=gas), config=CONFIG)
    wave = 6.0 - 5.0 * np.cos(2 * np.pi * (DAYS.day_of_year - 20) / 365) + 3.0 * (DAYS.day_of_week >= 5)
    used = np.round(np.asarray(wave), 1)
    shown = np.concatenate([[0.0], np.cumsum(used[:-1])])
    boiler = pd.Series(10.0 * shown, DAYS.tz_convert("UTC"))
    gas_shown = pd.Series(np.round(shown + 0.5 * np.arange(len(DAYS)), 2), DAYS.tz_convert("UTC"))
    house.store.write_readings(RawSeries("kWh", "boiler"), boiler)
    house.store.write_readings(RawSeries("m³", "gas"), gas_shown.iloc[::61])
    return house


def everything(house: SmallHouse) -> SmallHouse:
    compute(house, [Repair(WITHIN, tuple(meter.meter_id for meter in house.settings.meters.in_order()))])
    return house


def test_what_is_left_beside_the_boiler_is_what_the_stove_burnt(small_house):
    house = house_of(small_house)
    days = Evaluation(house.settings, house.store).days("stove", WITHIN).days
    read = days.iloc[: 61 * 11]
    assert read["residual"].to_numpy() == pytest.approx(0.5, abs=0.03)


def test_without_it_the_stove_falls_below_zero_by_way_of_estimation(small_house):
    house = house_of(small_house, gas="")
    days = Evaluation(house.settings, house.store).days("stove", WITHIN).days
    assert (days["residual"] < -1.0).sum() > 100


def test_a_day_alone_is_the_same_to_the_last_bit(small_house):
    house = everything(house_of(small_house))
    stored = read_days(house.store, "gas")
    for day in (date(2023, 3, 26), date(2023, 7, 2), date(2024, 2, 29), date(2024, 12, 30)):
        alone = Evaluation(house.settings, house.store).days("gas", DayRange.single(day)).days
        pd.testing.assert_frame_equal(
            alone, stored.loc[alone.index, list(alone.columns)], check_exact=True, check_dtype=False
        )


def test_a_corrected_reading_of_the_boiler_repairs_the_gap_of_the_gas_meter_too(small_house):
    house = everything(house_of(small_house))
    before = plan(house, None)
    assert before.repairs == ()
    at = pd.DatetimeIndex(["2023-10-11"]).tz_localize("Europe/Berlin").tz_convert("UTC").as_unit("us")
    boiler = RawSeries("kWh", "boiler")
    reading = house.store.readings(boiler, at[0], at[0] + pd.Timedelta(seconds=1))
    house.store.write_readings(boiler, reading - 20.0)
    found = plan(house, before.snapshot)
    changed = {
        meter: {day for r in found.repairs if meter in r.meters for day in r.days} for meter in ("boiler", "gas")
    }
    assert changed["boiler"] == {date(2023, 10, 10), date(2023, 10, 11)}
    # Read on 2 September and 2 November.
    assert changed["gas"] <= {date(2023, 9, 1) + timedelta(days=k) for k in range(64)}
    assert changed["gas"] >= {date(2023, 10, 10), date(2023, 10, 11)}
    compute(house, found.repairs)
    assert plan(house, None).repairs == ()


def test_another_resolution_of_the_boiler_is_another_recipe_of_the_gas_meter(small_house):
    house = everything(house_of(small_house))
    before = plan(house, None).snapshot
    text = METERS.format(gas=LIKE).replace("utility: gas,", "utility: gas, measured_max_gap_hours: 30,")
    other = small_house(text, config=CONFIG)
    assert plan(other, before).changed == ("gas", "boiler")


def test_a_boiler_read_by_hand_that_proves_more_irregular_makes_the_bands_of_both_others_wider_by_itself(small_house):
    house = house_of(small_house)
    boiler = RawSeries("kWh", "boiler")
    read = house.store.readings(boiler).iloc[::47]
    house.store.delete_readings(boiler, DAYS[0].tz_convert("UTC"), DAYS[-1].tz_convert("UTC") + pd.Timedelta(days=1))
    house.store.write_readings(boiler, read)
    fit_profiles(house.settings, house.store, DAYS[-1])
    everything(house)
    before, known = plan(house, None), kept(house.store, "boiler")
    assert before.repairs == ()
    widths = {meter: read_days(house.store, meter).eval("upper - lower") for meter in ("gas", "stove")}
    spread = replace(known.spread, scale=2 * known.spread.scale)
    keep_profile(house.store, "boiler", "kWh", known.profile, DAYS[-1] + pd.Timedelta(days=1), spread)
    found = plan(house, before.snapshot)
    assert {meter for repair in found.repairs for meter in repair.meters} == {"gas", "boiler", "house_gas", "stove"}
    compute(house, found.repairs)
    assert plan(house, None).repairs == ()
    for meter, old in widths.items():
        assert read_days(house.store, meter).eval("upper - lower").mean() > 1.05 * old.mean()


def test_it_is_suggested_with_what_it_gains_and_not_once_it_is_written(small_house):
    now = pd.Timestamp("2025-01-01", tz="UTC")
    for gas, expected in (("", ["like_would_pay"]), (LIKE, []), (", estimate: even", [])):
        house = house_of(small_house, gas=gas)
        meter = house.settings.meters["gas"]
        found = would_pay(house.settings, meter, Evaluation(house.settings, house.store), now)
        assert [finding.code for finding in found] == expected
        if found:
            assert found[0].figures["other"] == "boiler"
            assert float(found[0].figures["missed_with"]) < 0.01 < float(found[0].figures["missed"])


def test_a_boiler_that_is_read_by_hand_itself_is_not_suggested(small_house):
    house = house_of(small_house, gas="")
    boiler = RawSeries("kWh", "boiler")
    kept = house.store.readings(boiler).iloc[::61]
    house.store.delete_readings(boiler, DAYS[0].tz_convert("UTC"), DAYS[-1].tz_convert("UTC") + pd.Timedelta(days=1))
    house.store.write_readings(boiler, kept)
    now = pd.Timestamp("2025-01-01", tz="UTC")
    evaluation = Evaluation(house.settings, house.store)
    assert would_pay(house.settings, house.settings.meters["gas"], evaluation, now) == []


def test_the_arithmetic_is_explained(small_house):
    house = house_of(small_house)
    explainer = Explainer(house.settings, house.store, pd.Timestamp("2025-01-01", tz="UTC"))
    explained = explainer.explain("gas", CivilPeriod.parse("2023-10-11"))
    text = " ".join(render(explained, 0).split())
    assert "the use of 'boiler' is taken as it is; the rest is spread by the weight" in text
    assert explained.consumption == pytest.approx(0.5 + 6.0 - 5.0 * np.cos(2 * np.pi * 264 / 365), abs=0.06)


@pytest.mark.parametrize(
    ("gas", "code"),
    [
        ("[like: stove]", "made_from_itself"),
        ("[like: nobody]", "unknown_meter"),
        ("[like: gas]", "made_from_itself"),
        ("tuesdays", "no_estimate"),
        ("[season, 3]", "no_estimate"),
        ("[]", "no_estimate"),
        ("[{like: boiler}, {like: gas}]", "two_likes"),
    ],
)
def test_what_cannot_be_followed_is_refused(small_house, gas, code):
    with pytest.raises(SettingsError) as caught:
        small_house(METERS.format(gas=f", estimate: {gas}"), config=CONFIG)
    assert code in [problem.code for problem in caught.value.problems]
    assert {problem.key for problem in caught.value.problems} <= {
        "gas.estimate",
        "stove.base_meter",
        "house_gas.periods[0].source_meters[0]",
    }


def test_a_meter_that_is_no_part_of_it_is_refused_beside_something_else(small_house):
    text = METERS.format(gas="").replace("utility: gas,", "utility: gas, estimate: [weather, like: gas],")
    with pytest.raises(SettingsError) as caught:
        small_house(text, config=CONFIG)
    (problem,) = caught.value.problems
    assert (problem.code, problem.key, problem.figures["name"]) == ("like_not_contained", "boiler.estimate", "gas")
