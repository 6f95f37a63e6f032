"""Guesses a meter's utility if the owner does not give it."""

from __future__ import annotations

from typing import Literal

Utility = Literal["electricity", "gas", "water", "heat", "solar"]

_GAS_VOLUME_NAMES = ("gas", "kalfire", "therme")
_HEAT_NAMES = ("heat", "wärme", "waerme")


def utility_by_name(unit: str, name: str) -> Utility:
    """Guess a meter's utility from its canonical unit, its id and its description."""
    said = name.casefold()
    if unit in ("m³", "l"):
        return "gas" if any(word in said for word in _GAS_VOLUME_NAMES) else "water"
    if unit in ("MWh", "GJ", "HKV"):
        return "heat"
    if "gas" in said:
        return "gas"
    if "solar" in said:
        return "solar"
    return "heat" if any(word in said for word in _HEAT_NAMES) else "electricity"
