"""Findings in the processed store: what was found, where Grafana and the alerts can see it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding, is_known
from workflows_dagster.stores.ports import (
    FINDING_DAILY,
    FINDING_MONTHLY,
    FINDING_NOW,
    Measurement,
    ProcessedStore,
)

_UNIT = "finding"
_log = logging.getLogger(__name__)


def keep_findings(
    store: ProcessedStore,
    measurement: Measurement,
    meter_id: str,
    start: pd.Timestamp,
    end: pd.Timestamp,
    findings: Iterable[Finding],
    sentence: Callable[[Finding], str],
) -> None:
    """Make the findings that begin in `[start, end)` all that the store holds of a meter there.

    A finding stands at the instant at which it begins; of several that begin together each stands a microsecond later.
    Its sentence is written for Grafana only: nothing reads it back or compares it.

    Args:
        store: Where to write.
        measurement: One of the three measurements of findings.
        meter_id: The meter.
        start: First instant, UTC.
        end: Instant after the last, UTC.
        findings: In any order.
        sentence: Writes a finding in the house's language.

    Raises:
        StoreError: The range does not read back as written.
    """
    inside = sorted((f for f in findings if start <= f.start < end), key=lambda f: (f.start, f.code, _figures(f)))
    at: list[pd.Timestamp] = []
    for finding in inside:
        instant = finding.start.as_unit("us")
        at.append(instant if not at or instant > at[-1] else at[-1] + pd.Timedelta(microseconds=1))
    points = pd.DataFrame(
        {
            "code": [finding.code for finding in inside],
            "severity": [finding.severity for finding in inside],
            "sentence": [sentence(finding) for finding in inside],
            "until": [finding.end.isoformat() for finding in inside],
            "figures": [_figures(finding) for finding in inside],
        },
        index=pd.DatetimeIndex(at, tz="UTC").as_unit("us"),
        dtype=object,
    )
    store.replace(measurement, meter_id, _UNIT, start, end, points)


def kept_findings(
    store: ProcessedStore,
    meter_id: str,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    measurements: Iterable[Measurement] = (FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW),
) -> list[Finding]:
    """Read what was found about a meter and begins in `[start, end)`, in time order.

    Raises:
        StoreError: The store cannot be read.
    """
    found = [
        finding
        for measurement in measurements
        for row in store.read(measurement, meter_id, start, end).reset_index().to_dict("records")
        for finding in _read(meter_id, row)
    ]
    return sorted(found, key=lambda finding: (finding.start, finding.code))


def _figures(finding: Finding) -> str:
    return json.dumps(dict(finding.figures), sort_keys=True)


def _read(meter_id: str, row: Mapping[Any, Any]) -> Iterator[Finding]:
    """Read a finding; one that another version wrote and this one does not know is left out, and logged."""
    code, figures = row["code"], json.loads(row["figures"])
    if code == "reading_out_of_time" and not figures:
        # A reading of the future had this code once.
        code = "reading_ahead"
    if not is_known(code, figures):
        _log.warning("%s: a stored finding '%s' with figures %s is unknown here", meter_id, code, sorted(figures))
        return
    yield Finding(
        code=code,
        meter_id=meter_id,
        start=pd.Timestamp(row["time"]),
        end=pd.Timestamp(row["until"]).as_unit("us"),
        figures=figures,
        severity=row["severity"],
    )


def findings_of_house(store: ProcessedStore, measurements: Iterable[Measurement]) -> dict[str, list[Finding]]:
    """Read what was found about all meters, by meter; a meter about which nothing was found is not there.

    Raises:
        StoreError: The store cannot be read.
    """
    named = [(measurement, store.present(measurement, *days.REPRESENTABLE)) for measurement in measurements]
    found: dict[str, list[Finding]] = {}
    for measurement, present in named:
        for meter_id in present:
            found.setdefault(meter_id, []).extend(kept_findings(store, meter_id, measurements=[measurement]))
    return found
