"""The sample household: the same at every call, with a truth that adds up and faults where they are said to be."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.sample_house import FAULTS, Fault, SampleMeter, sample_readings, write_sample
from workflows_dagster.sample_house.registers import FLOWS
from workflows_dagster.settings.load import load
from workflows_dagster.settings.meters import MeterBook, PhysicalMeter, Source
from workflows_dagster.stores.ports import RawSeries

BERLIN = ZoneInfo("Europe/Berlin")
END = date(2025, 12, 31)
KWH_PER_CUBIC_METRE = 11.504 * 0.8885


def physical(meter_id: str, unit: str, installed: date | datetime = date(2022, 1, 1), **more: Any) -> PhysicalMeter:
    return PhysicalMeter(meter_id=meter_id, output_unit=unit, installation_date=installed, **more)


HOUSE = load(Path(__file__).parents[1] / "config", {}).meters
CHANGED = date(2024, 11, 26)
BY_HAND = {meter.meter_id for meter in HOUSE.physical if meter.reading_interval_days}


@pytest.fixture(scope="module")
def house() -> dict[str, SampleMeter]:
    return sample_readings(HOUSE, BERLIN, END)


def one(meter: PhysicalMeter, end: date = END, start: date | None = None, seed: int = 1) -> SampleMeter:
    return sample_readings(MeterBook([meter]), BERLIN, end, start, seed)[meter.meter_id]


def the(kind: str) -> Fault:
    (fault,) = [fault for fault in FAULTS if fault.kind == kind]
    return fault


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def without_glitches(sample: SampleMeter) -> pd.Series:
    sent_in_error = [fault.start for fault in FAULTS if fault.kind in ("zero", "high_glitch")]
    return sample.readings[~sample.readings.index.isin(sent_in_error)]


def assert_same(left: SampleMeter, right: SampleMeter) -> None:
    pd.testing.assert_series_equal(left.readings, right.readings, check_exact=True, check_freq=False)
    pd.testing.assert_series_equal(left.truth, right.truth, check_exact=True)


# The same at every call


def test_another_process_makes_the_same_readings() -> None:
    code = (
        "from datetime import date; from zoneinfo import ZoneInfo\n"
        "from workflows_dagster.settings.meters import MeterBook, PhysicalMeter\n"
        "from workflows_dagster.sample_house import sample_readings\n"
        "begin, end = date(2022, 1, 1), date(2022, 3, 1)\n"
        "book = MeterBook([PhysicalMeter(meter_id='eg_strom', output_unit='kWh', installation_date=begin)])\n"
        "m = sample_readings(book, ZoneInfo('Europe/Berlin'), end)['eg_strom']\n"
        "print(len(m.readings), repr(float(m.readings.sum())), repr(float(m.truth.sum())))"
    )
    here = one(physical("eg_strom", "kWh"), date(2022, 3, 1))
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert there == [str(len(here.readings)), repr(float(here.readings.sum())), repr(float(here.truth.sum()))]


@pytest.mark.parametrize("earlier", [date(2023, 1, 1), date(2024, 2, 14), date(2024, 11, 26), date(2025, 5, 20)])
def test_a_longer_history_begins_with_the_shorter_one(house: dict[str, SampleMeter], earlier: date) -> None:
    until = days.opening(earlier, BERLIN)
    for meter_id, short in sample_readings(HOUSE, BERLIN, earlier).items():
        whole = house[meter_id]
        shared = whole.truth[[day < earlier for day in whole.truth.index]]
        assert_same(short, SampleMeter(meter_id, whole.readings[whole.readings.index < until], shared))


def test_a_start_cuts_the_readings_and_changes_none(house: dict[str, SampleMeter]) -> None:
    since = date(2024, 7, 1)
    opening = days.opening(since, BERLIN)
    for meter_id, late in sample_readings(HOUSE, BERLIN, END, since).items():
        whole = house[meter_id]
        shared = whole.truth[[day >= since for day in whole.truth.index]]
        assert_same(late, SampleMeter(meter_id, whole.readings[whole.readings.index >= opening], shared))


def test_a_meter_alone_reads_as_among_all_others(house: dict[str, SampleMeter]) -> None:
    for meter in HOUSE.physical:
        assert_same(one(meter), house[meter.meter_id])


def test_the_order_of_the_meters_does_not_matter(house: dict[str, SampleMeter]) -> None:
    backwards = sample_readings(MeterBook(HOUSE.physical[::-1]), BERLIN, END)
    for meter_id, sample in house.items():
        assert_same(backwards[meter_id], sample)


def test_another_seed_is_another_house(house: dict[str, SampleMeter]) -> None:
    other = one(HOUSE["eg_strom"], seed=2)
    assert other.truth.sum() == pytest.approx(house["eg_strom"].truth.sum(), rel=0.1)
    assert not np.allclose(other.truth, house["eg_strom"].truth, rtol=0.01)


# The truth adds up


@pytest.mark.parametrize("meter_id", [meter.meter_id for meter in HOUSE.physical])
def test_the_true_days_of_a_life_add_up_to_what_the_register_advanced(meter_id: str) -> None:
    """An automatic meter is read when it is installed and when it is removed, so nothing lies outside its readings."""
    removed = HOUSE[meter_id].deinstallation_date or date(2025, 6, 15)
    meter = HOUSE[meter_id].model_copy(update={"deinstallation_date": removed, "reading_interval_days": None})
    sample = one(meter)
    advances = np.diff(without_glitches(sample))
    if meter.register_digits is not None:
        advances %= 10.0**meter.register_digits
    assert sample.truth.sum() == pytest.approx(advances.sum(), rel=1e-6, abs=meter.resolution)
    assert sample.truth.index[-1] == removed


@pytest.mark.parametrize("meter_id", ["eg_strom", "haupt_wasser", "og2_heat", "og2_wasser_warm", "gas_zahler_alt"])
def test_whole_days_read_at_midnight_are_the_truth(meter_id: str) -> None:
    """The register between two readings on the hour, here the end of the series, moves by the true days in between."""
    meter = HOUSE[meter_id].model_copy(
        update={"resolution": 1e-9, "reading_interval_days": None, "deinstallation_date": None}
    )
    sample = one(meter)
    readings = without_glitches(sample)
    midnights = DayRange(date(2023, 1, 1), date(2023, 12, 31)).openings(BERLIN)
    instants = days.microseconds(readings.index)
    register = np.interp(days.microseconds(midnights), instants, readings)
    truth = sample.truth[[day.year == 2023 for day in sample.truth.index]]
    assert register[-1] - register[0] == pytest.approx(truth.sum(), rel=1e-4)
    # A reading comes some seconds after the hour, so a midnight is known to within a minute's use.
    assert np.abs(np.diff(register) - truth.to_numpy()).max() < 0.02 * truth.max()


def test_the_replaced_meter_and_its_successor_are_read_at_the_same_instant(house: dict[str, SampleMeter]) -> None:
    at = utc("2024-11-26 09:00")
    for meter_id in ("strom_1LOG0007013695_NT", "strom_1LOG0007013695_HT"):
        assert house[meter_id].readings.index[-1] == at
    assert house["haupt_strom"].readings.index[0] == at
    at = utc("2024-11-12 10:00")
    assert house["gas_zahler_alt"].readings.index[-1] == at
    assert house["gas_zahler"].readings.index[0] == at


def test_a_new_meter_begins_near_zero_or_where_the_file_says(house: dict[str, SampleMeter]) -> None:
    assert 0.0 < house["haupt_strom"].readings.iloc[0] < 5.0
    assert 0.0 < house["gas_zahler"].readings.iloc[0] < 5.0
    assert one(HOUSE["gas_zahler"].model_copy(update={"initial_reading": 3.2})).readings.iloc[0] == 3.2


def test_an_exact_installation_is_taken_at_its_word() -> None:
    moment = datetime(2024, 11, 26, 14, 30, tzinfo=BERLIN)
    sample = one(physical("haupt_strom", "kWh", moment))
    assert sample.readings.index[0] == utc("2024-11-26 13:30")


def test_what_virtual_meters_work_out_makes_sense_on_every_day(house: dict[str, SampleMeter]) -> None:
    truth = pd.DataFrame({meter_id: sample.truth for meter_id, sample in house.items()}).loc[date(2022, 1, 1) :]
    night_and_day = truth["strom_1LOG0007013695_NT"].fillna(0.0) + truth["strom_1LOG0007013695_HT"].fillna(0.0)
    electricity = night_and_day + truth["haupt_strom"].fillna(0.0)
    common = electricity - truth["eg_strom"] - truth["og1_strom"] - truth["og2_strom"]
    assert common.between(0.5, 8.0).all()

    gas = truth["gas_zahler_alt"].fillna(0.0) + truth["gas_zahler"].fillna(0.0)
    fireplace = gas - truth["gastherme_gesamt"] / KWH_PER_CUBIC_METRE
    assert (fireplace > -1e-9).all()
    summer = pd.Series([day.month in (7, 8) for day in truth.index], index=truth.index)
    winter = pd.Series([day.month in (12, 1, 2) for day in truth.index], index=truth.index)
    assert (fireplace[winter] > 1.0).mean() > 0.25
    assert (fireplace[summer] > 1.0).mean() < 0.02

    boiler = truth["gastherme_heizen"] + truth["gastherme_warmwasser"]
    np.testing.assert_allclose(boiler, truth["gastherme_gesamt"], rtol=1e-9)

    flats = truth[["og1_wasser_kalt", "og1_wasser_warm", "og2_wasser_kalt", "og2_wasser_warm"]].sum(axis=1)
    assert (truth["haupt_wasser"] - flats > -1e-9).all()

    heat = truth[["eg_nord_heat", "eg_sud_heat", "og1_heat", "og2_heat", "buro_heat"]].sum(axis=1) * 1000
    np.testing.assert_allclose(heat, truth["gastherme_heizen"] * 0.92, rtol=1e-9, atol=1e-9)


def test_the_replacement_day_is_whole_between_both_meters(house: dict[str, SampleMeter]) -> None:
    parts = [
        house[meter_id].truth for meter_id in ("strom_1LOG0007013695_NT", "strom_1LOG0007013695_HT", "haupt_strom")
    ]
    flats = sum(house[meter_id].truth[CHANGED] for meter_id in ("eg_strom", "og1_strom", "og2_strom"))
    assert all(part[CHANGED] > 0 for part in parts)
    assert 0.5 < sum(part[CHANGED] for part in parts) - flats < 8.0


def test_the_night_register_rests_by_day_and_the_day_register_by_night(house: dict[str, SampleMeter]) -> None:
    for meter_id, quiet in (("strom_1LOG0007013695_NT", range(7, 22)), ("strom_1LOG0007013695_HT", range(23, 30))):
        readings = house[meter_id].readings.iloc[1:-1]
        hours = readings.index.tz_convert(BERLIN).hour
        assert not set(hours) & {hour % 24 for hour in quiet if hour % 24 not in (22, 6)}


def test_winter_heats_and_summer_shines(house: dict[str, SampleMeter]) -> None:
    def share(meter_id: str, months: tuple[int, ...]) -> float:
        truth = house[meter_id].truth
        return float(truth[[day.month in months for day in truth.index]].sum() / truth.sum())

    assert share("og1_heat", (12, 1, 2)) > 0.45
    assert share("og1_heat", (6, 7, 8)) < 0.05
    assert share("solarspeicher", (5, 6, 7, 8)) > 0.45
    assert share("solarspeicher", (12, 1)) < 0.1


def test_a_flat_on_holiday_draws_no_water(house: dict[str, SampleMeter]) -> None:
    truth = house["og1_wasser_kalt"].truth
    year = truth[[day.year == 2023 for day in truth.index]]
    assert (year == 0.0).sum() in range(19, 23)


# Days of 23 and 25 hours


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 6, 1), 24)])
def test_a_day_has_as_many_hours_as_the_clocks_give_it(day: date, hours: int) -> None:
    meter = physical("haupt_strom", "kWh", date(2024, 1, 1), source=Source(kind="interval"))
    sample = one(meter)
    opening, closing = DayRange.single(day).openings(BERLIN)
    inside = sample.readings[(sample.readings.index >= opening) & (sample.readings.index < closing)]
    assert len(inside) == hours
    assert inside.sum() == pytest.approx(sample.truth[day], abs=hours * 0.0005)


# Faults


def test_the_house_knows_every_meter_of_the_shipped_file_and_no_other() -> None:
    assert set(FLOWS) == {meter.meter_id for meter in HOUSE.physical}


def test_there_is_one_fault_of_each_kind_each_on_a_meter_of_its_own() -> None:
    assert len({fault.kind for fault in FAULTS}) == len({fault.meter_id for fault in FAULTS}) == len(FAULTS) == 6


def test_a_single_zero_stands_between_good_readings_and_nowhere_else(house: dict[str, SampleMeter]) -> None:
    fault = the("zero")
    zeros = [
        (meter_id, instant)
        for meter_id, sample in house.items()
        for instant in sample.readings.index[1:][(sample.readings.iloc[1:] == 0.0).to_numpy()]
    ]
    assert zeros == [(fault.meter_id, fault.start)]
    readings = house[fault.meter_id].readings
    place = readings.index.get_loc(fault.start)
    before, zero, after = readings.iloc[place - 1 : place + 2]
    assert readings.index[place + 1] == fault.end
    assert zero == 0.0 < before <= after < before + 1.0


def test_registers_fall_only_after_the_high_glitch_at_the_zero_and_at_the_rollover(
    house: dict[str, SampleMeter],
) -> None:
    falls = {
        meter_id: list(sample.readings.index[1:][np.diff(sample.readings) < 0])
        for meter_id, sample in house.items()
        if (np.diff(sample.readings) < 0).any()
    }
    zero, high, rollover = the("zero"), the("high_glitch"), the("rollover")
    wrapped = falls.pop(rollover.meter_id)
    assert falls == {zero.meter_id: [zero.start], high.meter_id: [high.end]}
    assert len(wrapped) == 1
    assert rollover.start < wrapped[0] < rollover.end


def test_the_high_glitch_is_ten_times_the_register(house: dict[str, SampleMeter]) -> None:
    fault = the("high_glitch")
    readings = house[fault.meter_id].readings
    place = readings.index.get_loc(fault.start)
    assert readings.iloc[place] == pytest.approx(10 * readings.iloc[place + 1], rel=1e-4)
    assert readings.index[place + 1] == fault.end


def test_the_register_wraps_at_its_last_digit(house: dict[str, SampleMeter]) -> None:
    readings = house[the("rollover").meter_id].readings
    fall = int(np.flatnonzero(np.diff(readings) < 0)[0])
    assert readings.max() < 100_000
    assert readings.iloc[fall] > 99_990
    assert readings.iloc[fall + 1] < 10


def test_one_hourly_meter_is_silent_for_a_week_while_it_counts(house: dict[str, SampleMeter]) -> None:
    fault = the("silence")
    sample = house[fault.meter_id]
    heard = (sample.readings.index >= fault.start) & (sample.readings.index < fault.end)
    assert not heard.any()
    assert fault.end - fault.start == pd.Timedelta(days=7)
    assert (sample.truth.loc[date(2025, 1, 14) : date(2025, 1, 19)] > 0.01).all()
    other = one(HOUSE["eg_nord_heat"]).readings
    assert ((other.index >= fault.start) & (other.index < fault.end)).sum() > 100


@pytest.mark.parametrize("kind", ["register", "interval"])
def test_a_few_hours_of_the_main_meter_are_missing(kind: str) -> None:
    fault = the("missing_hours")
    readings = one(HOUSE[fault.meter_id].model_copy(update={"source": Source(kind=kind)})).readings
    assert not ((readings.index >= fault.start) & (readings.index < fault.end)).any()
    day = slice(fault.start - pd.Timedelta(hours=6), fault.end + pd.Timedelta(hours=6))
    assert len(readings.loc[day]) >= 12


def test_an_interval_source_gives_every_other_hour_from_its_first_to_its_last() -> None:
    readings = one(HOUSE["haupt_strom"].model_copy(update={"source": Source(kind="interval")})).readings
    gaps = np.diff(readings.index) / pd.Timedelta(hours=1)
    assert sorted(set(gaps)) == [1.0, 5.0]
    assert (gaps == 5.0).sum() == 1
    assert readings.index[0] == utc("2024-11-26 09:00")
    assert readings.index[-1] == utc("2025-12-30 22:00")
    assert readings.between(0.0, 10.0).all()


def test_a_meter_read_by_hand_is_read_every_two_to_six_weeks_by_day_but_for_the_late_reading(
    house: dict[str, SampleMeter],
) -> None:
    late = the("late_reading")
    assert late.meter_id in BY_HAND
    for meter_id in BY_HAND:
        readings = house[meter_id].readings
        if HOUSE[meter_id].deinstallation_date is not None:
            readings = readings.iloc[:-1]  # The fitter comes when he comes.
        hours = readings.index.tz_convert(BERLIN).hour
        assert ((hours >= 8) & (hours < 21)).all()
        gaps = pd.Series(np.diff(readings.index), index=readings.index[:-1])
        long = gaps[gaps > pd.Timedelta(days=43)]
        assert (gaps >= pd.Timedelta(days=13)).all()
        assert list(long.index) == ([late.start] if meter_id == late.meter_id else [])
    assert late.end in house[late.meter_id].readings.index
    assert late.end - late.start > pd.Timedelta(days=90)


# What Home Assistant sends


def test_an_automatic_meter_sends_changes_only_at_its_own_second_of_the_hour(house: dict[str, SampleMeter]) -> None:
    for meter in HOUSE.physical:
        if meter.meter_id in BY_HAND:
            continue
        readings = house[meter.meter_id].readings
        usual = readings.iloc[1:-1]
        assert (np.diff(usual) != 0).all()
        glitches = {instant for fault in FAULTS for instant in (fault.start, fault.end)}
        seconds = {(at.minute, at.second) for at in usual.index if at not in glitches}
        assert len(seconds) == 1
        assert seconds.pop()[0] == 0


def test_readings_stand_on_the_meters_last_digit() -> None:
    readings = one(physical("eg_strom", "kWh", resolution=0.5)).readings
    assert ((readings * 2) % 1 == 0).all()
    tenths = one(physical("eg_strom", "kWh", resolution=0.1)).readings
    assert all(value == round(value, 1) for value in tenths)


def test_no_reading_lies_before_the_installation_or_after_the_end(house: dict[str, SampleMeter]) -> None:
    for meter in HOUSE.physical:
        readings, truth = house[meter.meter_id].readings, house[meter.meter_id].truth
        assert readings.index[0] >= days.opening(meter.installation_date, BERLIN)
        assert readings.index[-1] < days.closing(meter.deinstallation_date or END - timedelta(days=1), BERLIN)
        assert truth.index[0] == meter.installation_date
        assert truth.index[-1] == (meter.deinstallation_date or END - timedelta(days=1))
        assert str(readings.index.dtype) == "datetime64[us, UTC]"
        assert readings.index.is_monotonic_increasing
        assert readings.index.is_unique
        assert np.isfinite(readings).all()


def test_an_exact_end_gives_readings_up_to_it_and_the_truth_of_whole_days() -> None:
    sample = one(physical("eg_strom", "kWh"), datetime(2025, 5, 2, 18, 30, tzinfo=BERLIN))
    assert utc("2025-05-02 15:30") < sample.readings.index[-1] < utc("2025-05-02 16:30")
    assert sample.truth.index[-1] == date(2025, 5, 1)


def test_a_meter_that_is_not_there_yet_has_no_readings() -> None:
    sample = one(HOUSE["haupt_strom"], date(2024, 11, 26))
    assert sample.readings.empty
    assert sample.truth.empty
    assert str(sample.readings.index.dtype) == "datetime64[us, UTC]"


def test_a_start_that_is_not_before_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="start 2025-12-31 is not before end 2025-12-31"):
        one(HOUSE["eg_strom"], END, END)


@pytest.mark.parametrize(
    ("unit", "utility", "yearly"),
    [
        ("kWh", "electricity", 2500),
        ("Wh", "electricity", 2_500_000),
        ("m³", "water", 80),
        ("l", None, 80_000),
        ("MWh", "heat", 6),
        ("GJ", "heat", 21.6),
        ("m³", "gas", 1200),
        ("kWh", "solar", 1500),
        ("kWh", None, 2500),
        ("m³", "solar", 80),
    ],
)
def test_an_unknown_meter_does_what_is_usual_for_its_utility(unit: str, utility: str | None, yearly: float) -> None:
    given = {} if utility is None else {"utility": utility}
    sample = one(physical("cellar", unit, date(2023, 1, 1), **given), date(2024, 1, 1))
    assert sample.truth.sum() == pytest.approx(yearly, rel=0.2)
    assert len(sample.truth) == 365


def test_a_known_name_in_a_foreign_quantity_is_treated_as_unknown() -> None:
    sample = one(physical("gas_zahler", "kWh", date(2023, 1, 1), utility="gas"), date(2024, 1, 1))
    assert sample.truth.sum() == pytest.approx(12000, rel=0.2)


def test_the_house_holds_some_hundred_thousand_readings(house: dict[str, SampleMeter]) -> None:
    assert 300_000 < sum(len(sample.readings) for sample in house.values()) < 600_000


# Into a store


class Kept:
    """A raw store that keeps what it is given."""

    def __init__(self) -> None:
        self.written: dict[RawSeries, pd.Series] = {}

    def write_readings(self, series: RawSeries, readings: pd.Series) -> None:
        self.written[series] = readings


def test_the_readings_are_written_where_each_meter_reads_its_own() -> None:
    hourly = physical(
        "eg_strom",
        "kWh",
    )
    by_hand = physical("og2_wasser_warm", "m³", reading_interval_days=28, source=Source(entity_id="warm"))
    tibber = physical("haupt_strom", "kWh", source=Source(kind="interval", measurement="energy"))
    later = physical("gas_zahler", "m³", date(2024, 11, 12))
    elsewhere = physical("og1_heat", "MWh", source=Source(domain="counter"))
    store, end = Kept(), date(2024, 1, 1)
    count = write_sample(store, MeterBook([hourly, by_hand, tibber, later, elsewhere]), BERLIN, end)
    assert list(store.written) == [
        RawSeries("kWh", "eg_strom", "value", "sensor"),
        RawSeries("m³", "warm", "value", "input_number"),
        RawSeries("energy", "haupt_strom", "consumption", "sensor"),
        RawSeries("MWh", "og1_heat", "value", "counter"),
    ]
    assert count == sum(len(readings) for readings in store.written.values())
    pd.testing.assert_series_equal(
        store.written[RawSeries("kWh", "eg_strom", "value", "sensor")], one(hourly, end).readings
    )
