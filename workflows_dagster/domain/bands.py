"""The 80 % band of an estimated number: how far the readings leave it open.

Between two readings the amount is known and only its distribution is not. A part of the gap is therefore uncertain like
a bridge: not at all at the readings, most in the middle (docs/explanation/methods.md#bands).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.allocation import Allowance
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from workflows_dagster.domain.rate_window import RateWindow
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight

# Standard deviations that reach 90 % of a t distribution with five degrees of freedom, so 80 % lie within both sides.
_STANDARD_DEVIATIONS = 1.476
_SHORTEST_DAYS = 1e-6
# A fit whose variances differ by less than this from the stored one's is not worth computing all days anew. [1]
_NEAR = 0.1


@dataclass(frozen=True)
class Spread:
    """How irregular a meter is.

    Attributes:
        mean: Consumption of its mean day. [meter unit]
        scale: Its irregularity between readings, as a factor of the usual meter's standard deviation. [1]
        scale_beyond: The same of what lies beyond its first and last reading. [1]
    """

    mean: float
    scale: float = 1.0
    scale_beyond: float = 1.0

    def is_near(self, other: Spread) -> bool:
        """Tell whether another fit gives nearly the same bands."""
        pairs = ((self.scale, other.scale), (self.scale_beyond, other.scale_beyond))
        sizes = [(self.mean * own**2, other.mean * others**2) for own, others in pairs]
        return all(abs(own - others) <= _NEAR * max(own, others) for own, others in sizes)


@dataclass(frozen=True)
class _Usual:
    """Irregularity of the usual meter, from real series (docs/explanation/accuracy.md#bands).

    Attributes:
        daily: Of unusual days. [d]
        slow: Of unusual weeks. [1]
        memory: How long weeks remember each other. [d]
        season: From which length a gap contains unusual seasons. [d]
    """

    daily: float
    slow: float
    memory: float
    season: float

    def per_amount(self, part_days: np.ndarray, gap_days: np.ndarray) -> np.ndarray:
        """Variance per amount and mean day: grows with the part, up to the memory of weeks, and with the gap. [d]"""  # noqa: D415
        length = np.maximum(part_days, _SHORTEST_DAYS)
        weeks = 2 * self.memory * (1 + self.memory / length * np.expm1(-length / self.memory))
        seasons = -np.expm1(-((gap_days / self.season) ** 2))
        per_amount: np.ndarray = self.daily + self.slow * np.maximum(weeks, 0.0) * seasons
        return per_amount


# One set for all meters each, between readings and beyond them, where a rate that changed counts as well; and how much
# more the rate leaves open than as many readings of a meter that keeps its rate would. [1]
_WITHIN = _Usual(daily=0.124, slow=0.318, memory=6.0, season=157.0)
_BEYOND = _Usual(daily=0.87, slow=0.11, memory=9.6, season=460.0)
_RATE_DRIFTS = 2.7


def half_width(variance: np.ndarray) -> np.ndarray:
    """Half width of the 80 % band. [meter unit], same shape as `variance` [meter unit²]"""  # noqa: D415
    width: np.ndarray = _STANDARD_DEVIATIONS * np.sqrt(variance)
    return width


def around(consumption: np.ndarray, widths: np.ndarray, *, turns_back: bool) -> tuple[np.ndarray, np.ndarray]:
    """Give the bands around computed numbers; not below 0, unless a counter turns back.

    Args:
        consumption: The numbers. [meter unit], shape (n,)
        widths: Half widths. [meter unit], shape (n,)
        turns_back: Whether a counter of the meter may turn back.

    Returns:
        Lower and upper ends, each shape (n,). [meter unit]
    """
    lower = consumption - widths
    return lower if turns_back else np.maximum(lower, np.minimum(consumption, 0.0)), consumption + widths


@dataclass(frozen=True)
class Parts:
    """Parts of stretches of time that each lie within one gap between readings, or beyond one end.

    Attributes:
        stretch: Number of the stretch of each, shape (n,), `int64`.
        starts: Instants, microseconds since 1970, likewise.
        ends: Instants not before `starts`, likewise.
        gap: Number of the reading before each; -1 before the first one.
    """

    stretch: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    gap: np.ndarray


@dataclass(frozen=True)
class Bands:
    """Variances of one meter's consumption over any stretches of time.

    Whole gaps between readings are known, so only the gaps at both ends of a stretch contribute: a sum's variance is
    never the sum of its days' variances.

    Attributes:
        register: The readings around the stretches.
        weight: The meter's weight.
        allowance: Tells which gaps are measured.
        spread: How irregular the meter is.
        head: Readings that give the rate before the first one; None if nothing is extrapolated there.
        tail: Readings that give the rate after the last one, likewise.
        turns_back: Whether the counter may turn back, so that a gap's net amount does not bound its parts.
    """

    register: Register
    weight: Weight
    allowance: Allowance
    spread: Spread
    head: RateWindow | None = None
    tail: RateWindow | None = None
    turns_back: bool = False

    def variance(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Variance of the consumption in `[start, end)`.

        Args:
            starts: Instants, microseconds since 1970, within the meter's life, shape (n,), `int64`.
            ends: Instants not before `starts`, likewise.

        Returns:
            [meter unit²], shape (n,); 0 where measured.
        """
        parts = self.parts(starts, ends)
        return np.bincount(parts.stretch, self._of_parts(parts.starts, parts.ends, parts.gap), minlength=len(starts))

    def parts(self, starts: np.ndarray, ends: np.ndarray) -> Parts:
        """Cut stretches into what lies in the gaps, or beyond the readings, in which they begin and end.

        Whole gaps between are left out, since they are known.

        Args:
            starts: As `variance` takes them.
            ends: Likewise.
        """
        times = self.register.times
        if len(times) == 0:
            none = np.empty(0, dtype=np.int64)
            return Parts(none, none, none, none)
        first = np.searchsorted(times, starts, side="right") - 1
        last = np.searchsorted(times, ends, side="left") - 1
        until = np.where(first >= last, ends, times[np.minimum(first + 1, len(times) - 1)])
        two = np.flatnonzero(first < last)
        return Parts(
            np.concatenate([np.arange(len(starts)), two]),
            np.concatenate([starts, np.minimum(times[last[two]], ends[two])]),
            np.concatenate([np.maximum(until, starts), ends[two]]),
            np.concatenate([first, last[two]]),
        )

    def since_reading(self, instants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the stretches that the register at instants depends on: since the reading before, or until the first.

        Args:
            instants: Microseconds since 1970, within the meter's life, shape (n,), `int64`.

        Returns:
            Their starts and ends, shape (n,).
        """
        times = self.register.times
        if len(times) == 0:
            return instants, instants
        reading = times[np.maximum(np.searchsorted(times, instants, side="right") - 1, 0)]
        return np.minimum(reading, instants), np.maximum(reading, instants)

    def _of_parts(self, starts: np.ndarray, ends: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Variance of parts that each lie within one gap, or beyond one end: gap -1 and the last reading's."""
        variance = np.zeros(len(starts))
        inside = (gap >= 0) & (gap < len(self.register) - 1)
        variance[inside] = self._within(starts[inside], ends[inside], gap[inside])
        for window, beyond, reading in ((self.head, gap < 0, 0), (self.tail, gap >= len(self.register) - 1, -1)):
            if window is not None and beyond.any():
                at = int(self.register.times[reading])
                variance[beyond] = self._beyond(starts[beyond], ends[beyond], at, window)
        return variance

    def share(self, starts: np.ndarray, ends: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Give the shares of parts in what is spread over their gaps. 0..1, shape (n,)"""  # noqa: D415
        opening, closing = self.register.times[gap], self.register.times[gap + 1]
        lo, hi, a, b = (self.weight.integral(instants) for instants in (opening, closing, starts, ends))
        with np.errstate(invalid="ignore", divide="ignore"):
            share: np.ndarray = np.where(hi > lo, (b - a) / (hi - lo), _days(starts, ends) / _days(opening, closing))
        return share

    def is_open(self, gap: np.ndarray) -> np.ndarray:
        """Tell which gaps leave the consumption of their parts open, shape (n,), `bool`."""
        register = self.register
        estimated = np.diff(register.times)[gap] > self.allowance.measured_max_gap_hours * MICROSECONDS_PER_HOUR
        unused = register.advances[gap] <= self.allowance.jitter
        is_open: np.ndarray = (estimated & (~unused | self.turns_back)) | register.substituted[gap]
        return is_open

    def _within(self, starts: np.ndarray, ends: np.ndarray, gap: np.ndarray) -> np.ndarray:
        register = self.register
        opening, closing = register.times[gap], register.times[gap + 1]
        gap_days = _days(opening, closing)
        advance, given = register.advances[gap], self.weight.given
        if given is not None:
            # The other meter's own error is passed on (`domain.passed_on`); here only the rest is open.
            advance = np.maximum(advance - given.integral(closing) + given.integral(opening), 0.0)
        amount, share = self._flow(advance, gap_days), self.share(starts, ends, gap)
        variance = variance_within(share, amount, _days(starts, ends), gap_days, self.spread)
        return np.where(self.is_open(gap), variance, 0.0)

    def _beyond(self, starts: np.ndarray, ends: np.ndarray, reading: int, window: RateWindow) -> np.ndarray:
        weight = self.weight.beyond
        amount = window.rate * (weight.integral(ends) - weight.integral(starts))
        distance = np.maximum(np.abs(_days(starts, reading)), np.abs(_days(ends, reading)))
        left = max(window.advance - window.given, 0.0) if window.given else window.advance
        part, known = self._flow(amount, _days(starts, ends)), self._flow(left, _days(window.first, window.last))
        return variance_beyond(part, known, _days(starts, ends), distance, self.spread)

    def _flow(self, amount: np.ndarray | float, length: np.ndarray | float) -> np.ndarray:
        return np.maximum(np.abs(amount), self.spread.mean * length) if self.turns_back else np.maximum(amount, 0.0)


def _days(start: np.ndarray | int, end: np.ndarray | int) -> np.ndarray:
    return np.asarray((np.asarray(end) - np.asarray(start)) / MICROSECONDS_PER_DAY)


def variance_within(
    share: np.ndarray, amount: np.ndarray, part_days: np.ndarray, gap_days: np.ndarray, spread: Spread
) -> np.ndarray:
    """Variance of what a part of a gap used, where the whole gap's amount is known.

    A part and the rest of its gap have the same variance, the whole gap has none, and a further reading within the gap
    that equals the estimate makes no variance larger (docs/explanation/methods.md#bands).

    Args:
        share: The part's share of the amount. 0..1, shape (n,)
        amount: Amount of the gap, not negative. [meter unit], shape (n,)
        part_days: Length of the part. [d], shape (n,)
        gap_days: Length of the gap. [d], shape (n,)
        spread: How irregular the meter is.

    Returns:
        [meter unit²], shape (n,)
    """
    bounded = np.clip(share, 0.0, 1.0)
    nearer = np.clip(np.minimum(part_days, gap_days - part_days), 0.0, None)
    per_amount = spread.scale**2 * spread.mean * _WITHIN.per_amount(nearer, gap_days)
    variance: np.ndarray = per_amount * amount * bounded * (1 - bounded)
    return variance


def variance_beyond(
    amount: np.ndarray, known: np.ndarray | float, part_days: np.ndarray, distance_days: np.ndarray, spread: Spread
) -> np.ndarray:
    """Variance of what was used beyond the first or last reading: its own, and the rate's.

    Args:
        amount: Estimated amount, not negative. [meter unit], shape (n,)
        known: Amount in the readings that give the rate. [meter unit]
        part_days: Length of the part. [d], shape (n,)
        distance_days: How far the part's far end lies from the readings that give the rate. [d], shape (n,)
        spread: How irregular the meter is.

    Returns:
        [meter unit²], shape (n,)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        extended = np.where(np.asarray(known) > 0, amount / known, 0.0)
    per_amount = spread.scale_beyond**2 * spread.mean * _BEYOND.per_amount(part_days, distance_days)
    variance: np.ndarray = per_amount * amount * (1 + _RATE_DRIFTS * extended)
    return variance


def half_width_ahead(amount: float, known: float, length_days: float, spread: Spread) -> float:
    """Give half the width of the 80 % band of the next reading's advance.

    Args:
        amount: Estimated advance, not negative. [meter unit]
        known: Amount in the readings that give the rate. [meter unit]
        length_days: Time since the last reading. [d]
        spread: How irregular the meter is.

    Returns:
        [meter unit]
    """
    length = np.array([length_days])
    return float(half_width(variance_beyond(np.array([max(amount, 0.0)]), known, length, length, spread))[0])
