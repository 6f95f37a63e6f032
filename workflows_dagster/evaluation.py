"""A meter's days, computed from the raw readings that decide them and no others.

Reads as many readings around the days as their value depends on, so that a day alone, a range and the full history give
the same value to the last bit; and evaluates derived meters from their inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.allocation import RATE_WINDOW_DAYS, Allowance, Life, Rates, allocate, rate_near
from workflows_dagster.domain.composition import Segment, compose_master, compose_virtual, unclaimed
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.intervals import register_from_intervals
from workflows_dagster.domain.register import CONTEXT, Counter, Register, clean
from workflows_dagster.domain.season import FLAT, Profile, fit_profile, table_profile, weight_of
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import RawSeries, Store
from workflows_dagster.stores.profiles import kept_profile

_RATE_WINDOW = pd.Timedelta(days=RATE_WINDOW_DAYS)


@dataclass(frozen=True)
class Evaluated:
    """A meter's days, and what a person should know about them.

    Attributes:
        days: Index the days' openings, UTC; columns as `domain.allocation.allocate` gives them, virtual meters as
            `domain.composition.compose_virtual`.
        findings: In time order.
    """

    days: pd.DataFrame
    findings: tuple[Finding, ...] = ()


class Evaluation:
    """Evaluates the meters of one house over one store, as both stand when it is made.

    Args:
        settings: The house.
        store: Its readings and profiles.
        until: The present, UTC, where the last day asked for may be running; it then ends there.
    """

    def __init__(self, settings: Settings, store: Store, until: pd.Timestamp | None = None) -> None:
        self._settings, self._store, self._until = settings, store, until
        self._zone = settings.site.zone
        self._profiles: dict[str, Profile] = {}
        self._handovers: dict[tuple[str, date], pd.DataFrame] = {}

    def days(self, meter_id: str, first: date, last: date) -> Evaluated:
        """Evaluate a meter and all that it is made from, straight from the raw readings.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        return self._days(meter_id, first, last, {})

    def _days(self, meter_id: str, first: date, last: date, seen: dict[str, Evaluated]) -> Evaluated:
        if meter_id not in seen:
            meter = self._settings.meters[meter_id]
            if isinstance(meter, PhysicalMeter):
                seen[meter_id] = self.physical(meter, first, last)
            else:
                frames = {source: self._days(source, first, last, seen).days for source in meter.upstream}
                seen[meter_id] = self.derived(meter, first, last, frames)
        return seen[meter_id]

    # Physical meters

    def physical(self, meter: PhysicalMeter, first: date, last: date) -> Evaluated:
        """Evaluate a physical meter's days from the readings around them.

        Args:
            meter: The meter.
            first: First civil day.
            last: Last civil day.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        cuts = self._cuts(first, last)
        weight = weight_of(self.profile(meter))
        start, end = self._bounds(meter)
        if meter.source.kind == "interval":
            register = self._from_intervals(meter)
        else:
            register = self._around(meter, self._within(cuts[0], start, end), self._within(cuts[-1], start, end))
        life = self._life(meter, register, start, end)
        edges = life.clip(days.microseconds(cuts[[0, -1]]))
        rates = Rates(
            head=self._end_rate(meter, register, "first") if len(register) and edges[0] < register.times[0] else None,
            tail=self._end_rate(meter, register, "last") if len(register) and edges[1] > register.times[-1] else None,
        )
        allowance = Allowance(
            measured_max_gap_hours=meter.measured_max_gap_hours,
            max_extrapolation_days=meter.max_extrapolation_days,
            jitter=counter_of(meter).jitter,
            floor=max(0.0, meter.initial_reading or 0.0),
        )
        if len(register) == 0 and life.start is None:
            cuts = pd.DatetimeIndex(cuts[:1].append(cuts[:1]))
        frame = allocate(register, cuts, weight, allowance, life, rates)
        lo, hi = cuts[0], cuts[-1]
        return Evaluated(frame, tuple(f for f in register.findings if f.end >= lo and f.start < hi))

    def _cuts(self, first: date, last: date) -> pd.DatetimeIndex:
        cuts = days.openings(first, last, self._zone)
        if self._until is None or cuts[-1] <= self._until:
            return cuts
        return pd.DatetimeIndex(cuts[:-1].append(pd.DatetimeIndex([self._until]).as_unit("us")))

    def profile(self, meter: PhysicalMeter) -> Profile:
        """Give the profile that the meter's days are computed with: the kept one, else its table, else flat."""
        if meter.meter_id not in self._profiles:
            pattern = self._settings.pattern_of(meter.meter_id)
            kept = kept_profile(self._store, meter.meter_id) if pattern else FLAT
            self._profiles[meter.meter_id] = kept or table_profile(pattern)
        return self._profiles[meter.meter_id]

    def fitted_profile(self, meter: PhysicalMeter) -> Profile | None:
        """Fit the meter's profile to its whole history; None for a meter without a monthly table."""
        pattern = self._settings.pattern_of(meter.meter_id)
        if pattern is None:
            return None
        return fit_profile([self.history(meter)], pattern)

    def history(self, meter: PhysicalMeter) -> Register:
        """Clean all readings of a meter."""
        if meter.source.kind == "interval":
            return self._from_intervals(meter)
        start, end = self._bounds(meter)
        readings = self._limited(self._store.readings(raw_series(meter)), start, end)
        return clean(self._anchored(meter, readings, start), counter_of(meter))

    def _bounds(self, meter: PhysicalMeter) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """First and last instant at which the meter's readings are its own."""
        start, end = meter.installation_date, meter.deinstallation_date
        return (
            days.instant(start, self._zone, end=False) if start is not None else None,
            days.instant(end, self._zone, end=True) if end is not None else None,
        )

    @staticmethod
    def _within(instant: pd.Timestamp, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.Timestamp:
        if start is not None:
            instant = max(instant, start)
        return min(instant, end) if end is not None else instant

    @staticmethod
    def _limited(readings: pd.Series, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.Series:
        inside = np.ones(len(readings), dtype=bool)
        if start is not None:
            inside &= readings.index >= start
        if end is not None:
            inside &= readings.index <= end
        return readings[inside]

    def _anchored(self, meter: PhysicalMeter, readings: pd.Series, start: pd.Timestamp | None) -> pd.Series:
        """Put the declared initial reading before all others."""
        if meter.initial_reading is None or start is None or (len(readings) and readings.index[0] == start):
            return readings
        anchor = pd.Series([float(meter.initial_reading)], index=pd.DatetimeIndex([start]).as_unit("us"))
        return pd.concat([anchor, readings]) if len(readings) else anchor

    def _around(self, meter: PhysicalMeter, lo: pd.Timestamp, hi: pd.Timestamp) -> Register:
        """Clean the readings in `[lo, hi)` and enough around them: a valid one on either side, or the end of all."""
        start, end = self._bounds(meter)
        neighbours = CONTEXT + 16
        while True:
            found = self._store.readings(raw_series(meter), lo, hi, before=neighbours, after=neighbours)
            readings = self._limited(found, start, end)
            cut_off = (
                start is not None and len(found) and found.index[0] < start,
                end is not None and len(found) and found.index[-1] > end,
            )
            begins = bool(cut_off[0]) or int((found.index < lo).sum()) < neighbours
            ends = bool(cut_off[1]) or int((found.index >= hi).sum()) < neighbours
            if begins:
                readings = self._anchored(meter, readings, start)
            register = clean(readings, counter_of(meter), begins=begins, ends=ends)
            reaches_back = begins or (len(register) and register.times[0] <= days.microsecond(lo))
            reaches_on = ends or (len(register) and register.times[-1] >= days.microsecond(hi))
            if reaches_back and reaches_on:
                return register
            neighbours *= 4

    def _end_rate(self, meter: PhysicalMeter, register: Register, side: str) -> float | None:
        """Read about a year next to one end of the history, and give what flowed per unit of weight."""
        weight = weight_of(self.profile(meter))
        if meter.source.kind == "interval":
            return rate_near(register, "first" if side == "first" else "last", weight)
        if side == "first":
            first = days.instants(register.times[:1])[0]
            return rate_near(self._around(meter, first, first + _RATE_WINDOW), "first", weight)
        last = days.instants(register.times[-1:])[0]
        return rate_near(self._around(meter, last - _RATE_WINDOW, last), "last", weight)

    def _life(
        self, meter: PhysicalMeter, register: Register, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> Life:
        """Bound the meter's life by its dates; a reading taken on the day itself says when on that day."""
        first = days.microsecond(start) if start is not None else None
        last = days.microsecond(end) if end is not None else None
        if len(register) and register.begins:
            at = int(register.times[0])
            if meter.installation_date is None or (
                days.is_whole_day(meter.installation_date)
                and at < days.microsecond(days.closing(self._civil(start), self._zone))
            ):
                first = at
        if len(register) and register.ends and meter.deinstallation_date is not None and end is not None:
            at = int(register.times[-1])
            day = self._civil(end - pd.Timedelta(microseconds=1))
            if days.is_whole_day(meter.deinstallation_date) and at >= days.microsecond(days.opening(day, self._zone)):
                last = at
        return Life(first, last)

    def _civil(self, instant: pd.Timestamp | None) -> date:
        assert instant is not None
        return days.civil_day(instant, self._zone)

    def _from_intervals(self, meter: PhysicalMeter) -> Register:
        start, end = self._bounds(meter)
        intervals = self._limited(self._store.readings(raw_series(meter)), start, end)
        typed_in = RawSeries(meter.output_unit, meter.meter_id)
        anchors = None
        if typed_in != raw_series(meter):
            readings = self._limited(self._store.readings(typed_in), start, end)
            anchors = clean(readings, counter_of(meter)) if len(readings) else None
        return register_from_intervals(
            intervals,
            meter.meter_id,
            weight_of(self.profile(meter)),
            start_value=meter.initial_reading or 0.0,
            anchors=anchors,
        )

    # Derived meters

    def derived(
        self, meter: MasterMeter | VirtualMeter, first: date, last: date, frames: Mapping[str, pd.DataFrame]
    ) -> Evaluated:
        """Evaluate a master or virtual meter's days from the days of the meters that it is made from.

        Args:
            meter: The meter.
            first: First civil day.
            last: Last civil day.
            frames: Days of each meter in `meter.upstream`.

        Raises:
            StoreError: The raw readings around a handover cannot be read.
        """
        if isinstance(meter, VirtualMeter):
            return Evaluated(self._virtual(meter, frames))
        starts = self._cuts(first, last)[:-1]
        civil = days.civil_days(starts, self._zone)
        segments = self.segments(meter)
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

    def segments(self, meter: MasterMeter) -> list[Segment]:
        """Lay out a master's periods, with the register that each takes over from the one before.

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
            if period.apply_offset_from_previous_period and segments:
                segment = self._taking_over(segment, segments[-1])
            segments.append(segment)
        return segments

    def _installed_on(self, source: str) -> date | None:
        meter = self._settings.meters[source]
        if not isinstance(meter, PhysicalMeter) or meter.installation_date is None:
            return None
        return self._civil(days.instant(meter.installation_date, self._zone, end=False))

    def _taking_over(self, segment: Segment, previous: Segment) -> Segment:
        """Compute the offset from the sources' raw readings around the handover, whatever has been materialized."""
        assert previous.last is not None
        old = self._registers(previous, previous.last, "closing", previous.sources)
        new_on_day = self._registers(segment, previous.last, "opening", previous.successors)
        rest = tuple(source for source in segment.sources if source not in previous.successors)
        new_after = self._registers(segment, previous.last + timedelta(days=1), "opening", rest)
        return Segment(
            segment.first,
            segment.last,
            segment.sources,
            segment.factors,
            segment.successors,
            carried=float(previous.register(np.array([old]))[0]),
            taken_over=new_on_day + new_after,
        )

    def _registers(self, segment: Segment, day: date, column: str, sources: tuple[str, ...]) -> float:
        """Add up what the sources' registers show on a day, in the master's unit; NaN where one is not known."""
        total = 0.0
        for source in sources:
            if (source, day) not in self._handovers:
                self._handovers[source, day] = self.days(source, day, day).days
            frame = self._handovers[source, day]
            if len(frame):
                total += float(frame[column].iloc[0]) * segment.factors[source]
        return total


def raw_series(meter: PhysicalMeter) -> RawSeries:
    """Give the address of a physical meter's raw readings."""
    return RawSeries(meter.raw_measurement, meter.raw_entity_id, meter.raw_field, meter.source.domain)


def counter_of(meter: PhysicalMeter) -> Counter:
    """Give what cleaning must know about a physical meter."""
    return Counter(meter.meter_id, meter.output_unit, meter.resolution, meter.register_digits)
