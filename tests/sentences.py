"""Findings as English sentences, for tests that look at what a person reads."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from workflows_dagster.domain.findings import Finding
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence

ENGLISH = Words("en", ZoneInfo("Europe/Berlin"))


def said(finding: Finding, unit: str = "kWh") -> str:
    return finding_sentence(finding, unit, ENGLISH)
