"""`meters advise`: says which meter's reading would tell most."""

from __future__ import annotations

import click

from workflows_dagster.cli.command import HouseCommand, settings_of

# A band that becomes narrower by less of a usual year is not worth a walk to the cellar.
_WORTH = 0.001


@click.command(cls=HouseCommand)
@click.pass_context
def advise(ctx: click.Context) -> None:
    """Say which meter to read next: whose reading narrows the running year's 80 % band the most."""
    import pandas as pd

    from workflows_dagster.services.advice import advise as advice_of
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    words = words_of(settings.site)
    with open_store(settings) as store:
        found = advice_of(settings, store, pd.Timestamp.now("UTC"))
    if not found:
        click.echo(words.say("No meter that is read by hand has the three readings that an advice needs."))
        return
    worth = [advice for advice in found if advice.gain >= _WORTH]
    if not worth:
        click.echo(words.say("No reading would tell much now: the running year is known as well as it can be."))
    for advice in worth:
        click.echo(
            words.say(
                "{meter}, last read on {day}: read now, the year is known to ± {after} instead of ± {before} {unit}.",
                meter=advice.meter_id,
                day=words.format.day(words.format.day_at(advice.last)),
                after=words.format.number(advice.with_reading, 2),
                before=words.format.number(advice.half_width, 2),
                unit=advice.unit,
            )
        )
