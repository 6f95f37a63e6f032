"""The three laws of allocation over a whole house, and worked examples over small ones."""

from __future__ import annotations

import random
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.houses import CONFIG, SAMPLE_DAYS
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.derived import DerivedMeters
from workflows_dagster.evaluation.physical import unbalanced
from workflows_dagster.sample_house import sample_readings
from workflows_dagster.settings.load import load
from workflows_dagster.stores.ports import RawSeries

METERS = [meter.meter_id for meter in load(CONFIG, {}).meters]
PHYSICAL = [meter.meter_id for meter in load(CONFIG, {}).meters.physical]


@pytest.fixture(scope="module")
def history(shipped, sample_store):
    """All meters' days in one go."""
    evaluation = Evaluation(shipped, sample_store)
    return {meter_id: evaluation.days(meter_id, SAMPLE_DAYS).days for meter_id in METERS}


@pytest.mark.parametrize("meter_id", METERS)
def test_a_day_alone_a_month_and_all_days_give_the_same_bits(meter_id, shipped, sample_store, history):
    """One day or ten years, the same number."""
    whole = history[meter_id]
    picks = random.Random(meter_id)
    some = [SAMPLE_DAYS.first + timedelta(days=picks.randrange(425)) for _ in range(3)]
    handovers = [date(2024, 11, 12), date(2024, 11, 13), date(2024, 11, 26), date(2024, 10, 27)]
    ranges = [(day, day) for day in [*some, *handovers, SAMPLE_DAYS.first, SAMPLE_DAYS.last]] + [
        (some[0], min(some[0] + timedelta(days=40), SAMPLE_DAYS.last))
    ]
    for first, last in ranges:
        part = Evaluation(shipped, sample_store).days(meter_id, DayRange(first, last)).days
        cuts = DayRange(first, last).openings(shipped.site.zone)
        expected = whole.loc[(whole.index >= cuts[0]) & (whole.index < cuts[-1])]
        pd.testing.assert_frame_equal(part, expected, check_exact=True, check_freq=False)


