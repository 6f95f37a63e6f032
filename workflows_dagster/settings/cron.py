"""Validates cron schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from croniter import CroniterBadDateError, CroniterError, croniter
from pydantic import AfterValidator

from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

_FIELDS = 5
_FEBRUARY = [2]
# Dagster refuses these days of February, regardless of the weekday field.
_NOT_IN_FEBRUARY = ([30], [31])
# Any instant will do: a schedule that ever fires does so within the years that croniter searches.
_FROM = datetime(2024, 1, 1)


def _cron(text: str) -> str:
    try:
        expanded = croniter.expand(text)[0]
        if len(expanded) != _FIELDS:
            raise refusal(Violation("cron_fields", {"value": shown(text), "count": len(expanded)}))
        croniter(text, _FROM).get_next()
        comes = expanded[3] != _FEBRUARY or expanded[2] not in _NOT_IN_FEBRUARY
    except CroniterBadDateError:
        comes = False
    except CroniterError:
        raise refusal(Violation("cron_syntax", {"value": shown(text)})) from None
    if not comes:
        raise refusal(Violation("cron_never", {"value": shown(text)}))
    return " ".join(text.split())


Cron = Annotated[str, AfterValidator(_cron)]
