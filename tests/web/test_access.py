"""Who may read and write."""

from __future__ import annotations

import pytest

from tests.web.conftest import BEARER, TOKEN
from workflows_dagster.web.access import (
    COOKIE,
    Asked,
    Gate,
    Rules,
    is_this_machine,
    new_cookie,
    rules_of,
)

HERE = {"host": "localhost:8006"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(*, is_write=False, cookie=None, scheme="http", **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked("10.0.0.7", scheme, HERE | named, cookie, is_write)


def gate(token: str | None = TOKEN, host: str = "127.0.0.1", hosts: tuple[str, ...] = ()) -> Gate:
    rules = rules_of(token, host, hosts)
    return Gate(lambda: rules)


def test_a_browser_of_this_machine_reads_without_token():
    assert gate().refusal(asked()) is None
    assert gate(token=None).refusal(asked()) is None


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "[", "127.0.0.1.nip.io"])
def test_another_name_of_this_machine_needs_the_token(host):
    assert gate().refusal(asked(host=host)) == "token_needed"


def test_a_name_of_the_configuration_reads_without_token():
    assert gate(hosts=("nas.local",)).refusal(asked(host="nas.local:8006")) is None


@pytest.mark.parametrize("name", ["forwarded", "x_forwarded_for", "x_forwarded_host", "x_real_ip", "via"])
def test_a_request_that_was_passed_on_needs_the_token(name):
    assert gate().refusal(asked(**{name: "1.2.3.4"})) == "token_needed"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "nas.local"])
def test_beyond_this_machine_all_need_the_token(host):
    assert gate(host=host).refusal(asked()) == "token_needed"
    assert gate(host=host).refusal(asked(authorization=f"Bearer {TOKEN}")) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_this_machine(host):
    assert is_this_machine(host)


def test_every_write_needs_the_token():
    assert gate().refusal(asked(is_write=True)) == "token_needed"
    assert gate(token=None).refusal(asked(is_write=True)) == "no_token"
    assert gate().refusal(asked(is_write=True, authorization=f"Bearer {TOKEN}")) is None


def test_a_write_by_cookie_comes_from_our_own_pages():
    cookie = new_cookie(TOKEN)
    assert gate().refusal(asked(is_write=True, cookie=cookie, origin="http://localhost:8006")) is None
    assert gate().refusal(asked(is_write=True, cookie=cookie, sec_fetch_site="same-origin")) is None
    assert gate().refusal(asked(is_write=True, cookie=cookie)) == "other_site"
    for origin in ("http://evil.example", "https://localhost:8006", "http://localhost:9000", "null"):
        assert gate().refusal(asked(is_write=True, cookie=cookie, origin=origin)) == "other_site"
        assert gate().refusal(asked(is_write=True, authorization=f"Bearer {TOKEN}", origin=origin)) == "other_site"


def test_a_cookie_ends_with_its_token_and_cannot_be_made_up():
    assert gate().is_known(asked(cookie=new_cookie(TOKEN))) is True
    assert gate().is_known(asked(cookie=new_cookie("another-token-of-a-house"))) is False
    for made_up in ("in", "in.x.y", "", "ü", new_cookie(TOKEN)[:-1] + "\0"):
        assert gate().is_known(asked(cookie=made_up)) is False


def test_wrong_tokens_make_their_sender_wait_longer_each_time():
    clock = Clock()
    rules = Rules(TOKEN, False, frozenset())
    door = Gate(lambda: rules, clock)
    waits = []
    for _ in range(9):
        assert door.tried("10.0.0.7", "wrong") == "token_wrong"
        # Within the wait even the right one is not looked at, or guessing in parallel would pay.
        assert door.tried("10.0.0.7", TOKEN) == "too_many_tries"
        waits.append(door.wait("10.0.0.7"))
        clock.now += door.wait("10.0.0.7")
    assert waits == sorted(waits)
    assert waits[-1] == 60
    assert door.tried("10.0.0.8", TOKEN) is None
    assert door.tried("10.0.0.7", TOKEN) is None
    assert door.wait("10.0.0.7") == 0


def test_one_sender_of_many_addresses_does_not_fill_the_memory():
    door = gate()
    for number in range(3000):
        door.tried(f"10.0.{number // 250}.{number % 250}", "wrong")
    assert len(door._failed) <= 1000


def test_the_page_takes_the_token_once_and_keeps_a_cookie(page):
    wrong = page.client.post("/sign-in", data={"token": "wrong", "goal": "/readings"})
    assert wrong.status_code == 401
    assert COOKIE not in wrong.cookies
    other = page.client.post("/sign-in", data={"token": TOKEN})
    assert other.status_code == 429
    assert "Wait" in other.text


def test_the_cookie_is_for_our_pages_only(page):
    answer = page.client.post("/sign-in", data={"token": TOKEN, "goal": "/readings"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/readings"
    written = answer.headers["set-cookie"].lower()
    assert all(part in written for part in ("httponly", "samesite=strict", "max-age=2592000"))
    assert TOKEN not in answer.headers["set-cookie"]
    stored = page.client.post(
        "/readings",
        data={"meter_id": "gas", "value": "455", "time": "01.03.2025 10:00"},
        headers={"Origin": "http://localhost"},
    )
    assert stored.status_code == 303


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb", "///x"])
def test_signing_in_leads_to_our_own_pages_only(page, goal):
    answer = page.client.post("/sign-in", data={"token": TOKEN, "goal": goal})
    assert answer.headers["location"] == "/"


def test_a_page_from_another_machine_leads_to_the_sign_in(make_page):
    page = make_page(host="0.0.0.0")
    answer = page.client.get("/meters/gas?by=day")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/meters/gas%3Fby%3Dday"
    assert page.client.get("/api/v1/meters").status_code == 401
    assert page.client.get("/health").status_code == 200
    assert page.client.get("/metrics").status_code == 401
    assert page.client.get("/metrics", headers=BEARER).status_code == 200
    assert page.client.get("/static/house.css").status_code == 200


def test_headers_of_others_than_the_trusted_proxies_do_not_count(make_page):
    trusted = "house: {host: 0.0.0.0, trusted_proxies: [10.1.0.0/16]}\n"
    proxied = make_page(trusted, host="0.0.0.0", peer="10.1.2.3")
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}
    answer = proxied.client.post("/sign-in", data={"token": TOKEN}, headers=told)
    assert "secure" in answer.headers["set-cookie"].lower()
    stranger = make_page(trusted, host="0.0.0.0", peer="10.2.0.1")
    answer = stranger.client.post("/sign-in", data={"token": TOKEN}, headers=told)
    assert "secure" not in answer.headers["set-cookie"].lower()
