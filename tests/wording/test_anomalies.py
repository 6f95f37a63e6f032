"""Every reason for an unusual day has a sentence in both languages."""

from __future__ import annotations

from typing import get_args

import pytest

from workflows_dagster.domain.anomaly_reasons import Reason, ReasonCode, decoded, encoded
from workflows_dagster.wording import Words
from workflows_dagster.wording.anomalies import anomaly_sentence

GERMAN, ENGLISH = Words("de"), Words("en")
MORE: dict[str, dict[str, int | str]] = {
    "day": {"weekday": 3},
    "week": {"days": 7},
    "plain": {"days": 7},
    "gap": {"days": 31, "last": "2026-06-10"},
    "base_load": {"days": 3},
}
SAID = {
    "day": (
        "2.6 kWh, usual for a Thursday at this season 7.9 (6.5–9.2)",
        "2,6 kWh, üblich an einem Donnerstag in dieser Jahreszeit sind 7,9 (6,5–9,2)",
    ),
    "week": (
        "2.6 kWh a day over the last 7 days, usual at this season 7.9 (6.5–9.2 in the weeks before)",
        "2,6 kWh am Tag in den letzten 7 Tagen, üblich in dieser Jahreszeit sind 7,9 (6,5–9,2 in den Wochen davor)",
    ),
    "plain": (
        "2.6 kWh, more than twice the mean of the 7 days before, 7.9 (up to 9.2)",
        "2,6 kWh, mehr als doppelt so viel wie das Mittel der 7 Tage davor, 7,9 (bis 9,2)",
    ),
    "gap": (
        "2.6 kWh in the 31 days to 10 June, usual for this time of year 7.9 (6.5–9.2)",
        "2,6 kWh in den 31 Tagen bis zum 10. Juni, üblich in dieser Jahreszeit sind 7,9 (6,5–9,2)",
    ),
    "base_load": (
        "at least 2.6 kWh/h flowed all day for the 3rd day running, usual 7.9 (6.5–9.2)",
        "mindestens 2,6 kWh/h flossen ganztägig, den 3. Tag in Folge, üblich sind 7,9 (6,5–9,2)",
    ),
}


def reason(code: ReasonCode, scale: float = 1.0) -> Reason:
    return Reason.of(code, 0.02, 2.6 * scale, 7.9 * scale, 6.5 * scale, 9.2 * scale, **MORE[code])


@pytest.mark.parametrize("code", get_args(ReasonCode))
def test_a_reason_is_said_in_both_languages(code: ReasonCode):
    english, german = SAID[code]
    assert anomaly_sentence(reason(code), "kWh", ENGLISH) == english
    assert anomaly_sentence(reason(code), "kWh", GERMAN) == german


def test_the_expectation_keeps_two_digits():
    assert anomaly_sentence(reason("day", 0.01), "kWh", ENGLISH).startswith("0.026 kWh, usual for a Thursday")
    assert anomaly_sentence(reason("day", 1000.0), "kWh", GERMAN).startswith("2.600 kWh, üblich an einem Donnerstag")


@pytest.mark.parametrize("code", get_args(ReasonCode))
def test_a_stored_reason_reads_back_as_it_was(code: ReasonCode):
    assert decoded(code, encoded(reason(code).figures)) == reason(code)


@pytest.mark.parametrize(("code", "figures"), [(None, None), ("day", None), ("other", "{}")])
def test_what_an_older_or_newer_version_stored_is_no_reason(code, figures):
    assert decoded(code, figures) is None
