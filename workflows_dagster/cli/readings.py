"""`meters readings`: lists a meter's stored readings, and how cleaning treated them."""

from __future__ import annotations

import click

from workflows_dagster.cli.command import HouseCommand, settings_of
from workflows_dagster.cli.hand_read_meter import physical_meter

_SHOWN = 30


@click.command(cls=HouseCommand)
@click.argument("meter_id", metavar="METER")
@click.option("--newest", type=click.IntRange(1), default=_SHOWN, show_default=True, help="How many of the newest.")
@click.option("--all", "everything", is_flag=True, help="All that are stored.")
@click.pass_context
def readings(ctx: click.Context, meter_id: str, newest: int, everything: bool) -> None:
    """List the stored readings of a METER, with what cleaning made of each."""
    from tabulate import tabulate

    from workflows_dagster.services.reading_entry import ReadingEntry
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.findings import finding_writer
    from workflows_dagster.wording.hand_readings import outcome_text
    from workflows_dagster.wording.tables import table_word

    settings = settings_of(ctx, without_costs=True)
    words = words_of(settings.site)
    meter = physical_meter(settings, meter_id)
    with open_store(settings) as store:
        listed = ReadingEntry(settings, store).stored(meter, None if everything else newest)
    if not listed:
        click.echo(words.say("{meter}: no reading is stored.", meter=meter_id))
        return
    write = finding_writer(settings)
    lines = [
        [
            words.format.minute(one.at),
            words.format.number(one.value, 10),
            words.format.number(one.advance, 6) if one.advance is not None else "",
            outcome_text(one.outcome, words),
            one.note or "",
        ]
        for one in listed
    ]
    click.echo(f"{meter_id} [{meter.output_unit}]")
    heads = [table_word(name, words) for name in ("when", "reading", "consumption", "what became of it", "remark")]
    click.echo(
        tabulate(lines, headers=heads, tablefmt="plain", disable_numparse=True, colalign=("left", "right", "right"))
    )
    for one in listed:
        if one.finding is not None:
            click.echo(f"{words.format.minute(one.at)}: {write(one.finding)}")
