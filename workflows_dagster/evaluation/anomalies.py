"""Judges the stored days, gaps and base loads of one house's meters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.anomalies import COLUMNS, Scale, judge_days
from workflows_dagster.domain.base_load import BASE_LOAD_COLUMNS, base_loads, judge_base_loads
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.deviations import LOOKBACK_DAYS
from workflows_dagster.domain.frames import ANOMALIES, BASE_LOADS
from workflows_dagster.domain.gap_anomalies import LongGaps, judge_gaps
from workflows_dagster.domain.season import FLAT, Profile, weight_of
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.evaluation.valid_readings import counter_of
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import Store

_LEAKING = ("water", "electricity")


@dataclass(frozen=True)
class MeterAnomalies:
    """A meter's judged days; usual days have neither `severity` nor `reason`.

    Attributes:
        days: Index the days' openings (UTC, name `start`), columns `domain.anomalies.COLUMNS`. A gap that was judged as
            a whole is stored at the day in which it ends, with its whole consumption; for a meter that reports by
            itself, only if that day was not measured.
        base_load: Likewise, columns `domain.base_load.BASE_LOAD_COLUMNS`; empty except for physical water and
            electricity meters with hourly readings.
    """

    days: pd.DataFrame
    base_load: pd.DataFrame


class Anomalies:
    """Judges the days of one house's meters; every call reads the store.

    Args:
        settings: The house.
        store: Its days and readings.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._zone, self._rule = settings.site.zone, settings.site.anomalies.rule
        self._physical = Evaluation(settings, store, hold=True).of_physical

    def of_meter(self, meter_id: str, asked: DayRange) -> MeterAnomalies:
        """Judge each of a meter's days by the 56 days before it.

        Raises:
            StoreError: The store cannot be read.
            KeyError: There is no such meter.
        """
        found = MeterAnomalies(self.days(meter_id, asked), self.base_load(meter_id, asked))
        ANOMALIES.check(found.days)
        BASE_LOADS.check(found.base_load)
        return found

    def days(self, meter_id: str, asked: DayRange) -> pd.DataFrame:
        """Judge a meter's daily consumption, and the long gaps that end in these days; see `MeterAnomalies`.

        Raises:
            StoreError: The store cannot be read.
            KeyError: There is no such meter.
        """
        meter = self._settings.meters[meter_id]
        cuts = _with_lookback(asked).midnights(self._zone)
        stored = read_days(self._store, meter_id, cuts[0], cuts[-1]).reindex(cuts[:-1])
        exists = np.asarray(cuts[1:] > cuts[:-1])
        measured = (stored["quality"] == "measured").to_numpy(dtype=bool) & exists
        consumption = np.where(measured, stored["consumption"].to_numpy(dtype=float), np.nan)
        edges = weight_of(self._profile(meter)).integral(days.microseconds(cuts))
        civil = pd.Index(list(asked), dtype=object)
        scale = Scale(meter.output_unit, self._resolution(meter))
        judged = judge_days(consumption, np.diff(edges), civil, scale, self._rule)
        judged = judged[judged["expected"].notna() & exists[LOOKBACK_DAYS:]]
        if isinstance(meter, PhysicalMeter):
            open_to_gaps = _is_read_by_hand(meter) | ~measured[LOOKBACK_DAYS:]
            gaps = self._gaps(meter, scale, civil[open_to_gaps])
            judged = pd.concat(
                [part for part in (judged.drop(gaps.index, errors="ignore"), gaps) if len(part)] or [judged]
            )
        opening = pd.Series(cuts[LOOKBACK_DAYS:-1], index=civil)
        judged.index = pd.DatetimeIndex(opening.reindex(judged.index).to_numpy(), tz="UTC", name="start").as_unit("us")
        return judged.sort_index()

    def base_load(self, meter_id: str, asked: DayRange) -> pd.DataFrame:
        """Judge the base load of a meter's days; see `MeterAnomalies`.

        Raises:
            StoreError: The store cannot be read.
            KeyError: There is no such meter.
        """
        meter = self._settings.meters[meter_id]
        if not isinstance(meter, PhysicalMeter) or meter.utility not in _LEAKING or _is_read_by_hand(meter):
            return pd.DataFrame(columns=list(BASE_LOAD_COLUMNS), index=_no_days())
        cuts = _with_lookback(asked).midnights(self._zone)
        if meter.source.kind == "interval":
            register = self._physical.history(meter)
        else:
            register = self._physical.readings.around(meter, cuts[0], cuts[-1])
        jitter = counter_of(meter).jitter
        loads = base_loads(register, days.microseconds(cuts), meter.measured_max_gap_hours, jitter)
        civil = pd.Index(list(asked), dtype=object)
        judged = judge_base_loads(loads, civil, Scale(meter.output_unit, meter.resolution), self._rule)
        judged.index = pd.DatetimeIndex(cuts[LOOKBACK_DAYS:-1], name="start")
        exists = np.asarray(cuts[1:] > cuts[:-1])[LOOKBACK_DAYS:]
        return judged[judged["expected"].notna() & exists]

    def _gaps(self, meter: PhysicalMeter, scale: Scale, ends: pd.Index) -> pd.DataFrame:
        """Judge the gaps that end in given civil days; if there are none, no history is read."""
        if len(ends) == 0:
            return pd.DataFrame(columns=list(COLUMNS), index=ends)
        long = LongGaps(meter.measured_max_gap_hours, also_quiet=_is_read_by_hand(meter))
        # With another meter's use taken as it is, the weight is that of the rest, and a gap is judged as a whole.
        weight = self._physical.weight(meter)
        weight = weight if weight.given is None else weight_of(self._physical.profile(meter))
        history, spread = self._physical.history(meter), self._physical.spread(meter)
        judged = judge_gaps(history, weight, long, scale, self._rule, self._zone, spread)
        return judged[judged.index.isin(ends)]

    def _profile(self, meter: Meter) -> Profile:
        """Give a meter's profile; a derived meter has that of its first source."""
        while not isinstance(meter, PhysicalMeter):
            if not meter.upstream:
                return FLAT
            meter = self._settings.meters[meter.upstream[0]]
        return self._physical.profile(meter)

    def _resolution(self, meter: Meter) -> float:
        """Give the smallest step of a meter's days: for a derived meter the coarsest of its sources'."""
        if isinstance(meter, PhysicalMeter):
            return meter.resolution
        return max(self._step_in(meter, self._settings.meters[source]) for source in meter.upstream)

    def _step_in(self, meter: MasterMeter | VirtualMeter, source: Meter) -> float:
        """Give a source's smallest step in the derived meter's unit, by the largest conversion factor of all time."""
        gas = self._settings.site.gas_conversion
        dates = pd.Index([pair.valid_from for pair in gas] or [date.min], dtype=object)
        factors = units.conversion(source.output_unit, meter.output_unit, dates, gas)
        return self._resolution(source) * float(factors.max())


def _with_lookback(asked: DayRange) -> DayRange:
    return DayRange(asked.first - timedelta(days=LOOKBACK_DAYS), asked.last)


def _is_read_by_hand(meter: PhysicalMeter) -> bool:
    return meter.reading_interval_days is not None


def _no_days() -> pd.DatetimeIndex:
    return pd.DatetimeIndex([], tz="UTC", name="start").as_unit("us")


__all__ = ["COLUMNS", "Anomalies", "MeterAnomalies"]
