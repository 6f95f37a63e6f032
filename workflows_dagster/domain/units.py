"""Units of energy, volume and heat cost allocators, and gas volume to energy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

Quantity = Literal["energy", "volume", "allocation"]

# Factor to the quantity's base unit, the first one: kWh for energy, m³ for volume.
_ENERGY = {"kWh": 1.0, "Wh": 1e-3, "MWh": 1e3, "GJ": 1e3 / 3.6}
_VOLUME = {"m³": 1.0, "l": 1e-3}
_ALLOCATION = {"HKV": 1.0}
_SCALES: dict[Quantity, dict[str, float]] = {"energy": _ENERGY, "volume": _VOLUME, "allocation": _ALLOCATION}
_SPELLINGS = {"m3": "m³", "L": "l", "liter": "l", "hkv": "HKV", "HCA": "HKV", "hca": "HKV"}

UNITS: tuple[str, ...] = tuple(unit for scale in _SCALES.values() for unit in scale)


class UnitError(ValueError):
    """A unit is unknown, or two units cannot be converted."""


def canonical(unit: str) -> str:
    """Give the canonical spelling of a unit.

    Raises:
        UnitError: The unit is not one of `UNITS` in any known spelling.
    """
    spelled = _SPELLINGS.get(unit, unit)
    if spelled not in UNITS:
        raise UnitError(f"unknown unit '{unit}'; known are {', '.join(UNITS)} (m³ also as m3)")
    return spelled


def is_energy(unit: str) -> bool:
    """Tell whether a canonical unit measures energy."""
    return unit in _ENERGY


def quantity_of(unit: str) -> Quantity:
    """Give what a canonical unit measures."""
    return next((quantity for quantity, scale in _SCALES.items() if unit in scale), "volume")


def base_unit(unit: str) -> str:
    """Give the unit that all units of a canonical unit's quantity are added up in: kWh, m³ or HKV."""
    return next(iter(_SCALES[quantity_of(unit)]))


def same_quantity(first: str, second: str) -> bool:
    """Tell whether two canonical units measure the same quantity."""
    return quantity_of(first) == quantity_of(second)


def factor(from_unit: str, to_unit: str) -> float:
    """Give the factor from one unit to another of the same quantity.

    Args:
        from_unit: Canonical unit of the value.
        to_unit: Canonical target unit.

    Returns:
        `to_unit` per `from_unit`. [to_unit/from_unit]

    Raises:
        UnitError: The units measure different quantities.
    """
    if from_unit == to_unit:
        return 1.0
    if not same_quantity(from_unit, to_unit):
        raise UnitError(f"{from_unit} and {to_unit} measure different quantities")
    scale = _SCALES[quantity_of(from_unit)]
    return scale[from_unit] / scale[to_unit]


@dataclass(frozen=True)
class GasFactors:
    """Factors that convert gas volume to energy from a day on (docs/explanation/methods.md#gas).

    Attributes:
        valid_from: First civil day on which the pair holds.
        energy_content: Energy of a standard cubic metre (Brennwert). [kWh/m³]
        z_factor: Standard cubic metres per metered cubic metre (Zustandszahl). [1]
    """

    valid_from: date
    energy_content: float
    z_factor: float


def conversion(from_unit: str, to_unit: str, civil: pd.Index, gas: tuple[GasFactors, ...]) -> np.ndarray:
    """Give the factor from one unit to another by day, between gas volume and energy by the gas factors of the day.

    Args:
        from_unit: Canonical unit of the value.
        to_unit: Canonical target unit.
        civil: Civil days, shape (n,), dtype `object` of `date`.
        gas: Gas factors, by `valid_from` increasing; needed where the two measure different quantities.

    Returns:
        `to_unit` per `from_unit`. [to_unit/from_unit], shape (n,)
    """
    if same_quantity(from_unit, to_unit):
        return np.full(len(civil), factor(from_unit, to_unit))
    energy = kwh_per_cubic_metre(civil, gas)
    if is_energy(from_unit):
        return factor(from_unit, "kWh") / energy * factor("m³", to_unit)
    return factor(from_unit, "m³") * energy * factor("kWh", to_unit)


def kwh_per_cubic_metre(days: pd.Index, factors: tuple[GasFactors, ...]) -> np.ndarray:
    """Give each day's energy per metered cubic metre of gas.

    A day takes the last pair valid on or before it; days before the first pair take the first.

    Args:
        days: Civil days, shape (n,), dtype `object` of `date`.
        factors: At least one pair, by `valid_from` increasing.

    Returns:
        Energy per cubic metre. [kWh/m³], shape (n,)
    """
    starts = np.array([pair.valid_from.toordinal() for pair in factors])
    ordinals = np.array([day.toordinal() for day in days], dtype=np.int64)
    which = np.maximum(np.searchsorted(starts, ordinals, side="right") - 1, 0)
    per_pair = np.array([pair.energy_content * pair.z_factor for pair in factors])
    return per_pair[which]
