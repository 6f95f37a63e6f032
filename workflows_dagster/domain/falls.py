"""Classifies falls of a counter by the readings around them: misreadings, lost decimals, restarts, turning back.

Each verdict depends only on the readings within `SPAN` and on `REACH` readings on either side
(docs/explanation/methods.md#cleaning).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.glitches import LONGEST_RUN, REACH

# The longest misreading: a camera that reads a 3 as an 8 does so until the digit changes.
LONGEST_MISREADING = 3 * MICROSECONDS_PER_DAY
# Time on either side that is searched for a pattern of falls, and longest time from a fall to its next peak.
PATTERN, _NEXT_PEAK = 4 * MICROSECONDS_PER_DAY, 3 * MICROSECONDS_PER_DAY
# Total time that a verdict depends on, since a misreading's fall and rise may each belong to another misreading.
SPAN = 3 * LONGEST_MISREADING + PATTERN + _NEXT_PEAK
# This many falls within the pattern's time are a pattern.
_OFTEN = 3
# A misreading's step is this multiple of the usual step, and returns this close to the old line.
_STANDS_OUT, _NEAR = 8.0, 0.05
# A restart leaves at most this part of the previous value.
_DEEP = 0.7
# Lost decimals are less than one whole unit.
_WHOLE = {"Wh": 1000.0, "l": 1000.0}


@dataclass(frozen=True)
class Descent:
    """Consecutive readings over which a counter turns back.

    Attributes:
        first: Index of the reading before it.
        last: Index of its last reading.
        amount: How far the counter goes back. [unit]
        often: Whether it is part of a pattern.
    """

    first: int
    last: int
    amount: float
    often: bool


def misreadings(times: np.ndarray, values: np.ndarray, jitter: float) -> np.ndarray:
    """Tell which readings lie between an unusually large step and the return to the old line within days.

    Args:
        times: Instants, microseconds since 1970, increasing, shape (n,).
        values: Counter readings. [unit], shape (n,)
        jitter: Largest fall that is ignored. [unit]

    Returns:
        Whether each reading is a misreading, shape (n,).
    """
    steps = np.diff(values)
    # Rank of each run by its fall and by its rise; a run counts if each is the other's best match.
    by_fall: dict[int, list[tuple[float, float, int, int]]] = {}
    by_rise: dict[int, list[tuple[float, float, int, int]]] = {}
    for fall in np.flatnonzero(steps < -jitter).tolist():
        for rise in _returns(times, values, steps, fall, jitter).tolist():
            first, past = min(fall, rise) + 1, max(fall, rise) + 1
            if np.abs(steps[first : past - 1]).max(initial=0.0) > -steps[fall] / 2:
                continue
            strange = abs(values[first] - np.median(values[max(0, fall - REACH) : fall + 1 + REACH]))
            run = (-float(strange), float(times[past - 1] - times[first]), first, past)
            by_fall.setdefault(fall, []).append(run)
            by_rise.setdefault(rise, []).append(run)
    wrong = np.zeros(len(values), dtype=bool)
    best = {min(runs) for runs in by_rise.values()}
    for runs in by_fall.values():
        run = min(runs)
        if run in best:
            wrong[run[2] : run[3]] = True
    return wrong


def _returns(times: np.ndarray, values: np.ndarray, steps: np.ndarray, fall: int, jitter: float) -> np.ndarray:
    """Give the rises, within days of a large fall, after which the old line continues."""
    size, usual = -float(steps[fall]), _usual_step(steps, fall)
    if size <= _STANDS_OUT * max(usual, jitter):
        return np.empty(0, dtype=np.int64)
    lo = int(np.searchsorted(times, times[fall] - LONGEST_MISREADING, side="left"))
    hi = int(np.searchsorted(times, times[fall + 1] + LONGEST_MISREADING, side="right"))
    near = max(_NEAR * size, 2.5 * usual)
    # A run that ends or begins with the fall.
    earlier, later = np.arange(max(lo - 1, 0), fall), np.arange(fall + 1, min(hi, len(steps)))
    before = _on_the_line(values[fall + 1] - values[earlier], values[fall] - values[earlier + 1], near, jitter)
    after = _on_the_line(values[later + 1] - values[fall], values[later] - values[fall + 1], near, jitter)
    rises = np.concatenate([earlier[before], later[after]])
    matching: np.ndarray = rises[np.abs(steps[rises] - size) <= near]
    return matching


def _usual_step(steps: np.ndarray, at: int) -> float:
    near = np.abs(np.concatenate([steps[max(0, at - REACH) : at], steps[at + 1 : at + 1 + REACH]]))
    near = near[near > 0]
    return float(np.quantile(near, 0.75)) if len(near) else 0.0


def _on_the_line(back: np.ndarray, inside: np.ndarray | float, little: float, jitter: float) -> np.ndarray:
    """Tell whether a counter is back on its old line, up to the consumption inside the run or a small difference."""
    near: np.ndarray = (back >= -jitter) & (back <= np.maximum(inside, 0.0) + little + jitter)
    return near


def found_resolution(times: np.ndarray, values: np.ndarray, resolution: float, jitter: float, unit: str) -> np.ndarray:
    """Find where a counter often loses decimals: single falls of less than one unit, soon regained.

    Args:
        times: Instants, microseconds since 1970, increasing, shape (n,).
        values: Counter readings. [unit], shape (n,)
        resolution: Smallest step that counters of the unit usually show. [unit]
        jitter: Largest fall that is ignored. [unit]
        unit: Canonical unit.

    Returns:
        Resolution inferred from the readings around each one: a power of ten where decimals are lost, else as given.
        [unit], shape (n,)
    """
    found = np.full(len(values), resolution)
    steps = np.diff(values)
    falls = np.flatnonzero(steps < -jitter)
    if len(falls) < _OFTEN:
        return found
    size = -steps[falls]
    before, after = np.append(0.0, steps)[falls], np.append(steps, 0.0)[falls + 1]
    single = (before >= 0) & (after >= 0) & (size < _WHOLE.get(unit, 1.0)) & (size < (1 - _DEEP) * values[falls])
    regained = np.array([values[f + 1 : f + 1 + LONGEST_RUN].max() >= values[f] for f in falls.tolist()])
    lost = single & regained
    for k in np.flatnonzero(lost).tolist():
        near = np.abs(times[falls] - times[falls[k]]) <= PATTERN
        like = near & lost
        if like.sum() < _OFTEN or like.sum() < 2 / 3 * near.sum():
            continue
        step = 10.0 ** np.ceil(np.log10(size[like].max()) - 1e-9)
        around = slice(max(0, falls[k] - REACH), falls[k] + 1 + REACH + 1)
        found[around] = np.maximum(found[around], step)
    return found


def restarts(times: np.ndarray, values: np.ndarray, jitter: float) -> np.ndarray:
    """Tell at which readings a counter has restarted regularly, such as each day or each session.

    Args:
        times: Instants, microseconds since 1970, increasing, shape (n,).
        values: Counter readings. [unit], shape (n,)
        jitter: Largest fall that is ignored. [unit]

    Returns:
        Whether each reading is the first after a restart, shape (n,).
    """
    found = np.zeros(len(values), dtype=bool)
    steps = np.diff(values)
    deep = np.flatnonzero((steps < -jitter) & (values[1:] <= _DEEP * values[:-1]))
    if len(deep) < _OFTEN:
        return found
    past = np.searchsorted(times, times[deep + 1] + _NEXT_PEAK, side="right")
    ends = np.minimum(np.append(deep[1:] + 1, len(values)), past)
    stays = np.array([not _comes_back(values[a:b], jitter) for a, b in zip(deep.tolist(), ends.tolist(), strict=True)])
    peaks = np.array([values[a + 1 : b].max() for a, b in zip(deep.tolist(), ends.tolist(), strict=True)])
    lower = peaks < values[deep] - jitter
    for fall in deep.tolist():
        near = np.abs(times[deep] - times[fall]) <= PATTERN
        often, staying = np.count_nonzero(near), np.count_nonzero(near & stays)
        # A counter that only rises, apart from misreadings, never stays below an earlier peak.
        if often >= _OFTEN and staying >= max(2, often / 3) and (near & lower)[:-1].any():
            found[fall + 1] = True
    return found


def _comes_back(values: np.ndarray, jitter: float) -> bool:
    """Tell whether one step returns the counter to its first reading before the next fall."""
    after = values[1 : 2 + LONGEST_RUN]
    size = values[0] - values[1]
    steps, back = np.diff(after), after[1:] - values[0]
    return bool(((steps >= size / 2) & _on_the_line(back, 0.0, _NEAR * size, jitter)).any())


def descents(times: np.ndarray, values: np.ndarray, jitter: float) -> list[Descent]:
    """Find where a counter turns back: consecutive slightly lower readings.

    Args:
        times: Instants, microseconds since 1970, increasing, shape (n,).
        values: Counter readings without misreadings. [unit], shape (n,)
        jitter: Largest fall that is ignored. [unit]
    """
    steps = np.diff(values)
    down = np.flatnonzero(steps < 0)
    if len(down) < _OFTEN:
        return []
    climbs = np.cumsum(steps > 0)
    parts = np.split(down, np.flatnonzero(np.diff(climbs[down]) > 0) + 1)
    found = []
    for part in parts:
        amount = float(values[part[0]] - values[part[-1] + 1])
        if len(part) >= _OFTEN and amount > 2.5 * jitter and values[part[-1] + 1] > _DEEP * values[part[0]]:
            found.append((int(part[0]), int(part[-1]) + 1, amount))
    begins = times[[first for first, _, _ in found]] if found else np.empty(0)
    return [
        Descent(first, last, amount, bool(np.count_nonzero(np.abs(begins - times[first]) <= PATTERN) >= _OFTEN))
        for first, last, amount in found
    ]
