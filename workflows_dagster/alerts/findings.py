"""Finds alert causes in the stored results: broken balances, overdue readings, unusual days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from workflows_dagster.alerts.cause import Cause, Figure
from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.anomalies import reason_of
from workflows_dagster.records.findings import findings_of_house
from workflows_dagster.records.live_status import read_live_status
from workflows_dagster.settings.home_assistant import CLOCK_TOLD
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    BASE_LOAD_DAILY,
    FINDING_DAILY,
    FINDING_MONTHLY,
    FINDING_NOW,
    Measurement,
    ProcessedStore,
)
from workflows_dagster.wording.findings import finding_writer

# Older days appear in the monthly report only.
RECENT_DAYS = 14
_DAY = pd.Timedelta(days=1)
_KINDS: dict[str, Measurement] = {"use": ANOMALY_DAILY, "base_load": BASE_LOAD_DAILY}


def house_causes(settings: Settings, store: ProcessedStore, now: pd.Timestamp) -> list[Cause]:
    """Find what needs attention in the stored results.

    Args:
        settings: The house.
        store: Its results.
        now: The present, UTC.

    Returns:
        Broken balances first, then overdue readings, then unusual days, then what the live connection lacks.

    Raises:
        StoreError: The store cannot be read.
    """
    return [
        *broken_promises(settings, store),
        *overdue_readings(settings, store),
        *unusual_days(settings, store, now),
        *live_causes(settings, store, now),
    ]


def broken_promises(settings: Settings, store: ProcessedStore) -> Iterator[Cause]:
    """Find the meters whose days break a law of conservation; one cause per meter, with the newest finding.

    Raises:
        StoreError: The store cannot be read.
    """
    write = finding_writer(settings)
    for meter_id, findings in _found(settings, store, FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW):
        broken = [finding for finding in findings if finding.severity == "error"]
        if broken:
            newest = max(broken, key=lambda finding: finding.start)
            day = days.civil_day(newest.start, settings.site.zone).isoformat()
            figures: dict[str, Figure] = {
                "meter": meter_id,
                "day": day,
                "finding": write(newest),
                "times": len(broken),
            }
            yield Cause(f"house:{meter_id}:promise", "broken_promise", figures, newest.start)


def live_causes(settings: Settings, store: ProcessedStore, now: pd.Timestamp) -> Iterator[Cause]:
    """Find a live connection that has been away for a day, a clock that is off, and sensors that send nothing.

    Raises:
        StoreError: The store cannot be read.
    """
    status = read_live_status(store) if settings.site.home_assistant.url is not None else None
    if status is None:
        return
    last = status.connected or status.at
    if now - last >= _DAY:
        figures: dict[str, Figure] = {
            "since": last.isoformat(),
            "error": status.problem or "",
        }
        yield Cause("house:live", "live_down" if status.problem else "live_silent", figures, last)
        return
    if abs(status.clock) > CLOCK_TOLD:
        yield Cause("house:live:clock", "live_clock", {"seconds": round(abs(status.clock), 1)}, status.at)
    for sensor, text in status.silent.items():
        since = pd.Timestamp(text)
        if now - since >= _DAY:
            yield Cause(f"house:live:{sensor}", "live_sensor", {"sensor": sensor, "since": since.isoformat()}, since)


def overdue_readings(settings: Settings, store: ProcessedStore) -> Iterator[Cause]:
    """Find the meters whose readings are overdue, and other warnings of their last review.

    Raises:
        StoreError: The store cannot be read.
    """
    write = finding_writer(settings)
    for meter_id, findings in _found(settings, store, FINDING_NOW):
        for finding in findings:
            # A reminder is no warning, and is sent all the same: before the reading is due.
            if finding.severity == "warn" or finding.code == "reading_due":
                figures = {"meter": meter_id, "finding": write(finding)}
                yield Cause(f"house:{meter_id}:{finding.code}", "finding", figures, finding.start)


def _found(
    settings: Settings, store: ProcessedStore, *measurements: Measurement
) -> Iterator[tuple[str, list[Finding]]]:
    found = findings_of_house(store, measurements)
    # A meter removed from meters.yaml may still have stored findings.
    yield from ((meter.meter_id, found[meter.meter_id]) for meter in settings.meters if meter.meter_id in found)


def unusual_days(settings: Settings, store: ProcessedStore, now: pd.Timestamp) -> list[Cause]:
    """Find the last days that differ from what is usual by more than a factor of two.

    A day of a master or virtual meter is not repeated for the meters that it is made from. A meter's days that are all
    too high (or all too low) are one cause, reported by the newest of them.

    Args:
        settings: The house.
        store: Its judged days.
        now: The present, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    last = days.civil_day(now, settings.site.zone)
    start = days.opening(last - timedelta(days=RECENT_DAYS), settings.site.zone)
    covered: dict[str, set[date]] = {}
    causes: list[Cause] = []
    for meter in reversed(settings.meters.in_order()):
        already = covered.get(meter.meter_id, set())
        alerts = list(_alerts_of(meter, settings, store, start, now))
        for key, alike in _alike(alert for alert in alerts if alert.day not in already).items():
            newest = alike[-1]
            figures: dict[str, Figure] = {
                "meter": meter.meter_id, "day": newest.day.isoformat(), "times": len(alike), "days": RECENT_DAYS,
                "unit": meter.output_unit, **newest.reason,
            }  # fmt: skip
            cause = Cause(f"house:{meter.meter_id}:{key}", "unusual_day", figures, newest.start, lasts=False)
            causes.append(cause)
        for source in meter.upstream:
            covered.setdefault(source, set()).update(already, (alert.day for alert in alerts))
    return causes


@dataclass(frozen=True)
class _Alert:
    """An unusual day: its opening (UTC), its date, kind and direction of the deviation, and the reason:
    code and figures, or the sentence that an older version stored."""

    start: pd.Timestamp
    day: date
    kind: str
    reason: dict[str, str]


def _alerts_of(
    meter: Meter, settings: Settings, store: ProcessedStore, start: pd.Timestamp, end: pd.Timestamp
) -> Iterator[_Alert]:
    for kind, measurement in _KINDS.items():
        judged = store.read(measurement, meter.meter_id, start, end)
        for row in judged[judged["severity"] == "alert"].reset_index().to_dict("records"):
            opening = pd.Timestamp(row["time"])
            direction = "below" if row["delta_percent"] < 0 else "above"
            day = days.civil_day(opening, settings.site.zone)
            why = {"reason": str(row["reason"])}
            if reason_of(row) is not None:
                why = {"reason_code": str(row["code"]), "reason_figures": str(row["figures"])}
            yield _Alert(opening, day, f"{kind}:{direction}", why)


def _alike(alerts: Iterable[_Alert]) -> dict[str, list[_Alert]]:
    """Group the days that are unusual in the same way, each group in time order."""
    found: dict[str, list[_Alert]] = {}
    for alert in alerts:
        found.setdefault(alert.kind, []).append(alert)
    return found
