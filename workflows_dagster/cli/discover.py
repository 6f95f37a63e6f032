"""`meters discover`: finds raw series that look like meters but are not configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import HouseCommand, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from workflows_dagster.services.raw_catalogue import Discovered
    from workflows_dagster.wording import Words


@click.command(cls=HouseCommand)
@click.option("--lines", "only_lines", is_flag=True, help="Print the lines for meters.yaml and nothing else.")
@click.pass_context
def discover(ctx: click.Context, only_lines: bool) -> None:
    """List raw readings that look like a meter but are not configured, as lines ready for meters.yaml.

    While meters.yaml is empty, the lines are all of it.
    """
    from workflows_dagster.cli.tables import wide_console
    from workflows_dagster.services.configuration import entries_for
    from workflows_dagster.services.raw_catalogue import discover as discover_registers
    from workflows_dagster.services.renamed_entities import continuations, names_line
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx, without_meters=True)
    with open_store(settings) as store:
        found, catalogue = discover_registers(store, settings.meters.physical)
        renamed = continuations(store, found, settings)
    words = words_of(settings.site)
    click.echo(_summary(found, catalogue, words), err=True)
    if not found:
        return
    if not only_lines:
        wide_console(250).print(_table(found, words))
        heading = words.say("Below `meters:` in meters.yaml:")
        click.echo(f"\n{heading}\n")
    if not len(settings.meters):
        click.echo("meters:")
    again = [one for one, _ in renamed]
    click.echo(entries_for([one for one in found if one not in again], settings), nl=False)
    for one, meter in renamed:
        told = words.say(
            "{entity} goes on where {meter} ended. If it was renamed, write under `source` of {meter}:",
            entity=one.series.entity_id,
            meter=meter.meter_id,
        )
        click.echo(f"# {told}\n#   {names_line(one, meter, settings)}")
    begun = min(one.first for one in found).tz_convert(settings.site.zone).year
    if begun != settings.site.workflows.analytics.start_year and not len(settings.meters):
        sentence = words.say("In config.yaml, so that the days begin with the first reading:")
        click.echo(f"\n# {sentence}\n# workflows: {{analytics: {{start_year: {begun}}}}}")


def _summary(found: list[Discovered], catalogue: pd.DataFrame, words: Words) -> str:
    series = words.format.count(len(catalogue))
    if catalogue.empty:
        return words.say("The raw store holds no readings. Run `meters import`, or let Home Assistant write into it.")
    if not found:
        return words.say(
            "Nothing new: of {series} series, none looks like a meter and stands in no file.", series=series
        )
    return words.say_count(
        "Of {series} series, {number} looks like a meter and stands in no file.",
        "Of {series} series, {number} look like meters and stand in no file.",
        len(found),
        series=series,
    )


def _table(found: list[Discovered], words: Words) -> Table:
    from rich.table import Table

    from workflows_dagster.wording.discovery import cadence

    say = words.say
    heads = (
        say("entity"),
        say("measurement"),
        words.say_as("table", "unit"),
        say("first reading"),
        say("last reading"),
    )
    table = Table(*heads, box=None, pad_edge=False)
    table.add_column(say("readings"), justify="right")
    table.add_column(say("read"))
    for one in found:
        first, last = words.format.minute(one.first), words.format.minute(one.last)
        names = (one.series.entity_id, one.series.measurement, one.unit or say("unknown"))
        table.add_row(*names, first, last, words.format.count(one.count), cadence(one.gap, words))
    return table
