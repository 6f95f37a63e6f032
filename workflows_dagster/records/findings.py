"""Findings in the processed store, from which Grafana and the alerts read them."""

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
    """Replace a meter's findings that begin in `[start, end)`.

    A finding is stamped with its start; of several with one start, each is stamped a microsecond later. Its sentence is
    written for Grafana only; the program never reads or compares it.

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
    """Read a meter's findings that begin in `[start, end)`, in time order.

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
    """Read a finding; one with a code unknown to this version is skipped and logged."""
    code, figures = row["code"], json.loads(row["figures"])
    if code == "reading_out_of_time" and not figures:
        # Former code of a reading dated in the future.
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
    """Read the findings of all meters, by meter; meters without findings are absent.

    Raises:
        StoreError: The store cannot be read.
    """
    named = [(measurement, store.present(measurement, *days.REPRESENTABLE)) for measurement in measurements]
    found: dict[str, list[Finding]] = {}
    for measurement, present in named:
        for meter_id in present:
            found.setdefault(meter_id, []).extend(kept_findings(store, meter_id, measurements=[measurement]))
    return found
