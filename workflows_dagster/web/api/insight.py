"""What was computed beyond the days: costs, unusual days, findings, reports; and everything as an archive."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from workflows_dagster.domain import days
from workflows_dagster.records.anomalies import reason_of
from workflows_dagster.reports import NoDaysError, monthly_report
from workflows_dagster.reports.monthly import REPORTS_FOLDER, parse_month
from workflows_dagster.reports.notes import notes_of_month
from workflows_dagster.services.export import export_to_zip
from workflows_dagster.services.findings import house_findings
from workflows_dagster.services.meters import require_meter
from workflows_dagster.stores.ports import ANOMALY_DAILY, BASE_LOAD_DAILY, COST_DAILY
from workflows_dagster.web.api.meters import finding_answer
from workflows_dagster.web.api.parameters import (
    FirstDay,
    Form,
    House,
    LastDay,
    Spoken,
    in_order,
    iso,
    known,
    now_utc,
    rows_answer,
)
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.anomalies import anomaly_sentence
from workflows_dagster.wording.findings import finding_writer
from workflows_dagster.wording.hand_readings import reading_text

router = APIRouter(prefix="/api/v1", tags=["insight"])
_COST_COLUMNS = ["day", "meter_id", "cost", "lower", "upper", "unit_price", "standing_charge", "currency"]
_ANOMALY_COLUMNS = [
    "day",
    "meter_id",
    "kind",
    "severity",
    "value",
    "expected",
    "lower",
    "upper",
    "delta_percent",
    "sentence",
]
_MONTH = re.compile(r"\d{4}-\d{2}")
# The report holds its own style sheet and pictures, and no script.
REPORT_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
OfMeter = Annotated[str | None, Query(alias="meter", max_length=200, description="One meter; by default all.")]


@router.get("/costs", response_model=None)
def costs(
    request: Request,
    house: House,
    words: Spoken,
    meter_id: OfMeter = None,
    first: FirstDay = None,
    last: LastDay = None,
    form: Form = None,
) -> Response:
    """Give what each day cost, by meter, all included."""
    rows = []
    for name, start, end in _asked(house, words, meter_id, first, last):
        frame = house.store.read(COST_DAILY, name, start, end)
        civil = days.civil_days(pd.DatetimeIndex(frame.index), house.settings.site.zone)
        for day, row in zip(civil, frame.to_dict("records"), strict=True):
            figures = {column: known(row[column]) for column in _COST_COLUMNS[2:-1]}
            rows.append({"day": day.isoformat(), "meter_id": name} | figures | {"currency": row["unit"]})
    return rows_answer(request, rows, _COST_COLUMNS, form)


@router.get("/anomalies", response_model=None)
def anomalies(
    request: Request,
    house: House,
    words: Spoken,
    meter_id: OfMeter = None,
    first: FirstDay = None,
    last: LastDay = None,
    form: Form = None,
) -> Response:
    """Give the unusual days: consumption, and base load by night."""
    rows = []
    zone = house.settings.site.zone
    for name, start, end in _asked(house, words, meter_id, first, last):
        unit = house.settings.meters[name].output_unit
        for kind, measurement in (("consumption", ANOMALY_DAILY), ("base_load", BASE_LOAD_DAILY)):
            frame = house.store.read(measurement, name, start, end)
            for at, row in zip(pd.DatetimeIndex(frame.index), frame.to_dict("records"), strict=True):
                if not row["severity"]:
                    continue
                reason = reason_of(row)
                sentence = anomaly_sentence(reason, unit, words) if reason else row["reason"]
                rows.append(
                    {
                        "day": days.civil_day(at, zone).isoformat(),
                        "meter_id": name,
                        "kind": kind,
                        "severity": row["severity"],
                        "value": known(row[kind]),
                        **{column: known(row[column]) for column in ("expected", "lower", "upper", "delta_percent")},
                        "sentence": sentence,
                    }
                )
    rows.sort(key=lambda row: (str(row["day"]), str(row["meter_id"])), reverse=True)
    return rows_answer(request, rows, _ANOMALY_COLUMNS, form)


def _asked(
    house: HouseState, words: Words, meter_id: str | None, first: date | None, last: date | None
) -> Iterator[tuple[str, pd.Timestamp | None, pd.Timestamp | None]]:
    in_order(first, last, words)
    zone = house.settings.site.zone
    names = [meter.meter_id for meter in house.settings.meters]
    if meter_id is not None:
        names = [require_meter(house.settings.meters, meter_id).meter_id]
    for name in names:
        yield name, days.opening(first, zone) if first else None, days.closing(last, zone) if last else None


@router.get("/findings")
def findings(
    house: House,
    words: Spoken,
    everything: Annotated[bool, Query(alias="all", description="Older ones and notes too.")] = False,
) -> dict[str, Any]:
    """Give what was found about the readings: recent findings, doubted readings, unusual days."""
    found = house_findings(house.settings, house.store, now_utc(), everything=everything)
    say, meters = finding_writer(house.settings, words), house.settings.meters
    return {
        "findings": [finding_answer(one, house, say(one)).model_dump() for one in found.recent],
        "doubted_readings": [
            {
                "meter_id": one.meter_id,
                "time": iso(one.at, house),
                "value": one.value,
                "sentence": reading_text(one, meters[one.meter_id].output_unit, words),
            }
            for one in found.doubted
        ],
        "unusual_days": [
            {
                "meter_id": one.meter_id,
                "day": days.civil_day(one.start, house.settings.site.zone).isoformat(),
                "severity": one.severity,
                "sentence": anomaly_sentence(one.reason, meters[one.meter_id].output_unit, words)
                if one.reason
                else one.sentence,
            }
            for one in found.unusual
        ],
        "older": found.older,
        "notes": found.notes,
    }


@router.get("/reports")
def reports(house: House) -> list[dict[str, str]]:
    """List the months that have a report."""
    return [{"month": month, "href": f"/api/v1/reports/{month}"} for month in months_with_report(house)]


def months_with_report(house: HouseState) -> list[str]:
    """Give the months whose report is on file, the newest first."""
    folder = house.settings.data_dir / REPORTS_FOLDER
    names = [path.stem for path in folder.glob("*.html")] if folder.is_dir() else []
    return sorted((name for name in names if _MONTH.fullmatch(name)), reverse=True)


@router.get("/reports/{month}", response_class=HTMLResponse)
def report(
    house: House, words: Spoken, month: Annotated[str, Path(max_length=10, description="`2025-03`")]
) -> HTMLResponse:
    """Give the report of a month as a page, in the reader's language."""
    try:
        first = parse_month(month)
        notes = notes_of_month(house.settings, house.store, first, words)
        page = monthly_report(house.settings, house.store, month, notes, words).html
    except NoDaysError:
        sentence = words.say("No days are stored of {month}.", month=month)
        raise RefusedError(404, sentence) from None
    except ValueError:
        raise RefusedError(422, words.say("'{month}' is no month such as 2025-03.", month=month)) from None
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_CSP})


@router.get("/export", response_class=StreamingResponse)
def export(house: House) -> StreamingResponse:
    """Give everything that is stored, as a zip of CSV files."""
    # Larger archives go to the disk.
    file = tempfile.SpooledTemporaryFile(max_size=8_000_000)  # noqa: SIM115
    export_to_zip(house.settings, house.store, file)
    file.seek(0)

    def chunks() -> Iterator[bytes]:
        with file:
            while chunk := file.read(1 << 16):
                yield chunk

    disposition = {"Content-Disposition": 'attachment; filename="utility-meters.zip"'}
    return StreamingResponse(chunks(), media_type="application/zip", headers=disposition)
