"""A stand-in for Tibber on this machine: real GraphQL over HTTP on Tibber's types, and its faults on demand."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from tests.clients.tibber_account import HOURS_A_PAGE, StandInHome, TibberAccount

_JSON = "application/json; charset=utf-8"
_SECONDS_IDLE = 10


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        status: HTTP status.
        headers: Headers beside the usual ones; they replace those.
        body: What is answered instead of the truth; None for the truth.
        content_type: Its type.
        delay: How long the answer takes. [s]
        cut: How much of the answer arrives before the connection drops; None for all. [byte]
    """

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = _JSON
    delay: float = 0.0
    cut: int | None = None


def refusal(status: int, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer with an HTTP status and a page for people."""
    return Fault(status, headers or {}, b"<html><body>sorry</body></html>", "text/html")


def drop() -> Fault:
    """Drop the connection without an answer."""
    return Fault(cut=0)


def cut_short() -> Fault:
    """Drop the connection in the middle of the true answer."""
    return Fault(cut=120)


def slow(seconds: float) -> Fault:
    """Answer the truth, late."""
    return Fault(delay=seconds)


def graphql_error(message: str, code: str | None = None, status: int = HTTPStatus.OK) -> Fault:
    """Answer with a GraphQL error, as Tibber does inside a 200."""
    error = {"message": message} | ({"extensions": {"code": code}} if code else {})
    return Fault(status, body=json.dumps({"errors": [error], "data": None}).encode())


def instead(text: str, content_type: str = _JSON) -> Fault:
    """Answer a text of one's own inside a 200."""
    return Fault(body=text.encode(), content_type=content_type)


@dataclass(frozen=True)
class Asked:
    """One request that came in.

    Attributes:
        variables: Variables of the question.
        nodes: How many hours were given.
        is_allowed: Whether the token was right.
    """

    variables: Mapping[str, Any]
    nodes: int
    is_allowed: bool


class TibberStandIn:
    """A Tibber account with hours that can be forgotten and corrected, and faults that can be ordered.

    Used as a context manager, it serves on 127.0.0.1 from entry to exit.

    Args:
        hours: Consumption by UTC start, NaN where it is not yet known [kWh]; or a frame with the column `consumption`
            and any of `cost`, `unit_price`, `unit_price_vat`, `currency`.
        token: The token that is right.
        homes: The account's homes; those with a subscription all have these hours.
        port: Where to listen; 0 takes any free one.
        name: The owner's name.
        zone: Zone that times are given in.
        longest_page: How many hours are given at once, whatever is asked.
    """

    def __init__(
        self,
        hours: pd.DataFrame | pd.Series,
        token: str,
        homes: Sequence[StandInHome] = (StandInHome(),),
        port: int = 0,
        *,
        name: str = "Ada Muster",
        zone: str = "Europe/Berlin",
        longest_page: int = HOURS_A_PAGE,
    ) -> None:
        self._account = TibberAccount(hours, homes, name, ZoneInfo(zone), longest_page)
        self._token = token
        self._lock = threading.Lock()
        self._faults: deque[Fault] = deque()
        self._asked: list[Asked] = []
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The address to ask."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1-beta/gql"

    @property
    def asked(self) -> list[Asked]:
        """The requests so far."""
        with self._lock:
            return list(self._asked)

    def __enter__(self) -> TibberStandIn:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, *faults: Fault) -> None:
        """Order faults, one for each of the next requests."""
        with self._lock:
            self._faults.extend(faults)

    def correct(self, values: Mapping[pd.Timestamp, float]) -> None:
        """Give hours another consumption [kWh], also new ones; NaN makes it unknown again."""
        with self._lock:
            self._account.correct(values)

    def wait(self, seconds: float) -> None:
        """Wait for a slow answer, though not beyond the end of the server."""
        self._ended.wait(seconds)

    def next_fault(self) -> Fault:
        """Take the fault that is due, or one that does nothing."""
        with self._lock:
            return self._faults.popleft() if self._faults else Fault()

    def answer(self, authorization: str | None, question: object) -> tuple[int, bytes]:
        """Execute one request: status and JSON."""
        asked = question if isinstance(question, dict) else {}
        given = asked.get("variables")
        variables = given if isinstance(given, dict) else {}
        is_allowed = authorization == f"Bearer {self._token}"
        status, nodes = HTTPStatus.OK, 0
        if is_allowed:
            with self._lock:
                answer, nodes = self._account.execute(str(asked.get("query", "")), variables)
        else:
            error = {"message": "invalid token", "extensions": {"code": "UNAUTHENTICATED"}}
            status, answer = HTTPStatus.UNAUTHORIZED, {"errors": [error]}
        with self._lock:
            self._asked.append(Asked(variables, nodes, is_allowed))
        return status, json.dumps(answer).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], stand_in: TibberStandIn) -> None:
        self.stand_in = stand_in
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that does not wait for a slow answer is what the fault is for."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS_IDLE
    # Header and body leave in two pieces; without this the second waits for the first to be acknowledged.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one question."""
        stand_in = self.server.stand_in
        text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            question = json.loads(text)
        except ValueError:
            question = None
        fault = stand_in.next_fault()
        status, body = stand_in.answer(self.headers.get("Authorization"), question)
        if fault.body is not None or fault.status != HTTPStatus.OK:
            status, body = fault.status, fault.body or b""
        if fault.delay:
            stand_in.wait(fault.delay)
        if fault.cut == 0:
            self.close_connection = True
            return
        self.send_response_only(status)
        headers = {
            "Date": self.date_time_string(),
            "Content-Type": fault.content_type,
            "Content-Length": str(len(body)),
            **fault.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: fault.cut])
        self.close_connection = self.close_connection or fault.cut is not None

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the standard error belongs to who runs the stand-in."""
