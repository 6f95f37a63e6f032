"""Writes configuration, commands and measurements of docs/reference from the code: `make reference`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from workflows_dagster.cli import main as meters
from workflows_dagster.settings.derived_meters import MasterMeter, VirtualMeter
from workflows_dagster.settings.estimates import Base, Estimate
from workflows_dagster.settings.patterns import PatternFile
from workflows_dagster.settings.physical_meter import PhysicalMeter
from workflows_dagster.settings.secrets import NAMES
from workflows_dagster.settings.site import Site
from workflows_dagster.settings.tariffs import TariffFile
from workflows_dagster.stores.ports import MEASUREMENTS, Measurement
from workflows_dagster.stores.tagged import TAGGED_MEASUREMENTS, TaggedMeasurement

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_WRITTEN = "<!-- Written by `make reference` from the code. -->"
_TYPES = {str: "text", bool: "true or false", int: "whole number", float: "number"}


# Configuration


@dataclass(frozen=True)
class Key:
    """One key of a configuration file.

    Attributes:
        path: Where it is, such as `influxdb.url` or `periods[].start_date`.
        kind: What may be written.
        default: What it is without the key.
        meaning: What it says.
    """

    path: str
    kind: str
    default: str
    meaning: str


FILES: dict[str, list[tuple[str, type[BaseModel]]]] = {
    "config.yaml": [("", Site)],
    "meters.yaml": [
        ("A physical meter: a device on the wall.", PhysicalMeter),
        ("A master meter: one meter across replacements.", MasterMeter),
        ("A virtual meter: a main meter minus sub-meters.", VirtualMeter),
    ],
    "tariffs.yaml": [("", TariffFile)],
    "seasonal_patterns.yaml": [("", PatternFile)],
}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """List the keys of a model, those of its parts behind it."""
    meanings = _attributes(model)
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        part, marks = _part(field.annotation)
        yield Key(path + marks, _kind(field, part), _default(field, part), meanings.get(name, ""))
        if part is not None:
            yield from keys_of(part, f"{path}{marks}.")


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    text = inspect.getdoc(model) or ""
    section = text.partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): ((?:.|\n(?=      ))+)", section, re.MULTILINE)
    return {name: " ".join(meaning.split()).replace("None", "null") for name, meaning in found}


def _part(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """Find the model that a key holds, and how it is held: `[]` in a list, `.<name>` in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    marks = {tuple: "[]", list: "[]"}.get(get_origin(annotation), "")  # type: ignore[arg-type]
    if not marks and getattr(get_origin(annotation), "__name__", "") == "Mapping":
        marks = ".<name>"
    for each in get_args(annotation):
        part, _ = _part(each)
        if part is not None:
            return part, marks
    return None, ""


def _kind(field: FieldInfo, part: type[BaseModel] | None) -> str:
    if part is not None:
        return "a list" if "tuple" in str(field.annotation) else "a mapping"
    if field.annotation is Estimate:
        return f"`auto`, or a list of {', '.join(f'`{base}`' for base in get_args(Base))} and `like: <meter_id>`"
    text = str(field.annotation)
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    choices = re.findall(r"'([^']+)'", text) if "Literal" in text else []
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    if "date" in text:
        return "a day" if "datetime.datetime" not in text else "a day or an instant"
    if "tuple" in text:
        return "a list"
    named = [word for kind, word in _TYPES.items() if kind.__name__ in text]
    return named[0] if named else "text"


def _default(field: FieldInfo, part: type[BaseModel] | None) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if part is not None or value is PydanticUndefined:
        return ""
    if value is None:
        return "`null`"
    if value == date.min:
        return "always"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "an empty list" if not value else ", ".join(f"`{each}`" for each in value)
    if hasattr(value, "start") and hasattr(value, "end"):
        return f"`{value.start:%H:%M}-{value.end:%H:%M}`"
    return f"`{value}`"


def configuration() -> str:
    """Write the page of the configuration."""
    lines = ["# Configuration", "", _WRITTEN, ""]
    lines += [
        "The files are in `config/` (or where `METERS_CONFIG_DIR` says). `meters check` reports every mistake in them "
        "at once, with file and key. A key that is not listed here is a mistake.",
        "",
    ]
    for file, models in FILES.items():
        lines += [f"## {file}", ""]
        for title, model in models:
            lines += [title, ""] if title else []
            lines += ["| key | what may be written | without it | meaning |", "| -- | -- | -- | -- |"]
            lines += [f"| `{key.path}` | {key.kind} | {key.default} | {key.meaning} |" for key in keys_of(model)]
            lines += [""]
    lines += ["## Secrets and places", "", "In `secrets/*.env` or in the environment:", ""]
    lines += ["| name | meaning |", "| -- | -- |"]
    lines += [f"| `{name}`, `{name}_FILE` | {_SECRETS[name]} |" for name in NAMES]
    lines += ["", "In the environment:", "", "| name | meaning |", "| -- | -- |"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in PLACES.items()]
    return "\n".join(lines) + "\n"


