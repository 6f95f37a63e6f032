"""Evaluates all meters of one house."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.allocation import MEASURED, QUALITIES
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import DAYS, VIRTUAL_DAYS
from workflows_dagster.evaluation.bands import HouseBands
from workflows_dagster.evaluation.derived import DayEnd, DerivedMeters
from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.evaluation.like import LikeUse
from workflows_dagster.evaluation.physical import PhysicalMeters
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import Store


class Evaluation:
    """Evaluates the meters of one house.

    Args:
        settings: The house.
        store: Its readings and profiles.
        until: The present, UTC, if the last day asked for may be running; the day then ends there.
        hold: See `HeldReadings`.

    Attributes:
        of_physical: Its physical meters, their profiles and histories.
        of_derived: Its master and virtual meters, their periods and conversions.
        bands: The bands of their numbers.
    """

    def __init__(
        self, settings: Settings, store: Store, until: pd.Timestamp | None = None, *, hold: bool = False
    ) -> None:
        self._settings, self._store, self._until = settings, store, until
        self.of_physical = PhysicalMeters(settings, store, self._use_of, hold=hold)
        self.of_derived = DerivedMeters(settings, self._day_of, self._open_by)
        self.bands = HouseBands(settings, self.of_physical, self.of_derived, hold=hold)
        self._single_days: dict[tuple[str, date], pd.DataFrame] = {}

    def days(self, meter_id: str, asked: DayRange) -> Evaluated:
        """Evaluate a meter and its sources from the raw readings.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        return self._days(meter_id, asked, {})

    def _days(self, meter_id: str, asked: DayRange, seen: dict[str, Evaluated]) -> Evaluated:
        if meter_id not in seen:
            meter = self._settings.meters[meter_id]
            if isinstance(meter, PhysicalMeter):
                seen[meter_id] = self.physical(meter, asked)
            else:
                frames = {source: self._days(source, asked, seen).days for source in meter.upstream}
                seen[meter_id] = self.derived(meter, asked, frames)
        return seen[meter_id]

    def physical(self, meter: PhysicalMeter, asked: DayRange) -> Evaluated:
        """Evaluate a physical meter's days from the readings around them.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        cuts = self._cuts(asked)
        basis = self.of_physical.basis(meter, cuts)
        evaluated = self.of_physical.of_basis(meter, cuts, basis)
        frame = self.bands.on_days(meter, cuts, basis, evaluated.days)
        return Evaluated(DAYS.check(frame), evaluated.findings)

    def derived(
        self, meter: MasterMeter | VirtualMeter, asked: DayRange, frames: Mapping[str, pd.DataFrame]
    ) -> Evaluated:
        """Evaluate a master or virtual meter's days from the days of its sources.

        Args:
            meter: The meter.
            asked: The days.
            frames: Days of each meter in `meter.upstream`.

        Raises:
            StoreError: The raw readings around a handover cannot be read.
        """
        evaluated = self.of_derived.days(meter, self._cuts(asked)[:-1], frames)
        frame = self.bands.on_derived_days(meter, evaluated.days, frames)
        return Evaluated((VIRTUAL_DAYS if isinstance(meter, VirtualMeter) else DAYS).check(frame), evaluated.findings)

    def _use_of(self, meter_id: str, unit: str) -> LikeUse:
        """Give the use of a meter in another unit, day by day."""
        zone, gas = self._settings.site.zone, self._settings.site.gas_conversion

        def days_of(asked: DayRange) -> tuple[pd.DatetimeIndex, np.ndarray]:
            cuts = self._cuts(asked)
            used = self.days(meter_id, asked).days["consumption"].reindex(cuts[:-1])
            civil = days.civil_days(cuts[:-1], zone)
            return cuts, used.to_numpy() * units.conversion(
                self._settings.meters[meter_id].output_unit, unit, civil, gas
            )

        return LikeUse(days_of, zone)

    def _day_of(self, meter_id: str, day: date) -> pd.DataFrame:
        if (meter_id, day) not in self._single_days:
            # A whole day, even if this evaluation ends in the middle of it.
            whole = self if self._until is None else Evaluation(self._settings, self._store)
            self._single_days[meter_id, day] = whole.days(meter_id, DayRange.single(day)).days
        return self._single_days[meter_id, day]

    def _open_by(self, meter_id: str, day: date, end: DayEnd) -> float:
        """Give half the width of the band of a register at one end of a civil day; 0 where it is measured."""
        frame, meter = self._day_of(meter_id, day), self._settings.meters[meter_id]
        if len(frame) == 0 or frame["quality"].iloc[0] == QUALITIES[MEASURED]:
            return 0.0
        return self.bands.of_register(meter, day, end) if isinstance(meter, PhysicalMeter) else math.nan

    def _cuts(self, asked: DayRange) -> pd.DatetimeIndex:
        cuts = asked.openings(self._settings.site.zone)
        if self._until is None or cuts[-1] <= self._until:
            return cuts
        return pd.DatetimeIndex(cuts[:-1].append(pd.DatetimeIndex([self._until]).as_unit("us")))
