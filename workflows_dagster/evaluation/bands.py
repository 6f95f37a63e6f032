"""The 80 % bands of meters' numbers over days, months and years, from the raw readings.

A sum's band is computed for itself, never added up: within a gap what one day has too much another has too little.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import MEASURED, QUALITIES
from workflows_dagster.domain.bands import Bands, Spread, around, half_width
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import REGISTER_BAND_COLUMNS
from workflows_dagster.domain.irregularity import fit_spread
from workflows_dagster.domain.register_band import register_band
from workflows_dagster.evaluation.derived import DayEnd, DerivedMeters
from workflows_dagster.evaluation.physical import Basis, PhysicalMeters
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter

# Tells whether any day of a physical meter, within days, is estimated.
IsEstimated = Callable[[str, DayRange], bool]


class HouseBands:
    """Gives the bands of one house's meters.

    Args:
        settings: The house.
        of_physical: Its physical meters.
        of_derived: Its master and virtual meters.
        hold: Whether to keep what a meter's bands were computed from, as `HeldReadings` keeps readings.
    """

    def __init__(
        self, settings: Settings, of_physical: PhysicalMeters, of_derived: DerivedMeters, *, hold: bool = False
    ) -> None:
        self._settings, self._physical, self._derived = settings, of_physical, of_derived
        self._zone, self._hold = settings.site.zone, hold
        self._bases: dict[str, tuple[int, int, Basis]] = {}
        self._spreads: dict[str, Spread] = {}

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
        whole = DayRange(min(span.first for span in spans), max(span.last for span in spans))
        openings = whole.openings(self._zone)
        edges = days.microseconds(openings)
        civil = days.civil_days(openings[:-1], self._zone)
        ordinals = np.array([day.toordinal() for day in civil])
        variance = np.zeros(len(spans))
        for name, factor in self._factors(meter_id, civil).items():
            if is_estimated is not None and not is_estimated(name, whole):
                continue
            parts = [
                (place, edges[begin], edges[end], factor[begin])
                for place, span in enumerate(spans)
                for begin, end in _runs(factor, *np.searchsorted(ordinals, _ordinals(span)).tolist())
            ]
            if not parts:
                continue
            places, starts, ends, factors = (np.array(column) for column in zip(*parts, strict=True))
            own = self._variance(name, starts.astype(np.int64), ends.astype(np.int64))
            variance += np.bincount(places, own * factors**2, minlength=len(spans))
        return half_width(variance)

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
        edges = days.microseconds(cuts)
        if self._hold and meter.meter_id not in self._bases and len(edges) > 1:
            self._bases[meter.meter_id] = (int(edges[0]), int(edges[-1]), basis)
        bands = self._of_basis(meter, basis, self._physical.spread(meter)) if len(estimated) or len(opened) else None
        if bands is not None:
            starts = days.microseconds(pd.DatetimeIndex(frame.index))
            closes = edges[np.searchsorted(edges, starts[estimated], side="right")]
            clip = basis.life.clip
            widths[estimated] = half_width(bands.variance(clip(starts[estimated]), clip(closes)))
            ends[:, opened] = register_band(bands, clip(starts[opened]), frame["opening"].to_numpy(float)[opened])
        found = self._with_widths(meter.meter_id, frame, widths)
        return found.assign(**dict(zip(REGISTER_BAND_COLUMNS, ends, strict=True)))

    def of_register(self, meter: PhysicalMeter, day: date, end: DayEnd) -> float:
        """Give half the width of the band of a register at one end of a civil day; NaN where it is not known.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        edges = days.microseconds(DayRange.single(day).openings(self._zone))
        basis = self._basis(meter, int(edges[0]), int(edges[1]))
        bands = self._of_basis(meter, basis, self._physical.spread(meter))
        if bands is None or not basis.register.counts:
            return math.nan
        at = basis.life.clip(edges[:1] if end == "opening" else edges[1:])
        return float(half_width(bands.variance_at(at))[0])

    def on_derived_days(
        self, meter: MasterMeter | VirtualMeter, frame: pd.DataFrame, sources: Mapping[str, pd.DataFrame]
    ) -> pd.DataFrame:
        """Add their bands to a derived meter's days, from those of its sources' days.

        Sources count as independent of each other. Where a physical meter is in several of them, the bands are
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
            if self._shares_sources(meter):
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

    def _shares_sources(self, meter: MasterMeter | VirtualMeter) -> bool:
        """Tell whether a physical meter is in several of a derived meter's sources."""
        meters = self._settings.meters
        found = [one.meter_id for source in meter.upstream for one in meters.sources_of(source)]
        return len(found) > len(set(found))

    def _factors(self, meter_id: str, civil: pd.Index) -> dict[str, np.ndarray]:
        """Give by which factor each physical meter counts in a meter, by day."""
        meter = self._settings.meters[meter_id]
        if isinstance(meter, PhysicalMeter):
            return {meter_id: np.ones(len(civil))}
        factors: dict[str, np.ndarray] = {}
        for row in self._derived.contributions(meter, civil):
            for name, factor in self._factors(row.source, civil).items():
                own = np.nan_to_num(row.factor) * factor
                factors[name] = factors[name] + own if name in factors else own
        return factors

    def _variance(self, meter_id: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        meter = self._settings.meters[meter_id]
        assert isinstance(meter, PhysicalMeter)
        basis = self._basis(meter, int(starts.min()), int(ends.max()))
        if not _leaves_open(basis, int(starts.min()), int(ends.max())):
            return np.zeros(len(starts))
        bands = self._of_basis(meter, basis, self.spread(meter))
        assert bands is not None
        return bands.variance(basis.life.clip(starts), basis.life.clip(ends))

    def _basis(self, meter: PhysicalMeter, start: int, end: int) -> Basis:
        """Give what the numbers between two instants are computed from; one of a wider range serves as well."""
        first, last, held = self._bases.get(meter.meter_id, (0, 0, None))
        if held is not None and first <= start and end <= last:
            return held
        basis = self._physical.basis(meter, days.instants(np.array([start, end])))
        if self._hold:
            self._bases[meter.meter_id] = (start, end, basis)
        return basis

    def spread(self, meter: PhysicalMeter) -> Spread:
        """Give how irregular a meter is: as stored with its profile, before the first fit from its whole history."""
        if meter.meter_id not in self._spreads:
            kept = self._physical.spread(meter)
            self._spreads[meter.meter_id] = (
                kept if kept is not None else fit_spread(self._physical.history(meter), self._physical.weight(meter))
            )
        return self._spreads[meter.meter_id]

    @staticmethod
    def _of_basis(meter: PhysicalMeter, basis: Basis, spread: Spread | None) -> Bands | None:
        if spread is None:
            return None
        return Bands(
            basis.register, basis.weight, basis.allowance, spread, basis.head, basis.tail, meter.source.turns_back
        )


def _is_estimated(frame: pd.DataFrame) -> np.ndarray:
    """Tell which days are estimated in part at least, shape (days,), `bool`."""
    found: np.ndarray = (frame["estimated_share"] > 0).to_numpy() & frame["consumption"].notna().to_numpy()
    return found


def _opens_unmeasured(frame: pd.DataFrame) -> np.ndarray:
    """Tell which days that are not all measured open with a known register, shape (days,), `bool`."""
    found: np.ndarray = (frame["quality"] != QUALITIES[MEASURED]).to_numpy() & frame["opening"].notna().to_numpy()
    return found


def _leaves_open(basis: Basis, start: int, end: int) -> bool:
    """Tell whether anything between two instants is estimated."""
    times = basis.register.times
    if len(times) < 2 or start < times[0] or end > times[-1]:
        return True
    first, last = np.searchsorted(times, start, side="right") - 1, np.searchsorted(times, end, side="left")
    longest = basis.allowance.measured_max_gap_hours * days.MICROSECONDS_PER_HOUR
    gaps = np.diff(times[first : last + 1])
    return bool((gaps > longest).any() or basis.register.substituted[first:last].any())


def _ordinals(span: DayRange) -> list[int]:
    """Give the numbers of a span's first day and of the day after its last."""
    return [span.first.toordinal(), span.last.toordinal() + 1]


def _runs(factor: np.ndarray, first: int, end: int) -> list[tuple[int, int]]:
    """Give the stretches of days within which a meter counts by one factor, ends excluded."""
    changes = np.flatnonzero(np.diff(factor[first:end])) + first + 1
    bounds = [first, *changes.tolist(), end]
    return [(begin, until) for begin, until in itertools.pairwise(bounds) if factor[begin] != 0]
