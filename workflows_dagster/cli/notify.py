"""`meters notify --test`: sends a test message to the alert addresses."""

from __future__ import annotations

import click

from workflows_dagster.cli.command import EXIT_FAILED, EXIT_WRONG_INPUT, HouseCommand, fail, settings_of

_OFF = (
    "secrets: APPRISE_URLS: it is not set, so alerts are off. "
    "Copy secrets/alerts.env.example to secrets/alerts.env and write an address into it."
)


def _insisted(_ctx: click.Context, _option: click.Parameter, test: bool) -> None:
    if not test:
        raise click.UsageError("nothing is sent without --test. Run `meters notify --test`.")


@click.command(cls=HouseCommand)
@click.option(
    "--test", is_flag=True, callback=_insisted, expose_value=False, help="Send a test message to every address."
)
@click.pass_context
def notify(ctx: click.Context) -> None:
    """Try the addresses to which alerts go: with --test a message is sent to each."""
    from workflows_dagster.alerts.delivery import Message, send
    from workflows_dagster.wording.alerts import address_text, result_text, trial_text
    from workflows_dagster.wording.words import Words

    settings = settings_of(ctx)
    addresses, words = settings.secrets.apprise_urls, Words(settings.site.language)
    if not addresses:
        fail(ctx, _OFF, EXIT_WRONG_INPUT)
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
