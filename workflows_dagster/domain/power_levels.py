"""Levels of the power just before and just after an instant, without the sample that holds the instant itself.

A meter's sample is the mean since the sample before, so the one that contains an event mixes both sides. It is never
used. Meters report late: the mixed sample is looked for among those that arrive soon after the event, where the step is
sharpest (docs/explanation/methods.md#what-a-switch-costs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SECOND = 1_000_000
# Samples further apart say nothing about one event.
LONGEST_GAP = 90 * SECOND
# The latest that a meter reports a sample after the time it covers.
LATENESS = 10 * SECOND
_LEAST_REACH = 5 * SECOND
# Motors and power supplies take this long until they draw what they will draw.
SETTLING = 10 * SECOND
# Number of gaps between samples whose median is the spacing, and how old they may be.
_GAPS, _OLDEST_GAP = 9, 900 * SECOND
# Largest number of positions of the mixed sample, and of samples on one side.
_POSITIONS, _SAMPLES = 12, 8
# Fewest samples on one side; one alone has no spread, so the learnt step must bear it out.
LEAST_SAMPLES = 1
# A position is sharper the larger its step is beyond this multiple of both spreads.
_STEADINESS = 2.0


@dataclass(frozen=True)
class Levels:
    """What the power does around each of n instants.

    Attributes:
        spacing: Median gap of the samples before, NaN without any. [µs], shape (n,)
        gap: Largest gap between the samples used, NaN if none is usable. [s], shape (n,)
        before: Level before, NaN if there are too few clean samples. [W], shape (n,)
        after: Level after, once it has settled, NaN if there are too few clean samples. [W], shape (n,)
        at_once: Level right after, NaN likewise. [W], shape (n,)
        spread: Sum of the mean deviations from `before` and `after`. [W], shape (n,)
        spread_at_once: Sum of the mean deviations from `before` and `at_once`. [W], shape (n,)
        far: The samples around the instant are too far apart. Shape (n,)
    """

    spacing: np.ndarray
    gap: np.ndarray
    before: np.ndarray
    after: np.ndarray
    at_once: np.ndarray
    spread: np.ndarray
    spread_at_once: np.ndarray
    far: np.ndarray


def spacing_before(times: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """Give the median gap between the last samples before each instant.

    Args:
        times: Instants of the samples, µs since 1970, strictly increasing, shape (m,).
        instants: Instants asked for, µs since 1970, shape (n,).

    Returns:
        Spacing, NaN with fewer than two samples in the quarter of an hour before. [µs], shape (n,)
    """
    last = np.searchsorted(times, instants, side="right") - 1
    rows = last[:, None] - np.arange(_GAPS + 1)[None, :]
    stamps = times[np.maximum(rows, 0)] if len(times) else np.zeros(rows.shape, dtype=np.int64)
    usable = (rows >= 0) & (stamps > instants[:, None] - _OLDEST_GAP)
    gaps = (stamps[:, :-1] - stamps[:, 1:]).astype(float)
    return _median(gaps, usable[:, 1:])


def horizon(spacing: np.ndarray) -> np.ndarray:
    """Give how long after an event its judgement is complete, by the spacing of the samples, [µs], shape (n,)."""
    known = np.where(np.isfinite(spacing), np.minimum(spacing, LONGEST_GAP), LONGEST_GAP)
    over: np.ndarray = (2 * known + LATENESS + SETTLING + _reach(known)).astype(np.int64)
    return over


def levels_around(
    times: np.ndarray,
    power: np.ndarray,
    instants: np.ndarray,
    signs: np.ndarray,
    previous: np.ndarray,
    following: np.ndarray,
    *,
    skip_mixed: bool = True,
) -> Levels:
    """Give the levels before and after each instant, at the sharpest position of the mixed sample.

    Args:
        times: Instants at which the samples end, µs since 1970, strictly increasing, shape (m,).
        power: Mean power of each sample. [W], shape (m,)
        instants: Instants of the events, µs since 1970, shape (n,).
        signs: 1 if the power should rise, -1 if it should fall, 0 if either may be. Shape (n,)
        previous: Instant of the last other event before, µs since 1970, shape (n,).
        following: Instant of the first other event after, µs since 1970, shape (n,).
        skip_mixed: Leave the mixed sample out; off only to measure what that is worth.

    Returns:
        The levels.
    """
    count = len(instants)
    spacing = spacing_before(times, instants)
    known = np.where(np.isfinite(spacing), spacing, LONGEST_GAP + 1.0)
    far = (known > LONGEST_GAP) | (len(times) <= 2)
    best = np.full((5, count), np.nan)
    sharpest = np.full(count, -np.inf)
    chosen = np.ones(count, dtype=np.int64)
    window = _Window(times, power, instants, known, previous, following, skip_mixed)
    if len(times) > 2:
        first = np.searchsorted(times, instants, side="right")
        latest = instants + horizon(spacing)
        for position in range(_POSITIONS):
            mixed = first + position
            at = np.clip(mixed, 1, len(times) - 2)
            lag = times[at] - instants
            # What arrives after the judgement must not matter, or a stream that ends here would say something else.
            possible = (mixed == at) & ~far & (times[at + 1] <= latest)
            if position == 0:
                far = far | ~possible
            else:
                possible &= lag <= known + LATENESS
            if not possible.any():
                break
            before, spread_before, gap_before = window.before(at)
            after, spread_after, gap_after = window.after(at, np.zeros(count, dtype=np.int64))
            gap = np.maximum(np.maximum(times[at] - times[at - 1], times[at + 1] - times[at]), gap_before)
            gap = np.maximum(gap, gap_after)
            if position == 0:
                far = far | (possible & (gap > LONGEST_GAP))
            with np.errstate(invalid="ignore"):
                step = np.where(signs == 0, np.abs(after - before), signs * (after - before))
                score = step - _STEADINESS * (spread_before + spread_after)
            better = possible & (gap <= LONGEST_GAP) & np.isfinite(score) & (score > sharpest)
            for row, values in enumerate((before, after, spread_before, spread_after, gap / SECOND)):
                best[row][better] = values[better]
            sharpest[better], chosen[better] = score[better], at[better]
        settled, spread, _ = window.after(chosen, np.maximum(SETTLING - known, 0.0).astype(np.int64))
    else:
        settled = spread = best[1]
    before, at_once, spread_before, spread_at_once, gap = best
    later = np.isfinite(settled) & np.isfinite(at_once)
    after = np.where(later, settled, at_once)
    spread_after = np.where(later, spread, spread_at_once)
    return Levels(
        spacing, gap, before, after, at_once, spread_before + spread_after, spread_before + spread_at_once, far
    )


@dataclass(frozen=True)
class _Window:
    """Samples on both sides of the mixed one, clipped where a neighbouring event may act."""

    times: np.ndarray
    power: np.ndarray
    instants: np.ndarray
    spacing: np.ndarray
    previous: np.ndarray
    following: np.ndarray
    skip_mixed: bool

    @property
    def width(self) -> np.ndarray:
        """How far apart the samples of one side may be: half a spacing less than the reach, as stamps jitter, [µs]."""
        return (_reach(self.spacing) - 0.5 * self.spacing).astype(np.int64)[:, None]

    def before(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give level, spread and largest gap before the mixed sample `at`."""
        rows = at[:, None] - 1 - np.arange(_SAMPLES)[None, :]
        stamps = self.times[np.maximum(rows, 0)]
        # The meter is as late for a neighbouring event as for this one: at most by this, at least by a sample less.
        late = self.times[at] - self.instants
        clean = (self.previous + late + self.spacing.astype(np.int64))[:, None]
        usable = (rows >= 0) & (stamps[:, :1] - stamps <= self.width) & (stamps >= clean)
        usable &= _unbroken(stamps[:, :1], stamps)
        return _level(self.power[np.maximum(rows, 0)], stamps, usable)

    def after(self, at: np.ndarray, settling: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give level, spread and largest gap after the mixed sample `at` and after a time for settling [µs]."""
        last = len(self.times) - 1
        start = np.searchsorted(self.times, self.times[at] + settling, side="right" if self.skip_mixed else "left")
        rows = start[:, None] + np.arange(_SAMPLES)[None, :]
        stamps = self.times[np.minimum(rows, last)]
        late = np.maximum(self.times[at] - self.instants - self.spacing.astype(np.int64), 0)
        usable = (rows <= last) & (stamps - stamps[:, :1] <= self.width) & (stamps <= (self.following + late)[:, None])
        usable &= stamps <= (self.instants + horizon(self.spacing))[:, None]
        usable &= _unbroken(stamps[:, :1], stamps)
        return _level(self.power[np.minimum(rows, last)], stamps, usable)


def _unbroken(origin: np.ndarray, stamps: np.ndarray) -> np.ndarray:
    """Tell up to which sample, counted from `origin`, no gap is too long. Shape as `stamps`."""
    steps = np.abs(np.diff(stamps, axis=1, prepend=origin)) <= LONGEST_GAP
    return np.logical_and.accumulate(steps, axis=1)


def _level(values: np.ndarray, stamps: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the median, the mean deviation from it and the largest gap of the usable samples; NaN if too few."""
    number = usable.sum(axis=1)
    enough = number >= LEAST_SAMPLES
    level = np.where(enough, _median(values, usable), np.nan)
    away = np.where(usable, np.abs(values - np.where(enough, level, 0.0)[:, None]), 0.0)
    spread = np.where(enough, away.sum(axis=1) / np.maximum(number, 1), np.nan)
    both = usable[:, 1:] & usable[:, :-1]
    gaps = np.where(both, np.abs(np.diff(stamps, axis=1)), 0)
    return level, spread, gaps.max(axis=1).astype(float)


def _median(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Give each row's median of the usable values, NaN without any, shape (n,)."""
    number = usable.sum(axis=1)
    ordered = np.sort(np.where(usable, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, values.shape[1] - 1)
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (ordered[rows, low] + ordered[rows, high])
    return np.where(number > 0, middle, np.nan)


def _reach(spacing: np.ndarray) -> np.ndarray:
    """Give how far a window reaches on each side: five seconds, or two spacings, [µs], shape (n,)."""
    return np.maximum(_LEAST_REACH, 2.0 * spacing)
