"""`meters notify --test`: does an alert reach you?"""

from __future__ import annotations

import click

from workflows_dagster.alerts.delivery import Message, send
from workflows_dagster.cli.errors import EXIT_FAILED, EXIT_WRONG_INPUT
from workflows_dagster.settings.load import load
from workflows_dagster.wording.alerts import address_text, result_text, trial_text
from workflows_dagster.wording.words import Words

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
    settings = load()
    addresses, words = settings.secrets.apprise_urls, Words(settings.site.language)
    if not addresses:
        click.echo(_OFF, err=True)
        ctx.exit(EXIT_WRONG_INPUT)
    outcomes = send(addresses, Message(*trial_text(words), "info"))
    for outcome in outcomes:
        address = address_text(outcome.schema, outcome.position, words)
        if outcome.is_sent:
            click.echo(words.say("{address}: the test message was sent.", address=address))
        else:
            reason = result_text(outcome.result, words)
            click.echo(words.say("{address}: not sent: {reason}", address=address, reason=reason), err=True)
    if not all(outcome.is_sent for outcome in outcomes):
        ctx.exit(EXIT_FAILED)
