"""Parses a column's header into name and unit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workflows_dagster.clients.spreadsheets.header_words import FOREIGN_UNITS
from workflows_dagster.domain.units import UNITS

# Units of power and further units of files; upper and lower case matter, as in W and w.
_SPELLINGS = {
    **{unit.lower(): unit for unit in UNITS},
    "m3": "m³",
    "cbm": "m³",
    "kubikmeter": "m³",
    "liter": "l",
    "litre": "l",
    "litres": "l",
    "ltr": "l",
    "w": "W",
    "watt": "W",
    "kw": "kW",
    "mj": "MJ",
    "kilowattstunden": "kWh",
}
# Units of a header without brackets, without short words that may mean something else.
_PLAIN = re.compile(r"(?:^|[\s_/,;:-])(?:in |en )?(kwh|mwh|wh|gj|mj|m³|m3|cbm|liter|kw)$", re.IGNORECASE)
_PLAIN_AFTER_IN = re.compile(r"\b(?:in|en)\s+(w|watt|l)$", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*(?:\(([^()]*)\)|\[([^\[\]]*)\])$")
_LEADING = re.compile(r"^(in|en)\s+", re.IGNORECASE)
POWER_UNITS = {"W": "Wh", "kW": "kWh"}


@dataclass(frozen=True)
class Header:
    """A column's header.

    Attributes:
        written: The header as written.
        name: Lower case, without unit.
        unit: A canonical unit, W, kW or MJ; an unsupported one as written; None without unit.
        is_foreign: Whether the unit cannot be converted to any meter's.
    """

    written: str
    name: str
    unit: str | None = None
    is_foreign: bool = False


def read_header(cell: object) -> Header:
    """Split a header into name and unit: `Strom Haus (kWh)`, `Gas m³`, `Verbrauch in kWh`, `consumo_kWh`."""
    written = " ".join(str(cell).split()) if cell is not None else ""
    bracketed = _BRACKETS.search(written)
    if bracketed:
        inside = (bracketed[1] if bracketed[1] is not None else bracketed[2]).strip()
        name = written[: bracketed.start()]
        unit = unit_of(_LEADING.sub("", inside))
        if unit is None and inside.lower() in FOREIGN_UNITS:
            return Header(written, _plain(name), inside, is_foreign=True)
        if unit is None:
            unit = read_header(name).unit
            name = written[: bracketed.start()] if unit is None else name
        return Header(written, _plain(name), unit)
    plain = _PLAIN.search(written) or _PLAIN_AFTER_IN.search(written)
    if plain:
        return Header(written, _plain(written[: plain.start()]), unit_of(plain[1]))
    return Header(written, _plain(written))


def unit_of(text: str) -> str | None:
    """Give the canonical unit that a text names; None if it is not a known unit."""
    return _SPELLINGS.get(text.strip().lower())


def is_foreign(text: str) -> bool:
    """Tell whether a text is a unit that cannot be converted to any meter's."""
    return text.strip().lower() in FOREIGN_UNITS


def _plain(name: str) -> str:
    return name.strip(" _-:/,;").lower()
