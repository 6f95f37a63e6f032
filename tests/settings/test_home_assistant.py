"""Home Assistant's part of config.yaml: ids that collide, meters without energy, variables that win."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows_dagster.settings.home_assistant import cost_id, statistic_id, statistic_unit
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording.problems import problem_texts

METERS = """\
meters:
  - {meter_id: Strom_1, type: physical, output_unit: kWh}
  - {meter_id: strom__1, type: physical, output_unit: kWh}
  - {meter_id: strom_1_cost, type: physical, output_unit: kWh}
  - {meter_id: radiator, type: physical, output_unit: HKV, utility: heat}
  - {meter_id: heat, type: physical, output_unit: MWh, utility: heat}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "meters.yaml").write_text(METERS, encoding="utf-8")
    (tmp_path / "config" / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
    return tmp_path / "config"


def loaded(folder: Path, written: str, **environ: str) -> Settings:
    (folder / "config.yaml").write_text(f"timezone: Europe/Berlin\nhome_assistant: {{{written}}}\n", encoding="utf-8")
    return load(folder, environ)


def problems(folder: Path, written: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as found:
        loaded(folder, written, **environ)
    return problem_texts(found.value)


@pytest.mark.parametrize(
    ("meter_id", "expected"),
    [
        ("strom_1LOG0007013695_NT", "utility_meters:strom_1log0007013695_nt"),
        ("_a__b_", "utility_meters:a_b"),
        ("A", "utility_meters:a"),
    ],
)
def test_ids_are_such_as_home_assistant_takes(meter_id: str, expected: str) -> None:
    assert statistic_id(meter_id) == expected
    assert cost_id(meter_id) == f"{expected}_cost"


@pytest.mark.parametrize(("unit", "expected"), [("MWh", "kWh"), ("GJ", "kWh"), ("l", "m³"), ("HKV", None)])
def test_units_of_statistics(unit: str, expected: str | None) -> None:
    assert statistic_unit(unit) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("statistics: [Strom_1, strom__1]", "'strom__1' and 'Strom_1' would both be utility_meters:strom_1"),
        ("statistics: [strom_1_cost, Strom_1]", "would both be utility_meters:strom_1_cost"),
        ("statistics: [Strom_1, Strom_1]", "'Strom_1' and 'Strom_1'"),
        ("statistics: [radiator]", "counts in HKV"),
        ("statistics: [hea]", "Did you mean 'heat'?"),
        ("heat_devices: [heat]", "is not among home_assistant.statistics"),
        ("statistics: [Strom_1], heat_devices: [Strom_1]", "is no heat meter"),
        ("url: 'http://ha:8123'", "HOME_ASSISTANT_TOKEN"),
    ],
)
def test_what_cannot_be_given_back_is_told(folder: Path, written: str, said: str) -> None:
    assert any(said in text for text in problems(folder, written))


def test_the_environment_wins(folder: Path) -> None:
    environ = {
        "HOME_ASSISTANT_URL": "http://other:8123",
        "PROCESSING_INTERVAL": "120",
        "LOOKBACK_MINUTES": "15",
        "METER_TYPE": "home_assistant",
        "SUPERVISOR_TOKEN": "of-the-supervisor",
    }
    settings = loaded(folder, "url: 'http://ha:8123', processing_interval: 30", **environ)
    found = settings.site.home_assistant
    assert (found.url, found.processing_interval, found.lookback_minutes) == ("http://other:8123", 120, 15)
    assert settings.secrets.home_assistant_token is not None
    assert settings.secrets.home_assistant_token.get_secret_value() == "of-the-supervisor"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("METER_TYPE", "shelly", "environment: METER_TYPE: there is no type 'shelly'"),
        ("PROCESSING_INTERVAL", "often", "environment: PROCESSING_INTERVAL: "),
        ("HOME_ASSISTANT_URL", "ha:8123", "environment: HOME_ASSISTANT_URL: "),
    ],
)
def test_variables_that_cannot_be_used_are_named(folder: Path, name: str, value: str, said: str) -> None:
    assert any(text.startswith(said) for text in problems(folder, "", **{name: value}))
