"""`meters report`: writes the monthly report."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import MONTH

if TYPE_CHECKING:
    from workflows_dagster.settings.load import Settings
    from workflows_dagster.wording import Words

Format = Literal["html", "markdown"]
_STDOUT = "-"
_SUFFIXES: dict[Format, str] = {"html": "html", "markdown": "md"}


@click.command(cls=HouseCommand)
@click.argument("month", type=MONTH, required=False)
@click.option("--format", "form", type=click.Choice(["html", "markdown"]), default="html", show_default=True)
@click.option("--out", metavar="PATH", help="File to write, - for the standard output; default: data/reports/MONTH.")
@click.pass_context
def report(ctx: click.Context, month: date | None, form: Format, out: str | None) -> None:
    """Write the report of a MONTH (2025-03; default: the last complete one) as one self-contained page."""
    import pandas as pd

    from workflows_dagster.domain import days, months
    from workflows_dagster.reports import NoDaysError, monthly_report
    from workflows_dagster.reports.monthly import REPORTS_FOLDER, write_whole
    from workflows_dagster.reports.notes import notes_of_month
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    words = words_of(settings.site)
    this_month = months.month_of(days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone))
    asked = month or months.shifted(this_month, -1)
    if asked > this_month:
        sentence = words.say(
            "{month}: this month has not begun. Name one up to {last}.",
            # As the command takes them.
            month=f"{asked:%Y-%m}",
            last=f"{this_month:%Y-%m}",
        )
        fail(ctx, sentence, EXIT_WRONG_INPUT)
    try:
        with open_store(settings) as store:
            made = monthly_report(settings, store, f"{asked:%Y-%m}", notes_of_month(settings, store, asked))
    except NoDaysError:
        fact = words.say("{month}: no days are stored of this month.", month=f"{asked:%Y-%m}")
        fail(ctx, f"{fact} {_remedy(settings, asked, this_month, words)}")
    text = made.html if form == "html" else made.markdown
    if out == _STDOUT:
        click.echo(text, nl=False)
        return
    path = Path(out) if out else settings.data_dir / REPORTS_FOLDER / f"{made.month}.{_SUFFIXES[form]}"
    try:
        write_whole(path, text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if isinstance(error, FileExistsError | NotADirectoryError):
            reason = words.say("{path} is no folder", path=path.parent)
        sentence = words.say(
            "{path}: cannot be written: {reason}. Name another file with --out.", path=path, reason=reason
        )
        fail(ctx, sentence)
    click.echo(os.fspath(path))
    click.echo(made.content.summary)


def _remedy(settings: Settings, asked: date, this_month: date, words: Words) -> str:
    from workflows_dagster.domain import months

    last = months.last_day(asked)
    if last < settings.first_day:
        day = words.format.day(settings.first_day)
        return words.say("The house's days begin on {day}: name a later month.", day=day)
    until = f" --to {last}" if asked < this_month else ""
    command = f"meters backfill --from {max(asked, settings.first_day)}{until}"
    return words.say("Run `{command}`, or name another month.", command=command)
