"""Computes physical meters' days from the readings around them.

Reads all readings that a day's value depends on, so that a single day, a range and the full history give the same value
to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Allowance, Life, Rates, allocate
from workflows_dagster.domain.bands import Spread
from workflows_dagster.domain.conservation import total
from workflows_dagster.domain.falls import SPAN
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.given_use import exceeded
from workflows_dagster.domain.intervals import by_day
from workflows_dagster.domain.irregularity import fit_spread
from workflows_dagster.domain.level import LEVEL_WINDOW_DAYS, level_change
from workflows_dagster.domain.plausibility import implausible_rates, unit_changes
from workflows_dagster.domain.rate_window import RATE_WINDOW_DAYS, RateWindow, Side, rate_window
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Profile, Weight
from workflows_dagster.domain.silences import late_readings, missing_intervals
from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.evaluation.valid_readings import ValidReadings, counter_of, habit_of, is_read_rarely
from workflows_dagster.evaluation.weights import Gain, MeterWeights, UseOf
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import Store

# Time around the days whose readings take part in cleaning, and a day more, so that dense readings reach over it.
_AROUND = pd.Timedelta(microseconds=SPAN) + pd.Timedelta(days=1)
_RATE_WINDOW = pd.Timedelta(days=RATE_WINDOW_DAYS)
_LEVEL_WINDOW = pd.Timedelta(days=LEVEL_WINDOW_DAYS)


@dataclass(frozen=True)
class Basis:
    """The inputs of a physical meter's days.

    Attributes:
        register: Valid readings around the days.
        weight: The meter's weight.
        allowance: How far values are trusted.
        life: When the meter was installed.
        head: Readings that give the rate before the first one; None if there are no such days or readings.
        tail: Readings that give the rate after the last one, likewise.
    """

    register: Register
    weight: Weight
    allowance: Allowance
    life: Life
    head: RateWindow | None
    tail: RateWindow | None

    @property
    def rates(self) -> Rates:
        """Consumption per unit of weight beyond either end."""
        head, tail = self.head, self.tail
        return Rates(
            head.rate if head else None,
            tail.rate if tail else None,
            head.given_share if head else 1.0,
            tail.given_share if tail else 1.0,
        )


class PhysicalMeters:
    """Evaluates the physical meters of one house.

    Args:
        settings: The house.
        store: Its readings and profiles.
        use_of: Gives the use of another meter that a meter's advances contain.
        hold: See `HeldReadings`.

    Attributes:
        readings: Their valid readings.
    """

    def __init__(self, settings: Settings, store: Store, use_of: UseOf, *, hold: bool = False) -> None:
        self._settings = settings
        self.readings = ValidReadings(settings, store, hold=hold)
        self._zone = settings.site.zone
        self._weights = MeterWeights(settings, store, use_of)

    def days(self, meter: PhysicalMeter, cuts: pd.DatetimeIndex) -> Evaluated:
        """Evaluate a meter's days from the readings around them.

        Args:
            meter: The meter.
            cuts: Instants at which the days open, and at which the last one ends, UTC, shape (n + 1,).

        Raises:
            StoreError: The raw readings cannot be read.
        """
        return self.of_basis(meter, cuts, self.basis(meter, cuts))

    def of_basis(self, meter: PhysicalMeter, cuts: pd.DatetimeIndex, basis: Basis) -> Evaluated:
        """Evaluate a meter's days from inputs that `basis` has collected for the same cuts."""
        register, life = basis.register, basis.life
        weight, allowance, rates = basis.weight, basis.allowance, basis.rates
        if len(register) == 0 and life.start is None:
            cuts = pd.DatetimeIndex(cuts[:1].append(cuts[:1]))
        frame = allocate(register, cuts, weight, allowance, life, rates)
        spread = partial(allocate, register, weight=weight, allowance=allowance, life=life, rates=rates)
        found = [
            *register.findings,
            *self.suspicions(meter, register),
            *unbalanced(meter, register, pd.DatetimeIndex(cuts), spread),
        ]
        lo, hi = cuts[0], cuts[-1]
        touching = [finding for finding in found if finding.end >= lo and finding.start < hi]
        return Evaluated(frame, tuple(sorted(touching, key=lambda finding: (finding.start, finding.code))))

    def basis(self, meter: PhysicalMeter, cuts: pd.DatetimeIndex) -> Basis:
        """Collect the inputs of a meter's days.

        Args:
            meter: The meter.
            cuts: Instants at which the days open, and at which the last one ends, UTC, shape (n + 1,).

        Raises:
            StoreError: The raw readings cannot be read.
        """
        weight = self.weight(meter)
        start, end = self.readings.bounds(meter)
        if meter.source.kind == "interval":
            register = self.readings.of_intervals(meter, weight)
        else:
            register = self.readings.around(
                meter, self.readings.within(cuts[0], start, end), self.readings.within(cuts[-1], start, end)
            )
        life = self._life(meter, register, start, end)
        edges = life.clip(days.microseconds(cuts[[0, -1]]))
        head = self._end_window(meter, register, "first") if len(register) and edges[0] < register.times[0] else None
        tail = self._end_window(meter, register, "last") if len(register) and edges[1] > register.times[-1] else None
        allowance = Allowance(
            measured_max_gap_hours=meter.measured_max_gap_hours,
            max_extrapolation_days=meter.max_extrapolation_days,
            jitter=counter_of(meter).jitter,
            floor=max(0.0, meter.initial_reading or 0.0),
        )
        return Basis(register, weight, allowance, life, head, tail)

    def suspicions(self, meter: PhysicalMeter, register: Register) -> list[Finding]:
        """Find silences and implausible advances among the readings around the days."""
        weight = self.weight(meter)
        if not register.counts:
            return [
                *missing_intervals(register, meter.meter_id),
                *implausible_rates(by_day(register), meter.meter_id, meter.resolution, weight),
            ]
        late = late_readings(register, habit_of(meter), self._zone)
        return [
            *(finding for finding in late if not _was_misread(finding, register.findings)),
            *implausible_rates(register, meter.meter_id, meter.resolution, weight),
            *unit_changes(register, meter.meter_id, meter.resolution),
            *self._beyond_given(meter, register),
        ]

    def _beyond_given(self, meter: PhysicalMeter, register: Register) -> list[Finding]:
        given, other = self._weights.given(meter), meter.estimate.like
        return [] if given is None or other is None else exceeded(register, given, meter.meter_id, other)

    def profile(self, meter: PhysicalMeter) -> Profile:
        """Give the profile that the meter's days are computed with."""
        return self._weights.profile(meter)

    def weight(self, meter: PhysicalMeter) -> Weight:
        """Give the weight that the meter's days are computed with.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        return self._weights.weight(meter)

    def fitted(self, meter: PhysicalMeter) -> tuple[Profile, Spread]:
        """Fit the meter's profile, and how irregular it is, to its whole history; without a monthly table it is flat.

        Raises:
            StoreError: The readings or the outdoor temperature cannot be read.
        """
        history = self.history(meter)
        profile = self._weights.fitted(meter, history)
        return profile, fit_spread(history, self._weights.of_profile(meter, profile))

    def spread(self, meter: PhysicalMeter) -> Spread | None:
        """Give how irregular the meter is by what is stored with its profile; None before the first fit."""
        return self._weights.spread(meter)

    def gain_of(self, meter: PhysicalMeter, part: str, history: Register) -> Gain | None:
        """Compare readings left out with and without the use of a contained meter; see `MeterWeights.gain_of`."""
        return self._weights.gain_of(meter, part, history)

    def history(self, meter: PhysicalMeter) -> Register:
        """Clean all readings of a meter."""
        if meter.source.kind == "interval":
            return self.readings.of_intervals(meter, self.weight(meter))
        return self.readings.of_register(meter)

    def _end_window(self, meter: PhysicalMeter, register: Register, side: Side) -> RateWindow | None:
        """Read about a year at one end of the history, to compute its rate."""
        weight = self.weight(meter)
        if meter.source.kind == "interval":
            return rate_window(register, side, weight)
        if side == "first":
            first = days.instants(register.times[:1])[0]
            return rate_window(self.readings.around(meter, first, first + _RATE_WINDOW), "first", weight)
        last = days.instants(register.times[-1:])[0]
        if not is_read_rarely(meter, register):
            return rate_window(self.readings.around(meter, last - _RATE_WINDOW, last), "last", weight)
        recent = self.readings.around(meter, last - _LEVEL_WINDOW, last)
        change = level_change(recent, weight)
        return rate_window(recent, "last", weight, since=change.reading if change is not None else 0)

    def level_change(self, meter: PhysicalMeter, until: pd.Timestamp) -> tuple[pd.Timestamp, float] | None:
        """Find a lasting change in the two years before an instant.

        Returns:
            When it began, by the last reading before it, and by what factor the consumption changed; None without one,
            or for a meter that reports by itself.

        Raises:
            StoreError: The raw readings cannot be read.
        """
        recent = self.readings.around(meter, until - _LEVEL_WINDOW, until)
        if meter.source.kind == "interval" or not is_read_rarely(meter, recent):
            return None
        change = level_change(recent, self.weight(meter))
        return None if change is None else (days.instants(recent.times[[change.reading]])[0], change.ratio)

    def _life(
        self, meter: PhysicalMeter, register: Register, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> Life:
        """Bound the meter's life by its dates; a reading on such a day gives the time of day."""
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
                last = min(at, last) if last is not None else at
        return Life(first, last)

    def _civil(self, instant: pd.Timestamp | None) -> date:
        assert instant is not None
        return days.civil_day(instant, self._zone)


