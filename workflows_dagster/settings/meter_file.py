"""Reads meters.yaml: parses each meter into its model and collects the problems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from workflows_dagster.settings.derived_meters import MasterMeter, VirtualMeter, period_violations
from workflows_dagster.settings.documents import Document, Location
from workflows_dagster.settings.fields import CivilDay, LastDay
from workflows_dagster.settings.meters import Meter
from workflows_dagster.settings.physical_meter import PhysicalMeter
from workflows_dagster.settings.problems import Problem, nearest, shown
from workflows_dagster.settings.validation import doubled_keys, key_of, problems_in

_MODELS: dict[str, type[PhysicalMeter] | type[MasterMeter] | type[VirtualMeter]] = {
    "physical": PhysicalMeter,
    "master": MasterMeter,
    "virtual": VirtualMeter,
}


@dataclass(frozen=True)
class Entry:
    """One meter's entry in the file, valid or not.

    Attributes:
        file: Name of the file.
        label: Its id, or its place, for problem messages.
        place: Its place in the file, such as `meters[3]`.
        meter_id: Its id, if it has a textual one.
        kind: Its type; if `type` is wrong, guessed from its other keys.
        raw: The raw entry.
        meter: The meter, or None if the entry is invalid.
    """

    file: str
    label: str
    place: str
    meter_id: str | None
    kind: str
    raw: dict[Any, Any]
    meter: Meter | None = None


class _Span(BaseModel):
    """The days of a period whose other keys may be wrong."""

    start_date: CivilDay
    end_date: LastDay = None


def read_meters(document: Document, zone: ZoneInfo, problems: list[Problem]) -> list[Entry]:
    """Read every meter of the file, and add the problems of each entry to `problems`.

    Args:
        document: meters.yaml.
        zone: The house's zone.
        problems: Receives the problems.

    Returns:
        The entries in file order, including invalid ones.
    """
    file = document.file
    for key in document.content:
        if key != "meters":
            problems.append(Problem(file, str(key), "unknown_top_key", {"suggestion": nearest(str(key), ["meters"])}))
    problems.extend(doubled_keys(document, lambda location: _key_in(document.content, location)))
    if "meters" not in document.content:
        problems.append(Problem(file, "meters", "meters_key_missing"))
        return []
    written = document.content["meters"]
    if not isinstance(written, list | dict) or not written:
        problems.append(Problem(file, "meters", "no_meters", {"value": shown(written)}))
        return []
    entries = [_validated(entry, zone, problems) for entry in _entries(file, written, problems)]
    problems.extend(_doubled_ids(entries))
    return entries


def _entries(file: str, written: list[Any] | dict[Any, Any], problems: list[Problem]) -> Iterator[Entry]:
    named: list[tuple[str, Any, Any]]
    if isinstance(written, list):
        named = [(f"meters[{position}]", None, raw) for position, raw in enumerate(written)]
    else:
        named = [(f"meters.{name}", name, raw) for name, raw in written.items()]
    for place, name, raw in named:
        if not isinstance(raw, dict):
            problems.append(Problem(file, place, "meter_not_a_mapping", {"value": shown(raw)}))
            continue
        if name is not None and raw.get("meter_id", name) != name:
            figures = {"value": shown(raw["meter_id"]), "name": shown(name)}
            problems.append(Problem(file, f"{name}.meter_id", "id_not_its_name", figures))
        meter_id = raw.get("meter_id") if name is None else name
        as_text = meter_id if isinstance(meter_id, str) and meter_id else None
        complete = raw if name is None else {**raw, "meter_id": name}
        yield Entry(file, as_text or place, place, as_text, _kind(raw), complete)


def _kind(raw: dict[Any, Any]) -> str:
    kind = raw.get("type")
    if isinstance(kind, str) and kind in _MODELS:
        return kind
    return "master" if "periods" in raw else "virtual" if "base_meter" in raw else "physical"


def _validated(entry: Entry, zone: ZoneInfo, problems: list[Problem]) -> Entry:
    written = entry.raw.get("type")
    if "type" not in entry.raw:
        problems.append(Problem(entry.file, f"{entry.label}.type", "type_missing"))
    elif written != entry.kind:
        figures = {"value": shown(written), "suggestion": nearest(str(written), _MODELS)}
        problems.append(Problem(entry.file, f"{entry.label}.type", "unknown_type", figures))
    model = _MODELS[entry.kind]
    try:
        return replace(entry, meter=model.model_validate({**entry.raw, "type": entry.kind}, context={"zone": zone}))
    except ValidationError as error:
        elsewhere = {
            key: other
            for other, known in _MODELS.items()
            for key in known.model_fields
            if key not in model.model_fields
        }
        problems.extend(problems_in(error, entry.file, entry.label, model, elsewhere))
        if model is MasterMeter:
            problems.extend(_period_problems(entry))
        return entry


def _period_problems(entry: Entry) -> Iterator[Problem]:
    """Check the periods' dates even if other keys of the periods are invalid."""
    written = entry.raw.get("periods")
    try:
        spans = [_Span.model_validate(period) for period in written] if isinstance(written, list) else []
    except ValidationError:
        return
    if any(span.end_date is not None and span.end_date < span.start_date for span in spans):
        return
    for violation in period_violations((n, span.start_date, span.end_date) for n, span in enumerate(spans)):
        yield Problem(entry.file, f"{entry.label}.periods{violation.at}", violation.code, violation.figures)


def _doubled_ids(entries: list[Entry]) -> Iterator[Problem]:
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.meter_id is None:
            continue
        earlier = first.setdefault(entry.meter_id.casefold(), entry)
        if earlier is entry:
            continue
        figures = {"name": entry.meter_id, "place": earlier.place}
        if earlier.meter_id == entry.meter_id:
            yield Problem(entry.file, f"{entry.place}.meter_id", "id_twice", figures)
        else:
            figures["other"] = str(earlier.meter_id)
            yield Problem(entry.file, f"{entry.place}.meter_id", "id_differs_by_case", figures)


def _key_in(content: dict[Any, Any], location: Location) -> str:
    """Write a location with the id of its meter."""
    if len(location) < 3 or location[0] != "meters":
        return key_of(location)
    inside: Any = location[1]
    if isinstance(inside, int):
        item = content["meters"][inside]
        inside = item.get("meter_id") if isinstance(item, dict) else None
    return key_of((inside, *location[2:])) if isinstance(inside, str) else key_of(location)
