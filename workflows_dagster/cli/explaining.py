"""`meters explain`: why a number is what it is."""

from __future__ import annotations

import json

import click
import pandas as pd

from workflows_dagster.cli.errors import EXIT_WRONG_INPUT, known_meter
from workflows_dagster.evaluation.explanation import Asked, Explainer, NothingToExplainError
from workflows_dagster.evaluation.explanation.plain import plain
from workflows_dagster.evaluation.explanation.text import render
from workflows_dagster.settings.load import load
from workflows_dagster.stores.open import open_store

_ALL_LEVELS = 99


class _DayMonthYear(click.ParamType[Asked]):
    """A day, month or year."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Asked:
        if isinstance(value, Asked):
            return value
        try:
            return Asked.parse(str(value))
        except ValueError:
            self.fail(f"'{value}' is no day, month or year. Write 2024-12-31, 2024-12 or 2024.", param, ctx)


@click.command()
@click.argument("meter")
@click.argument("day", type=_DayMonthYear())
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--depth", type=click.IntRange(0), default=1, show_default=True, help="Levels of sources to write out.")
@click.option("--deep", is_flag=True, help="Write out all that it is made from, down to the readings.")
@click.pass_context
def explain(ctx: click.Context, meter: str, day: Asked, form: str, depth: int, deep: bool) -> None:
    """Explain why a METER's number for a DAY is what it is, with figures to calculate with.

    DAY may also be a month (2024-12) or a year (2024): then the same in sum. JSON always holds all levels.
    """
    settings = load()
    known_meter(settings.meters, meter)
    now = pd.Timestamp.now("UTC")
    try:
        with open_store(settings) as store:
            explanation = Explainer(settings, store, now).explain(meter, day)
    except NothingToExplainError as error:
        click.echo(f"{meter}: {error}", err=True)
        ctx.exit(EXIT_WRONG_INPUT)
    if form == "json":
        click.echo(json.dumps(plain(explanation), indent=1, ensure_ascii=False))
    else:
        click.echo(render(explanation, _ALL_LEVELS if deep else depth))
