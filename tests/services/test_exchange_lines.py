"""An exchange that nobody declared: the lines that declare it load, and give the right days."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.services.exchange_lines import exchanges
from workflows_dagster.stores.ports import RawSeries

METERS = "meters:\n  - {{meter_id: old, type: physical, output_unit: {unit}, installation_date: 2024-03-01{end}}}\n"


@pytest.mark.parametrize(("unit", "per_day"), [("kWh", 12.0), ("m³", 0.4)])
@pytest.mark.parametrize("begins", [4012.0, 18_250.0], ids=["lower", "higher"])
def test_the_lines_for_a_jump_load_and_the_master_counts_on(small_house, unit, per_day, begins):
    index = pd.date_range("2024-03-01", "2024-03-20", freq="h", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    values = 9000 + per_day / 24 * np.arange(len(index))
    at = pd.Timestamp("2024-03-11 10:00", tz="Europe/Berlin")
    values = np.where(index >= at, values - 9000 + begins, values).round(3)
    house = small_house(METERS.format(unit=unit, end=""))
    house.store.write_readings(RawSeries(unit, "old"), pd.Series(values, index=index))
    asked = DayRange(date(2024, 3, 1), date(2024, 3, 19))
    findings = Evaluation(house.settings, house.store).days("old", asked).findings
    ((finding, lines),) = exchanges(house.store, findings, house.settings)
    assert finding.end == at
    assert "# it showed" in lines
    ended = ", deinstallation_date: 2024-03-11T09:00"
    assert ended.removeprefix(", ") in lines
    declared = small_house(METERS.format(unit=unit, end=ended) + lines).settings
    frame = Evaluation(declared, house.store).days("old_total", asked).days
    # The hour between the last reading of the one and the first of the other is nobody's.
    assert frame["consumption"].sum() == pytest.approx(19 * per_day - per_day / 24, rel=1e-3)
    assert frame["consumption"].max() < 1.05 * per_day


@pytest.mark.parametrize(("unit", "smaller"), [("kWh", "Wh"), ("m³", "l")])
@pytest.mark.parametrize("grows", [True, False], ids=["to the smaller unit", "to the larger unit"])
def test_the_lines_for_a_changed_unit_give_every_day_what_was_used(small_house, unit, smaller, grows):
    index = pd.date_range("2024-03-01", "2024-03-20", freq="h", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    used = 12.0 / 24 * np.arange(len(index)) + 5230.123
    at = pd.Timestamp("2024-03-11 10:00", tz="Europe/Berlin")
    before, after, declared_unit = (1, 1000, unit) if grows else (1000, 1, smaller)
    values = np.where(index >= at, used * after, used * before).round(3)
    house = small_house(METERS.format(unit=declared_unit, end=""))
    house.store.write_readings(RawSeries(declared_unit, "old"), pd.Series(values, index=index))
    asked = DayRange(date(2024, 3, 1), date(2024, 3, 19))
    findings = Evaluation(house.settings, house.store).days("old", asked).findings
    ((finding, lines),) = exchanges(house.store, findings, house.settings)
    assert finding.code == "unit_changed"
    declared = small_house(METERS.format(unit=declared_unit, end=", deinstallation_date: 2024-03-11T09:00") + lines)
    frame = Evaluation(declared.settings, house.store).days("old_total", asked).days
    assert frame["consumption"].to_numpy() / before == pytest.approx(np.full(19, 12.0), abs=0.001)
    assert (frame["quality"] == "measured").all()


def test_a_jump_without_a_unit_that_fits_has_no_lines_of_a_changed_unit(small_house):
    index = pd.date_range("2024-03-01", "2024-03-04", freq="h", tz="UTC").as_unit("us")
    values = np.where(np.arange(len(index)) < 30, 1.0, 1000.0) * (70.0 + 0.1 * np.arange(len(index)))
    house = small_house(METERS.format(unit="GJ", end=""))
    house.store.write_readings(RawSeries("GJ", "old"), pd.Series(values, index=index))
    findings = (
        Evaluation(house.settings, house.store).days("old", DayRange(date(2024, 3, 1), date(2024, 3, 3))).findings
    )
    assert "unit_changed" in {finding.code for finding in findings}
    assert list(exchanges(house.store, findings, house.settings)) == []
