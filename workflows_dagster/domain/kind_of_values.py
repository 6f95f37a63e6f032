"""Which kind a series of numbers is: what a register shows, or the consumption of intervals."""

from __future__ import annotations

import numpy as np

# Fewer numbers tell nothing: a heating's consumption climbs for some months.
_FEWEST = 24
_FEWEST_CLIMBS = 5
# A register falls when it is replaced or glitches; consumption falls about every second time.
_FALLS_OF_REGISTER = 0.01
_FALLS_OF_CONSUMPTION = (0.3, 0.7)


def looks_like_register(values: np.ndarray) -> bool:
    """Tell whether numbers only climb, as a register does and consumption does not.

    Args:
        values: In time order, shape (n,).
    """
    if len(values) < _FEWEST:
        return False
    steps = np.diff(values)
    climbs, falls = int((steps > 0).sum()), int((steps < 0).sum())
    return climbs >= _FEWEST_CLIMBS and falls <= _FALLS_OF_REGISTER * len(steps) and bool(values[-1] > values[0])


def looks_like_consumption(values: np.ndarray) -> bool:
    """Tell whether numbers fall in about half of their steps, as consumption does and a register does not.

    Args:
        values: In time order, shape (n,).
    """
    if len(values) < _FEWEST:
        return False
    steps = np.diff(values)
    moves = int((steps != 0).sum())
    falls = int((steps < 0).sum())
    least, most = _FALLS_OF_CONSUMPTION
    return moves >= _FEWEST and least * moves <= falls <= most * moves
