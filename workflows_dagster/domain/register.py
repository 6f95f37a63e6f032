"""Cleaning: raw readings of a counter in, the advances between its valid readings out.

A reading's validity and the counter's advance depend only on the reading, at most `CONTEXT` neighbours on either side
and the readings within `SPAN` of these, so that a slice of the history is cleaned exactly as the whole
(docs/explanation/methods.md#cleaning).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.falls import SPAN, found_resolution, misreadings, restarts
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.glitches import LONGEST_RUN, REACH, keep_in_window
from workflows_dagster.domain.reading_findings import dropped, lost, turned_back, unconfirmed

# A reading's running maximum covers the REACH readings before, each judged by its own window of REACH readings; a
# pattern also covers the run after.
_JUDGES = 2 * REACH + LONGEST_RUN
# A misreading is compared with the REACH readings around it.
CONTEXT = REACH + _JUDGES

_NEAR_TOP, _NEAR_ZERO = 0.9, 0.1
# A step is plausible up to this multiple of the fastest neighbouring step.
_PLAUSIBLE_RATE = 2.0
# A leading zero is dropped if the advance to the next reading is this multiple of the fastest one after it.
_NEVER_SO_FAST = 20.0


@dataclass(frozen=True)
class Register:
    """Valid readings and the advances between them, in time order.

    Gap `k` runs from reading `k` to reading `k + 1`. Right after reading `k` the register stands at `bases[k]`, which
    is `values[k]` but for a reset, and climbs from there by `advances[k]`.

    Attributes:
        times: Instants of the valid readings, microseconds since 1970, shape (n,), `int64`.
        values: Register at them, with jitter replaced by the running maximum. [unit], shape (n,)
        bases: Register at the beginning of each gap. [unit], shape (n - 1,)
        advances: Consumption within each gap, never negative. [unit], shape (n - 1,)
        falls: Gaps in which the register falls (rollover, reset, a step back within the resolution), shape (n - 1,),
            `bool`.
        substituted: Gaps whose advance is itself a substitute value, shape (n - 1,), `bool`.
        modulus: Value at which the register rolls over to zero. [unit]
        begins: Whether the first reading is the first of the whole history.
        ends: Whether the last reading is the last of the whole history.
        counts: Whether `values` are counter readings; else they are a running sum of `advances`.
        findings: Findings, in time order.
        unknown: For an interval source, gaps without known interval, shape (n - 1,), `bool`; None for a counter.
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
            wins; non-finite values are dropped and reported.
        counter: The counter's properties.
        begins: Whether no reading exists before the first one given. Otherwise the first `CONTEXT` readings only serve
            to judge the others.
        ends: The same for the end.

    Returns:
        The register, exactly as cleaning the whole history gives it for those readings.
    """
    times, values, findings = _sorted(readings, counter)
    right = ~misreadings(times, values, counter.jitter)
    certain = _certain(times, right, begins, ends)
    at = np.flatnonzero(right)
    if begins and not counter.declared_start:
        zeros = _leading_zeros(times[at], values[at], counter.jitter)
        right[at[:zeros]], at = False, at[zeros:]
    times_right, values_right = times[at], values[at]
    judged = _Judged.of(times_right, values_right, counter, ends)
    kept, pending = right.copy(), np.zeros(len(times), dtype=bool)
    kept[at], pending[at] = judged.kept, judged.pending

    index = np.flatnonzero(judged.kept & certain[at])
    if len(index) == 0:
        return empty(begins=begins, ends=ends, modulus=counter.modulus, findings=tuple(findings))
    effective = judged.held[index]
    bases = effective[:-1].copy()
    advances = effective[1:] - effective[:-1]
    falls = np.zeros(len(bases), dtype=bool)
    turns = counter.kind == "turns_back"
    for k in np.flatnonzero((advances < 0) | (turns & (advances > counter.modulus / 2))).tolist():
        i, j = int(index[k]), int(index[k + 1])
        if turns:
            falls[k] = True
            advances[k], finding = _net(times_right, values_right, i, j, float(advances[k]), counter)
            if finding is not None:
                findings.append(finding)
            continue
        bases[k], advances[k], falls[k], finding = _fall(times_right, judged, i, j, counter)
        if finding is not None:
            findings.append(finding)
    findings.extend(lost(times_right, values_right, judged.jitter, certain[at], counter))
    findings.extend(dropped(times, values, ~kept & ~pending & certain, counter))
    findings = turned_back(times_right, values_right, certain[at], counter, findings)
    findings.extend(unconfirmed(times, values, pending, counter))
    return Register(
        times=times_right[index],
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


def _certain(times: np.ndarray, right: np.ndarray, begins: bool, ends: bool) -> np.ndarray:
    """Tell which readings have all neighbours needed for their judgement, shape (n,), `bool`."""
    certain = np.ones(len(times), dtype=bool)
    if len(times) == 0:
        return certain
    at = np.flatnonzero(right)
    if not begins:
        lo = np.searchsorted(times, times[min(REACH, len(times) - 1)] + SPAN, side="left")
        certain[: np.append(at[at >= lo], [len(times)] * _JUDGES)[_JUDGES - 1]] = False
    if not ends:
        hi = np.searchsorted(times, times[max(len(times) - 1 - REACH, 0)] - SPAN, side="right")
        certain[np.append([-1] * _JUDGES, at[at < hi])[-_JUDGES] + 1 :] = False
    return certain


def _leading_zeros(times: np.ndarray, values: np.ndarray, jitter: float) -> int:
    """Count the leading zeros to drop: the advance to the next reading is impossibly large."""
    zeros = int(np.argmax(values > jitter)) if (values > jitter).any() else 0
    after = slice(zeros, zeros + REACH)
    climbs = np.diff(values[after]) / np.diff(times[after])
    if not 0 < zeros <= LONGEST_RUN or np.count_nonzero(climbs > 0) < 3:
        return 0
    total = float(values[zeros])
    rate = total / float(times[zeros] - times[zeros - 1])
    climbed = float(values[after].max()) - total
    return zeros if rate > _NEVER_SO_FAST * climbs.max() and total > _NEVER_SO_FAST * climbed else 0


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


@dataclass(frozen=True)
class _Judged:
    """Readings without misreadings, each judged by its neighbours; all arrays have the shape (n,).

    Attributes:
        values: Counter readings. [unit]
        kept: Whether a reading is valid.
        pending: Whether it needs to be confirmed by another reading.
        held: The values, with jitter replaced by the running maximum. [unit]
        jitter: Largest fall that counts as jitter. [unit]
        restart: Whether it is a regular restart of the counter.
    """

    values: np.ndarray
    kept: np.ndarray
    pending: np.ndarray
    held: np.ndarray
    jitter: np.ndarray
    restart: np.ndarray

    @classmethod
    def of(cls, times: np.ndarray, values: np.ndarray, counter: Counter, ends: bool) -> _Judged:
        n = len(values)
        jitter = np.full(n, counter.jitter)
        if counter.kind == "turns_back":
            # A fall below half of the usual level nearby that recovers is a misreading, not negative consumption.
            jitter = np.maximum(jitter, np.nanmedian(_windows(np.abs(values)), axis=1) / 2)
        if not counter.declared_resolution and counter.kind == "register":
            found = found_resolution(times, values, counter.resolution, counter.jitter, counter.unit)
            jitter = np.maximum(jitter, found * (1 + 1e-6))
        restart = np.zeros(n, dtype=bool)
        if counter.kind == "register":
            restart = restarts(times, values, counter.jitter)
        elif counter.kind == "resetting":
            restart[1:] = values[1:] < values[:-1] - counter.jitter
        near = np.zeros(n, dtype=bool)
        for at in np.flatnonzero(restart).tolist():
            near[max(0, at - REACH) : at + REACH + 1] = True
        if counter.kind == "turns_back" and counter.digits is not None:
            low, high = values <= _NEAR_ZERO * counter.modulus, values >= _NEAR_TOP * counter.modulus
            # Around zero it rolls over in both directions.
            near = np.asarray((_windows(low) > 0).any(axis=1) & (_windows(high) > 0).any(axis=1), dtype=bool)
        fall = np.zeros(n, dtype=bool)
        fall[1:] = values[1:] < values[:-1] - counter.jitter
        kept, pending = _valid(times, values, np.flatnonzero(fall), jitter, near, ends)
        held = values if counter.kind == "turns_back" else _hold_jitter(values, kept, jitter, restart)
        return cls(values, kept, pending, held, jitter, restart)


def _windows(values: np.ndarray) -> np.ndarray:
    """Give each reading with its neighbours, NaN where there are none, shape (n, 2 · REACH + 1)."""
    padded = np.pad(values.astype(float), REACH, constant_values=np.nan)
    at = np.arange(len(values))[:, np.newaxis] + np.arange(2 * REACH + 1)
    return np.asarray(padded[at])


def _valid(
    times: np.ndarray, values: np.ndarray, falls: np.ndarray, jitter: np.ndarray, exempt: np.ndarray, ends: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Judge each reading by its own window; only readings near a fall can be invalid."""
    n = len(values)
    kept = np.ones(n, dtype=bool)
    pending = np.zeros(n, dtype=bool)
    near = np.zeros(n, dtype=bool)
    for fall in falls.tolist():
        near[max(0, fall - REACH) : fall + REACH + 1] = True
    for i in np.flatnonzero(near & ~exempt).tolist():
        lo, hi = max(0, i - REACH), min(n, i + REACH + 1)
        kept[i] = keep_in_window(times[lo:hi].tolist(), values[lo:hi].tolist(), float(jitter[i]))[i - lo]
    # A single fallen reading at the very end may be a glitch that has not ended yet.
    last_two = np.flatnonzero(kept[-REACH:])[-2:] + max(0, n - REACH)
    fell = len(last_two) == 2 and last_two[1] == n - 1 and values[n - 1] < values[last_two[0]] - jitter[n - 1]
    if ends and fell and not exempt[n - 1]:
        kept[n - 1], pending[n - 1] = False, True
    return kept, pending


