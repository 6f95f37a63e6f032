"""Derived meters: masters (one meter across replacements) and virtual meters (main minus sub-meters)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from workflows_dagster.settings.fields import CivilDay, Frozen, LastDay, Unit
from workflows_dagster.settings.named_meter import NamedMeter
from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.settings.problems import nearest
from workflows_dagster.settings.validation import Violation, refusal


def _without_repeats(values: tuple[str, ...], code: Code) -> tuple[str, ...]:
    violations = [
        Violation(code, {"name": value}, f"[{position}]")
        for position, value in enumerate(values)
        if value in values[:position]
    ]
    if violations:
        raise refusal(*violations)
    return values


class Period(Frozen):
    """Civil days over which a master meter is made from the same sources.

    Attributes:
        start_date: First civil day, included.
        end_date: Last civil day, included; None while it lasts.
        composition_type: The one source (single), or the sum of all (sum).
        source_meters: Ids of the sources.
        source_unit: Declared unit of the sources, canonical.
        apply_offset_from_previous_period: Whether the register continues where the previous period ended.
    """

    start_date: CivilDay
    end_date: LastDay = None
    composition_type: Literal["single", "sum"]
    source_meters: tuple[str, ...]
    source_unit: Unit | None = None
    apply_offset_from_previous_period: bool = False

    @field_validator("end_date")
    @classmethod
    def _after_start(cls, end: date | None, found: ValidationInfo) -> date | None:
        start = found.data.get("start_date")
        if start is not None and end is not None and end < start:
            raise refusal(Violation("period_ends_before_start", {"end": end, "start": start}))
        return end

    @field_validator("source_meters")
    @classmethod
    def _as_many_as_composed(cls, sources: tuple[str, ...], found: ValidationInfo) -> tuple[str, ...]:
        if not sources:
            raise refusal(Violation("no_sources"))
        if found.data.get("composition_type") == "single" and len(sources) > 1:
            raise refusal(Violation("several_sources", {"count": len(sources), "sources": sources}))
        return _without_repeats(sources, "source_twice")


def period_violations(spans: Iterable[tuple[int, date, date | None]]) -> list[Violation]:
    """Find periods that overlap or leave a gap.

    Args:
        spans: Position in the file, first day and last day (None: open) of each period, in any order.
    """
    violations: list[Violation] = []
    ordered = sorted(spans, key=lambda span: (span[1], span[2] or date.max))
    if not ordered:
        return violations
    _, start, end = ordered[0]
    for position, following, following_end in ordered[1:]:
        at = f"[{position}].start_date"
        day_before = following - timedelta(days=1)
        if end is None:
            violations.append(
                Violation("period_overlaps_open", {"first": following, "start": start, "day_before": day_before}, at)
            )
        elif end >= following:
            figures = {"first": following, "start": start, "end": end, "day_before": day_before}
            violations.append(Violation("period_overlaps", figures, at))
        elif end < day_before:
            figures = {"first": following, "end": end, "day_after": end + timedelta(days=1)}
            violations.append(Violation("period_gap", figures, at))
        if end is not None and (following_end is None or following_end > end):
            start, end = following, following_end
    return violations


class MasterMeter(NamedMeter):
    """One meter across replacements: each day is computed from the sources of its period.

    Attributes:
        meter_id: Name of the asset and of the tag.
        type: Always `master`.
        output_unit: Unit of its values, canonical.
        description: What it counts, in the owner's words.
        utility: Its utility; by default that of its first source.
        periods: Periods in date order, without overlap or gap.
    """

    type: Literal["master"] = "master"
    periods: tuple[Period, ...]

    @field_validator("periods")
    @classmethod
    def _one_after_the_other(cls, periods: tuple[Period, ...]) -> tuple[Period, ...]:
        if not periods:
            raise refusal(Violation("no_periods"))
        violations = period_violations((n, period.start_date, period.end_date) for n, period in enumerate(periods))
        if violations:
            raise refusal(*violations)
        return tuple(sorted(periods, key=lambda period: period.start_date))

    @property
    def upstream(self) -> tuple[str, ...]:
        """Ids of its sources, in the order of the periods."""
        return tuple(dict.fromkeys(source for period in self.periods for source in period.source_meters))


class Conversion(Frozen):
    """Declared conversion of a subtracted meter.

    Attributes:
        from_unit: Unit of the subtracted meter, canonical.
        to_unit: Unit of the virtual meter, canonical.
    """

    from_unit: Unit
    to_unit: Unit


class VirtualMeter(NamedMeter):
    """A virtual meter: a base meter minus other meters.

    Attributes:
        meter_id: Name of the asset and of the tag.
        type: Always `virtual`.
        output_unit: Unit of its values, canonical.
        description: What it counts, in the owner's words.
        utility: Its utility; by default that of its base meter.
        calculation_type: Always `subtraction`.
        base_meter: Id of the meter to subtract from.
        subtract_meters: Ids of the meters that are subtracted.
        subtract_meter_conversions: By the id of a subtracted meter, how it is converted.
    """

    type: Literal["virtual"] = "virtual"
    calculation_type: Literal["subtraction"] = "subtraction"
    base_meter: str
    subtract_meters: tuple[str, ...]
    subtract_meter_conversions: Mapping[str, Conversion] = Field(default_factory=dict)

    @field_validator("subtract_meters")
    @classmethod
    def _each_once(cls, subtracted: tuple[str, ...], found: ValidationInfo) -> tuple[str, ...]:
        if not subtracted:
            raise refusal(Violation("nothing_subtracted"))
        base = found.data.get("base_meter")
        if base in subtracted:
            at = f"[{subtracted.index(base)}]"
            raise refusal(Violation("base_subtracted", {"name": base}, at))
        return _without_repeats(subtracted, "subtracted_twice")

    @field_validator("subtract_meter_conversions")
    @classmethod
    def _of_subtracted_meters(
        cls, conversions: Mapping[str, Conversion], found: ValidationInfo
    ) -> Mapping[str, Conversion]:
        subtracted: tuple[str, ...] | None = found.data.get("subtract_meters")
        if subtracted is None:
            return conversions
        violations = [
            Violation("conversion_not_subtracted", {"name": name, "suggestion": nearest(name, subtracted)}, f".{name}")
            for name in conversions
            if name not in subtracted
        ]
        if violations:
            raise refusal(*violations)
        return conversions

    @property
    def upstream(self) -> tuple[str, ...]:
        """Ids of its sources, the base meter first."""
        return tuple(dict.fromkeys((self.base_meter, *self.subtract_meters)))
