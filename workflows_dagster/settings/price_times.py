"""The models of prices by time in tariffs.yaml: weekdays, from, to, unit_price."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from workflows_dagster.domain.time_prices import MINUTES_A_DAY
from workflows_dagster.settings.fields import Frozen, Number
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


def _minute(value: object) -> object:
    """Parse HH:MM to a minute of the day; YAML itself turns an unquoted 22:00 into the number 1320."""
    if type(value) is int and 600 <= value <= MINUTES_A_DAY:
        return value
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or int(found[1]) * 60 + int(found[2]) > MINUTES_A_DAY:
        raise refusal(Violation("not_a_time", {"value": shown(value)}))
    return int(found[1]) * 60 + int(found[2])


def _weekdays(value: object) -> object:
    """Parse weekdays: one name, a range as `mon-fri`, or a list of both."""
    found: set[int] = set()
    for part in value if isinstance(value, list) else [value]:
        names = [name.strip().lower()[:3] for name in str(part).split("-")]
        if not isinstance(part, str) or len(names) > 2 or any(name not in WEEKDAYS for name in names):
            raise refusal(Violation("not_a_weekday", {"value": shown(part), "known": WEEKDAYS}))
        first, last = WEEKDAYS.index(names[0]), WEEKDAYS.index(names[-1])
        found |= {(first + k) % 7 for k in range((last - first) % 7 + 1)}
    return tuple(sorted(found))


Minute = Annotated[int, BeforeValidator(_minute)]


class When(Frozen):
    """Times at which a price holds.

    Attributes:
        weekdays: Weekdays on which the time begins; every day without the key. Monday is 0.
        start: First minute of the day, key `from`.
        end: Minute after the last, key `to`; at or before `start` it lies on the next day.
    """

    weekdays: Annotated[tuple[int, ...], BeforeValidator(_weekdays)] = tuple(range(7))
    start: Annotated[Minute, Field(alias="from")] = 0
    end: Annotated[Minute, Field(alias="to")] = MINUTES_A_DAY

    @model_validator(mode="after")
    def _restricted(self) -> When:
        if len(self.weekdays) == 7 and (self.end - self.start) % MINUTES_A_DAY == 0:
            raise refusal(Violation("time_of_all_day"))
        return self


class PriceAtTimes(Frozen):
    """A price that holds at some times instead of the dated price.

    Attributes:
        when: The times.
        unit_price: Price of one `per` of the dated price, with VAT or without as that. [currency/per]
    """

    when: When
    unit_price: Number
