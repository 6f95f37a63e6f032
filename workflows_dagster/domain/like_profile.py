"""The weight of a meter whose consumption goes along with another one's: an even part, and a fitted share of its use.

See docs/explanation/methods.md#like.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.amplitude import beliefs, evidence
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import (
    PROFILE_DECIMALS,
    PROFILE_TOLERANCE,
    Profile,
    Weight,
    joined_intervals,
    table_profile,
    weight_of,
)

# How likely a meter is not to go along with the one that it is declared to follow.
_EVEN = 0.05
_MEAN_DIGITS = 6

# Gives an integral at instants, microseconds since 1970, counted from any fixed one, exact in its differences.
Integral = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class LikeProfile(Profile):
    """How a meter's consumption follows another one's: `base + season · use / mean use`.

    Used as a plain `Profile`, it follows the monthly table instead.

    Attributes:
        base: Share that flows evenly. [1]
        season: Share that follows the other meter, `base + season = 1`. [1]
        percentages: The monthly table, for days without the other's use, January first; None is flat. [%], shape (12,)
        other: The other meter.
        mean_use: The other meter's use on a mean day. [its unit]
    """

    other: str
    mean_use: float

    @property
    def version(self) -> str:
        """Short name of exactly this profile: equal profiles have equal versions."""
        facts = (self.base, self.season, self.percentages, self.other, self.mean_use)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

    def is_near(self, other: Profile) -> bool:
        """Tell whether another profile changes no day by much, so that recomputing years is not worthwhile."""
        return (
            isinstance(other, LikeProfile)
            and self.other == other.other
            and super().is_near(other)
            and abs(self.mean_use / other.mean_use - 1) <= PROFILE_TOLERANCE
        )


class LikeWeight(Weight):
    """Integral of the weight over time; constant within each civil day, and exact in its differences.

    A changed use of the other meter affects only gaps that contain its day.

    Attributes:
        per_use: Weight of a unit of the other meter's use. [d/its unit]
    """

    def __init__(self, profile: LikeProfile, integral: Integral) -> None:
        """Build the weight.

        Args:
            profile: The meter's profile.
            integral: Integral of the sums that `day_weights` gives. [d]
        """
        super().__init__(profile)
        self.per_use = profile.season / profile.mean_use
        self._integral = integral

    def integral(self, microseconds: np.ndarray) -> np.ndarray:
        """Integrate the weight from a fixed instant on; arguments and result as `Weight.integral`."""
        return self._integral(microseconds)

    def at(self, microseconds: np.ndarray) -> np.ndarray:
        """Give the mean weight of the hour after instants. [1], shape (n,)"""  # noqa: D415
        rise: np.ndarray = self._integral(microseconds + MICROSECONDS_PER_HOUR) - self._integral(microseconds)
        return rise * 24


def day_weights(profile: LikeProfile, edges: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Give the weight of whole days.

    Args:
        profile: The meter's profile.
        edges: Where the days open, and where the last one closes, microseconds since 1970, shape (n + 1,).
        used: The other meter's use on each, NaN where the season stands in for it. [its unit], shape (n,)

    Returns:
        Weights, none below 0. [d], shape (n,)
    """
    length = np.diff(edges) / MICROSECONDS_PER_DAY
    seasonal = np.diff(weight_of(table_profile(profile.percentages)).integral(edges))
    curve = np.where(np.isnan(used), seasonal, np.maximum(used, 0.0) / profile.mean_use)
    weights: np.ndarray = profile.base * length + profile.season * curve
    return weights


def mean_use(edges: np.ndarray, used: np.ndarray) -> float | None:
    """Give the use on a mean day, by the days on which it is known; None if nothing was used.

    Args:
        edges: As `day_weights` takes them.
        used: Likewise.
    """
    known = ~np.isnan(used)
    length = np.diff(edges)[known].sum() / MICROSECONDS_PER_DAY
    total = np.maximum(used[known], 0.0).sum()
    return float(f"{total / length:.{_MEAN_DIGITS}g}") if length > 0 and total > 0 else None


def fit_like(history: Register, whole: LikeProfile, integral: Integral) -> LikeProfile:
    """Fit how far a meter follows another one, by whole intervals between readings.

    Args:
        history: All valid readings.
        whole: The profile of a meter that follows it alone.
        integral: Integral of that profile's weight. [d]

    Returns:
        The profile; `whole` without any history.
    """
    opening, closing, advance = joined_intervals(history)
    if len(advance) == 0 or advance.sum() <= 0:
        return whole
    length = (closing - opening) / MICROSECONDS_PER_DAY
    found = evidence(length, integral(closing) - integral(opening), advance)
    (belief,) = beliefs([found], [1.0], np.ones(1), (0.0, 1.0), _EVEN)
    season = round(belief.middle, PROFILE_DECIMALS)
    return LikeProfile(round(1 - season, PROFILE_DECIMALS), season, whole.percentages, whole.other, whole.mean_use)
