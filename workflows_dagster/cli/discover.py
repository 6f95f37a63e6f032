"""`meters discover`: what looks like a meter and stands in no file."""

from __future__ import annotations

import click
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workflows_dagster.domain import days, discovery
from workflows_dagster.services.raw_catalogue import Discovered
from workflows_dagster.services.raw_catalogue import discover as discover_registers
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.new_entries import NewMeter, entries
from workflows_dagster.stores.open import open_store


@click.command()
@click.option("--lines", "only_lines", is_flag=True, help="Print the lines for meters.yaml and nothing else.")
def discover(only_lines: bool) -> None:
    """List what looks like a meter among the raw readings and stands in no file, as lines ready for meters.yaml."""
    settings = load()
    with open_store(settings) as store:
        found, catalogue = discover_registers(store, settings.meters.physical)
    click.echo(_summary(found, catalogue), err=True)
    if not found:
        return
    if not only_lines:
        # As wide as need be where there is no terminal.
        console = Console(highlight=False)
        (console if console.is_terminal else Console(highlight=False, width=250)).print(_table(found, settings))
        click.echo("\nBelow `meters:` in meters.yaml:\n")
    taken = [meter.meter_id for meter in settings.meters]
    click.echo(entries([_new_meter(one, settings) for one in found], taken), nl=False)


def _summary(found: list[Discovered], catalogue: pd.DataFrame) -> str:
    if catalogue.empty:
        return "The raw store holds no readings. Run `meters import`, or let Home Assistant write into it."
    if not found:
        return f"Nothing new: of {len(catalogue)} series, none looks like a meter and stands in no file."
    subject = "1 looks like a meter and stands" if len(found) == 1 else f"{len(found)} look like meters and stand"
    return f"Of {len(catalogue)} series, {subject} in no file."


def _table(found: list[Discovered], settings: Settings) -> Table:
    table = Table("entity", "measurement", "unit", "first reading", "last reading", box=None, pad_edge=False)
    table.add_column("readings", justify="right")
    table.add_column("read")
    zone = settings.site.zone
    for one in found:
        first, last = (f"{instant.tz_convert(zone):%Y-%m-%d %H:%M}" for instant in (one.first, one.last))
        names = (one.series.entity_id, one.series.measurement, one.unit or "unknown")
        table.add_row(*map(escape, names), first, last, f"{one.count:,}", discovery.cadence(one.gap))
    return table


def _new_meter(one: Discovered, settings: Settings) -> NewMeter:
    series = one.series
    return NewMeter(
        entity_id=series.entity_id,
        measurement=series.measurement,
        field=series.field,
        domain=series.domain,
        unit=one.unit or discovery.likely_unit(series.measurement, series.entity_id),
        unit_is_guessed=one.unit is None,
        first_day=days.civil_day(one.first, settings.site.zone),
        interval_days=discovery.reading_interval(one.gap),
    )
