"""An ASGI guard that refuses requests which a foreign web page makes a browser send.

A browser sends requests to this machine for any page that it shows, and Dagster's page would execute them all. The
guard checks headers that browsers set and foreign pages cannot change: which name it was sent to (Host), which page
made it (Origin, Sec-Fetch-Site), and whether it opens a page (Sec-Fetch-Mode and -Dest). Other programs send only Host;
they are not refused, since a program on this machine needs no browser for an attack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

if TYPE_CHECKING:
    from workflows_dagster.wording.page_refusals import Refusal

_USUAL_HOSTS = ("localhost", "127.0.0.1", "::1", "webserver")
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::", ""})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_SHOWN_CHARACTERS = 100
_POLICY_VIOLATION = 1008
_PORTS = {"http": "80", "https": "443"}
_OWN_SITES = frozenset({"same-origin", "none"})
_JSON = frozenset({"application/json", "application/graphql"})
_STATUS: Mapping[Refusal, int] = {"unknown_host": 403, "other_site": 403, "query_by_get": 405, "content_type": 415}
# Forbid foreign pages to embed the page, where it could be clicked unseen, or to load parts of it.
_HEADERS = {"X-Frame-Options": "SAMEORIGIN", "Cross-Origin-Resource-Policy": "same-origin"}


class PageGuard:
    """Answers refused requests itself, and passes on all others.

    Args:
        app: The application.
        hosts: Names and addresses of the page, in addition to those of this machine.
        sentences: Answers to refused requests by code; without a sentence the code is the answer.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), sentences: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._hosts = {_normal(host) for host in (*_USUAL_HOSTS, *hosts)} - _EVERY_ADDRESS
        self._sentences = sentences or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        code = self._refusal(scope)
        if code is None:
            await self._app(scope, receive, with_headers)
        elif scope["type"] == "http":
            await self._answer(code, scope)(scope, receive, with_headers)
        else:
            # The server answers 403. A text is possible too, but uvicorn logs an error with each.
            await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = headers.getlist("host")
        if len(host) != 1 or not self._knows(host[0], scope):
            return "unknown_host"
        method = scope.get("method", "")
        # Stripped, because Starlette's routes match with a line break at the end too.
        is_graphql = scope["path"].strip().endswith("/graphql")
        opens_page = (
            method in ("GET", "HEAD")
            and not is_graphql
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        if not all(_is_origin_of(origin, host[0]) for origin in headers.getlist("origin")):
            return "other_site"
        if not opens_page and not _OWN_SITES.issuperset(headers.getlist("sec-fetch-site")):
            return "other_site"
        # A browser that accepts HTML gets the query editor; for any other client the query is executed.
        if method in ("GET", "HEAD") and is_graphql and "text/html" not in headers.get("accept", ""):
            return "query_by_get"
        # Browsers send all other types without preflight, and old browsers without Origin.
        if method == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() not in _JSON:
            return "content_type"
        return None

    def _knows(self, host: str, scope: Scope) -> bool:
        found = _HOST.fullmatch(host)
        # The address of this machine that the connection reached; None behind a Unix socket.
        server = scope.get("server") or ("", None)
        return found is not None and _normal(found["name"]) in {*self._hosts, _normal(server[0])} - _EVERY_ADDRESS

    def _answer(self, code: Refusal, scope: Scope) -> PlainTextResponse:
        host = re.sub(r"[^\w.:\[\]-]", "", Headers(scope=scope).get("host", ""), flags=re.ASCII)[:_SHOWN_CHARACTERS]
        text = self._sentences.get(code, code).format(host=host)
        headers = {"Allow": "POST"} if code == "query_by_get" else {}
        return PlainTextResponse(f"{text}\n", _STATUS[code], {"X-Content-Type-Options": "nosniff", **headers})


def _normal(host: str) -> str:
    """Give a name in lower case, and an address in canonical form."""
    name = host.lower().removeprefix("[").removesuffix("]")
    try:
        address = ip_address(name)
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_origin_of(origin: str, host: str) -> bool:
    """Tell whether an Origin has the host and port; the scheme may differ behind an HTTPS proxy."""
    scheme, _, place = origin.partition("://")
    port = _PORTS.get(scheme)
    return port is not None and _with_port(place, port) == _with_port(host, port)


def _with_port(place: str, usual: str) -> str:
    place = place.lower()
    return place if re.search(r":\d+$", place) else f"{place}:{usual}"
