"""The first page: how is the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workflows_dagster.records.house_status import HouseStatus, stored_status
from workflows_dagster.reports.lines import daily
from workflows_dagster.services.findings import HouseFindings, house_findings
from workflows_dagster.services.overview import HandReadMeter, UtilityNow, hand_read_meters, utilities_now
from workflows_dagster.settings.load import Settings
from workflows_dagster.web.api.parameters import House, now_utc
from workflows_dagster.web.pages.frame import kept_page
from workflows_dagster.wording import Words
from workflows_dagster.wording.anomalies import anomaly_sentence
from workflows_dagster.wording.findings import finding_writer
from workflows_dagster.wording.hand_readings import reading_text
from workflows_dagster.wording.report import ReportWords

router = APIRouter()
_MOST_NOTES = 6
_MUCH = 0.25


@dataclass(frozen=True)
class Card:
    """One utility on the first page, as text.

    Attributes:
        utility: Which, for its colour.
        title: Its name.
        href: Its meter's page.
        month: The month so far, with its band.
        is_estimated: Whether more than half of it is estimated.
        comparison: The same days a year ago.
        is_much: Whether it differs by a quarter or more.
        yesterday: Yesterday.
        today: Today so far.
    """

    utility: str
    title: str
    href: str
    month: str
    is_estimated: bool
    comparison: str
    is_much: bool
    yesterday: str
    today: str


@dataclass(frozen=True)
class Note:
    """Something that needs a look.

    Attributes:
        about: Meter and days.
        href: Where it is explained.
        sentence: The fact.
        is_grave: Whether it is an error or an alert.
    """

    about: str
    href: str
    sentence: str
    is_grave: bool


@router.get("/")
def how_is_the_house(request: Request, house: House) -> Response:
    """Show each utility's month so far, what needs a look, and what is to be read."""

    def make(words: Words) -> Mapping[str, Any]:
        settings, store, now = house.settings, house.store, now_utc()
        notes = notes_of(settings, house_findings(settings, store, now), words)
        due = [one for one in hand_read_meters(settings, store, now) if one.is_due]
        utilities = utilities_now(settings, store, now)
        through = max((one.through for one in utilities if one.through), default=None)
        return {
            "cards": [card(one, words) for one in utilities],
            "through": words.format.day(through) if through else None,
            "notes": notes[:_MOST_NOTES],
            "more": len(notes) - _MOST_NOTES,
            "due": [due_text(one, words) for one in due],
            "failed": failed_text(stored_status(store), words),
        }

    return kept_page(request, "house.html", make)


def card(now: UtilityNow, words: Words) -> Card:
    """Write the card of a utility."""
    report = ReportWords(words)
    unit, scale = daily(now.utility, now.unit)

    def of_day(value: float | None) -> str:
        return report.amount(None if value is None else value * scale, unit)

    comparison, before = "", report.amount(now.year_before, now.unit)
    if now.leaves_change_open:
        comparison = words.say(
            "no difference from the same days a year ago ({amount}) that the readings could show", amount=before
        )
    elif now.change is not None:
        comparison = words.say(
            "{change} against the same days a year ago ({amount})", change=report.change(now.change), amount=before
        )
    return Card(
        utility=now.utility,
        title=report.title(now.utility),
        href=f"/meters/{now.meter_ids[0]}",
        month=report.amount(now.month, now.unit, now.band),
        is_estimated=now.estimated_share > 0.5,
        comparison=comparison,
        is_much=now.change is not None and abs(now.change) >= _MUCH and not now.leaves_change_open,
        yesterday=of_day(now.yesterday),
        today=of_day(now.today),
    )


def notes_of(settings: Settings, found: HouseFindings, words: Words) -> list[Note]:
    """Give what needs a look: findings, doubted readings, unusual days."""
    say, shown = finding_writer(settings, words), words.format
    names = {meter.meter_id: meter.description or meter.meter_id for meter in settings.meters}
    units = {meter.meter_id: meter.output_unit for meter in settings.meters}
    notes = [
        Note(names[one.meter_id], f"/meters/{one.meter_id}", reading_text(one, units[one.meter_id], words), True)
        for one in found.doubted
    ]
    for one in found.recent:
        about = f"{names[one.meter_id]}, {shown.days_between(one.start, one.end)}"
        day = shown.day_at(one.start)
        notes.append(Note(about, f"/meters/{one.meter_id}?explain={day}", say(one), one.severity == "error"))
    for each in found.unusual:
        day = shown.day_at(each.start)
        sentence = anomaly_sentence(each.reason, units[each.meter_id], words) if each.reason else each.sentence
        about = f"{names[each.meter_id]}, {shown.day(day)}"
        notes.append(Note(about, f"/meters/{each.meter_id}?explain={day}", f"{sentence}.", each.severity == "alert"))
    return notes


def failed_text(status: HouseStatus | None, words: Words) -> str | None:
    """Write what is wrong with runs and backups; None if nothing is."""
    if status is None or not status.failed_jobs:
        return None
    names = ", ".join(status.failed_jobs)
    return words.say("These runs failed: {names}. Dagster's page says why.", names=names)


def due_text(one: HandReadMeter, words: Words) -> str:
    """Write which meter is to be read, and since when it was not."""
    name = one.meter.description or one.meter.meter_id
    if one.last is None:
        return words.say("{meter}: not read yet", meter=name)
    return words.say("{meter}: last read on {day}", meter=name, day=words.format.day(words.format.day_at(one.last)))
