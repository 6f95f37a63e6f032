"""The dialogue "meter replaced": when, what both showed, and the lines for meters.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from workflows_dagster.services.configuration_change import replace_text, text_of
from workflows_dagster.services.meter_replacement import (
    Replacement,
    declare,
    replacement_lines,
    store_readings_at_change,
    usual_successor,
)
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.web.api.configuration import after_change
from workflows_dagster.web.api.parameters import House, Physical, Spoken, instant, iso, now_utc
from workflows_dagster.web.api.readings import number_of
from workflows_dagster.web.pages.frame import page
from workflows_dagster.web.pages.settings import may_edit
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.wording.problems import problem_texts

router = APIRouter()
_Short = Annotated[str, Form(max_length=100)]


@dataclass(frozen=True)
class Typed:
    """The dialogue as it was filled in."""

    time: str = ""
    closing: str = ""
    opening: str = "0"
    new_id: str = ""
    entity_id: str = ""


@router.get("/meters/{meter_id}/replaced")
def ask(request: Request, house: House, meter: Physical) -> Response:
    """Ask when the meter was replaced, and what both showed."""
    typed = Typed(new_id=usual_successor(house.settings, meter.meter_id))
    return page(request, "replaced.html", _content(meter, typed))


@router.post("/meters/{meter_id}/replaced")
def take(
    request: Request,
    house: House,
    words: Spoken,
    meter: Physical,
    time: _Short = "",
    closing: _Short = "",
    opening: _Short = "",
    new_id: _Short = "",
    entity_id: _Short = "",
    write: _Short = "",
) -> Response:
    """Show the lines that declare the replacement, and write them with both readings where editing is allowed."""
    typed = Typed(time, closing, opening, new_id.strip(), entity_id.strip())
    try:
        at = instant(time, house, words, now_utc()) if time.strip() else now_utc().floor("min")
        values = number_of(closing.strip(), words), number_of(opening.strip(), words)
        replacement = Replacement(meter.meter_id, typed.new_id, at, *values, typed.entity_id or None)
        typed = Typed(str(iso(at, house)), closing, opening, typed.new_id, typed.entity_id)
        if typed.new_id in house.settings.meters:
            raise RefusedError(409, words.say("meters.yaml: there is a meter '{meter}' already.", meter=typed.new_id))
        lines = replacement_lines(house.settings, house.environ, replacement)
    except RefusedError as error:
        return page(request, "replaced.html", _content(meter, typed, problems=[error.detail]), error.status)
    except SettingsError as error:
        return page(request, "replaced.html", _content(meter, typed, problems=problem_texts(error, words)), 422)
    if write != "yes" or not may_edit(house):
        return page(request, "replaced.html", _content(meter, typed, lines=lines, may_write=may_edit(house)))
    with house.writing:
        mark = text_of(house.settings, "meters")[1]
        text = declare(house.settings, house.environ, replacement)
        replace_text(house.settings, house.environ, "meters", text, mark)
        after_change(house, meter.meter_id)
        # A reading of the old meter at the change may be there already.
        store_readings_at_change(house.settings, house.store_to_write, replacement)
    house.statistics.count("readings_written", 2)
    house.forget()
    return RedirectResponse(f"/meters/{typed.new_id}", 303)


def _content(meter: object, typed: Typed, **more: Any) -> dict[str, Any]:
    return {"meter": meter, "typed": typed, "problems": [], "lines": None, "may_write": False} | more
