"""The 80 % bands of meters' numbers over days, months and years, from the raw readings.

A sum's band is computed for itself, never added up: within a gap what one day has too much another has too little.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.bands import Bands, Spread, fit_spread, half_width
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.evaluation.physical import Basis
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter


class HouseBands:
    """Gives the bands of one house's meters.

    Args:
        settings: The house.
        evaluation: Its meters.
    """

    def __init__(self, settings: Settings, evaluation: Evaluation) -> None:
        self._settings, self._evaluation = settings, evaluation
        self._zone = settings.site.zone
        self._spreads: dict[str, Spread] = {}

    def half_widths(self, meter_id: str, spans: Sequence[DayRange]) -> np.ndarray:
        """Give how far a meter's consumption may lie from what is computed, on either side.

        Whole gaps between readings are known, so only the gaps in which a span begins and ends leave something open.
        The devices of a master and the meters that a virtual one subtracts count as independent of each other; one
        that stands on both sides cancels out.

        Args:
            meter_id: The meter.
            spans: Days, each span by itself.

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
        self, meter_id: str, spans: Sequence[DayRange], consumption: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the bands around computed numbers; not below 0, unless a counter of the meter turns back.

        Args:
            meter_id: The meter.
            spans: Days of each number.
            consumption: The numbers. [meter unit], shape (number of spans,)

        Returns:
            Lower and upper ends, equal where all is measured. [meter unit], shape (number of spans,)

        Raises:
            StoreError: The raw readings cannot be read.
        """
        widths = self.half_widths(meter_id, spans)
        lower = consumption - widths
        if not any(meter.source.turns_back for meter in self._settings.meters.sources_of(meter_id)):
            lower = np.maximum(lower, np.minimum(consumption, 0.0))
        return lower, consumption + widths

    def _factors(self, meter_id: str, civil: pd.Index) -> dict[str, np.ndarray]:
        """Give by which factor each physical meter counts in a meter, by day."""
        meter = self._settings.meters[meter_id]
        if isinstance(meter, PhysicalMeter):
            return {meter_id: np.ones(len(civil))}
        factors: dict[str, np.ndarray] = {}
        for row in self._evaluation.of_derived.contributions(meter, civil):
            for name, factor in self._factors(row.source, civil).items():
                own = np.nan_to_num(row.factor) * factor
                factors[name] = factors[name] + own if name in factors else own
        return factors

    def _variance(self, meter_id: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        meter = self._settings.meters[meter_id]
        assert isinstance(meter, PhysicalMeter)
        cuts = days.instants(np.array([starts.min(), ends.max()]))
        basis = self._evaluation.of_physical.basis(meter, cuts)
        if not _leaves_open(basis, int(starts.min()), int(ends.max())):
            return np.zeros(len(starts))
        bands = Bands(
            basis.register,
            basis.weight,
            basis.allowance,
            self._spread(meter),
            basis.head,
            basis.tail,
            meter.source.turns_back,
        )
        return bands.variance(basis.life.clip(starts), basis.life.clip(ends))

    def _spread(self, meter: PhysicalMeter) -> Spread:
        """Fit how irregular a meter is to its whole history, so that a band does not depend on what is asked for."""
        if meter.meter_id not in self._spreads:
            physical = self._evaluation.of_physical
            self._spreads[meter.meter_id] = fit_spread(physical.history(meter), physical.weight(meter))
        return self._spreads[meter.meter_id]


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
