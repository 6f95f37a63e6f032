"""Splits the power's change among events so close together that no clean samples lie between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from workflows_dagster.domain.power_levels import LATENESS, LONGEST_GAP, SECOND, SETTLING

# More events at once are never told apart.
MOST_EVENTS = 4
_POSITIONS = 21
# The best explanation must leave this little, and every other must leave this much more. [W]
_LEAST_MISFIT, _CLEARLY_WORSE = 10.0, 3.0
_CLEAR_FACTOR, _CLEAR_SHARE = 2.0, 0.15
_LEAST_SAMPLES = 1
# Least scatter of one sample. [W]
_SCATTER = 5.0


@dataclass(frozen=True)
class Split:
    """How a change is split among n events.

    Attributes:
        before: Level before the first event. [W]
        parts: Step of each event, 0 for one without effect. [W], shape (n,)
        determined: Events whose part the samples leave no doubt about, shape (n,).
        misfit: Mean deviation of the samples from the explanation. [W]
    """

    before: float
    parts: np.ndarray
    determined: np.ndarray
    misfit: float


def split_jointly(
    times: np.ndarray,
    power: np.ndarray,
    instants: np.ndarray,
    expected: np.ndarray,
    tolerance: np.ndarray,
    spacing: float,
    clear: tuple[int, int],
) -> Split | None:
    """Split the change around concurrent events by the steps learnt of their devices.

    Every subset of the events is tried as the one that had its effect; the samples between the events, each the mean
    since the one before, take part. Non-negative least squares then fits how large each step was. An event is
    determined only if every subset that says otherwise about it explains the samples clearly worse.

    Args:
        times: Instants at which the samples end, µs since 1970, strictly increasing, shape (m,).
        power: Mean power of each sample. [W], shape (m,)
        instants: Instants of the events, µs since 1970, increasing, shape (n,).
        expected: Step learnt of each event's device, signed. [W], shape (n,)
        tolerance: By how much each step may miss it. [W], shape (n,)
        spacing: Gap between samples. [µs]
        clear: Instants after and before which other events disturb, µs since 1970.

    Returns:
        The split, or None if it determines no event.
    """
    count = len(instants)
    if count > MOST_EVENTS or not np.isfinite(expected).all() or not spacing <= LONGEST_GAP:
        return None
    reach = int(1.6 * spacing) + LATENESS + SETTLING
    low = max(int(instants[0] - max(5 * SECOND, 1.6 * spacing)), clear[0])
    high = min(int(instants[-1]) + reach, clear[1])
    first, last = np.searchsorted(times, [low, high], side="right")
    stamps, values = times[first:last], power[first:last]
    if not first or (stamps <= instants[0]).sum() < _LEAST_SAMPLES or len(stamps) < count + 2:
        return None
    lengths = np.diff(times[first - 1 : last]).astype(float)
    if lengths.max() > LONGEST_GAP:
        return None
    subsets = np.asarray(list(product((0.0, 1.0), repeat=count)))
    # The last samples of the window must lie after the last event's effect, however late the meter is.
    misfits = np.full((_POSITIONS, len(subsets)), np.inf)
    lates = np.linspace(0, LATENESS, _POSITIONS)
    shapes = []
    for row, late in enumerate(lates.tolist()):
        effects = np.clip((stamps[:, None] - instants[None, :] - late) / lengths[:, None], 0.0, 1.0)
        if (effects[:, -1] >= 1.0).sum() < _LEAST_SAMPLES:
            break
        shapes.append(effects)
        explained = (effects * expected[None, :]) @ subsets.T
        rest = values[:, None] - explained
        misfits[row] = np.abs(rest - np.median(rest, axis=0)[None, :]).mean(axis=0)
    if not shapes:
        return None
    each = misfits.min(axis=0)
    best = int(each.argmin())
    size = float(np.abs(expected).max())
    if each[best] > max(_LEAST_MISFIT, 0.1 * size):
        return None
    acts = subsets[best] > 0
    # An event is determined if every subset that says otherwise about it explains the samples clearly worse.
    rival = np.asarray([each[(subsets[:, k] > 0) != acts[k]].min() for k in range(count)])
    needed = np.maximum(_CLEAR_FACTOR * each[best], each[best] + _CLEAR_SHARE * np.abs(expected))
    determined = rival >= np.maximum(needed, _CLEARLY_WORSE)
    if not determined.any():
        return None
    effects = shapes[int(misfits[:, best].argmin())]
    fitted = _fit(values, effects, expected, tolerance, np.flatnonzero(acts), float(each[best]))
    if fitted is None:
        return None
    base, parts = fitted
    return Split(base, parts, determined, float(each[best]))


def _fit(
    values: np.ndarray,
    effects: np.ndarray,
    expected: np.ndarray,
    tolerance: np.ndarray,
    chosen: np.ndarray,
    misfit: float,
) -> tuple[float, np.ndarray] | None:
    """Fit the size of each chosen step: multiples of the learnt ones, not below 0."""
    parts = np.zeros(len(expected))
    base = float(np.median(values - effects[:, chosen] @ expected[chosen]))
    if len(chosen):
        design = np.column_stack([np.ones(len(values)), effects[:, chosen] * expected[chosen][None, :]])
        start = np.concatenate([[base], np.ones(len(chosen))])
        # What the samples leave open stays at the learnt step: one further equation per step, weighted by its scatter.
        weights = np.maximum(misfit, _SCATTER) * expected[chosen] / tolerance[chosen]
        prior = np.column_stack([np.zeros(len(chosen)), np.diag(weights)])
        rest = np.concatenate([values - design @ start, np.zeros(len(chosen))])
        moved = np.linalg.lstsq(np.vstack([design, prior]), rest)[0]
        factors = (start + moved)[1:]
        if (factors < 0).any():
            return None
        parts[chosen] = factors * expected[chosen]
        if (np.abs(parts - expected)[chosen] > tolerance[chosen]).any():
            return None
        base = float((start + moved)[0])
    return base, parts


def groups_of(close: Sequence[bool]) -> list[tuple[int, int]]:
    """Give the runs of events that are close to their next one, as first and last index.

    Args:
        close: Whether event k is close to event k + 1, length n - 1.
    """
    runs, start = [], 0
    for k, joined in enumerate([*close, False]):
        if not joined:
            runs.append((start, k))
            start = k + 1
    return runs
