"""The bridge from Home Assistant: an automation sends each new state of an entity."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from workflows_dagster.services.pushed_states import take_state
from workflows_dagster.web.api.parameters import House, Spoken, now_utc
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.wording.house_page import pushed_state_text

router = APIRouter(prefix="/api/v1/home-assistant", tags=["home assistant"])


class State(BaseModel):
    """A state as an automation sends it."""

    model_config = ConfigDict(extra="forbid")

    entity_id: Annotated[str, Field(max_length=255)]
    state: Annotated[str | float, Field(union_mode="left_to_right")]
    last_changed: Annotated[str, Field(max_length=60)]


@router.post("/webhook")
def webhook(house: House, words: Spoken, given: State) -> dict[str, str]:
    """Store a state of a configured meter; the same again changes nothing."""
    now = now_utc()
    try:
        at = pd.Timestamp(given.last_changed)
        if pd.isna(at) or at.tzinfo is None:
            raise ValueError
        at = at.tz_convert("UTC").as_unit("us")
    except (ValueError, OverflowError, TypeError):
        sentence = words.say("last_changed: '{value}' is no time with an offset.", value=given.last_changed)
        raise RefusedError(422, sentence) from None
    with house.writing:
        outcome = take_state(house.settings, house.store_to_write, given.entity_id, str(given.state), at, now)
    if outcome not in ("stored", "same"):
        sentence = pushed_state_text(outcome, words, entity=given.entity_id, state=str(given.state)[:60])
        raise RefusedError(404 if outcome == "unknown_entity" else 422, sentence)
    if outcome == "stored":
        house.statistics.count("webhook_states")
        house.forget()
    return {"outcome": outcome}
