"""A physical meter's valid readings: its own, cleaned, with as many around as they need to be judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.falls import SPAN
from workflows_dagster.domain.intervals import register_from_intervals
from workflows_dagster.domain.register import CONTEXT, Register, clean
from workflows_dagster.domain.season import Weight
from workflows_dagster.domain.silences import NEIGHBOURS, Habit
from workflows_dagster.evaluation.held_readings import HeldReadings
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import EarlierName, RawSeries, RawStore

# Time around the days whose readings take part in cleaning, and a day more, so that dense readings reach over it.
_AROUND = pd.Timedelta(microseconds=SPAN) + pd.Timedelta(days=1)


class ValidReadings:
    """Reads and cleans the readings of one house's physical meters.

    Args:
        settings: The house.
        store: Its readings.
        hold: See `HeldReadings`.
    """

    def __init__(self, settings: Settings, store: RawStore, *, hold: bool = False) -> None:
        self._raw = HeldReadings(store, hold=hold)
        self._zone = settings.site.zone

    def of_register(self, meter: PhysicalMeter) -> Register:
        """Clean all readings of a meter's register."""
        start, end = self.bounds(meter)
        readings = self._limited(self._raw.read(raw_series(meter)), start, end)
        return clean(self._anchored(meter, readings, start), counter_of(meter))

    def of_intervals(self, meter: PhysicalMeter, weight: Weight) -> Register:
        """Join all intervals of a meter to a register; the weight fills the missing ones."""
        start, end = self.bounds(meter)
        intervals = self._limited(self._raw.read(raw_series(meter)), start, end)
        intervals = intervals[intervals.index < end] if end is not None else intervals
        typed_in = RawSeries(meter.output_unit, meter.meter_id)
        anchors = None
        if typed_in != raw_series(meter):
            readings = self._limited(self._raw.read(typed_in), start, end)
            anchors = clean(readings, counter_of(meter)) if len(readings) else None
        return register_from_intervals(
            intervals,
            meter.meter_id,
            weight,
            zone=self._zone,
            minutes=meter.source.interval_minutes,
            start_value=meter.initial_reading or 0.0,
            anchors=anchors,
        )

    def ends(self, meter: PhysicalMeter) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """Give the instants of the meter's own first and last valid reading, or None without any."""
        start, end = self.bounds(meter)
        earliest, latest = (self.within(instant, start, end) for instant in days.REPRESENTABLE)
        oldest, newest = self.around(meter, earliest, earliest), self.around(meter, latest, latest)
        if len(oldest) == 0 or len(newest) == 0:
            return None
        return days.instants(oldest.times[:1])[0], days.instants(newest.times[-1:])[0]

    def bounds(self, meter: PhysicalMeter) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """Give the first and last instant at which the meter's readings are its own, None where open."""
        start, end = meter.installation_date, meter.deinstallation_date
        return (
            days.instant(start, self._zone, end=False) if start is not None else None,
            days.instant(end, self._zone, end=True) if end is not None else None,
        )

    @staticmethod
    def within(instant: pd.Timestamp, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.Timestamp:
        """Move an instant outside two bounds to the nearer one."""
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
        """Insert the declared initial reading before all others."""
        if meter.initial_reading is None or start is None or (len(readings) and readings.index[0] == start):
            return readings
        anchor = pd.Series([float(meter.initial_reading)], index=pd.DatetimeIndex([start]).as_unit("us"))
        return pd.concat([anchor, readings]) if len(readings) else anchor

    def around(self, meter: PhysicalMeter, lo: pd.Timestamp, hi: pd.Timestamp) -> Register:
        """Clean the readings in `[lo, hi)`, UTC, and enough around them.

        The result has a valid reading on either side, unless the history ends there.
        """
        start, end = self.bounds(meter)
        # Cleaning needs the outermost readings to judge the others; a silence is judged by the gaps around it.
        beside = 2 * NEIGHBOURS + 4
        neighbours = CONTEXT + beside + 4
        first, last = max(lo - _AROUND, days.REPRESENTABLE[0]), min(hi + _AROUND, days.REPRESENTABLE[1])
        while True:
            found = self._raw.read(raw_series(meter), first, last, neighbours=neighbours)
            readings = self._limited(found, start, end)
            cut_off = (
                start is not None and len(found) and found.index[0] < start,
                end is not None and len(found) and found.index[-1] > end,
            )
            begins = bool(cut_off[0]) or int((found.index < first).sum()) < neighbours
            ends = bool(cut_off[1]) or int((found.index >= last).sum()) < neighbours
            if begins:
                readings = self._anchored(meter, readings, start)
            register = clean(readings, counter_of(meter), begins=begins, ends=ends)
            reaches_back = begins or (register.times <= days.microsecond(lo)).sum() >= beside
            reaches_on = ends or (register.times >= days.microsecond(hi)).sum() >= beside
            if reaches_back and reaches_on:
                return register
            neighbours *= 4


def is_read_rarely(meter: PhysicalMeter, register: Register) -> bool:
    """Tell whether days between a meter's readings are mostly estimated."""
    longest = meter.measured_max_gap_hours * days.MICROSECONDS_PER_HOUR
    return len(register) > 1 and bool(np.median(np.diff(register.times)) > longest)


def raw_series(meter: PhysicalMeter) -> RawSeries:
    """Give the address of a physical meter's raw readings."""
    earlier = tuple(EarlierName(name.id, pd.Timestamp(name.until)) for name in meter.source.renamed)
    return RawSeries(meter.raw_measurement, meter.raw_entity_id, meter.raw_field, meter.source.domain, earlier)


def habit_of(meter: PhysicalMeter) -> Habit:
    """Give how often a physical meter is read."""
    return Habit(
        meter.meter_id,
        counter_of(meter).jitter,
        meter.measured_max_gap_hours,
        meter.reading_interval_days,
    )


def counter_of(meter: PhysicalMeter) -> Counter:
    """Give the properties of a physical meter's counter."""
    source = meter.source
    return Counter(
        meter.meter_id,
        meter.output_unit,
        meter.resolution,
        meter.register_digits,
        kind="turns_back" if source.turns_back else "resetting" if source.kind == "resetting" else "register",
        declared_resolution="resolution" in meter.model_fields_set,
        declared_start=meter.initial_reading is not None,
    )
