"""The 80 % bands of meters' numbers over days, months and years, from the raw readings.

A sum's band is computed for itself, never added up: within a gap what one day has too much another has too little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import MEASURED, QUALITIES
from workflows_dagster.domain.bands import Bands, around, half_width
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import REGISTER_BAND_COLUMNS
from workflows_dagster.domain.register_band import register_band
from workflows_dagster.evaluation.derived import DayEnd, DerivedMeters
from workflows_dagster.evaluation.physical import Basis, PhysicalMeters
from workflows_dagster.evaluation.variances import HouseVariances, IsEstimated
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter


class HouseBands:
    """Gives the bands of one house's meters.

    Args:
        settings: The house.
        of_physical: Its physical meters.
        of_derived: Its master and virtual meters.
        hold: See `HouseVariances`.

    Attributes:
        variances: Their variances, and how irregular each meter is.
    """

    def __init__(
        self, settings: Settings, of_physical: PhysicalMeters, of_derived: DerivedMeters, *, hold: bool = False
    ) -> None:
        self._settings, self._physical, self._derived = settings, of_physical, of_derived
        self._zone = settings.site.zone
        self.variances = HouseVariances(settings, of_physical, of_derived, hold=hold)

    def half_widths(
        self, meter_id: str, spans: Sequence[DayRange], is_estimated: IsEstimated | None = None
    ) -> np.ndarray:
        """Give how far a meter's consumption may lie from what is computed, on either side.

        Whole gaps between readings are known, so only the gaps in which a span begins and ends leave something open.
        The devices of a master and the meters that a virtual one subtracts count as independent of each other; one
        that stands on both sides cancels out.

        Args:
            meter_id: The meter.
            spans: Days, each span by itself.
            is_estimated: Tells whether any of a physical meter's days is estimated, if that is known already.

        Returns:
            Half widths of the 80 % bands, 0 where all is measured. [meter unit], shape (number of spans,)

        Raises:
            StoreError: The raw readings cannot be read.
        """
        if not spans:
            return np.empty(0)
        return half_width(self.variances.of_days(meter_id, spans, is_estimated))

    def around(
        self,
        meter_id: str,
        spans: Sequence[DayRange],
        consumption: np.ndarray,
        is_estimated: IsEstimated | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the bands around computed numbers; not below 0, unless a counter of the meter turns back.

        Args:
            meter_id: The meter.
            spans: Days of each number.
            consumption: The numbers. [meter unit], shape (number of spans,)
            is_estimated: As for `half_widths`.

        Returns:
            Lower and upper ends, equal where all is measured. [meter unit], shape (number of spans,)

        Raises:
            StoreError: The raw readings cannot be read.
        """
        return around(
            consumption, self.half_widths(meter_id, spans, is_estimated), turns_back=self._turns_back(meter_id)
        )

    def on_days(self, meter: PhysicalMeter, cuts: pd.DatetimeIndex, basis: Basis, frame: pd.DataFrame) -> pd.DataFrame:
        """Add their bands to a physical meter's days, and those of the register; measured days have none.

        Args:
            meter: The meter.
            cuts: Instants at which the days open, and at which the last one ends, UTC, shape (n + 1,).
            basis: What the days were computed from.
            frame: The days, without bands.

        Returns:
            The same with the columns `lower`, `upper`, `opening_lower` and `opening_upper`. [meter unit]
        """
        estimated, opened = np.flatnonzero(_is_estimated(frame)), np.flatnonzero(_opens_unmeasured(frame))
        widths, ends = np.full(len(frame), np.nan), np.full((2, len(frame)), np.nan)
        edges, spread = days.microseconds(cuts), self._physical.spread(meter)
        self.variances.keep_basis(meter, int(edges[0]), int(edges[-1]), basis)
        if spread is not None and (len(estimated) or len(opened)):
            bands, clip = self.variances.bands(meter, basis, spread), basis.life.clip
            starts = days.microseconds(pd.DatetimeIndex(frame.index))
            closes = edges[np.searchsorted(edges, starts[estimated], side="right")]
            widths[estimated] = self._stored_widths(meter, bands, clip(starts[estimated]), clip(closes))
            opens = clip(starts[opened])
            since = self._stored_widths(meter, bands, *bands.since_reading(opens))
            ends[:, opened] = register_band(bands, opens, frame["opening"].to_numpy(float)[opened], since)
        found = self._with_widths(meter.meter_id, frame, widths)
        return found.assign(**dict(zip(REGISTER_BAND_COLUMNS, ends, strict=True)))

    def of_register(self, meter: PhysicalMeter, day: date, end: DayEnd) -> float:
        """Give half the width of the band of a register at one end of a civil day; NaN where it is not known.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        edges = days.microseconds(DayRange.single(day).openings(self._zone))
        basis, spread = self.variances.basis(meter, int(edges[0]), int(edges[1])), self._physical.spread(meter)
        if spread is None or not basis.register.counts:
            return math.nan
        bands = self.variances.bands(meter, basis, spread)
        at = basis.life.clip(edges[:1] if end == "opening" else edges[1:])
        return float(self._stored_widths(meter, bands, *bands.since_reading(at))[0])

    def _stored_widths(self, meter: PhysicalMeter, bands: Bands, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Give half widths by what is stored with the meters' profiles, as the stored days have them."""
        return half_width(self.variances.of_stretches(meter, bands, starts, ends, self._physical.spread))

    def on_derived_days(
        self, meter: MasterMeter | VirtualMeter, frame: pd.DataFrame, sources: Mapping[str, pd.DataFrame]
    ) -> pd.DataFrame:
        """Add their bands to a derived meter's days, from those of its sources' days.

        Sources count as independent of each other. Where one meter's error is in several of them, the bands are
        computed from the readings instead, so that it cancels out.

        Args:
            meter: The meter.
            frame: Its days, without bands.
            sources: Days of each meter in `meter.upstream`.

        Returns:
            The same with the columns `lower` and `upper`. [meter unit]

        Raises:
            StoreError: The raw readings cannot be read.
        """
        widths = np.full(len(frame), np.nan)
        estimated = np.flatnonzero(_is_estimated(frame))
        if len(estimated):
            index = pd.DatetimeIndex(frame.index[estimated])
            civil = days.civil_days(index, self._zone)
            variance = np.zeros(len(index))
            for row in self._derived.contributions(meter, civil):
                of_source = sources[row.source].reindex(index)
                width = (of_source["upper"] - of_source["consumption"]).to_numpy(dtype=float)
                is_open = row.counts & _is_estimated(of_source)
                variance += np.where(is_open, (width * row.conversion) ** 2, 0.0)
            found = np.sqrt(variance)
            known = np.flatnonzero(np.isfinite(found))
            if self.variances.shares_errors(meter):
                found[known] = self.half_widths(meter.meter_id, [DayRange.single(civil[int(k)]) for k in known])
            widths[estimated] = found
        return self._with_widths(meter.meter_id, frame, widths)

    def _with_widths(self, meter_id: str, frame: pd.DataFrame, widths: np.ndarray) -> pd.DataFrame:
        consumption = frame["consumption"].to_numpy(dtype=float)
        lower, upper = around(consumption, widths, turns_back=self._turns_back(meter_id))
        banded = frame.assign(lower=lower, upper=upper)
        there = [name for name in REGISTER_BAND_COLUMNS if name in frame]
        # Last as in `domain.frames.DAYS`.
        return banded[[*(name for name in banded if name not in there), *there]] if there else banded

    def _turns_back(self, meter_id: str) -> bool:
        return any(meter.source.turns_back for meter in self._settings.meters.sources_of(meter_id))


def _is_estimated(frame: pd.DataFrame) -> np.ndarray:
    """Tell which days are estimated in part at least, shape (days,), `bool`."""
    found: np.ndarray = (frame["estimated_share"] > 0).to_numpy() & frame["consumption"].notna().to_numpy()
    return found


def _opens_unmeasured(frame: pd.DataFrame) -> np.ndarray:
    """Tell which days that are not all measured open with a known register, shape (days,), `bool`."""
    found: np.ndarray = (frame["quality"] != QUALITIES[MEASURED]).to_numpy() & frame["opening"].notna().to_numpy()
    return found
