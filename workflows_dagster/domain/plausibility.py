"""Finds implausible advances: far faster than all neighbouring gaps, and not taken back by the counter."""

from __future__ import annotations

import numpy as np

from workflows_dagster.domain import days
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight
from workflows_dagster.domain.silences import NEIGHBOURS

# Multiple of the fastest neighbouring gap, deseasonalised, and least multiple of the largest advance.
_RATE = 8.0
_ADVANCE = 3.0
_FEWEST = 6
# For a garden tap in spring, or sunshine after grey weeks, the neighbours show no usual rate.
_FEWEST_IN_USE = 3
# Between kWh and Wh, m³ and l; a counter does not come so near to it by being used.
_UNIT_STEP = 1000.0
_NEAR_UNIT_STEP = 0.01
_STEPS_SHOWN = 100.0


def implausible_rates(register: Register, meter_id: str, resolution: float, weight: Weight) -> list[Finding]:
    """Find advances that are far faster than all neighbouring gaps (docs/explanation/methods.md#plausibility).

    Wrong readings from which the counter returns are glitches, dropped already. This finds those that persist, such as
    an extra digit in the newest hand reading, or an undeclared replacement by a meter with a higher register.

    Args:
        register: Valid readings.
        meter_id: The meter.
        resolution: Smallest step that it shows. [unit]
        weight: The meter's weight; a summer's gap is compared with a winter's.

    Returns:
        One finding per gap; none for gaps whose neighbours almost only stand still.
    """
    gaps = len(register) - 1
    if gaps < _FEWEST:
        return []
    weighed = np.diff(weight.integral(register.times))
    elapsed = np.diff(register.times) / MICROSECONDS_PER_DAY
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = register.advances / np.where(weighed > 0, weighed, elapsed)
    findings = []
    for k in np.flatnonzero(_stands_out(register.advances, resolution)).tolist():
        lo, hi = k - NEIGHBOURS, k + NEIGHBOURS
        if (lo < 0 and not register.begins) or (hi >= gaps and not register.ends):
            continue
        beside = np.array([n for n in range(max(lo, 0), min(hi, gaps - 1) + 1) if n != k])
        if len(beside) < _FEWEST or np.count_nonzero(register.advances[beside]) < _FEWEST_IN_USE:
            continue
        fastest, largest = float(rate[beside].max()), float(register.advances[beside].max())
        if rate[k] <= _RATE * fastest or register.advances[k] <= _ADVANCE * largest:
            continue
        start, end = days.instants(register.times[[k, k + 1]])
        figures = {"advance": float(register.advances[k]), "usual": largest, "times": float(rate[k]) / fastest}
        findings.append(Finding("implausible_rate", meter_id, start, end, figures))
    return findings


def unit_changes(register: Register, meter_id: str, resolution: float) -> list[Finding]:
    """Find readings from which on the counter shows a thousandfold or a thousandth.

    Args:
        register: Valid readings.
        meter_id: The meter.
        resolution: Smallest step that it shows. [unit]
    """
    before, after = register.values[:-1], register.values[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
    large = np.minimum(before, after) >= _STEPS_SHOWN * resolution
    findings = []
    for times in (_UNIT_STEP, 1 / _UNIT_STEP):
        for k in np.flatnonzero(large & (np.abs(ratio / times - 1) <= _NEAR_UNIT_STEP)).tolist():
            start, end = days.instants(register.times[[k, k + 1]])
            figures = {"before": float(before[k]), "after": float(after[k]), "times": times}
            findings.append(Finding("unit_changed", meter_id, start, end, figures))
    return findings


def _stands_out(advances: np.ndarray, resolution: float) -> np.ndarray:
    """Preselect, cheaply, advances that are larger than their direct neighbours."""
    padded = np.concatenate([[0.0], advances, [0.0]])
    beside = np.maximum(padded[:-2], padded[2:])
    large: np.ndarray = (advances > _ADVANCE * beside) & (advances > 20 * resolution)
    return large
