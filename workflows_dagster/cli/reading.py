"""`meters reading`: checks and stores one reading."""

from __future__ import annotations

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.hand_read_meter import moment, physical_meter


@click.command(cls=HouseCommand)
@click.argument("meter_id", metavar="METER")
@click.argument("value")
@click.option("--at", "when", help="When it was read: '24.11. 18:00', 2026-11-24; default: now.")
@click.option("--note", help="What should be kept with the reading.")
@click.option("--yes", is_flag=True, help="Store it even where it is implausible.")
@click.pass_context
def reading(ctx: click.Context, meter_id: str, value: str, when: str | None, note: str | None, yes: bool) -> None:
    """Store one reading of a METER: its register shows VALUE. It is compared with the meter's history first."""
    import pandas as pd

    from workflows_dagster.services.reading_entry import ReadingEntry, readings_written
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.hand_readings import reading_text

    settings = settings_of(ctx, without_costs=True)
    words = words_of(settings.site)
    meter = physical_meter(settings, meter_id)
    unit = meter.output_unit
    now = pd.Timestamp.now("UTC").as_unit("us")
    at = moment(settings, when, now) if when is not None else now.floor("min")
    found = readings_written(value)
    if not found:
        raise click.BadParameter(words.say("'{value}' is not a number such as 48700,5 or 48700.5.", value=value))
    with open_store(settings) as store:
        entry = ReadingEntry(settings, store)
        judged = [entry.judge(meter, meaning.value, at) for meaning in found]
        if len(judged) > 1:
            for one in judged:
                click.echo(reading_text(one, unit, words), err=True)
            whole, fraction = (words.format.plain_number(one.value, 12) for one in judged)
            # With a further zero, three decimals are no longer ambiguous.
            fraction += "0" if len(fraction.partition(words.format.decimal_mark)[2]) == 3 else ""
            sentence = words.say(
                "'{value}' can mean either. Write {whole} or {fraction}.",
                value=value,
                whole=whole,
                fraction=fraction,
            )
            fail(ctx, sentence, EXIT_WRONG_INPUT)
        (only,) = judged
        click.echo(reading_text(only, unit, words))
        if only.replaces is not None:
            stood = words.format.amount(only.replaces, unit, 10)
            click.echo(words.say("It takes the place of {value}, stored for the same moment.", value=stood))
        if only.doubts and not yes and not _confirmed(words.say("Store it all the same?")):
            fail(ctx, words.say("Nothing stored. Correct it, or store it as it is with --yes."), EXIT_WRONG_INPUT)
        entry.store(meter, only.value, at, note)
    click.echo(words.say("Stored."))


def _confirmed(question: str) -> bool:
    """Ask for confirmation; without a terminal, the answer is no."""
    try:
        return click.confirm(question, default=False, err=True)
    except click.Abort:
        click.echo(err=True)
        return False
