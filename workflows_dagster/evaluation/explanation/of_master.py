"""Explains a master's days: the periods that claim them, and each source's part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.contributions import Contribution
from workflows_dagster.domain.periods import by_period
from workflows_dagster.evaluation.derived import DerivedMeters, ShownAtHandover
from workflows_dagster.evaluation.explanation.derived_figures import (
    FromSources,
    HandoverReading,
    PeriodUsed,
    SourcePart,
)
from workflows_dagster.evaluation.explanation.reasons import Reason
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
        derived: Gives the masters' periods.
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
        self._rows = derived.contributions(meter, self._civil)

    def arithmetic(self) -> FromSources | None:
        """Give the periods and the sources' parts; None where no period claims any of the days."""
        valued = self._frame["consumption"].notna().reindex(self._starts, fill_value=False).to_numpy()
        shown = np.ones(len(self._starts), dtype=bool) if len(self._starts) == 1 else valued
        counted = [(row, self._there(row)) for row in self._rows]
        parts = [(row, np.flatnonzero(there & shown)) for row, there in counted if (there & shown).any()]
        if not parts:
            return None
        periods = sorted({row.period for row, there in counted if there.any()})
        # In the order in which the sources enter the master.
        parts.sort(key=lambda part: int(part[1][0]))
        return FromSources(
            periods=tuple(self._period(period) for period in periods),
            parts=tuple(self._part(row, self._starts[places]) for row, places in parts),
        )

    def reasons(self) -> tuple[Reason, ...]:
        """Say why days have no value."""
        if not any(row.counts.any() for row in self._rows):
            return (Reason("no_period", {"meter": self._meter.meter_id}),)
        missing = self._frame[self._frame["consumption"].isna()]
        if missing.empty:
            return ()
        if len(self._starts) > 1:
            first = days.civil_day(missing.index[0], self._settings.site.zone)
            return (Reason("source_without_value", {"total": float(len(self._frame))}, len(missing), first),)
        without = [
            row.source
            for row in self._rows
            if self._there(row)[0] and math.isnan(float(self._sources[row.source]["consumption"].loc[self._starts[0]]))
        ]
        if without:
            return (Reason("sources_without_value", {"sources": ", ".join(without)}),)
        return (Reason("no_source_there", {}),)

    def _there(self, row: Contribution) -> np.ndarray:
        """Tell on which days a source counts and has a row, shape (n,), `bool`."""
        return row.counts & self._starts.isin(self._sources[row.source].index)

    def _part(self, row: Contribution, starts: pd.DatetimeIndex) -> SourcePart:
        source = row.source
        frame = self._sources[source].loc[starts]
        consumption, quality, share = summed(frame)
        factor = float(row.conversion[0])
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
            succeeds=row.succeeds,
            opening=registers[0],
            closing=registers[1],
        )

    def _period(self, period: int) -> PeriodUsed:
        segment = self._segments[period]
        old: tuple[ShownAtHandover, ...] = ()
        new: tuple[ShownAtHandover, ...] = ()
        if segment.carried is not None:
            handed = self._derived.handover(self._meter, segment, self._segments[period - 1])
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
