"""Why a master's days are what they are: the periods that claim them, and each source's part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.composition import Claim, Segment, claims_on
from workflows_dagster.domain.periods import by_period
from workflows_dagster.evaluation.derived import DerivedMeters, ShownAtHandover
from workflows_dagster.evaluation.explanation.derived_figures import (
    FromSources,
    HandoverReading,
    PeriodUsed,
    SourcePart,
)
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter


def known(value: float) -> float | None:
    """Turn NaN into None."""
    return None if math.isnan(value) else float(value)


def summed(frame: pd.DataFrame) -> tuple[float | None, str, float | None]:
    """Add up days: consumption (None where a day has none), the worst quality, the estimated share."""
    columns = frame.reindex(columns=["opening", "closing", "consumption", "quality", "estimated_share"])
    row = by_period(columns, pd.Index([date.min] * len(frame), dtype=object), "year").iloc[0]
    whole = float(row["consumption"]) if row["missing_days"] == 0 else math.nan
    return known(whole), str(row["quality"]), known(float(row["estimated_share"]))


class MasterExplained:
    """Explains days of one master.

    Args:
        settings: The house.
        derived: Knows the masters' periods.
        meter: The master.
        starts: Instants at which the days open, UTC, shape (n,).
        frame: The master's days as evaluated.
        sources: The same days of each source.

    Raises:
        StoreError: The raw readings around a handover cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        derived: DerivedMeters,
        meter: MasterMeter,
        starts: pd.DatetimeIndex,
        frame: pd.DataFrame,
        sources: Mapping[str, pd.DataFrame],
    ) -> None:
        self._settings, self._derived, self._meter = settings, derived, meter
        self._frame, self._sources = frame, sources
        self._starts = starts
        self._civil = days.civil_days(starts, settings.site.zone)
        self._segments = derived.segments(meter, self._civil[-1])

    def arithmetic(self) -> FromSources | None:
        """Give the periods and the sources' parts; None where no period claims any of the days."""
        claimed = list(self._claims())
        parts = self._by_source(claimed)
        if not parts:
            return None
        used = [segment for segment in self._segments if any(claim.segment is segment for _, claim in claimed)]
        return FromSources(
            periods=tuple(self._period(segment) for segment in used),
            parts=tuple(
                self._part(segment, source, succeeds=succeeds, starts=pd.DatetimeIndex(starts))
                for (segment, source, succeeds), starts in parts
            ),
        )

    def reasons(self) -> tuple[str, ...]:
        """Say why days have no value."""
        held = [day for day in self._civil if any(segment.holds(np.array([day]))[0] for segment in self._segments)]
        if not held:
            return (f"no period of '{self._meter.meter_id}' in meters.yaml holds the day",)
        missing = self._frame[self._frame["consumption"].isna()]
        if missing.empty:
            return ()
        if len(self._starts) > 1:
            first = days.civil_day(missing.index[0], self._settings.site.zone)
            return (f"{len(missing)} of {len(self._frame)} days have no value, the first {first}: a source has none",)
        without = [
            source
            for claim in claims_on(self._civil[0], self._segments, self._there(self._starts[0]))
            for source in claim.sources
            if math.isnan(float(self._sources[source]["consumption"].loc[self._starts[0]]))
        ]
        if without:
            return (f"without a value on the day: {', '.join(without)}; and so the sum has none",)
        return ("none of the period's sources was there on the day",)

    def _claims(self) -> Iterator[tuple[pd.Timestamp, Claim]]:
        for start, day in zip(self._starts, self._civil, strict=True):
            for claim in claims_on(day, self._segments, self._there(start)):
                yield start, claim

    def _there(self, start: pd.Timestamp) -> set[str]:
        return {source for source, frame in self._sources.items() if start in frame.index}

    def _by_source(
        self, claimed: Sequence[tuple[pd.Timestamp, Claim]]
    ) -> list[tuple[tuple[Segment, str, bool], list[pd.Timestamp]]]:
        """Gather the days of each source and period; days on which the master has no value add nothing."""
        alone = len(self._starts) == 1
        valued = set(self._frame.index[self._frame["consumption"].notna()])
        gathered: dict[tuple[int, str, bool], list[pd.Timestamp]] = {}
        for start, claim in claimed:
            if start in valued or alone:
                number = next(k for k, segment in enumerate(self._segments) if segment is claim.segment)
                for source in claim.sources:
                    gathered.setdefault((number, source, claim.succeeds), []).append(start)
        return [((self._segments[k], source, new), starts) for (k, source, new), starts in gathered.items()]

    def _part(self, segment: Segment, source: str, *, succeeds: bool, starts: pd.DatetimeIndex) -> SourcePart:
        frame = self._sources[source].loc[starts]
        consumption, quality, share = summed(frame)
        factor = float(segment.factors[source])
        zone = self._settings.site.zone
        registers = [
            known(float(frame[c].iloc[k])) if c in frame else None for c, k in (("opening", 0), ("closing", -1))
        ]
        return SourcePart(
            source=source,
            unit=self._settings.meters[source].output_unit,
            factor=factor,
            days=len(frame),
            first=days.civil_day(starts[0], zone),
            last=days.civil_day(starts[-1], zone),
            consumption=consumption,
            amount=None if consumption is None else math.fsum(frame["consumption"].to_numpy() * factor),
            quality=quality,
            estimated_share=share,
            succeeds=succeeds,
            opening=registers[0],
            closing=registers[1],
        )

    def _period(self, segment: Segment) -> PeriodUsed:
        old: tuple[ShownAtHandover, ...] = ()
        new: tuple[ShownAtHandover, ...] = ()
        if segment.carried is not None:
            before = self._segments[self._segments.index(segment) - 1]
            handed = self._derived.handover(segment, before)
            old, new = handed.old, (*handed.new_on_day, *handed.new_after)
        return PeriodUsed(
            first=segment.first,
            last=segment.last,
            sources=segment.sources,
            carried=None if segment.carried is None else known(segment.carried),
            taken_over=segment.taken_over,
            old=tuple(map(_shown, old)),
            new=tuple(map(_shown, new)),
        )


def _shown(shown: ShownAtHandover) -> HandoverReading:
    return HandoverReading(shown.source, shown.day, shown.end, known(shown.register), shown.factor)
