"""An explanation in German holds the figures of the English one."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.evaluation.explanation import Explainer
from workflows_dagster.evaluation.explanation.plain import plain
from workflows_dagster.evaluation.explanation.text import render

NOW = pd.Timestamp("2025-03-02 12:00", tz="Europe/Berlin").tz_convert("UTC")
ENGLISH_WORDS = ("reading", "consumption", "register", "weight", "the ", " of ", "stored", "quality")


def figures(text: str) -> list[str]:
    """All numbers that have a decimal mark, as English writes them; no dates."""
    text = re.sub(r"\d\d\.\d\d\.\d{4}", "", text)
    return [number.replace(",", ".") for number in re.findall(r"\d+[.,]\d{3,}", text)]


@pytest.mark.parametrize("meter_id", ["strom_total", "eg_kalfire", "og2_wasser_kalt", "haupt_strom"])
@pytest.mark.parametrize("period", ["2024-02-14", "2024-11-26", "2025-03-01", "2024-11"])
def test_the_same_figures_stand_in_both_languages(meter_id, period, shipped, sample_store):
    explained = Explainer(shipped, sample_store, NOW).explain(meter_id, CivilPeriod.parse(period))
    english, german = render(explained, 9), render(explained, 9, "de")
    assert figures(german) == figures(english)
    assert max(map(len, german.split("\n"))) <= 100
    # What the owner wrote into meters.yaml stays as it is.
    written = {source.description for source in _all(explained)}
    lines = [line for line in german.split("\n") if line.strip() not in written]
    assert not [line for line in lines if any(word in line for word in ENGLISH_WORDS)]


def test_json_stays_english_whatever_the_language(shipped, sample_store):
    explained = Explainer(shipped, sample_store, NOW).explain("eg_strom", CivilPeriod.parse("2024-02-14"))
    (glitch,) = plain(explained)["findings"]
    assert glitch["sentence"].startswith("1 reading of 0 kWh left out")
    assert plain(explained)["reasons"][0].startswith("measured: readings no further apart")


def _all(explained):
    return [explained, *(below for source in explained.sources for below in _all(source))]
