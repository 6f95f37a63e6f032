"""Series whose entity was renamed: several entities, one after the other, read and written as one series."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflows_dagster.stores.ports import RawSeries, RawStore

_Span = tuple[pd.Timestamp | None, pd.Timestamp | None]


def read(
    store: RawStore,
    series: RawSeries,
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    *,
    before: int,
    after: int,
) -> pd.Series:
    """Read the entities of a series, each in its own time, as `RawStore.readings` reads one."""
    pieces = []
    for part, (lo, hi) in _spans(series):
        begin, finish = _clamped(start, lo, hi) if start is not None else lo, hi
        if end is not None:
            finish = _clamped(end, lo, hi)
        found = store.readings(part, begin, finish, before=before, after=after)
        pieces.append(found[_inside(pd.DatetimeIndex(found.index), lo, hi)])
    joined = pd.concat(pieces)
    index = pd.DatetimeIndex(joined.index)
    first = 0 if start is None else max(int(index.searchsorted(start, side="left")) - before, 0)
    last = len(joined) if end is None else int(index.searchsorted(end, side="left")) + after
    asked: pd.Series = joined.iloc[first:last]
    return asked


def write(store: RawStore, series: RawSeries, readings: pd.Series) -> None:
    """Write readings to the entity of their time."""
    for part, (lo, hi) in _spans(series):
        own = readings[_inside(pd.DatetimeIndex(readings.index), lo, hi)]
        if len(own):
            store.write_readings(part, own)


def delete(store: RawStore, series: RawSeries, start: pd.Timestamp, end: pd.Timestamp) -> None:
    """Delete readings of all entities, each in its own time."""
    for part, (lo, hi) in _spans(series):
        store.delete_readings(part, _clamped(start, lo, hi), _clamped(end, lo, hi))


def _spans(series: RawSeries) -> Iterator[tuple[RawSeries, _Span]]:
    """Give each entity with the time that is its own, open at either end of all."""
    begin = None
    for part, until in zip(series.parts(), [*(name.until for name in series.earlier), None], strict=True):
        yield part, (begin, until)
        begin = until


def _clamped(moment: pd.Timestamp, lo: pd.Timestamp | None, hi: pd.Timestamp | None) -> pd.Timestamp:
    moment = moment if lo is None else max(moment, lo)
    return moment if hi is None else min(moment, hi)


def _inside(index: pd.DatetimeIndex, lo: pd.Timestamp | None, hi: pd.Timestamp | None) -> np.ndarray:
    inside = np.ones(len(index), dtype=bool)
    if lo is not None:
        inside &= np.asarray(index >= lo)
    if hi is not None:
        inside &= np.asarray(index < hi)
    return inside
