"""`meters demo`: loads and computes the sample household."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import click

from workflows_dagster.cli.command import EXIT_WRONG_INPUT, HouseCommand, fail, settings_of

if TYPE_CHECKING:
    import pandas as pd

    from workflows_dagster.settings.load import Settings
    from workflows_dagster.stores.ports import Store


@click.command(cls=HouseCommand)
@click.option("--years", type=click.IntRange(1, 20), default=4, show_default=True, help="Years of history.")
@click.option("--page", default="http://localhost:3000", show_default=True, help="Where Dagster's page will be.")
@click.option("--house", default="http://localhost:8006", show_default=True, help="Where the house page will be.")
@click.pass_context
def demo(ctx: click.Context, years: int, page: str, house: str) -> None:
    """Load the sample household into the embedded store, compute its history, and show its last twelve months."""
    import pandas as pd

    from workflows_dagster.cli.tables import TerminalConsole
    from workflows_dagster.domain import days
    from workflows_dagster.domain.days import DayRange
    from workflows_dagster.sample_house import write_sample
    from workflows_dagster.stores.open import open_store
    from workflows_dagster.wording import words_of

    settings = settings_of(ctx)
    words = words_of(settings.site)
    if settings.site.storage.backend != "embedded":
        sentence = words.say(
            "config.yaml: storage.backend: the sample household goes into the embedded store only, never into "
            "'{backend}'. Set it to embedded to try.",
            backend=settings.site.storage.backend,
        )
        fail(ctx, sentence, EXIT_WRONG_INPUT)
    now = pd.Timestamp.now("UTC")
    last = days.civil_day(now, settings.site.zone) - timedelta(days=1)
    first = max(settings.first_day, last - timedelta(days=round(years * 365.25) - 1))
    with TerminalConsole().status(words.say("Reading the sample household's meters …")), open_store(settings) as store:
        count = write_sample(store, settings.meters, settings.site.zone, now.to_pydatetime(), start=first)
        if settings.site.home_assistant.url is None:
            _write_devices(settings, store, now)
    click.echo(
        words.say(
            "{number} readings of {meters} meters since {day}.",
            number=words.format.count(count),
            meters=len(settings.meters.physical),
            day=words.format.day(first),
        )
    )

    # Imports Dagster, for the runs.
    from workflows_dagster.cli.backfill_progress import run_with_progress
    from workflows_dagster.cli.last_months import print_last_months

    meters = tuple(meter.meter_id for meter in settings.meters.in_order())
    run_with_progress(ctx, settings, meters, DayRange(first, last))
    _report(ctx, settings, last)
    print_last_months(TerminalConsole(), settings, last)
    _make_token(settings)
    _print_links(settings, house.rstrip("/"), page.rstrip("/"), last)
    if first.year > settings.first_day.year:
        click.echo(
            words.say(
                "The days begin in {year}. With workflows.analytics.start_year: {year} in config.yaml the catalog has "
                "no empty years before them.",
                year=first.year,
            )
        )


def _write_devices(settings: Settings, store: Store, now: pd.Timestamp) -> None:
    """Write what the made-up devices of the stand-in for Home Assistant did, and what that says of them."""
    import pandas as pd

    from workflows_dagster.domain import days
    from workflows_dagster.domain.days import DayRange
    from workflows_dagster.domain.device_steps import TEACHING_DAYS
    from workflows_dagster.records.events import write_events
    from workflows_dagster.records.power import write_power
    from workflows_dagster.sample_house.devices import HOUSE, past_streams
    from workflows_dagster.services.event_correlation import Correlation
    from workflows_dagster.services.live_power import store_five_minutes

    zone, named = settings.site.zone, settings.site.home_assistant
    today = days.civil_day(now, zone)
    judged = DayRange(today - timedelta(days=3), today)
    start = days.opening(judged.first - timedelta(days=TEACHING_DAYS), zone)
    power, events = past_streams(start, now)
    write_power(store, power)
    write_events(store, events)
    store_five_minutes(store, zone, HOUSE, {}, now - pd.Timedelta(days=1), now)
    Correlation(store, zone, HOUSE, named.event_domains, named.keep_days).of_days(judged, now)


def _make_token(settings: Settings) -> None:
    """Make the token with which the house page lets readings be typed in, unless there is one."""
    from workflows_dagster.services.house_token import make_token
    from workflows_dagster.wording import words_of

    path = None if settings.secrets.house_token else make_token(settings.secrets_dir)
    if path is not None:
        said = words_of(settings.site).say("The house page's token, for typing in readings, is in {path}.", path=path)
        click.echo(said)


def _print_links(settings: Settings, house: str, page: str, last: date) -> None:
    """Say what is worth opening: the house page, the report, a meter in the catalog, how all meters hang together."""
    from workflows_dagster.domain.months import month_of, shifted
    from workflows_dagster.reports.monthly import REPORTS_FOLDER
    from workflows_dagster.wording import words_of

    say, meters = words_of(settings.site).say, settings.meters
    shown = next(iter(meters.masters), None) or next(iter(meters))
    month = shifted(month_of(last + timedelta(days=1)), -1)
    report = (settings.data_dir / REPORTS_FOLDER / f"{month:%Y-%m}.html").resolve()
    click.echo(say("Worth opening (the pages once `make serve` runs):"))
    for text, link in (
        (say("the house page"), house),
        (say("the report"), report.as_uri()),
        (say("a meter and its days"), f"{page}/assets/{shown.meter_id}"),
        (say("how the meters hang together"), f"{page}/asset-groups"),
    ):
        click.echo(f"  {text}: {link}")


def _report(ctx: click.Context, settings: Settings, last: date) -> None:
    """Write the report of the last month that is over."""
    from workflows_dagster.domain.months import month_of, shifted
    from workflows_dagster.pipeline.backfill import BackfillError, dagster_instance, report_month
    from workflows_dagster.pipeline.storage.home import HomeError
    from workflows_dagster.reports.monthly import REPORTS_FOLDER
    from workflows_dagster.settings.dagster_home import home_folder
    from workflows_dagster.wording import words_of

    month = shifted(month_of(last + timedelta(days=1)), -1)
    try:
        with dagster_instance(home_folder(settings.data_dir)) as instance:
            report_month(settings, instance, month)
    except (BackfillError, HomeError) as error:
        fail(ctx, str(error))
    path, words = settings.data_dir / REPORTS_FOLDER / f"{month:%Y-%m}.html", words_of(settings.site)
    click.echo(words.say("The report of {month}: {path}", month=words.format.month(month), path=path))
