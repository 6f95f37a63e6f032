"""Which requests reach Dagster's page: those of its own pages and of programs, none that a foreign page makes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from workflows_dagster.pipeline.storage.page_guard import PageGuard
from workflows_dagster.wording import Words
from workflows_dagster.wording.page_refusals import refusal_sentences

JSON = {"content-type": "application/json"}
OPENED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SENTENCES = refusal_sentences(Words())


@dataclass(frozen=True)
class Answer:
    """What a browser gets: `executed` is the application's own word."""

    status: int
    text: str
    headers: Mapping[str, str]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"executed"})


def messages(guard: PageGuard, scope: dict[str, Any], headers: Mapping[str, str]) -> list[Any]:
    """Send one request, to localhost:3000 unless its headers say otherwise, and give what the server is to send."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    given = {"host": "localhost:3000", "accept": "*/*", **headers}
    # Servers hand on names in small letters; a name may come twice, here with a blank behind it.
    listed = [(name.strip().encode(), value.encode()) for name, value in given.items()]
    whole = {"server": ("127.0.0.1", 3000), "query_string": b"query=mutation", "headers": listed, **scope}
    asyncio.run(guard(whole, receive, send))
    return sent


def ask(
    method: str, path: str, headers: Mapping[str, str] | None = None, hosts: tuple[str, ...] = (), **more: Any
) -> Answer:
    guard = PageGuard(application, hosts, more.pop("sentences", SENTENCES))
    start, body = messages(guard, {"type": "http", "method": method, "path": path, **more}, headers or {})
    text = body["body"].decode().strip()
    return Answer(start["status"], text, {name.decode(): value.decode() for name, value in start["headers"]})


@pytest.mark.parametrize(
    "host",
    ["localhost:3000", "LOCALHOST", "127.0.0.1:8080", "[::1]:3000", "webserver:3000", "nas.local", "[fe80::0:1]:3000"],
)
def test_a_request_to_a_known_name_is_served_whatever_its_port(host: str) -> None:
    assert ask("GET", "/", {"host": host}, ("NAS.local", "fe80::1")).text == "executed"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:3000",
        "localhost.evil.example",
        "evil.example@localhost",
        "localhost:3000@evil.example",
        "nas.local.",
        "0.0.0.0:3000",
        "[::]",
        "192.168.1.7",
        "localhost:",
        "localhost:3000:3000",
        "",
        " localhost",
        "localhost, evil.example",
    ],
)
def test_a_request_to_any_other_name_is_refused_as_a_rebound_one_would_be(host: str) -> None:
    found = ask("GET", "/", {"host": host}, ("nas.local", "0.0.0.0", "::", ""))
    assert (found.status, found.text.partition(" by ")[0]) == (403, "The page is not known")


@pytest.mark.parametrize("second", ["evil.example", "localhost:3000"])
def test_two_hosts_in_one_request_are_refused(second: str) -> None:
    assert ask("GET", "/", {"host ": second}).status == 403


@pytest.mark.parametrize(
    ("reached", "host", "status"),
    [
        ("192.168.1.7", "192.168.1.7:3000", 200),
        ("::ffff:192.168.1.7", "192.168.1.7:3000", 200),
        ("fe80::1", "[FE80:0::1]:3000", 200),
        ("192.168.1.7", "192.168.1.8:3000", 403),
        (None, "localhost", 200),
        (None, "evil.example", 403),
    ],
)
def test_the_address_of_this_machine_that_a_connection_reached_is_known(
    reached: str | None, host: str, status: int
) -> None:
    assert ask("GET", "/", {"host": host}, server=reached and (reached, 3000)).status == status


def test_the_name_that_is_refused_is_said_without_what_could_be_markup() -> None:
    assert "by the name 'bevilb'. Add it to dagster_page.hosts" in ask("GET", "/", {"host": "<b>evil</b>"}).text
    german = refusal_sentences(Words("de"))
    said = ask("GET", "/", {"host": "evil.example"}, sentences=german).text
    assert said.startswith("Unter dem Namen „evil.example“ ist diese Seite nicht bekannt.")
    assert ask("GET", "/", {"host": "evil.example"}, sentences={}).text == "unknown_host"


@pytest.mark.parametrize("path", ["/graphql", "/prefix/graphql", "/graphql\n"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_query_is_executed_by_get(path: str, method: str) -> None:
    found = ask(method, path, {"accept": "image/png"})
    assert (found.status, found.headers["allow"]) == (405, "POST")


def test_the_page_for_typing_queries_opens_but_not_from_a_foreign_page() -> None:
    accepting = {"accept": "text/html", **OPENED}
    assert ask("GET", "/graphql", {**accepting, "sec-fetch-site": "none"}).status == 200
    assert ask("GET", "/graphql", {**accepting, "sec-fetch-site": "cross-site"}).status == 403


FOREIGN_ORIGINS = [
    "http://evil.example",
    "http://localhost:8123",
    "http://localhost",
    "http://127.0.0.1:3000",
    "http://localhost:3000.evil.example",
    "null",
    "file://",
    "",
    "ftp://localhost:3000",
]


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_a_request_that_another_origin_made_is_refused(origin: str, method: str) -> None:
    found = ask(method, "/graphql", {**JSON, "origin": origin, "accept": "text/html"})
    assert (found.status, found.text.partition(",")[0]) == (403, "The request was made by another web page")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:3000", "http://localhost:3000"),
        ("LOCALHOST:3000", "http://localhost:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("nas.local", "http://nas.local"),
        ("nas.local", "https://nas.local"),
        ("nas.local:8443", "https://nas.local:8443"),
        ("nas.local:443", "https://nas.local"),
    ],
)
def test_the_pages_own_requests_are_served_behind_a_proxy_too(host: str, origin: str) -> None:
    own = {**JSON, "host": host, "origin": origin, "sec-fetch-site": "same-origin"}
    assert ask("POST", "/graphql", own, ("nas.local",)).text == "executed"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "anything"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_that_another_site_made_is_refused_even_without_an_origin(site: str, method: str) -> None:
    assert ask(method, "/graphql", {**JSON, "sec-fetch-site": site, "accept": "text/html"}).status == 403


def test_a_link_on_a_foreign_page_opens_the_page_but_it_is_shown_in_no_frame_and_loaded_into_no_page() -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    assert ask("GET", "/runs", {**foreign, **OPENED}).text == "executed"
    assert ask("GET", "/runs", {**foreign, **OPENED, "sec-fetch-dest": "iframe"}).status == 403
    assert ask("GET", "/favicon.ico", {**foreign, "sec-fetch-mode": "no-cors"}).status == 403
    # Browsers say nothing of the above to an address without encryption; for those the answer says it.
    headers = ask("GET", "/runs").headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "text/plain; application/json"]
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_check/strom"])
def test_what_a_form_can_send_is_refused_also_where_a_browser_names_no_origin(kind: str, path: str) -> None:
    assert ask("POST", path, {"content-type": kind}).status == 415


def test_a_post_without_a_kind_is_refused() -> None:
    assert ask("POST", "/graphql").status == 415


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/graphql"])
def test_a_program_that_is_no_browser_is_served(kind: str) -> None:
    assert ask("POST", "/graphql", {"content-type": kind}).text == "executed"


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({"origin": "http://localhost:3000"}, True),
        ({"origin": "http://localhost:3000", "sec-fetch-site": "same-origin"}, True),
        ({}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://localhost:8123"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://evil.example:3000", "host": "evil.example:3000"}, False),
    ],
)
def test_a_websocket_is_opened_to_the_page_itself_alone(headers: dict[str, str], served: bool) -> None:
    sent = messages(PageGuard(application), {"type": "websocket", "path": "/graphql"}, headers)
    assert [message["type"] for message in sent] == ["websocket.accept" if served else "websocket.close"]


def test_start_and_end_of_the_server_are_handed_on() -> None:
    seen: list[str] = []

    async def server(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(PageGuard(server)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
