"""Power as it flows, and what each switch changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query

from workflows_dagster.services import energy
from workflows_dagster.web.api.parameters import House, Spoken, iso, now_utc
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import energy_reason_text

router = APIRouter(prefix="/api/v1/energy", tags=["energy"])
_MOST_HOURS, _MOST_DAYS, _MOST_ROWS = 24 * 92, 92, 1000
Hours = Annotated[float, Query(gt=0, le=_MOST_HOURS, description="How far back.")]
Days = Annotated[int, Query(ge=1, le=_MOST_DAYS, description="How many complete days.")]
Limit = Annotated[int, Query(ge=1, le=_MOST_ROWS)]


@router.get("/current")
def current(house: House, words: Spoken) -> dict[str, Any]:
    """Give the house's power at present, and its energy since midnight."""
    return _answer(energy.current(house.settings, house.store, now_utc()), house, words)


@router.get("/circuits")
def circuits(house: House, words: Spoken, hours: Hours = 1) -> list[dict[str, Any]]:
    """List the circuits' power over five minutes each, the newest first."""
    return [_answer(one, house, words) for one in energy.circuits(house.store, now_utc(), hours=hours)]


@router.get("/correlations")
def correlations(
    house: House,
    words: Spoken,
    entity_id: Annotated[str | None, Query(max_length=255)] = None,
    domain: Annotated[str | None, Query(max_length=60)] = None,
    hours: Hours = 24,
    min_delta: Annotated[float, Query(ge=0, le=1e6, description="Least change of power, in W.")] = 50,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """List what the events of the last hours changed, the newest first."""
    found = energy.correlations(
        house.store, now_utc(), entity_id=entity_id, domain=domain, hours=hours, min_delta=min_delta, limit=limit
    )
    return [_answer(one, house, words) for one in found]


@router.get("/device-impact/{entity_id}")
def device_impact(house: House, words: Spoken, entity_id: str, days: Days = 7) -> dict[str, Any]:
    """Give what one device used on the last complete days, and what that costs a month."""
    found = energy.device_impact(house.settings, house.store, entity_id, now_utc(), period_days=days)
    return _answer(found, house, words)


@router.get("/statistics")
def statistics(house: House, words: Spoken, hours: Hours = 24) -> dict[str, Any]:
    """Give peak and mean power of the last hours, and how many events changed the power."""
    return _answer(energy.statistics(house.settings, house.store, now_utc(), hours=hours), house, words)


@router.get("/top-consumers")
def top_consumers(house: House, words: Spoken, days: Days = 7, limit: Limit = 10) -> list[dict[str, Any]]:
    """List the devices that used the most on the last complete days."""
    found = energy.top_consumers(house.settings, house.store, now_utc(), period_days=days, limit=limit)
    return [_answer(one, house, words) for one in found]


def _answer(found: Any, house: HouseState, words: Words) -> dict[str, Any]:
    """Give a result as JSON has it: instants with offset, and the reason as a sentence."""
    fields = {
        name: iso(value, house) if isinstance(value, pd.Timestamp) else value for name, value in asdict(found).items()
    }
    if "reason" in fields:
        fields["detail"] = energy_reason_text(fields["reason"], words) if fields["reason"] else None
    return fields
