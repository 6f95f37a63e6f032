"""Why a day stands out: a code with figures. `wording/anomalies.py` makes the sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ReasonCode = Literal["day", "week", "plain", "gap", "base_load"]


@dataclass(frozen=True)
class Reason:
    """Why a day stands out.

    Attributes:
        code: A day against its weekday and season (day), a week of days (week), a day against the mean before (plain),
            a long gap between readings (gap), or a base load that stays up (base_load).
        figures: `actual`, `expected` and the range `lower` to `upper` that is usual [unit], and `step`, what is too
            little to be told from nothing [unit]. By code also `weekday` (0 is Monday), `days`, and `last`, the civil
            day in which a gap ends, in ISO format.
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
        """Give a reason with the figures that every one has."""
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
