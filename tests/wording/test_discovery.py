"""How often readings come, in words."""

from __future__ import annotations

import pandas as pd
import pytest

from workflows_dagster.wording import Words
from workflows_dagster.wording.discovery import cadence


@pytest.mark.parametrize(
    ("gap", "english", "german"),
    [
        ("10s", "every ~10 seconds", "alle ~10 Sekunden"),
        ("60s", "every ~60 seconds", "alle ~60 Sekunden"),
        ("15min", "every ~15 minutes", "alle ~15 Minuten"),
        ("1h", "hourly", "stündlich"),
        ("62min", "hourly", "stündlich"),
        ("6h", "every ~6 hours", "alle ~6 Stunden"),
        ("24h", "daily", "täglich"),
        ("23h", "daily", "täglich"),
        ("3D", "every ~3 days", "alle ~3 Tage"),
        ("7D", "weekly", "wöchentlich"),
        ("10D", "every ~10 days", "alle ~10 Tage"),
        ("30D", "monthly", "monatlich"),
        ("35D", "every ~5 weeks", "alle ~5 Wochen"),
        ("91D", "every ~3 months", "alle ~3 Monate"),
        ("365D", "yearly", "jährlich"),
        ("1100D", "every ~3 years", "alle ~3 Jahre"),
    ],
)
def test_cadence_is_said_in_words(gap: str, english: str, german: str) -> None:
    assert cadence(pd.Timedelta(gap), Words("en")) == english
    assert cadence(pd.Timedelta(gap), Words("de")) == german


def test_a_single_reading_has_no_cadence() -> None:
    assert cadence(None, Words("en")) == "one reading"
