"""Units convert within one quantity; gas becomes energy only by dated factors."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from workflows_dagster.domain import units
from workflows_dagster.domain.units import GasFactors


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "expected"),
    [
        ("MWh", "kWh", 1000.0),
        ("Wh", "kWh", 0.001),
        ("GJ", "kWh", 277.7777777777778),
        ("l", "m³", 0.001),
        ("kWh", "kWh", 1.0),
    ],
)
def test_units_of_one_quantity_convert(from_unit, to_unit, expected):
    assert units.factor(from_unit, to_unit) == pytest.approx(expected, rel=1e-15)


def test_there_and_back_is_one():
    for first in units.UNITS:
        for second in units.UNITS:
            if units.same_quantity(first, second):
                assert units.factor(first, second) * units.factor(second, first) == pytest.approx(1.0, rel=1e-15)


def test_volume_is_not_energy():
    with pytest.raises(units.UnitError, match="m³ and kWh measure different quantities"):
        units.factor("m³", "kWh")


@pytest.mark.parametrize("other", ["kWh", "MWh", "m³", "l"])
def test_units_of_a_heat_cost_allocator_convert_into_nothing_else(other):
    assert units.factor("HKV", "HKV") == 1.0
    assert units.canonical("HCA") == "HKV"
    with pytest.raises(units.UnitError, match="measure different quantities"):
        units.factor("HKV", other)


def test_an_unknown_unit_is_named_with_the_known_ones():
    with pytest.raises(units.UnitError, match="unknown unit 'cbm'; known are kWh"):
        units.canonical("cbm")


def test_cubic_metres_have_one_spelling():
    assert units.canonical("m3") == "m³"


def test_each_day_takes_the_gas_factors_that_were_valid_last():
    factors = (GasFactors(date(2024, 1, 1), 11.504, 0.8885), GasFactors(date(2024, 6, 1), 11.2, 0.9))
    days = pd.Index([date(2023, 12, 31), date(2024, 5, 31), date(2024, 6, 1)], dtype=object)
    assert units.kwh_per_cubic_metre(days, factors) == pytest.approx([10.221304, 10.221304, 10.08])


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "expected"),
    [
        ("m³", "kWh", [9.9, 9.5]),
        ("l", "MWh", [9.9e-6, 9.5e-6]),
        ("kWh", "m³", [1 / 9.9, 1 / 9.5]),
        ("MWh", "l", [1e6 / 9.9, 1e6 / 9.5]),
        ("MWh", "kWh", [1000.0, 1000.0]),
    ],
)
def test_gas_converts_between_volume_and_energy_by_the_factors_of_the_day(from_unit, to_unit, expected):
    factors = (GasFactors(date(2023, 1, 1), 11.0, 0.9), GasFactors(date(2024, 1, 1), 10.0, 0.95))
    civil = pd.Index([date(2023, 12, 31), date(2024, 1, 1)], dtype=object)
    assert units.conversion(from_unit, to_unit, civil, factors) == pytest.approx(expected, rel=1e-12)
