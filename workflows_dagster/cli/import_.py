"""`meters import`: readings from CSV or Excel into the raw store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import known_meter

if TYPE_CHECKING:
    from workflows_dagster.clients.spreadsheets.reader import Sheet

_SHOWN_GOOD_ROWS = 5


@click.command("import", cls=HouseCommand)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--meter", "meter_id", help="The meter, where the file does not name it.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.pass_context
def import_(ctx: click.Context, files: tuple[Path, ...], meter_id: str | None, dry_run: bool) -> None:
    """Import readings from FILES: CSV (time,value[,meter_id]), or Ab-Datum;Ab-Zeit;Zählerstand as CSV or .xlsx.

    Every row gets a verdict. Bad rows are left out and named; good ones are written together at the end.
    """
    import pandas as pd

    from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError
    from workflows_dagster.services.reading_import import good_rows, judge_files, store_readings
    from workflows_dagster.stores.open import open_store

    settings = settings_of(ctx)
    if meter_id is not None:
        known_meter(settings.meters, meter_id)
    try:
        sheets = judge_files(settings, files, meter_id, pd.Timestamp.now("UTC"))
    except SpreadsheetError as error:
        fail(ctx, str(error), EXIT_WRONG_INPUT)
    for sheet in sheets:
        _print_verdicts(sheet)
    by_meter = good_rows(sheets)
    if not by_meter:
        fail(ctx, "Nothing to import: no row is usable.", EXIT_WRONG_INPUT)
    if not dry_run:
        with open_store(settings) as store:
            store_readings(settings, store, by_meter)
    verb = "would be written" if dry_run else "written"
    for name, rows in by_meter.items():
        times = [row.time for row in rows if row.time is not None]
        first, last = (moment.tz_convert(settings.site.zone) for moment in (min(times), max(times)))
        click.echo(f"{name}: {len(rows)} readings {verb}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}.")
    bad = sum(sheet.count("bad") for sheet in sheets)
    if bad:
        click.echo(f"{bad} row{'s' if bad > 1 else ''} left out; correct and import them again.", err=True)


def _print_verdicts(sheet: Sheet) -> None:
    """Print a verdict for each row, but of those that are plainly good only the first."""
    good = 0
    for row in sheet.rows:
        place = f"{sheet.path.name}:{row.line}"
        if row.verdict != "good":
            click.echo(f"{place}: {row.verdict} – {row.reason}", err=row.verdict == "bad")
            continue
        good += 1
        if good <= _SHOWN_GOOD_ROWS or row.reason:
            click.echo(f"{place}: good{' – ' + row.reason if row.reason else ''}")
        elif good == _SHOWN_GOOD_ROWS + 1:
            click.echo(f"{sheet.path.name}: … further good rows are not listed")
