"""A meter's numbers: stored ones, why they are so, and computed now."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from workflows_dagster.domain import days
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import BAND_COLUMNS, REGISTER_BAND_COLUMNS
from workflows_dagster.evaluation.explanation import Explainer, NothingToExplainError
from workflows_dagster.evaluation.explanation.plain import plain
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.evaluation.hours import MeasuredHours
from workflows_dagster.services.consumption import analyse, stored_days
from workflows_dagster.services.meters import require_meter
from workflows_dagster.services.stored_sums import stored_sums
from workflows_dagster.settings.meters import Meter
from workflows_dagster.web.api.parameters import (
    Day,
    FirstDay,
    Form,
    House,
    KnownMeter,
    LastDay,
    Spoken,
    in_order,
    known,
    now_utc,
    rows_answer,
    rows_text,
    text_answer,
    wishes_csv,
)
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words

router = APIRouter(prefix="/api/v1", tags=["consumption"])
COLUMNS = [
    "period", "opening", "closing", "consumption", *BAND_COLUMNS, "unit", "quality", "estimated_share",
    *REGISTER_BAND_COLUMNS,
]  # fmt: skip
_MOST_HOURS_DAYS = 62
_MOST_DAYS_COMPUTED = 100_000
_ALL_LEVELS = 99
By = Annotated[Literal["hour", "day", "month", "year"], Query(description="Length of the periods.")]


@router.get("/meters/{meter_id}/consumption", response_model=None)
def consumption(
    request: Request,
    house: House,
    words: Spoken,
    meter: KnownMeter,
    by: By = "day",
    first: FirstDay = None,
    last: LastDay = None,
    form: Form = None,
) -> Response:
    """Give a meter's stored numbers with quality, estimated share and band; hours where they are measured."""
    in_order(first, last, words)
    as_csv = wishes_csv(request, form)
    text = house.kept(
        ("consumption", meter.meter_id, by, first, last, as_csv),
        lambda: rows_text(rows_of(house, words, meter, by, first, last), COLUMNS, as_csv),
    ).value
    return text_answer(text, as_csv=as_csv)


def rows_of(
    house: HouseState, words: Words, meter: Meter, by: str, first: date | None, last: date | None
) -> list[dict[str, Any]]:
    """Give a meter's numbers as rows of `COLUMNS`.

    Raises:
        RefusedError: Hours of too many days are asked for.
        StoreError: The store cannot be read.
    """
    settings = house.settings
    if by == "hour":
        return _hours(house, words, meter, first, last)
    if by == "day":
        frame = stored_days(settings, house.store, meter.meter_id, first, last)
        names = [day.isoformat() for day in days.civil_days(pd.DatetimeIndex(frame.index), settings.site.zone)]
        frame = frame.set_axis(pd.Index(names, dtype=object), axis=0)
    else:
        step: Literal["month", "year"] = "month" if by == "month" else "year"
        frame = stored_sums(settings, house.store, meter.meter_id, step, first, last)
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in COLUMNS[1:]]
    return [dict(zip(COLUMNS, row, strict=True)) for row in zip(frame.index.tolist(), *columns, strict=True)]


def _hours(
    house: HouseState, words: Words, meter: Meter, first: date | None, last: date | None
) -> list[dict[str, Any]]:
    zone, now = house.settings.site.zone, now_utc()
    last = last or days.civil_day(now, zone)
    first = first or last - timedelta(days=1)
    if (last - first).days >= _MOST_HOURS_DAYS:
        sentence = words.say("Hours are given for {most} days at a time. Ask for fewer.", most=_MOST_HOURS_DAYS)
        raise RefusedError(422, sentence)
    start, end = days.opening(first, zone), min(days.closing(last, zone), now.floor("h"))
    if end <= start:
        return []
    cuts = pd.date_range(start, end, freq="h").as_unit("us")
    found = MeasuredHours(house.settings, house.store).of(meter, cuts)
    return [
        dict.fromkeys(COLUMNS)
        | {
            "period": at.tz_convert(zone).isoformat(),
            "consumption": known(value),
            "unit": meter.output_unit,
            "quality": "missing" if np.isnan(value) else "measured",
            "estimated_share": None if np.isnan(value) else 0.0,
        }
        for at, value in zip(pd.DatetimeIndex(found.index), found.to_numpy(dtype=float), strict=True)
    ]


