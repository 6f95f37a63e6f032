"""Seasonal patterns: what share of a year's consumption falls in each month."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import field_validator

from workflows_dagster.settings.fields import Frozen, Number
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

_MONTHS = 12
# Twelve figures rounded to two decimals miss 100 by at most the first, rounded to whole ones hardly by more than the
# second.
_ROUNDED_WELL, _ROUNDED = 0.05, 3.0


class Pattern(Frozen):
    """One pattern.

    Attributes:
        monthly_percentages: Share of the year by month, January first; scaled to 100 where they sum to 97 to 103.
            [%], 12 values
        description: What the pattern describes.
    """

    monthly_percentages: tuple[Number, ...]
    description: str | None = None

    @field_validator("monthly_percentages")
    @classmethod
    def _a_whole_year(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        total = math.fsum(values)
        violations = [
            Violation("percentage_negative", {"value": shown(value)}, f"[{position}]")
            for position, value in enumerate(values)
            if value < 0
        ]
        if len(values) != _MONTHS:
            violations.append(Violation("percentages_not_twelve", {"count": len(values)}))
        elif abs(total - 100) > _ROUNDED:
            violations.append(Violation("percentages_not_100", {"total": f"{total:.6g}"}))
        if violations:
            raise refusal(*violations)
        return percentages_summing_to_100(values)


class PatternFile(Frozen):
    """All of seasonal_patterns.yaml.

    Attributes:
        patterns: By the id of a meter, or by a name that meters give under `pattern`.
    """

    patterns: Mapping[str, Pattern]

    @field_validator("patterns", mode="before")
    @classmethod
    def _none_yet(cls, written: object) -> object:
        return {} if written is None else written


def is_rounded_well(total: float) -> bool:
    """Tell whether percentages sum to 100, as far as two decimals can."""
    return abs(total - 100) <= _ROUNDED_WELL


def percentages_summing_to_100(values: tuple[float, ...]) -> tuple[float, ...]:
    """Scale hand-rounded percentages to sum to exactly 100; the largest absorbs the remainder."""
    scale = 100.0 / math.fsum(values)
    scaled = [value * scale for value in values]
    largest = scaled.index(max(scaled))
    scaled[largest] = 100.0 - math.fsum(scaled[:largest] + scaled[largest + 1 :])
    return tuple(scaled)
