"""Explains a virtual meter's days: the base meter minus the subtracted meters, with their factors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.evaluation.derived import DerivedMeters
from workflows_dagster.evaluation.explanation.derived_figures import FromDifference, GasConversion, Term
from workflows_dagster.evaluation.explanation.of_master import summed
from workflows_dagster.evaluation.explanation.reasons import Figure, Reason
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import VirtualMeter


class VirtualExplained:
    """Explains days of one virtual meter.

    Args:
        settings: The house.
        derived: Gives the factors.
        meter: The virtual meter.
        starts: Instants at which the days open, UTC, shape (n,).
        frame: Its days as evaluated.
        sources: The same days of its base and of those subtracted.
    """

    def __init__(
        self,
        settings: Settings,
        derived: DerivedMeters,
        meter: VirtualMeter,
        starts: pd.DatetimeIndex,
        frame: pd.DataFrame,
        sources: Mapping[str, pd.DataFrame],
    ) -> None:
        self._settings, self._derived, self._meter = settings, derived, meter
        self._starts, self._frame, self._sources = starts, frame, sources

    def arithmetic(self) -> FromDifference | None:
        """Give the terms and the residual; None if the base meter was not installed."""
        if self._frame.empty:
            return None
        known = self._frame[self._frame["residual"].notna()]
        starts = pd.DatetimeIndex(known.index if len(self._starts) > 1 else self._frame.index)
        if len(starts) == 0:
            return None
        residual = known["residual"].to_numpy()
        below = residual[residual < 0]
        return FromDifference(
            terms=tuple(self._terms(starts)),
            residual=math.fsum(residual) if len(residual) else None,
            clipped=max(0.0, -math.fsum(residual)),
            clipped_days=len(below),
            set_off=-math.fsum(below) if len(below) else 0.0,
        )

    def reasons(self) -> tuple[Reason, ...]:
        """Say why days have no value."""
        if self._frame.empty:
            return (Reason("base_not_there", {"meter": self._meter.base_meter}),)
        missing = self._frame[self._frame["residual"].isna()]
        if missing.empty:
            return ()
        zone = self._settings.site.zone
        without = sorted(
            source
            for source, frame in self._sources.items()
            if frame["consumption"].reindex(missing.index)[missing.index.isin(frame.index)].isna().any()
        )
        named = ", ".join(without) or self._meter.base_meter
        if len(self._starts) == 1:
            return (Reason("terms_without_value", {"sources": named}),)
        first = days.civil_day(missing.index[0], zone)
        figures: dict[str, Figure] = {"total": float(len(self._frame)), "sources": named}
        return (Reason("term_without_value", figures, len(missing), first),)

    def _terms(self, starts: pd.DatetimeIndex) -> Iterator[Term]:
        """Give each source's terms, one for each factor."""
        civil = days.civil_days(starts, self._settings.site.zone)
        for row in self._derived.contributions(self._meter, civil):
            for factor, group in groupby(range(len(starts)), key=row.conversion.tolist().__getitem__):
                numbers = list(group)
                yield self._term(row.source, row.sign, factor, starts[numbers], civil[numbers])

    def _term(
        self, source: str, sign: Literal[1, -1], factor: float, starts: pd.DatetimeIndex, civil: pd.Index
    ) -> Term:
        frame = self._sources[source]
        frame = frame.loc[frame.index.intersection(starts)]
        consumption, quality, share = summed(frame) if len(frame) else (0.0, None, None)
        unit = self._settings.meters[source].output_unit
        return Term(
            source=source,
            unit=unit,
            sign=sign,
            factor=factor,
            gas=None if units.same_quantity(unit, self._meter.output_unit) else self._gas(civil[0], unit),
            days=len(frame),
            first=civil[0],
            last=civil[-1],
            consumption=consumption,
            amount=None if consumption is None else math.fsum(np.asarray(frame["consumption"], dtype=float) * factor),
            quality=quality,
            estimated_share=share,
        )

    def _gas(self, day: date, unit: str) -> GasConversion:
        pairs = self._settings.site.gas_conversion
        pair = max((pair for pair in pairs if pair.valid_from <= day), key=lambda p: p.valid_from, default=pairs[0])
        always = len(pairs) == 1 and pair.valid_from == date.min
        return GasConversion(
            pair.energy_content, pair.z_factor, None if always else pair.valid_from, units.is_energy(unit)
        )