class ExplanationAnswer(BaseModel):
    """Why a number is what it is."""

    meter_id: str
    period: str
    text: str
    data: dict[str, Any]


@router.get("/meters/{meter_id}/explain")
def explain(
    house: House,
    words: Spoken,
    meter: KnownMeter,
    day: Annotated[Day | None, Query(description="A civil day, `2024-12-31`.")] = None,
    month: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$")] = None,
    year: Annotated[str | None, Query(pattern=r"^\d{4}$")] = None,
    depth: Annotated[int, Query(ge=0, le=_ALL_LEVELS, description="Levels of sources in the text.")] = 1,
) -> ExplanationAnswer:
    """Explain a day, a month or a year by its arithmetic, as data and as text."""
    given = [text for text in (day.isoformat() if day else None, month, year) if text is not None]
    if len(given) != 1:
        raise RefusedError(422, words.say("Name one of day, month and year."))
    text, data = explained(house, words, meter.meter_id, given[0], depth)
    return ExplanationAnswer(meter_id=meter.meter_id, period=given[0], text=text, data=data)


def explained(house: HouseState, words: Words, meter_id: str, period: str, depth: int) -> tuple[str, dict[str, Any]]:
    """Explain a period as text and as data.

    Raises:
        RefusedError: There is nothing to explain.
        StoreError: The store cannot be read.
    """
    try:
        asked = CivilPeriod.parse(period)
        found = Explainer(house.settings, house.store, now_utc()).explain(meter_id, asked)
    except NothingToExplainError as error:
        raise RefusedError(422, f"{meter_id}: {error.sentence(words)}", meter_id=meter_id) from None
    except ValueError:
        sentence = words.say("'{period}' is no day, month or year.", period=period)
        raise RefusedError(422, sentence, meter_id=meter_id) from None
    return render(found, depth, words.language), plain(found)


class Analysis(BaseModel):
    """What to compute."""

    model_config = ConfigDict(extra="forbid")

    start_date: Day
    end_date: Day
    meters: Annotated[list[str], Field(min_length=1, max_length=200)] | None = None


@router.post("/analyze", response_model=None)
def analyze(request: Request, house: House, words: Spoken, asked: Analysis, form: Form = None) -> Response:
    """Compute days now from the raw readings, and store nothing; they equal the stored days to the last bit."""
    in_order(asked.start_date, asked.end_date, words)
    settings = house.settings
    today = days.civil_day(now_utc(), settings.site.zone)
    if asked.end_date >= today:
        raise RefusedError(422, words.say("end_date: {day} is not over yet.", day=asked.end_date))
    wanted = asked.meters if asked.meters is not None else [meter.meter_id for meter in settings.meters]
    meters = [require_meter(settings.meters, name) for name in dict.fromkeys(wanted)]
    span = DayRange(asked.start_date, asked.end_date)
    if span.count * len(meters) > _MOST_DAYS_COMPUTED:
        sentence = words.say("More than {most} days would be computed. Ask for fewer.", most=_MOST_DAYS_COMPUTED)
        raise RefusedError(422, sentence)
    rows = []
    for meter in meters:
        frame = analyse(settings, house.store, meter.meter_id, span).days
        civil = days.civil_days(pd.DatetimeIndex(frame.index), settings.site.zone)
        frame = frame.reindex(columns=COLUMNS[1:]).assign(unit=meter.output_unit)
        columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in COLUMNS[1:]]
        rows += [
            {"meter_id": meter.meter_id} | dict(zip(COLUMNS, (day.isoformat(), *row), strict=True))
            for day, *row in zip(civil, *columns, strict=True)
        ]
    return rows_answer(request, rows, ["meter_id", *COLUMNS], form)
