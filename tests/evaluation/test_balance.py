"""A wrong rule does not hide: the conservation check knows neither the matrix of contributions nor its conversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.composition import compose_master, compose_virtual
from workflows_dagster.domain.contributions import Contribution
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings.review import Review
from workflows_dagster.records.days import write_days
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.settings.meters import MasterMeter
from workflows_dagster.stores.ports import FINDING_DAILY

REPLACED = """
    meters:
      - {meter_id: old, type: physical, output_unit: kWh, installation_date: 2024-03-01,
         deinstallation_date: 2024-03-10T12:00}
      - {meter_id: new, type: physical, output_unit: Wh, installation_date: 2024-03-10T12:00}
      - {meter_id: garage, type: physical, output_unit: kWh, installation_date: 2024-03-01}
      - meter_id: total
        type: master
        output_unit: kWh
        periods:
          - {start_date: 2024-03-01, end_date: 2024-03-10, composition_type: sum, source_meters: [old, garage],
             source_unit: kWh}
          - {start_date: 2024-03-11, end_date: 9999-12-31, composition_type: sum, source_meters: [new, garage],
             source_unit: kWh, apply_offset_from_previous_period: true}
"""
GAS = """
    meters:
      - {meter_id: gas, type: physical, output_unit: m³, utility: gas, installation_date: 2024-03-01}
      - {meter_id: boiler, type: physical, output_unit: kWh, utility: gas, installation_date: 2024-03-01}
      - {meter_id: fireplace, type: virtual, output_unit: m³, utility: gas, calculation_type: subtraction,
         base_meter: gas, subtract_meters: [boiler],
         subtract_meter_conversions: {boiler: {from_unit: kWh, to_unit: m³}}}
"""
FACTORS = """
    timezone: Europe/Berlin
    gas_conversion:
      - {valid_from: 2020-01-01, energy_content: 11.0, z_factor: 0.9}
      - {valid_from: 2024-03-15, energy_content: 10.0, z_factor: 0.95}
"""
ASKED = DayRange(date(2024, 3, 1), date(2024, 3, 30))
CHANGE = ASKED.first.replace(day=10)
Change = Callable[[Contribution, np.ndarray], Contribution]


def daily(first: str, last: str, rate: float, start: float = 0.0) -> dict[str, float]:
    """Read a register every six hours, whose rate grows a little from day to day."""
    times = pd.date_range(first, last, freq="6h")
    return {str(time): start + rate * (k + k * k / 500) for k, time in enumerate(times)}


@pytest.fixture
def replaced(small_house):
    made = small_house(REPLACED)
    made.read("old", daily("2024-03-01", "2024-03-10 12:00", 1.0, 500.0))
    made.read("new", daily("2024-03-10 12:00", "2024-03-31", 1000.0), unit="Wh")
    made.read("garage", daily("2024-03-01", "2024-03-31", 0.3))
    return made


@pytest.fixture
def gas(small_house):
    made = small_house(GAS, config=FACTORS)
    made.read("gas", daily("2024-03-01", "2024-03-31", 2.0), unit="m³")
    made.read("boiler", daily("2024-03-01", "2024-03-31", 15.0))
    return made


def told(house, meter_id: str, change: Change = lambda row, _: row) -> list[tuple[str, str, float]]:
    """Compute all days, the derived meter's by a changed matrix, and give what its review says is not conserved."""
    settings, store, zone = house.settings, house.store, house.settings.site.zone
    start, end = ASKED.bounds(zone)
    evaluation = Evaluation(settings, store)
    for physical in settings.meters.physical:
        evaluated = evaluation.physical(physical, ASKED)
        write_days(store, physical.meter_id, physical.output_unit, start, end, evaluated.days)
        keep_findings(store, FINDING_DAILY, physical.meter_id, start, end, evaluated.findings, said)
    meter = settings.meters[meter_id]
    frames = {source: evaluation.days(source, ASKED).days for source in meter.upstream}
    starts = ASKED.openings(zone)[:-1]
    civil = days.civil_days(starts, zone)
    rows = [change(row, np.asarray(civil)) for row in evaluation.of_derived.contributions(meter, civil)]
    write_days(store, meter_id, meter.output_unit, start, end, composed(evaluation, meter, starts, rows, frames))
    (reviewed,) = Review(settings, store, pd.Timestamp("2024-03-31 02:00", tz="UTC")).of([meter_id], ASKED)
    broken = [finding for finding in reviewed.of_months if finding.code == "not_conserved"]
    return [
        (str(days.civil_day(f.start, zone)), str(days.civil_day(f.end, zone)), float(f.figures["amount"]))
        for f in broken
    ]


