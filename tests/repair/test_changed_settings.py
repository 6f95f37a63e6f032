"""A setting that a day depends on makes the days stale that it changes, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

from tests.houses import fit_profiles
from tests.repair.repaired_house import HOUSE, WITHIN, compute, monthly, plan
from workflows_dagster.domain.days import DayRange
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.records.made_from import stored_digests
from workflows_dagster.records.profiles import keep_profile, kept
from workflows_dagster.repair import repairs
from workflows_dagster.repair.repairs import Repair

SHED = "meters: [{meter_id: shed, type: physical, output_unit: kWh, installation_date: 2023-01-01}]"
GAS = """
    meters:
      - {meter_id: gas, type: physical, output_unit: m³, utility: gas, installation_date: 2023-01-01}
      - {meter_id: boiler, type: physical, output_unit: kWh, utility: gas, installation_date: 2023-01-01}
      - {meter_id: hearth, type: virtual, output_unit: m³, utility: gas, calculation_type: subtraction,
         base_meter: gas, subtract_meters: [boiler],
         subtract_meter_conversions: {boiler: {from_unit: kWh, to_unit: m³}}}
"""
FACTORS = """
    timezone: Europe/Berlin
    gas_conversion:
      - {valid_from: 2020-01-01, energy_content: 11.0, z_factor: 0.9}
"""
NEW_FACTORS = FACTORS + "      - {valid_from: 2024-03-15, energy_content: 11.4, z_factor: 0.9}\n"


def test_another_time_zone_repairs_the_days_of_every_meter(house, small_house):
    before = plan(house, None).snapshot
    london = small_house(HOUSE, config="timezone: Europe/London")
    after = plan(london, before)
    assert after.changed == ("main", "flat", "rest", "shed")
    assert {meter for repair in after.repairs for meter in repair.meters} == {"main", "flat", "shed", "rest"}
    compute(london, after.repairs)
    assert plan(london, None).repairs == ()


def test_other_rules_of_a_new_version_compare_every_meter_once_and_repair_what_differs(house, monkeypatch):
    before = plan(house, None).snapshot
    monkeypatch.setattr(repairs, "_RULES", "others")
    start, end = WITHIN.bounds(house.settings.site.zone)
    shed = read_days(house.store, "shed", start, end)
    shed.iloc[40, shed.columns.get_loc("consumption")] += 0.1
    write_days(house.store, "shed", "kWh", start, end, shed)
    after = plan(house, before)
    assert after.changed == ("main", "flat", "shed")
    assert after.repairs == (Repair(DayRange(date(2023, 2, 10), date(2023, 2, 10)), ("shed",)),)


def test_a_new_gas_factor_repairs_the_meter_that_converts_by_it_from_its_day_on(small_house):
    house = small_house(GAS, config=FACTORS)
    house.read("gas", monthly(step=100.0), unit="m³")
    house.read("boiler", monthly(step=600.0))
    compute(house, [Repair(WITHIN, ("gas", "boiler", "hearth"))])
    before = plan(house, None).snapshot
    assert plan(house, before).changed == ()
    dated = small_house(GAS, config=NEW_FACTORS)
    after = plan(dated, before)
    assert after.changed == ("hearth",)
    assert after.repairs == (Repair(DayRange(date(2024, 3, 15), WITHIN.last), ("hearth",)),)
    compute(dated, after.repairs)
    assert plan(dated, None).repairs == ()


def test_another_unit_repairs_the_meter_though_all_its_days_are_zero(small_house):
    """What is left of a main meter that counts as much as its flat is nothing, in any unit."""
    house = small_house(HOUSE)
    for meter in ("main", "flat", "shed"):
        house.read(meter, monthly())
    compute(house, [Repair(WITHIN, ("main", "flat", "shed", "rest"))])
    before = plan(house, None).snapshot
    other = small_house(HOUSE.replace("rest, type: virtual, output_unit: kWh", "rest, type: virtual, output_unit: Wh"))
    after = plan(other, before)
    assert after.changed == ("rest",)
    assert after.repairs == (Repair(WITHIN, ("rest",)),)


@pytest.mark.parametrize(
    ("changed", "reached"),
    [("2024-02-29 12:00", True), ("2024-03-01 12:00", False)],
    ids=["a year after the first", "the one after it"],
)
def test_days_before_the_first_reading_follow_the_readings_that_they_are_scaled_by(small_house, changed, reached):
    """Read once a day from March on; January and February are estimated by the year after."""
    house = small_house(
        "meters:\n  - {meter_id: shed, type: physical, output_unit: kWh, installation_date: 2023-01-01}"
    )
    readings = {f"{day:%Y-%m-%d} 12:00": 1000.0 + k for k, day in enumerate(pd.date_range("2023-03-01", WITHIN.last))}
    house.read("shed", readings)
    compute(house, [Repair(WITHIN, ("shed",))])
    before = plan(house, None).snapshot
    house.read("shed", {changed: readings[changed] + 0.5})
    found = plan(house, before).repairs
    day = date.fromisoformat(changed[:10])
    estimated = [Repair(DayRange(WITHIN.first, date(2023, 3, 1)), ("shed",))]
    around = [Repair(DayRange(day - timedelta(days=1), day + timedelta(days=1)), ("shed",))]
    assert list(found) == (estimated if reached else []) + around
    compute(house, found)
    assert plan(house, None).repairs == ()


def test_a_description_changes_no_day(house, small_house):
    before = plan(house, None).snapshot
    named = small_house(HOUSE.replace("meter_id: shed,", "meter_id: shed, description: Behind the house,"))
    assert plan(named, before).changed == ()


def test_another_spread_gives_the_estimated_days_new_bands_and_makes_the_months_due(house):
    fit_profiles(house.settings, house.store, pd.Timestamp("2025-01-02", tz="UTC"))
    planned = plan(house, None)
    compute(house, planned.repairs)
    assert plan(house, None).repairs == ()
    digests = stored_digests(house.store, "flat", house.settings.site.zone, WITHIN)
    before = kept(house.store, "flat")
    other = replace(before.spread, mean=1.5 * max(before.spread.mean, 1.0))
    keep_profile(house.store, "flat", "kWh", before.profile, pd.Timestamp("2025-01-03", tz="UTC"), other)
    after = plan(house, planned.snapshot)
    assert "flat" in after.changed
    assert {"flat", "rest"} <= {meter for repair in after.repairs for meter in repair.meters}
    compute(house, after.repairs)
    assert plan(house, None).repairs == ()
    assert (stored_digests(house.store, "flat", house.settings.site.zone, WITHIN) != digests).any()
