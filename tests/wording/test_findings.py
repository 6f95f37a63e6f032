"""Every finding is a sentence in both languages."""

from __future__ import annotations

from itertools import product
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workflows_dagster.domain.findings import CODES, WORDS, Finding
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence

START = pd.Timestamp("2026-03-01 11:00", tz="UTC")
END = START + pd.Timedelta(days=12)
GERMAN, ENGLISH = Words("de", ZoneInfo("Europe/Berlin")), Words("en", ZoneInfo("Europe/Berlin"))
VALUES = {
    "amount": [12345.678],
    "count": [1.0, 3.0],
    "days": [1.0, 42.0],
    "hours": [1.0, 60.0],
    "ratio": [16.0],
    "name": ["gas_neu"],
    "day": ["2026-02-03"],
}
# Figures that another one brings along.
NEEDED = {"spread": ("measured_hours",), "over": ("band",), "law": ("shown", "advanced", "sources")}


def findings() -> list[Finding]:
    """Each code with the figures that it must have, with all that it may have, and with each of the latter alone."""
    made = []
    for code, kinds in CODES.items():
        chosen = [(), tuple(kinds.optional), *((name,) for name in kinds.optional)]
        for names in dict.fromkeys(chosen):
            figures = {**kinds.figures, **{name: kinds.optional[name] for name in names}}
            for name in NEEDED.keys() & figures.keys():
                figures |= {other: kinds.optional[other] for other in NEEDED[name]}
            values = [WORDS[name] if kind == "word" else VALUES[kind] for name, kind in figures.items()]
            made += [
                Finding(code, "gas", START, END, dict(zip(figures, of_one, strict=True))) for of_one in product(*values)
            ]
    return made


def test_every_code_becomes_a_sentence_in_both_languages():
    codes = set()
    for finding in findings():
        german, english = (finding_sentence(finding, "m³", words) for words in (GERMAN, ENGLISH))
        codes.add(finding.code)
        for sentence in (german, english):
            assert sentence.endswith("."), finding
            assert not set("{}") & set(sentence), finding
            assert "  " not in sentence, finding
        assert german != english
        assert german[0].isupper() or german[0].isdigit(), german
        amounts = [name for name, kind in CODES[finding.code].figures.items() if kind == "amount"]
        if "m³" in german and amounts:
            assert "12.345,7" in german or "12.350 m³" in german or "12.345,678 m³" in german, german
            assert "12,345.7" in english or "12,350 m³" in english or "12,345.678 m³" in english, english
        assert "2026-" not in german, german
    assert codes == set(CODES)


def test_a_german_sentence_reads_as_a_person_would_write_it():
    late = Finding(
        "reading_overdue", "gas", START, END, {"days": 12.0, "expected": 8512.3, "usual_hours": 1.0, "reader": "sensor"}
    )
    assert finding_sentence(late, "kWh", GERMAN) == (
        "Der letzte Zählerstand ist 12 Tage alt; üblich sind höchstens 1 Stunde. "
        "Seitdem dürften etwa 8.510 kWh verbraucht worden sein. Prüfen Sie, ob der Sensor und Home Assistant laufen."
    )


def test_a_jump_within_days_takes_the_dative():
    jump = Finding("implausible_rate", "gas", START, END, {"advance": 500.4, "usual": 0.4, "times": 1251.0})
    assert finding_sentence(jump, "m³", GERMAN).startswith(
        "500,4 m³ in 12 Tagen, 1.251-mal so schnell wie je zuvor oder danach."
    )


@pytest.mark.parametrize(
    ("code", "figures"),
    [
        ("no_such_code", {}),
        ("rollover", {"before": 1.0}),
        ("rollover", {"before": 1.0, "after": 2.0, "advance": 3.0, "unit": "kWh"}),
        ("no_readings", {"entity": 4.0}),
        ("estimated_backwards", {"before": "unknown word"}),
    ],
)
def test_a_finding_has_the_figures_of_its_code_and_no_others(code, figures):
    with pytest.raises(ValueError, match=code):
        Finding(code, "gas", START, END, figures)
