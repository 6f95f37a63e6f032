"""What each device teaches by its past events: the power that it turns up or down (methods.md#what-a-switch-costs)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Days before a day from whose streams its devices are learnt.
TEACHING_DAYS = 14
# A step is far off if it is off by more than both, or by more than several times what the device scatters by.
FAR_SHARE, FAR_POWER = 0.25, 60.0
_SCATTERS, _LEAST_SCATTER = 4.0, 12.0
_SCALE_OF_NORMAL = 1.4826
# What makes a device known: matching steps, and their shares of accepted steps and of judged events.
_LEAST_MATCHES, _LEAST_SHARE_OF_ACCEPTED, _LEAST_SHARE_OF_JUDGED = 3, 0.5, 0.3
# What makes a device one without effect.
_LEAST_JUDGED, _MOST_SHARE_WITHOUT_EFFECT = 10, 0.15


@dataclass(frozen=True)
class DeviceStep:
    """Power that a device turns up or down at a change of its level by 1.

    Attributes:
        up: Rise when it is turned up fully, NaN if unknown. [W]
        down: Fall when it is turned down fully, positive, NaN if unknown. [W]
        spread_up: Scatter of the rise. [W]
        spread_down: Scatter of the fall. [W]
        events: Number of accepted steps that agree.
        without_effect: Many events were judged, and the power hardly ever followed.
    """

    up: float
    down: float
    spread_up: float
    spread_down: float
    events: int
    without_effect: bool = False

    @property
    def known(self) -> bool:
        """Whether a step is expected of the device."""
        return bool(np.isfinite(self.up) and np.isfinite(self.down))

    def expected(self, change: np.ndarray | float) -> np.ndarray:
        """Give the signed step expected at a change of the level, [W]."""
        steps: np.ndarray = np.where(np.asarray(change) > 0, self.up, self.down) * np.asarray(change)
        return steps

    def tolerance(self, change: np.ndarray | float) -> np.ndarray:
        """Give by how much a step may miss the expected one, [W]."""
        size = np.abs(change)
        full = np.where(np.asarray(change) > 0, self.up, self.down)
        scatter = np.where(np.asarray(change) > 0, self.spread_up, self.spread_down)
        return _tolerance(full * size, scatter * size)


UNKNOWN = DeviceStep(np.nan, np.nan, np.nan, np.nan, 0)


def learn_devices(
    entities: np.ndarray, changes: np.ndarray, steps: np.ndarray, judged: np.ndarray, accepted: np.ndarray
) -> Mapping[str, DeviceStep]:
    """Learn each device's step from its past events.

    Rises and falls are learnt apart, and must agree: what was turned on and off again leaves nothing behind.

    Args:
        entities: Entity of each event, shape (n,).
        changes: Change of its level. [1], shape (n,)
        steps: Step of the power, signed. [W], shape (n,)
        judged: Events whose surroundings allowed a judgement, shape (n,).
        accepted: Events whose step is steady, large enough and of the right sign, shape (n,).

    Returns:
        What is known, by entity; entities without a judged event are absent.
    """
    known: dict[str, DeviceStep] = {}
    names, codes = np.unique(np.asarray(entities, dtype=str), return_inverse=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        units = steps / changes
    for code, name in enumerate(names.tolist()):
        mine = (codes == code) & judged
        if not mine.any():
            continue
        halves = []
        for direction in (changes > 0, changes < 0):
            half = mine & direction
            halves.append(_learn(units[half & accepted], np.abs(changes[half & accepted]), int(half.sum())))
        (up, spread_up, n_up), (down, spread_down, n_down) = halves
        if abs(up - down) > _tolerance(max(up, down), max(spread_up, spread_down)):
            up = down = np.nan
        count = int(mine.sum())
        idle = count >= _LEAST_JUDGED and n_up + n_down < _MOST_SHARE_WITHOUT_EFFECT * count
        if not (np.isfinite(up) and np.isfinite(down)):
            up = down = spread_up = spread_down = np.nan
        known[name] = DeviceStep(up, down, spread_up, spread_down, n_up + n_down, idle and not np.isfinite(up))
    return known


def _learn(units: np.ndarray, sizes: np.ndarray, judged: int) -> tuple[float, float, int]:
    """Give the step, its scatter and the number of agreeing events; NaN if the events do not agree."""
    if not len(units):
        return np.nan, np.nan, 0
    step = float(np.median(units))
    # One refinement: the median of those that agree with the median of all.
    near = np.abs(units - step) <= _tolerance(step, np.nan)
    step = float(np.median(units[near])) if near.any() else step
    away = np.abs(units - step)
    matches = away <= np.maximum(FAR_SHARE * step, _LEAST_SCATTER / np.maximum(sizes, 0.1))
    count = int(matches.sum())
    enough = count >= _LEAST_MATCHES and count >= _LEAST_SHARE_OF_ACCEPTED * len(units)
    if not enough or count < _LEAST_SHARE_OF_JUDGED * judged:
        return np.nan, np.nan, count
    return step, _SCALE_OF_NORMAL * float(np.median(away[matches])), count


def _tolerance(step: np.ndarray | float, scatter: np.ndarray | float) -> np.ndarray:
    """Give how far a step may be off, [W]."""
    scattered = np.fmax(_SCATTERS * np.asarray(scatter), _LEAST_SCATTER)
    relative = FAR_SHARE * np.asarray(step) * (scattered / FAR_POWER).clip(0.4, 1.0)
    allowed: np.ndarray = np.fmax(relative, np.fmin(scattered, FAR_POWER))
    return allowed
