"""Imports readings from files: judges every row, compares with stored readings, and stores the good ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.clients.spreadsheets.reader import KnownMeter, Row, Sheet, read_spreadsheet
from workflows_dagster.clients.spreadsheets.verdicts import Remark
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.imported_readings import Comparison, Doubt
from workflows_dagster.domain.kind_of_values import looks_like_consumption, looks_like_register
from workflows_dagster.domain.register import clean
from workflows_dagster.evaluation import Evaluation, raw_series
from workflows_dagster.evaluation.valid_readings import counter_of
from workflows_dagster.records.added_readings import Added, mark_added
from workflows_dagster.services.meters import UnknownMeterError, require_meter
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, MeterBook, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import Store

# Codes of the findings that are shown for new readings.
_WORDS_ON_READINGS = frozenset(
    {"implausible_rate", "unit_changed", "glitch_dropped", "unconfirmed_fall", "undeclared_reset"}
)


@dataclass(frozen=True)
class ImportOptions:
    """Options for reading files.

    Attributes:
        meter_id: Meter of the rows that name none.
        columns: Meter ids by header.
        stamps: Whether intervals are stamped at their start or end; None means the start.
        power: Whether columns of power are converted to energy.
    """

    meter_id: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    stamps: Literal["start", "end"] | None = None
    power: bool = False


def judge_files(settings: Settings, paths: Sequence[Path], options: ImportOptions, now: pd.Timestamp) -> list[Sheet]:
    """Read files of readings and judge each of their rows, against meters.yaml too; nothing is stored.

    Args:
        settings: The house.
        paths: Text files and workbooks.
        options: Options for reading them.
        now: The present, UTC; later readings are refused.

    Returns:
        One sheet per file. A row is good only if it names a physical meter of the house.

    Raises:
        SpreadsheetError: A file as a whole cannot be used.
        UnknownMeterError: An option names an unknown meter.
    """
    for named in (options.meter_id, *options.columns.values()):
        if named is not None:
            require_meter(settings.meters, named)
    known = [_known(meter) for meter in settings.meters if isinstance(meter, PhysicalMeter)]
    sheets = [
        read_spreadsheet(
            path,
            settings.site.zone,
            options.meter_id,
            now=now,
            meters=known,
            columns=options.columns,
            stamps=options.stamps,
            power=options.power,
        )
        for path in paths
    ]
    return [replace(sheet, rows=tuple(_judged(row, settings.meters) for row in sheet.rows)) for sheet in sheets]


def doubts(settings: Settings, sheets: Iterable[Sheet], options: ImportOptions) -> list[Doubt]:
    """Find files that probably have the wrong kind of values for their meters."""
    found: list[Doubt] = []
    for sheet in sheets:
        for meter_id, readings in sheet.readings().items():
            meter = settings.meters[meter_id]
            assert isinstance(meter, PhysicalMeter)
            values = readings.to_numpy(dtype=float)
            if meter.source.kind == "interval" and looks_like_register(values):
                found.append(Doubt("looks_like_register", sheet.path, meter_id))
            elif meter.source.kind == "register" and not meter.source.turns_back and looks_like_consumption(values):
                found.append(Doubt("looks_like_consumption", sheet.path, meter_id))
        if options.stamps is None:
            ends = {meter_id for understood in sheet.understood for meter_id in understood.ends}
            found += [Doubt("stamps_are_ends", sheet.path, meter_id) for meter_id in sorted(ends)]
    return found


def good_rows(sheets: Iterable[Sheet]) -> dict[str, list[Row]]:
    """Give the good rows of several files by meter id, in their order."""
    by_meter: dict[str, list[Row]] = {}
    for sheet in sheets:
        for row in sheet.rows:
            if row.verdict == "good":
                by_meter.setdefault(str(row.meter_id), []).append(row)
    return by_meter


def compare(settings: Settings, store: Store, by_meter: Mapping[str, Sequence[Row]]) -> dict[str, Comparison]:
    """Compare good rows with the stored readings, and find implausible new ones.

    Raises:
        StoreError: The readings cannot be read.
    """
    return {meter_id: _compared(settings, store, meter_id, rows) for meter_id, rows in by_meter.items()}


def without_conflicts(
    settings: Settings, store: Store, by_meter: Mapping[str, Sequence[Row]]
) -> tuple[dict[str, list[Row]], list[tuple[Row, float]]]:
    """Take out the rows that differ from a stored reading at the same instant.

    Args:
        settings: The house.
        store: The stored readings.
        by_meter: Good rows, as `good_rows` gives them.

    Returns:
        The other rows by meter; and each row taken out with the stored reading. [meter unit]

    Raises:
        StoreError: The readings cannot be read.
    """
    kept: dict[str, list[Row]] = {}
    conflicting = []
    for meter_id, rows in by_meter.items():
        stored = store.readings(raw_series(_physical(settings, meter_id)))
        there = stored.to_dict()
        for row in rows:
            before = None if row.time is None else there.get(row.time)
            if before is not None and before != row.value:
                conflicting.append((row, float(before)))
            else:
                kept.setdefault(meter_id, []).append(row)
    return kept, conflicting


def store_readings(settings: Settings, store: Store, by_meter: Mapping[str, Sequence[Row]]) -> None:
    """Store good rows as readings; of two at one instant the later row wins. A repeat changes nothing.

    Args:
        settings: The house.
        store: Where to write.
        by_meter: Good rows, as `good_rows` gives them.

    Raises:
        StoreError: Not everything was stored.
    """
    for meter_id, rows in by_meter.items():
        readings = _series(rows)
        store.write_readings(raw_series(_physical(settings, meter_id)), readings)
        first, last = pd.DatetimeIndex(readings.index)[[0, -1]]
        mark_added(store, meter_id, Added(pd.Timestamp.now("UTC").as_unit("us"), first, last))


def _compared(settings: Settings, store: Store, meter_id: str, rows: Sequence[Row]) -> Comparison:
    meter, given = _physical(settings, meter_id), _series(rows)
    stored = store.readings(raw_series(meter))
    stored = stored[~stored.index.duplicated(keep="last")]
    before = stored.reindex(given.index)
    is_same = (before == given).to_numpy()
    is_new = before.isna().to_numpy()
    words: tuple[Finding, ...] = ()
    if meter.source.kind == "register" and not is_same.all():
        merged = pd.concat([stored[~stored.index.isin(given.index)], given]).sort_index()
        new = pd.DatetimeIndex(given.index[~is_same])
        register = clean(merged, counter_of(meter))
        found = [*register.findings, *Evaluation(settings, store).of_physical.suspicions(meter, register)]
        words = tuple(one for one in found if one.code in _WORDS_ON_READINGS and _touches(one, new))
    same = int(is_same.sum()) + len(rows) - len(given)
    return Comparison(len(rows), int(is_new.sum()), same, int(np.sum(~is_same & ~is_new)), words)


def _touches(finding: Finding, new: pd.DatetimeIndex) -> bool:
    return bool(((new >= finding.start) & (new <= finding.end)).any())


def _series(rows: Sequence[Row]) -> pd.Series:
    readings = pd.Series(
        [row.value for row in rows], index=pd.DatetimeIndex([row.time for row in rows]).as_unit("us"), dtype=float
    )
    return readings[~readings.index.duplicated(keep="last")].sort_index()


def _physical(settings: Settings, meter_id: str) -> PhysicalMeter:
    meter = settings.meters[meter_id]
    assert isinstance(meter, PhysicalMeter)
    return meter


def _known(meter: PhysicalMeter) -> KnownMeter:
    is_interval = meter.source.kind == "interval"
    return KnownMeter(meter.meter_id, meter.output_unit, meter.description, is_interval, meter.source.interval_minutes)


def _judged(row: Row, meters: MeterBook) -> Row:
    remark = _unusable(row.meter_id, meters) if row.verdict == "good" else None
    return replace(row, verdict="bad", remarks=(remark,)) if remark else row


def _unusable(meter_id: str | None, meters: MeterBook) -> Remark | None:
    """Give the reason why a meter takes no readings, or None."""
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
