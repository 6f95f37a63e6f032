"""The stored days of a house over one span, each meter read once."""

from __future__ import annotations

from datetime import date

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import ProcessedStore

# Readings by hand lie up to a quarter apart; so far do estimates reach beyond their month.
BESIDE = pd.Timedelta(days=92)


class StoredDays:
    """Reads days from the first of one month to the last of another, as they are stored.

    Args:
        settings: The house.
        store: Its days.
        first: A day of the first month.
        last: A day of the last month.

    Attributes:
        first: First day of the first month.
        last: Last day of the last month.
        start: Instant at which the first day opens, UTC.
        end: Instant at which the last day closes, UTC.
    """

    def __init__(self, settings: Settings, store: ProcessedStore, first: date, last: date) -> None:
        self._store, self._zone = store, settings.site.zone
        months = pd.period_range(first, last, freq="M")
        self.first, self.last = months[0].start_time.date(), months[-1].end_time.date()
        self.start, self.end = days.opening(self.first, self._zone), days.closing(self.last, self._zone)
        self._frames: dict[str, pd.DataFrame] = {}

    def of(self, meter_id: str) -> pd.DataFrame:
        """Give a meter's days, index their openings (UTC), as `read_days` gives them, with `BESIDE` on either side."""
        if meter_id not in self._frames:
            self._frames[meter_id] = read_days(self._store, meter_id, self.start - BESIDE, self.end + BESIDE)
        return self._frames[meter_id]

    def within(self, meter_id: str) -> pd.DataFrame:
        """Give a meter's days of the months themselves."""
        frame = self.of(meter_id)
        return frame[(frame.index >= self.start) & (frame.index < self.end)]

    def civil(self, frame: pd.DataFrame) -> pd.Index:
        """Give the civil days of a frame's rows."""
        return days.civil_days(pd.DatetimeIndex(frame.index), self._zone)
