"""`meters export`: writes everything that is stored as CSV files."""

from __future__ import annotations

from pathlib import Path

import click

from workflows_dagster.cli.command import HouseCommand, settings_of


@click.command(cls=HouseCommand)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def export(ctx: click.Context, folder: Path) -> None:
    """Write everything that is stored into FOLDER as CSV files: readings, days, months, costs, findings."""
    from workflows_dagster.services.export import export_to_folder
    from workflows_dagster.stores.open import open_store_to_look
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx, without_costs=True)
    words = words_of(settings.site)
    with open_store_to_look(settings) as store:
        count = export_to_folder(settings, store, folder)
    click.echo(words.say_count("{number} file in {folder}.", "{number} files in {folder}.", count, folder=folder))
