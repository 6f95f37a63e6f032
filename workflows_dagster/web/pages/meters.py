"""The list of all meters, and the page of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from workflows_dagster.domain import days
from workflows_dagster.domain.civil_period import CivilPeriod
from workflows_dagster.domain.hand_readings import StoredReading
from workflows_dagster.reports.layout import fed_into_grid, layout
from workflows_dagster.services.reading_entry import ReadingEntry
from workflows_dagster.services.reading_photos import MEDIA_TYPES, photo_of
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.web.api.consumption import explained, rows_of
from workflows_dagster.web.api.meters import findings_of, last_reading, newest_days
from workflows_dagster.web.api.parameters import House, KnownMeter, Physical, Spoken, instant, iso, now_utc
from workflows_dagster.web.pages.frame import kept_page
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.hand_readings import outcome_text
from workflows_dagster.wording.house_page import made_from_text
from workflows_dagster.wording.report import ReportWords
from workflows_dagster.wording.tables import table_word

router = APIRouter()
By = Literal["day", "month", "year"]
_SHOWN_DAYS = 62
_SHOWN_MONTHS = 37
_SHOWN_READINGS = 12
_SHOWN_FINDINGS = 5
_EXPLAINED_DEPTH = 1


@dataclass(frozen=True)
class MeterRow:
    """One meter of the list, as text."""

    meter_id: str
    name: str
    depth: int
    made_from: str
    newest: str
    last: str


@dataclass(frozen=True)
class PeriodRow:
    """One period of a meter's table, as text.

    Attributes:
        period: `2026-11-25`, `2026-11`, `2026`.
        name: The same for people.
        consumption: The number.
        likely: Its band, where it is estimated.
        quality: How it is known.
        estimated: Part that is estimated.
        register: Register at its end.
        is_estimated: Whether any of it is estimated.
    """

    period: str
    name: str
    consumption: str
    likely: str
    quality: str
    estimated: str
    register: str
    is_estimated: bool


@router.get("/meters")
def meters(request: Request, house: House) -> Response:
    """List the meters by utility, parts below their whole."""

    def make(words: Words) -> Mapping[str, Any]:
        newest = newest_days(house)
        report = ReportWords(words)
        sections = []
        for utility, places in layout(house.settings.meters, fed_into_grid(house.settings)).items():
            rows = []
            for place in places:
                rows.append(_meter_row(place.meter, place.depth, house, words, newest))
                rows += [_meter_row(device, place.depth + 1, house, words, newest) for device in place.devices]
            sections.append({"utility": utility, "title": report.title(utility), "rows": rows})
        return {"sections": sections}

    return kept_page(request, "meters.html", make)


def _meter_row(meter: Meter, depth: int, house: HouseState, words: Words, newest: Mapping[str, date]) -> MeterRow:
    last = last_reading(meter, house)
    return MeterRow(
        meter_id=meter.meter_id,
        name=meter.description or meter.meter_id,
        depth=min(depth, 2),
        made_from=made_from_text(meter, words),
        newest=words.format.day(newest[meter.meter_id]) if meter.meter_id in newest else "",
        last="" if last is None else words.format.amount(last.value, meter.output_unit, 9),
    )


@router.get("/meters/{meter_id}")
def meter(
    request: Request,
    house: House,
    meter: KnownMeter,
    by: Annotated[By, Query()] = "month",
    asked: Annotated[str | None, Query(alias="explain", max_length=10)] = None,
    day: Annotated[str | None, Query(max_length=10)] = None,
) -> Response:
    """Show a meter's numbers as bars and as a table, its readings, and why one number is what it is."""
    asked = asked or day

    def make(words: Words) -> Mapping[str, Any]:
        last = days.civil_day(now_utc(), house.settings.site.zone)
        first = {"day": last - timedelta(days=_SHOWN_DAYS), "month": _months_back(last), "year": None}[by]
        rows = rows_of(house, words, meter, by, first, None)
        text, refusal = _explained(house, words, meter.meter_id, asked)
        found = findings_of(meter.meter_id, house, words)
        return {
            "meter": meter,
            "name": meter.description or meter.meter_id,
            "made_from": made_from_text(meter, words),
            "by": by,
            "first": first.isoformat() if first else "",
            "rows": [_period_row(row, by, words) for row in reversed(rows)],
            "has_register": any(row["closing"] is not None for row in rows),
            "asked": asked,
            "explanation": text,
            "refusal": refusal,
            "readings": _readings(meter, house, words),
            "is_physical": isinstance(meter, PhysicalMeter),
            "findings": [one for one in found if one.severity != "note"][:_SHOWN_FINDINGS],
            "texts": chart_texts(words),
        }

    return kept_page(request, "meter.html", make)


@router.get("/meters/{meter_id}/photo")
def photo(house: House, words: Spoken, meter: Physical, time: Annotated[str, Query(max_length=60)]) -> Response:
    """Give the photo that was kept with a reading."""
    path = photo_of(house.settings.data_dir, meter.meter_id, instant(time, house, words, now_utc()))
    if path is None:
        raise RefusedError(404, words.say("There is no such page."))
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix])


def _months_back(last: date) -> date:
    months = last.year * 12 + last.month - _SHOWN_MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _explained(house: HouseState, words: Words, meter_id: str, asked: str | None) -> tuple[str | None, str | None]:
    if asked is None:
        return None, None
    try:
        return explained(house, words, meter_id, asked, _EXPLAINED_DEPTH)[0], None
    except RefusedError as error:
        return None, error.detail


def _period_row(row: Mapping[str, Any], by: By, words: Words) -> PeriodRow:
    shown, report = words.format, ReportWords(words)
    share = row["estimated_share"]
    has_band = row["lower"] is not None and row["upper"] is not None and row["lower"] < row["upper"]
    return PeriodRow(
        period=row["period"],
        name=period_name(row["period"], by, words),
        consumption=report.figure(row["consumption"], None)
        if not has_band
        else report.number(row["consumption"], (row["lower"], row["upper"])),
        likely=shown.band(row["lower"], row["upper"]) if has_band else "",
        quality=table_word(str(row["quality"]), words) if row["quality"] else "",
        estimated=shown.percent(share) if share else "",
        register="" if row["closing"] is None else shown.rounded(row["closing"]),
        is_estimated=bool(share),
    )


def period_name(period: str, by: By, words: Words) -> str:
    """Write a period for people: a day with its weekday, a month by its name."""
    if by == "year":
        return period
    found = CivilPeriod.parse(period)
    if by == "month":
        return words.format.month(found.first)
    return f"{words.format.weekday(found.first)[:2]} {words.format.day(found.first)}"


def _readings(meter: Meter, house: HouseState, words: Words) -> Sequence[Mapping[str, str]]:
    if not isinstance(meter, PhysicalMeter):
        return []
    stored: list[StoredReading] = ReadingEntry(house.settings, house.store).stored(meter, _SHOWN_READINGS)
    return [
        {
            "time": words.format.minute(one.at),
            "value": words.format.amount(one.value, meter.output_unit, 10),
            "outcome": outcome_text(one.outcome, words),
            "note": one.note or "",
            "photo": str(iso(one.at, house)) if photo_of(house.settings.data_dir, meter.meter_id, one.at) else "",
        }
        for one in reversed(stored)
    ]


def chart_texts(words: Words) -> Mapping[str, str]:
    """Give the words that the charts' script shows."""
    return {
        "consumption": words.say("Consumption"),
        "register": words.say("Register"),
        "estimated": words.say("estimated"),
        "why": words.say("Why this number?"),
    }
