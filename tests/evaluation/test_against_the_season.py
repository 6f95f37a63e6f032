"""A meter that runs against its table, such as one behind solar panels, is explained as it is computed."""

from __future__ import annotations

import pandas as pd
import pytest

from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.season import Profile
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.records.profiles import keep_profile

METERS = "meters: [{meter_id: power, type: physical, output_unit: kWh, installation_date: 2024-01-01, pattern: light}]"
LIGHT = (9.8, 8.7, 8.9, 8.0, 7.7, 7.2, 7.3, 7.4, 7.7, 8.4, 9.0, 9.9)
NOW = pd.Timestamp("2025-01-02", tz="UTC")


def test_the_arithmetic_of_a_negative_season_is_that_of_the_number(small_house):
    house = small_house(METERS, patterns=f"patterns: {{light: {{monthly_percentages: {list(LIGHT)}}}}}")
    house.read("power", {"2024-01-01 00:00": 0.0, "2024-07-01 00:00": 900.0, "2025-01-01 00:00": 1800.0})
    keep_profile(house.store, "power", "kWh", Profile(2.5, -1.5, LIGHT), NOW)
    winter, summer = (
        Explainer(house.settings, house.store, NOW).explain("power", CivilPeriod.parse(day))
        for day in ("2024-01-15", "2024-06-15")
    )
    assert winter.consumption is not None
    assert summer.consumption is not None
    assert winter.consumption < 0.9 * summer.consumption
    (piece,) = summer.arithmetic.pieces
    for step in piece.steps:
        assert step.weight == pytest.approx(2.5 - 1.5 * step.curve)
    assert piece.amount == pytest.approx(900.0 * piece.weight / piece.gap.weight)
    assert "2.5 (base) + -1.5 (season)" in " ".join(render(summer, 0).split())
