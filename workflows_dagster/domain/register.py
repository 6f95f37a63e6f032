"""Cleaning: raw readings of a counter in, the advances between its valid readings out.

Whether a reading is valid, and what the counter advanced by, depends on the reading and at most `CONTEXT` neighbours on
either side, so that a slice of the history is cleaned exactly as the whole of it
(docs/explanation/methods.md#cleaning).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.glitches import REACH, keep_in_window

# A reading's running maximum looks back over REACH readings, each judged by its own window of REACH readings.
CONTEXT = 2 * REACH

_NEAR_TOP, _NEAR_ZERO = 0.9, 0.1
# A step is plausible up to this multiple of the fastest step nearby.
_PLAUSIBLE_RATE = 2.0


@dataclass(frozen=True)
class Counter:
    """What is known about the counter itself.

    Attributes:
        meter_id: The meter.
        unit: Unit of the readings.
        resolution: Smallest step that the counter shows; a fall within it is jitter. [unit]
        digits: Digits before the decimal point, after which it starts again from zero, or None.
    """

    meter_id: str
    unit: str
    resolution: float
    digits: int | None = None

    @property
    def jitter(self) -> float:
        """Largest step that is one of the resolution, however the decimals round. [unit]"""  # noqa: D415
        return self.resolution * (1 + 1e-6)

    @property
    def modulus(self) -> float:
        """Value at which the counter starts again from zero. [unit]"""  # noqa: D415
        return float("inf") if self.digits is None else 10.0**self.digits


@dataclass(frozen=True)
class Register:
    """Valid readings and the advances between them, in time order.

    Gap `k` runs from reading `k` to reading `k + 1`. Right after reading `k` the register stands at `bases[k]`, which
    is `values[k]` but for a reset, and climbs from there by `advances[k]`.

    Attributes:
        times: Instants of the valid readings, microseconds since 1970, shape (n,), `int64`.
        values: What the register shows at them, jitter held. [unit], shape (n,)
        bases: Register at the beginning of each gap. [unit], shape (n - 1,)
        advances: Consumption within each gap, never negative. [unit], shape (n - 1,)
        falls: Gaps in which the register falls (rollover, reset, a step back within the resolution), shape (n - 1,),
            `bool`.
        substituted: Gaps whose advance is itself a substitute value, shape (n - 1,), `bool`.
        modulus: Where the register starts again from zero. [unit]
        begins: Whether the first reading here is the first there is.
        ends: Whether the last reading here is the last there is.
        counts: Whether `values` is what a counter showed; else it is a running sum of `advances`.
        findings: What a person should know, in time order.
        unknown: Of an interval source, gaps in which no interval is known, shape (n - 1,), `bool`; None of a counter.
    """

    times: np.ndarray
    values: np.ndarray
    bases: np.ndarray
    advances: np.ndarray
    falls: np.ndarray
    substituted: np.ndarray
    modulus: float = float("inf")
    begins: bool = True
    ends: bool = True
    counts: bool = True
    findings: tuple[Finding, ...] = ()
    unknown: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.times)

    def between(self, first: int, last: int) -> Register:
        """Cut out the readings `first` to `last`, both included."""
        kept = slice(first, last + 1)
        gaps = slice(first, last)
        return replace(
            self,
            times=self.times[kept],
            values=self.values[kept],
            bases=self.bases[gaps],
            advances=self.advances[gaps],
            falls=self.falls[gaps],
            substituted=self.substituted[gaps],
            unknown=self.unknown[gaps] if self.unknown is not None else None,
            begins=self.begins and first == 0,
            ends=self.ends and last == len(self) - 1,
        )


def clean(readings: pd.Series, counter: Counter, *, begins: bool = True, ends: bool = True) -> Register:
    """Turn raw readings into valid readings and advances.

    Args:
        readings: Counter by UTC instant, any order, shape (n,). [unit] Of two at one instant the later in the series
            wins; what is not finite is dropped and reported.
        counter: The counter's properties.
        begins: Whether no reading exists before the first one given. If some does, the first `CONTEXT` readings serve
            only to judge the others.
        ends: The same for the end.

    Returns:
        The register. It holds exactly what cleaning the whole history gives for those readings.
    """
    times, values, findings = _sorted(readings, counter)
    n = len(times)
    fall = np.zeros(n, dtype=bool)
    fall[1:] = values[1:] < values[:-1] - counter.jitter
    kept, pending = _valid(values, np.flatnonzero(fall), counter.jitter, ends)
    held = _hold_jitter(values, kept, counter.jitter)

    lo = 0 if begins else CONTEXT
    hi = n if ends else n - CONTEXT
    exact = np.arange(n)
    index = np.flatnonzero(kept & (exact >= lo) & (exact < hi))
    if len(index) == 0:
        return empty(begins=begins, ends=ends, modulus=counter.modulus, findings=tuple(findings))

    effective = held[index]
    bases = effective[:-1].copy()
    advances = effective[1:] - effective[:-1]
    falls = np.zeros(len(bases), dtype=bool)
    for k in np.flatnonzero(advances < 0).tolist():
        bases[k], advances[k], falls[k], finding = _fall(times, values, int(index[k]), int(index[k + 1]), held, counter)
        if finding is not None:
            findings.append(finding)
    findings.extend(_dropped(times, values, ~kept & ~pending & (exact >= lo) & (exact < hi), counter))
    findings.extend(_unconfirmed(times, values, pending, counter))
    return Register(
        times=times[index],
        values=effective,
        bases=bases,
        advances=advances,
        falls=falls,
        substituted=np.zeros(len(bases), dtype=bool),
        modulus=counter.modulus,
        begins=begins,
        ends=ends,
        findings=tuple(sorted(findings, key=lambda finding: (finding.start, finding.code))),
    )


def empty(
    *, begins: bool = True, ends: bool = True, modulus: float = float("inf"), findings: tuple[Finding, ...] = ()
) -> Register:
    """Give the register of a meter without a single valid reading."""
    none, never = np.empty(0), np.empty(0, dtype=bool)
    return Register(
        np.empty(0, dtype=np.int64), none, none, none, never, never, modulus, begins, ends, findings=findings
    )


def _sorted(readings: pd.Series, counter: Counter) -> tuple[np.ndarray, np.ndarray, list[Finding]]:
    finite = np.isfinite(readings.to_numpy(dtype=float))
    findings = []
    if not finite.all():
        bad = readings.index[~finite]
        figures = {"count": float(len(bad))}
        findings.append(Finding("reading_not_a_number", counter.meter_id, bad.min(), bad.max(), figures))
    outside = np.asarray((readings.index < days.REPRESENTABLE[0]) | (readings.index >= days.REPRESENTABLE[1]))
    if outside.any():
        bad = readings.index[outside]
        figures = {"count": float(len(bad))}
        findings.append(Finding("reading_out_of_time", counter.meter_id, bad.min(), bad.max(), figures))
    usable = readings[finite & ~outside]
    usable = usable[~usable.index.duplicated(keep="last")].sort_index()
    return days.microseconds(pd.DatetimeIndex(usable.index)), usable.to_numpy(dtype=float), findings


def _valid(values: np.ndarray, falls: np.ndarray, resolution: float, ends: bool) -> tuple[np.ndarray, np.ndarray]:
    """Judge each reading by its own window; only readings near a fall can be anything but valid."""
    n = len(values)
    kept = np.ones(n, dtype=bool)
    pending = np.zeros(n, dtype=bool)
    near = np.zeros(n, dtype=bool)
    for fall in falls.tolist():
        near[max(0, fall - REACH) : fall + REACH + 1] = True
    for i in np.flatnonzero(near).tolist():
        lo, hi = max(0, i - REACH), min(n, i + REACH + 1)
        kept[i] = keep_in_window(values[lo:hi].tolist(), resolution)[i - lo]
    # One fallen reading at the very end may be a glitch whose return has not come yet.
    last_two = np.flatnonzero(kept[-REACH:])[-2:] + max(0, n - REACH)
    if ends and len(last_two) == 2 and last_two[1] == n - 1 and values[n - 1] < values[last_two[0]] - resolution:
        kept[n - 1], pending[n - 1] = False, True
    return kept, pending


def _hold_jitter(values: np.ndarray, kept: np.ndarray, resolution: float) -> np.ndarray:
    """Hold the running maximum of the last valid readings over falls within the resolution."""
    held = values.copy()
    jittery = np.zeros(len(values), dtype=bool)
    index = np.flatnonzero(kept)
    for k in np.flatnonzero(values[index][1:] < values[index][:-1]) + 1:
        jittery[index[k] : index[k] + REACH + 1] = True
    for i in np.flatnonzero(jittery & kept).tolist():
        last = max(0, i - REACH)
        before = values[last : i + 1][kept[last : i + 1]]
        held[i] = before[before <= values[i] + resolution].max()
    return held


def _fall(
    times: np.ndarray, values: np.ndarray, i: int, j: int, held: np.ndarray, counter: Counter
) -> tuple[float, float, bool, Finding | None]:
    """Explain a fall between two consecutive valid readings: base, advance, whether it is a fall, and the finding."""
    before, after = float(held[i]), float(held[j])
    start, end = days.instants(times[[i, j]])
    figures = {"before": before, "after": after}
    if before - after <= counter.jitter:
        # The register steps back within its resolution; that is no consumption, not even a negative one.
        return after, 0.0, True, None
    modulus = counter.modulus
    if _NEAR_TOP * modulus <= before < modulus and after <= _NEAR_ZERO * modulus:
        advance = after + modulus - before
        figures["advance"] = advance
        return before, advance, True, Finding("rollover", counter.meter_id, start, end, figures, "note")
    elapsed = float(times[j] - times[i])
    advance = after if after <= _PLAUSIBLE_RATE * _fastest(times, values, j, counter.jitter) * elapsed else 0.0
    figures["advance"] = advance
    return after - advance, advance, True, Finding("undeclared_reset", counter.meter_id, start, end, figures)


def _fastest(times: np.ndarray, values: np.ndarray, j: int, resolution: float) -> float:
    """Fastest climb among a reading's neighbours. [unit/µs]"""  # noqa: D415
    lo, hi = max(0, j - REACH), min(len(values), j + REACH + 1)
    kept = np.array(keep_in_window(values[lo:hi].tolist(), resolution))
    window_times, window_values = times[lo:hi][kept], values[lo:hi][kept]
    climbs = np.diff(window_values) / np.diff(window_times)
    return float(climbs[climbs > 0].max(initial=0.0))


def _dropped(times: np.ndarray, values: np.ndarray, dropped: np.ndarray, counter: Counter) -> list[Finding]:
    index = np.flatnonzero(dropped)
    runs = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(index) else []
    findings = []
    for run in runs:
        start, end = days.instants(times[[run[0], run[-1]]])
        figures = {
            "count": float(len(run)),
            "lowest": float(values[run].min()),
            "highest": float(values[run].max()),
        }
        findings.append(Finding("glitch_dropped", counter.meter_id, start, end, figures))
    return findings


def _unconfirmed(times: np.ndarray, values: np.ndarray, pending: np.ndarray, counter: Counter) -> list[Finding]:
    findings = []
    for i in np.flatnonzero(pending):
        at = days.instants(times[[i]])[0]
        figures = {"before": float(values[i - 1]), "after": float(values[i])}
        findings.append(Finding("unconfirmed_fall", counter.meter_id, at, at, figures))
    return findings
