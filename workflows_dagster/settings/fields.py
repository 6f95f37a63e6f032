"""Field types shared by several configuration files: days, moments, units, numbers."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from workflows_dagster.domain import units
from workflows_dagster.domain.printable import printable
from workflows_dagster.settings.problems import nearest, shown
from workflows_dagster.settings.validation import Violation, refusal

_OPEN_YEAR = 9999


class Frozen(BaseModel):
    """Base of all configuration models: frozen, unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _moment(value: object) -> date | datetime:
    """Parse a date or a date-time; a midnight means that civil day."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise refusal(Violation("not_a_date", {"value": shown(value)})) from None
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value
    if isinstance(value, date):
        return value
    raise refusal(Violation("not_a_date", {"value": shown(value)}))


def _civil_day(value: object) -> date:
    moment = _moment(value)
    if isinstance(moment, datetime):
        raise refusal(Violation("not_midnight", {"value": shown(value), "day": moment.date()}))
    return moment


def _last_day(value: object) -> date | None:
    if value is None:
        return None
    moment = _moment(value)
    return None if moment.year == _OPEN_YEAR else _civil_day(value)


def _unit(value: object) -> str:
    if not isinstance(value, str):
        raise refusal(Violation("not_a_unit", {"value": shown(value), "known": tuple(units.UNITS)}))
    try:
        return units.canonical(value)
    except units.UnitError:
        figures = {"value": shown(value), "known": tuple(units.UNITS), "suggestion": nearest(value, units.UNITS)}
        raise refusal(Violation("unknown_unit", figures)) from None


def _on_one_line(text: str) -> str:
    """Refuse a name that would break a line, end a path, or steer a terminal."""
    if printable(text) != text:
        raise refusal(Violation("text_with_control", {"value": printable(str(shown(text)))}))
    return text


def _no_switch(value: object) -> object:
    """Refuse YAML booleans (yes, on), which would pass as the number 1."""
    if isinstance(value, bool):
        raise refusal(Violation("number_is_switch", {"value": shown(value)}))
    return value


Moment = Annotated[date | datetime, PlainValidator(_moment)]
CivilDay = Annotated[date, PlainValidator(_civil_day)]
LastDay = Annotated[date | None, PlainValidator(_last_day)]
Unit = Annotated[str, PlainValidator(_unit)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_on_one_line)]
Whole = Annotated[int, BeforeValidator(_no_switch)]
Number = Annotated[float, BeforeValidator(_no_switch), Field(allow_inf_nan=False)]


def civil_day(moment: date | datetime, zone: ZoneInfo) -> date:
    """Give the civil day of a configured date or date-time; without an offset it is local time."""
    if not isinstance(moment, datetime):
        return moment
    return moment.astimezone(zone).date() if moment.tzinfo else moment.date()
