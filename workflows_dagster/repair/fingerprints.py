"""Fingerprints of all readings, kept between looks, so that a look reads a few months and not the whole history.

Read again at each look are the running months, in which readings arrive; the months that our own writers have marked
(`stores.ports.READINGS_CHANGED`); and a part of all others, so that each of them is read once an hour. So what somebody
else writes into, or deletes from, an older month is seen within the hour, and everything else at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from workflows_dagster.stores.ports import READINGS_CHANGED, WRITING, RawSeries, Store

# Within this time every month is read again.
_ROUND = pd.Timedelta(hours=1)
# Readings that somebody else sends late still count as new ones.
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
    """What `RawStore.fingerprints` would give, at a fraction of the cost. Not for several threads."""

    def __init__(self) -> None:
        self._months: dict[RawSeries, dict[str, _Row]] = {}
        self._marks: dict[_Place, _Mark] = {}
        self._looked: pd.Timestamp | None = None
        self._next = pd.Period("1970-01", "M")

    def look(self, store: Store, series: Sequence[RawSeries], now: pd.Timestamp) -> pd.DataFrame:
        """Give each series' months as they are now, as `RawStore.fingerprints` does.

        The first look reads everything.

        Args:
            store: The house's store.
            series: What to sum up.
            now: The present, UTC.

        Raises:
            StoreError: The store cannot be read; the next look then reads what this one has missed.
        """
        # Before the readings: whoever marks and writes in between is seen by the next look.
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
        """Give the places of marks that are new, or whose writing has begun and not been seen to end.

        A writer that was killed leaves such a mark behind; after an hour all its months have been read by turns.
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
        """Read the next months by turns; the first turn is all that lies before the first known month."""
        first = min((pd.Period(min(months), "M") for months in self._months.values() if months), default=running)
        if first > running:
            first = running
        count = math.ceil(((running - first).n + 1) * part)
        begin = self._next if first <= self._next < running else None
        end = min((first - 1 if begin is None else begin) + count, running)
        self._read(store, series, begin, end)
        self._next = end

    def _read(self, store: Store, series: Sequence[RawSeries], begin: pd.Period | None, end: pd.Period | None) -> None:
        """Read the months of some series in `[begin, end)`, and put them in place of those that were known."""
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
