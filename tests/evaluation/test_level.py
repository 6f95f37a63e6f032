"""A meter read by hand whose use falls for good: the days ahead follow, and it is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.houses import SmallHouse
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings.current import present_findings
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import RawSeries
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence

METERS = "meters: [{meter_id: power, type: physical, output_unit: kWh, installation_date: 2022-01-01}]"
AHEAD = DayRange(pd.Timestamp("2024-05-20").date(), pd.Timestamp("2024-05-29").date())
NOW = pd.Timestamp("2024-06-01", tz="UTC")


@pytest.fixture
def house(small_house) -> SmallHouse:
    """Nine kWh a day, six since the middle of March 2024; read each month until 15 May."""
    house: SmallHouse = small_house(METERS)
    at = pd.date_range("2022-01-15 12:00", "2024-05-15 12:00", freq="30D", tz="UTC", unit="us")
    days = (at - at[0]) / pd.Timedelta(days=1)
    since = np.clip((at - pd.Timestamp("2024-03-15", tz="UTC")) / pd.Timedelta(days=1), 0, None)
    house.store.write_readings(RawSeries("kWh", "power"), pd.Series(np.round(9.0 * days - 3.0 * since, 1), at))
    return house


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


def test_the_days_before_are_as_they_were_read(house):
    before = DayRange(pd.Timestamp("2023-06-01").date(), pd.Timestamp("2023-06-10").date())
    days = Evaluation(house.settings, house.store).days("power", before).days
    assert days["consumption"].to_numpy() == pytest.approx(9.0, abs=0.05)
