"""Converts a column's unit to a meter's, and mean power to energy."""

from __future__ import annotations

from workflows_dagster.clients.spreadsheets.header_names import POWER_UNITS, Header
from workflows_dagster.clients.spreadsheets.verdicts import CellError
from workflows_dagster.domain import units

# Megajoules occur in files, but no meter has them.
_MEGAJOULES_PER_GIGAJOULE = 1000.0


def converted(value: float, header: Header, unit: str) -> float:
    """Convert a column's number to a meter's unit; without a unit in the header it is already in it.

    Raises:
        CellError: The units measure different quantities.
    """
    given = header.unit
    if given is None or given == unit:
        return value
    if given == "MJ":
        value, given = value / _MEGAJOULES_PER_GIGAJOULE, "GJ"
    try:
        if header.is_foreign:
            raise units.UnitError
        factor = units.factor(given, unit)
    except units.UnitError:
        raise CellError("unit_differs", column=header.written, unit=str(header.unit), meter_unit=unit) from None
    # 12345 / 1000 is closer to 12.345 than 12345 × 0.001.
    inverse = round(1 / factor)
    return value / inverse if factor < 1 and abs(1 / factor - inverse) < 1e-9 * inverse else value * factor


def is_power(header: Header) -> bool:
    """Tell whether a column holds power."""
    return header.unit in POWER_UNITS


def energy(power: float, header: Header, minutes: int, unit: str) -> float:
    """Convert mean power over an interval to energy in a meter's unit.

    Args:
        power: Mean power of the interval, in the header's unit; without one, in the meter's unit per hour.
        header: The column's header.
        minutes: Length of the interval. [min]
        unit: The meter's unit.

    Raises:
        CellError: The meter does not measure energy.
    """
    amount = power * minutes / 60
    if header.unit is None:
        return amount
    as_energy = Header(header.written, header.name, POWER_UNITS[header.unit])
    return converted(amount, as_energy, unit)
