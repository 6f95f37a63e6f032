"""`meters notify --test`: does an alert reach you?"""

from __future__ import annotations

import click

from workflows_dagster.alerts.sending import send
from workflows_dagster.alerts.wording import TEST
from workflows_dagster.cli.errors import EXIT_FAILED, EXIT_WRONG_INPUT
from workflows_dagster.settings.load import load

_OFF = (
    "secrets: APPRISE_URLS: it is not set, so alerts are off. "
    "Copy secrets/alerts.env.example to secrets/alerts.env and write an address into it."
)


@click.command()
@click.option("--test", is_flag=True, help="Send a test message to every address.")
@click.pass_context
def notify(ctx: click.Context, test: bool) -> None:
    """Try the addresses to which alerts go: with --test a message is sent to each."""
    if not test:
        raise click.UsageError("nothing is sent without --test. Run `meters notify --test`.")
    addresses = load().secrets.apprise_urls
    if not addresses:
        click.echo(_OFF, err=True)
        ctx.exit(EXIT_WRONG_INPUT)
    outcomes = send(addresses, TEST)
    for outcome in outcomes:
        if outcome.is_sent:
            click.echo(f"{outcome.name}: the test message went.")
        else:
            click.echo(f"{outcome.name}: the test message did not go: {outcome.reason}", err=True)
    if not all(outcome.is_sent for outcome in outcomes):
        ctx.exit(EXIT_FAILED)
