"""Judges a hand reading, and gives the outcome of cleaning for a stored one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.expected_advance import ExpectedAdvance, expected_advance
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight
from workflows_dagster.domain.slips import Slip

_NEAR_TOP, _NEAR_ZERO = 0.9, 0.1

# Reasons why a reading is implausible.
Doubt = Literal["below_last", "above_next", "less_than_expected", "more_than_expected", "outside_life"]
# Outcome of cleaning for a stored reading.
Outcome = Literal["used", "held", "dropped", "unconfirmed", "rollover", "reset", "implausible", "outside_life"]


@dataclass(frozen=True)
class JudgedReading:
    """A judged reading.

    Attributes:
        meter_id: The meter.
        at: When it was read, UTC.
        value: Register reading. [meter unit]
        since: Instant of the previous reading, UTC, or None.
        advance: Advance since then, or None. [meter unit]
        expected: Expected advance, or None if unknown.
        doubts: Reasons why it is implausible; empty if it is plausible.
        limits: Readings that it is compared with: `last`, `next`. [meter unit]
        replaces: Different reading stored at the same instant, or None. [meter unit]
        band: The expected advance's 80 % band, or None if unknown. [meter unit]
        slip: What may have been meant, where it is implausible.
    """

    meter_id: str
    at: pd.Timestamp
    value: float
    since: pd.Timestamp | None = None
    advance: float | None = None
    expected: ExpectedAdvance | None = None
    doubts: tuple[Doubt, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict, hash=False)
    replaces: float | None = None
    band: tuple[float, float] | None = None
    slip: Slip | None = None


@dataclass(frozen=True)
class StoredReading:
    """One stored reading and its outcome of cleaning.

    Attributes:
        at: When it was read, UTC.
        value: Stored reading. [meter unit]
        outcome: Outcome of cleaning.
        advance: Consumption since the valid reading before, None where there is none. [meter unit]
        finding: Finding about it, if any.
        note: The person's note, or None.
    """

    at: pd.Timestamp
    value: float
    outcome: Outcome
    advance: float | None = None
    finding: Finding | None = None
    note: str | None = None


def judged(
    value: float, at: pd.Timestamp, before: Register, following: float | None, counter: Counter, weight: Weight
) -> JudgedReading:
    """Judge a reading.

    Args:
        value: Register reading. [meter unit]
        at: When, UTC.
        before: Valid readings of about a year before it.
        following: The valid reading after it, or None. [meter unit]
        counter: The counter's properties.
        weight: The meter's weight.
    """
    doubts: list[Doubt] = []
    limits: dict[str, float] = {}
    is_register = counter.kind == "register"
    if is_register and following is not None and value > following + counter.jitter and counter.digits is None:
        doubts.append("above_next")
        limits["next"] = following
    if not len(before):
        return JudgedReading(counter.meter_id, at, value, doubts=tuple(doubts), limits=limits)
    last, since = float(before.values[-1]), days.instants(before.times[-1:])[0]
    limits["last"] = last
    advance: float | None = value - last
    if not is_register:
        # One that turns back or starts again on purpose may fall; restarted, it shows what it counted since.
        restarted = counter.kind == "resetting" and value < last
        return JudgedReading(counter.meter_id, at, value, since, value if restarted else advance, limits=limits)
    if value < last - counter.jitter:
        rolled = last >= _NEAR_TOP * counter.modulus and value <= _NEAR_ZERO * counter.modulus
        advance = value + counter.modulus - last if rolled else None
    expected = expected_advance(before, days.microsecond(at), weight)
    if advance is None:
        doubts.insert(0, "below_last")
    elif expected is not None and not expected.holds(advance, counter.jitter):
        doubts.append("less_than_expected" if advance < expected.lower else "more_than_expected")
    return JudgedReading(counter.meter_id, at, value, since, advance, expected, tuple(doubts), limits)


_OF_GAP: Mapping[str, Outcome] = {
    "rollover": "rollover",
    "undeclared_reset": "reset",
    "implausible_rate": "implausible",
}


def outcome_of(
    register: Register, found: list[Finding], at: pd.Timestamp, value: float
) -> tuple[Outcome, float | None, Finding | None]:
    """Give the outcome of cleaning for a reading.

    Args:
        register: The valid readings.
        found: Findings about them.
        at: Instant of the reading, UTC.
        value: Stored reading. [meter unit]

    Returns:
        The outcome, the consumption since the previous valid reading [meter unit], and the finding about it.
    """
    here = days.microsecond(at)
    place = int(np.searchsorted(register.times, here))
    if place == len(register) or register.times[place] != here:
        about = [one for one in found if one.start <= at <= one.end]
        pending = next((one for one in about if one.code == "unconfirmed_fall"), None)
        dropped = next((one for one in about if one.code == "glitch_dropped"), None)
        return ("unconfirmed", None, pending) if pending else ("dropped", None, dropped)
    advance = float(register.advances[place - 1]) if place else None
    finding = next((one for one in found if one.code in _OF_GAP and one.end == at), None)
    if finding is not None:
        return _OF_GAP[finding.code], advance, finding
    return ("held" if register.values[place] != value else "used"), advance, None
