"""Raw readings: listed, typed in, taken back."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from workflows_dagster.domain import days
from workflows_dagster.domain.hand_readings import JudgedReading, StoredReading
from workflows_dagster.services.reading_entry import Entered, NoSuchReadingError, ReadingEntry, readings_written
from workflows_dagster.services.reading_photos import forget_photo
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.web.api.parameters import (
    FirstDay,
    Form,
    House,
    LastDay,
    Physical,
    Spoken,
    in_order,
    instant,
    iso,
    known,
    now_utc,
    rows_answer,
)
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence
from workflows_dagster.wording.hand_readings import doubt_texts, judgement_text, outcome_text, slip_text

router = APIRouter(prefix="/api/v1/meters/{meter_id}/readings", tags=["readings"])
_log = logging.getLogger(__name__)
_MOST_AT_ONCE = 1000
_LONGEST_NOTE, _LONGEST_TEXT = 500, 60
_COLUMNS = ["time", "value", "outcome", "advance", "finding", "note"]

OnConflict = Annotated[
    Literal["refuse", "replace"], Query(description="What happens to a different reading stored at the same instant.")
]
DryRun = Annotated[bool, Query(description="Only judge, store nothing.")]


class GivenReading(BaseModel):
    """A reading to be stored."""

    model_config = ConfigDict(extra="forbid")

    value: Annotated[
        Annotated[float, Field(strict=True)] | Annotated[str, Field(max_length=_LONGEST_TEXT)],
        Field(description="Register reading in the meter's unit; a text may be `12.345,6` or `12345.6`."),
    ]
    time: Annotated[
        str | None,
        Field(max_length=_LONGEST_TEXT, description="ISO 8601 with offset, or `24.11. 18:00`; by default now."),
    ] = None
    note: Annotated[str | None, Field(max_length=_LONGEST_NOTE)] = None


class GivenReadings(BaseModel):
    """Several readings to be stored."""

    model_config = ConfigDict(extra="forbid")

    readings: Annotated[list[GivenReading], Field(min_length=1, max_length=_MOST_AT_ONCE)]


class VerdictAnswer(BaseModel):
    """What became of one reading."""

    time: str | None
    value: float
    verdict: Literal["stored", "would be stored", "same", "conflict", "implausible"]
    detail: str
    conflicts_with: float | None = None
    expected: tuple[float, float] | None = None
    suggestion: float | None = None


class VerdictsAnswer(BaseModel):
    """What became of the readings of a request, in its order."""

    meter_id: str
    unit: str
    stored: int
    refused: int
    verdicts: list[VerdictAnswer]


@router.get("", response_model=None)
def readings(
    request: Request,
    house: House,
    words: Spoken,
    meter: Physical,
    first: FirstDay = None,
    last: LastDay = None,
    form: Form = None,
) -> Response:
    """List a meter's raw readings of a span of days, each with what cleaning made of it."""
    in_order(first, last, words)
    zone = house.settings.site.zone
    start = days.opening(first, zone) if first else None
    end = days.closing(last, zone) if last else None
    found = ReadingEntry(house.settings, house.store).stored(meter)
    shown = [one for one in found if (start is None or one.at >= start) and (end is None or one.at < end)]
    return rows_answer(request, [_row(one, meter, house, words) for one in shown], _COLUMNS, form)


def _row(one: StoredReading, meter: PhysicalMeter, house: HouseState, words: Words) -> dict[str, object]:
    return {
        "time": iso(one.at, house),
        "value": one.value,
        "outcome": outcome_text(one.outcome, words),
        "advance": known(one.advance),
        "finding": finding_sentence(one.finding, meter.output_unit, words) if one.finding else None,
        "note": one.note,
    }


@router.post("", response_model=VerdictsAnswer, responses={409: {"model": VerdictsAnswer}})
def give_readings(
    house: House,
    words: Spoken,
    meter: Physical,
    body: GivenReading | GivenReadings,
    on_conflict: OnConflict = "refuse",
    dry_run: DryRun = False,
    implausible: Annotated[
        Literal["refuse", "store"], Query(description="What happens to a reading that the history speaks against.")
    ] = "refuse",
) -> JSONResponse:
    """Judge one or many readings and store the good ones; 409 if one was refused, and the others are stored."""
    now = now_utc()
    given = body.readings if isinstance(body, GivenReadings) else [body]
    # All are read before the first is stored, so that a mistake in one stores none.
    read = [(number_of(one.value, words), _time_of(one, house, words, now), one.note) for one in given]
    entry = ReadingEntry(house.settings, house.store_to_write if not dry_run else house.store)
    answers = []
    with house.writing:
        for value, at, note in read:
            entered = entry.enter(
                meter,
                value,
                at,
                note,
                replacing=on_conflict == "replace",
                though_implausible=implausible == "store",
                dry_run=dry_run,
            )
            answers.append(verdict_answer(entered, meter, house, words, dry_run=dry_run))
    stored = sum(answer.verdict == "stored" for answer in answers)
    refused = sum(answer.verdict in ("conflict", "implausible") for answer in answers)
    if stored:
        house.statistics.count("readings_written", stored)
        house.forget()
        _log.info("%s: %d readings stored through the page", meter.meter_id, stored)
    answer = VerdictsAnswer(
        meter_id=meter.meter_id, unit=meter.output_unit, stored=stored, refused=refused, verdicts=answers
    )
    return JSONResponse(answer.model_dump(mode="json"), 409 if refused and not dry_run else 200)


