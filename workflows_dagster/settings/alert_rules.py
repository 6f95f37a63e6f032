"""The `alerts` section of config.yaml: when alerts are sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated

import pandas as pd
from pydantic import BeforeValidator, Field

from workflows_dagster.settings.fields import Frozen, Number, Whole
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.validation import Violation, refusal

_CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)"
_SPAN = re.compile(rf"\s*{_CLOCK}\s*[-–]\s*{_CLOCK}\s*", re.ASCII)


@dataclass(frozen=True)
class QuietHours:
    """The hours of each day in which nothing is sent.

    Attributes:
        start: When they begin, by the house's clock.
        end: When they are over; earlier than `start` where midnight lies between.
    """

    start: time
    end: time

    def cover(self, local: datetime) -> bool:
        """Tell whether they hold at a moment of the house's clock."""
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


def _quiet_hours(value: object) -> object:
    if value is None or isinstance(value, QuietHours):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refusal(Violation("quiet_hours", {"value": shown(value)}))
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    quiet = QuietHours(time(first_hour, first_minute), time(last_hour, last_minute))
    if quiet.start == quiet.end:
        raise refusal(Violation("quiet_hours_empty", {"value": shown(value)}))
    return quiet


class AlertSettings(Frozen):
    """When alerts are sent.

    Attributes:
        quiet_hours: Hours of the day in which nothing is sent; alerts wait until they are over. None for no such hours.
        min_hours_between: Shortest time between two messages; alerts meanwhile go into one. [h]
        repeat_after_hours: An alert that is still active is repeated after this time. [h]
        disk_free_mb: A disk with less free space is reported. [MB]
    """

    quiet_hours: Annotated[QuietHours | None, BeforeValidator(_quiet_hours)] = QuietHours(time(22), time(7))
    min_hours_between: Annotated[Number, Field(ge=0, le=168)] = 4
    repeat_after_hours: Annotated[Number, Field(ge=1, le=8760)] = 168
    disk_free_mb: Annotated[Whole, Field(ge=0)] = 1000

    @property
    def between(self) -> pd.Timedelta:
        """Shortest time between two messages."""
        return pd.Timedelta(hours=self.min_hours_between)

    @property
    def repeat_after(self) -> pd.Timedelta:
        """Time after which an active alert is repeated."""
        return pd.Timedelta(hours=self.repeat_after_hours)
