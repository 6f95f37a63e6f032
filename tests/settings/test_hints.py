"""Hints: what is worth a look in the configuration and stops nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from tests.settings.houses import write_house
from workflows_dagster.settings.load import load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording import Words
from workflows_dagster.wording.problems import problem_text

METERS = """\
meters:
  - {meter_id: gas, type: physical, output_unit: m³, utility: gas}
  - {meter_id: heating, type: physical, output_unit: kWh, utility: heat, pattern: radiators}
"""


def hinted(tmp_path: Path, patterns: dict[str, list[float]], config: str = "", **secrets: str) -> list[str]:
    written = {"patterns": {name: {"monthly_percentages": values} for name, values in patterns.items()}}
    folder = write_house(
        tmp_path, config=config or "timezone: Europe/Berlin\n", meters=METERS, patterns=yaml.safe_dump(written)
    )
    settings = load(folder, secrets)
    for percentages in settings.patterns.values():
        assert math.fsum(percentages) == pytest.approx(100, abs=1e-12)
    return [problem_text(hint, Words("en", settings.site.zone)) for hint in settings.hints]


RADIATORS = [100 / 12] * 12


@pytest.mark.parametrize("december", [12.0, 12.1, 15.0, 9.0])
def test_rounded_percentages_are_scaled_with_a_hint(tmp_path: Path, december: float):
    months = [16, 14, 12, 9, 4, 2, 1, 1, 3, 8, 18 - 0.0, december]
    said = hinted(tmp_path, {"gas": months, "radiators": RADIATORS})
    total = sum(months)
    expected = f"seasonal_patterns.yaml: patterns.gas.monthly_percentages: the percentages sum to {total:g} and were "
    assert said == ([] if total == 100 else [expected + "scaled to 100. Nothing to do, if they are rounded."])


def test_percentages_far_from_100_are_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match="percentages_not_100"):
        hinted(tmp_path, {"gas": [8.6] * 12, "radiators": RADIATORS})


def test_a_pattern_that_no_meter_uses_is_named_with_the_nearest_meter(tmp_path: Path):
    said = hinted(tmp_path, {"gass": RADIATORS, "radiators": RADIATORS, "x": RADIATORS})
    assert said == [
        "seasonal_patterns.yaml: patterns.gass: no meter uses this pattern. Did you mean 'gas'?",
        "seasonal_patterns.yaml: patterns.x: no meter uses this pattern. "
        "Name it after a meter, or write `pattern: x` at one.",
    ]


def test_an_influxdb_that_nothing_says_to_use_is_named(tmp_path: Path):
    influx = "influxdb: {url: 'http://localhost:8086'}\n"
    secret = {"INFLUX_TOKEN": "t", "INFLUX_ORG": "o"}
    (said,) = hinted(tmp_path, {"radiators": RADIATORS}, influx, **secret)
    assert said.startswith("config.yaml: storage: there is an influxdb section and a token, but no storage, so the emb")


@pytest.mark.parametrize("config", ["timezone: Europe/Berlin\n", "storage: {backend: embedded}\ninfluxdb: {}\n"])
def test_a_store_that_is_said_gets_no_hint(tmp_path: Path, config: str):
    assert hinted(tmp_path, {"radiators": RADIATORS}, config, INFLUX_TOKEN="t", INFLUX_ORG="o") == []
