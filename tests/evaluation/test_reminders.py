"""A reading by hand is asked for before it is due."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workflows_dagster.alerts.findings import overdue_readings
from workflows_dagster.domain import days
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings.current import present_findings
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.stores.ports import FINDING_NOW
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence, finding_writer

BERLIN = ZoneInfo("Europe/Berlin")
GAS = "meters: [{meter_id: gas, type: physical, output_unit: m³, reading_interval_days: 35}]"


@pytest.fixture
def house(small_house):
    """A gas meter that is read every five weeks, last on Sunday, 25 October 2026."""
    house = small_house(GAS)
    readings = pd.date_range("2026-04-05 12:00", "2026-10-25 12:00", freq="7D")
    house.read("gas", {str(at): 1000.0 + 10 * k for k, at in enumerate(readings)}, unit="m³")
    return house


def codes(house, now: str) -> list[str]:
    at = pd.Timestamp(now, tz=BERLIN).tz_convert("UTC").as_unit("us")
    found = present_findings(house.settings.meters["gas"], Evaluation(house.settings, house.store), at, BERLIN)
    return [finding.code for finding in found if finding.code in ("reading_due", "reading_overdue")]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-11-20 12:00", []),
        ("2026-11-26 11:00", []),
        ("2026-11-26 13:00", ["reading_due"]),
        ("2026-11-30 12:00", ["reading_due"]),
        ("2027-01-20 12:00", ["reading_overdue"]),
    ],
)
def test_it_is_asked_for_from_three_days_before_until_it_is_overdue(house, now, found):
    assert codes(house, now) == found


def test_the_reminder_names_the_weekday_and_goes_to_the_alerts(house):
    now = pd.Timestamp("2026-11-27 12:00", tz="UTC").as_unit("us")
    found = present_findings(house.settings.meters["gas"], Evaluation(house.settings, house.store), now, BERLIN)
    due = next(finding for finding in found if finding.code == "reading_due")
    assert finding_sentence(due, "m³", Words("en", BERLIN)).startswith("is to be read on Sunday, 2026-11-29;")
    assert "am Sonntag, 29.11.2026" in finding_sentence(due, "m³", Words("de", BERLIN))
    keep_findings(house.store, FINDING_NOW, "gas", *days.REPRESENTABLE, [due], finding_writer(house.settings))
    assert [cause.key for cause in overdue_readings(house.settings, house.store)] == ["house:gas:reading_due"]
