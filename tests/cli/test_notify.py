"""`meters notify --test`, with real receivers on this machine."""

from __future__ import annotations

import pytest

from tests.alerts.receiver import SECRET, Receiver, nobody


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch):
    for name in ("APPRISE_URLS", "APPRISE_URLS_FILE"):
        monkeypatch.delenv(name, raising=False)


def alerts_env(house, *addresses):
    text = "\n".join(address.get_secret_value() for address in addresses)
    (house.folder / "secrets" / "alerts.env").write_text(f"APPRISE_URLS='{text}'\n")


def test_without_an_address_it_says_that_alerts_are_off(house):
    result = house.run("notify", "--test")
    assert result.exit_code == 2
    assert result.stderr.startswith("secrets: APPRISE_URLS: it is not set, so alerts are off. Copy ")


def test_nothing_is_sent_without_test(house):
    with Receiver() as receiver:
        alerts_env(house, receiver.address)
        assert house.run("notify").exit_code == 2
        assert receiver.tries == 0


def test_a_message_that_every_address_takes_is_good(house):
    with Receiver() as receiver:
        alerts_env(house, receiver.address, receiver.address)
        result = house.run("notify", "--test")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "json (address 1): the test message was sent.",
        "json (address 2): the test message was sent.",
    ]
    assert [message["title"] for message in receiver.messages] == ["Test message from your meters"] * 2


def test_an_address_that_takes_nothing_is_named_without_its_secret(house):
    with Receiver() as receiver:
        alerts_env(house, nobody(), receiver.address)
        result = house.run("notify", "--test")
    assert result.exit_code == 1
    assert result.stdout == "json (address 2): the test message was sent.\n"
    assert result.stderr.startswith("json (address 1): not sent: the service could not be reached.")
    assert SECRET not in result.output


def test_check_names_an_address_that_cannot_be_used(house):
    (house.folder / "secrets" / "alerts.env").write_text(f"APPRISE_URLS='ntfy://topic carrier://{SECRET}'\n")
    result = house.run("check")
    assert result.exit_code == 2
    assert result.stderr == (
        "secrets: APPRISE_URLS[1]: the carrier:// address cannot be used. "
        "Compare it with the examples in secrets/alerts.env.example.\n"
    )


def test_check_is_content_with_good_addresses_and_sends_nothing(house):
    with Receiver() as receiver:
        alerts_env(house, receiver.address)
        result = house.run("check")
        assert result.exit_code == 0
        assert receiver.tries == 0
