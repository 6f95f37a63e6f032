"""Writes entries to be copied into meters.yaml."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml
from pydantic import ValidationError

from workflows_dagster.settings.physical_meter import PhysicalMeter

_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "³": "3"})
_ONE_LINE = 10_000


@dataclass(frozen=True)
class NewMeter:
    """A meter that could be added.

    Attributes:
        entity_id: Tag `entity_id` of its readings.
        measurement: Their measurement.
        field: Their field.
        domain: Their domain, if another meter reads the same entity; else None.
        unit: Canonical unit.
        unit_is_guessed: Whether the measurement does not name the unit.
        first_day: Civil day of the first reading.
        interval_days: Days between readings by hand, or None if it reports by itself. [d]
    """

    entity_id: str
    measurement: str
    field: str
    domain: str | None
    unit: str
    unit_is_guessed: bool
    first_day: date
    interval_days: int | None


def entries(meters: Iterable[NewMeter], taken: Iterable[str]) -> str:
    """Write entries to be placed below `meters:`, each with a free id.

    A series that meters.yaml cannot name becomes a comment.

    Args:
        meters: The meters.
        taken: Ids that are in use.
    """
    ids = list(taken)
    blocks = []
    for meter in meters:
        entry = _entry(meter, free_id(meter.entity_id, ids))
        try:
            PhysicalMeter.model_validate(entry)
        except ValidationError:
            shown = json.dumps(meter.entity_id, ensure_ascii=False)
            blocks.append(f"  # {shown}: meters.yaml cannot name this entity. Rename it where it is written.\n")
            continue
        ids.append(entry["meter_id"])
        lines = [_line(key, value, meter) for key, value in entry.items()]
        blocks.append("".join(f"  {'- ' if n == 0 else '  '}{line}\n" for n, line in enumerate(lines)))
    return "\n".join(blocks)


def free_id(entity_id: str, taken: Iterable[str]) -> str:
    """Make a meter id from an entity's name: letters, digits and underscores, unique regardless of case.

    Args:
        entity_id: Name of the entity, any text.
        taken: Ids that are in use.
    """
    spelled = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", entity_id).translate(_SPELLED))
    plain = "".join(letter for letter in spelled if not unicodedata.combining(letter))
    wanted = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_") or "meter"
    used = {one.casefold() for one in taken}
    return next(name for name in _variants(wanted) if name.casefold() not in used and _is_id(name))


def _variants(name: str) -> Iterator[str]:
    yield name
    yield f"{name}_meter"
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _is_id(name: str) -> bool:
    try:
        PhysicalMeter.model_validate({"meter_id": name, "output_unit": "kWh"})
    except ValidationError:
        return False
    return True


def _entry(meter: NewMeter, meter_id: str) -> dict[str, Any]:
    source = {
        "entity_id": (meter.entity_id, meter_id),
        "measurement": (meter.measurement, meter.unit),
        "field": (meter.field, "value"),
        "domain": (meter.domain, None),
    }
    said = {key: value for key, (value, usual) in source.items() if value != usual}
    entry: dict[str, Any] = {
        "meter_id": meter_id,
        "type": "physical",
        "output_unit": meter.unit,
        "installation_date": meter.first_day,
    }
    if said:
        entry["source"] = said
    if meter.interval_days is not None:
        entry["reading_interval_days"] = meter.interval_days
    return entry


def _line(key: str, value: object, meter: NewMeter) -> str:
    comment = ""
    if key == "installation_date":
        comment = "  # the first reading; correct it if the meter is older"
    elif key == "output_unit" and meter.unit_is_guessed:
        comment = "  # a guess; the measurement does not tell"
    return _yaml(key, value) + comment


def _yaml(key: str, value: object) -> str:
    style = None if isinstance(value, dict) else False
    text: str = yaml.safe_dump(
        {key: value}, default_flow_style=style, allow_unicode=True, sort_keys=False, width=_ONE_LINE
    )
    return text.strip()
