"""`meters show`: prints a meter's days, months or years."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import click

from workflows_dagster.cli.command import HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import FIRST_DAY, LAST_DAY, check_order, known_meter

if TYPE_CHECKING:
    from workflows_dagster.domain.periods import Step
    from workflows_dagster.wording import Words

Format = Literal["table", "csv", "json"]


@click.command(cls=HouseCommand)
@click.argument("meter")
@click.option("--from", "first", type=FIRST_DAY, help="First day; default: the first there is.")
@click.option("--to", "last", type=LAST_DAY, help="Last day, included; default: the last there is.")
@click.option("--by", "step", type=click.Choice(["day", "month", "year"]), default="day", show_default=True)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_context
def show(ctx: click.Context, meter: str, first: date | None, last: date | None, step: Step, form: Format) -> None:
    """Show a METER's days, months or years; the days end with today so far, which is provisional."""
    import pandas as pd

    from workflows_dagster.cli.consumption_rows import as_csv, as_json, print_table, rows_of
    from workflows_dagster.services.consumption import stored_days, today_so_far, with_bands
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    check_order(first, last)
    settings = settings_of(ctx)
    known_meter(settings, meter)
    with open_store(settings) as store:
        frame = stored_days(settings, store, meter, first, last)
        if frame.empty:
            fail(ctx, _nothing_stored(meter, first, last, words_of(settings.site)))
        stored = with_bands(settings, store, meter, frame, step)
        rows = rows_of(stored, "day" if step == "day" else "period")
        if step == "day":
            today = today_so_far(settings, store, meter, pd.Timestamp.now("UTC"), first, last)
            rows += rows_of(today.reindex(columns=stored.columns), "day")
    if form == "table":
        print_table(meter, rows, words_of(settings.site))
    else:
        click.echo(as_csv(rows) if form == "csv" else as_json(rows), nl=form == "json")


def _nothing_stored(meter: str, first: date | None, last: date | None, words: Words) -> str:
    # Days as the options take them.
    figures = {"meter": meter, "first": first, "last": last}
    if first is None and last is None:
        return words.say("{meter}: no days are stored. Run `meters backfill`.", **figures)
    if last is None:
        fact = words.say("{meter}: no days are stored from {first}.", **figures)
    elif first is None:
        fact = words.say("{meter}: no days are stored to {last}.", **figures)
    else:
        fact = words.say("{meter}: no days are stored from {first} to {last}.", **figures)
    hint = words.say("Try other days, or `meters backfill`.")
    return f"{fact} {hint}"
