"""The notes of a monthly report."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.anomalies import USE, write_anomalies
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.reports.notes import notes_of_month
from workflows_dagster.stores.ports import ANOMALY_DAILY, FINDING_DAILY, FINDING_NOW
from workflows_dagster.wording import Words

HOUSE = "meters: [" + ", ".join(f"{{meter_id: m{k}_strom, type: physical, output_unit: kWh}}" for k in range(15)) + "]"


@pytest.fixture
def house(small_house):
    return small_house(HOUSE)


def at(day):
    return pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC").as_unit("us")


def judge(house, meter_id, percent_by_day):
    points = pd.DataFrame(
        {
            "delta_percent": list(percent_by_day.values()),
            "severity": "alert",
            "reason": [f"{percent:+g} %" for percent in percent_by_day.values()],
        },
        index=pd.DatetimeIndex([at(day) for day in percent_by_day]).as_unit("us"),
    )
    house.store.replace(ANOMALY_DAILY, meter_id, "kWh", *days.REPRESENTABLE, points)


@pytest.mark.parametrize("measurement", [FINDING_NOW, FINDING_DAILY])
def test_a_silence_of_many_months_is_told_in_each_of_them_and_in_none_before(house, measurement):
    silent = Finding("reading_overdue", "m3_strom", at("2024-05-31"), at("2024-12-02"), {"days": 185.0})
    keep_findings(house.store, measurement, "m3_strom", *days.REPRESENTABLE, [silent], said)
    for month in ("2024-05-01", "2024-08-01", "2024-11-01", "2024-12-01"):
        (note,) = notes_of_month(house.settings, house.store, pd.Timestamp(month).date())
        assert (note.sentence, str(note.first), str(note.last)) == (
            "the last reading is 185 days old.",
            "2024-05-31",
            "2024-12-02",
        )
    for month in ("2024-04-01", "2025-01-01"):
        assert notes_of_month(house.settings, house.store, pd.Timestamp(month).date()) == []


def test_use_where_none_was_expected_stands_out_most_and_the_rest_by_strength(house):
    judge(house, "m0_strom", {"2024-05-03": 150.0, "2024-05-04": 300.0, "2024-05-05": math.nan, "2024-05-06": 120.0})
    for k in range(1, 15):
        judge(house, f"m{k}_strom", {"2024-05-10": 100.0 + 10 * k, "2024-05-11": math.nan if k == 7 else 90.0})
    told = notes_of_month(house.settings, house.store, pd.Timestamp("2024-05-01").date())
    names = [note.meter_id.removesuffix("_strom") for note in told]
    assert sorted(names[:2]) == ["m0", "m7"]
    assert names[2:] == ["m14", "m13", "m12", "m11", "m10", "m9", "m8", "m6", "m5", "m4"]
    assert {str(note.first) for note in told[:2]} == {"2024-05-05", "2024-05-11"}


def test_a_stored_reason_is_said_in_the_readers_language_and_an_old_sentence_as_it_is(house):
    why = Reason.of("day", 0.01, 12.5, 6.0, 5.0, 7.0, weekday=4)
    judged = pd.DataFrame(
        {
            "consumption": 12.5,
            "expected": 6.0,
            "lower": 5.0,
            "upper": 7.0,
            "delta_percent": 108.0,
            "severity": ["alert"],
            "reason": [why],
        },
        index=pd.DatetimeIndex([at("2024-05-10")]),
    )
    write_anomalies(house.store, USE, "m1_strom", "kWh", days.REPRESENTABLE, judged, lambda reason: "old words")
    judge(house, "m2_strom", {"2024-05-11": 90.0})
    month = pd.Timestamp("2024-05-01").date()
    english = [note.sentence for note in notes_of_month(house.settings, house.store, month)]
    german = [note.sentence for note in notes_of_month(house.settings, house.store, month, Words("de"))]
    assert english == ["12.5 kWh, usual for a Friday at this season 6.0 (5.0–7.0).", "+90 %."]
    assert german == ["12,5 kWh, üblich an einem Freitag in dieser Jahreszeit sind 6,0 (5,0–7,0).", "+90 %."]
    assert house.store.read(ANOMALY_DAILY, "m1_strom")["reason"].tolist() == ["old words"]