def composed(evaluation: Evaluation, meter, starts: pd.DatetimeIndex, rows: Sequence[Contribution], frames):
    if isinstance(meter, MasterMeter):
        return compose_master(starts, evaluation.of_derived.segments(meter, ASKED.last), rows, frames)
    return compose_virtual(rows, frames)


def test_the_right_matrix_balances(replaced, gas):
    assert told(replaced, "total") == []
    assert told(gas, "fireplace") == []


def without(source: str, day: date) -> Change:
    return lambda row, civil: replace(row, counts=row.counts & ~((row.source == source) & (civil == day)))


def scaled(source: str, by: float, day: date) -> Change:
    return lambda row, civil: replace(
        row, conversion=row.conversion * np.where((row.source == source) & (civil == day), by, 1.0)
    )


@pytest.mark.parametrize(
    ("change", "day"),
    [
        (without("old", CHANGE), "2024-03-10"),
        (without("new", CHANGE), "2024-03-10"),
        (without("garage", CHANGE), "2024-03-10"),
        (without("garage", date(2024, 3, 20)), "2024-03-20"),
        (scaled("new", 1.001, date(2024, 3, 20)), "2024-03-20"),
        (scaled("old", -1.0, date(2024, 3, 5)), "2024-03-05"),
    ],
    ids=["old half dropped", "new half dropped", "other source dropped", "source dropped", "unit", "sign"],
)
def test_a_wrong_contribution_to_a_master_is_found_on_its_day(replaced, change, day):
    found = told(replaced, "total", change)
    assert [(first, last) for first, last, _ in found] == [(day, day)]


def test_a_successor_that_counts_twice_is_found(replaced):
    """On the last day of the old period the garage counts, and is no successor."""
    twice = told(replaced, "total", lambda row, _: replace(row, source="garage") if row.succeeds else row)
    assert [(first, last) for first, last, _ in twice] == [("2024-03-10", "2024-03-10")]


@pytest.mark.parametrize(
    ("change", "first", "last"),
    [
        (scaled("boiler", 1.001, date(2024, 3, 20)), "2024-03-20", "2024-03-20"),
        (scaled("gas", -1.0, date(2024, 3, 2)), "2024-03-02", "2024-03-02"),
        (without("boiler", date(2024, 3, 29)), "2024-03-29", "2024-03-29"),
        # The new factors a day late.
        (scaled("boiler", 9.5 / 9.9, date(2024, 3, 15)), "2024-03-15", "2024-03-15"),
        (lambda row, _: replace(row, sign=1), "2024-03-01", "2024-03-30"),
    ],
    ids=["factor", "sign of the base", "sub-meter dropped", "gas factors a day late", "added instead of subtracted"],
)
def test_a_wrong_contribution_to_a_virtual_meter_is_found(gas, change, first, last):
    found = told(gas, "fireplace", change)
    assert [(begin, end) for begin, end, _ in found] == [(first, last)]


def test_the_amount_that_is_missing_is_named(replaced):
    ((_, _, amount),) = told(replaced, "total", without("old", CHANGE))
    # Two readings of six hours each: the 37th and the 38th.
    assert amount == pytest.approx(2 + (38**2 - 36**2) / 500)


def test_a_register_that_ran_over_is_no_fault_of_the_master(small_house):
    made = small_house(REPLACED.replace("meter_id: garage,", "meter_id: garage, register_digits: 5,"))
    made.read("old", daily("2024-03-01", "2024-03-10 12:00", 1.0, 500.0))
    made.read("new", daily("2024-03-10 12:00", "2024-03-31", 1000.0), unit="Wh")
    garage = daily("2024-03-01", "2024-03-31", 0.3, 99_990)
    made.read("garage", {time: round(value % 100_000, 3) for time, value in garage.items()})
    assert told(made, "total") == []
    codes = [finding.code for finding in Evaluation(made.settings, made.store).days("garage", ASKED).findings]
    assert codes == ["rollover"]


def test_a_register_that_stepped_back_within_its_resolution_is_no_fault_of_the_master(small_house):
    made = small_house(REPLACED)
    made.read("old", daily("2024-03-01", "2024-03-10 12:00", 1.0, 500.0))
    made.read("new", daily("2024-03-10 12:00", "2024-03-31", 1000.0), unit="Wh")
    made.read("garage", {time: 10.0 - 0.001 * (k > 20) for k, time in enumerate(daily("2024-03-01", "2024-03-31", 1))})
    garage = Evaluation(made.settings, made.store).days("garage", ASKED).days
    assert garage["consumption"].sum() == 0.0
    assert garage["closing"].iloc[-1] == 9.999
    assert told(made, "total") == []
