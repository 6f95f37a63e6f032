"""What each hour consumed, of any meter, where it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import MEASURED, QUALITIES
from workflows_dagster.domain.costs import priced_per_unit
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
                if isinstance(meter, MasterMeter):
                    self._known[key] = self._of_master(meter, cuts[:-1], sources)
                else:
                    self._known[key] = self._of_virtual(meter, sources)
        return self._known[key]

    def _of_master(self, meter: MasterMeter, starts: pd.DatetimeIndex, sources: Mapping[str, pd.Series]) -> pd.Series:
        """Add up the sources of each hour's period; a successor's first hours on the day of replacement belong too."""
        civil = np.asarray(days.civil_days(starts, self._settings.site.zone), dtype=object)
        total, anyone = np.zeros(len(starts)), np.zeros(len(starts), dtype=bool)
        segments = self._derived.segments(meter, civil[-1])
        for k, segment in enumerate(segments):
            within = segment.holds(civil)
            claims = [(source, segment.factors[source], within) for source in segment.sources]
            last = within & (civil == segment.last)
            claims += [(source, segments[k + 1].factors[source], last) for source in segment.successors]
            for source, factor, claimed in claims:
                there = claimed & starts.isin(sources[source].index)
                total[there] += sources[source].reindex(starts[there]).to_numpy() * factor
                anyone |= there
        return pd.Series(total, index=starts)[anyone]

    def _of_virtual(self, meter: VirtualMeter, sources: Mapping[str, pd.Series]) -> pd.Series:
        """Take the sub-meters' hours from the base meter's, not below 0; outside its life a sub-meter takes nothing."""
        base = sources[meter.base_meter]
        residual = base.to_numpy() * self._factor(meter.base_meter, meter, base)
        for source in meter.subtract_meters:
            part = sources[source].reindex(base.index).to_numpy() * self._factor(source, meter, base)
            residual = residual - np.where(base.index.isin(sources[source].index), part, 0.0)
        return pd.Series(np.maximum(residual, 0.0), index=base.index)

    def _factor(self, source: str, meter: VirtualMeter, hours: pd.Series) -> np.ndarray:
        """Virtual meter's unit per source's unit, by hour."""
        civil = days.civil_days(pd.DatetimeIndex(hours.index), self._settings.site.zone)
        unit = self._settings.meters[source].output_unit
        return priced_per_unit(civil, unit, meter.output_unit, self._settings.site.gas_conversion)


def _no_register(_meter_id: str, _day: date) -> pd.DataFrame:
    """Give no register to go on from at a handover: only what the hours consumed is asked for."""
    return pd.DataFrame()