_SECRETS = {
    "INFLUX_TOKEN": "InfluxDB's API token",
    "INFLUX_ORG": "InfluxDB's organisation",
    "TIBBER_API_TOKEN": "Tibber's access token",
    "APPRISE_URLS": "where alerts go: addresses as apprise writes them",
    "HOUSE_TOKEN": "the house page's token, at least 16 characters: for typing in, and for reading from other machines",
    "HOME_ASSISTANT_TOKEN": "Home Assistant's long-lived token of an administrator",
}
PLACES = {
    "METERS_CONFIG_DIR": "folder of the configuration; without it `config`",
    "METERS_SECRETS_DIR": "folder of the secrets; without it `secrets` beside the configuration",
    "METERS_DATA_DIR": "folder of the embedded data; without it `data` beside the configuration",
    "DAGSTER_HOME": "Dagster's home; without it a folder in the data folder",
    "HOME_ASSISTANT_URL": "wins over `home_assistant.url`",
    "PROCESSING_INTERVAL": "wins over `home_assistant.processing_interval`",
    "LOOKBACK_MINUTES": "wins over `home_assistant.lookback_minutes`",
    "METER_TYPE": "`home_assistant`, which is the only source of live power",
    "SUPERVISOR_TOKEN": "stands for `HOME_ASSISTANT_TOKEN` in an add-on, which is given it",
}


# Commands


def commands() -> dict[str, click.Command]:
    """Give the commands by name; those of a group by both names."""
    context = click.Context(meters, info_name="meters")
    found: dict[str, click.Command] = {}
    for name in meters.list_commands(context):
        command = meters.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {part}": one for part, one in command.commands.items()}
        elif command is not None:
            found[name] = command
    return found


def options_of(command: click.Command) -> list[str]:
    """Give the long names of a command's options."""
    return [max(parameter.opts, key=len) for parameter in command.params if isinstance(parameter, click.Option)]


