"""`meters init`: asks a few questions and writes a configuration for a new house."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from workflows_dagster.cli.command import EXIT_FAILED, EXIT_WRONG_INPUT, HouseCommand, fail
from workflows_dagster.cli.new_house_questions import LANGUAGES, READ_EVERY, UTILITIES, asked, from_options
from workflows_dagster.cli.parameters import DAY

if TYPE_CHECKING:
    from workflows_dagster.settings.language import Language
    from workflows_dagster.wording import Words

_COUNTED = "What is counted; again for each. Then nothing is asked."
_FLAT = "A flat with a meter of its own, such as electricity=attic."
_EVERY = "How often meters are read by hand, in days."
_ITSELF = "A utility whose meters report by themselves."
_PRICE = "What a kWh, or a m³ of water, costs: gas=0.11."


@click.command(cls=HouseCommand)
@click.option("--utility", "utilities", multiple=True, type=click.Choice(UTILITIES), help=_COUNTED)
@click.option("--flat", "flats", multiple=True, metavar="UTILITY=NAME", help=_FLAT)
@click.option("--read-every", type=click.IntRange(1, 1000), default=READ_EVERY, show_default=True, help=_EVERY)
@click.option("--by-itself", multiple=True, type=click.Choice(UTILITIES), help=_ITSELF)
@click.option("--price", "prices", multiple=True, metavar="UTILITY=PRICE", help=_PRICE)
@click.option("--since", type=DAY, help="Day of the first reading; default: the first day of last year.")
@click.option("--language", type=click.Choice(LANGUAGES), default=None, help="Language of reports.")
@click.option("--timezone", default="Europe/Berlin", show_default=True, help="Time zone that cuts the days.")
@click.pass_context
def init(
    ctx: click.Context,
    utilities: tuple[str, ...],
    flats: tuple[str, ...],
    read_every: int,
    by_itself: tuple[str, ...],
    prices: tuple[str, ...],
    since: date | None,
    language: str | None,
    timezone: str,
) -> None:
    """Describe a new house: asks a few questions, and writes a small meters.yaml with what belongs to it."""
    from workflows_dagster.services.new_house import METERS, AlreadyDescribedError, files_of, write_files
    from workflows_dagster.settings.load import config_folder, load
    from workflows_dagster.wording.words import Words

    folder = config_folder(os.environ)
    spoken: Language = "de" if language == "de" else "en"
    if (folder / METERS).exists():
        _refuse(ctx, folder / METERS, Words(spoken))
    if utilities:
        house = from_options(utilities, flats, read_every, by_itself, prices, since, spoken, timezone)
    else:
        house = asked(language, since, timezone)
    words = Words(house.language)
    try:
        written, kept = write_files(folder, files_of(house))
    except AlreadyDescribedError as error:
        _refuse(ctx, error.path, words)
    except OSError as error:
        fail(ctx, words.say("{path} cannot be written ({reason}).", path=folder, reason=error.strerror), EXIT_FAILED)
    for path in written:
        click.echo(words.say("Written: {path}", path=path))
    for path in kept:
        click.echo(words.say("Left as it is: {path}", path=path))
    settings = load(folder)
    names = ", ".join(meter.meter_id for meter in settings.meters)
    click.echo(
        words.say_count("{number} meter: {names}.", "{number} meters: {names}.", len(settings.meters), names=names)
    )
    first = settings.meters.physical[0].meter_id
    click.echo(
        words.say("Next: `meters reading {meter} 12345` or `meters import FILE`, then `meters backfill`.", meter=first)
    )


def _refuse(ctx: click.Context, path: Path, words: Words) -> NoReturn:
    sentence = words.say(
        "{path} is there already and stays as it is. Edit it, or set METERS_CONFIG_DIR to a folder for the new house.",
        path=path,
    )
    fail(ctx, sentence, EXIT_WRONG_INPUT)
