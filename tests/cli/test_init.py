"""`meters init`: from a few answers to a house that can be computed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from workflows_dagster.cli import main
from workflows_dagster.settings.load import Settings, load


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a configuration, that the environment names."""
    for name in ("METERS_DATA_DIR", "METERS_SECRETS_DIR", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METERS_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def run(*arguments: str, answers: str = "") -> Result:
    return CliRunner().invoke(main, ["init", *arguments], input=answers)


def loaded(folder: Path) -> Settings:
    return load(folder, {})


def test_options_describe_a_house_that_can_be_loaded_at_once(empty):
    done = run(
        *("--utility", "electricity", "--utility", "gas", "--flat", "electricity=Attic flat"),
        *("--price", "gas=0,11", "--price", "electricity=0.355", "--since", "2023-03-05", "--by-itself", "electricity"),
    )
    assert done.exit_code == 0, done.output
    settings = loaded(empty)
    assert [meter.meter_id for meter in settings.meters] == [
        "electricity", "electricity_attic_flat", "electricity_rest", "gas",
    ]  # fmt: skip
    assert {m.meter_id: m.reading_interval_days for m in settings.meters.physical} == {
        "electricity": None, "electricity_attic_flat": None, "gas": 35,
    }  # fmt: skip
    assert settings.first_day == date(2023, 1, 1)
    prices = {tariff.utility: tariff.prices[0].unit_price for tariff in settings.tariffs.tariffs}
    assert prices == {"electricity": 0.355, "gas": 0.11}
    assert all(settings.pattern_of(m.meter_id) is not None for m in settings.meters.physical)


def test_every_utility_with_flats_in_both_languages_can_be_loaded(empty, monkeypatch):
    for language in ("en", "de"):
        folder = empty / language
        monkeypatch.setenv("METERS_CONFIG_DIR", str(folder))
        chosen = [part for name in ("electricity", "gas", "water", "heat", "solar") for part in ("--utility", name)]
        flats = [part for name in ("electricity", "water", "heat") for part in ("--flat", f"{name}=EG Süd")]
        done = run(*chosen, *flats, "--language", language)
        assert done.exit_code == 0, done.output
        settings = loaded(folder)
        assert len(settings.meters) == 5 + 3 + 3
        assert settings.site.language == language
    assert "strom_eg_sued" in [meter.meter_id for meter in settings.meters]


def test_questions_are_answered_in_german_and_with_a_decimal_comma(empty):
    answers = "de\nStrom, gas\nDG\n30\n0,34\n0\n\n1.2.2024\n2024-02-01\n"
    done = run(answers=answers)
    assert done.exit_code == 0, done.output
    assert "Strom: Preis je kWh" in done.output
    settings = loaded(empty)
    assert [meter.meter_id for meter in settings.meters] == ["strom", "strom_dg", "strom_rest", "gas"]
    assert settings.meters.physical[0].reading_interval_days == 30
    assert settings.meters["gas"].reading_interval_days is None
    assert settings.tariffs.tariffs[0].prices[0].unit_price == 0.34
    assert settings.site.workflows.analytics.start_year == 2024


def test_what_is_there_stays_as_it_is(empty):
    empty.mkdir()
    (empty / "meters.yaml").write_text("mine\n")
    refused = run("--utility", "gas")
    assert refused.exit_code == 2
    assert "is there already and stays as it is" in refused.output
    assert [path.name for path in empty.iterdir()] == ["meters.yaml"]
    assert (empty / "meters.yaml").read_text() == "mine\n"


def test_another_file_that_is_there_is_kept_and_named(empty):
    empty.mkdir()
    (empty / "config.yaml").write_text("language: de\nworkflows: {analytics: {start_year: 2022}}\n")
    done = run("--utility", "water")
    assert done.exit_code == 0, done.output
    assert "Left as it is: " in done.output
    assert loaded(empty).site.workflows.analytics.start_year == 2022


@pytest.mark.parametrize(
    "wrong", [["--price", "gas=eleven"], ["--price", "0.11"], ["--flat", "water=attic"], ["--since", "yesterday"]]
)
def test_an_option_that_cannot_be_read_writes_nothing(empty, wrong):
    assert run("--utility", "gas", *wrong).exit_code == 2
    assert not empty.exists()
