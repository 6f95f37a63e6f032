"""Parameter types shared by several commands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import click

from workflows_dagster.domain.civil_period import CivilPeriod

if TYPE_CHECKING:
    from workflows_dagster.settings.load import Settings


class CivilDay(click.ParamType[date]):
    """A civil day, `2024-12-31` or `31.12.2024`.

    Args:
        end: Which day of a month or year is meant, where one is given; None takes days only.
    """

    name = "day"

    def __init__(self, end: Literal["first", "last"] | None = None) -> None:
        self._end = end

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse a day.

        Raises:
            click.BadParameter: It is not a day.
        """
        if isinstance(value, date):
            return value
        try:
            period = CivilPeriod.parse(str(value))
        except ValueError:
            period = None
        if period is None or (self._end is None and period.first != period.last):
            self.fail(f"'{value}' is no day. Write it as 2024-12-31.", param, ctx)
        return period.last if self._end == "last" else period.first


class CalendarMonth(click.ParamType[date]):
    """A calendar month, `2025-03` or `3.2025`."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse a month into its first civil day.

        Raises:
            click.BadParameter: It is not a month.
        """
        if isinstance(value, date):
            return value
        try:
            period = CivilPeriod.parse(str(value))
        except ValueError:
            period = None
        if period is None or not period.is_month:
            self.fail(f"'{value}' is no month. Write it as 2025-03.", param, ctx)
        return period.first


class DayMonthYear(click.ParamType[CivilPeriod]):
    """A day, month or year."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> CivilPeriod:
        """Parse a day, month or year.

        Raises:
            click.BadParameter: It is none of these.
        """
        if isinstance(value, CivilPeriod):
            return value
        try:
            return CivilPeriod.parse(str(value))
        except ValueError:
            self.fail(f"'{value}' is no day, month or year. Write 2024-12-31, 2024-12 or 2024.", param, ctx)


DAY = CivilDay()
FIRST_DAY, LAST_DAY = CivilDay("first"), CivilDay("last")
MONTH = CalendarMonth()
DAY_MONTH_YEAR = DayMonthYear()


def known_meter(settings: Settings, meter_id: str) -> str:
    """Check that a meter is configured.

    Raises:
        click.BadParameter: It is not; the message suggests the nearest name.
    """
    from workflows_dagster.services.meters import UnknownMeterError, require_meter

    try:
        return require_meter(settings.meters, meter_id).meter_id
    except UnknownMeterError as error:
        from workflows_dagster.wording import words_of

        say, near = words_of(settings.site).say, error.suggestion
        if near is None:
            text = say("no meter '{meter}' in meters.yaml. See `meters check` for all of them.", meter=meter_id)
        else:
            text = say(
                "no meter '{meter}' in meters.yaml. Did you mean '{suggestion}'?", meter=meter_id, suggestion=near
            )
        raise click.BadParameter(text) from None


def check_order(first: date | None, last: date | None) -> None:
    """Check that a range does not end before it begins.

    Raises:
        click.BadParameter: It does.
    """
    if first is not None and last is not None and last < first:
        raise click.BadParameter(f"--to {last} lies before --from {first}. Swap them.")
