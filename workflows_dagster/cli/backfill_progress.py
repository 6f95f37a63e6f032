"""Runs a backfill with a progress bar, for `meters backfill` and `meters demo`."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from workflows_dagster.cli.command import fail
from workflows_dagster.cli.tables import TerminalConsole
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import BackfillError, backfill, dagster_instance, fit_missing_profiles
from workflows_dagster.pipeline.storage.home import HomeError
from workflows_dagster.settings.dagster_home import home_folder
from workflows_dagster.settings.load import Settings
from workflows_dagster.wording import words_of


def run_with_progress(ctx: click.Context, settings: Settings, meters: Sequence[str], asked: DayRange) -> None:
    """Compute meters over a range of days in one Dagster run, and print the result.

    Args:
        ctx: The command, which exits if the run fails.
        settings: The house.
        meters: The meters.
        asked: The days.
    """
    words = words_of(settings.site)
    counted, span = TextColumn(words.say("meters")), words.format.day_range(asked.first, asked.last)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), counted, TimeElapsedColumn())
    bar = Progress(*columns, console=TerminalConsole())
    try:
        with dagster_instance(home_folder(settings.data_dir)) as instance, bar:
            task = bar.add_task(words.say("seasonal profiles"), total=len(meters))

            def tell(step: str) -> None:
                if step in meters:
                    bar.advance(task)
                else:
                    bar.update(task, description=f"{span}, {step.replace('_', ' ')}")

            fit_missing_profiles(settings, instance)
            bar.update(task, description=span)
            result = backfill(settings, instance, meters, asked, tell)
    except (BackfillError, HomeError) as error:
        fail(ctx, str(error))
    rate = result.partitions / max(result.seconds, 1e-9)
    click.echo(
        words.say(
            "{partitions} partitions ({meters} meters × {days} days) in {seconds} s, {rate} a second; run {run}.",
            partitions=words.format.count(result.partitions),
            meters=result.meters,
            days=result.days,
            seconds=words.format.fixed(result.seconds, 1),
            rate=words.format.fixed(rate, 0),
            run=result.run_id[:8],
        )
    )
