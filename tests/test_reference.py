"""The reference pages name every key, command, option, measurement and field of the code, and nothing else."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace

import pytest

from tools.reference import FILES, FOLDER, PLACES, commands, keys_of, options_of
from workflows_dagster.logs.formats import JsonLines
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.settings.home_assistant import HomeAssistantSettings
from workflows_dagster.settings.secrets import NAMES
from workflows_dagster.settings.site import WeatherSettings
from workflows_dagster.stores.ports import MEASUREMENTS
from workflows_dagster.stores.tagged import TAGGED_MEASUREMENTS

REFRESH = "run `make reference`"


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def chapters(name: str) -> dict[str, str]:
    """The chapters of a page by title."""
    parts = re.split(r"^## (.+)$", page(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_cells(text: str) -> list[str]:
    """What stands in the first cell of each row of the tables, where it is a name."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


@pytest.mark.parametrize("file", FILES)
def test_every_key_of_a_configuration_file_is_listed_with_its_meaning(file):
    keys = [key for _, model in FILES[file] for key in keys_of(model)]
    assert first_cells(chapters("configuration")[file]) == [key.path for key in keys], REFRESH
    assert [key.path for key in keys if not key.meaning] == []


def test_every_secret_and_every_variable_is_listed():
    assert first_cells(chapters("configuration")["Secrets and places"]) == [*NAMES, *PLACES], REFRESH


def test_every_command_and_option_is_listed():
    found = chapters("commands")
    assert list(found) == [f"meters {name}" for name in sorted(commands())], REFRESH
    for name, command in commands().items():
        # What another option is mentioned for stands in the text, not at the head of a line.
        listed = re.findall(r"^  (?:-\w, )?(--[\w-]+)", found[f"meters {name}"], re.MULTILINE)
        assert set(listed) - {"--help"} == set(options_of(command)) - {"--help"}, REFRESH


def test_every_measurement_and_field_is_listed_with_its_meaning():
    found = chapters("measurements")
    assert {name: first_cells(text) for name, text in found.items()} == {
        measurement.name: list(measurement.fields) for measurement in (*MEASUREMENTS, *TAGGED_MEASUREMENTS)
    }, REFRESH
    assert not re.search(r"\|\s*\|$", page("measurements"), re.MULTILINE), "tools/reference.py: MEANINGS lacks one"


def test_every_key_of_a_log_line_is_listed():
    record = logging.LogRecord("x", logging.INFO, "", 0, "text", (), None)
    keys = set(json.loads(JsonLines("daemon").format(record))) | {
        "run",
        "job",
        "asset",
        "partitions",
        "event",
        "exception",
    }
    assert keys == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", page("logs"), re.MULTILINE))))


def test_every_sensor_and_schedule_is_listed(shipped):
    # Tibber's schedule is there where a token is, that of the weather where the house's place is known.
    secrets = shipped.secrets.model_copy(update={"tibber_api_token": "a-token"})
    # Those of Home Assistant's events are there where its address is.
    update = {
        "weather": WeatherSettings(latitude=52.5, longitude=13.4),
        "home_assistant": HomeAssistantSettings(url="http://homeassistant.local:8123"),
    }
    site = shipped.site.model_copy(update=update)
    repository = build_definitions(replace(shipped, secrets=secrets, site=site)).get_repository_def()
    names = [f"sensor `{sensor.name}`" for sensor in repository.sensor_defs]
    names += [f"schedule `{schedule.name}`" for schedule in repository.schedule_defs]
    listed = re.findall(r"^\| ((?:sensor|schedule) `\w+`)", page("automation"), re.MULTILINE)
    assert sorted(listed) == sorted(names)
