"""The figures of a physical meter's explanation: pieces of time, and the readings and weights that give their amounts.

All instants carry the house's zone. Names of fields are those of the JSON form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd

GapKind = Literal["climb", "rollover", "reset", "step_back", "hour", "bridged", "fitted"]


@dataclass(frozen=True)
class Reading:
    """A register reading; for an interval meter, the sum of its hours up to that instant.

    Attributes:
        at: When.
        value: Register. [meter unit]
        declared: Whether it is the `initial_reading` of meters.yaml.
    """

    at: pd.Timestamp
    value: float
    declared: bool = False


@dataclass(frozen=True)
class Gap:
    """The time between two consecutive valid readings.

    Attributes:
        before: Earlier reading.
        after: Later reading.
        days: Length, in days of 24 hours. [d]
        advance: Register advance between them. [meter unit]
        weight: Weight between them, in days of mean consumption; 0 where the season has no consumption. [d]
        contained: Use of the contained meter in the gap, where one is taken as it is; else None. [meter unit]
        kind: The register's behaviour: climb, rollover, reset, or a step back within its resolution. For an interval
            meter: a known hour, missing hours estimated from the usual rate, or missing hours fitted between two
            readings of the register.
    """

    before: Reading
    after: Reading
    days: float
    advance: float
    weight: float
    kind: GapKind
    contained: float | None = None


@dataclass(frozen=True)
class WeightStep:
    """Hours of one UTC day, over which the weight is constant.

    Attributes:
        day: The UTC day.
        hours: How many of it. [h]
        curve: Height of the meter's yearly curve on that day, None without a season. [1]
        weight: base + season · curve. [1]
    """

    day: date
    hours: float
    curve: float | None
    weight: float


@dataclass(frozen=True)
class PartOfGap:
    """A stretch within one gap: advance × weight / weight of the gap.

    Where another meter is contained, its use (as far as the advance has room for it) + the rest of the advance × weight
    / weight of the gap.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        gap: The gap.
        days: Its length, in days of 24 hours. [d]
        days_before: Time from the gap's first reading to `start`. [d]
        weight: Its weight, in days of mean consumption. [d]
        weight_before: Weight from the gap's first reading to `start`. [d]
        steps: The weight by UTC day; empty for stretches of more than two days.
        amount: Its consumption. [meter unit]
        estimated: Whether the gap is too long to count as measured.
        contained: Use of the contained meter in the stretch. [meter unit]
        contained_before: The same from the gap's first reading to `start`. [meter unit]
    """

    start: pd.Timestamp
    end: pd.Timestamp
    gap: Gap
    days: float
    days_before: float
    weight: float
    weight_before: float
    steps: tuple[WeightStep, ...]
    amount: float
    estimated: bool
    contained: float = 0.0
    contained_before: float = 0.0
    kind: Literal["part_of_gap"] = "part_of_gap"


@dataclass(frozen=True)
class WholeGaps:
    """Consecutive complete gaps without a fall of the register: last reading − first reading.

    Attributes:
        start: The first reading's instant.
        end: The last reading's instant.
        first: First reading.
        last: Last reading.
        gaps: How many.
        longest_gap_days: Longest of them. [d]
        amount: Their consumption. [meter unit]
        estimated_amount: Consumption of the gaps that are too long to count as measured. [meter unit]
        hours: An interval meter's hours one by one, for a single day; else empty. [meter unit]
    """

    start: pd.Timestamp
    end: pd.Timestamp
    first: Reading
    last: Reading
    gaps: int
    longest_gap_days: float
    amount: float
    estimated_amount: float
    hours: tuple[float, ...] = ()
    kind: Literal["whole_gaps"] = "whole_gaps"


@dataclass(frozen=True)
class Rate:
    """Consumption per unit of weight near one end of the readings: advance / weight, beside a contained meter's use.

    Attributes:
        first: First reading of the window.
        last: Its last reading.
        advance: Register advance between them. [meter unit]
        weight: Weight between them. [d]
        per_weight: Their quotient. [meter unit/d]
        contained: Use of the contained meter between them; None without one. [meter unit]
        is_since_change: Whether the window begins where the level changed, so that what came before does not count.
    """

    first: Reading
    last: Reading
    advance: float
    weight: float
    per_weight: float
    contained: float | None = None
    is_since_change: bool = False


@dataclass(frozen=True)
class BeyondReadings:
    """A stretch before the first or after the last reading: rate × weight.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        side: Which end: before the first reading, or after the last.
        reading: That reading.
        rate: Rate used there.
        days_away: Distance of the far end from the reading. [d]
        weight: Its weight. [d]
        weight_between: Weight between the reading and the stretch's nearer end. [d]
        steps: As in `PartOfGap`.
        floor: Lower bound of the register if it limited the value, else None; `amount` is then the difference of the
            registers at both ends. [meter unit]
        amount: Its consumption. [meter unit]
        contained: Use of the contained meter in the stretch. [meter unit]
        contained_between: The same between the reading and the stretch's nearer end. [meter unit]
    """

    start: pd.Timestamp
    end: pd.Timestamp
    side: Literal["first", "last"]
    reading: Reading
    rate: Rate
    days_away: float
    weight: float
    weight_between: float
    steps: tuple[WeightStep, ...]
    floor: float | None
    amount: float
    contained: float = 0.0
    contained_between: float = 0.0
    kind: Literal["beyond_readings"] = "beyond_readings"


Piece = PartOfGap | WholeGaps | BeyondReadings


@dataclass(frozen=True)
class ProfileUsed:
    """The profile that gives the weight: base + season · curve.

    Attributes:
        base: Share that flows evenly. [1]
        season: Share that follows the yearly curve, or the degree days. [1]
        version: Short name that identifies the profile.
        base_temperature: Outdoor temperature below which degree days count; None where the season gives the curve. [°C]
        missed: What readings left out miss by with the weather, over what was used; None if not known. 0..1
        missed_by_season: The same with the season.
        credit: What the source of the temperatures asks to be shown, if it does.
        other: The meter whose use is followed; None without one.
        mean_use: Its use on a mean day. [its unit]
        is_shaped: Whether the meter's own years shape the curve beyond the readings.
    """

    base: float
    season: float
    version: str
    base_temperature: float | None = None
    missed: float | None = None
    missed_by_season: float | None = None
    credit: str | None = None
    other: str | None = None
    mean_use: float | None = None
    is_shaped: bool = False


@dataclass(frozen=True)
class FromReadings:
    """A physical meter's arithmetic: the sum of the pieces.

    Attributes:
        source: Whether the readings are a counter's or consumption by the hour.
        profile: None where the meter has no season: the weight is the time.
        measured_max_gap_hours: Longest gap whose days are measured. [h]
        pieces: In time order.
        readings_inside: Valid readings within the days.
        first_inside: First of them, None without any.
        last_inside: Last of them, None without any.
        held: Valid readings among those used that stepped back within the resolution, replaced by the running maximum.
        excluded: Dropped readings near the days, with their values.
        like: The contained meter whose use is taken as it is; None without one.
    """

    source: Literal["register", "interval"]
    profile: ProfileUsed | None
    measured_max_gap_hours: float
    pieces: tuple[Piece, ...]
    readings_inside: int
    first_inside: Reading | None
    last_inside: Reading | None
    held: int
    excluded: tuple[Reading, ...]
    like: str | None = None
    kind: Literal["readings"] = "readings"
