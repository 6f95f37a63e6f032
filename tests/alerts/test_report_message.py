"""The monthly report goes out once, in the first days of a month, where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from workflows_dagster.alerts.report_message import is_to_be_sent, send_report
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.site import ReportSettings

OCTOBER = date(2026, 10, 1)


@pytest.fixture
def asking(shipped: Settings, receiver) -> Settings:
    """A house that wants its report, and an address that takes it."""
    return replace(
        shipped,
        site=shipped.site.model_copy(update={"reports": ReportSettings(send=True)}),
        secrets=shipped.secrets.model_copy(update={"apprise_urls": (receiver.address,)}),
    )


@pytest.mark.parametrize(
    ("month", "today", "is_new", "sent"),
    [
        (OCTOBER, date(2026, 11, 1), True, True),
        (OCTOBER, date(2026, 11, 5), True, True),
        (OCTOBER, date(2026, 11, 6), True, False),
        (OCTOBER, date(2026, 11, 1), False, False),
        (date(2026, 9, 1), date(2026, 11, 1), True, False),
        (date(2026, 12, 1), date(2027, 1, 1), True, True),
    ],
)
def test_it_is_the_last_months_when_it_is_first_written_in_the_first_days(asking, month, today, is_new, sent):
    assert is_to_be_sent(asking, month, today, is_new=is_new) == sent


def test_unasked_for_or_without_an_address_nothing_is_sent(shipped, asking):
    assert not is_to_be_sent(shipped, OCTOBER, date(2026, 11, 1), is_new=True)
    nowhere = replace(asking, secrets=asking.secrets.model_copy(update={"apprise_urls": ()}))
    assert not is_to_be_sent(nowhere, OCTOBER, date(2026, 11, 1), is_new=True)


def test_its_text_arrives(asking, receiver):
    (outcome,) = send_report(asking, "The house in October 2026", ["318 kWh.", "", "Gas: €517 more."])
    assert outcome.is_sent
    (got,) = receiver.messages
    assert (got["title"], got["message"], got["type"]) == (
        "The house in October 2026", "318 kWh.\n\nGas: €517 more.", "info",
    )  # fmt: skip