@router.delete("")
def forget_reading(
    house: House, words: Spoken, meter: Physical, time: Annotated[str, Query(max_length=_LONGEST_TEXT)]
) -> dict[str, object]:
    """Take one reading back; the answer says what it was."""
    at = instant(time, house, words, now_utc())
    with house.writing:
        removed = take_back(house, words, meter, at)
    return {"meter_id": meter.meter_id, "time": iso(removed.at, house), "value": removed.value}


def take_back(house: HouseState, words: Words, meter: PhysicalMeter, at: pd.Timestamp) -> StoredReading:
    """Delete a reading, log what it was, and count it.

    Raises:
        RefusedError: There is none at that instant.
    """
    try:
        removed = ReadingEntry(house.settings, house.store_to_write).forget(meter, at)
    except NoSuchReadingError as error:
        sentence = words.say(
            "{meter}: no reading is stored at {time}.", meter=meter.meter_id, time=words.format.minute(at)
        )
        near = [iso(one, house) for one in error.near]
        raise RefusedError(404, sentence, meter_id=meter.meter_id, near=near) from None
    forget_photo(house.settings.data_dir, meter.meter_id, removed.at)
    house.statistics.count("readings_deleted")
    house.forget()
    _log.info("%s: the reading %r of %s was deleted through the page", meter.meter_id, removed.value, removed.at)
    return removed


def number_of(written: float | str, words: Words) -> float:
    """Give a reading as a number.

    Raises:
        RefusedError: It is no number, negative, or can mean two.
    """
    found = readings_written(written if isinstance(written, str) else repr(float(written)))
    if isinstance(written, float) and found:
        return written + 0.0
    if len(found) == 1:
        return found[0].value
    if not found:
        sentence = words.say(
            "'{value}' is not a number such as 48700,5 or 48700.5.", value=str(written)[:_LONGEST_TEXT]
        )
        raise RefusedError(422, sentence)
    whole, fraction = (words.format.plain_number(one.value, 12) for one in found)
    fraction += "0" if len(fraction.partition(words.format.decimal_mark)[2]) == 3 else ""
    sentence = words.say(
        "'{value}' can mean either. Write {whole} or {fraction}.", value=written, whole=whole, fraction=fraction
    )
    raise RefusedError(422, sentence)


def _time_of(given: GivenReading, house: HouseState, words: Words, now: pd.Timestamp) -> pd.Timestamp:
    return now.floor("min") if given.time is None else instant(given.time, house, words, now)


def verdict_answer(
    entered: Entered, meter: PhysicalMeter, house: HouseState, words: Words, *, dry_run: bool
) -> VerdictAnswer:
    """Give what became of a reading."""
    judged = entered.judged
    verdict = entered.verdict if entered.verdict != "new" else "would be stored" if dry_run else "stored"
    return VerdictAnswer(
        time=iso(judged.at, house),
        value=judged.value,
        verdict=verdict,
        detail=verdict_text(entered, meter.output_unit, words),
        conflicts_with=judged.replaces,
        expected=None if judged.band is None else (judged.band[0], judged.band[1]),
        suggestion=judged.slip.value if judged.slip else None,
    )


def verdict_text(entered: Entered, unit: str, words: Words) -> str:
    """Write what is to be said of a reading: its meaning, and what speaks against it."""
    judged: JudgedReading = entered.judged
    if entered.verdict == "same":
        return words.say("This reading is stored already.")
    if entered.verdict == "conflict" and judged.replaces is not None:
        stood = words.format.amount(judged.replaces, unit, 10)
        return words.say("For the same moment {value} is stored.", value=stood)
    parts = [part for part in (judgement_text(judged, unit, words), *doubt_texts(judged, unit, words)) if part]
    return f"{'; '.join(parts)}{'.' if parts else ''} {slip_text(judged, unit, words)}".strip()
