"""Messages to real receivers on this machine."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.alerts.receiver import SECRET, nobody
from workflows_dagster.alerts.delivery import Message, Outcome, require_usable, send
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.wording.problems import problem_texts

MESSAGE = Message("2 things need a look at home", "- heat <pump> & co: 5 m³ `x`\n- second", "warning")


def test_each_address_says_for_itself_whether_it_took_the_message(receiver, other):
    other.status = 401
    addresses = [receiver.address, other.address, nobody(), SecretStr(f"carrier://{SECRET}")]
    outcomes = send(addresses, MESSAGE)
    assert outcomes[0] == Outcome(0, "json", "sent")
    assert [outcome.result for outcome in outcomes[1:]] == ["refused 401", "unreachable", "unusable"]
    assert [(outcome.schema, outcome.position) for outcome in outcomes[2:]] == [("json", 2), ("carrier", 3)]
    (got,) = receiver.messages
    assert got["title"] == "2 things need a look at home"
    assert got["message"] == "- heat <pump> & co: 5 m³ `x`\n- second"
    assert got["type"] == "warning"
    assert SECRET not in str(outcomes)


def test_a_service_that_never_answers_holds_nothing_up(receiver, other):
    other.hangs = True
    outcomes = send([other.address, receiver.address], MESSAGE, timeout=2.5)
    assert [outcome.is_sent for outcome in outcomes] == [False, True]
    assert outcomes[0].result == "no_answer"


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
