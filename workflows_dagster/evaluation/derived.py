"""Master and virtual meters' days, from the days of the meters that they are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.composition import Segment, compose_master, compose_virtual, unclaimed
from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter

# A device may be gone some days before the next one is there.
_NEAR_DAYS = 32


class DerivedMeters:
    """Evaluates the master and virtual meters of one house.

    Args:
        settings: The house.
        day_of: Gives one day of a meter from the raw readings, whatever has been materialized; a replacement's
            registers are taken from there.
    """

    def __init__(self, settings: Settings, day_of: Callable[[str, date], pd.DataFrame]) -> None:
        self._settings, self._day_of = settings, day_of
        self._zone = settings.site.zone

    def days(
        self, meter: MasterMeter | VirtualMeter, starts: pd.DatetimeIndex, frames: Mapping[str, pd.DataFrame]
    ) -> Evaluated:
        """Evaluate a meter's days.

        Args:
            meter: The meter.
            starts: Instants at which the days open, UTC, shape (n,).
            frames: Those days of each meter in `meter.upstream`.

        Raises:
            StoreError: The raw readings around a handover cannot be read.
        """
        if isinstance(meter, VirtualMeter):
            return Evaluated(self._virtual(meter, frames))
        civil = days.civil_days(starts, self._zone)
        segments = self.segments(meter, civil[-1]) if len(civil) else []
        return Evaluated(
            compose_master(starts, civil, segments, frames),
            tuple(unclaimed(meter.meter_id, meter.output_unit, starts, civil, segments, frames)),
        )

    def _virtual(self, meter: VirtualMeter, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        base = frames[meter.base_meter]
        civil = days.civil_days(pd.DatetimeIndex(base.index), self._zone)
        parts = [(frames[source], self._factor(source, meter, civil)) for source in meter.subtract_meters]
        return compose_virtual(base, self._factor(meter.base_meter, meter, civil), parts)

    def _factor(self, source: str, meter: VirtualMeter, civil: pd.Index) -> np.ndarray:
        """Virtual meter's unit per source's unit, by day."""
        from_unit, to_unit = self._settings.meters[source].output_unit, meter.output_unit
        if units.same_quantity(from_unit, to_unit):
            return np.full(len(civil), units.factor(from_unit, to_unit))
        energy = units.kwh_per_cubic_metre(civil, self._settings.site.gas_conversion)
        if units.is_energy(from_unit):
            return units.factor(from_unit, "kWh") / energy * units.factor("m³", to_unit)
        return units.factor(from_unit, "m³") * energy * units.factor("kWh", to_unit)

    def segments(self, meter: MasterMeter, last: date) -> list[Segment]:
        """Lay out a master's periods, with the register that each takes over from the one before.

        Args:
            meter: The master.
            last: Last day asked for; a replacement that is planned for later takes over nothing yet.

        Raises:
            StoreError: The raw readings around a handover cannot be read.
        """
        segments: list[Segment] = []
        for k, period in enumerate(meter.periods):
            following = meter.periods[k + 1] if k + 1 < len(meter.periods) else None
            segment = Segment(
                first=period.start_date,
                last=period.end_date,
                sources=period.source_meters,
                factors={
                    source: units.factor(self._settings.meters[source].output_unit, meter.output_unit)
                    for source in period.source_meters
                },
                successors=tuple(
                    source
                    for source in (following.source_meters if following else ())
                    if source not in period.source_meters and self._installed_on(source) == period.end_date
                ),
            )
            due = period.start_date <= last + timedelta(days=1)
            if period.apply_offset_from_previous_period and segments and due:
                segment = self._taking_over(segment, segments[-1])
            segments.append(segment)
        return segments

    def _installed_on(self, source: str) -> date | None:
        meter = self._settings.meters[source]
        if not isinstance(meter, PhysicalMeter) or meter.installation_date is None:
            return None
        return days.civil_day(days.instant(meter.installation_date, self._zone, end=False), self._zone)

    def _taking_over(self, segment: Segment, previous: Segment) -> Segment:
        """Compute the offset from the sources' raw readings around the handover, whatever has been materialized."""
        assert previous.last is not None
        old = self._registers(previous, previous.last, "closing", previous.sources)
        new_on_day = self._registers(segment, previous.last, "opening", previous.successors)
        rest = tuple(source for source in segment.sources if source not in previous.successors)
        new_after = self._registers(segment, previous.last + timedelta(days=1), "opening", rest)
        carried = float(previous.register(np.array([old]))[0])
        return replace(segment, carried=carried, taken_over=new_on_day + new_after)

    def _registers(self, segment: Segment, day: date, column: str, sources: tuple[str, ...]) -> float:
        """Add up what the sources' registers show on a day, in the master's unit; NaN where one is not known."""
        total = 0.0
        for source in sources:
            total += self._register_near(source, day, column) * segment.factors[source]
        return total

    def _register_near(self, source: str, day: date, column: str) -> float:
        """Give what a source's register shows on a day, or at the nearer end of its life; NaN where not known."""
        step = timedelta(days=-1 if column == "closing" else 1)
        for back in range(_NEAR_DAYS):
            frame = self._day_of(source, day + back * step)
            if len(frame):
                return float(frame[column].iloc[0]) if column in frame else float("nan")
        return float("nan")
