"""`meters restore`: restores the house from a backup."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import EXIT_FAILED, EXIT_WRONG_INPUT, HouseCommand, fail

if TYPE_CHECKING:
    from workflows_dagster.maintenance.contents import Places

# Copied from maintenance.archive, so that usage errors do not import it.
_PARTS = ("config", "data", "home")


@click.command(cls=HouseCommand)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Unpack into this folder, to look at; the house stays as it is.",
)
@click.option("--only", "parts", type=click.Choice(_PARTS), multiple=True, help="Only this part; may be repeated.")
@click.option("--replace", is_flag=True, help="Switch from what is there to the backup; nothing is deleted.")
@click.pass_context
def restore(ctx: click.Context, file: Path, folder: Path | None, parts: tuple[str, ...], replace: bool) -> None:
    """Make the backup FILE the house. Stop the services first.

    Configuration is put beside, never over one that is there. Restore only what you made yourself.
    """
    from workflows_dagster.maintenance.archive import PARTS
    from workflows_dagster.maintenance.problems import UpkeepError
    from workflows_dagster.maintenance.restore import restore as restore_backup
    from workflows_dagster.maintenance.restore import restore_into

    try:
        if folder:
            done = restore_into(folder.absolute(), file, parts or PARTS)
        else:
            done = restore_backup(file, _own_places(), datetime.now(UTC), parts=parts or PARTS, replace=replace)
    except UpkeepError as error:
        fail(ctx, str(error), EXIT_WRONG_INPUT if "already there" in str(error) else EXIT_FAILED)
    for path in done.placed:
        click.echo(f"{path}: restored, as of {done.manifest.made}.")
    if done.before:
        click.echo(f"{done.before}: what was there before. Delete it when you are sure that you don't need it.")
    for sentence in (*done.notes, *done.manifest.notes):
        click.echo(sentence)
    if not done.placed:
        click.echo("The backup holds nothing of that.")


def _own_places() -> Places:
    """Give the house's places without its settings, which may be missing before the restore."""
    from workflows_dagster.maintenance.contents import Places
    from workflows_dagster.settings.dagster_home import home_folder
    from workflows_dagster.settings.load import CONFIG_DIR, DATA_DIR
    from workflows_dagster.settings.paths import expanded
    from workflows_dagster.stores.open import embedded_path

    beside = Path(__file__).resolve().parents[2]
    named = os.environ.get(CONFIG_DIR)
    config = expanded(named).absolute() if named else _usual_config(beside)
    moved = os.environ.get(DATA_DIR)
    data = expanded(moved).absolute() if moved else config.parent / "data"
    return Places(config, data, embedded_path(data), home_folder(data))


def _usual_config(beside: Path) -> Path:
    """Give the configuration's usual folder: beside the package in a clone, else in the working folder."""
    return beside / "config" if (beside / "pyproject.toml").is_file() else Path("config").absolute()
