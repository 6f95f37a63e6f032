"""`meters check` and `meters show`: looking without changing anything."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import click
import dagster as dg
import pandas as pd
from rich.console import Console
from rich.table import Table

from workflows_dagster.alerts.delivery import require_usable
from workflows_dagster.cli.connecting import report_connections
from workflows_dagster.cli.errors import DAY, EXIT_FAILED, check_order, known_meter
from workflows_dagster.cli.figures import number
from workflows_dagster.cli.found import report_findings
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.periods import Step, by_period
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.open import open_store

Format = Literal["table", "csv", "json"]
PROVISIONAL = "provisional"
_COLUMNS = ("opening", "closing", "consumption", "unit", "quality", "estimated_share")


@click.command()
@click.option("--connect", is_flag=True, help="Look at InfluxDB (or the embedded file), Tibber and Dagster's home too.")
@click.option("--create-bucket", is_flag=True, help="Create the processed bucket if it is missing; implies --connect.")
@click.pass_context
def check(ctx: click.Context, connect: bool, create_bucket: bool) -> None:
    """Check the configuration and the graph, every error at once; and what they need to reach."""
    settings = load()
    require_usable(settings.secrets.apprise_urls)
    dg.Definitions.validate_loadable(build_definitions(settings))
    meters = settings.meters
    click.echo(
        f"{len(meters)} meters: {len(meters.physical)} physical, {len(meters.masters)} master, "
        f"{len(meters.virtuals)} virtual; days from {settings.first_day}."
    )
    table = Table("meter", "type", "utility", "unit", "made from", box=None, pad_edge=False)
    for meter in meters.in_order():
        table.add_row(meter.meter_id, meter.type, meter.utility, meter.output_unit, ", ".join(meter.upstream))
    _console().print(table)
    click.echo(f"Storage: {settings.site.storage.backend}. The configuration is good.")
    connect = connect or create_bucket
    if connect and not report_connections(settings, create_bucket):
        ctx.exit(EXIT_FAILED)
    # A server that may be away is only asked when the connections are.
    if connect or settings.site.storage.backend == "embedded":
        report_findings(settings, _console(), pd.Timestamp.now("UTC"))


@click.command()
@click.argument("meter")
@click.option("--from", "first", type=DAY, help="First day; default: the first there is.")
@click.option("--to", "last", type=DAY, help="Last day, included; default: the last there is.")
@click.option("--by", "step", type=click.Choice(["day", "month", "year"]), default="day", show_default=True)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_context
def show(ctx: click.Context, meter: str, first: date | None, last: date | None, step: Step, form: Format) -> None:
    """Show a METER's days, months or years; the days end with today so far, which is provisional."""
    settings = load()
    check_order(first, last)
    known_meter(settings.meters, meter)
    frame = _stored_days(settings, meter, first, last)
    if frame.empty:
        hint = "Run `meters backfill`." if first is None and last is None else "Try other days, or `meters backfill`."
        click.echo(f"{meter}: no days are stored{_range(first, last)}. {hint}", err=True)
        ctx.exit(EXIT_FAILED)
    rows = _rows(frame, settings, step)
    if step == "day":
        rows += _today(settings, meter, first, last)
    if form == "json":
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    else:
        _console().print(_table(meter, rows))


def _stored_days(settings: Settings, meter: str, first: date | None, last: date | None) -> pd.DataFrame:
    zone = settings.site.zone
    start = days.opening(first, zone) if first else None
    end = days.closing(last, zone) if last else None
    with open_store(settings) as store:
        return read_days(store, meter, start, end)


def _today(settings: Settings, meter: str, first: date | None, last: date | None) -> list[dict[str, Any]]:
    """Today so far, straight from the readings, where it lies within what is asked for."""
    now = pd.Timestamp.now("UTC").as_unit("us")
    today = days.civil_day(now, settings.site.zone)
    if (first and first > today) or (last and last < today):
        return []
    with open_store(settings) as store:
        frame = Evaluation(settings, store, until=now).days(meter, DayRange.single(today)).days
    frame = frame.reindex(columns=["opening", "closing", "consumption", "quality", "estimated_share"])
    return _rows(frame.assign(unit=settings.meters[meter].output_unit, quality=PROVISIONAL), settings, "day")


def _rows(frame: pd.DataFrame, settings: Settings, step: Step) -> list[dict[str, Any]]:
    """Rows for machines: floats as they are stored, None for what is not known."""
    civil = days.civil_days(pd.DatetimeIndex(frame.index), settings.site.zone)
    if frame.empty:
        return []
    unit = frame["unit"].iloc[-1]
    if step == "day":
        named = frame.set_index(pd.Index([day.isoformat() for day in civil]))
        key = "day"
    else:
        named, key = by_period(frame, civil, step).assign(unit=unit), "period"
    return [
        {key: name} | {column: _plain(row[column]) for column in _COLUMNS}
        for name, row in zip(named.index, named.to_dict("records"), strict=True)
    ]


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _table(meter: str, rows: list[dict[str, Any]]) -> Table:
    unit = rows[-1]["unit"]
    key = next(iter(rows[0]))
    table = Table(title=f"{meter} [{unit}]".replace("[", "\\["), title_justify="left", box=None, pad_edge=False)
    table.add_column(key)
    for column in ("opening", "closing", "consumption"):
        table.add_column(column, justify="right")
    table.add_column("quality")
    table.add_column("estimated", justify="right")
    for row in rows:
        table.add_row(
            row[key], *(number(row[c]) for c in ("opening", "closing", "consumption")), row["quality"], _percent(row)
        )
    total = math.fsum(row["consumption"] or 0.0 for row in rows)
    table.add_section()
    table.add_row("total", "", "", number(total), "", "", style="bold")
    return table


def _percent(row: Mapping[str, Any]) -> str:
    share = row["estimated_share"]
    return "" if share is None else f"{share:.0%}"


def _range(first: date | None, last: date | None) -> str:
    return (f" from {first}" if first else "") + (f" to {last}" if last else "")


def _console() -> Console:
    """Print to the terminal, as wide as need be where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)
