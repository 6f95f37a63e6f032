"""Finds power and energy sensors in what Home Assistant says of its entities, devices and energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows_dagster.domain.power_sensors import Found, PowerSensor, sort_out, watts

_LIST = "entity_id"
State = Mapping[str, Any]


@dataclass(frozen=True)
class Sensors:
    """What was found.

    Attributes:
        power: Sensors of power, each with its role.
        energy: Ids of sensors that count energy in kWh.
        register: The one of them that counts what comes from the grid; None if none or several do.
    """

    power: tuple[Found, ...]
    energy: tuple[str, ...]
    register: str | None = None

    @property
    def house(self) -> Found | None:
        """The whole house's power; None where nothing says which it is."""
        return next((one for one in self.power if one.role == "house"), None)

    @property
    def circuits(self) -> tuple[Found, ...]:
        """The power of single circuits."""
        return tuple(one for one in self.power if one.role == "circuit")


def find_sensors(
    states: Sequence[State],
    entities: Sequence[State],
    devices: Sequence[State],
    prefs: State | None,
    house: str | None = None,
    circuits: Sequence[str] = (),
) -> Sensors:
    """Find the sensors.

    Args:
        states: As `get_states` gives them.
        entities: The entity registry.
        devices: The device registry.
        prefs: The preferences of the Energy dashboard; None if there are none.
        house: The whole house's sensor, as config.yaml names it.
        circuits: The circuits' sensors, as config.yaml names them.
    """
    device_of = {one["entity_id"]: one.get("device_id") for one in entities}
    device_names = {one["id"]: one.get("name_by_user") or one.get("name") for one in devices}
    power, energy = [], []
    for one in states:
        entity_id, said = one["entity_id"], one.get("attributes") or {}
        unit, kind = said.get("unit_of_measurement"), said.get("device_class")
        if not entity_id.startswith("sensor."):
            continue
        if kind == "energy" and unit == "kWh":
            energy.append(entity_id)
        is_named = entity_id == house or entity_id in circuits
        if (kind != "power" or said.get("state_class") != "measurement") and not is_named:
            continue
        if watts(0, unit) is None:
            continue
        device = device_of.get(entity_id)
        name = device_names.get(device) or said.get("friendly_name") or entity_id
        members = said.get(_LIST)
        power.append(
            PowerSensor(
                entity_id,
                str(name),
                watts(one.get("state"), unit),
                device,
                tuple(map(str, members)) if isinstance(members, list | tuple) else (),
            )
        )
    named_rate, grid = _of_grid(prefs or {})
    grid_devices = {device for entity in grid if (device := device_of.get(entity)) is not None}
    registers = [one for one in grid if one in energy]
    return Sensors(
        tuple(sort_out(power, house or named_rate, grid_devices, circuits)),
        tuple(energy),
        registers[0] if len(registers) == 1 else None,
    )


def _of_grid(prefs: State) -> tuple[str | None, list[str]]:
    """Give the power sensor of the grid, which newer preferences name, and the sensors of its energy."""
    rates, energy = [], []
    for source in prefs.get("energy_sources", []):
        if source.get("type") != "grid":
            continue
        rates += [one.get("stat_rate") for one in (source, *source.get("power", []))]
        energy += [one.get("stat_energy_from") for one in (source, *source.get("flow_from", []))]
    named = [one for one in rates if one]
    return named[0] if len(named) == 1 else None, [one for one in energy if one]
