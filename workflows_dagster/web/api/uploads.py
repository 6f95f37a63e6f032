"""Excel, OpenDocument and CSV files with readings: every row judged, the good ones stored."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from fastapi import APIRouter, Query, UploadFile
from pydantic import BaseModel

from workflows_dagster.clients.spreadsheets.reader import Row, Sheet
from workflows_dagster.domain.imported_readings import Doubt
from workflows_dagster.services.reading_import import (
    ImportOptions,
    compare,
    doubts,
    good_rows,
    judge_files,
    store_readings,
    without_conflicts,
)
from workflows_dagster.web.api.parameters import House, Physical, Spoken, iso, now_utc
from workflows_dagster.web.api.readings import DryRun, OnConflict
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_writer
from workflows_dagster.wording.imports import doubt_text, understood_texts
from workflows_dagster.wording.spreadsheets import row_text

router = APIRouter(prefix="/api/v1", tags=["readings"])
_log = logging.getLogger(__name__)
_SHOWN_ROWS = 200
_LONGEST_NAME = 80
_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".csv", ".txt", ".zip")

Stamps = Annotated[
    Literal["start", "end"] | None, Query(description="Which end of an interval its time marks; by default the start.")
]


class RowAnswer(BaseModel):
    """One row of a file that was not stored, and why."""

    row: int
    sheet: str | None
    meter_id: str | None
    reason: str


class MeterRows(BaseModel):
    """What a file holds for one meter."""

    meter_id: str
    unit: str
    rows: int
    new: int
    same: int
    first: str | None
    last: str | None
    remarks: list[str]


class UploadAnswer(BaseModel):
    """What became of a file."""

    file: str
    understood: list[str]
    rows: int
    written: int
    same: int
    conflicting: int
    rejected: int
    passed_over: int
    stored: bool
    detail: str
    meters: list[MeterRows]
    refused_rows: list[RowAnswer]


@router.post("/upload")
def upload(
    house: House,
    words: Spoken,
    file: UploadFile,
    dry_run: DryRun = False,
    on_conflict: OnConflict = "refuse",
    stamps: Stamps = None,
    power: Annotated[bool, Query(description="Columns of power become energy.")] = False,
    though_doubtful: Annotated[bool, Query(description="Store also what looks like the wrong kind of file.")] = False,
) -> UploadAnswer:
    """Take a file with a meter column, a column a meter, or a sheet a meter."""
    options = ImportOptions(None, {}, stamps, power)
    return take_file(
        house,
        words,
        file,
        options,
        dry_run=dry_run,
        replacing=on_conflict == "replace",
        though_doubtful=though_doubtful,
    )


@router.post("/meters/{meter_id}/upload")
def upload_of_meter(
    house: House,
    words: Spoken,
    meter: Physical,
    file: UploadFile,
    dry_run: DryRun = False,
    on_conflict: OnConflict = "refuse",
    stamps: Stamps = None,
    power: bool = False,
    though_doubtful: bool = False,
) -> UploadAnswer:
    """Take a file with the readings of one meter."""
    options = ImportOptions(meter.meter_id, {}, stamps, power)
    return take_file(
        house,
        words,
        file,
        options,
        dry_run=dry_run,
        replacing=on_conflict == "replace",
        though_doubtful=though_doubtful,
    )


def take_file(
    house: HouseState,
    words: Words,
    file: UploadFile,
    options: ImportOptions,
    *,
    dry_run: bool,
    replacing: bool,
    though_doubtful: bool,
) -> UploadAnswer:
    """Judge a file's rows, and store the good ones together.

    Raises:
        SpreadsheetError: The file as a whole cannot be used.
        StoreError: The readings cannot be read or written.
    """
    with _kept(file) as path:
        (sheet,) = judge_files(house.settings, [path], options, now_utc())
        doubtful = [] if though_doubtful else doubts(house.settings, [sheet], options)
    is_stored = False
    with house.writing:
        store = house.store if dry_run else house.store_to_write
        wanted = good_rows([sheet])
        kept, conflicting = (wanted, []) if replacing else without_conflicts(house.settings, store, wanted)
        compared = compare(house.settings, store, kept)
        if kept and not dry_run and not doubtful:
            store_readings(house.settings, store, kept)
            is_stored = True
    meters = [
        MeterRows(
            meter_id=meter_id,
            unit=house.settings.meters[meter_id].output_unit,
            rows=found.rows,
            new=found.new + found.changed,
            same=found.same,
            first=iso(_times(kept[meter_id])[0], house),
            last=iso(_times(kept[meter_id])[-1], house),
            remarks=[finding_writer(house.settings, words)(finding) for finding in found.words],
        )
        for meter_id, found in compared.items()
    ]
    new, same = sum(one.new for one in meters), sum(one.same for one in meters)
    if is_stored:
        house.statistics.count("files_taken")
        house.statistics.count("readings_written", new)
        house.forget()
        _log.info("%d readings of an uploaded file stored", new)
    refused = [_refused(row, row_text(row, words)) for row in sheet.rows if row.verdict == "bad"]
    for row, before in conflicting:
        stood = words.format.amount(before, house.settings.meters[str(row.meter_id)].output_unit, 10)
        refused.append(_refused(row, words.say("For the same moment {value} is stored.", value=stood)))
    return UploadAnswer(
        file=path.name,
        understood=list(understood_texts(sheet, words)),
        rows=len(sheet.rows),
        written=new if is_stored else 0,
        same=same,
        conflicting=len(conflicting),
        rejected=sheet.count("bad"),
        passed_over=sheet.count("passed_over") + sheet.count("duplicate"),
        stored=is_stored,
        detail=_detail(sheet, doubtful, words, new=new, dry_run=dry_run),
        meters=meters,
        refused_rows=sorted(refused, key=lambda one: (one.sheet or "", one.row))[:_SHOWN_ROWS],
    )


def _detail(sheet: Sheet, doubtful: list[Doubt], words: Words, *, new: int, dry_run: bool) -> str:
    if not sheet.count("good"):
        return words.say("Nothing to import: no row is usable.")
    if doubtful:
        told = " ".join(doubt_text(doubt, words) for doubt in doubtful)
        nothing = words.say("Nothing is stored.")
        return told if dry_run else f"{told} {nothing}"
    if dry_run:
        return words.say_count("{number} reading would be stored.", "{number} readings would be stored.", new)
    return words.say_count("{number} reading is stored.", "{number} readings are stored.", new)


def _refused(row: Row, reason: str) -> RowAnswer:
    return RowAnswer(row=row.line, sheet=row.sheet, meter_id=row.meter_id, reason=reason)


def _times(rows: list[Row]) -> list[pd.Timestamp]:
    return sorted(row.time for row in rows if row.time is not None)


@contextmanager
def _kept(file: UploadFile) -> Iterator[Path]:
    """Keep an upload under its own name in a folder of its own, until it is read."""
    name = Path((file.filename or "").replace("\\", "/")).name.replace("\0", "")
    stem, suffix = Path(name).stem[:_LONGEST_NAME], Path(name).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        path = Path(folder) / f"{stem or 'upload'}{suffix if suffix in _SUFFIXES else '.csv'}"
        with path.open("wb") as kept:
            while chunk := file.file.read(1 << 20):
                kept.write(chunk)
        yield path
