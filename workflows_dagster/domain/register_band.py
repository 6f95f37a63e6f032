"""The 80 % band of a register between its readings (docs/explanation/methods.md#bands)."""

from __future__ import annotations

import numpy as np

from workflows_dagster.domain.bands import Bands


def register_band(
    bands: Bands, instants: np.ndarray, shown: np.ndarray, width: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the bands of a register: as wide as that of what was counted since the reading before.

    A counter that does not turn back stays between its readings, and above the floor. The running sum of an interval
    source is no register, and has no band.

    Args:
        bands: The meter's bands.
        instants: Microseconds since 1970, within the meter's life, shape (n,), `int64`.
        shown: Register at them as computed, NaN where it is not known. [meter unit], shape (n,)
        width: Half widths of what was counted since (`Bands.since_reading`). [meter unit], shape (n,)

    Returns:
        Lower and upper ends, equal at a reading. [meter unit], each shape (n,)
    """
    register = bands.register
    if not register.counts:
        return np.full(len(shown), np.nan), np.full(len(shown), np.nan)
    if bands.turns_back or len(register) == 0:
        return shown - width, shown + width
    last = len(register) - 1
    gap = np.searchsorted(register.times, instants, side="right") - 1
    fell = np.append(register.falls, False)[gap] & (gap >= 0)
    lowest = np.where((gap < 0) | fell, min(bands.allowance.floor, register.values[0]), register.values[gap])
    highest = np.append(register.values[1:], np.inf)[np.clip(gap, 0, last)]
    highest = np.where(gap < 0, register.values[0], np.where(fell, register.modulus, highest))
    lower = np.minimum(np.maximum(shown - width, lowest), shown)
    return lower, np.maximum(np.minimum(shown + width, highest), shown)
