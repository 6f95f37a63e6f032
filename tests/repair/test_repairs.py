"""A change repairs the days that it reaches, everything made from them, and nothing else."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from tests.repair.repaired_house import HOUSE, WITHIN, compute, plan
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange, joined
from workflows_dagster.evaluation import Evaluation, raw_series
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.repair.missing import catch_up, missing_days
from workflows_dagster.repair.repairs import Repair, plan_repairs
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, RawSeries


def test_what_is_true_needs_no_repair(house):
    first = plan(house, None)
    assert first.repairs == ()
    assert plan(house, first.snapshot).changed == ()


def test_a_back_dated_reading_repairs_its_gap_and_what_is_made_from_the_meter(house):
    before = plan(house, None).snapshot
    house.read("flat", {"2023-06-15 12:00": 155.0})
    repairs = plan(house, before).repairs
    assert repairs == (Repair(DayRange(date(2023, 6, 1), date(2023, 7, 1)), ("flat", "rest")),)


def test_after_the_repair_everything_is_true_again(house):
    before = plan(house, None).snapshot
    house.read("flat", {"2023-06-15 12:00": 155.0})
    found = plan(house, before)
    compute(house, found.repairs)
    assert plan(house, None).repairs == ()
    assert plan(house, found.snapshot).changed == ()


def test_a_reading_of_a_meter_that_nothing_is_made_from_repairs_it_alone(house):
    before = plan(house, None).snapshot
    house.read("shed", {"2023-06-15 12:00": 155.0})
    assert [repair.meters for repair in plan(house, before).repairs] == [("shed",)]


def test_an_edited_reading_repairs_the_gaps_on_both_sides(house):
    before = plan(house, None).snapshot
    house.read("flat", {"2023-06-01 12:00": 151.0})
    (repair,) = plan(house, before).repairs
    assert repair.days == DayRange(date(2023, 5, 1), date(2023, 7, 1))


def test_a_deleted_reading_repairs_the_gap_that_it_leaves(house):
    before = plan(house, None).snapshot
    at = pd.Timestamp("2023-06-01 12:00", tz="Europe/Berlin").tz_convert("UTC")
    house.store.delete_readings(RawSeries("kWh", "flat"), at, at + pd.Timedelta(seconds=1))
    (repair,) = plan(house, before).repairs
    # The straight line over both months passes near the reading that is gone, but not through it.
    assert repair.days == DayRange(date(2023, 5, 1), date(2023, 7, 1))


def test_a_new_last_reading_repairs_the_tail(house):
    at = pd.Timestamp("2024-10-15", tz="UTC")
    house.store.delete_readings(RawSeries("kWh", "shed"), at, pd.Timestamp("2026-01-01", tz="UTC"))
    compute(house, plan(house, None).repairs)
    before = plan(house, None).snapshot
    house.read("shed", {"2024-12-20 12:00": 800.0})
    (repair,) = plan(house, before).repairs
    assert repair.days.first == date(2024, 10, 1)
    assert repair.days.last == date(2024, 12, 31)


def test_two_changes_are_two_runs_and_near_ones_are_one(house):
    before = plan(house, None).snapshot
    house.read("flat", {"2023-06-15 12:00": 155.0, "2024-03-15 12:00": 425.0})
    assert len(plan(house, before).repairs) == 2
    house.read("flat", {"2023-06-20 12:00": 160.0})
    assert len(plan(house, before).repairs) == 2


def test_days_that_were_never_computed_are_not_repaired(house):
    zone = house.settings.site.zone
    march = days.opening(date(2023, 3, 1), zone), days.opening(date(2023, 4, 1), zone)
    write_days(house.store, "shed", "kWh", *march, read_days(house.store, "shed").iloc[:0].drop(columns="unit"))
    house.read("shed", {"2023-03-15 12:00": 61.0})
    others = [day for day in WITHIN if day.month != 3 or day.year != 2023]
    repairs = plan_repairs(house.settings, house.store, None, WITHIN, lambda _: others).repairs
    assert [repair.days for repair in repairs] == [DayRange(date(2023, 4, 1), date(2023, 4, 1))]


def test_a_day_that_was_computed_in_vain_is_repaired_when_a_reading_says_something(small_house):
    house = small_house("meters: [{meter_id: shed, type: physical, output_unit: kWh}]")
    house.read("shed", {"2023-06-01": 60.0, "2023-07-01": 90.0})
    compute(house, [Repair(WITHIN, ("shed",))])
    before = plan(house, None).snapshot
    house.read("shed", {"2023-05-02": 30.0})
    (repair,) = plan(house, before).repairs
    assert repair.days.first == date(2023, 5, 2)


def test_a_reading_at_the_handover_carries_on_into_the_masters_register(small_house):
    house = small_house("""
        meters:
          - meter_id: old
            type: physical
            output_unit: kWh
            installation_date: 2023-01-01
            deinstallation_date: 2023-06-30
          - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2023-07-01}
          - meter_id: total
            type: master
            output_unit: kWh
            periods:
              - start_date: 2023-01-01
                end_date: 2023-06-30
                composition_type: single
                source_meters: [old]
                source_unit: kWh
              - start_date: 2023-07-01
                end_date: 9999-12-31
                composition_type: single
                source_meters: [new]
                source_unit: kWh
                apply_offset_from_previous_period: true
    """)
    house.read("old", {"2023-01-01 00:00": 0.0, "2023-05-01 00:00": 120.0, "2023-06-30 12:00": 181.0})
    house.read("new", {"2023-07-01 12:00": 0.0, "2024-07-01 12:00": 365.0, "2024-12-31 12:00": 500.0})
    compute(house, [Repair(WITHIN, ("old", "new", "total"))])
    before = plan(house, None).snapshot
    house.read("old", {"2023-06-30 12:00": 190.0})
    repairs = plan(house, before).repairs
    assert Repair(DayRange(date(2023, 5, 1), date(2023, 6, 30)), ("old", "total")) in repairs
    assert Repair(DayRange(date(2023, 7, 1), date(2024, 12, 31)), ("total",)) in repairs
    compute(house, repairs)
    assert plan(house, None).repairs == ()


def test_a_changed_recipe_repairs_the_meter_wherever_it_differs(house, small_house):
    before = plan(house, None).snapshot
    # The same house, in which a month is no longer too long a gap.
    other = small_house(
        HOUSE.replace("meter_id: shed, type: physical,", "meter_id: shed, type: physical, measured_max_gap_hours: 800,")
    )
    (repair,) = plan(other, before).repairs
    assert repair.meters == ("shed",)
    assert repair.days.first < date(2023, 2, 2)


def test_the_sum_of_repairs_is_a_full_recomputation(house):
    """Whatever happens to the readings, in whatever order, the repaired store equals one computed afresh."""
    before = plan(house, None).snapshot
    house.read("main", {"2023-02-10 08:00": 80.0, "2024-08-08 08:00": 1145.0})
    house.read("flat", {"2023-02-14 08:00": 44.0, "2023-09-01 12:00": 239.0})
    compute(house, plan(house, before).repairs)
    for meter in house.settings.meters:
        stored = read_days(house.store, meter.meter_id)
        fresh = Evaluation(house.settings, house.store).days(meter.meter_id, DayRange(WITHIN.first, WITHIN.last)).days
        pd.testing.assert_frame_equal(
            stored[fresh.columns], fresh, check_exact=True, check_freq=False, check_dtype=False, check_names=False
        )


def test_days_that_were_never_computed_are_missing_and_become_one_run(house):
    within = DayRange(WITHIN.first, WITHIN.last + timedelta(days=7))
    computed = {meter.meter_id: list(WITHIN) for meter in house.settings.meters}
    missing = missing_days(house.settings, house.store, computed, within)
    (repair,) = catch_up(house.settings, missing)
    assert repair == Repair(DayRange(date(2025, 1, 1), date(2025, 1, 7)), ("main", "flat", "rest", "shed"))


def test_a_day_that_the_store_lost_is_missing_though_dagster_has_seen_it(house):
    start = days.opening(date(2023, 8, 8), house.settings.site.zone)
    end = days.closing(date(2023, 8, 8), house.settings.site.zone)
    house.store.replace(CONSUMPTION_DAILY, "flat", "kWh", start, end, read_days(house.store, "flat")[[]].iloc[:0])
    computed = {meter.meter_id: list(WITHIN) for meter in house.settings.meters}
    assert missing_days(house.settings, house.store, computed, WITHIN) == {"flat": {date(2023, 8, 8)}}


def test_a_meter_that_shares_its_entity_with_its_successor_is_repaired_too(small_house):
    house = small_house("""
        meters:
          - meter_id: old
            type: physical
            output_unit: kWh
            installation_date: 2023-01-01
            deinstallation_date: 2023-06-30
            source: {entity_id: main}
          - meter_id: new
            type: physical
            output_unit: kWh
            installation_date: 2023-07-01
            source: {entity_id: main}
    """)
    house.read("main", {"2023-01-01 12:00": 0.0, "2023-06-30 12:00": 180.0})
    house.read("main", {"2023-07-01 12:00": 0.0, "2024-12-31 12:00": 500.0})
    compute(house, [Repair(WITHIN, ("old", "new"))])
    before = plan(house, None).snapshot
    house.read("main", {"2023-04-01 12:00": 70.0})
    (repair,) = plan(house, before).repairs
    assert repair == Repair(DayRange(date(2023, 1, 1), date(2023, 6, 30)), ("old",))


def test_spans_join_neighbours_only():
    some = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)]
    assert joined(some) == [DayRange(date(2024, 1, 1), date(2024, 1, 2)), DayRange(date(2024, 1, 4), date(2024, 1, 4))]


def test_raw_series_of_the_house_are_where_home_assistant_writes(house):
    assert raw_series(house.settings.meters["flat"]) == RawSeries("kWh", "flat")
