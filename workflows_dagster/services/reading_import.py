"""Imports readings from files: judges every row, then stores the good ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from workflows_dagster.clients.spreadsheets.reader import Row, Sheet, read_spreadsheet
from workflows_dagster.clients.spreadsheets.verdicts import Remark
from workflows_dagster.evaluation import raw_series
from workflows_dagster.records.added_readings import Added, mark_added
from workflows_dagster.services.meters import UnknownMeterError, require_meter
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, MeterBook, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import Store


def judge_files(settings: Settings, paths: Sequence[Path], meter_id: str | None, now: pd.Timestamp) -> list[Sheet]:
    """Read files of readings and judge each of their rows, against meters.yaml too; nothing is stored.

    Args:
        settings: The house.
        paths: Text files or workbooks.
        meter_id: Meter of the rows that name none.
        now: The present, UTC; later readings are refused.

    Returns:
        A sheet a file. A row is only good if it names a physical meter of the house.

    Raises:
        SpreadsheetError: A file as a whole cannot be used.
        UnknownMeterError: There is no meter `meter_id`.
    """
    if meter_id is not None:
        require_meter(settings.meters, meter_id)
    sheets = [read_spreadsheet(path, settings.site.zone, meter_id, now=now) for path in paths]
    return [replace(sheet, rows=tuple(_judged(row, settings.meters) for row in sheet.rows)) for sheet in sheets]


def good_rows(sheets: Iterable[Sheet]) -> dict[str, list[Row]]:
    """Give the good rows of several files by meter id, in their order."""
    by_meter: dict[str, list[Row]] = {}
    for sheet in sheets:
        for row in sheet.rows:
            if row.verdict == "good":
                by_meter.setdefault(str(row.meter_id), []).append(row)
    return by_meter


def store_readings(settings: Settings, store: Store, by_meter: dict[str, list[Row]]) -> None:
    """Store good rows as readings; of two at one instant the later row wins. A repeat changes nothing.

    Args:
        settings: The house.
        store: Where to write.
        by_meter: Good rows, as `good_rows` gives them.

    Raises:
        StoreError: Not everything was stored.
    """
    for meter_id, rows in by_meter.items():
        meter = settings.meters[meter_id]
        assert isinstance(meter, PhysicalMeter)
        readings = pd.Series(
            [row.value for row in rows], index=pd.DatetimeIndex([row.time for row in rows]).as_unit("us"), dtype=float
        )
        readings = readings[~readings.index.duplicated(keep="last")].sort_index()
        store.write_readings(raw_series(meter), readings)
        first, last = pd.DatetimeIndex(readings.index)[[0, -1]]
        mark_added(store, meter_id, Added(pd.Timestamp.now("UTC").as_unit("us"), first, last))


def _judged(row: Row, meters: MeterBook) -> Row:
    remark = _unusable(row.meter_id, meters) if row.verdict == "good" else None
    return replace(row, verdict="bad", remarks=(remark,)) if remark else row


def _unusable(meter_id: str | None, meters: MeterBook) -> Remark | None:
    """Give why a meter takes no readings, or None."""
    if meter_id is None:
        return Remark("no_meter")
    try:
        meter = require_meter(meters, meter_id)
    except UnknownMeterError as error:
        if error.suggestion is None:
            return Remark("unknown_meter", {"meter": meter_id})
        return Remark("misspelt_meter", {"meter": meter_id, "suggestion": error.suggestion})
    if isinstance(meter, MasterMeter):
        return Remark("master_meter", {"meter": meter_id, "source": meter.upstream[0]})
    if isinstance(meter, VirtualMeter):
        return Remark("virtual_meter", {"meter": meter_id, "source": meter.upstream[0]})
    return None
