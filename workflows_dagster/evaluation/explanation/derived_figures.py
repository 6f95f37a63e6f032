"""The figures of a master or virtual meter's explanation: each source's contribution.

Names of fields are those of the JSON form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class SourcePart:
    """One source's contribution to a master: consumption × factor.

    Attributes:
        source: The meter.
        unit: Its unit.
        factor: Master's unit per its unit. [1]
        days: How many days it counts on.
        first: First of them.
        last: Last of them.
        consumption: Its consumption on them; None if a day has no value. [its unit]
        amount: The same in the master's unit.
        quality: The worst of those days.
        estimated_share: Of its consumption on them, 0..1.
        succeeds: Whether it counts as a successor on the last day of the period before its own.
        opening: Its register when the first of the days opens. [its unit]
        closing: Its register when the last one closes. [its unit]
    """

    source: str
    unit: str
    factor: float
    days: int
    first: date
    last: date
    consumption: float | None
    amount: float | None
    quality: str
    estimated_share: float | None
    succeeds: bool
    opening: float | None
    closing: float | None


@dataclass(frozen=True)
class HandoverReading:
    """What one source's register shows at a handover.

    Attributes:
        source: The meter.
        day: Civil day.
        end: Its opening or its closing.
        register: None where it is not known. [source's unit]
        factor: Master's unit per source's unit. [1]
    """

    source: str
    day: date
    end: Literal["opening", "closing"]
    register: float | None
    factor: float


@dataclass(frozen=True)
class PeriodUsed:
    """A period of a master, and its register: carried + (Σ sources − taken_over).

    Attributes:
        first: First civil day.
        last: Last civil day, None while it lasts.
        sources: Its sources.
        carried: Master's register at the handover; None if the master shows its sources' own register. [master's unit]
        taken_over: Sum of its sources' registers at that moment. [master's unit]
        old: Registers behind `carried`: those of the period before.
        new: Registers behind `taken_over`.
    """

    first: date
    last: date | None
    sources: tuple[str, ...]
    carried: float | None
    taken_over: float
    old: tuple[HandoverReading, ...]
    new: tuple[HandoverReading, ...]


@dataclass(frozen=True)
class FromSources:
    """A master's arithmetic: the sum of its sources' parts, each over the days that a period claims."""

    periods: tuple[PeriodUsed, ...]
    parts: tuple[SourcePart, ...]
    kind: Literal["sources"] = "sources"


@dataclass(frozen=True)
class GasConversion:
    """The conversion of gas volume to energy, or back.

    Attributes:
        energy_content: Of a standard cubic metre. [kWh/m³]
        z_factor: Standard cubic metres per metered cubic metre. [1]
        valid_from: First day on which the pair holds; None where it was always valid.
        to_volume: Whether energy is turned into volume.
    """

    energy_content: float
    z_factor: float
    valid_from: date | None
    to_volume: bool


@dataclass(frozen=True)
class Term:
    """One meter's part in a virtual meter, over days with one factor: consumption × factor.

    Attributes:
        source: The meter.
        unit: Its unit.
        sign: 1 for the base meter, -1 for those subtracted.
        factor: Virtual meter's unit per its unit. [1]
        gas: Gas factors behind the factor, if it converts between volume and energy.
        days: Number of days it counts on; 0 if it was not installed.
        first: First day with this factor.
        last: Last day with this factor.
        consumption: Its consumption on them; None if a day has no value. [its unit]
        amount: The same in the virtual meter's unit.
        quality: The worst of those days, None if it was not installed.
        estimated_share: Of its consumption on them, 0..1.
    """

    source: str
    unit: str
    sign: Literal[1, -1]
    factor: float
    gas: GasConversion | None
    days: int
    first: date
    last: date
    consumption: float | None
    amount: float | None
    quality: str | None
    estimated_share: float | None


@dataclass(frozen=True)
class FromDifference:
    """A virtual meter's arithmetic: base − Σ subtracted = residual; residual + clipped = consumption.

    Attributes:
        terms: The base first.
        residual: Signed. [meter unit]
        clipped: By how much a residual below zero was raised to zero, ≥ 0. [meter unit]
        clipped_days: Number of days below zero.
        set_off: By how much the days below zero lie there, ≥ 0; over more than a day they are set off. [meter unit]
    """

    terms: tuple[Term, ...]
    residual: float | None
    clipped: float
    clipped_days: int
    set_off: float
    kind: Literal["difference"] = "difference"
