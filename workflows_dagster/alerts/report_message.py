"""The monthly report as a message to the alerts' addresses, once a month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from workflows_dagster.alerts.delivery import Message, Outcome, send
from workflows_dagster.domain.months import month_of, shifted
from workflows_dagster.settings.load import Settings

# Whatever was off on the first may catch up until then; later nobody waits for it.
_LAST_DAY_OF_MONTH = 5


def is_to_be_sent(settings: Settings, month: date, today: date, *, is_new: bool) -> bool:
    """Tell whether a month's report is sent: the last month's, when it is first written, in the first days of a month.

    Args:
        settings: The house.
        month: First civil day of the report's month.
        today: The present civil day.
        is_new: Whether the report was not there before.
    """
    is_last = month == shifted(month_of(today), -1)
    wanted = settings.site.reports.send and bool(settings.secrets.apprise_urls)
    return wanted and is_new and is_last and today.day <= _LAST_DAY_OF_MONTH


def send_report(settings: Settings, title: str, paragraphs: Sequence[str]) -> list[Outcome]:
    """Send a report's text to each of the alerts' addresses.

    Args:
        settings: The house.
        title: One line.
        paragraphs: What it says; empty ones are left out.
    """
    body = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return send(settings.secrets.apprise_urls, Message(title, body, "info"))
