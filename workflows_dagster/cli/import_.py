"""`meters import`: readings from CSV or Excel into the raw store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import known_meter

if TYPE_CHECKING:
    from workflows_dagster.clients.spreadsheets.reader import Sheet
    from workflows_dagster.wording import Words

_SHOWN_GOOD_ROWS = 5


@click.command("import", cls=HouseCommand)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--meter", "meter_id", help="The meter, where the file does not name it.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.pass_context
def import_(ctx: click.Context, files: tuple[Path, ...], meter_id: str | None, dry_run: bool) -> None:
    """Import readings from FILES: CSV (time,value[,meter_id]), or Ab-Datum;Ab-Zeit;Zählerstand, text or workbook.

    Every row gets a verdict. Bad rows are left out and named; good ones are written together at the end.
    """
    import pandas as pd

    from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError
    from workflows_dagster.services.reading_import import good_rows, judge_files, store_readings
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.spreadsheets import file_text

    settings = settings_of(ctx)
    words = words_of(settings.site)
    if meter_id is not None:
        known_meter(settings, meter_id)
    try:
        sheets = judge_files(settings, files, meter_id, pd.Timestamp.now("UTC"))
    except SpreadsheetError as error:
        fail(ctx, file_text(error, words), EXIT_WRONG_INPUT)
    for sheet in sheets:
        _print_verdicts(sheet, words)
    by_meter = good_rows(sheets)
    if not by_meter:
        fail(ctx, words.say("Nothing to import: no row is usable."), EXIT_WRONG_INPUT)
    if not dry_run:
        with open_store(settings) as store:
            store_readings(settings, store, by_meter)
    for name, rows in by_meter.items():
        times = [row.time for row in rows if row.time is not None]
        figures = {
            "meter": name,
            "number": len(rows),
            "first": words.format.minute(min(times)),
            "last": words.format.minute(max(times)),
        }
        if dry_run:
            click.echo(words.say("{meter}: {number} readings would be written, {first} to {last}.", **figures))
        else:
            click.echo(words.say("{meter}: {number} readings written, {first} to {last}.", **figures))
    bad = sum(sheet.count("bad") for sheet in sheets)
    if bad:
        said = words.say_count(
            "{number} row left out; correct and import it again.",
            "{number} rows left out; correct and import them again.",
            bad,
        )
        click.echo(said, err=True)


def _print_verdicts(sheet: Sheet, words: Words) -> None:
    """Print a verdict for each row, but of those that are plainly good only the first."""
    from workflows_dagster.wording.spreadsheets import row_text, verdict_text

    good = 0
    for row in sheet.rows:
        place, reason = f"{sheet.path.name}:{row.line}", row_text(row, words)
        said = f"{place}: {verdict_text(row.verdict, words)}{' – ' + reason if reason else ''}"
        if row.verdict != "good":
            click.echo(said, err=row.verdict == "bad")
            continue
        good += 1
        if good <= _SHOWN_GOOD_ROWS or reason:
            click.echo(said)
        elif good == _SHOWN_GOOD_ROWS + 1:
            click.echo(words.say("{file}: … further good rows are not listed", file=sheet.path.name))
