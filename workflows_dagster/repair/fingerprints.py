"""Caches fingerprints of all readings between polls, so that a poll reads a few months instead of the whole history.

Each poll rereads the running months, the months that our own writers have marked (`stores.ports.READINGS_CHANGED`), and
a part of all others, so that each of those is read once an hour. Changes that another program makes in an older month
are therefore found within the hour, all others at the next poll.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from workflows_dagster.stores.ports import READINGS_CHANGED, WRITING, RawSeries, Store

# Every month is reread within this time.
_ROUND = pd.Timedelta(hours=1)
# Readings that another program sends this late still count as new.
_LATE = pd.Timedelta(days=3)
_COLUMNS = ("series", "month", "count", "sum", "first", "last")
_Row = tuple[RawSeries, str, int, float, pd.Timestamp, pd.Timestamp]
# An entity, and a UTC month as `YYYY-MM`.
_Place = tuple[str, str]


@dataclass(frozen=True)
class _Mark:
    """A mark, and when it was first seen."""

    text: str
    seen: pd.Timestamp


class Fingerprints:
    """Gives the results of `RawStore.fingerprints` at a fraction of the cost. Not thread-safe."""

    def __init__(self) -> None:
        self._months: dict[RawSeries, dict[str, _Row]] = {}
        self._marks: dict[_Place, _Mark] = {}
        self._looked: pd.Timestamp | None = None
        self._next = pd.Period("1970-01", "M")

    def look(self, store: Store, series: Sequence[RawSeries], now: pd.Timestamp) -> pd.DataFrame:
        """Give each series' current fingerprints by month, as `RawStore.fingerprints` does.

        The first call reads everything.

        Args:
            store: The house's store.
            series: The series.
            now: The present, UTC.

        Raises:
            StoreError: The store cannot be read; the next call then reads what this one missed.
        """
        # Marks are read before the readings, so the next poll sees a write in between.
        marks = self._marks_in(store, now)
        last = self._looked
        if last is None or not last <= now < last + _ROUND or set(series) != set(self._months):
            self._looked = None
            self._months = {one: {} for one in series}
            self._read(store, series, None, None)
            self._next = _month_of(now)
        else:
            running = _month_of(last - _LATE)
            self._read(store, series, running, None)
            self._read_marked(store, series, self._changed(marks, now), running)
            self._read_part(store, series, (now - last) / _ROUND, running)
        self._looked, self._marks = now, marks
        rows = [self._months[one][month] for one in series for month in sorted(self._months[one])]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def _marks_in(self, store: Store, now: pd.Timestamp) -> dict[_Place, _Mark]:
        found = {}
        for entity_id, texts in store.texts(READINGS_CHANGED, "mark").items():
            months = pd.DatetimeIndex(texts.index).strftime("%Y-%m")
            for month, text in zip(months, texts, strict=True):
                known = self._marks.get((entity_id, month))
                found[entity_id, month] = known if known and known.text == text else _Mark(text, now)
        return found

    def _changed(self, marks: dict[_Place, _Mark], now: pd.Timestamp) -> set[_Place]:
        """Give the months with a new mark, or with a mark of a write that has not finished.

        A killed writer leaves such a mark; after an hour all its months have been reread by rotation.
        """
        return {
            place
            for place, mark in marks.items()
            if mark != self._marks.get(place) or (mark.text.startswith(WRITING) and now < mark.seen + 2 * _ROUND)
        }

    def _read_marked(self, store: Store, series: Sequence[RawSeries], places: set[_Place], running: pd.Period) -> None:
        entities = {entity_id for entity_id, month in places if pd.Period(month, "M") < running}
        months = [pd.Period(month, "M") for entity_id, month in places if entity_id in entities]
        marked = [one for one in series if one.entity_id in entities]
        if marked:
            self._read(store, marked, min(months), min(max(months) + 1, running))

    def _read_part(self, store: Store, series: Sequence[RawSeries], part: float, running: pd.Period) -> None:
        """Reread the next months in rotation; the first step is everything before the first known month."""
        first = min((pd.Period(min(months), "M") for months in self._months.values() if months), default=running)
        if first > running:
            first = running
        count = math.ceil(((running - first).n + 1) * part)
        begin = self._next if first <= self._next < running else None
        end = min((first - 1 if begin is None else begin) + count, running)
        self._read(store, series, begin, end)
        self._next = end

    def _read(self, store: Store, series: Sequence[RawSeries], begin: pd.Period | None, end: pd.Period | None) -> None:
        """Read the months of some series in `[begin, end)`, and replace the cached ones."""
        found = store.fingerprints(series, _opening(begin), _opening(end))
        for one in series:
            months = self._months[one]
            for month in [month for month in months if _inside(month, begin, end)]:
                del months[month]
        for row in found[list(_COLUMNS)].itertuples(index=False, name=None):
            self._months[row[0]][row[1]] = row


def _inside(month: str, begin: pd.Period | None, end: pd.Period | None) -> bool:
    return (begin is None or month >= str(begin)) and (end is None or month < str(end))


def _month_of(instant: pd.Timestamp) -> pd.Period:
    return pd.Period(instant.strftime("%Y-%m"), "M")


def _opening(month: pd.Period | None) -> pd.Timestamp | None:
    return None if month is None else month.start_time.tz_localize("UTC")
