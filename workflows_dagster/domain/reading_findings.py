"""Builds cleaning's findings about dropped, held and unconfirmed readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.counter import Counter
from workflows_dagster.domain.falls import descents
from workflows_dagster.domain.findings import Finding, Severity

# Findings this close to a place where a counter turns back are caused by it.
_MARGIN = pd.Timedelta(hours=12)


def lost(
    times: np.ndarray, values: np.ndarray, jitter: np.ndarray, certain: np.ndarray, counter: Counter
) -> list[Finding]:
    """Report where decimals were lost, and the inferred resolution."""
    if counter.kind != "register" or counter.declared_resolution:
        return []
    steps = np.diff(values)
    found = []
    for fall in np.flatnonzero((steps < -counter.jitter) & (steps >= -jitter[1:]) & certain[1:]).tolist():
        start, end = days.instants(times[[fall, fall + 1]])
        figures = {
            "before": float(values[fall]),
            "after": float(values[fall + 1]),
            "resolution": float(np.round(jitter[fall + 1], 5)),
        }
        found.append(Finding("decimals_lost", counter.meter_id, start, end, figures, "note"))
    return found


def turned_back(
    times: np.ndarray, values: np.ndarray, certain: np.ndarray, counter: Counter, findings: list[Finding]
) -> list[Finding]:
    """Report where a counter turns back, replacing cleaning's findings about the same readings."""
    if counter.kind != "register":
        return findings
    found = []
    for descent in descents(times, values, counter.jitter):
        if certain[descent.first] and certain[descent.last]:
            start, end = days.instants(times[[descent.first, descent.last]])
            severity: Severity = "warn" if descent.often else "note"
            figures = {"amount": descent.amount}
            found.append(Finding("counter_turns_back", counter.meter_id, start, end, figures, severity))
    often = [(finding.start - _MARGIN, finding.end + _MARGIN) for finding in found if finding.severity == "warn"]
    kept = [
        finding
        for finding in findings
        if finding.code not in ("glitch_dropped", "undeclared_reset")
        or not any(finding.start <= end and finding.end >= start for start, end in often)
    ]
    return [*kept, *found]


def dropped(times: np.ndarray, values: np.ndarray, out: np.ndarray, counter: Counter) -> list[Finding]:
    """Report the runs of dropped readings."""
    index = np.flatnonzero(out)
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


def unconfirmed(times: np.ndarray, values: np.ndarray, pending: np.ndarray, counter: Counter) -> list[Finding]:
    """Report a fall that the next reading must confirm."""
    findings = []
    for i in np.flatnonzero(pending):
        at = days.instants(times[[i]])[0]
        figures = {"before": float(values[i - 1]), "after": float(values[i])}
        findings.append(Finding("unconfirmed_fall", counter.meter_id, at, at, figures))
    return findings
