"""Cuts a physical meter's days into pieces, each with the figures behind its amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.allocation import Pieces, cut_at_readings
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from workflows_dagster.domain.like_profile import LikeProfile
from workflows_dagster.domain.rate_window import RateWindow, Side
from workflows_dagster.domain.season import Weight
from workflows_dagster.evaluation.explanation.reading_figures import (
    BeyondReadings,
    Gap,
    GapKind,
    PartOfGap,
    Piece,
    Rate,
    Reading,
    WeightStep,
    WholeGaps,
)
from workflows_dagster.evaluation.physical import Basis

# Weight steps are listed only for stretches short enough to follow by hand.
_LONGEST_STEPPED = 2 * MICROSECONDS_PER_DAY
# With more pieces than this, whole gaps are joined regardless of their quality.
_MANY = 24


@dataclass(frozen=True)
class Stretch:
    """A stretch of time within a meter's life, microseconds since 1970.

    Attributes:
        start: Where it begins.
        end: Where it ends, later.
    """

    start: int
    end: int


class PieceCutter:
    """Cuts stretches of one meter's time into explained pieces.

    Args:
        basis: What the meter's days are computed from.
        zone: The house's zone.
        declared_at: Instant of a declared initial reading before all stored ones, microseconds since 1970, or None.
    """

    def __init__(self, basis: Basis, zone: ZoneInfo, declared_at: int | None = None) -> None:
        self._basis, self._zone, self._declared_at = basis, zone, declared_at
        self._unknown = basis.register.unknown

    def pieces(self, stretch: Stretch) -> tuple[Piece, ...]:
        """Give the pieces of the stretch's consumption, in time order."""
        basis = self._basis
        cut = cut_at_readings(basis.register, stretch.start, stretch.end, basis.weight, basis.allowance, basis.rates)
        single = stretch.end - stretch.start <= _LONGEST_STEPPED
        joined = list(self._joined(cut, by_estimate=True, single=single))
        if len(joined) > _MANY:
            joined = list(self._joined(cut, by_estimate=False, single=single))
        return tuple(joined)

    def reading(self, number: int) -> Reading:
        """Give a reading by its number in the register."""
        at = int(self._basis.register.times[number])
        return Reading(self.local(at), float(self._basis.register.values[number]), at == self._declared_at)

    def local(self, at: int) -> pd.Timestamp:
        """Give an instant in the house's zone."""
        return days.instants(np.array([at]))[0].tz_convert(self._zone)

    def _joined(self, cut: Pieces, *, by_estimate: bool, single: bool) -> Iterator[Piece]:
        """Join consecutive whole gaps in which the register climbs."""

        def family(k: int) -> tuple[bool, bool, int]:
            whole = self._is_whole(cut, k)
            return whole, bool(cut.estimated[k]) and by_estimate, -1 if whole else k

        for (whole, _, _), group in groupby(range(len(cut.amount)), key=family):
            numbers = list(group)
            if whole and (len(numbers) > 1 or self._unknown is not None):
                yield self._whole(cut, numbers[0], numbers[-1], single=single)
            else:
                yield from (self._one(cut, k) for k in numbers)

    def _is_whole(self, cut: Pieces, k: int) -> bool:
        register, gap = self._basis.register, int(cut.gap[k])
        if not 0 <= gap < len(register) - 1 or register.falls[gap] or self._kind(gap) in ("bridged", "fitted"):
            return False
        return bool(cut.points[k] == register.times[gap] and cut.points[k + 1] == register.times[gap + 1])

    def _whole(self, cut: Pieces, first: int, last: int, *, single: bool) -> WholeGaps:
        register = self._basis.register
        begins, ends = int(cut.gap[first]), int(cut.gap[last]) + 1
        amounts = cut.amount[first : last + 1]
        lengths = np.diff(register.times[begins : ends + 1])
        return WholeGaps(
            start=self.local(int(cut.points[first])),
            end=self.local(int(cut.points[last + 1])),
            first=self.reading(begins),
            last=self.reading(ends),
            gaps=last + 1 - first,
            longest_gap_days=float(lengths.max()) / MICROSECONDS_PER_DAY,
            amount=float(np.cumsum(amounts)[-1]),
            estimated_amount=float(np.cumsum(amounts * cut.estimated[first : last + 1])[-1]),
            hours=tuple(map(float, amounts)) if self._unknown is not None and single else (),
        )

    def _one(self, cut: Pieces, k: int) -> Piece:
        gap = int(cut.gap[k])
        if gap < 0:
            return self._beyond(cut, k, "first", 0, self._basis.head)
        if gap >= len(self._basis.register) - 1:
            return self._beyond(cut, k, "last", len(self._basis.register) - 1, self._basis.tail)
        start, end = int(cut.points[k]), int(cut.points[k + 1])
        before = int(self._basis.register.times[gap])
        return PartOfGap(
            start=self.local(start),
            end=self.local(end),
            gap=self._gap(gap),
            days=(end - start) / MICROSECONDS_PER_DAY,
            days_before=(start - before) / MICROSECONDS_PER_DAY,
            weight=self._weight(start, end),
            weight_before=self._weight(before, start),
            steps=self._steps(start, end),
            amount=float(cut.amount[k]),
            estimated=bool(cut.estimated[k]),
            contained=self._contained(start, end),
            contained_before=self._contained(before, start),
        )

    def _gap(self, gap: int) -> Gap:
        register = self._basis.register
        start, end = int(register.times[gap]), int(register.times[gap + 1])
        return Gap(
            before=self.reading(gap),
            after=self.reading(gap + 1),
            days=(end - start) / MICROSECONDS_PER_DAY,
            advance=float(register.advances[gap]),
            weight=self._weight(start, end),
            kind=self._kind(gap),
            contained=None if self._basis.weight.given is None else self._contained(start, end),
        )

    def _kind(self, gap: int) -> GapKind:
        register = self._basis.register
        if self._unknown is not None:
            known: GapKind = "fitted" if self._unknown[gap] else "hour"
            return "bridged" if register.substituted[gap] else known
        if not register.falls[gap]:
            return "climb"
        if register.advances[gap] == 0 and register.values[gap] - register.values[gap + 1] <= (
            self._basis.allowance.jitter
        ):
            return "step_back"
        return "rollover" if register.bases[gap] == register.values[gap] else "reset"

    def _beyond(self, cut: Pieces, k: int, side: Side, number: int, window: RateWindow | None) -> BeyondReadings:
        assert window is not None, "a day beyond the readings without a rate has no value"
        start, end = int(cut.points[k]), int(cut.points[k + 1])
        beyond = self._basis.weight.beyond
        at = int(self._basis.register.times[number])
        near, far = (end, start) if side == "first" else (start, end)
        rate = Rate(
            first=Reading(self.local(window.first), window.values[0], window.first == self._declared_at),
            last=Reading(self.local(window.last), window.values[1]),
            advance=window.advance,
            weight=window.weight,
            per_weight=window.rate,
            contained=None if self._basis.weight.given is None else window.given,
            is_since_change=window.is_since_change,
        )
        floor = min(self._basis.allowance.floor, float(self._basis.register.values[number]))
        held = side == "first" and self._basis.register.counts and bool(cut.register[k] == floor)
        return BeyondReadings(
            start=self.local(start),
            end=self.local(end),
            side=side,
            reading=self.reading(number),
            rate=rate,
            days_away=abs(far - at) / MICROSECONDS_PER_DAY,
            weight=self._weight(start, end, beyond),
            weight_between=abs(self._weight(at, near, beyond)),
            steps=self._steps(start, end, beyond),
            floor=floor if held else None,
            amount=float(cut.amount[k]),
            contained=self._contained(start, end),
            contained_between=abs(self._contained(at, near)),
        )

    def _weight(self, start: int, end: int, weight: Weight | None = None) -> float:
        """Weight between two instants, in days of mean consumption. [d]"""  # noqa: D415
        lo, hi = (weight or self._basis.weight).integral(np.array([start, end], dtype=np.int64))
        return float(hi - lo)

    def _contained(self, start: int, end: int) -> float:
        """Use of the contained meter between two instants; 0 without one. [meter unit]"""  # noqa: D415
        given = self._basis.weight.given
        if given is None:
            return 0.0
        lo, hi = given.integral(np.array([start, end], dtype=np.int64))
        return float(hi - lo)

    def _steps(self, start: int, end: int, weight: Weight | None = None) -> tuple[WeightStep, ...]:
        profile = self._basis.weight.profile
        # Another meter's days are civil days, which the UTC days of the steps would cut in two.
        if end - start > _LONGEST_STEPPED or isinstance(profile, LikeProfile):
            return ()
        midnights = np.arange(start // MICROSECONDS_PER_DAY + 1, -(-end // MICROSECONDS_PER_DAY)) * MICROSECONDS_PER_DAY
        edges = np.concatenate([[start], midnights, [end]]).astype(np.int64)
        heights = (weight or self._basis.weight).at(edges[:-1])
        seasonal = profile.percentages is not None and profile.season != 0
        return tuple(
            WeightStep(
                day=days.instants(np.array([opens]))[0].date(),
                hours=float(closes - opens) / MICROSECONDS_PER_HOUR,
                curve=(float(height) - profile.base) / profile.season if seasonal else None,
                weight=float(height),
            )
            for opens, closes, height in zip(edges[:-1], edges[1:], heights, strict=True)
        )
