"""Caches the stored days of a house over one span, so that each meter is read once."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.months import whole_months
from workflows_dagster.records.days import read_days
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import FINDING_DAILY, ProcessedStore

# Hand readings may be three months apart, so estimates may reach this far beyond their month.
BESIDE = pd.Timedelta(days=92)


class StoredDays:
    """Reads the stored days of whole months.

    Args:
        settings: The house.
        store: Its days.
        asked: Days of the first to the last month.

    Attributes:
        days: All days of these months.
        start: Instant at which the first day opens, UTC.
        end: Instant at which the last day closes, UTC.
    """

    def __init__(self, settings: Settings, store: ProcessedStore, asked: DayRange) -> None:
        self._store, self._zone = store, settings.site.zone
        self.days = whole_months(asked)
        self.start, self.end = self.days.bounds(self._zone)
        self._frames: dict[str, pd.DataFrame] = {}
        self._found: dict[str, tuple[Finding, ...]] = {}

    def of(self, meter_id: str) -> pd.DataFrame:
        """Give a meter's days, index their openings (UTC), as `read_days` gives them, with `BESIDE` on either side."""
        if meter_id not in self._frames:
            self._frames[meter_id] = read_days(self._store, meter_id, self.start - BESIDE, self.end + BESIDE)
        return self._frames[meter_id]

    def within(self, meter_id: str) -> pd.DataFrame:
        """Give a meter's days of the months themselves."""
        frame = self.of(meter_id)
        return frame[(frame.index >= self.start) & (frame.index < self.end)]

    def found(self, meter_id: str) -> tuple[Finding, ...]:
        """Give the findings stored when the days of these months were computed."""
        if meter_id not in self._found:
            kept = kept_findings(self._store, meter_id, self.start, self.end, [FINDING_DAILY])
            self._found[meter_id] = tuple(kept)
        return self._found[meter_id]

    def civil(self, frame: pd.DataFrame) -> pd.Index:
        """Give the civil days of a frame's rows."""
        return days.civil_days(pd.DatetimeIndex(frame.index), self._zone)
