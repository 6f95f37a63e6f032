"""`meters backfill`: a range of days in one Dagster run."""

from __future__ import annotations

from datetime import date, timedelta

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import FIRST_DAY, LAST_DAY, check_order, known_meter


@click.command(cls=HouseCommand)
@click.option("--from", "first", type=FIRST_DAY, help="First day; default: the first of all.")
@click.option("--to", "last", type=LAST_DAY, help="Last day, included; default: yesterday.")
@click.option("--meters", "names", help="Only these, separated by commas, and what is made from them.")
@click.pass_context
def backfill(ctx: click.Context, first: date | None, last: date | None, names: str | None) -> None:
    """Compute a range of days for all meters, in one Dagster run."""
    import pandas as pd

    from workflows_dagster.domain import days
    from workflows_dagster.domain.days import DayRange

    settings = settings_of(ctx)
    yesterday = days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone) - timedelta(days=1)
    begin, end = first or settings.first_day, last or yesterday
    check_order(begin, end)
    if begin < settings.first_day or end > yesterday:
        from workflows_dagster.wording import words_of

        sentence = words_of(settings.site).say(
            "--from and --to: days run from {first} to {last}. Choose days within.",
            # As the options take them.
            first=settings.first_day,
            last=yesterday,
        )
        fail(ctx, sentence, EXIT_WRONG_INPUT)
    asked = [known_meter(settings, name.strip()) for name in names.split(",")] if names is not None else None
    meters = settings.meters.downstream_of(asked) if asked else tuple(m.meter_id for m in settings.meters.in_order())

    # Imports Dagster, once it is known that there is something to run.
    from workflows_dagster.cli.backfill_progress import run_with_progress

    run_with_progress(ctx, settings, meters, DayRange(begin, end))
