"""`meters upkeep`: tidies Dagster's home."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from workflows_dagster.cli.command import HouseCommand, fail, settings_of


@click.command(cls=HouseCommand)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.pass_context
def upkeep(ctx: click.Context, dry_run: bool) -> None:
    """Keep Dagster's home small: deletes old runs and their logs, but forgets no materialized partition."""
    # Imports Dagster, whose own functions delete its runs.
    from workflows_dagster.maintenance.problems import UpkeepError
    from workflows_dagster.pipeline.backfill import dagster_instance
    from workflows_dagster.pipeline.storage.home import INSTANCE_FILE_NAME, HomeError
    from workflows_dagster.pipeline.storage.retention import NotSqliteError, preview, tidy
    from workflows_dagster.settings.dagster_home import home_folder

    settings = settings_of(ctx)
    home, days, now = home_folder(settings.data_dir), settings.site.upkeep.keep_runs_days, datetime.now(UTC)
    if not (home / INSTANCE_FILE_NAME).exists():
        click.echo(f"{home}: there is no Dagster home yet; nothing is to be tidied.")
        return
    try:
        with dagster_instance(home) as instance:
            done = preview(instance, days, now) if dry_run else tidy(instance, days, now, click.echo)
    except NotSqliteError as elsewhere:
        click.echo(str(elsewhere))
        return
    except (HomeError, UpkeepError) as error:
        fail(ctx, str(error))
    if dry_run:
        click.echo(
            f"Dagster's home: {done.bytes_before / 1e6:,.1f} MB. Older than {days} days: {done.runs:,} runs, "
            f"{done.logs:,} logs of other runs. Nothing was touched."
        )
        return
    click.echo(str(done))
