"""Turns errors into answers: problem documents (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from workflows_dagster.clients.spreadsheets.verdicts import SpreadsheetError
from workflows_dagster.logs.masking import masked
from workflows_dagster.services.meters import UnknownMeterError
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.ports import StoreError
from workflows_dagster.web.language import words_for
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import refusal_text, wrong_field_text
from workflows_dagster.wording.problems import problem_texts
from workflows_dagster.wording.spreadsheets import file_text

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_FOR_PROGRAMS = ("/api/", "/health", "/metrics", "/statistics", "/openapi.json")
_CODES = {HTTPStatus.NOT_FOUND: "not_found", HTTPStatus.METHOD_NOT_ALLOWED: "method"}


class RefusedError(Exception):
    """A request that cannot be done.

    Args:
        status: HTTP status.
        detail: The sentence.
        headers: Further headers of the answer.
        members: Further members of the problem document, such as `meter_id` or `problems`.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **members: object) -> None:
        self.status, self.detail, self.headers, self.members = status, detail, headers, members
        super().__init__(detail)


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an application."""
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(UnknownMeterError, _unknown_meter)
    app.add_exception_handler(SpreadsheetError, _spreadsheet)
    app.add_exception_handler(SettingsError, _settings)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def problem(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None, **members: object
) -> Response:
    """Answer with a problem document, or with a page where a browser asks for one.

    Args:
        request: The request.
        status: HTTP status.
        detail: The sentence.
        headers: Further headers.
        members: Further members of the document; None is left out.
    """
    detail = masked(detail)
    if is_for_people(request):
        from workflows_dagster.web.pages.frame import problem_page

        return problem_page(request, status, detail, headers)
    document: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    document |= {name: member for name, member in members.items() if member is not None}
    return JSONResponse(document, status, headers, MEDIA_TYPE)


def is_for_people(request: Request) -> bool:
    """Tell whether a request is for a page, not for the API."""
    return not request.url.path.startswith(_FOR_PROGRAMS)


def _words(request: Request) -> Words:
    return words_for(request)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return problem(request, error.status, error.detail, error.headers, **error.members)


async def _store(request: Request, error: Exception) -> Response:
    _log.warning("%s", error)
    return problem(request, 503, str(error), {"Retry-After": "30"})


async def _unknown_meter(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnknownMeterError)
    words = _words(request)
    if error.suggestion:
        sentence = words.say(
            "no meter '{meter}' in meters.yaml. Did you mean '{suggestion}'?",
            meter=error.meter_id,
            suggestion=error.suggestion,
        )
    else:
        sentence = words.say(
            "no meter '{meter}' in meters.yaml. See `meters check` for all of them.", meter=error.meter_id
        )
    return problem(request, 404, sentence, meter_id=error.meter_id)


async def _spreadsheet(request: Request, error: Exception) -> Response:
    assert isinstance(error, SpreadsheetError)
    return problem(request, 422, upload_text(error, _words(request)), file=error.path.name)


def upload_text(error: SpreadsheetError, words: Words) -> str:
    """Write why an uploaded file cannot be used, without the folder that it was kept in for a moment."""
    return file_text(error, words).replace(str(error.path), error.path.name, 1)


async def _settings(request: Request, error: Exception) -> Response:
    assert isinstance(error, SettingsError)
    texts = problem_texts(error, _words(request))
    return problem(request, 422, texts[0], problems=texts)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    words = _words(request)
    texts = [wrong_field_text(each, words) for each in error.errors()]
    return problem(request, 422, texts[0], problems=texts)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(HTTPStatus(error.status_code))
    detail = refusal_text(code, _words(request), method=request.method) if code else str(error.detail)
    return problem(request, error.status_code, detail, dict(error.headers or {}))


async def _fault(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    request.app.state.house.statistics.count("errors")
    return problem(request, 500, refusal_text("fault", _words(request)))
