"""Plausibility: an advance that no gap beside it comes near, and that the counter did not take back."""

from __future__ import annotations

import numpy as np

from workflows_dagster.domain import days
from workflows_dagster.domain.days import MICROSECONDS_PER_DAY
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Weight
from workflows_dagster.domain.silences import NEIGHBOURS

# So many times the fastest gap beside it, season taken out, and at least so many times the largest advance.
_RATE = 8.0
_ADVANCE = 3.0
_FEWEST = 6
# Of a tap in spring, or of sunshine after grey weeks, nothing nearby says how fast is usual.
_FEWEST_IN_USE = 3


def implausible_rates(register: Register, meter_id: str, resolution: float, weight: Weight) -> list[Finding]:
    """Find advances that are far faster than all the gaps beside them (docs/explanation/methods.md#plausibility).

    A wrong reading that the counter comes back from is a glitch and already gone; this is the one that it stays with: a
    digit too many in the newest reading by hand, a meter that was swapped upwards.

    Args:
        register: Valid readings.
        meter_id: The meter.
        resolution: Smallest step that it shows. [unit]
        weight: The meter's weight; a summer's gap is compared with a winter's.

    Returns:
        A finding a gap; none for a gap beside which next to nothing but standing still is known.
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


def _stands_out(advances: np.ndarray, resolution: float) -> np.ndarray:
    """Tell cheaply which advances are worth comparing: larger than those right beside them."""
    padded = np.concatenate([[0.0], advances, [0.0]])
    beside = np.maximum(padded[:-2], padded[2:])
    large: np.ndarray = (advances > _ADVANCE * beside) & (advances > 20 * resolution)
    return large
