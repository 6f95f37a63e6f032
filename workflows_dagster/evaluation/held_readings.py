"""Raw readings for one computation: a series whose whole history has been read is not asked for again."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.stores.ports import RawSeries, RawStore


class HeldReadings:
    """Reads raw readings.

    Args:
        store: Where they are.
        hold: Whether to keep what has been read whole. Only for a computation that begins and ends with a run: what is
            written meanwhile is not seen.
    """

    def __init__(self, store: RawStore, *, hold: bool) -> None:
        self._store, self._hold = store, hold
        self._whole: dict[RawSeries, pd.Series] = {}

    def read(
        self,
        series: RawSeries,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        *,
        neighbours: int = 0,
    ) -> pd.Series:
        """Read one series in `[start, end)`, and so many neighbours on either side, as `RawStore.readings` does.

        Raises:
            StoreError: The store cannot be read.
        """
        if series in self._whole:
            return _cut(self._whole[series], start, end, neighbours)
        found = self._store.readings(series, start, end, before=neighbours, after=neighbours)
        nothing_before = start is None or int((found.index < start).sum()) < neighbours
        nothing_after = end is None or int((found.index >= end).sum()) < neighbours
        if self._hold and nothing_before and nothing_after:
            self._whole[series] = found
        return found


def _cut(whole: pd.Series, start: pd.Timestamp | None, end: pd.Timestamp | None, neighbours: int) -> pd.Series:
    index = pd.DatetimeIndex(whole.index)
    first = 0 if start is None else int(index.searchsorted(start))
    last = len(index) if end is None else max(first, int(index.searchsorted(end)))
    return whole.iloc[max(first - neighbours, 0) : last + neighbours]
