"""`meters discover`: what looks like a meter and stands in no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import HouseCommand, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from workflows_dagster.services.raw_catalogue import Discovered
    from workflows_dagster.settings.load import Settings


@click.command(cls=HouseCommand)
@click.option("--lines", "only_lines", is_flag=True, help="Print the lines for meters.yaml and nothing else.")
@click.pass_context
def discover(ctx: click.Context, only_lines: bool) -> None:
    """List what looks like a meter among the raw readings and stands in no file, as lines ready for meters.yaml."""
    from workflows_dagster.cli.tables import wide_console
    from workflows_dagster.services.configuration import entries_for
    from workflows_dagster.services.raw_catalogue import discover as discover_registers
    from workflows_dagster.stores.open import open_store

    settings = settings_of(ctx)
    with open_store(settings) as store:
        found, catalogue = discover_registers(store, settings.meters.physical)
    click.echo(_summary(found, catalogue), err=True)
    if not found:
        return
    if not only_lines:
        wide_console(250).print(_table(found, settings))
        click.echo("\nBelow `meters:` in meters.yaml:\n")
    click.echo(entries_for(found, settings), nl=False)


def _summary(found: list[Discovered], catalogue: pd.DataFrame) -> str:
    if catalogue.empty:
        return "The raw store holds no readings. Run `meters import`, or let Home Assistant write into it."
    if not found:
        return f"Nothing new: of {len(catalogue)} series, none looks like a meter and stands in no file."
    subject = "1 looks like a meter and stands" if len(found) == 1 else f"{len(found)} look like meters and stand"
    return f"Of {len(catalogue)} series, {subject} in no file."


def _table(found: list[Discovered], settings: Settings) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from workflows_dagster.domain import discovery

    table = Table("entity", "measurement", "unit", "first reading", "last reading", box=None, pad_edge=False)
    table.add_column("readings", justify="right")
    table.add_column("read")
    zone = settings.site.zone
    for one in found:
        first, last = (f"{instant.tz_convert(zone):%Y-%m-%d %H:%M}" for instant in (one.first, one.last))
        names = (one.series.entity_id, one.series.measurement, one.unit or "unknown")
        table.add_row(*map(escape, names), first, last, f"{one.count:,}", discovery.cadence(one.gap))
    return table
