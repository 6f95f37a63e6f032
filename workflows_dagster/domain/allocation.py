"""Allocates a register's advances to days: consumption, register at both ends, quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from workflows_dagster.domain.given_use import mixed_share
from workflows_dagster.domain.rate_window import Side
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

QUALITIES: tuple[str, ...] = ("measured", "interpolated", "extrapolated", "missing")
MEASURED, INTERPOLATED, EXTRAPOLATED, MISSING = range(4)


@dataclass(frozen=True)
class Allowance:
    """Limits within which values between and beyond readings are given.

    Attributes:
        measured_max_gap_hours: Longest gap whose days are measured. [h]
        max_extrapolation_days: Longest distance of a value from a reading. [d]
        jitter: A gap with no larger advance counts as measured. [meter unit]
        floor: Lower bound of the register. [meter unit]
    """

    measured_max_gap_hours: float
    max_extrapolation_days: float
    jitter: float
    floor: float = 0.0


@dataclass(frozen=True)
class Life:
    """The meter's lifetime, microseconds since 1970; None is unbounded.

    Attributes:
        start: First instant.
        end: Last instant.
    """

    start: int | None = None
    end: int | None = None

    def clip(self, cuts: np.ndarray) -> np.ndarray:
        """Move instants outside the life to its nearer end."""
        return np.clip(cuts, self.start, self.end) if (self.start, self.end) != (None, None) else cuts


@dataclass(frozen=True)
class Rates:
    """Consumption near either end of the history.

    Attributes:
        head: Consumption per unit of weight before the first reading, None if unknown. [meter unit/d]
        tail: The same after the last reading.
        head_given: How much of the other meter's use counts there, where one is given. 0..1
        tail_given: The same after the last reading.
    """

    head: float | None = None
    tail: float | None = None
    head_given: float = 1.0
    tail_given: float = 1.0


def allocate(
    register: Register, cuts: pd.DatetimeIndex, weight: Weight, allowance: Allowance, life: Life, rates: Rates
) -> pd.DataFrame:
    """Allocate a register's advances to days.

    Every value depends only on its own day and the readings around it, never on the other days asked for. Where no
    rollover or reset lies in a day, its consumption is its closing less its opening, and its closing is the next day's
    opening, to the last bit (docs/explanation/methods.md#allocation).

    Args:
        register: Valid readings. If not the first or last there are, they reach beyond the cuts.
        cuts: Instants at which the days open, and at which the last one closes, UTC, increasing, shape (n + 1,).
        weight: The meter's weight.
        allowance: Limits of the values.
        life: The meter's lifetime; days outside have no row, days partly inside count their part inside.
        rates: Consumption per unit of weight beyond either end.

    Returns:
        Index the openings (UTC) of the days within the life; columns `opening`, `closing`, `consumption` (`float64`,
        meter unit, NaN where missing), `quality` (one of `QUALITIES`), `estimated_share` (0..1, NaN where missing).
    """
    edges = cuts.as_unit("us").asi8
    if len(edges) == 1:
        # A day that the zone skips has neither beginning nor end.
        edges = edges.repeat(2)
        cuts = cuts.repeat(2)
    clipped = life.clip(edges)
    alive = clipped[1:] > clipped[:-1]
    curve = _Curve(register, weight, allowance, rates)
    shown = curve.register_at(clipped)
    opening, closing = shown[:-1].copy(), shown[1:].copy()
    missing = np.isnan(opening) | np.isnan(closing)
    quality = np.maximum(curve.quality(clipped[:-1], "right"), curve.quality(clipped[1:], "left"))
    quality[missing] = MISSING

    parts = curve.parts(clipped)
    days = len(edges) - 1
    flowed = np.abs(parts.amount)
    estimated = _by_day(parts.day, flowed * parts.estimated, days)
    known = _by_day(parts.day, flowed * ~parts.estimated, days)
    summed = _by_day(parts.day, parts.amount, days)
    through_fall = _by_day(parts.day, parts.falls, days) > 0
    consumption = closing - opening if register.counts else summed.copy()
    consumption = np.where(through_fall, summed, consumption)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(estimated + known > 0, estimated / (estimated + known), (quality != MEASURED) * 1.0)
    for column in (opening, closing, consumption, share):
        column[missing] = np.nan
    frame = pd.DataFrame(
        {
            "opening": opening,
            "closing": closing,
            "consumption": consumption,
            "quality": np.array(QUALITIES, dtype=object)[quality],
            "estimated_share": share,
        },
        index=pd.DatetimeIndex(cuts[:-1], name="start"),
    )
    return frame[alive]


@dataclass(frozen=True)
class Pieces:
    """A stretch of time cut at the readings inside it: each piece lies within one gap, or beyond one end.

    Attributes:
        points: Instants at which the pieces begin, and at which the last one ends, microseconds since 1970,
            shape (n + 1,).
        gap: Number of the reading before each piece; -1 before the first one, shape (n,).
        amount: What flowed in each piece. [meter unit], shape (n,)
        estimated: Whether a piece lies in a gap too long to count as measured, or beyond the readings, shape (n,).
        register: Register at the points, NaN where it is not known. [meter unit], shape (n + 1,)
    """

    points: np.ndarray
    gap: np.ndarray
    amount: np.ndarray
    estimated: np.ndarray
    register: np.ndarray


def cut_at_readings(
    register: Register, start: int, end: int, weight: Weight, allowance: Allowance, rates: Rates
) -> Pieces:
    """Give the pieces from which `allocate` computes the consumption of one stretch of time.

    Args:
        register: Valid readings, as for `allocate`.
        start: Instant at which the stretch begins, within the meter's life, microseconds since 1970.
        end: Instant at which it ends, later, likewise.
        weight: The meter's weight.
        allowance: Limits of the values.
        rates: Consumption per unit of weight beyond either end.
    """
    curve = _Curve(register, weight, allowance, rates)
    parts = curve.parts(np.array([start, end], dtype=np.int64))
    return Pieces(parts.points, parts.gap, parts.amount, parts.estimated, curve.register_at(parts.points))


def _by_day(day: np.ndarray, amounts: np.ndarray, days: int) -> np.ndarray:
    """Add up amounts in order, by day; days without parts are 0."""
    sums: np.ndarray = np.bincount(day, amounts, minlength=days).astype(float)
    return sums


@dataclass(frozen=True)
class _Parts:
    """Pieces of days, each within one gap."""

    day: np.ndarray
    amount: np.ndarray
    estimated: np.ndarray
    falls: np.ndarray
    points: np.ndarray
    gap: np.ndarray


class _Curve:
    """The register as a function of time, gap by gap; all methods are elementwise in the instants."""

    def __init__(self, register: Register, weight: Weight, allowance: Allowance, rates: Rates) -> None:
        self._register, self._weight, self._allowance, self._rates = register, weight, allowance, rates
        self._at_readings = weight.integral(register.times)
        self._given_at = None if weight.given is None else weight.given.integral(register.times)
        gaps = np.diff(register.times)
        long = gaps > allowance.measured_max_gap_hours * MICROSECONDS_PER_HOUR
        # A long gap over which the counter fell is unknown, even if its advance is 0.
        fell = register.values[:-1] - register.values[1:] > allowance.jitter
        self._estimated = (long & ((register.advances > allowance.jitter) | fell)) | register.substituted

    def register_at(self, cuts: np.ndarray) -> np.ndarray:
        """Register at instants, NaN where it is not known. [meter unit], shape (n,)"""  # noqa: D415
        register = self._register
        shown = np.full(len(cuts), np.nan)
        if len(register) == 0:
            return shown
        gap = np.searchsorted(register.times, cuts, side="right") - 1
        at_reading = (gap >= 0) & (register.times[np.maximum(gap, 0)] == cuts)
        shown[at_reading] = register.values[gap[at_reading]]
        inside = ~at_reading & (gap >= 0) & (gap < len(register) - 1)
        shown[inside] = self._within(cuts[inside], gap[inside])
        before, after = gap < 0, ~at_reading & (gap == len(register) - 1)
        shown[before] = self._beyond(cuts[before], "first")
        shown[after] = self._beyond(cuts[after], "last")
        return shown

    def _fraction(self, cuts: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Share of a gap's weight that lies before an instant in it, 0..1."""
        lo, hi = self._at_readings[gap], self._at_readings[gap + 1]
        weighted = hi > lo
        times = self._register.times
        elapsed = (cuts - times[gap]) / (times[gap + 1] - times[gap])
        with np.errstate(invalid="ignore", divide="ignore"):
            # A gap without any weight, such as a boiler's summer, is interpolated linearly.
            share = np.where(weighted, (self._weight.integral(cuts) - lo) / (hi - lo), elapsed)
        given = self._weight.given
        if given is not None and self._given_at is not None:
            opens = self._given_at[gap]
            used = self._given_at[gap + 1] - opens
            share = mixed_share(share, given.integral(cuts) - opens, used, self._register.advances[gap])
        fraction: np.ndarray = np.clip(share, 0.0, 1.0)
        return fraction

    def _within(self, cuts: np.ndarray, gap: np.ndarray) -> np.ndarray:
        register = self._register
        reached = register.bases[gap] + register.advances[gap] * self._fraction(cuts, gap)
        held = np.where(register.falls[gap], reached, np.minimum(reached, register.values[gap + 1]))
        shown: np.ndarray = np.where(held >= register.modulus, held - register.modulus, held)
        if np.isfinite(register.modulus):
            shown = np.where(shown < 0, shown + register.modulus, shown)
        return shown

    def _beyond(self, cuts: np.ndarray, side: Side) -> np.ndarray:
        """Register before the first or after the last reading, from the rate near that reading."""
        register, rates = self._register, self._rates
        rate, given = (rates.head, rates.head_given) if side == "first" else (rates.tail, rates.tail_given)
        end = 0 if side == "first" else len(register) - 1
        if rate is None:
            return np.full(len(cuts), np.nan)
        weight = self._weight.beyond
        away = np.abs(weight.integral(cuts) - weight.integral(register.times[[end]])) * rate
        if self._given_at is not None and self._weight.given is not None:
            away = away + np.abs(self._weight.given.integral(cuts) - self._given_at[end]) * given
        value = register.values[end]
        # A running sum of intervals has an arbitrary start; only a real counter has a floor.
        floor = min(self._allowance.floor, value) if register.counts else -np.inf
        shown = np.maximum(value - away, floor) if side == "first" else value + away
        far = np.abs(cuts - register.times[end]) > self._allowance.max_extrapolation_days * MICROSECONDS_PER_DAY
        trusted: np.ndarray = np.where(far, np.nan, shown)
        return trusted

    def quality(self, cuts: np.ndarray, looking: Literal["left", "right"]) -> np.ndarray:
        """Quality of the register just before (`left`) or after (`right`) an instant; shape (n,), `int64`."""
        register = self._register
        if len(register) == 0:
            return np.full(len(cuts), MISSING)
        gap = np.searchsorted(register.times, cuts, side="right" if looking == "right" else "left") - 1
        quality = np.full(len(cuts), EXTRAPOLATED)
        inside = (gap >= 0) & (gap < len(register) - 1)
        known = np.where(self._estimated, np.where(register.substituted, EXTRAPOLATED, INTERPOLATED), MEASURED)
        quality[inside] = known[gap[inside]]
        return quality

    def parts(self, cuts: np.ndarray) -> _Parts:
        """Cut days at the readings inside them; what lies before the first or after the last reading is estimated."""
        times = self._register.times
        inner = times[np.searchsorted(times, cuts[0], side="right") : np.searchsorted(times, cuts[-1], side="left")]
        points = np.union1d(cuts, inner)
        if len(times) < 2 or len(points) < 2:
            shown = self.register_at(points)
            amount = np.nan_to_num(np.diff(shown))
            day = np.searchsorted(cuts, points[:-1], side="right") - 1
            gap = np.searchsorted(times, points[:-1], side="right") - 1
            all_of_them = np.ones(len(amount), dtype=bool)
            return _Parts(day, amount, all_of_them, ~all_of_them, points, gap)
        left, right = points[:-1], points[1:]
        day = np.searchsorted(cuts, left, side="right") - 1
        gap = np.searchsorted(times, left, side="right") - 1
        inside = (gap >= 0) & (gap < len(times) - 1)
        g = np.clip(gap, 0, len(times) - 2)
        amount = self._register.advances[g] * (self._fraction(right, g) - self._fraction(left, g))
        shown = self.register_at(points)
        amount = np.where(inside, amount, np.nan_to_num(np.diff(shown)))
        estimated = np.where(inside, self._estimated[g], True)
        return _Parts(day, amount, estimated, inside & self._register.falls[g], points, gap)
