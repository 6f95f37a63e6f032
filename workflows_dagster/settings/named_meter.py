"""The base of all meters: an id that is a valid asset name, a unit, a utility."""

from __future__ import annotations

import keyword
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from workflows_dagster.settings.fields import Frozen, Unit
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.utilities import Utility, utility_by_name
from workflows_dagster.settings.validation import Violation, refusal

RESERVED_IDS = frozenset(
    {
        # Assets of our own.
        "seasonal_profiles",
        "tibber_consumption",
        "anomalies",
        "monthly_consumption",
        "costs",
        "running_day",
        "outdoor_temperature",
        "event_energy_correlation",
        "home_assistant_statistics",
        # The step of their checks, whose name is also an owner of stored digests.
        "meter_checks",
        # Jobs, whose names Dagster keeps apart from the assets'.
        "days",
        "profiles",
        "today",
        "tibber_sync",
        "events",
        "streams",
        "statistics",
    }
)

# Names that Dagster refuses for anything that computes, beside Python's keywords.
_NOT_FOR_ASSETS = frozenset(
    {"context", "conf", "config", "meta", "type", "dict", "int", "str", "float", "bool", "input", "output"}
    | {"arg_dict", "input_arg_dict", "output_arg_dict"}
    | set(keyword.kwlist)
)
_ID = re.compile(r"[A-Za-z0-9_]{1,100}")


def _meter_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise refusal(Violation("id_characters", {"value": shown(value)}))
    if value.casefold() in RESERVED_IDS:
        raise refusal(Violation("id_of_system", {"name": value}))
    if value in _NOT_FOR_ASSETS:
        raise refusal(Violation("id_of_dagster", {"name": value}))
    return value


MeterId = Annotated[str, AfterValidator(_meter_id)]


def _derived_utility(fields: dict[str, Any]) -> Utility:
    return utility_by_name(fields["output_unit"], f"{fields['meter_id']} {fields['description'] or ''}")


class NamedMeter(Frozen):
    """The base of all meters; see each kind for the attributes."""

    meter_id: MeterId
    output_unit: Unit
    description: str | None = None
    utility: Utility = Field(default_factory=_derived_utility)

    def __hash__(self) -> int:
        return hash(self.meter_id)
