"""Tells which power sensor is the whole house's, which are circuits, and which are sums of others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

Role = Literal["house", "circuit", "sum", "unsure"]
# Sensors report at different moments.
_TOLERANCE, _LEAST_W = 0.02, 5.0
# Sums of a device's phases, or of some sockets.
_MOST_PARTS = 6
_WATTS = {"W": 1.0, "kW": 1000.0, "MW": 1_000_000.0}


@dataclass(frozen=True)
class PowerSensor:
    """A sensor of power.

    Attributes:
        entity_id: Its id, with the domain.
        name: Its device's name, or its own.
        watts: What it shows now; None if it shows nothing. [W]
        device: Its device; None if it has none.
        members: Entities that it says it is made of.
    """

    entity_id: str
    name: str
    watts: float | None
    device: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a sensor is taken for.

    Attributes:
        sensor: The sensor.
        role: `house` is the whole house, `sum` is made of others, `unsure` may be the whole house.
        parts: The sensors that a sum is made of.
    """

    sensor: PowerSensor
    role: Role
    parts: tuple[str, ...] = ()


def watts(state: object, unit: object) -> float | None:
    """Give a state as power; None for what is no number or no unit of power. [W]"""  # noqa: D415
    try:
        value = float(str(state)) * _WATTS[str(unit)]
    except (KeyError, ValueError):
        return None
    return value if abs(value) < float("inf") else None


def sort_out(
    sensors: Sequence[PowerSensor], house: str | None, energy_devices: Collection[str], named: Collection[str] = ()
) -> list[Found]:
    """Sort sensors of power out.

    The whole house is the sensor that is named, else the one on the device whose energy Home Assistant's dashboard
    takes for the grid. Where that does not say it, those that are a sum of others, or else the largest, are `unsure`:
    somebody has to say it.

    Args:
        sensors: All sensors of power.
        house: The whole house's, as it is named; None if it is not.
        energy_devices: Devices whose energy sensor counts what comes from the grid.
        named: The circuits, as they are named; empty for all that are no sum.

    Returns:
        The sensors in order: house, then circuits, then others, each by id.
    """
    whole = house or _of_device(sensors, energy_devices)
    sums = {one.entity_id: parts for one in sensors if (parts := _parts(one, sensors))}
    found = []
    for one in sensors:
        parts = sums.get(one.entity_id, ())
        if one.entity_id == whole:
            role: Role = "house"
        elif named:
            role = "circuit" if one.entity_id in named else "sum" if parts else "unsure"
        elif parts:
            role = "sum" if whole else "unsure"
        else:
            role = "circuit"
        found.append(Found(one, role, parts))
    if whole is None and not sums:
        known = [one for one in sensors if one.watts is not None]
        largest = max(known, key=lambda one: one.watts or 0.0, default=None)
        found = [Found(one.sensor, "unsure") if one.sensor == largest else one for one in found]
    order = {"house": 0, "circuit": 1, "sum": 2, "unsure": 3}
    # Phases of the whole house's own device are no circuits.
    phases = {one.entity_id for one in sensors if whole and one.device and one.device == _device(sensors, whole)}
    found = [
        Found(one.sensor, "sum", one.parts)
        if one.role == "circuit" and one.sensor.entity_id in phases and one.sensor.entity_id not in named
        else one
        for one in found
    ]
    return sorted(found, key=lambda one: (order[one.role], one.sensor.entity_id))


def _of_device(sensors: Sequence[PowerSensor], devices: Collection[str]) -> str | None:
    """Give the sensor of power on one of some devices; of several, the one that is the sum of others there."""
    there = [one for one in sensors if one.device is not None and one.device in devices]
    if len(there) > 1:
        there = [one for one in there if _parts(one, there)]
    return there[0].entity_id if len(there) == 1 else None


def _parts(sensor: PowerSensor, sensors: Sequence[PowerSensor]) -> tuple[str, ...]:
    """Give the sensors that a sensor is a sum of: those that it names, else those of its device that add up to it."""
    if sensor.members:
        return sensor.members
    beside: Mapping[str, float] = {
        one.entity_id: one.watts
        for one in sensors
        if one.device == sensor.device and one.device and one.entity_id != sensor.entity_id and one.watts is not None
    }
    if sensor.watts is None or sensor.watts <= _LEAST_W or len(beside) < 2:
        return ()
    for size in range(2, min(len(beside), _MOST_PARTS) + 1):
        for parts in combinations(beside, size):
            total = sum(beside[name] for name in parts)
            near = abs(total - sensor.watts) <= max(_TOLERANCE * sensor.watts, _LEAST_W)
            if near and all(beside[name] < sensor.watts for name in parts):
                return parts
    return ()


def _device(sensors: Sequence[PowerSensor], entity_id: str) -> str | None:
    return next((one.device for one in sensors if one.entity_id == entity_id), None)
