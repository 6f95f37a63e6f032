"""The part of config.yaml about Home Assistant: its power and events, and the results that are given back to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from workflows_dagster.domain.device_steps import TEACHING_DAYS
from workflows_dagster.domain.event_levels import DOMAINS
from workflows_dagster.domain.units import is_energy, quantity_of
from workflows_dagster.settings.addresses import Url
from workflows_dagster.settings.fields import Frozen, Text, Whole
from workflows_dagster.settings.meters import Meter
from workflows_dagster.settings.problems import Problem, nearest, shown
from workflows_dagster.settings.validation import problems_in

SOURCE = "utility_meters"
# Differences of the clocks that are told, and that refuse. [s]
CLOCK_TOLD, CLOCK_REFUSED = 2.0, 60.0
# What people set who come from other systems; it wins over config.yaml.
ENVIRONMENT = {
    "HOME_ASSISTANT_URL": "url",
    "PROCESSING_INTERVAL": "processing_interval",
    "LOOKBACK_MINUTES": "lookback_minutes",
}
METER_TYPE = "METER_TYPE"
_ONLY_TYPE = "home_assistant"
_KEY = "home_assistant"


class HomeAssistantSettings(Frozen):
    """Home Assistant: source of power and events, and receiver of results.

    Attributes:
        url: Its address, such as http://homeassistant.local:8123; null leaves all of this off.
        power_entity: Sensor of the whole house's power, with its domain; null takes the one that Home Assistant's
            energy settings name.
        circuits: Sensors of the power of single circuits, with their domain; empty takes all other power sensors.
        keep_days: How long power and events are kept; results are kept for ever. A day can be recomputed for 14 days
            less. [d]
        event_domains: Domains whose events are compared with the power.
        statistics: Meters whose hours are given back, as statistics for its Energy dashboard.
        heat_devices: Heat meters among them that stand in the dashboard as individual devices, which it adds to
            electricity: it has no heat.
        processing_interval: How often the running day's events are judged. [s]
        lookback_minutes: How much is read again at the start of the live task. [min]
    """

    url: Url | None = None
    power_entity: Text | None = None
    circuits: tuple[Text, ...] = ()
    keep_days: Annotated[Whole, Field(gt=TEACHING_DAYS + 1)] = 92
    event_domains: tuple[Text, ...] = DOMAINS
    statistics: tuple[Text, ...] = ()
    heat_devices: tuple[Text, ...] = ()
    processing_interval: Annotated[Whole, Field(ge=10)] = 60
    lookback_minutes: Annotated[Whole, Field(ge=0)] = 5


def statistic_id(meter_id: str) -> str:
    """Give the id of a meter's hours in Home Assistant: lower case, single underscores, none at the ends."""
    return f"{SOURCE}:{re.sub('_+', '_', meter_id.lower()).strip('_')}"


def cost_id(meter_id: str) -> str:
    """Give the id under which Home Assistant keeps what a meter's hours cost."""
    return f"{statistic_id(meter_id)}_cost"


def statistic_unit(unit: str) -> str | None:
    """Give the unit of a meter's statistic: kWh or m³; None for what has neither, such as heat cost allocators."""
    if is_energy(unit):
        return "kWh"
    return "m³" if quantity_of(unit) == "volume" else None


def from_environment(
    settings: HomeAssistantSettings, environ: Mapping[str, str]
) -> tuple[HomeAssistantSettings, list[Problem]]:
    """Let the environment's variables win over config.yaml.

    Returns:
        The settings, and the problems of the variables.
    """
    given = {key: environ[name] for name, key in ENVIRONMENT.items() if environ.get(name)}
    problems: list[Problem] = []
    kind = environ.get(METER_TYPE)
    if kind and kind != _ONLY_TYPE:
        problems.append(Problem("environment", METER_TYPE, "unknown_meter_type", {"value": shown(kind)}))
    numbers = {key: int(text) if text.strip().isdigit() else text for key, text in given.items()}
    try:
        return HomeAssistantSettings.model_validate({**settings.model_dump(), **numbers}), problems
    except ValidationError as error:
        names = {key: name for name, key in ENVIRONMENT.items()}
        found = problems_in(error, "environment", "", HomeAssistantSettings)
        problems += [Problem(one.file, names.get(one.key, one.key), one.code, one.figures) for one in found]
        return settings, problems


def statistics_problems(settings: HomeAssistantSettings, meters: Mapping[str, Meter]) -> Iterator[Problem]:
    """Find meters that cannot become a statistic: unknown ones, without energy or volume, with the id of another."""
    taken: dict[str, str] = {}
    for place, name in enumerate(settings.statistics):
        key = f"{_KEY}.statistics[{place}]"
        meter = meters.get(name)
        if meter is None:
            yield Problem("config.yaml", key, "statistic_of_unknown_meter", _unknown(name, list(meters)))
            continue
        if statistic_unit(meter.output_unit) is None:
            yield Problem("config.yaml", key, "statistic_without_unit", {"meter": name, "unit": meter.output_unit})
        if statistic_id(name) == f"{SOURCE}:":
            yield Problem("config.yaml", key, "statistic_without_id", {"meter": name})
        for one in (statistic_id(name), cost_id(name)):
            if one in taken:
                figures = {"meter": name, "other": taken[one], "id": one}
                yield Problem("config.yaml", key, "statistic_twice", figures)
                break
        taken |= {statistic_id(name): name, cost_id(name): name}
    for place, name in enumerate(settings.heat_devices):
        key = f"{_KEY}.heat_devices[{place}]"
        if name not in settings.statistics:
            yield Problem("config.yaml", key, "heat_device_no_statistic", _unknown(name, settings.statistics))
        elif name in meters and meters[name].utility != "heat":
            yield Problem("config.yaml", key, "heat_device_no_heat", {"meter": name})


def _unknown(name: str, known: Sequence[str]) -> dict[str, str | None]:
    return {"name": name, "suggestion": nearest(name, known)}
