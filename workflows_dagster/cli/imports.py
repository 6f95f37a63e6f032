"""`meters import`: readings from CSV or Excel into the raw store."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from workflows_dagster.cli.errors import EXIT_WRONG_INPUT, known_meter
from workflows_dagster.clients.spreadsheets.reader import Row, Sheet, read_spreadsheet
from workflows_dagster.evaluation import raw_series
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.open import open_store

_SHOWN_GOOD_ROWS = 5


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--meter", "meter_id", help="The meter, where the file does not name it.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.pass_context
def import_readings(ctx: click.Context, files: tuple[Path, ...], meter_id: str | None, dry_run: bool) -> None:
    """Import readings from FILES: CSV (time,value[,meter_id]), or Ab-Datum;Ab-Zeit;Zählerstand as CSV or .xlsx.

    Every row gets a verdict. Bad rows are left out and named; good ones are written together at the end.
    """
    settings = load()
    if meter_id is not None:
        known_meter(settings.meters, meter_id)
    now = pd.Timestamp.now("UTC")
    sheets = [read_spreadsheet(path, settings.site.zone, meter_id, now=now) for path in files]
    by_meter: dict[str, list[Row]] = {}
    bad = 0
    for sheet in sheets:
        bad += _judge(sheet, settings, by_meter)
    good = sum(len(rows) for rows in by_meter.values())
    if not good:
        click.echo("Nothing to import: no row is usable.", err=True)
        ctx.exit(EXIT_WRONG_INPUT)
    if not dry_run:
        _write(settings, by_meter)
    verb = "would be written" if dry_run else "written"
    for name, rows in by_meter.items():
        times = [row.time for row in rows if row.time is not None]
        first, last = (moment.tz_convert(settings.site.zone) for moment in (min(times), max(times)))
        click.echo(f"{name}: {len(rows)} readings {verb}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}.")
    if bad:
        click.echo(f"{bad} row{'s' if bad > 1 else ''} left out; correct and import them again.", err=True)


def _judge(sheet: Sheet, settings: Settings, by_meter: dict[str, list[Row]]) -> int:
    """Print a verdict for each row that is not plainly good, collect the good ones, and count the bad."""
    good, bad = 0, 0
    for row in sheet.rows:
        reason = row.reason if row.verdict != "good" else _unusable(row.meter_id, settings)
        if row.verdict == "good" and not reason:
            by_meter.setdefault(str(row.meter_id), []).append(row)
            good += 1
            if good <= _SHOWN_GOOD_ROWS or row.reason:
                click.echo(f"{sheet.path.name}:{row.line}: good{' – ' + row.reason if row.reason else ''}")
            elif good == _SHOWN_GOOD_ROWS + 1:
                click.echo(f"{sheet.path.name}: … further good rows are not listed")
            continue
        verdict = "duplicate" if row.verdict == "duplicate" else "bad"
        bad += verdict == "bad"
        click.echo(f"{sheet.path.name}:{row.line}: {verdict} – {reason}", err=verdict == "bad")
    return bad


def _unusable(meter_id: str | None, settings: Settings) -> str:
    """Say why a meter takes no readings, or nothing."""
    if meter_id is None:
        return "no meter; name it with --meter, or in a column meter_id"
    try:
        known_meter(settings.meters, meter_id)
    except click.BadParameter as error:
        return error.message
    meter = settings.meters[meter_id]
    if not isinstance(meter, PhysicalMeter):
        return (
            f"'{meter_id}' is a {meter.type} meter and has no readings of its own; import those of {meter.upstream[0]}"
        )
    return ""


def _write(settings: Settings, by_meter: dict[str, list[Row]]) -> None:
    with open_store(settings) as store:
        for name, rows in by_meter.items():
            meter = settings.meters[name]
            assert isinstance(meter, PhysicalMeter)
            readings = pd.Series(
                [row.value for row in rows],
                index=pd.DatetimeIndex([row.time for row in rows]).as_unit("us"),
                dtype=float,
            )
            readings = readings[~readings.index.duplicated(keep="last")].sort_index()
            store.write_readings(raw_series(meter), readings)