@pytest.mark.parametrize("meter_id", PHYSICAL)
def test_nothing_is_lost_between_two_valid_readings(meter_id, shipped, sample_store, history):
    meter = shipped.meters[meter_id]
    register = Evaluation(shipped, sample_store).of_physical.history(meter)
    frame = history[meter_id]
    cuts = days.microseconds(pd.DatetimeIndex(frame.index))
    inside = np.flatnonzero((register.times >= cuts[0]) & (register.times <= cuts[-1]))
    if len(inside) < 3:
        pytest.fail(f"{meter_id} has too few readings in the sample")
    opening, closing = frame["opening"].iloc[0], frame["closing"].iloc[-1]
    falls = register.falls[inside[0] : inside[-1]]
    wrapped = register.modulus * falls.sum() if falls.any() else 0.0
    assert frame["consumption"].sum() == pytest.approx(closing - opening + wrapped, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("meter_id", PHYSICAL)
def test_the_sum_over_the_winter_is_near_the_truth(meter_id, shipped, history):
    truth = sample_readings(shipped.meters, shipped.site.zone, date(2025, 3, 2), SAMPLE_DAYS.first)[meter_id].truth
    frame = history[meter_id]
    civil = days.civil_days(pd.DatetimeIndex(frame.index), shipped.site.zone)
    known = truth.reindex(civil)
    middle = slice(20, -20) if len(frame) > 60 else slice(None)
    expected = known.to_numpy(dtype=float)[middle]
    assert np.nansum(frame["consumption"].to_numpy()[middle]) == pytest.approx(np.nansum(expected), rel=0.06)


@pytest.mark.parametrize("meter_id", ["strom_total", "gas_total"])
def test_a_masters_register_continues_across_its_replacement(meter_id, history):
    frame = history[meter_id]
    assert (frame["closing"].to_numpy()[:-1] == frame["opening"].to_numpy()[1:]).all()
    assert frame["consumption"].sum() == pytest.approx(frame["closing"].iloc[-1] - frame["opening"].iloc[0], rel=1e-9)
    assert (frame["consumption"] > 0).all()


def test_the_fireplace_is_the_gas_that_the_boiler_did_not_burn(history):
    left = history["gas_total"]["consumption"] - history["gastherme_gesamt"]["consumption"] / (11.504 * 0.8885)
    assert history["eg_kalfire"]["residual"].to_numpy() == pytest.approx(left.to_numpy(), rel=1e-9, abs=1e-9)


REPLACED = """
    meters:
      - meter_id: old
        type: physical
        output_unit: kWh
        installation_date: 2024-01-01
        deinstallation_date: 2024-03-10
      - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2024-03-10}
      - meter_id: total
        type: master
        output_unit: kWh
        periods:
          - start_date: 2024-01-01
            end_date: 2024-03-10
            composition_type: single
            source_meters: [old]
            source_unit: kWh
          - start_date: 2024-03-11
            end_date: 9999-12-31
            composition_type: single
            source_meters: [new]
            source_unit: kWh
            apply_offset_from_previous_period: true
"""


HAND = """
    meters:
      - meter_id: gas
        type: physical
        output_unit: m³
        description: Gas
        installation_date: 2024-01-01
"""


def test_an_initial_reading_is_a_reading_at_installation(small_house):
    house = small_house(HAND + "        initial_reading: 10\n")
    house.read("gas", {"2024-01-11": 30.0, "2024-01-21": 60.0}, "m³")
    frame = Evaluation(house.settings, house.store).days("gas", DayRange(date(2024, 1, 1), date(2024, 1, 12))).days
    assert frame["opening"].iloc[0] == 10
    assert frame["consumption"].to_numpy() == pytest.approx([2] * 10 + [3] * 2)
    assert set(frame["quality"]) == {"interpolated"}


def test_a_first_reading_on_the_day_of_installation_is_not_extrapolated_back(small_house):
    house = small_house(HAND)
    house.read("gas", {"2024-01-01 12:00": 30.0, "2024-01-02 12:00": 40.0, "2024-01-03 12:00": 50.0}, "m³")
    frame = Evaluation(house.settings, house.store).days("gas", DayRange(date(2023, 12, 30), date(2024, 1, 2))).days
    assert frame["consumption"].to_numpy() == pytest.approx([5, 10])
    assert list(frame["quality"]) == ["measured", "measured"]


def test_readings_of_a_predecessor_under_the_same_name_are_not_the_meters_own(small_house):
    house = small_house(HAND)
    house.read("gas", {"2023-12-20": 9000.0, "2024-01-11": 30.0, "2024-01-21": 60.0}, "m³")
    frame = Evaluation(house.settings, house.store).days("gas", DayRange(date(2024, 1, 1), date(2024, 1, 20))).days
    assert frame["consumption"].sum() == pytest.approx(60)
    assert frame["quality"].iloc[0] == "extrapolated"


def test_a_meter_without_an_installation_date_begins_with_its_first_reading(small_house):
    house = small_house(HAND.replace("        installation_date: 2024-01-01\n", ""))
    house.read("gas", {"2024-01-11": 30.0, "2024-01-21": 60.0}, "m³")
    frame = Evaluation(house.settings, house.store).days("gas", DayRange(date(2024, 1, 1), date(2024, 1, 20))).days
    assert len(frame) == 10
    assert frame["consumption"].sum() == pytest.approx(30)


def test_a_late_reading_changes_the_days_around_it_and_no_others(small_house):
    house = small_house(HAND)
    house.read("gas", {"2024-01-01": 0.0, "2024-02-01": 31.0, "2024-03-01": 60.0, "2024-04-01": 91.0}, "m³")
    span = DayRange(date(2024, 1, 1), date(2024, 3, 31))
    before = Evaluation(house.settings, house.store).days("gas", span).days
    house.read("gas", {"2024-02-11": 51.0}, "m³")
    after = Evaluation(house.settings, house.store).days("gas", span).days
    changed = after.index[after.compare(before, keep_shape=True).notna().any(axis=1)]
    assert days.civil_day(changed[0], house.settings.site.zone) == date(2024, 2, 1)
    assert days.civil_day(changed[-1], house.settings.site.zone) == date(2024, 2, 29)
    assert len(changed) == 29


def test_a_handover_is_computed_from_raw_readings_whatever_days_are_asked_for(small_house):
    house = small_house(REPLACED)
    house.read("old", {"2024-01-01": 1000.0, "2024-03-10 12:00": 1069.5})
    house.read("new", {"2024-03-10 12:00": 7.0, "2024-04-10 12:00": 38.0})
    evaluation = Evaluation(house.settings, house.store)
    change = evaluation.days("total", DayRange.single(date(2024, 3, 10))).days.iloc[0]
    assert change["consumption"] == pytest.approx(1.0, rel=1e-3)
    later = Evaluation(house.settings, house.store).days("total", DayRange.single(date(2024, 4, 9))).days.iloc[0]
    assert later["closing"] == pytest.approx(1069.5 + 38.0 - 7.0 - 0.5, rel=1e-4)


def test_an_interval_source_with_register_readings_follows_both(small_house):
    house = small_house("""
        meters:
          - meter_id: main
            type: physical
            output_unit: kWh
            installation_date: 2024-01-10
            source: {kind: interval, measurement: energy, entity_id: main}
    """)
    hours = pd.Series(0.5, index=pd.date_range("2024-01-09 23:00", periods=24 * 10, freq="h", tz="UTC", unit="us"))
    house.store.write_readings(RawSeries("energy", "main", "consumption"), hours.drop(hours.index[30:40]))
    house.read("main", {"2024-01-10": 400.0, "2024-01-20": 530.0})
    frame = Evaluation(house.settings, house.store).days("main", DayRange(date(2024, 1, 10), date(2024, 1, 19))).days
    assert frame["consumption"].sum() == pytest.approx(130.0)
    assert frame["consumption"].iloc[0] == 12.0
    assert frame["closing"].iloc[-1] == pytest.approx(530.0)


def test_a_day_in_the_middle_of_a_long_disturbance_is_the_same_alone_and_in_the_whole(small_house):
    """More bad readings in a row than are read around a day at first."""
    house = small_house(HAND.replace("2024-01-01", "2023-12-01"))
    hours = pd.date_range("2023-12-10", periods=24 * 20, freq="h", tz="UTC", unit="us")
    values = 100 + np.arange(len(hours)) * 0.5
    values[200:212], values[212:224] = 0.0, 50_000.0
    house.store.write_readings(RawSeries("m³", "gas"), pd.Series(values, index=hours))
    span = DayRange(date(2023, 12, 12), date(2023, 12, 27))
    whole = Evaluation(house.settings, house.store).days("gas", span).days
    assert whole["consumption"].to_numpy() == pytest.approx([12.0] * len(whole))
    for start in whole.index:
        day = days.civil_day(start, house.settings.site.zone)
        alone = Evaluation(house.settings, house.store).days("gas", DayRange.single(day)).days
        pd.testing.assert_frame_equal(alone, whole.loc[[start]], check_exact=True, check_freq=False)


def test_a_last_reading_as_the_day_of_replacement_opens_loses_neither_the_day_nor_the_register(small_house):
    house = small_house(REPLACED)
    house.read("old", {"2024-01-01": 1000.0, "2024-03-10": 1069.0})
    house.read("new", {"2024-03-10": 7.0, "2024-04-09": 37.0})
    frame = Evaluation(house.settings, house.store).days("total", DayRange(date(2024, 3, 9), date(2024, 3, 12))).days
    assert frame["consumption"].to_numpy() == pytest.approx([1.0] * 4, abs=0.02)
    assert (frame["closing"].to_numpy()[:-1] == frame["opening"].to_numpy()[1:]).all()
    assert frame["opening"].iloc[1] == pytest.approx(1069.0)


@pytest.mark.parametrize("now", ["2024-03-08 11:00", "2024-03-09 11:00"])
def test_a_replacement_that_is_only_planned_leaves_the_days_before_it_alone(small_house, now):
    house = small_house(REPLACED)
    house.read("old", {"2024-01-01": 1000.0, "2024-03-01": 1060.0})
    until = pd.Timestamp(now, tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    today = Evaluation(house.settings, house.store, until=until).days("total", DayRange.single(until.date())).days
    # A kilowatt-hour a day, 11 hours of it so far.
    assert today[["quality"]].to_numpy().tolist() == [["extrapolated"]]
    assert today["consumption"].to_numpy() == pytest.approx([11 / 24])
    assert today["closing"].to_numpy() == pytest.approx([1060 + until.day - 1 + 11 / 24])


def test_the_day_of_a_replacement_opens_with_the_old_register_and_waits_for_the_new_meters_reading(small_house):
    house = small_house(REPLACED)
    house.read("old", {"2024-01-01": 1000.0, "2024-03-01": 1060.0})
    until = pd.Timestamp("2024-03-10 11:00", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    (row,) = (
        Evaluation(house.settings, house.store, until=until)
        .days("total", DayRange.single(until.date()))
        .days.to_dict("records")
    )
    assert (row["opening"], row["quality"]) == (pytest.approx(1069.0), "missing")


def test_a_period_takes_over_no_register_before_the_day_of_the_handover(small_house):
    house = small_house(REPLACED)
    asked: list[tuple[str, date]] = []

    def day_of(meter_id: str, day: date) -> pd.DataFrame:
        asked.append((meter_id, day))
        return pd.DataFrame({"opening": [7.0], "closing": [1069.0]})

    derived, total = DerivedMeters(house.settings, day_of), house.settings.meters["total"]
    assert [segment.carried for segment in derived.segments(total, date(2024, 3, 9))] == [None, None]
    assert asked == []
    before, after = derived.segments(total, date(2024, 3, 10))
    assert (before.carried, after.carried, after.taken_over) == (None, 1069.0, 7.0)
    assert asked == [("old", date(2024, 3, 10)), ("new", date(2024, 3, 10))]


def test_a_late_reading_is_found_for_its_day_alone_as_for_the_range(small_house):
    """At the end of the history, on a day that opens with a reading: few readings lie in the day itself."""
    house = small_house(REPLACED.replace("deinstallation_date: 2024-03-10", "deinstallation_date: 2025-03-10"))
    hours = pd.date_range("2024-02-01", "2024-03-05 20:00", freq="h")
    kept = hours[(hours <= "2024-03-05 03:00") | (hours >= "2024-03-05 13:00")]
    house.read("old", {str(hour): 0.2 * float((hour - hours[0]) / pd.Timedelta(hours=1)) for hour in kept})
    evaluation, last = Evaluation(house.settings, house.store), date(2024, 3, 5)
    whole = evaluation.days("old", DayRange(date(2024, 2, 1), last)).findings
    assert [(finding.code, str(finding.start)) for finding in whole] == [("reading_late", "2024-03-05 02:00:00+00:00")]
    assert evaluation.days("old", DayRange.single(last)).findings == whole


HOURS = """
    meters:
      - meter_id: main
        type: physical
        output_unit: kWh
        installation_date: 2024-01-10
        deinstallation_date: 2024-01-19
        source: {kind: interval, measurement: energy, entity_id: main}
"""


def test_an_interval_meter_has_no_days_outside_its_life_and_asking_for_them_is_no_error(small_house):
    house = small_house(HOURS)
    hours = pd.Series(0.5, index=pd.date_range("2024-01-09 23:00", periods=24 * 12, freq="h", tz="UTC", unit="us"))
    house.store.write_readings(RawSeries("energy", "main", "consumption"), hours)
    evaluation = Evaluation(house.settings, house.store)
    assert evaluation.days("main", DayRange(date(2023, 12, 1), date(2023, 12, 5))).days.empty
    assert len(evaluation.days("main", DayRange(date(2024, 1, 1), date(2024, 1, 31))).days) == 10


def test_a_master_over_a_virtual_meter_has_consumption_and_no_register(small_house):
    house = small_house("""
        meters:
          - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2024-01-01}
          - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2024-01-01}
          - meter_id: rest
            type: virtual
            output_unit: kWh
            calculation_type: subtraction
            base_meter: main
            subtract_meters: [flat]
          - meter_id: total
            type: master
            output_unit: kWh
            periods:
              - start_date: 2024-01-01
                end_date: 9999-12-31
                composition_type: sum
                source_meters: [rest, flat]
                source_unit: kWh
    """)
    house.read("main", {"2024-01-01": 0.0, "2024-01-11": 100.0})
    house.read("flat", {"2024-01-01": 0.0, "2024-01-11": 30.0})
    frame = Evaluation(house.settings, house.store).days("total", DayRange(date(2024, 1, 1), date(2024, 1, 10))).days
    assert frame["consumption"].to_numpy() == pytest.approx([10.0] * 10)
    assert frame["opening"].isna().all()


def test_a_day_that_loses_a_thousandth_is_an_error_of_ours(shipped, sample_store):
    """What is checked at each computation can fail, and then says so."""
    meter = shipped.meters["eg_strom"]
    register = Evaluation(shipped, sample_store).of_physical.history(meter)
    cuts = DayRange(date(2024, 3, 1), date(2024, 3, 31)).openings(shipped.site.zone)

    def lossy(edges: pd.DatetimeIndex) -> pd.DataFrame:
        values = np.interp(days.microseconds(edges), register.times, register.values)
        used = np.diff(values)
        used[7] *= 0.999
        return pd.DataFrame({"consumption": used}, index=edges[:-1])

    (found,) = unbalanced(meter, register, cuts, lossy)
    assert (found.code, found.severity) == ("not_conserved", "error")