def _hold_jitter(values: np.ndarray, kept: np.ndarray, jitter: np.ndarray, restart: np.ndarray) -> np.ndarray:
    """Hold the running maximum of the last valid readings over falls within the resolution."""
    held = values.copy()
    jittery = np.zeros(len(values), dtype=bool)
    index = np.flatnonzero(kept)
    for k in np.flatnonzero(values[index][1:] < values[index][:-1]) + 1:
        jittery[index[k] : index[k] + REACH + 1] = True
    for i in np.flatnonzero(jittery & kept).tolist():
        last = max(0, i - REACH)
        started = np.flatnonzero(restart[last : i + 1])
        last += int(started[-1]) if len(started) else 0
        before = values[last : i + 1][kept[last : i + 1]]
        held[i] = before[before <= values[i] + jitter[i]].max()
    return held


def _fall(
    times: np.ndarray, judged: _Judged, i: int, j: int, counter: Counter
) -> tuple[float, float, bool, Finding | None]:
    """Classify a fall between two consecutive valid readings: base, advance, whether it is a fall, and the finding."""
    before, after = float(judged.held[i]), float(judged.held[j])
    start, end = days.instants(times[[i, j]])
    figures = {"before": before, "after": after}
    if before - after <= judged.jitter[j]:
        # A step back within the resolution is no consumption, not even a negative one.
        return after, 0.0, True, None
    if judged.restart[j]:
        figures["advance"] = after
        told = Finding("counter_restarts", counter.meter_id, start, end, figures)
        return 0.0, after, True, told if counter.kind == "register" else None
    modulus = counter.modulus
    if _NEAR_TOP * modulus <= before < modulus and after <= _NEAR_ZERO * modulus:
        advance = after + modulus - before
        figures["advance"] = advance
        return before, advance, True, Finding("rollover", counter.meter_id, start, end, figures, "note")
    elapsed = float(times[j] - times[i])
    advance = after if after <= _PLAUSIBLE_RATE * _fastest(times, judged.values, j, judged.jitter[j]) * elapsed else 0.0
    figures["advance"] = advance
    return after - advance, advance, True, Finding("undeclared_reset", counter.meter_id, start, end, figures)


def _net(
    times: np.ndarray, values: np.ndarray, i: int, j: int, difference: float, counter: Counter
) -> tuple[float, Finding | None]:
    """Give the advance of a counter that turns back (negative, or across its rollover), and the finding."""
    if abs(difference) <= counter.modulus / 2:
        return difference, None
    advance = difference + (counter.modulus if difference < 0 else -counter.modulus)
    start, end = days.instants(times[[i, j]])
    figures = {"before": float(values[i]), "after": float(values[j]), "advance": advance}
    return advance, Finding("rollover", counter.meter_id, start, end, figures, "note")


def _fastest(times: np.ndarray, values: np.ndarray, j: int, jitter: float) -> float:
    """Give the fastest rise among a reading's neighbours. [unit/µs]"""  # noqa: D415
    lo, hi = max(0, j - REACH), min(len(values), j + REACH + 1)
    kept = np.array(keep_in_window(times[lo:hi].tolist(), values[lo:hi].tolist(), float(jitter)))
    window_times, window_values = times[lo:hi][kept], values[lo:hi][kept]
    climbs = np.diff(window_values) / np.diff(window_times)
    return float(climbs[climbs > 0].max(initial=0.0))
