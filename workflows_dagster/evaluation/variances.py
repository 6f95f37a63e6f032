"""The variances of meters' numbers over any stretches of time, by what each physical meter leaves open.

A number is a sum over stretches of physical meters, each counted by a factor: the devices of a master, what a virtual
meter subtracts, and where a meter is estimated by another one's use, that one's error as well. So what stands on both
sides cancels (docs/explanation/methods.md#bands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.bands import Bands, Spread
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.irregularity import fit_spread
from workflows_dagster.domain.passed_on import passed_on
from workflows_dagster.domain.stretches import Stretches, variance_of
from workflows_dagster.evaluation.derived import DerivedMeters
from workflows_dagster.evaluation.physical import Basis, PhysicalMeters
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter

# Tells whether any day of a physical meter, within days, is estimated.
IsEstimated = Callable[[str, DayRange], bool]
# Gives how irregular a meter is; None where that is not known.
SpreadOf = Callable[[PhysicalMeter], Spread | None]
# Of a meter whose spread is not known, these bands tell only where anything is open.
_UNKNOWN = Spread(1.0)


class HouseVariances:
    """Gives the variances of one house's numbers.

    Args:
        settings: The house.
        of_physical: Its physical meters.
        of_derived: Its master and virtual meters.
        hold: Whether to keep what a meter's variances were computed from, as `HeldReadings` keeps readings.
    """

    def __init__(
        self, settings: Settings, of_physical: PhysicalMeters, of_derived: DerivedMeters, *, hold: bool = False
    ) -> None:
        self._settings, self._physical, self._derived = settings, of_physical, of_derived
        self._zone, self._hold = settings.site.zone, hold
        self._bases: dict[str, tuple[int, int, Basis]] = {}
        self._spreads: dict[str, Spread] = {}

    def of_days(self, meter_id: str, spans: Sequence[DayRange], is_estimated: IsEstimated | None = None) -> np.ndarray:
        """Give the variances of a meter's consumption over days; arguments and errors as `HouseBands.half_widths`.

        Returns:
            0 where all is measured. [meter unit²], shape (number of spans,)
        """
        whole = DayRange(min(span.first for span in spans), max(span.last for span in spans))
        edges, civil = self._days_of(whole)
        first = whole.first.toordinal()
        begin, end = np.array([(span.first.toordinal(), span.last.toordinal() + 1) for span in spans]).T - first
        asked = Stretches.each(edges[begin], edges[end])
        counted = {
            name: asked.by_day(edges, factor)
            for name, factor in self._factors(meter_id, civil).items()
            if is_estimated is None or is_estimated(name, whole)
        }
        return self._of_sums(counted, len(spans), self.spread)

    def of_stretches(
        self,
        meter: PhysicalMeter,
        bands: Bands,
        starts: np.ndarray,
        ends: np.ndarray,
        spread_of: SpreadOf | None = None,
    ) -> np.ndarray:
        """Give the variances of a physical meter's consumption, with what the use of a followed meter leaves open.

        Args:
            meter: The meter.
            bands: Its bands.
            starts: Instants, microseconds since 1970, within the meter's life, shape (n,), `int64`.
            ends: Instants not before `starts`, likewise.
            spread_of: Gives how irregular a followed meter is; None as `spread` does.

        Returns:
            NaN where something is open whose spread is not known. [meter unit²], shape (n,)

        Raises:
            StoreError: The raw readings cannot be read.
        """
        asked, count, spreads = Stretches.each(starts, ends), len(starts), spread_of or self.spread
        errors = self._passed_on(meter, bands, asked)
        own = self._own(meter, bands.variance(starts, ends), errors, spreads)
        return own + self._of_sums(errors, count, spreads) if errors else own

    def bands(self, meter: PhysicalMeter, basis: Basis, spread: Spread) -> Bands:
        """Give a physical meter's own bands."""
        return Bands(
            basis.register, basis.weight, basis.allowance, spread, basis.head, basis.tail, meter.source.turns_back
        )

    def basis(self, meter: PhysicalMeter, start: int, end: int) -> Basis:
        """Give what the numbers between two instants are computed from; one of a wider range serves as well.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        first, last, held = self._bases.get(meter.meter_id, (0, 0, None))
        if held is not None and first <= start and end <= last:
            return held
        basis = self._physical.basis(meter, days.instants(np.array([start, end])))
        if self._hold:
            self._bases[meter.meter_id] = (start, end, basis)
        return basis

    def keep_basis(self, meter: PhysicalMeter, start: int, end: int, basis: Basis) -> None:
        """Keep what the numbers between two instants were computed from, unless there is something already."""
        if self._hold and start < end:
            self._bases.setdefault(meter.meter_id, (start, end, basis))

    def spread(self, meter: PhysicalMeter) -> Spread:
        """Give how irregular a meter is: as stored with its profile, before the first fit from its whole history."""
        if meter.meter_id not in self._spreads:
            kept = self._physical.spread(meter)
            self._spreads[meter.meter_id] = (
                kept if kept is not None else fit_spread(self._physical.history(meter), self._physical.weight(meter))
            )
        return self._spreads[meter.meter_id]

    def shares_errors(self, meter: MasterMeter | VirtualMeter) -> bool:
        """Tell whether an error of one physical meter is in several of a derived meter's sources."""
        found = [name for source in meter.upstream for name in dict.fromkeys(self._open_in(source))]
        return len(found) > len(set(found))

    def _open_in(self, meter_id: str) -> Iterator[str]:
        """Give the physical meters whose errors are in a meter: those that it is made of, and that they follow."""
        for one in self._settings.meters.sources_of(meter_id):
            yield one.meter_id
            if one.estimate.like is not None:
                yield from self._open_in(one.estimate.like)

    def _of_sums(self, counted: Mapping[str, Stretches], count: int, spread_of: SpreadOf) -> np.ndarray:
        """Give the variances of numbers by the stretches of each physical meter that count in them, shape (count,)."""
        variance, left = np.zeros(count), dict(counted)
        for meter in self._followers_first:
            stretches = left.pop(meter.meter_id, None)
            if stretches is None or len(stretches.number) == 0:
                continue
            start, end = stretches.reach().tolist()
            basis = self.basis(meter, start, end)
            if not _leaves_open(basis, start, end):
                continue
            spread, alive = spread_of(meter), stretches.moved(basis.life.clip)
            bands = self.bands(meter, basis, spread or _UNKNOWN)
            errors = self._passed_on(meter, bands, alive)
            own = self._own(meter, variance_of(alive, count, bands.variance), errors, spread_of)
            variance += own if spread is not None else np.where(own > 0, np.nan, 0.0)
            for name, of_other in errors.items():
                left[name] = Stretches.joined([left[name], of_other]) if name in left else of_other
        return variance

    def _own(
        self, meter: PhysicalMeter, variance: np.ndarray, errors: Mapping[str, Stretches], spread_of: SpreadOf
    ) -> np.ndarray:
        """Give what a meter leaves open beside the other's errors.

        The scale of one that goes along with another one follows from all that its readings missed, with those errors.
        """
        if not errors or self._settings.meters.given_in(meter.meter_id) is not None:
            return variance
        others = np.nan_to_num(self._of_sums(errors, len(variance), spread_of))
        beside: np.ndarray = np.maximum(variance - others, 0.0)
        return beside

    def _passed_on(self, meter: PhysicalMeter, bands: Bands, stretches: Stretches) -> dict[str, Stretches]:
        """Give the stretches of the physical meters behind the one that this is estimated by, whose errors it has."""
        other = meter.estimate.like
        errors = passed_on(bands, stretches)
        if other is None or len(errors.number) == 0:
            return {}
        first, last = (days.civil_day(at, self._zone) for at in days.instants(errors.reach()))
        edges, civil = self._days_of(DayRange(first, last))
        factor = np.ones(len(civil))
        if self._settings.meters.given_in(meter.meter_id) is not None:
            unit, gas = self._settings.meters[other].output_unit, self._settings.site.gas_conversion
            factor = units.conversion(unit, meter.output_unit, civil, gas)
        return {name: errors.by_day(edges, own * factor) for name, own in self._factors(other, civil).items()}

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

    def _days_of(self, asked: DayRange) -> tuple[np.ndarray, pd.Index]:
        """Give where days open, and where the last one closes, microseconds since 1970; and the days."""
        openings = asked.openings(self._zone)
        return days.microseconds(openings), days.civil_days(openings[:-1], self._zone)

    @cached_property
    def _followers_first(self) -> tuple[PhysicalMeter, ...]:
        """All physical meters, each before those that it is estimated by: one order, whatever is asked for."""
        meters = self._settings.meters
        placed: dict[str, PhysicalMeter] = {}

        def place(meter: PhysicalMeter) -> None:
            if meter.meter_id not in placed:
                for source in meters.sources_of(meter.estimate.like) if meter.estimate.like is not None else ():
                    place(source)
                placed[meter.meter_id] = meter

        for meter in meters.physical:
            place(meter)
        return tuple(reversed(placed.values()))


def _leaves_open(basis: Basis, start: int, end: int) -> bool:
    """Tell whether anything between two instants is estimated."""
    times = basis.register.times
    if len(times) < 2 or start < times[0] or end > times[-1]:
        return True
    first, last = np.searchsorted(times, start, side="right") - 1, np.searchsorted(times, end, side="left")
    longest = basis.allowance.measured_max_gap_hours * days.MICROSECONDS_PER_HOUR
    gaps = np.diff(times[first : last + 1])
    return bool((gaps > longest).any() or basis.register.substituted[first:last].any())
