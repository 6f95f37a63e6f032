"""The 80 % band of an estimated number: how far the readings leave it open.

Between two readings the amount is known and only its distribution is not. A part of the gap is therefore uncertain like
a bridge: not at all at the readings, most in the middle (docs/explanation/methods.md#bands).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.allocation import Allowance, RateWindow
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
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
        times = self.register.times
        if len(times) == 0:
            return np.zeros(len(starts))
        first = np.searchsorted(times, starts, side="right") - 1
        last = np.searchsorted(times, ends, side="left") - 1
        within_one = first >= last
        until = np.where(within_one, ends, times[np.minimum(first + 1, len(times) - 1)])
        opened = self._of_parts(starts, np.maximum(until, starts), first)
        since = times[np.maximum(last, 0)]
        closed = self._of_parts(np.minimum(since, ends), ends, last)
        return opened + np.where(within_one, 0.0, closed)

    def variance_at(self, instants: np.ndarray) -> np.ndarray:
        """Variance of the register at instants: of what was counted since the reading before, or until the first one.

        Args:
            instants: Microseconds since 1970, within the meter's life, shape (n,), `int64`.

        Returns:
            [meter unit²], shape (n,); 0 at a reading.
        """
        times = self.register.times
        if len(times) == 0:
            return np.zeros(len(instants))
        gap = np.searchsorted(times, instants, side="right") - 1
        reading = times[np.maximum(gap, 0)]
        return self._of_parts(np.minimum(reading, instants), np.maximum(reading, instants), gap)

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

    def _within(self, starts: np.ndarray, ends: np.ndarray, gap: np.ndarray) -> np.ndarray:
        register = self.register
        opening, closing = register.times[gap], register.times[gap + 1]
        lo, hi, a, b = (self.weight.integral(instants) for instants in (opening, closing, starts, ends))
        gap_days, part_days = _days(opening, closing), _days(starts, ends)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(hi > lo, (b - a) / (hi - lo), part_days / gap_days)
        advance, given = register.advances[gap], self.weight.given
        if given is not None:
            # Another meter's use is taken as it is; only the rest is estimated.
            advance = np.maximum(advance - given.integral(closing) + given.integral(opening), 0.0)
        amount = self._flow(advance, gap_days)
        estimated = _days(opening, closing) * 24 > self.allowance.measured_max_gap_hours
        unused = register.advances[gap] <= self.allowance.jitter
        known = ~(estimated & (~unused | self.turns_back)) & ~register.substituted[gap]
        return np.where(known, 0.0, variance_within(share, amount, part_days, gap_days, self.spread))

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
