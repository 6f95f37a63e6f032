"""`meters backup`: a backup by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from workflows_dagster.cli.command import HouseCommand, fail, settings_of


@click.command(cls=HouseCommand)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for it; default: as config.yaml says (data/backups).",
)
@click.pass_context
def backup(ctx: click.Context, folder: Path | None) -> None:
    """Back up data, Dagster's home and configuration (without secrets) into one file, and verify it.

    The services may be running. Only `meters backup` without --to removes the oldest backups.
    """
    from workflows_dagster.maintenance.contents import places
    from workflows_dagster.maintenance.problems import UpkeepError
    from workflows_dagster.maintenance.verified_backup import back_up

    settings = settings_of(ctx)
    try:
        made = back_up(settings, places(settings), lambda: datetime.now(UTC), folder, click.echo)
    except UpkeepError as error:
        fail(ctx, str(error))
    for note in made.manifest.notes:
        click.echo(note)
