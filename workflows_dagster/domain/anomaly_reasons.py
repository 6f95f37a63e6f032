"""Reasons of unusual days, as codes with figures. `wording/anomalies.py` makes the sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ReasonCode = Literal["day", "week", "plain", "gap", "base_load"]


@dataclass(frozen=True)
class Reason:
    """Why a day is unusual.

    Attributes:
        code: A day compared by weekday and season (day), a week (week), a day compared with the mean before (plain), a
            long gap between readings (gap), or a raised base load (base_load).
        figures: `actual`, `expected`, the usual range `lower` to `upper` and the smallest distinguishable amount `step`
            [unit]. By code also `weekday` (0 is Monday), `days`, and `last`, the civil day in which a gap ends, in ISO
            format.
    """

    code: ReasonCode
    figures: Mapping[str, Any] = field(hash=False)

    @classmethod
    def of(
        cls,
        code: ReasonCode,
        step: float,
        actual: float,
        expected: float,
        lower: float,
        upper: float,
        **more: int | str,
    ) -> Reason:
        """Build a reason with the figures common to all codes."""
        amounts = {"actual": actual, "expected": expected, "lower": lower, "upper": upper, "step": step}
        return cls(code, {name: float(amount) for name, amount in amounts.items()} | more)


def encoded(figures: Mapping[str, Any]) -> str:
    """Write figures as a text that is stored."""
    return json.dumps(dict(figures), sort_keys=True)


def decoded(code: object, figures: object) -> Reason | None:
    """Read a stored reason; None where an older version stored a sentence only."""
    if not isinstance(figures, str) or code not in ("day", "week", "plain", "gap", "base_load"):
        return None
    return Reason(code, json.loads(figures))
