"""Reads the house's condition: newest day, age of readings, missing days, open findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.records.house_status import HouseStatus, stored_status
from workflows_dagster.services.findings import HouseFindings, house_findings
from workflows_dagster.services.raw_catalogue import newest_reading
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, Store

_LOOK_BACK = timedelta(days=365)
MISSING = "missing"


@dataclass(frozen=True)
class HouseCondition:
    """The condition of a house.

    Attributes:
        newest_day: The newest day of any meter that has a value; None without any.
        newest_reading: Instant of each physical meter's newest reading, UTC; None without any.
        missing_days: Number of stored days of the last year without a value, by meter.
        findings: Number of recent findings by severity.
        recent: The recent findings.
        status: The state of runs and backups, as Dagster stored it; None before the first run.
    """

    newest_day: date | None
    newest_reading: Mapping[str, pd.Timestamp | None]
    missing_days: Mapping[str, int]
    findings: Mapping[str, int]
    recent: HouseFindings
    status: HouseStatus | None


def house_condition(settings: Settings, store: Store, now: pd.Timestamp) -> HouseCondition:
    """Read the condition of a house.

    Args:
        settings: The house.
        store: Its readings and results.
        now: The present, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    today = days.civil_day(now, zone)
    start, end = days.opening(today - _LOOK_BACK, zone), days.opening(today, zone)
    quality = store.texts(CONSUMPTION_DAILY, "quality", start, end)
    valued = [series.index[series != MISSING] for series in quality.values()]
    newest = max((index[-1] for index in valued if len(index)), default=None)
    recent = house_findings(settings, store, now)
    return HouseCondition(
        newest_day=None if newest is None else days.civil_day(newest, zone),
        newest_reading={
            meter.meter_id: found[0] if (found := newest_reading(store, meter, now)) else None
            for meter in settings.meters.physical
        },
        missing_days={
            meter.meter_id: int((quality[meter.meter_id] == MISSING).sum()) if meter.meter_id in quality else 0
            for meter in settings.meters
        },
        findings=Counter(finding.severity for finding in recent.recent)
        + Counter(unusual=len(recent.unusual), doubted=len(recent.doubted)),
        recent=recent,
        status=stored_status(store),
    )
