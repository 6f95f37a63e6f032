"""`meters months`: prints the last twelve months of all meters."""

from __future__ import annotations

from datetime import timedelta

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of


@click.command(cls=HouseCommand)
@click.pass_context
def months(ctx: click.Context) -> None:
    """Show the last twelve months of all meters in one table, the running one so far."""
    import pandas as pd
    from rich.console import Console

    from workflows_dagster.cli.last_months import print_last_months
    from workflows_dagster.domain import days
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    yesterday = days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone) - timedelta(days=1)
    if not print_last_months(Console(), settings, yesterday):
        words = words_of(settings.site)
        fail(ctx, words.say("No days of the last twelve months are stored. Run `meters backfill`."), EXIT_WRONG_INPUT)
