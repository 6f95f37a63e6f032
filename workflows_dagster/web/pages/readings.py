"""The page on which readings are typed in: a verdict before, undo after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Form, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from workflows_dagster.services.meters import UnknownMeterError, require_meter
from workflows_dagster.services.overview import HandReadMeter, hand_read_meters
from workflows_dagster.services.reading_entry import ReadingEntry
from workflows_dagster.services.reading_photos import MOST_BYTES, NotAPhotoError, keep_photo, kind_of
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.web.api.parameters import House, Spoken, instant, iso, now_utc, require_physical
from workflows_dagster.web.api.readings import number_of, take_back, verdict_text
from workflows_dagster.web.pages.frame import page
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words

router = APIRouter()
_LONGEST_TEXT, _LONGEST_NOTE = 60, 500
_NEWEST = 50
_Short = Annotated[str, Form(max_length=_LONGEST_TEXT)]


@dataclass(frozen=True)
class Asked:
    """A reading as it was typed in, and what is to be said of it.

    Attributes:
        meter_id: The meter.
        value: The reading, as typed.
        time: When, as typed; the instant in full once it was judged.
        note: The note.
        told: Why it is not stored.
        can_confirm: Whether it can be stored all the same.
    """

    meter_id: str
    value: str
    time: str
    note: str
    told: str
    can_confirm: bool = False


@router.get("/readings")
def readings(
    request: Request,
    house: House,
    words: Spoken,
    meter: Annotated[str | None, Query(max_length=200)] = None,
    stored: Annotated[str | None, Query(max_length=_LONGEST_TEXT)] = None,
) -> Response:
    """List the meters that are read by hand, each with a field for its reading."""
    return page(request, "readings.html", _content(house, words, {"just": _just(house, words, meter, stored)}))


@router.post("/readings")
def judge_or_store(
    request: Request,
    house: House,
    words: Spoken,
    meter_id: Annotated[str, Form(max_length=200)],
    value: _Short = "",
    time: _Short = "",
    note: Annotated[str, Form(max_length=_LONGEST_NOTE)] = "",
    confirmed: Annotated[str, Form(max_length=10)] = "",
    photo: UploadFile | None = None,
) -> Response:
    """Judge a reading, and store it if it is plausible or confirmed, with its photo."""
    try:
        picture = _picture(photo, words)
        meter = require_physical(require_meter(house.settings.meters, meter_id), words)
        number = number_of(value.strip(), words)
        at = instant(time, house, words, now_utc()) if time.strip() else now_utc().floor("min")
    except UnknownMeterError:
        raise
    except RefusedError as error:
        asked = Asked(meter_id, value, time, note, error.detail)
        return page(request, "readings.html", _content(house, words, {"asked": asked}), 422)
    sure = confirmed == "yes"
    with house.writing:
        entry = ReadingEntry(house.settings, house.store_to_write)
        entered = entry.enter(meter, number, at, note.strip() or None, replacing=sure, though_implausible=sure)
    if entered.verdict in ("conflict", "implausible"):
        # With the instant in full: a confirmation later must mean the same moment.
        told = verdict_text(entered, meter.output_unit, words)
        doubted = Asked(meter_id, value, str(iso(at, house)), note, told, can_confirm=True)
        return page(request, "readings.html", _content(house, words, {"asked": doubted}), 409)
    if picture:
        keep_photo(house.settings.data_dir, meter.meter_id, at, picture)
    if entered.verdict == "new":
        house.statistics.count("readings_written")
    house.forget()
    goal = request.url_for("readings").include_query_params(meter=meter_id, stored=str(iso(at, house)))
    return RedirectResponse(f"{goal.path}?{goal.query}", 303)


@router.post("/readings/undo")
def undo(house: House, words: Spoken, meter_id: Annotated[str, Form(max_length=200)], time: _Short = "") -> Response:
    """Take a reading back."""
    meter = require_physical(require_meter(house.settings.meters, meter_id), words)
    with house.writing:
        take_back(house, words, meter, instant(time, house, words, now_utc()))
    return RedirectResponse("/readings", 303)


def _picture(photo: UploadFile | None, words: Words) -> bytes:
    """Give the content of a chosen photo; nothing where none is chosen.

    Raises:
        RefusedError: It is no photo.
    """
    content = photo.file.read(MOST_BYTES + 1) if photo is not None and photo.filename else b""
    if content:
        try:
            kind_of(content)
        except NotAPhotoError:
            most = MOST_BYTES // 1_000_000
            sentence = words.say("The photo is no JPEG, PNG or WebP of at most {most} MB.", most=most)
            raise RefusedError(422, sentence) from None
    return content


def _content(house: HouseState, words: Words, more: Mapping[str, Any]) -> Mapping[str, Any]:
    now = now_utc()
    meters = house.kept("hand-read", lambda: hand_read_meters(house.settings, house.store, now)).value
    return {
        "meters": [_row(one, words) for one in meters],
        "others": [
            meter
            for meter in house.settings.meters.physical
            if meter.reading_interval_days is None and meter.source.kind != "interval"
        ],
        "just": None,
        "asked": None,
        **more,
    }


def _row(one: HandReadMeter, words: Words) -> Mapping[str, Any]:
    shown, unit = words.format, one.meter.output_unit
    likely = ""
    if one.expected is not None:
        ends = (one.expected.last + one.expected.lower, one.expected.last + one.expected.upper)
        likely = f"{shown.band(*ends)} {unit}" if ends[0] < ends[1] else ""
    last = ""
    if one.last is not None and one.value is not None:
        last = words.say(
            "{value} on {time}", value=shown.amount(one.value, unit, 10), time=shown.day(shown.day_at(one.last))
        )
    return {
        "meter_id": one.meter.meter_id,
        "name": one.meter.description or one.meter.meter_id,
        "unit": unit,
        "last": last,
        "likely": likely,
        "is_due": one.is_due,
    }


def _just(house: HouseState, words: Words, meter_id: str | None, stored: str | None) -> Mapping[str, Any] | None:
    """Give the reading that was stored a moment ago, as the store holds it."""
    if meter_id is None or stored is None or meter_id not in house.settings.meters:
        return None
    meter = house.settings.meters[meter_id]
    if not isinstance(meter, PhysicalMeter):
        return None
    at, entry = _instant(stored), ReadingEntry(house.settings, house.store)
    found = [one for one in entry.stored(meter, _NEWEST) if one.at == at]
    if not found:
        return None
    return {
        "meter_id": meter_id,
        "name": meter.description or meter_id,
        "time": stored,
        "shown_time": words.format.minute(found[0].at),
        "value": words.format.amount(found[0].value, meter.output_unit, 10),
    }


def _instant(text: str) -> pd.Timestamp | None:
    try:
        at = pd.Timestamp(text)
        return at.tz_convert("UTC").as_unit("us") if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
