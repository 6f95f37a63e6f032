"""The page that takes a file: every row judged, then stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response

from workflows_dagster.clients.spreadsheets.verdicts import SpreadsheetError
from workflows_dagster.services.meters import require_meter
from workflows_dagster.services.reading_import import ImportOptions
from workflows_dagster.web.api.parameters import House, Spoken, require_physical
from workflows_dagster.web.api.uploads import take_file
from workflows_dagster.web.pages.frame import page
from workflows_dagster.web.problems import upload_text

router = APIRouter()


@router.get("/upload")
def ask(request: Request, house: House) -> Response:
    """Ask for a file."""
    meters = house.settings.meters.physical
    return page(request, "upload.html", {"meters": meters, "answer": None, "refusal": None, "asked": ""})


@router.post("/upload")
def take(
    request: Request,
    house: House,
    words: Spoken,
    file: UploadFile,
    meter_id: Annotated[str, Form(max_length=200)] = "",
    store: Annotated[str, Form(max_length=10)] = "",
    replace: Annotated[str, Form(max_length=10)] = "",
    doubtful: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Judge a file's rows, and store the good ones if that was asked for."""
    if meter_id:
        require_physical(require_meter(house.settings.meters, meter_id), words)
    meters = house.settings.meters.physical
    content = {"meters": meters, "answer": None, "refusal": None, "asked": meter_id}
    try:
        answer = take_file(
            house,
            words,
            file,
            ImportOptions(meter_id or None),
            dry_run=store != "yes",
            replacing=replace == "yes",
            though_doubtful=doubtful == "yes",
        )
    except SpreadsheetError as error:
        return page(request, "upload.html", content | {"refusal": upload_text(error, words)}, 422)
    return page(request, "upload.html", content | {"answer": answer})
