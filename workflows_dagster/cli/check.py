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
@click.option("--all", "everything", is_flag=True, help="List older findings and the notes too.")
@click.pass_context
def check(ctx: click.Context, connect: bool, create_bucket: bool, everything: bool) -> None:
    """Check the configuration, every error at once; and what it needs to reach."""
    import pandas as pd
    from rich.table import Table

    from workflows_dagster.alerts.delivery import require_usable
    from workflows_dagster.cli.findings_table import report_findings
    from workflows_dagster.cli.tables import wide_console
    from workflows_dagster.wording.problems import problem_text
    from workflows_dagster.wording.tables import table_word
    from workflows_dagster.wording.words import words_of

    settings = settings_of(ctx)
    connect = connect or create_bucket
    require_usable(settings.secrets.apprise_urls)
    meters = settings.meters
    words = words_of(settings.site)
    click.echo(
        words.say_count(
            "{number} meter: {physical} physical, {masters} master, {virtuals} virtual; days from {first}.",
            "{number} meters: {physical} physical, {masters} master, {virtuals} virtual; days from {first}.",
            len(meters),
            physical=len(meters.physical),
            masters=len(meters.masters),
            virtuals=len(meters.virtuals),
            first=words.format.day(settings.first_day),
        )
    )
    headings = [table_word(name, words) for name in ("meter", "type", "utility", "unit", "made from")]
    table = Table(*headings, box=None, pad_edge=False)
    for meter in meters.in_order():
        kind, utility = table_word(meter.type, words), table_word(meter.utility, words)
        table.add_row(meter.meter_id, kind, utility, meter.output_unit, ", ".join(meter.upstream))
    wide_console().print(table)
    click.echo(words.say("Storage: {backend}. The configuration is good.", backend=settings.site.storage.backend))
    for hint in settings.hints:
        click.echo(words.say("Hint: {hint}", hint=problem_text(hint, words)))
    if connect:
        # Imports Dagster, for its home and the graph.
        from workflows_dagster.cli.connections import report_connections

        if not report_connections(settings, create_bucket):
            ctx.exit(EXIT_FAILED)
    # A server, which may be down, is queried only with --connect.
    if connect or settings.site.storage.backend == "embedded":
        report_findings(settings, wide_console(), pd.Timestamp.now("UTC"), everything=everything)
