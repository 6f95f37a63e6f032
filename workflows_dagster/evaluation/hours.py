"""What each hour consumed, of any meter, where it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import MEASURED, QUALITIES
from workflows_dagster.domain.composition import compose_hours
from workflows_dagster.evaluation.derived import DerivedMeters
from workflows_dagster.evaluation.physical import PhysicalMeters
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import Store


class MeasuredHours:
    """Evaluates the hours of one house's meters, straight from the raw readings as they stand when it is made."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._physical = PhysicalMeters(settings, store)
        self._derived = DerivedMeters(settings, _no_register)
        self._known: dict[tuple[str, pd.Timestamp, pd.Timestamp], pd.Series] = {}

    def of(self, meter: Meter, cuts: pd.DatetimeIndex) -> pd.Series:
        """Give a meter's hours; a master's and a virtual meter's from those of the meters that it is made from.

        Args:
            meter: The meter.
            cuts: Instants at which the hours open, and at which the last one ends, UTC, shape (n + 1,).

        Returns:
            Consumption by the instant at which the hour opens, NaN where it was not measured or an input was not;
            no hours outside the meter's life. [meter unit], shape (at most n,)

        Raises:
            StoreError: The raw readings cannot be read.
        """
        key = (meter.meter_id, cuts[0], cuts[-1])
        if key not in self._known:
            if isinstance(meter, PhysicalMeter):
                frame = self._physical.days(meter, cuts).days
                self._known[key] = frame["consumption"].where(frame["quality"] == QUALITIES[MEASURED])
            else:
                sources = {name: self.of(self._settings.meters[name], cuts) for name in meter.upstream}
                self._known[key] = self._of_derived(meter, cuts[:-1], sources)
        return self._known[key]

    def _of_derived(
        self, meter: MasterMeter | VirtualMeter, starts: pd.DatetimeIndex, sources: Mapping[str, pd.Series]
    ) -> pd.Series:
        """Add up the hours of its sources, signed; a virtual meter has the hours of its base, and none below 0."""
        if isinstance(meter, VirtualMeter):
            starts = pd.DatetimeIndex(sources[meter.base_meter].index)
        civil = days.civil_days(starts, self._settings.site.zone)
        hours = compose_hours(starts, self._derived.contributions(meter, civil), sources)
        return hours.clip(lower=0.0) if isinstance(meter, VirtualMeter) else hours


def _no_register(_meter_id: str, _day: date) -> pd.DataFrame:
    """Give no register to go on from at a handover: only what the hours consumed is asked for."""
    return pd.DataFrame()
