"""Sentences of the house page and its API that are no part of a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter
from workflows_dagster.wording.words import Words, marked

_REFUSALS: Mapping[str, tuple[int, str]] = {
    "token_needed": (
        401,
        marked("This needs the house's token. Sign in, or send it as a bearer token (docs/how-to/house-page.md)."),
    ),
    "token_wrong": (401, marked("This is not the house's token. It stands in secrets/house.env.")),
    "too_many_tries": (429, marked("The token was wrong several times. Wait {seconds} s, then try again.")),
    "no_token": (
        403,
        marked(
            "The house has no token, so nothing can be written. Write `HOUSE_TOKEN=` and the output of "
            "`openssl rand -hex 16` into secrets/house.env."
        ),
    ),
    "other_site": (403, marked("The request was made by another web page, which may not write here.")),
    "too_large": (413, marked("More than {most} MB cannot be taken. Split the file.")),
    "not_found": (404, marked("There is no such page.")),
    "method": (405, marked("This address does not take {method}.")),
    "fault": (500, marked("This is a fault of the program. Its log says more.")),
    "no_file": (
        503,
        marked(
            "There is no data file {path} yet. It comes with the first reading. If the house has data already, start "
            "the page where its data folder is (METERS_DATA_DIR)."
        ),
    ),
    "settings_old": (
        200,
        marked("The configuration was changed and cannot be used; the page works with the one before. {problem}"),
    ),
    "stale": (200, marked("{problem} Shown is what was known at {time}.")),
}


def refusal_status(code: str) -> int:
    """Give the HTTP status of a refusal."""
    return _REFUSALS[code][0]


def refusal_text(code: str, words: Words, **figures: object) -> str:
    """Write why a request is refused.

    Args:
        code: The reason.
        words: The reader's language.
        figures: Values of the sentence.
    """
    return words.say(_REFUSALS[code][1], **figures)


def wrong_field_text(error: Mapping[str, Any], words: Words) -> str:
    """Write what is wrong with a field of a request.

    Args:
        error: One error of pydantic's.
        words: The reader's language.
    """
    # Where several models fit, pydantic adds the name of each, which no request has.
    parts = [str(part) for part in error.get("loc", ())[1:] if not str(part)[:1].isupper()]
    place = ".".join(parts)
    if error["type"] == "missing":
        return words.say("{field}: it is missing.", field=place)
    if error["type"] == "extra_forbidden":
        return words.say("{field}: there is no such field.", field=place)
    if error["type"] == "json_invalid":
        return words.say("The body is no JSON.")
    if error["type"] in ("literal_error", "enum"):
        expected = str(error.get("ctx", {}).get("expected", ""))
        return words.say("{field}: it must be one of {expected}.", field=place, expected=expected)
    return words.say("{field}: this cannot be used ({reason}).", field=place, reason=str(error["msg"]))


def made_from_text(meter: Meter, words: Words) -> str:
    """Write how a meter's number is made."""
    if isinstance(meter, PhysicalMeter):
        if meter.source.kind == "interval":
            return words.say("consumption of each interval of {entity}", entity=meter.raw_entity_id)
        return words.say("readings of {entity}", entity=meter.raw_entity_id)
    if isinstance(meter, MasterMeter):
        return words.say("one meter over {sources}", sources=words.format.listed(list(meter.upstream)))
    return " − ".join(meter.upstream)


_PUSHED: Mapping[str, str] = {
    "unknown_entity": marked("{entity}: no meter of meters.yaml reads this entity."),
    "interval_meter": marked("{entity}: its meter takes the consumption of intervals, and a state is a register."),
    "not_a_number": marked("{entity}: '{state}' is no reading of a register."),
    "implausible_time": marked("{entity}: the time lies in the future, or more than a week back."),
}


def pushed_state_text(outcome: str, words: Words, **figures: object) -> str:
    """Write why a state that Home Assistant sent is not stored."""
    return words.say(_PUSHED[outcome], **figures)


_ENERGY_REASONS: Mapping[str, str] = {
    "no_power": marked(
        "No power of the house is known. Home Assistant tells it: write its address into config.yaml as "
        "home_assistant.url and its token into secrets/home_assistant.env; /health/ready says how the connection is."
    ),
    "no_events": marked("No event of this device is known."),
    "device_not_learnt": marked("What this device uses is not learnt yet: its switching changed the power too seldom."),
    "no_price": marked("No price of electricity is known for these days."),
}


def energy_reason_text(reason: str, words: Words) -> str:
    """Write why something about power and devices is not known."""
    return words.say(_ENERGY_REASONS[reason])