def commands_page() -> str:
    """Write the page of the commands."""
    lines = ["# Commands", "", _WRITTEN, ""]
    lines += ["Exit codes: 0 good, 1 the work failed, 2 what you gave was wrong.", ""]
    for name, command in sorted(commands().items()):
        context = click.Context(command, info_name=f"meters {name}", max_content_width=96, terminal_width=96)
        help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        lines += [f"## meters {name}", "", "```text", help_text, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


# Measurements

_QUALITY = "`measured`, `interpolated`, `extrapolated` or `missing`"
_EXPECTED = {
    "expected": "what the meter's own past lets expect",
    "lower": "lower end of what nine of ten usual days lie in",
    "upper": "upper end of it",
}
_FLAGGED = {
    **_EXPECTED,
    "delta_percent": "difference from the expectation [%]",
    "severity": "`notice`, or `alert` beyond twice or below half",
    "code": "why: `day`, `week`, `plain`, `gap` or `base_load`",
    "figures": "figures of the comparison, JSON",
    "reason": "the comparison, in words, for Grafana; in the language of config.yaml",
}
_BASE_LOAD = "least consumption of four whole hours running [unit/h]"
_FINDING = {
    "code": "what was found, such as `reading_overdue`",
    "severity": "`note`, `warn` or `error`",
    "sentence": "the same as a sentence, for Grafana; in the language of config.yaml",
    "until": "last instant that it is about (ISO 8601)",
    "figures": "its figures as JSON",
}
_BAND = {
    "lower": "lower end of the 80 % band; absent where all is measured",
    "upper": "upper end of the 80 % band",
}
_CLOSES = "register when it ends; its band is that of the next point's `value`"
_OF_VALUE = {
    "lower": "lower end of the 80 % band of `value`, between readings; absent where measured",
    "upper": "upper end of it",
}
_SUM = {
    "consumption": "what was used on the days that there are",
    **_BAND,
    "quality": "the worst day's",
    "estimated_share": "part of it that comes from long gaps, 0 to 1",
    "days": "days that there are",
    "missing_days": "days of them without a value",
}
MEANINGS: dict[str, tuple[str, dict[str, str]]] = {
    "house_status": (
        "How runs and backups are: one point, with `meter_id` `house`.",
        {
            "run_ended": "when the last run ended",
            "run_result": "success, failure or canceled",
            "failed_jobs": "jobs that failed and that no later run has repaired, with commas between",
            "backup": "when the newest verified backup was made",
        },
    ),
    "meter_interpolated_daily": (
        "The register, a point a day.",
        {"value": "register when the day opens", "closing": _CLOSES, "quality": _QUALITY, **_OF_VALUE},
    ),
    "meter_consumption": (
        "What was used, a point a day.",
        {
            "consumption": "what was used in the day",
            "quality": _QUALITY,
            "estimated_share": "part of it that comes from long gaps between readings, 0 to 1",
            "residual": "virtual meters: main meter minus sub-meters, which may be negative",
            **_BAND,
        },
    ),
    "meter_interpolated_monthly": (
        "The register, a point a month.",
        {"value": "register when the month opens", "closing": _CLOSES, "quality": _QUALITY, **_OF_VALUE},
    ),
    "meter_consumption_monthly": (
        "What was used, a point a month.",
        {
            "consumption": "what was used in the month",
            "per_day": "the same per day with a value",
            "estimated_share": "part of it that comes from long gaps, 0 to 1",
            "previous_month": "`per_day` of the month before",
            "previous_year": "`per_day` of the same month a year before",
            "quality": "the worst day's",
            "days": "days with a value",
            **_BAND,
        },
    ),
    "meter_consumption_yearly": (
        "What was used, a point a year; the band of a year is its own and no sum of its days'.",
        _SUM,
    ),
    "meter_month_to_date": (
        "The running month, one point that is replaced every night.",
        {
            **_SUM,
            "previous_month": "the same days of the month before",
            "previous_year": "the same days of the month a year before",
        },
    ),
    "meter_anomaly": (
        "Flagged days only: what was used against what was to be expected. Of a long gap the point stands at the day "
        "in which it ends, and is about all of it.",
        {"consumption": "what was used", **_FLAGGED},
    ),
    "meter_expectation": ("What was to be expected of every judged day, flagged or not.", _EXPECTED),
    "meter_base_load": (
        "Flagged days of hourly meters by the least of four hours running.",
        {"base_load": _BASE_LOAD, **_FLAGGED},
    ),
    "meter_base_load_expectation": (
        "The base load of every judged day of hourly meters, and what was to be expected of it.",
        {"base_load": _BASE_LOAD, **_EXPECTED},
    ),
    "meter_cost": (
        "Costs, a point a day; further tag `currency`.",
        {
            "cost": "of the day, VAT included",
            "unit_price": "price of a unit on that day",
            "standing_charge": "the day's share of the standing charge",
            **_BAND,
        },
    ),
    "meter_profile": (
        "Seasonal profiles, a point a version.",
        {
            "base": "part that flows evenly",
            "season": "part that follows the pattern",
            "version": "digest of the profile",
            "table": "the pattern's twelve percentages, or the degree days' of a usual year",
            "mean": "how much flows on its mean day",
            "scale": "its irregularity between readings, as a factor of the usual meter's: bands come from it",
            "scale_beyond": "the same before the first and after the last reading",
            "profile": "of a meter that follows the weather: its constants and what left-out readings miss by, as JSON",
        },
    ),
    "meter_running_day": (
        "Today so far, one point that is replaced each hour.",
        {
            "consumption": "what was used so far",
            "closing": "register now",
            "quality": _QUALITY,
            "estimated_share": "part of it that is estimated, 0 to 1",
            "until": "up to which instant (ISO 8601)",
        },
    ),
    "meter_finding": ("Findings about a day, at the instant at which it opens.", _FINDING),
    "meter_finding_monthly": ("Findings about a month.", _FINDING),
    "meter_finding_now": ("Findings about the present, such as overdue readings.", _FINDING),
    "meter_readings_changed": (
        "Months whose readings were changed by us, for the sensor `new_readings`; the tag `meter_id` is the entity.",
        {"mark": "new with each change"},
    ),
    "meter_made_from": (
        "What results were made from, a point a month; for the system's own use.",
        {"digest": "digest of the month's days", "days": "digests by day"},
    ),
    "meter_statistics_sent": (
        "What Home Assistant has of each meter's hours, a point a month; for the system's own use.",
        {
            "inputs": "digest of what the hours were computed from",
            "digest": "digest of the sums that were sent",
            "use": "sum of the days' use at the month's end, kWh or m³",
            "cost": "sum of the days' cost at the month's end",
            "first": "the meter's first hour there",
            "last": "the month's last hour there",
            "shown": "sum of the use at the end of that hour",
        },
    ),
    "meter_info": (
        "What a query needs to know of each meter, one point a meter at 1970-01-01.",
        {
            "utility": "electricity, gas, water, heat or solar",
            "main": "1 for the meters that add up to the utility, else 0",
            "role": "main, rest, part, device (of a master) or other",
            "depth": "number of meters above it",
            "fed_in": "1 for energy fed into the grid, else 0",
            "kwh_per_unit": "energy of one unit, of gas by the present factors [kWh/unit]; absent where it is none",
            "description": "what it counts, in the owner's words",
        },
    ),
    "meter_change": (
        "Replacements of meters and changes of prices, a point each at the opening of its first day.",
        {
            "kind": "replacement or price",
            "sentence": "what changed, for Grafana; in the language of config.yaml",
        },
    ),
    "home_streams_kept": (
        "From when on power and events are there: one point, with `meter_id` `house`.",
        {"since": "instant before which they were deleted (ISO 8601)"},
    ),
    "home_assistant_status": (
        "How the live connection to Home Assistant is: one point, with `meter_id` `house`.",
        {
            "at": "when it was told",
            "connected": "when the connection was last there",
            "problem": "why it is not there",
            "clock": "how far Home Assistant's clock is ahead [s]",
            "silent": "sensors of power that send nothing, JSON: since when",
        },
    ),
    "meter_reading_note": (
        "What was noted beside a reading by hand, at the instant of the reading.",
        {"note": "the note"},
    ),
    "meter_readings_added": (
        "When readings were last imported or typed in; `meters check` lists what was found about them.",
        {"first": "instant of the first reading that was added", "last": "instant of the last one"},
    ),
    "smart_meter": (
        "The house's power, a point per five minutes, at their end.",
        {
            "total_power_w": "mean, weighted by time [W]",
            "peak_power_w": "highest [W]",
            "daily_kwh": "since the house's midnight; holes are left out [kWh]",
            "known_share": "part of the five minutes whose power is known, 0 to 1",
        },
    ),
    "smart_meter_circuit": (
        "The power of each circuit, a point per five minutes, at their end; what no circuit claims is `other`.",
        {"power_w": "mean, weighted by time [W]", "percentage": "of the whole house [%]"},
    ),
    "home_assistant_events": (
        "Changes of Home Assistant's switches, lights, climate devices, fans and covers, as they come; kept "
        "`home_assistant.keep_days`.",
        {
            "state": "after the change",
            "previous_state": "before it",
            "attributes": "brightness, percentage, hvac_action, each also with `previous_`, as JSON",
        },
    ),
    "home_power": (
        "Power as it changes; kept `home_assistant.keep_days`.",
        {"power_w": "from this instant on [W]", "available": "0 from the instant on at which the entity has no value"},
    ),
    "event_energy_correlation": (
        "What each event changed (explanation/methods.md#what-a-switch-costs), at the instant of the event.",
        {
            "power_before_w": "the house's power before [W]",
            "power_after_w": "the house's power after [W]",
            "power_delta_w": "what the event changed [W]",
            "power_delta_pct": "the same, of the power before [%]",
            "confidence": "0 to 1",
            "sample_gap_s": "largest gap of the samples used [s]",
            "concurrent_events": "number of events that it cannot be told apart from, or was split from",
            "method": "`step` or `joint` if credited, else the reason why not",
        },
    ),
    "device_power": (
        "What each switched device draws, a point per day.",
        {
            "on_w": "when it is on [W]",
            "off_w": "when it is off; null where nothing tells [W]",
            "spread_w": "scatter of its steps [W]",
            "events": "number of its credited events",
            "on_hours": "how long it was on [h]",
        },
    ),
}


def measurements_page() -> str:
    """Write the page of the stored measurements."""
    lines = ["# Stored measurements", "", _WRITTEN, ""]
    lines += [
        "Results are in the bucket `influxdb.bucket_processed` (or in the embedded file). Unless said otherwise, every "
        "point has the tags `meter_id` and `unit`; consumption and registers are in that unit. A day's point is "
        "stamped with the instant at which the day opens, in UTC: in Berlin's summer 22:00 of the day before.",
        "",
    ]
    for measurement in MEASUREMENTS:
        lines += [f"## {measurement.name}", "", _purpose(measurement), ""]
        lines += ["| field | kind | meaning |", "| -- | -- | -- |"]
        meanings = MEANINGS.get(measurement.name, ("", {}))[1]
        lines += [f"| `{field}` | {kind} | {meanings.get(field, '')} |" for field, kind in measurement.fields.items()]
        lines += [""]
    for tagged in TAGGED_MEASUREMENTS:
        tags = ", ".join(f"`{tag}`" for tag in tagged.tags)
        bucket = "; in the bucket `influxdb.bucket_raw`" if tagged.raw else ""
        lines += [f"## {tagged.name}", "", f"{_purpose(tagged)} Tags: {tags}{bucket}.", ""]
        lines += ["| field | kind | meaning |", "| -- | -- | -- |"]
        meanings = MEANINGS.get(tagged.name, ("", {}))[1]
        lines += [f"| `{field}` | {kind} | {meanings.get(field, '')} |" for field, kind in tagged.fields.items()]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def _purpose(measurement: Measurement | TaggedMeasurement) -> str:
    return MEANINGS.get(measurement.name, ("", {}))[0]


PAGES = {"configuration.md": configuration, "commands.md": commands_page, "measurements.md": measurements_page}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
