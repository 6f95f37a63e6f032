"""Fetches the outdoor temperature: what is missing since the house's first day, and what is new or corrected.

Stateless: what is asked for follows from the stored hours, so that a restored backup or a month without the service
loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Protocol

import pandas as pd

from workflows_dagster.domain.days import civil_day, opening
from workflows_dagster.domain.degree_days import daily_means
from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import RawStore

# The archive lags five days or a few more; what the forecast gave meanwhile is replaced in this time.
_CORRECTED = timedelta(days=14)
# The forecast has the last 92 days.
_RECENT = timedelta(days=90)
# Smaller changes are none: they change no day that anybody would look at, but recompute years.
_LEAST_CHANGE = 0.1
_ROUNDING = 1e-9


class TemperatureSource(Protocol):
    """A source of a place's temperatures, such as `OpenMeteoClient`."""

    def archived(self, first: date, last: date) -> pd.Series:
        """Read the hours of some UTC days that are settled. [°C]"""  # noqa: D415
        ...

    def recent(self, first: date, last: date) -> pd.Series:
        """Read the hours of some of the last 90 days, which may be corrected later. [°C]"""  # noqa: D415
        ...


@dataclass(frozen=True)
class TemperatureSync:
    """The result of a fetch.

    Attributes:
        written: Number of new hours.
        corrected: Number of known hours that changed by at least 0.1 K.
        unknown_days: Number of days up to yesterday that are still without a temperature.
        newest: The newest known hour, UTC; None if there is none.
    """

    written: int
    corrected: int
    unknown_days: int
    newest: pd.Timestamp | None


def sync_temperatures(
    settings: Settings, source: TemperatureSource, store: RawStore, now: pd.Timestamp
) -> TemperatureSync:
    """Write the temperatures that are missing, new or corrected; no hour of today or later.

    Each calendar year with days that are not known takes a request of the archive, and the days that the archive does
    not have yet take one of the forecast. Days that are known keep what they have, but the last 14 before the newest.
    Each answer is written before the next question, so that a failure later on loses nothing.

    Args:
        settings: The house.
        source: Where to read.
        store: Where to write.
        now: The present, UTC.

    Raises:
        OpenMeteoError: Not everything could be read.
        StoreError: Not everything was stored.
    """
    end = opening(civil_day(now, settings.site.zone), settings.site.zone)
    first, last = settings.first_day, (end - pd.Timedelta(hours=1)).date()
    written = corrected = 0
    stored = store.readings(OUTDOOR)
    wanted = _wanted(stored, first, last)
    for begin, until in _by_year(wanted):
        settled = source.archived(begin, until)
        new, other = _write(store, stored, settled, wanted, end)
        written, corrected = written + new, corrected + other
        answered = _known_days(settled)
        missing = [day for day in _days(begin, until) if day in wanted and day not in answered]
        missing = [day for day in missing if day >= last - _RECENT]
        if missing:
            recent = source.recent(missing[0], missing[-1])
            # Only the archive corrects, and once: a forecast that changes by the hour would recompute gaps by the hour.
            unsettled = recent[~recent.index.isin(settled.index) & ~recent.index.isin(stored.index)]
            new, other = _write(store, stored, unsettled, wanted, end)
            written, corrected = written + new, corrected + other
    known = store.readings(OUTDOOR)
    known_days = _known_days(known)
    unknown = sum(day not in known_days for day in _days(first, last))
    return TemperatureSync(written, corrected, unknown, known.index[-1] if len(known) else None)


def _wanted(stored: pd.Series, first: date, last: date) -> set[date]:
    """Give the UTC days to ask for: unknown ones, and the last ones, which may be corrected."""
    known = _known_days(stored)
    newest = max(known, default=first)
    return {day for day in _days(first, last) if day not in known or day > min(newest, last) - _CORRECTED}


def _known_days(hours: pd.Series) -> set[date]:
    return {day.date() for day in daily_means(hours).index}


def _by_year(wanted: set[date]) -> Iterator[tuple[date, date]]:
    for year in sorted({day.year for day in wanted}):
        days = [day for day in wanted if day.year == year]
        yield min(days), max(days)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


def _write(
    store: RawStore, stored: pd.Series, given: pd.Series, wanted: set[date], end: pd.Timestamp
) -> tuple[int, int]:
    """Write what is new or differs, of wanted days before an instant; give the numbers of both."""
    days = pd.DatetimeIndex(given.index).floor("D")
    given = given[(given.index < end) & days.isin(pd.DatetimeIndex(sorted(wanted), tz=UTC))]
    before = stored.reindex(given.index)
    new = before.isna()
    changed = (before - given).abs() >= _LEAST_CHANGE - _ROUNDING
    if (new | changed).any():
        store.write_readings(OUTDOOR, given[new | changed])
    return int(new.sum()), int(changed.sum())
