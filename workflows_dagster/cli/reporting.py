"""`meters report`: one month of the house as a page for people."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Literal

import click
import pandas as pd

from workflows_dagster.cli.errors import EXIT_FAILED, EXIT_WRONG_INPUT
from workflows_dagster.domain import days, months
from workflows_dagster.reports import NoDaysError, Report, monthly_report
from workflows_dagster.reports.monthly import REPORTS_FOLDER, parse_month, write_whole
from workflows_dagster.reports.noting import notes_of_month
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.open import open_store

Format = Literal["html", "markdown"]
_STDOUT = "-"
_SUFFIXES: dict[Format, str] = {"html": "html", "markdown": "md"}


class CalendarMonth(click.ParamType[date]):
    """A calendar month, `2025-03`."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a month as its first civil day.

        Raises:
            click.BadParameter: It is none.
        """
        if isinstance(value, date):
            return value
        try:
            return parse_month(str(value))
        except ValueError:
            self.fail(f"'{value}' is no month. Write it as 2025-03.", param, ctx)


@click.command()
@click.argument("month", type=CalendarMonth(), required=False)
@click.option("--format", "form", type=click.Choice(["html", "markdown"]), default="html", show_default=True)
@click.option("--out", metavar="PATH", help="File to write, - for the standard output; default: data/reports/MONTH.")
@click.pass_context
def report(ctx: click.Context, month: date | None, form: Format, out: str | None) -> None:
    """Report on a MONTH (2025-03; default: the last one that is over) as a page that opens by itself."""
    settings = load()
    this_month = months.month_of(days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone))
    asked = month or months.shifted(this_month, -1)
    if asked > this_month:
        click.echo(f"{asked:%Y-%m}: this month has not begun. Name one up to {this_month:%Y-%m}.", err=True)
        ctx.exit(EXIT_WRONG_INPUT)
    try:
        made = _made(settings, asked)
    except NoDaysError as error:
        click.echo(f"{error}. {_remedy(settings, asked, this_month)}", err=True)
        ctx.exit(EXIT_FAILED)
    text = made.html if form == "html" else made.markdown
    if out == _STDOUT:
        click.echo(text, nl=False)
        return
    path = Path(out) if out else settings.data_dir / REPORTS_FOLDER / f"{made.month}.{_SUFFIXES[form]}"
    try:
        write_whole(path, text)
    except OSError as error:
        no_folder = isinstance(error, FileExistsError | NotADirectoryError)
        reason = f"{path.parent} is no folder" if no_folder else error.strerror or type(error).__name__
        click.echo(f"{path}: cannot be written: {reason}. Name another file with --out.", err=True)
        ctx.exit(EXIT_FAILED)
    click.echo(os.fspath(path))
    click.echo(made.content.summary)


def _made(settings: Settings, month: date) -> Report:
    with open_store(settings) as store:
        return monthly_report(settings, store, f"{month:%Y-%m}", notes_of_month(settings, store, month))


def _remedy(settings: Settings, asked: date, this_month: date) -> str:
    last = months.last_day(asked)
    if last < settings.first_day:
        return f"The house's days begin on {settings.first_day}: name a later month."
    until = f" --to {last}" if asked < this_month else ""
    return f"Run `meters backfill --from {max(asked, settings.first_day)}{until}`, or name another month."
