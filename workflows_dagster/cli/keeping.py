"""`meters backup`, `meters restore` and `meters upkeep`: what keeps the house, by hand."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from workflows_dagster.cli.errors import EXIT_FAILED, EXIT_WRONG_INPUT
from workflows_dagster.maintenance.archive import PARTS
from workflows_dagster.maintenance.backup_retention import back_up
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore import restore as restore_backup
from workflows_dagster.maintenance.restore import restore_into
from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.pipeline.maintenance import places
from workflows_dagster.pipeline.storage.home import INSTANCE_FILE_NAME, HomeError, home_folder
from workflows_dagster.pipeline.storage.retention import NotSqliteError, preview, tidy
from workflows_dagster.settings.load import CONFIG_DIR, DATA_DIR, load
from workflows_dagster.stores.open import EMBEDDED_FILE

_FOLDER = click.Path(path_type=Path, file_okay=False)


def _now() -> datetime:
    return datetime.now(UTC)


@click.command()
@click.option("--to", "folder", type=_FOLDER, help="Folder for it; default: as config.yaml says (data/backups).")
@click.pass_context
def backup(ctx: click.Context, folder: Path | None) -> None:
    """Back up data, Dagster's home and configuration (without secrets) into one file, and try it out.

    It may be done while everything is at work. Only `meters backup` without --to lets go of the oldest.
    """
    settings = load()
    try:
        made = back_up(settings, places(settings), _now, folder, click.echo)
    except UpkeepError as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_FAILED)
    for note in made.manifest.notes:
        click.echo(note)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--into", "folder", type=_FOLDER, help="Unpack into this folder, to look at; the house stays as it is.")
@click.option("--only", "parts", type=click.Choice(PARTS), multiple=True, help="Only this part; may be repeated.")
@click.option("--replace", is_flag=True, help="Switch from what is there to the backup; nothing is deleted.")
@click.pass_context
def restore(ctx: click.Context, file: Path, folder: Path | None, parts: tuple[str, ...], replace: bool) -> None:
    """Make the backup FILE the house. Stop the services first.

    Configuration is put beside, never over one that is there. Restore only what you made yourself.
    """
    try:
        if folder:
            done = restore_into(folder.absolute(), file, parts or PARTS)
        else:
            done = restore_backup(file, _own_places(), _now(), parts=parts or PARTS, replace=replace)
    except UpkeepError as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_WRONG_INPUT if "already there" in str(error) else EXIT_FAILED)
    for path in done.placed:
        click.echo(f"{path}: restored, as of {done.manifest.made}.")
    if done.before:
        click.echo(f"{done.before}: what was there before. Delete it when you are sure that you don't need it.")
    for sentence in (*done.notes, *done.manifest.notes):
        click.echo(sentence)
    if not done.placed:
        click.echo("The backup holds nothing of that.")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.pass_context
def upkeep(ctx: click.Context, dry_run: bool) -> None:
    """Keep Dagster's home small: deletes old runs and their logs, but forgets no materialized partition."""
    settings = load()
    home, days = home_folder(settings.data_dir), settings.site.upkeep.keep_runs_days
    if not (home / INSTANCE_FILE_NAME).exists():
        click.echo(f"{home}: there is no Dagster home yet; nothing is to be tidied.")
        return
    try:
        with dagster_instance(home) as instance:
            done = preview(instance, days, _now()) if dry_run else tidy(instance, days, _now(), click.echo)
    except NotSqliteError as elsewhere:
        click.echo(str(elsewhere))
        return
    except (HomeError, UpkeepError) as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_FAILED)
    if dry_run:
        click.echo(
            f"Dagster's home: {done.bytes_before / 1e6:,.1f} MB. Older than {days} days: {done.runs:,} runs, "
            f"{done.logs:,} logs of other runs. Nothing was touched."
        )
        return
    click.echo(str(done))


def _own_places() -> Places:
    """Give the house's places without its settings, which may be what is to be restored."""
    beside = Path(__file__).resolve().parents[2]
    named = os.environ.get(CONFIG_DIR)
    config = Path(named).expanduser().absolute() if named else _usual_config(beside)
    moved = os.environ.get(DATA_DIR)
    data = Path(moved).expanduser().absolute() if moved else config.parent / "data"
    return Places(config, data, data / EMBEDDED_FILE, home_folder(data))


def _usual_config(beside: Path) -> Path:
    """Give the configuration's usual folder: beside the package in a clone, else in the working folder."""
    return beside / "config" if (beside / "pyproject.toml").is_file() else Path("config").absolute()
