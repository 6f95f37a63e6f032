"""Measured hourly consumption of any meter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import MEASURED, QUALITIES
from workflows_dagster.domain.composition import compose_hours
from workflows_dagster.evaluation.derived import DerivedMeters
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import Store


class MeasuredHours:
    """Computes the hours of one house's meters from the raw readings."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._physical = Evaluation(settings, store).of_physical
        self._derived = DerivedMeters(settings, no_register)
        self._known: dict[tuple[str, pd.Timestamp, pd.Timestamp, int], pd.Series] = {}

    def of(self, meter: Meter, cuts: pd.DatetimeIndex) -> pd.Series:
        """Give a meter's hours; a derived meter's are computed from its sources'.

        Args:
            meter: The meter.
            cuts: Instants at which the hours open, and at which the last one ends, UTC, shape (n + 1,).

        Returns:
            Consumption by the instant at which the hour opens, NaN if it or a source's hour was not measured; no hours
            outside the meter's life. [meter unit], shape (at most n,)

        Raises:
            StoreError: The raw readings cannot be read.
        """
        # Prices by time add cuts within the hours; their number tells the one set from the other.
        key = (meter.meter_id, cuts[0], cuts[-1], len(cuts))
        if key not in self._known:
            if isinstance(meter, PhysicalMeter):
                self._known[key] = self._of_physical(meter, cuts)
            else:
                sources = {name: self.of(self._settings.meters[name], cuts) for name in meter.upstream}
                self._known[key] = self._of_derived(meter, cuts[:-1], sources)
        return self._known[key]

    def _of_physical(self, meter: PhysicalMeter, cuts: pd.DatetimeIndex) -> pd.Series:
        frame = self._physical.days(meter, cuts).days
        return frame["consumption"].where(frame["quality"] == QUALITIES[MEASURED])

    def _of_derived(
        self, meter: MasterMeter | VirtualMeter, starts: pd.DatetimeIndex, sources: Mapping[str, pd.Series]
    ) -> pd.Series:
        """Add up the signed hours of its sources; a virtual meter has the hours of its base, clipped at 0."""
        if isinstance(meter, VirtualMeter):
            starts = pd.DatetimeIndex(sources[meter.base_meter].index)
        civil = days.civil_days(starts, self._settings.site.zone)
        hours = compose_hours(starts, self._derived.contributions(meter, civil), sources)
        return hours.clip(lower=0.0) if isinstance(meter, VirtualMeter) else hours


class AllHours(MeasuredHours):
    """Computes the hours too that were not measured, by the meter's weight; none of a day without a value."""

    def _of_physical(self, meter: PhysicalMeter, cuts: pd.DatetimeIndex) -> pd.Series:
        consumption: pd.Series = self._physical.days(meter, cuts).days["consumption"]
        return consumption


def no_register(_meter_id: str, _day: date) -> pd.DataFrame:
    """Give no register for a handover: hours need consumption only."""
    return pd.DataFrame()
