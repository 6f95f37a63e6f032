"""An explained month names its first day without a value as the house's calendar does."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.plain import plain

ONE_METER = """\
    meters:
      - {meter_id: strom, type: physical, output_unit: kWh, installation_date: 2024-01-01}
"""


def test_a_month_without_values_begins_on_its_first_civil_day_and_not_on_the_day_before(small_house):
    """February opens in Berlin on 31 January, 23:00 UTC."""
    house = small_house(ONE_METER)
    house.read("strom", {"2024-01-02 00:00": 5.0})
    now = pd.Timestamp("2024-06-01 12:00", tz="UTC")
    explained = Explainer(house.settings, house.store, now).explain("strom", CivilPeriod.parse("2024-02"))
    reason = plain(explained)["reasons"][0]
    assert reason.startswith("29 days from 2024-02-01 on: the last reading is 5 kWh of 2024-01-02")
