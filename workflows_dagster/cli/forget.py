"""`meters forget`: deletes one reading."""

from __future__ import annotations

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.hand_read_meter import moment, physical_meter


@click.command(cls=HouseCommand)
@click.argument("meter_id", metavar="METER")
@click.argument("when")
@click.pass_context
def forget(ctx: click.Context, meter_id: str, when: str) -> None:
    """Take back one reading of a METER: the one of the moment WHEN ('20.11.2026 12:00')."""
    import pandas as pd

    from workflows_dagster.services.reading_entry import NoSuchReadingError, ReadingEntry
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx, without_costs=True)
    words = words_of(settings.site)
    meter = physical_meter(settings, meter_id)
    at = moment(settings, when, pd.Timestamp.now("UTC").as_unit("us"))
    try:
        with open_store(settings) as store:
            gone = ReadingEntry(settings, store).forget(meter, at)
    except NoSuchReadingError as error:
        near = words.format.listed([words.format.minute(one) for one in error.near])
        at_text = words.format.minute(at)
        if near:
            sentence = words.say(
                "{meter}: no single reading is stored for {time}. Next to it: {near}. See `meters readings {meter}`.",
                meter=meter_id,
                time=at_text,
                near=near,
            )
        else:
            sentence = words.say("{meter}: no reading is stored.", meter=meter_id)
        fail(ctx, sentence, EXIT_WRONG_INPUT)
    click.echo(
        words.say(
            "{meter}: {value} of {time} is gone. The running system recomputes its days; so does `meters backfill`.",
            meter=meter_id,
            value=words.format.amount(gone.value, meter.output_unit, 10),
            time=words.format.minute(gone.at),
        )
    )
