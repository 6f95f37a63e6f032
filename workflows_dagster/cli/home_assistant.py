"""`meters home-assistant …`: its power sensors, hours given back to it, its Energy dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of

if TYPE_CHECKING:
    from workflows_dagster.clients.home_assistant.blocking import HomeAssistant
    from workflows_dagster.services.energy_dashboard import Plan
    from workflows_dagster.services.statistics_back import GivenBack
    from workflows_dagster.settings.load import Settings
    from workflows_dagster.wording import Words


@click.group()
def home_assistant() -> None:
    """Work with Home Assistant: its power sensors, the hours given back to it, its Energy dashboard."""


@home_assistant.command(cls=HouseCommand)
@click.pass_context
def entities(ctx: click.Context) -> None:
    """List its power and energy sensors, and what each is taken for."""
    from workflows_dagster.cli.tables import wide_console
    from workflows_dagster.services.power_sensors import find_sensors
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.home_assistant import sensor_row, unsure_text

    settings = settings_of(ctx, without_meters=True)
    words, named = words_of(settings.site), settings.site.home_assistant
    with _opened(ctx, settings) as assistant:
        found = find_sensors(
            assistant.ask("get_states"),
            assistant.ask("config/entity_registry/list"),
            assistant.ask("config/device_registry/list"),
            _prefs(assistant),
            named.power_entity,
            named.circuits,
        )
    if not found.power:
        click.echo(words.say("There is no sensor of power (device_class power, state_class measurement, W or kW)."))
    else:
        wide_console(250).print(_table([sensor_row(one, words) for one in found.power], words))
        if found.house is None:
            click.echo(unsure_text(found.power, words))
    if found.energy:
        click.echo(words.say("Sensors of energy: {names}.", names=", ".join(found.energy)))


@home_assistant.command(cls=HouseCommand)
@click.option("--apply", "applies", is_flag=True, help="Change the dashboard; without it, the difference is shown.")
@click.option("--show", is_flag=True, help="Show the difference, which is what happens anyway.")
@click.option("--yes", is_flag=True, help="Do not ask before the change.")
@click.pass_context
def energy(ctx: click.Context, applies: bool, show: bool, yes: bool) -> None:
    """Show what the Energy dashboard would get, or set it up: entries of other sources stay as they are."""
    from workflows_dagster.services.energy_dashboard import plan
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.home_assistant import plan_lines

    if applies and show:
        raise click.UsageError("--show and --apply exclude each other. Name one.", ctx)
    settings = _with_statistics(ctx)
    words = words_of(settings.site)
    with _opened(ctx, settings) as assistant:
        found = plan(settings, assistant.version, _prefs(assistant) or {})
        for line in plan_lines(found.added, found.removed, found.without_place, found.doubled, words):
            click.echo(line)
        if not applies or not found.changes:
            return
        if not yes and not click.confirm(words.say("Change the Energy dashboard so?")):
            return
        _save(assistant, found)
    click.echo(words.say("The Energy dashboard is changed. Its page shows the new entries after a reload."))


@home_assistant.command(cls=HouseCommand)
@click.pass_context
def send(ctx: click.Context) -> None:
    """Give it the hours that it lacks, now instead of with the next hour; and look whether it has the others."""
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = _with_statistics(ctx)
    words = words_of(settings.site)
    with open_store(settings) as store, _opened(ctx, settings) as assistant:
        back = _back(settings, store)
        lost = back.verify(assistant)
        given = back.give(list(back.meters), assistant)
    for name, month in lost.items():
        click.echo(
            words.say("{meter}: hours from {day} on were no longer there.", meter=name, day=words.format.day(month))
        )
    for name, one in given.items():
        if one.since is not None:
            count = words.format.count(one.hours)
            since = words.format.minute(one.since)
            click.echo(words.say("{meter}: {count} sums, from {since} on.", meter=name, count=count, since=since))
    if not any(one.hours for one in given.values()):
        click.echo(words.say("It has every hour."))
    if old := back.left_over():
        click.echo(
            words.say(
                "Still there, and no longer given back: {meters}. `meters home-assistant clear METER` deletes them.",
                meters=", ".join(old),
            )
        )


@home_assistant.command(cls=HouseCommand)
@click.argument("meter")
@click.option("--yes", is_flag=True, help="Do not ask before the deletion.")
@click.pass_context
def clear(ctx: click.Context, meter: str, yes: bool) -> None:
    """Delete the hours that it was given of a METER; one that is still given back is sent again as a whole."""
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    words = words_of(settings.site)
    with open_store(settings) as store:
        back = _back(settings, store)
        known = sorted({*back.meters, *back.left_over()})
        if meter not in known:
            names = ", ".join(known) or words.say("none")
            fail(ctx, words.say("No hours of '{meter}' are given back; of {names}.", meter=meter, names=names), 2)
        if not yes and not click.confirm(words.say("Delete all hours of {meter} in Home Assistant?", meter=meter)):
            return
        with _opened(ctx, settings) as assistant:
            back.clear(meter, assistant)
    click.echo(words.say("The hours of {meter} are deleted.", meter=meter))


def _with_statistics(ctx: click.Context) -> Settings:
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    if not settings.site.home_assistant.statistics:
        text = words_of(settings.site).say(
            "config.yaml:home_assistant.statistics: no meter is given back. Name the meters there."
        )
        fail(ctx, text, EXIT_WRONG_INPUT)
    return settings


def _back(settings: Settings, store: object) -> GivenBack:
    from datetime import timedelta

    import pandas as pd

    from workflows_dagster.domain.days import civil_day
    from workflows_dagster.services.statistics_back import GivenBack

    last = civil_day(pd.Timestamp.now("UTC"), settings.site.zone) - timedelta(days=1)
    return GivenBack(settings, store, last)  # type: ignore[arg-type]


@contextmanager
def _opened(ctx: click.Context, settings: Settings) -> Iterator[HomeAssistant]:
    from workflows_dagster.clients.home_assistant.errors import HomeAssistantError
    from workflows_dagster.services.home_assistant_access import opened
    from workflows_dagster.settings.home_assistant import CLOCK_TOLD
    from workflows_dagster.wording import words_of

    words = words_of(settings.site)
    try:
        with opened(settings) as (assistant, difference):
            if abs(difference) > CLOCK_TOLD:
                seconds = words.format.fixed(difference, 1)
                click.echo(words.say("Its clock is {seconds} s ahead of this machine's.", seconds=seconds), err=True)
            yield assistant
    except HomeAssistantError as error:
        fail(ctx, str(error))


def _prefs(assistant: HomeAssistant) -> dict[str, object] | None:
    from workflows_dagster.clients.home_assistant.errors import CommandRefusedError

    try:
        found: dict[str, object] = assistant.ask("energy/get_prefs")
    except CommandRefusedError as error:
        if error.code != "not_found":
            raise
        return None
    return found


def _save(assistant: HomeAssistant, found: Plan) -> None:
    assistant.ask("energy/save_prefs", **found.prefs)


def _table(rows: list[tuple[str, ...]], words: Words) -> object:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (words.say("sensor"), words.say("name"), words.say("now"), words.say("taken for")):
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    return table
