"""Imports outdoor temperatures from files: judges every row, compares with stored ones, and stores the good ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from workflows_dagster.clients.spreadsheets.reader import KnownMeter, Row, Sheet, read_spreadsheet
from workflows_dagster.domain.imported_readings import Comparison
from workflows_dagster.evaluation.outdoor_temperature import CELSIUS, OUTDOOR
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store

_THERMOMETER = KnownMeter(
    OUTDOOR.entity_id, CELSIUS, "outdoor temperature", is_interval=True, minutes=60, is_temperature=True
)
# A mean of a day holds all day; a thermometer's reading counts for three hours at most.
_DAILY, _REPEATED = pd.Timedelta(hours=20), pd.Timedelta(hours=3)


def judge_temperatures(settings: Settings, paths: Sequence[Path], now: pd.Timestamp) -> list[Sheet]:
    """Read files of outdoor temperatures and judge each of their rows; nothing is stored.

    Args:
        settings: The house.
        paths: Text files and workbooks, with a column of times and one of temperatures. [°C]
        now: The present, UTC; later temperatures are refused.

    Raises:
        SpreadsheetError: A file as a whole cannot be used.
    """
    return [
        read_spreadsheet(path, settings.site.zone, OUTDOOR.entity_id, now=now, meters=[_THERMOMETER]) for path in paths
    ]


def compare_temperatures(store: Store, rows: Sequence[Row]) -> Comparison:
    """Compare good rows with the stored temperatures.

    Raises:
        StoreError: They cannot be read.
    """
    given = _series(rows)
    before = store.readings(OUTDOOR, given.index[0], given.index[-1] + pd.Timedelta(microseconds=1)).reindex(
        given.index
    )
    same, new = (before == given).to_numpy(), before.isna().to_numpy()
    repeated = len(rows) - len(given)
    return Comparison(len(rows), int(new.sum()), int(same.sum()) + repeated, int(np.sum(~same & ~new)), ())


def store_temperatures(store: Store, rows: Sequence[Row]) -> None:
    """Store good rows; of two at one instant the later row wins. A repeat changes nothing.

    Means of days are stored every three hours of their day, because a thermometer's reading holds no longer.

    Raises:
        StoreError: Not everything was stored.
    """
    given = _series(rows)
    if len(given) > 1 and pd.Timedelta(np.median(np.diff(pd.DatetimeIndex(given.index).asi8)), unit="us") >= _DAILY:
        given = pd.concat([given.set_axis(given.index + step * _REPEATED) for step in range(8)]).sort_index()
    store.write_readings(OUTDOOR, given[~given.index.duplicated(keep="last")])


def _series(rows: Sequence[Row]) -> pd.Series:
    index = pd.DatetimeIndex([row.time for row in rows]).as_unit("us")
    found = pd.Series([row.value for row in rows], index=index, dtype=float)
    return found[~found.index.duplicated(keep="last")].sort_index()
