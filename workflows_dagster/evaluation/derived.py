"""Computes master and virtual meters' days from the days of their sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.composition import compose_master, compose_virtual
from workflows_dagster.domain.contributions import Contribution, Segment, of_master, of_virtual
from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, PhysicalMeter, VirtualMeter

# A device may be removed some days before the next one is installed.
_NEAR_DAYS = 32

DayEnd = Literal["opening", "closing"]
# Gives half the width of a register's 80 % band at one end of a civil day; NaN where it is not known. [meter unit]
OpenBy = Callable[[str, date, DayEnd], float]


def _never_open(meter_id: str, day: date, end: DayEnd) -> float:
    return 0.0


@dataclass(frozen=True)
class ShownAtHandover:
    """A source's register at a handover from one period to the next.

    Attributes:
        source: The source.
        day: Civil day of the register.
        end: Whether the register is that of the day's opening or its closing.
        register: NaN where it is not known. [source's unit]
        factor: Master's unit per source's unit. [1]
    """

    source: str
    day: date
    end: DayEnd
    register: float
    factor: float


@dataclass(frozen=True)
class Handover:
    """Registers around a handover.

    Attributes:
        old: Sources of the period that ends.
        new_on_day: Successors installed on its last day.
        new_after: Other sources of the period that begins.
    """

    old: tuple[ShownAtHandover, ...]
    new_on_day: tuple[ShownAtHandover, ...]
    new_after: tuple[ShownAtHandover, ...]


class DerivedMeters:
    """Evaluates the master and virtual meters of one house.

    Args:
        settings: The house.
        day_of: Computes one day of a meter from the raw readings, regardless of what has been materialized. A
            replacement's registers are taken from it.
        open_by: Gives their bands.
    """

    def __init__(
        self, settings: Settings, day_of: Callable[[str, date], pd.DataFrame], open_by: OpenBy = _never_open
    ) -> None:
        self._settings, self._day_of, self._open_by = settings, day_of, open_by
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
            civil = days.civil_days(pd.DatetimeIndex(frames[meter.base_meter].index), self._zone)
            return Evaluated(compose_virtual(self.contributions(meter, civil), frames))
        civil = days.civil_days(starts, self._zone)
        segments = self.segments(meter, civil[-1]) if len(civil) else []
        return Evaluated(compose_master(starts, segments, self.contributions(meter, civil), frames))

    def contributions(self, meter: MasterMeter | VirtualMeter, civil: pd.Index) -> tuple[Contribution, ...]:
        """Give each source's days (or hours) and factors.

        Args:
            meter: The meter.
            civil: The civil day of each day or hour, shape (n,).
        """

        def conversion(source: str) -> np.ndarray:
            unit = self._settings.meters[source].output_unit
            return units.conversion(unit, meter.output_unit, civil, self._settings.site.gas_conversion)

        if isinstance(meter, VirtualMeter):
            return of_virtual(meter.base_meter, meter.subtract_meters, civil, conversion)
        return of_master(self._periods(meter), civil, conversion)

    def segments(self, meter: MasterMeter, last: date) -> list[Segment]:
        """Give a master's periods, each with the register that it takes over from the one before.

        Args:
            meter: The master.
            last: Last day asked for; a replacement planned for later has no register to take over yet.

        Raises:
            StoreError: The raw readings around a handover cannot be read.
        """
        segments: list[Segment] = []
        for period, segment in zip(meter.periods, self._periods(meter), strict=True):
            due = period.start_date <= last + timedelta(days=1)
            if period.apply_offset_from_previous_period and segments and due:
                segment = self._taking_over(meter, segment, segments[-1])
            segments.append(segment)
        return segments

    def _periods(self, meter: MasterMeter) -> list[Segment]:
        """Give a master's periods without the registers that they take over."""
        segments = []
        for k, period in enumerate(meter.periods):
            following = meter.periods[k + 1] if k + 1 < len(meter.periods) else None
            segment = Segment(
                first=period.start_date,
                last=period.end_date,
                sources=period.source_meters,
                successors=tuple(
                    source
                    for source in (following.source_meters if following else ())
                    if source not in period.source_meters and self._installed_on(source) == period.end_date
                ),
            )
            segments.append(segment)
        return segments

    def _installed_on(self, source: str) -> date | None:
        meter = self._settings.meters[source]
        if not isinstance(meter, PhysicalMeter) or meter.installation_date is None:
            return None
        return days.civil_day(days.instant(meter.installation_date, self._zone, end=False), self._zone)

    def handover(self, meter: MasterMeter, segment: Segment, previous: Segment) -> Handover:
        """Read the sources' registers around the handover from one period to the next.

        They come from the raw readings, regardless of what has been materialized.

        Raises:
            StoreError: The raw readings around the handover cannot be read.
        """
        assert previous.last is not None
        rest = tuple(source for source in segment.sources if source not in previous.successors)
        return Handover(
            old=self._registers(meter, previous.last, "closing", previous.sources),
            new_on_day=self._registers(meter, previous.last, "opening", previous.successors),
            new_after=self._registers(meter, previous.last + timedelta(days=1), "opening", rest),
        )

    def _taking_over(self, meter: MasterMeter, segment: Segment, previous: Segment) -> Segment:
        """Compute the offset of a period from the handover to it."""
        handed = self.handover(meter, segment, previous)
        carried = float(previous.register(np.array([_added_up(handed.old)]))[0])
        taken_over = _added_up(handed.new_on_day) + _added_up(handed.new_after)
        return replace(
            segment, carried=carried, taken_over=taken_over, open_by=math.hypot(previous.open_by, *self._open(handed))
        )

    def _open(self, handed: Handover) -> list[float]:
        """Give the bands of the registers at a handover; those of a source that goes on cancel. [master's unit]"""  # noqa: D415
        old, new = handed.old, (*handed.new_on_day, *handed.new_after)
        both = {one.source for one in old} & {one.source for one in new}
        return [
            self._open_by(one.source, one.day, one.end) * one.factor for one in (*old, *new) if one.source not in both
        ]

    def _registers(
        self, meter: MasterMeter, day: date, end: DayEnd, sources: tuple[str, ...]
    ) -> tuple[ShownAtHandover, ...]:
        return tuple(
            self._shown_near(
                source, day, end, units.factor(self._settings.meters[source].output_unit, meter.output_unit)
            )
            for source in sources
        )

    def _shown_near(self, source: str, day: date, end: DayEnd, factor: float) -> ShownAtHandover:
        """Give a source's register on a day, or at the nearer end of its life; NaN where not known."""
        step = timedelta(days=-1 if end == "closing" else 1)
        for back in range(_NEAR_DAYS):
            near = day + back * step
            frame = self._day_of(source, near)
            if len(frame):
                shown = float(frame[end].iloc[0]) if end in frame else float("nan")
                return ShownAtHandover(source, near, end, shown, factor)
        return ShownAtHandover(source, day, end, float("nan"), factor)


def _added_up(shown: tuple[ShownAtHandover, ...]) -> float:
    """Add up registers, in the master's unit; NaN where one is not known."""
    total = 0.0
    for one in shown:
        total += one.register * one.factor
    return total
