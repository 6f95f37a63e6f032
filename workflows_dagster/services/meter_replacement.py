"""Declares that a meter was replaced: its successor, the master over both, and the readings at the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from workflows_dagster.domain import days
from workflows_dagster.services.configuration_change import edited, entry_of, written_lines
from workflows_dagster.services.reading_entry import ReadingEntry
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.settings.new_entries import free_id
from workflows_dagster.stores.ports import Store

# What the successor takes over from its predecessor.
_TAKEN_OVER = (
    "type",
    "output_unit",
    "utility",
    "description",
    "register_digits",
    "resolution",
    "reading_interval_days",
)
_LAST_DAY = date(9999, 12, 31)


@dataclass(frozen=True)
class Replacement:
    """A replaced meter.

    Attributes:
        old_id: The meter that was removed.
        new_id: Its successor.
        at: When, UTC.
        closing: What the old one showed. [meter unit]
        opening: What the new one shows. [meter unit]
        entity_id: Home Assistant's entity of the successor, without its domain; None for its id.
    """

    old_id: str
    new_id: str
    at: pd.Timestamp
    closing: float
    opening: float
    entity_id: str | None = None


def usual_successor(settings: Settings, meter_id: str) -> str:
    """Give a free id for a meter's successor."""
    return free_id(f"{meter_id}_new", [meter.meter_id for meter in settings.meters])


def replacement_lines(settings: Settings, environ: Mapping[str, str], replacement: Replacement) -> str:
    """Write the entries of meters.yaml that a replacement changes or adds, as they are to be.

    Raises:
        SettingsError: The configuration would have problems.
    """
    changed: list[str] = []

    def edit(there: CommentedMap) -> None:
        changed.extend(_declare(there, settings, replacement))

    text = edited(settings, "meters", edit)
    load(settings.config_dir, environ, drafts={settings.files["meters"]: text})
    return written_lines(text, changed)


def declare(settings: Settings, environ: Mapping[str, str], replacement: Replacement) -> str:
    """Give the text of meters.yaml with a replacement declared.

    Raises:
        SettingsError: The configuration would have problems.
    """
    text = edited(settings, "meters", lambda there: _declare(there, settings, replacement))
    load(settings.config_dir, environ, drafts={settings.files["meters"]: text})
    return text


def store_readings_at_change(settings: Settings, store: Store, replacement: Replacement) -> None:
    """Store what both meters showed at the change; both must be in meters.yaml. A repeat changes nothing.

    Raises:
        StoreError: They were not stored.
    """
    entry = ReadingEntry(settings, store)
    for meter_id, value in ((replacement.old_id, replacement.closing), (replacement.new_id, replacement.opening)):
        meter = settings.meters[meter_id]
        assert isinstance(meter, PhysicalMeter)
        entry.store(meter, value, replacement.at)


def _declare(there: CommentedMap, settings: Settings, replacement: Replacement) -> list[str]:
    """Edit the entries; gives the ids of those that were changed or added."""
    day = days.civil_day(replacement.at, settings.site.zone)
    meters: CommentedSeq = there["meters"]
    old = entry_of(there, replacement.old_id)
    old["deinstallation_date"] = day
    place = list(meters).index(old) + 1
    meters.insert(place, _successor(old, settings, replacement, day))
    masters = [master for master in settings.meters.masters if replacement.old_id in master.periods[-1].source_meters]
    if masters:
        for master in masters:
            _add_period(entry_of(there, master.meter_id), replacement, day)
        return [replacement.old_id, replacement.new_id, *(master.meter_id for master in masters)]
    taken = [meter.meter_id for meter in settings.meters]
    whole = free_id(f"{replacement.old_id}_total", [*taken, replacement.new_id])
    meters.insert(place + 1, _master(whole, old, settings, replacement, day))
    users = _follow(meters, replacement.old_id, whole)
    return [replacement.old_id, replacement.new_id, whole, *users]


def _successor(old: CommentedMap, settings: Settings, replacement: Replacement, day: date) -> CommentedMap:
    entry = CommentedMap({"meter_id": replacement.new_id})
    entry.update({key: old[key] for key in _TAKEN_OVER if key in old})
    entry["installation_date"] = day
    entry["initial_reading"] = replacement.opening
    source = dict(old.get("source") or {})
    for key in ("entity_id", "renamed"):
        source.pop(key, None)
    if replacement.entity_id:
        source["entity_id"] = replacement.entity_id
    if source:
        entry["source"] = CommentedMap(source)
    if settings.pattern_of(replacement.old_id) is not None:
        entry["pattern"] = old.get("pattern") or replacement.old_id
    return entry


def _master(whole: str, old: CommentedMap, settings: Settings, replacement: Replacement, day: date) -> CommentedMap:
    meter = settings.meters[replacement.old_id]
    assert isinstance(meter, PhysicalMeter)
    begin = meter.installation_date
    first = settings.first_day if begin is None else pd.Timestamp(begin).date()
    before = CommentedMap(
        start_date=first, end_date=day, composition_type="single", source_meters=CommentedSeq([replacement.old_id])
    )
    master = CommentedMap(meter_id=whole, type="master", output_unit=old["output_unit"], utility=meter.utility)
    master["periods"] = CommentedSeq([before, _period(before, replacement, day)])
    return master


def _add_period(master: CommentedMap, replacement: Replacement, day: date) -> None:
    last = master["periods"][-1]
    following = _period(last, replacement, day)
    last["end_date"] = day
    master["periods"].append(following)


def _period(before: Mapping[str, Any], replacement: Replacement, day: date) -> CommentedMap:
    sources = [replacement.new_id if source == replacement.old_id else source for source in before["source_meters"]]
    period = CommentedMap(
        start_date=day + timedelta(days=1),
        end_date=_LAST_DAY,
        composition_type=before["composition_type"],
        source_meters=CommentedSeq(sources),
    )
    if "source_unit" in before:
        period["source_unit"] = before["source_unit"]
    period["apply_offset_from_previous_period"] = True
    return period


def _follow(meters: CommentedSeq, old_id: str, whole: str) -> list[str]:
    """Let virtual meters use the master where they used the meter; gives their ids."""
    users = []
    for entry in meters:
        if entry.get("type") != "virtual":
            continue
        parts = entry.get("subtract_meters") or []
        if entry.get("base_meter") != old_id and old_id not in parts:
            continue
        users.append(str(entry["meter_id"]))
        if entry.get("base_meter") == old_id:
            entry["base_meter"] = whole
        for place, part in enumerate(parts):
            if part == old_id:
                parts[place] = whole
        conversions = entry.get("subtract_meter_conversions") or {}
        if old_id in conversions:
            conversions[whole] = conversions.pop(old_id)
    return users
