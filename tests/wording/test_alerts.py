"""Alerts as sentences, in English and German."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from workflows_dagster.wording import Words
from workflows_dagster.wording.alerts import SENTENCES, alert_sentence, alerts_body, alerts_title, resolved_text

BERLIN = ZoneInfo("Europe/Berlin")
EN, DE = Words("en", BERLIN), Words("de", BERLIN)
SINCE = "2026-06-01T04:00:00+00:00"
FIGURES = {
    "seconds": 7.0,
    "sensor": "sensor.oven",
    "check": "house", "error": "OSError", "kept": ["data", "dagster_home"], "path": "/data", "free_mb": 999,
    "least_mb": 1000, "since": SINCE, "last": SINCE, "at": SINCE, "meter": "gas",
    "finding": "no reading.", "day": "2026-06-01",
    "reason": "+250 %", "job": "days", "run": "1f0c2233", "name": "daily", "days": 14,
}  # fmt: skip


@pytest.mark.parametrize("words", [EN, DE], ids=["en", "de"])
@pytest.mark.parametrize("code", SENTENCES)
def test_every_code_is_a_sentence_in_both_languages(code, words):
    sentence = alert_sentence(code, FIGURES, words)
    assert sentence
    assert "{" not in sentence


def test_a_full_disk_names_what_it_holds():
    assert alert_sentence("disk_full", FIGURES, EN).startswith(
        "The disk of the data and Dagster's home (/data) has 999 MB left, less than 1,000 MB."
    )
    assert alert_sentence("disk_full", FIGURES, DE) == (
        "Der Datenträger für die Daten und den Ordner von Dagster (/data) hat noch 999 MB frei, weniger als 1.000 MB. "
        "Schaffen Sie Platz: Ist er voll, kann nichts mehr berechnet werden."
    )


def test_instants_are_those_of_the_house():
    said = "InfluxDB has not answered since 2026-06-01 06:00: OSError"
    assert alert_sentence("store_down_server", FIGURES, EN) == said
    assert "seit 01.06.2026 06:00 nicht" in alert_sentence("store_down_server", FIGURES, DE)


def test_several_days_alike_are_one_sentence():
    said = alert_sentence("unusual_day", FIGURES | {"times": 3}, EN)
    assert said == "gas, 2026-06-01: +250 %. 3 of the last 14 days are unusual like this."


def test_a_message_says_how_many_earlier_alerts_are_still_active():
    assert alerts_body(["One."], 0, EN) == "- One."
    assert alerts_body(["One."], 1, EN).splitlines()[-1] == "1 earlier alert is still active."
    assert alerts_body(["One."], 3, EN).splitlines()[-1] == "3 earlier alerts are still active."
    assert alerts_body(["Eins."], 3, DE).splitlines()[-1] == "3 frühere Meldungen bestehen weiter."


def test_a_message_stays_short():
    many = [f"number {number}: {'long ' * 200}" for number in range(30)]
    assert alerts_title(30, EN) == "30 alerts from your meters"
    assert len(alerts_body(many, 0, EN)) < 4000
    assert alerts_body(many, 0, EN).splitlines()[-1] == "- and 20 more."
    assert resolved_text(["One."], EN) == ("All alerts are resolved", "Resolved:\n- One.")


def test_a_sentence_of_several_lines_stays_one_line():
    assert alerts_body(["One\n  two\tthree"], 0, EN) == "- One two three"
