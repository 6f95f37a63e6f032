"""`meters explain`: explains a number."""

from __future__ import annotations

import json

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import DAY_MONTH_YEAR, known_meter
from workflows_dagster.domain.civil_period import CivilPeriod

_ALL_LEVELS = 99


@click.command(cls=HouseCommand)
@click.argument("meter")
@click.argument("day", type=DAY_MONTH_YEAR)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--depth", type=click.IntRange(0), default=1, show_default=True, help="Levels of sources to write out.")
@click.option("--deep", is_flag=True, help="Write out all that it is made from, down to the readings.")
@click.pass_context
def explain(ctx: click.Context, meter: str, day: CivilPeriod, form: str, depth: int, deep: bool) -> None:
    """Explain why a METER's number for a DAY is what it is, with figures to calculate with.

    DAY may also be a month (2024-12) or a year (2024): then the same in sum. JSON always holds all levels.
    """
    import pandas as pd

    from workflows_dagster.evaluation.explanation import Explainer, NothingToExplainError
    from workflows_dagster.evaluation.explanation.plain import plain
    from workflows_dagster.evaluation.explanation.text import render
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    known_meter(settings, meter)
    try:
        with open_store(settings) as store:
            explanation = Explainer(settings, store, pd.Timestamp.now("UTC")).explain(meter, day)
    except NothingToExplainError as error:
        fail(ctx, f"{meter}: {error.sentence(words_of(settings.site))}", EXIT_WRONG_INPUT)
    if form == "json":
        click.echo(json.dumps(plain(explanation), indent=1, ensure_ascii=False))
    else:
        click.echo(render(explanation, _ALL_LEVELS if deep else depth, settings.site.language))
