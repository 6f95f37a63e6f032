"""Exit codes, and the parameters that every command reads alike."""

from __future__ import annotations

import difflib
from datetime import date

import click

from workflows_dagster.settings.meters import MeterBook

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2


class CivilDay(click.ParamType[date]):
    """A civil day, `2024-12-31`."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a day.

        Raises:
            click.BadParameter: It is none.
        """
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is no day. Write it as 2024-12-31.", param, ctx)


DAY = CivilDay()


def known_meter(meters: MeterBook, meter_id: str) -> str:
    """Check that a meter stands in meters.yaml.

    Raises:
        click.BadParameter: It does not; with the nearest name.
    """
    if meter_id in meters:
        return meter_id
    near = difflib.get_close_matches(meter_id, [meter.meter_id for meter in meters], n=1)
    hint = f"Did you mean '{near[0]}'?" if near else "See `meters check` for all of them."
    raise click.BadParameter(f"no meter '{meter_id}' in meters.yaml. {hint}")


def check_order(first: date | None, last: date | None) -> None:
    """Check that a range does not run backwards.

    Raises:
        click.BadParameter: It does.
    """
    if first is not None and last is not None and last < first:
        raise click.BadParameter(f"--to {last} lies before --from {first}. Swap them.")
