"""Reads and selects the findings about all meters: recent ones, and those about the last import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from workflows_dagster.domain.anomaly_reasons import Reason
from workflows_dagster.domain.findings import ADVICE, Finding
from workflows_dagster.domain.hand_readings import JudgedReading
from workflows_dagster.records.added_readings import Added, last_added
from workflows_dagster.records.anomalies import reason_of
from workflows_dagster.records.findings import findings_of_house
from workflows_dagster.services.reading_entry import ReadingEntry
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    BASE_LOAD_DAILY,
    FINDING_DAILY,
    FINDING_MONTHLY,
    FINDING_NOW,
    ProcessedStore,
    Store,
)

# Older findings are on the meter's page.
RECENT = pd.Timedelta(days=92)
# How long imported or entered readings count as new.
# What a counter does as long as nobody declares it.
_OF_THE_COUNTER = ("counter_restarts", "counter_turns_back", "decimals_lost")
_NEW = pd.Timedelta(days=31)
# After the computation, a doubt about a reading becomes one of these findings.
_SAME_DOUBT = ("implausible_rate", "unconfirmed_fall", "undeclared_reset")


@dataclass(frozen=True)
class UnusualDay:
    """An unusual day.

    Attributes:
        meter_id: The meter.
        start: Instant at which the day opens, UTC.
        severity: How much it matters: `alert` or `notice`.
        reason: Why, or None where an older version stored a sentence only.
        sentence: The sentence that is stored.
    """

    meter_id: str
    start: pd.Timestamp
    severity: str
    reason: Reason | None
    sentence: str


@dataclass(frozen=True)
class HouseFindings:
    """The stored findings of a house.

    Attributes:
        doubted: Newest readings, recently added or read by hand, that are implausible by their meters' history.
        recent: Warnings and errors of the last three months, those and advice of the present, and all findings about
            the last import; errors first, then the newest.
        unusual: Unusual days of the last three months and of the last import; newest first.
        older: Number of older warnings, errors and unusual days.
        notes: Number of further findings that are notes.
    """

    doubted: tuple[JudgedReading, ...]
    recent: tuple[Finding, ...]
    unusual: tuple[UnusualDay, ...]
    older: int
    notes: int


def house_findings(settings: Settings, store: Store, now: pd.Timestamp, *, everything: bool = False) -> HouseFindings:
    """Read the findings about all meters of the house.

    Args:
        settings: The house.
        store: The findings and readings.
        now: The present, UTC.
        everything: Whether to list older findings and notes too.

    Raises:
        StoreError: The store cannot be read.
    """
    past = findings_of_house(store, [FINDING_DAILY, FINDING_MONTHLY])
    at_present = findings_of_house(store, [FINDING_NOW])
    added = {meter_id: one for meter_id, one in last_added(store).items() if one.at >= now - _NEW}
    since = now - RECENT

    def is_listed(finding: Finding) -> bool:
        mine = added.get(finding.meter_id)
        is_new = mine is not None and finding.start <= mine.last and finding.end >= mine.first
        return everything or is_new or (finding.end >= since and finding.severity != "note")

    # A meter removed from meters.yaml may still have stored findings.
    there = [meter.meter_id for meter in settings.meters]
    of_past = [finding for meter_id in there for finding in past.get(meter_id, [])]
    of_now = [finding for meter_id in there for finding in at_present.get(meter_id, [])]
    recent, left = _split(of_past, is_listed)
    shown_now, left_now = _split(
        of_now, lambda finding: everything or finding.severity != "note" or finding.code in ADVICE
    )
    if not everything:
        recent, repeated = _newest_of_each(recent)
        left += repeated
    recent += shown_now
    left += left_now
    recent.sort(key=lambda found: (found.severity != "error", -found.start.value))
    days = [day for meter_id, day in _unusual(store) if meter_id in there]
    unusual = [day for day in days if everything or day.start >= since or _within(day.start, added.get(day.meter_id))]
    unusual.sort(key=lambda day: (-day.start.value, day.severity != "alert"))
    notes = sum(finding.severity == "note" for finding in left)
    older = len(left) - notes + len(days) - len(unusual)
    doubted = tuple(_doubted(settings, store, set(added), recent))
    return HouseFindings(doubted, tuple(recent), tuple(unusual), older, notes)


def _newest_of_each(findings: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Set aside what says the same of a meter day after day: how its counter works."""
    newest = {(one.meter_id, one.code): one for one in sorted(findings, key=lambda one: one.start)}
    return _split(findings, lambda one: one.code not in _OF_THE_COUNTER or newest[one.meter_id, one.code] is one)


def _split(findings: list[Finding], listed: Callable[[Finding], bool]) -> tuple[list[Finding], list[Finding]]:
    judged = [(finding, listed(finding)) for finding in findings]
    return [finding for finding, shown in judged if shown], [finding for finding, shown in judged if not shown]


def _within(opening: pd.Timestamp, added: Added | None) -> bool:
    return added is not None and added.first - pd.Timedelta(days=1) <= opening <= added.last


def _unusual(store: ProcessedStore) -> Iterator[tuple[str, UnusualDay]]:
    for measurement in (ANOMALY_DAILY, BASE_LOAD_DAILY):
        for meter_id in store.texts(measurement, "severity"):
            flagged = store.read(measurement, meter_id)
            for row in flagged[flagged["severity"].notna()].reset_index().to_dict("records"):
                at, severity, why = pd.Timestamp(row["time"]), str(row["severity"]), str(row["reason"] or "")
                yield meter_id, UnusualDay(meter_id, at, severity, reason_of(row), why)


def _doubted(settings: Settings, store: Store, added: set[str], found: list[Finding]) -> Iterator[JudgedReading]:
    """Judge the newest reading of each hand-read meter, as if it were entered now."""
    entry = ReadingEntry(settings, store)
    for meter in settings.meters:
        by_hand = isinstance(meter, PhysicalMeter) and meter.reading_interval_days is not None
        if not isinstance(meter, PhysicalMeter) or not (by_hand or meter.meter_id in added):
            continue
        judged = entry.newest(meter)
        if judged is None or not judged.doubts:
            continue
        if not any(
            one.meter_id == meter.meter_id and one.code in _SAME_DOUBT and one.end == judged.at for one in found
        ):
            yield judged
