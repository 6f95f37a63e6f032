"""`meters backfill` and `meters demo`: work that goes through Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import click
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from workflows_dagster.cli.errors import DAY, EXIT_FAILED, EXIT_WRONG_INPUT, check_order, known_meter
from workflows_dagster.cli.last_months import print_last_months
from workflows_dagster.cli.tibber_house import TibberHouse, served, synchronise, tibber_house, write_sample_around
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.months import month_of, shifted
from workflows_dagster.pipeline.backfill import (
    BackfillError,
    BackfillResult,
    dagster_instance,
    fit_missing_profiles,
    report_month,
)
from workflows_dagster.pipeline.backfill import backfill as run_backfill
from workflows_dagster.pipeline.storage.home import HomeError, home_folder
from workflows_dagster.reports.monthly import REPORTS_FOLDER
from workflows_dagster.sample_house import write_sample
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.open import open_store


@click.command()
@click.option("--from", "first", type=DAY, help="First day; default: the first of all.")
@click.option("--to", "last", type=DAY, help="Last day, included; default: yesterday.")
@click.option("--meters", "names", help="Only these, separated by commas, and what is made from them.")
@click.pass_context
def backfill(ctx: click.Context, first: date | None, last: date | None, names: str | None) -> None:
    """Compute a range of days for all meters, in one Dagster run."""
    settings = load()
    yesterday = days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone) - timedelta(days=1)
    begin, end = first or settings.first_day, last or yesterday
    check_order(begin, end)
    if begin < settings.first_day or end > yesterday:
        click.echo(f"--from and --to: days run from {settings.first_day} to {yesterday}. Choose days within.", err=True)
        ctx.exit(EXIT_WRONG_INPUT)
    asked = [known_meter(settings.meters, name.strip()) for name in names.split(",")] if names else None
    meters = settings.meters.downstream_of(asked) if asked else tuple(m.meter_id for m in settings.meters.in_order())
    _print_result(_run(ctx, settings, meters, DayRange(begin, end)))


@click.command()
@click.option("--years", type=click.IntRange(1, 20), default=4, show_default=True, help="Years of history.")
@click.option("--tibber", "on_tibber", is_flag=True, help="Let the main meter read a Tibber account on this machine.")
@click.pass_context
def demo(ctx: click.Context, years: int, on_tibber: bool) -> None:
    """Load the sample household into the embedded store, compute its history, and show its last twelve months."""
    settings = load()
    if settings.site.storage.backend != "embedded":
        click.echo(
            f"config.yaml: storage.backend: the sample household goes into the embedded store only, never into "
            f"'{settings.site.storage.backend}'. Set it to embedded to try.",
            err=True,
        )
        ctx.exit(EXIT_WRONG_INPUT)
    now = pd.Timestamp.now("UTC")
    last = days.civil_day(now, settings.site.zone) - timedelta(days=1)
    first = max(settings.first_day, last - timedelta(days=round(years * 365.25) - 1))
    house = tibber_house(settings) if on_tibber else None
    settings = house.settings if house else settings
    with Console().status("Reading the sample household's meters …"), open_store(settings) as store:
        if house:
            count = write_sample_around(store, house, now.to_pydatetime(), first)
        else:
            count = write_sample(store, settings.meters, settings.site.zone, now.to_pydatetime(), start=first)
    click.echo(f"{count:,} readings of {len(settings.meters.physical)} meters since {first}.")
    if house:
        _fetch_hours(ctx, house, now.to_pydatetime(), first)
    meters = tuple(meter.meter_id for meter in settings.meters.in_order())
    _print_result(_run(ctx, settings, meters, DayRange(first, last)))
    _report(ctx, settings, last)
    print_last_months(Console(), settings, last)


def _report(ctx: click.Context, settings: Settings, last: date) -> None:
    """Write the report of the last month that is over."""
    month = shifted(month_of(last + timedelta(days=1)), -1)
    try:
        with dagster_instance(home_folder(settings.data_dir)) as instance:
            report_month(settings, instance, month)
    except (BackfillError, HomeError) as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_FAILED)
    click.echo(f"The report of {month:%B %Y}: {settings.data_dir / REPORTS_FOLDER / f'{month:%Y-%m}.html'}")


def _fetch_hours(ctx: click.Context, house: TibberHouse, end: datetime, start: date) -> None:
    """Fetch the main meter's hours from a Tibber account on this machine, as the hourly schedule does."""
    try:
        with served(house, end, start) as settings, dagster_instance(home_folder(settings.data_dir)) as instance:
            hours = synchronise(settings, instance)
    except (BackfillError, HomeError) as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_FAILED)
    source = house.meter.source
    click.echo(
        f"{hours:,} new hours of {house.meter.meter_id} came over Tibber's API, from a stand-in on this machine."
    )
    click.echo(
        f"With your own token, {house.meter.meter_id} reads them so (meters.yaml): "
        f"source: {{kind: {source.kind}, measurement: {source.measurement}, entity_id: {source.entity_id}}}"
    )


def _run(ctx: click.Context, settings: Settings, meters: Sequence[str], asked: DayRange) -> BackfillResult:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("meters"), TimeElapsedColumn()
    )
    home = home_folder(settings.data_dir)
    try:
        with dagster_instance(home) as instance, bar:
            task = bar.add_task("seasonal profiles", total=len(meters))

            def tell(step: str) -> None:
                if step in meters:
                    bar.advance(task)
                else:
                    bar.update(task, description=f"{asked.first} to {asked.last}, {step.replace('_', ' ')}")

            fit_missing_profiles(settings, instance)
            bar.update(task, description=f"{asked.first} to {asked.last}")
            return run_backfill(settings, instance, meters, asked, tell)
    except (BackfillError, HomeError) as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_FAILED)


def _print_result(result: BackfillResult) -> None:
    rate = result.partitions / max(result.seconds, 1e-9)
    click.echo(
        f"{result.partitions:,} partitions ({result.meters} meters × {result.days} days) in {result.seconds:.1f} s, "
        f"{rate:,.0f} a second; run {result.run_id[:8]}."
    )
