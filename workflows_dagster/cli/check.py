"""`meters check`: the configuration, the connections and the findings, without changing anything."""

from __future__ import annotations

import click

from workflows_dagster.cli.command import EXIT_FAILED, HouseCommand, settings_of


@click.command(cls=HouseCommand)
@click.option(
    "--connect",
    is_flag=True,
    help="Look at the graph, InfluxDB (or the embedded file), Tibber and Dagster's home too.",
)
@click.option("--create-bucket", is_flag=True, help="Create the processed bucket if it is missing; implies --connect.")
@click.pass_context
def check(ctx: click.Context, connect: bool, create_bucket: bool) -> None:
    """Check the configuration, every error at once; and what it needs to reach."""
    import pandas as pd
    from rich.table import Table

    from workflows_dagster.alerts.delivery import require_usable
    from workflows_dagster.cli.findings_table import report_findings
    from workflows_dagster.cli.tables import wide_console

    settings = settings_of(ctx)
    connect = connect or create_bucket
    require_usable(settings.secrets.apprise_urls)
    meters = settings.meters
    click.echo(
        f"{len(meters)} meters: {len(meters.physical)} physical, {len(meters.masters)} master, "
        f"{len(meters.virtuals)} virtual; days from {settings.first_day}."
    )
    table = Table("meter", "type", "utility", "unit", "made from", box=None, pad_edge=False)
    for meter in meters.in_order():
        table.add_row(meter.meter_id, meter.type, meter.utility, meter.output_unit, ", ".join(meter.upstream))
    wide_console().print(table)
    click.echo(f"Storage: {settings.site.storage.backend}. The configuration is good.")
    if connect:
        # Imports Dagster, for its home and the graph.
        from workflows_dagster.cli.connections import report_connections

        if not report_connections(settings, create_bucket):
            ctx.exit(EXIT_FAILED)
    # A server that may be away is only asked when the connections are.
    if connect or settings.site.storage.backend == "embedded":
        report_findings(settings, wide_console(), pd.Timestamp.now("UTC"))
