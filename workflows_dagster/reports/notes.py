"""Collects a month's notes: findings first, then unusual days, then advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import ADVICE, Finding
from workflows_dagster.domain.months import last_day, month_of
from workflows_dagster.records.anomalies import reason_of
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.reports.content import Note
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter
from workflows_dagster.stores.ports import ANOMALY_DAILY, BASE_LOAD_DAILY, Measurement, ProcessedStore
from workflows_dagster.wording import Words, words_of
from workflows_dagster.wording.anomalies import anomaly_sentence
from workflows_dagster.wording.findings import finding_writer

# Nobody would read more.
_MOST = 12
# Where nothing was expected, any consumption counts as the strongest deviation.
_FAR_MORE = 100.0


def notes_of_month(settings: Settings, store: ProcessedStore, month: date, words: Words | None = None) -> list[Note]:
    """Collect a month's notes: findings first, then the strongest unusual days, then advice.

    Args:
        settings: The house.
        store: Findings and anomalies.
        month: Any day of the month.
        words: The reader's language; by default the house's.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    spoken = words or words_of(settings.site)
    write = finding_writer(settings, spoken)
    start, end = days.opening(month_of(month), zone), days.closing(last_day(month_of(month)), zone)
    # Findings that began long before the month count too: a silence may last for years.
    found = [
        finding
        for meter in settings.meters
        for finding in kept_findings(store, meter.meter_id, end=end)
        if finding.end >= start
    ]
    findings = [_note(finding, write, zone) for finding in found if finding.severity != "note"]
    unusual = _standing_out(settings, store, start, end, spoken)
    advice = [Note(write(finding), finding.meter_id) for finding in found if finding.code in ADVICE]
    return [*[*findings, *unusual][: _MOST - len(advice)], *advice][:_MOST]


def _note(finding: Finding, write: Callable[[Finding], str], zone: ZoneInfo) -> Note:
    first, last = days.civil_day(finding.start, zone), days.civil_day(finding.end, zone)
    return Note(write(finding), finding.meter_id, first, last if last != first else None)


def _standing_out(
    settings: Settings, store: ProcessedStore, start: pd.Timestamp, end: pd.Timestamp, words: Words
) -> list[Note]:
    """Give each meter's strongest alert; a master's alert is not repeated for its sources."""
    told: set[tuple[str, date]] = set()
    ranked: list[tuple[float, Note]] = []
    for meter in reversed(settings.meters.in_order()):
        for measurement in (ANOMALY_DAILY, BASE_LOAD_DAILY):
            for strength, note in _strongest(settings, store, meter, measurement, start, end, words):
                assert note.first is not None
                if (meter.meter_id, note.first) not in told:
                    ranked.append((strength, note))
                told.update((source, note.first) for source in meter.upstream)
    return [note for _, note in sorted(ranked, key=lambda item: -item[0])]


def _strongest(
    settings: Settings,
    store: ProcessedStore,
    meter: Meter,
    measurement: Measurement,
    start: pd.Timestamp,
    end: pd.Timestamp,
    words: Words,
) -> Iterator[tuple[float, Note]]:
    judged = store.read(measurement, meter.meter_id, start, end)
    alerts = judged[judged["severity"] == "alert"]
    if alerts.empty:
        return
    times_as_much = np.nan_to_num(1 + alerts["delta_percent"].to_numpy(float) / 100, nan=_FAR_MORE)
    strength = np.abs(np.log(np.clip(times_as_much, 1 / _FAR_MORE, _FAR_MORE)))
    at = int(np.argmax(strength))
    more = words.say("{number} days of the month stood out.", number=len(alerts)) if len(alerts) > 1 else ""
    strongest = alerts.iloc[at].to_dict()
    reason = reason_of(strongest)
    said = strongest["reason"] if reason is None else anomaly_sentence(reason, meter.output_unit, words)
    day = days.civil_day(pd.DatetimeIndex(alerts.index)[at], settings.site.zone)
    yield float(strength[at]), Note(f"{said}. {more}".rstrip(), meter.meter_id, day)
