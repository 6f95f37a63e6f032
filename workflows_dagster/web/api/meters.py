"""What the meters are, and what is known about each."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pandas as pd
from fastapi import APIRouter
from pydantic import BaseModel

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.findings import findings_of_house
from workflows_dagster.services.raw_catalogue import newest_reading
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW, Store
from workflows_dagster.web.api.parameters import House, KnownMeter, Spoken, iso, now_utc
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_writer
from workflows_dagster.wording.house_page import made_from_text

router = APIRouter(prefix="/api/v1", tags=["meters"])
_LOOK_BACK = pd.Timedelta(days=800)


class LastReading(BaseModel):
    """A meter's newest reading."""

    time: str
    value: float


class FindingAnswer(BaseModel):
    """One finding."""

    code: str
    severity: str
    start: str | None
    end: str | None
    sentence: str
    meter_id: str | None = None


class MeterAnswer(BaseModel):
    """A meter, and what is known about it."""

    meter_id: str
    type: Literal["physical", "master", "virtual"]
    utility: str
    unit: str
    description: str | None
    made_from: str
    upstream: list[str]
    reading_interval_days: float | None
    last_reading: LastReading | None
    newest_day: date | None


class MeterDetail(MeterAnswer):
    """A meter with its findings."""

    findings: list[FindingAnswer]


@router.get("/meters")
def meters(house: House, words: Spoken) -> list[MeterAnswer]:
    """List the meters, in the order of meters.yaml."""
    newest = newest_days(house)
    return [_answer(meter, house, words, newest) for meter in house.settings.meters]


@router.get("/meters/{meter_id}")
def meter(house: House, words: Spoken, meter: KnownMeter) -> MeterDetail:
    """Give one meter, how it is made, and what was found about it."""
    newest = newest_days(house, meter.meter_id)
    answer = _answer(meter, house, words, newest)
    return MeterDetail(**answer.model_dump(), findings=findings_of(meter.meter_id, house, words))


def _answer(meter: Meter, house: HouseState, words: Words, newest: dict[str, date]) -> MeterAnswer:
    return MeterAnswer(
        meter_id=meter.meter_id,
        type=meter.type,
        utility=meter.utility,
        unit=meter.output_unit,
        description=meter.description,
        made_from=made_from_text(meter, words),
        upstream=list(meter.upstream),
        reading_interval_days=meter.reading_interval_days if isinstance(meter, PhysicalMeter) else None,
        last_reading=last_reading(meter, house),
        newest_day=newest.get(meter.meter_id),
    )


def newest_days(house: HouseState, meter_id: str | None = None) -> dict[str, date]:
    """Give the newest stored day of each meter that has any."""
    zone, now = house.settings.site.zone, now_utc()
    if meter_id is not None:
        frame = house.store.read(CONSUMPTION_DAILY, meter_id, now - _LOOK_BACK)
        return {} if frame.empty else {meter_id: days.civil_day(frame.index[-1], zone)}
    there = house.store.present(CONSUMPTION_DAILY, now - _LOOK_BACK, now)
    return {name: days.civil_day(index[-1], zone) for name, index in there.items() if len(index)}


def last_reading(meter: Meter, house: HouseState) -> LastReading | None:
    """Give the newest reading of a physical meter; None for others, or without any."""
    if not isinstance(meter, PhysicalMeter):
        return None
    found = newest_reading(house.store, meter, now_utc())
    return None if found is None else LastReading(time=str(iso(found[0], house)), value=found[1])


def findings_of(meter_id: str, house: HouseState, words: Words) -> list[FindingAnswer]:
    """Give all stored findings about a meter, the newest first."""
    store: Store = house.store
    found = findings_of_house(store, [FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW]).get(meter_id, [])
    say = finding_writer(house.settings, words)
    return [finding_answer(one, house, say(one)) for one in sorted(found, key=lambda one: -one.start.value)]


def finding_answer(finding: Finding, house: HouseState, sentence: str) -> FindingAnswer:
    """Give a finding with its sentence."""
    return FindingAnswer(
        code=finding.code,
        severity=finding.severity,
        start=iso(finding.start, house),
        end=iso(finding.end, house),
        sentence=sentence,
        meter_id=finding.meter_id,
    )
