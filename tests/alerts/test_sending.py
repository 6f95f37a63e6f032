"""Messages to real receivers on this machine."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.alerts.receiver import SECRET, nobody
from workflows_dagster.alerts.memory import Message
from workflows_dagster.alerts.sending import Outcome, ordinal, require_usable, send
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording.problems import problem_texts

MESSAGE = Message("2 things need a look at home", "- heat <pump> & co: 5 m³ `x`\n- second", "warning")


def test_each_address_says_for_itself_whether_it_took_the_message(receiver, other):
    other.status = 401
    addresses = [receiver.address, other.address, nobody(), SecretStr(f"carrier://{SECRET}")]
    outcomes = send(addresses, MESSAGE)
    assert outcomes[0] == Outcome(0, "json", None)
    assert [outcome.reason.partition(".")[0] for outcome in outcomes[1:]] == [
        "the service answered with HTTP 401",
        "the service could not be reached",
        "apprise cannot use it",
    ]
    assert [outcome.name for outcome in outcomes[2:]] == ["json (3rd address)", "carrier (4th address)"]
    (got,) = receiver.messages
    assert got["title"] == "2 things need a look at home"
    assert got["message"] == "- heat <pump> & co: 5 m³ `x`\n- second"
    assert got["type"] == "warning"
    assert SECRET not in str(outcomes)


def test_a_service_that_never_answers_holds_nothing_up(receiver, other):
    other.hangs = True
    outcomes = send([other.address, receiver.address], MESSAGE, timeout=2.5)
    assert [outcome.is_sent for outcome in outcomes] == [False, True]
    assert outcomes[0].reason.startswith("no answer within")


def test_an_address_that_apprise_cannot_use_is_named_by_its_schema_only(capfd):
    with pytest.raises(SettingsError) as caught:
        require_usable([SecretStr("ntfy://topic"), SecretStr(f"carrier://{SECRET}"), SecretStr(f"tgram://{SECRET}")])
    first, second = problem_texts(caught.value)
    assert first.startswith("secrets: APPRISE_URLS[1]: the carrier:// address cannot be used")
    assert second.startswith("secrets: APPRISE_URLS[2]: the tgram:// address cannot be used")
    assert SECRET not in "\n".join(problem_texts(caught.value))
    assert capfd.readouterr() == ("", "")


def test_nowhere_to_send_to_costs_nothing():
    assert send([], MESSAGE) == []
    require_usable([])


@pytest.mark.parametrize(
    ("position", "said"), [(0, "1st"), (1, "2nd"), (2, "3rd"), (3, "4th"), (10, "11th"), (12, "13th"), (21, "22nd")]
)
def test_positions_are_said_as_a_person_says_them(position, said):
    assert ordinal(position) == said