def _was_misread(late: Finding, findings: tuple[Finding, ...]) -> bool:
    """Tell whether most of a gap without a reading had some, which were wrong and are told of."""
    return any(
        finding.code == "glitch_dropped"
        and late.start <= finding.start
        and finding.end <= late.end
        and finding.end - finding.start > (late.end - late.start) / 2
        for finding in findings
    )


def unbalanced(
    meter: PhysicalMeter, register: Register, cuts: pd.DatetimeIndex, spread: Callable[[pd.DatetimeIndex], pd.DataFrame]
) -> list[Finding]:
    """Check that the days between two readings, with the partial days at either end, add up to the advances.

    Args:
        meter: The meter.
        register: Its readings.
        cuts: Instants at which the days open, and at which the last one ends, UTC, shape (n + 1,).
        spread: Computes the consumption between any cuts, as for the days.

    Returns:
        An error finding if they do not add up (docs/explanation/methods.md#conservation).
    """
    edges = days.microseconds(cuts)
    first = int(np.searchsorted(register.times, edges[0], side="left"))
    last = int(np.searchsorted(register.times, edges[-1], side="right")) - 1
    if last <= first:
        return []
    ends = register.times[[first, last]]
    inner = edges[(edges > ends[0]) & (edges < ends[1])]
    pieces = spread(days.instants(np.concatenate([ends[:1], inner, ends[1:]])))
    shown, advanced = float(pieces["consumption"].sum()), float(register.advances[first:last].sum())
    if pieces["consumption"].isna().any():
        return []
    return total(meter.meter_id, pd.DatetimeIndex(pieces.index), shown, advanced)
