"""A meter read by hand whose use falls for good: the days ahead follow, and it is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.evaluation.findings.current import present_findings
from workflows_dagster.records.days import write_days
from workflows_dagster.repair.repairs import plan_repairs
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import RawSeries
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence

METERS = "meters: [{meter_id: power, type: physical, output_unit: kWh, installation_date: 2022-01-01}]"
AHEAD = DayRange(pd.Timestamp("2024-05-20").date(), pd.Timestamp("2024-05-29").date())
MARCH = pd.Timestamp("2024-03-10", tz="UTC")
NOW = pd.Timestamp("2024-06-01", tz="UTC")


def house_of(small_house, last: str, changed: str) -> SmallHouse:
    """Nine kWh a day, six since some day; read each month."""
    house: SmallHouse = small_house(METERS)
    at = pd.date_range("2022-01-15 12:00", last, freq="30D", tz="UTC", unit="us")
    days = (at - at[0]) / pd.Timedelta(days=1)
    since = np.clip((at - pd.Timestamp(changed, tz="UTC")) / pd.Timedelta(days=1), 0, None)
    house.store.write_readings(RawSeries("kWh", "power"), pd.Series(np.round(9.0 * days - 3.0 * since, 1), at))
    return house


@pytest.fixture
def house(small_house) -> SmallHouse:
    return house_of(small_house, "2024-05-15 12:00", "2024-03-15")


def findings(settings: Settings, house: SmallHouse) -> list:
    evaluation = Evaluation(settings, house.store)
    return [
        found
        for found in present_findings(settings.meters["power"], evaluation, NOW, settings.site.zone)
        if found.code == "level_changed"
    ]


def test_the_days_ahead_are_those_since_the_change_and_it_is_said(house):
    days = Evaluation(house.settings, house.store).days("power", AHEAD).days
    assert days["consumption"].to_numpy() == pytest.approx(6.0, abs=0.6)
    (found,) = findings(house.settings, house)
    assert finding_sentence(found, "kWh", Words("en", house.settings.site.zone)).startswith("Since about 2024-03-")
    assert found.figures["times"] == pytest.approx(2 / 3, abs=0.08)


def test_why_a_day_ahead_is_what_it_is_names_the_change(house):
    def why(house: SmallHouse) -> str:
        found = Explainer(house.settings, house.store, NOW).explain("power", CivilPeriod.parse("2024-05-25"))
        return render(found, 0)

    assert "not earlier: until then it used more or less" in why(house)
    house.store.delete_readings(RawSeries("kWh", "power"), MARCH, NOW)
    assert "not earlier" not in why(house)


def test_the_days_before_are_as_they_were_read(house):
    before = DayRange(pd.Timestamp("2023-06-01").date(), pd.Timestamp("2023-06-10").date())
    days = Evaluation(house.settings, house.store).days("power", before).days
    assert days["consumption"].to_numpy() == pytest.approx(9.0, abs=0.05)


def test_a_reading_of_two_years_ago_that_hides_the_change_repairs_the_days_ahead(small_house):
    house = house_of(small_house, "2024-12-15 12:00", "2024-10-10")
    within = DayRange(pd.Timestamp("2022-01-15").date(), pd.Timestamp("2024-12-31").date())
    days = Evaluation(house.settings, house.store).days("power", within).days
    write_days(house.store, "power", "kWh", *within.bounds(house.settings.site.zone), days)
    before = plan_repairs(house.settings, house.store, None, within, lambda _: list(within)).snapshot
    series = RawSeries("kWh", "power")
    (at,) = house.store.readings(series).loc["2022-12"].index
    # With such scatter a third less is nothing remarkable any more.
    house.store.write_readings(series, house.store.readings(series).loc[[at]] + 250.0)
    found = plan_repairs(house.settings, house.store, before, within, lambda _: list(within))
    ahead = DayRange(pd.Timestamp("2024-12-20").date(), within.last)
    assert {day for repair in found.repairs for day in repair.days} >= ahead.days()
