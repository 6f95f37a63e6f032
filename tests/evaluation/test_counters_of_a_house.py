"""Counters that restart, turn back or lose decimals, in a house: days, findings and what is made from them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings.review import Review
from workflows_dagster.records.days import write_days
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.stores.ports import FINDING_DAILY, RawSeries
from workflows_dagster.wording.findings import finding_writer

NOW = pd.Timestamp("2024-05-20 10:00", tz="UTC")


def meters(source: str, unit: str = "kWh") -> str:
    return (
        "meters:\n"
        f"  - {{meter_id: m, type: physical, output_unit: {unit}, installation_date: 2024-05-01, resolution: 0.1,\n"
        f"     register_digits: 5{source}}}\n"
        f"  - {{meter_id: whole, type: master, output_unit: {unit}, periods: [{{start_date: 2024-05-01,\n"
        f"     end_date: 9999-12-31, composition_type: single, source_meters: [m], source_unit: {unit}}}]}}\n"
    )


def net(every: str) -> pd.Series:
    """A counter that turns forward by 6 and, around noon, back by 2.5 kWh a day."""
    index = pd.date_range("2024-05-01", "2024-05-15", freq=every, tz="Europe/Berlin")
    hours = (index - index[0]) / pd.Timedelta(hours=1)
    shape = np.interp(hours % 24, [0, 10, 15, 24], [0, 60 / 19, 60 / 19 - 2.5, 3.5])
    values = (31_250 + 3.5 * (hours // 24) + shape).to_numpy().round(1)
    return pd.Series(values, index=index.tz_convert("UTC").as_unit("us"))


def written(house, readings: pd.Series, unit: str = "kWh"):
    house.store.write_readings(RawSeries(unit, "m"), readings)
    return house


def found(house, first: date, last: date) -> list[str]:
    """Compute and keep the days, and give the codes of what is found in them, of both meters."""
    asked = DayRange(first, last)
    start, end = asked.bounds(house.settings.site.zone)
    evaluation = Evaluation(house.settings, house.store)
    write = finding_writer(house.settings)
    for meter in house.settings.meters.in_order():
        evaluated = evaluation.days(meter.meter_id, asked)
        write_days(house.store, meter.meter_id, meter.output_unit, start, end, evaluated.days)
        keep_findings(house.store, FINDING_DAILY, meter.meter_id, start, end, evaluated.findings, write)
    reviews = Review(house.settings, house.store, NOW).of(["m", "whole"], asked)
    return [finding.code for one in reviews for finding in (*one.of_days, *one.of_months)]


@pytest.mark.parametrize("every", ["1min", "15min", "1h", "8h"])
def test_the_days_of_a_counter_that_turns_back_are_net_whatever_the_reading_rate(small_house, every):
    house = written(small_house(meters(", source: {turns_back: true}")), net(every))
    asked = DayRange(date(2024, 5, 2), date(2024, 5, 13))
    days = Evaluation(house.settings, house.store).days("m", asked).days
    assert days["consumption"].sum() == pytest.approx(12 * 3.5, abs=0.2)
    alone = Evaluation(house.settings, house.store).days("m", DayRange.single(date(2024, 5, 7))).days
    pd.testing.assert_frame_equal(alone, days.iloc[5:6], check_freq=False, check_exact=True)


@pytest.mark.parametrize("every", ["1min", "15min", "1h"])
@pytest.mark.parametrize("source", [", source: {turns_back: true}", ""], ids=["declared", "recognised"])
def test_the_program_never_accuses_itself_of_a_counter_that_turns_back(small_house, every, source):
    house = written(small_house(meters(source)), net(every))
    codes = found(house, date(2024, 5, 2), date(2024, 5, 13))
    assert set(codes) == (set() if source else {"counter_turns_back"})


@pytest.mark.parametrize("source", [", source: {kind: resetting}", ""], ids=["declared", "recognised"])
def test_energy_today_adds_up_in_the_master_too(small_house, source):
    index = pd.date_range("2024-05-01 00:05", "2024-05-15 00:05", freq="h", tz="Europe/Berlin")
    of_day = (index.hour + 1) / 24 * np.random.default_rng(3).uniform(9, 13, 40)[index.day]
    readings = pd.Series(of_day.to_numpy().round(2), index=index.tz_convert("UTC").as_unit("us"))
    house = written(small_house(meters(source)), readings)
    asked = DayRange(date(2024, 5, 2), date(2024, 5, 12))
    days = Evaluation(house.settings, house.store).days("whole", asked).days
    last = readings[(index.hour == 23) & (index.day >= 2) & (index.day <= 12)]
    assert days["consumption"].to_numpy() == pytest.approx(last.to_numpy(), rel=0.05)
    assert set(found(house, asked.first, asked.last)) == (set() if source else {"counter_restarts"})


def test_an_allocator_counts_units_of_its_own(small_house):
    index = pd.date_range("2024-05-01 06:00", "2024-05-15 06:00", freq="D", tz="Europe/Berlin")
    values = [700.0 + 5 * k if k < 7 else 5.0 * (k - 7) for k in range(len(index))]
    house = written(
        small_house(meters(", source: {kind: resetting}", "HKV")),
        pd.Series(values, index=index.tz_convert("UTC").as_unit("us")),
        "HKV",
    )
    days = Evaluation(house.settings, house.store).days("whole", DayRange(date(2024, 5, 2), date(2024, 5, 14))).days
    assert days["consumption"].max() == pytest.approx(5)
    assert days["consumption"].min() == pytest.approx(1.25)
    assert days["consumption"].sum() == pytest.approx(13 * 5 - 5 + 0.0, abs=1.3)
