"""What the versions of Home Assistant want differently.

Seen in its source: `has_mean` until 2025.3, `mean_type` from 2025.4 on, `unit_class` from 2025.11 on; older versions
refuse keys that they do not know. The grid of the energy preferences has been flat since 2026.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workflows_dagster.clients.home_assistant.errors import HomeAssistantError

Version = tuple[int, int]

_MEAN_TYPE: Version = (2025, 4)
_UNIT_CLASS: Version = (2025, 11)
_FLAT_GRID: Version = (2026, 3)
_WATER_DEVICES: Version = (2025, 12)
_VERSION = re.compile(r"(\d{4})\.(\d{1,2})\b")
_NO_MEAN = 0
UNIT_CLASSES = {"kWh": "energy", "m³": "volume"}


@dataclass(frozen=True)
class Statistic:
    """An external statistic that has a sum.

    Attributes:
        statistic_id: Its id, `source:slug`.
        name: Its name, for people.
        unit: kWh, m³ or a currency.
    """

    statistic_id: str
    name: str
    unit: str


def version_of(text: object) -> Version:
    """Give year and month of a version such as `2024.3.3`.

    Raises:
        HomeAssistantError: It is no version.
    """
    found = _VERSION.match(str(text))
    if not found:
        raise HomeAssistantError(f"it says no version that is known ({str(text)[:30]}).", passing=False)
    return int(found[1]), int(found[2])


def metadata(statistic: Statistic, version: Version) -> dict[str, Any]:
    """Give a statistic's metadata as a version wants it, and with no key that it does not know."""
    said: dict[str, Any] = {
        "has_sum": True,
        "name": statistic.name,
        "source": statistic.statistic_id.partition(":")[0],
        "statistic_id": statistic.statistic_id,
        "unit_of_measurement": statistic.unit,
    }
    if version < _MEAN_TYPE:
        said["has_mean"] = False
    else:
        said["mean_type"] = _NO_MEAN
    if version >= _UNIT_CLASS:
        said["unit_class"] = UNIT_CLASSES.get(statistic.unit)
    return said


def grid_source(
    used: list[tuple[str, str | None]], fed: list[tuple[str, str | None]], version: Version
) -> list[dict[str, Any]]:
    """Give the grid as the energy preferences of a version want it.

    Args:
        used: Statistic of what comes from the grid, and of its cost, of each meter.
        fed: Likewise of what is fed into it, and of its compensation.
        version: Home Assistant's.

    Returns:
        One source for all meters until 2026.2, one for each (or each pair) from 2026.3 on.
    """
    prices = {"entity_energy_price": None, "number_energy_price": None}
    if version < _FLAT_GRID:
        if not used and not fed:
            return []
        return [
            {
                "type": "grid",
                "flow_from": [{"stat_energy_from": energy, "stat_cost": cost, **prices} for energy, cost in used],
                "flow_to": [{"stat_energy_to": energy, "stat_compensation": paid, **prices} for energy, paid in fed],
                "cost_adjustment_day": 0.0,
            }
        ]
    sources = []
    for place in range(max(len(used), len(fed))):
        energy, cost = used[place] if place < len(used) else (None, None)
        back, paid = fed[place] if place < len(fed) else (None, None)
        sources.append(
            {
                "type": "grid",
                "stat_energy_from": energy,
                "stat_energy_to": back,
                "stat_cost": cost,
                "stat_compensation": paid,
                **prices,
                "entity_energy_price_export": None,
                "number_energy_price_export": None,
                "cost_adjustment_day": 0.0,
            }
        )
    return sources


def has_water_devices(version: Version) -> bool:
    """Tell whether single water meters have a place in the energy preferences."""
    return version >= _WATER_DEVICES
