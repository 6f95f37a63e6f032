"""What holds for every request: who may, how large a body is, which headers an answer has."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workflows_dagster.web.access import COOKIE, Asked, Gate
from workflows_dagster.web.language import words_for
from workflows_dagster.web.problems import is_for_people, problem
from workflows_dagster.wording.house_page import refusal_status, refusal_text

MOST_BYTES = 20_000_000
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# A question that needs a body.
_ASKING = frozenset({"/api/v1/analyze"})
_OPEN = ("/health", "/sign-in")
_OPEN_PREFIX = "/static/"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
_HEADERS: Mapping[str, str] = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def asked_of(scope: Scope) -> Asked:
    """Give what a request says about itself."""
    headers = Headers(scope=scope)
    client = scope.get("client")
    return Asked(
        peer=client[0] if client else "",
        scheme=scope.get("scheme", "http"),
        headers=headers,
        cookie=cookie_parser(headers.get("cookie", "")).get(COOKIE),
        is_write=scope["method"] not in _READING and scope["path"] not in _ASKING,
    )


class SecurityHeaders:
    """Adds the headers that tell browsers what our pages may do; an answer's own come first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class Doorkeeper:
    """Refuses requests that the rules of access do not allow.

    Args:
        app: What is behind the door.
        gate: The rules.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path in _OPEN or path.startswith(_OPEN_PREFIX):
            await self._app(scope, receive, send)
            return
        asked = asked_of(scope)
        refusal = self._gate.refusal(asked)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if refusal == "token_needed" and is_for_people(request) and scope["method"] in _READING:
            goal = quote(path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""))
            await RedirectResponse(f"/sign-in?next={goal}", 303)(scope, receive, send)
            return
        wait = self._gate.wait(asked.peer)
        headers = {"Retry-After": str(wait)} if refusal == "too_many_tries" else {}
        if refusal in ("token_needed", "token_wrong"):
            headers["WWW-Authenticate"] = "Bearer"
        sentence = refusal_text(refusal, words_for(request), seconds=wait)
        await problem(request, refusal_status(refusal), sentence, headers)(scope, receive, send)


class BodyLimit:
    """Refuses a body over `MOST_BYTES` while it arrives."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        said = request.headers.get("content-length", "")
        sentence = refusal_text("too_large", words_for(request), most=MOST_BYTES // 1_000_000)
        if said.isdigit() and int(said) > MOST_BYTES:
            await problem(request, 413, sentence, {"Connection": "close"})(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                # Passes through the parser of the body, which answers every other exception with 400.
                raise HTTPException(413, sentence, {"Connection": "close"})
            return message

        await self._app(scope, counted, send)
