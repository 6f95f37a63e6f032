"""The entries of Home Assistant's Energy dashboard: those there are, and those of the meters that are given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows_dagster.clients.home_assistant.dialect import Version, grid_source, has_water_devices
from workflows_dagster.evaluation.costs import is_priced
from workflows_dagster.reports.layout import fed_into_grid, layout
from workflows_dagster.settings.home_assistant import SOURCE, cost_id, statistic_id
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter

_OURS = f"{SOURCE}:"
_LISTS = ("energy_sources", "device_consumption", "device_consumption_water")
Prefs = Mapping[str, Any]
# What a source counts is named under one of these.
_FIGURES = ("stat_energy_from", "stat_energy_to", "stat_consumption")


@dataclass(frozen=True)
class Plan:
    """The entries as they would be.

    Attributes:
        prefs: All entries, those of others as they are.
        added: Statistics that get an entry, each with its place.
        removed: Our statistics that lose theirs.
        without_place: Meters that the dashboard has no place for.
        doubled: Entities of others that count the same meter, by meter.
    """

    prefs: dict[str, Any]
    added: dict[str, str]
    removed: tuple[str, ...]
    without_place: tuple[str, ...]
    doubled: dict[str, str]

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return bool(self.added or self.removed)


def plan(settings: Settings, version: Version, prefs: Prefs) -> Plan:
    """Work out the entries of the meters that are given back; those of others stay.

    Main meters of electricity are what comes from the grid, feed-in is what goes back; solar, gas and water have
    sources of their own; other electricity meters, and heat meters that config.yaml names, are individual devices.

    Args:
        settings: The house.
        version: Home Assistant's.
        prefs: The entries that are there.
    """
    wanted, without_place = _entries(settings, version)
    others = {name: [one for entry in prefs.get(name, []) for one in _without_ours(entry)] for name in _LISTS}
    merged = {name: [*others[name], *wanted.get(name, [])] for name in _LISTS}
    merged["energy_sources"] = _joined_grid(merged["energy_sources"])
    if not has_water_devices(version):
        merged.pop("device_consumption_water")
    before, after = _statistics(prefs), _statistics(merged)
    there = {one: place for one, place in after.items() if one.startswith(_OURS)}
    return Plan(
        merged,
        {one: place for one, place in there.items() if before.get(one) != place},
        tuple(one for one in before if one.startswith(_OURS) and one not in after),
        tuple(without_place),
        _doubled(settings, before),
    )


def _entries(settings: Settings, version: Version) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    named = settings.site.home_assistant
    fed_in = fed_into_grid(settings)
    roles = {
        place.meter.meter_id: place.role for places in layout(settings.meters, fed_in).values() for place in places
    }
    used: list[tuple[str, str | None]] = []
    fed: list[tuple[str, str | None]] = []
    sources: list[dict[str, Any]] = []
    devices: list[dict[str, Any]] = []
    water: list[dict[str, Any]] = []
    without_place: list[str] = []
    for name in named.statistics:
        meter, own = settings.meters[name], statistic_id(name)
        cost = cost_id(name) if is_priced(settings, meter) else None
        is_main = roles.get(name) == "main"
        prices = {"stat_cost": cost, "entity_energy_price": None, "number_energy_price": None}
        if name in fed_in:
            fed.append((own, cost))
        elif meter.utility == "electricity" and is_main:
            used.append((own, cost))
        elif meter.utility == "electricity" or name in named.heat_devices:
            devices.append({"stat_consumption": own})
        elif meter.utility == "solar":
            sources.append({"type": "solar", "stat_energy_from": own, "config_entry_solar_forecast": None})
        elif meter.utility in ("gas", "water") and is_main:
            sources.append({"type": meter.utility, "stat_energy_from": own, **prices})
        elif meter.utility == "water" and has_water_devices(version):
            water.append({"stat_consumption": own})
        else:
            without_place.append(name)
    wanted = {
        "energy_sources": [*grid_source(used, fed, version), *sources],
        "device_consumption": devices,
        "device_consumption_water": water,
    }
    return wanted, without_place


def _without_ours(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Give an entry without what is ours; nothing if all of it is."""
    if "flow_from" in entry:
        kept = {
            **entry,
            "flow_from": [one for one in entry["flow_from"] if not _is_ours(one)],
            "flow_to": [one for one in entry["flow_to"] if not _is_ours(one)],
        }
        return [kept] if kept["flow_from"] or kept["flow_to"] else []
    return [] if _is_ours(entry) else [entry]


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return any(str(entry.get(key) or "").startswith(_OURS) for key in _FIGURES)


def _joined_grid(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join grids of the older kind, of which there may be only one."""
    grids = [one for one in sources if "flow_from" in one]
    if len(grids) < 2:
        return sources
    joined = {**grids[0]}
    for flow in ("flow_from", "flow_to"):
        joined[flow] = [one for grid in grids for one in grid[flow]]
    return [joined, *(one for one in sources if "flow_from" not in one)]


def _statistics(prefs: Prefs) -> dict[str, str]:
    """Give the statistic of every entry, with its place."""
    found: dict[str, str] = {}
    for name in _LISTS:
        for entry in prefs.get(name, []):
            flows = [*entry.get("flow_from", []), *entry.get("flow_to", [])] if "flow_from" in entry else [entry]
            for one in flows:
                for key in _FIGURES:
                    if one.get(key):
                        place = "return" if key == "stat_energy_to" else str(entry.get("type", name))
                        cost = one.get("stat_cost") or one.get("stat_compensation")
                        found[one[key]] = f"{place}, {cost}" if cost else place
    return found


def _doubled(settings: Settings, there: Mapping[str, str]) -> dict[str, str]:
    """Find entities that count a meter which is given back: the dashboard would add both."""
    found = {}
    for name in settings.site.home_assistant.statistics:
        meter = settings.meters[name]
        entity = meter.raw_entity_id if isinstance(meter, PhysicalMeter) else None
        for one in there:
            if entity and one.partition(".")[2] == entity:
                found[name] = one
    return found
