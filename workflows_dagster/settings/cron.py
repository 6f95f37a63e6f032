"""Cron strings of five fields, looked at before the scheduler sees them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from workflows_dagster.settings.explain import Fault, refusal
from workflows_dagster.settings.problems import shown

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_WEEKDAYS = "sun mon tue wed thu fri sat".split()  # noqa: SIM905
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?")
_REMEDY = "Write minute, hour, day, month and weekday, such as 0 2 * * *."


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise refusal(Fault(f"{shown(text)} has {len(fields)} fields instead of 5", _REMEDY))
    for written, (name, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part.lower(), lowest, highest, names) for part in written.split(",")):
            fact = f"{shown(text)} has the {name} {shown(written)}, which is not within {lowest} to {highest}"
            raise refusal(Fault(fact, _REMEDY))
    return " ".join(fields)


def _fits(part: str, lowest: int, highest: int, names: dict[str, int]) -> bool:
    found = _PART.fullmatch(part)
    if not found or (found["step"] is not None and int(found["step"]) == 0):
        return False
    if found["first"] is None:
        return True
    # isdecimal lets other scripts' digits through, which the scheduler would not read.
    ends = [
        int(end) if end.isascii() and end.isdecimal() else names.get(end, -1)
        for end in (found["first"], found["last"] or found["first"])
    ]
    return lowest <= ends[0] <= ends[1] <= highest


Cron = Annotated[str, AfterValidator(_cron)]
