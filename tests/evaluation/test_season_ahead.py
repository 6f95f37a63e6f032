"""The season ahead of a house's meter: fitted, kept, used beyond its last reading, and explained."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.houses import fit_profiles
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.records.profiles import followers_of_weather, kept
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {meter_id: power, type: physical, output_unit: kWh, installation_date: 2022-01-01, pattern: even}
"""
PATTERNS = "patterns: {even: {monthly_percentages: [9.6, 8.6, 8.9, 8.0, 7.8, 7.3, 7.4, 7.5, 7.7, 8.4, 9.0, 9.8]}}"
NOW = pd.Timestamp("2024-10-31", tz="UTC")


def test_what_follows_the_last_reading_has_the_shape_of_the_years_before(small_house):
    """A house with a winter and a summer peak, last read in July 2024."""
    house = small_house(METERS, patterns=PATTERNS)
    days = pd.date_range("2022-01-01", "2024-07-03", freq="D", tz="Europe/Berlin", unit="us").tz_convert("UTC")
    used = 10.0 + 4.0 * np.cos(4 * np.pi * np.arange(len(days)) / 365.25)
    shown = pd.Series(np.round(np.cumsum(used) - used[0], 1), days)
    house.store.write_readings(RawSeries("kWh", "power"), shown.iloc[::-61].iloc[::-1])
    fit_profiles(house.settings, house.store, NOW)
    profile = kept(house.store, "power").profile
    assert profile.ahead is not None
    assert followers_of_weather(house.store) == set()
    frame = Evaluation(house.settings, house.store).days("power", DayRange(date(2024, 7, 4), date(2024, 10, 30))).days
    months = frame["consumption"].tz_convert("Europe/Berlin").resample("MS").mean()
    assert months.loc["2024-10-01"] == pytest.approx(7.0, abs=0.8)
    assert 12.0 < months.loc["2024-07-01"] < 14.0
    explained = Explainer(house.settings, house.store, NOW).explain("power", CivilPeriod.parse("2024-10-01"))
    text = " ".join(render(explained, 0).split())
    assert "beyond the readings the curve has the shape that the meter's own years show" in text
    inside = Explainer(house.settings, house.store, NOW).explain("power", CivilPeriod.parse("2024-03-01"))
    assert "beyond the readings" not in " ".join(render(inside, 0).split())
