"""Sends requests to Tibber's GraphQL service, retries transient failures, and explains errors in one sentence."""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import requests
from gql import GraphQLRequest
from gql.transport.exceptions import TransportConnectionFailed, TransportProtocolError, TransportServerError
from gql.transport.requests import RequestsHTTPTransport
from requests.auth import AuthBase

from workflows_dagster.clients.http import Failure, failure_of, retry_after
from workflows_dagster.domain.printable import printable
from workflows_dagster.retry import Clock, GaveUpError, RetryPolicy, TransientError, wait
from workflows_dagster.settings.mask import Mask

# At DEBUG the transport logs every request and answer; the owner's address and consumption must not be logged.
logging.getLogger("gql.transport.requests").setLevel(logging.WARNING)

# The sync runs every hour, so a failure that persists for minutes is left to the next one.
_LONGEST_RETRYING = 600.0
# Tibber bans an address for ten minutes after 100 requests in five.
_MOST_REQUESTS = 90
_REQUESTS_WINDOW = 300.0
_LONGEST_MESSAGE = 300
_PASSING_STATUSES = frozenset({408, 425})
_NEW_TOKEN = "Make a new one at developer.tibber.com and put it into secrets/tibber.env as TIBBER_API_TOKEN."
_ADDRESS = "Correct tibber.url in config.yaml (usually https://api.tibber.com/v1-beta/gql)."
_LATER = "Nothing is lost: the next sync asks again."

Ask: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]


class TibberError(RuntimeError):
    """Tibber's hours cannot be read; the text is one sentence with fact and remedy, without secrets.

    Attributes:
        passing: Whether the failure is transient.
    """

    def __init__(self, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.passing = passing


class QuestionRefusedError(TibberError):
    """Tibber accepted the token, but answered with GraphQL errors."""


class _Bearer(AuthBase):
    """Adds the token to a request. As an auth object, it also prevents a .netrc entry from replacing the token."""

    __slots__ = ("_mask", "_token")

    def __init__(self, token: str) -> None:
        self._token = token
        self._mask = Mask([token])

    def __repr__(self) -> str:
        return "<token>"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def hide(self, text: str) -> str:
        """Blacken the token in a text that came from outside, before it is cut."""
        return self._mask(text)


class TibberService:
    """Sends GraphQL queries to Tibber.

    Args:
        url: Address of the service.
        token: Access token; never shown.
        timeout_seconds: Longest wait for a connection, and for each piece of an answer. [s]
        attempts: Most tries of one request.
        clock: Clock for waits and requests.

    Raises:
        TibberError: There is no token, or it cannot be one.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_seconds: float,
        attempts: int,
        clock: Clock,
    ) -> None:
        token = token.strip()
        if not token:
            raise TibberError(f"Tibber: TIBBER_API_TOKEN is not set. {_NEW_TOKEN}")
        if not re.fullmatch(r"[!-~]+", token):
            raise TibberError(
                f"Tibber: the token ({len(token)} characters) holds a blank or a character that no token has. "
                "Copy it again, on one line and whole, into secrets/tibber.env as TIBBER_API_TOKEN."
            )
        self.url = url
        self._auth = _Bearer(token)
        self._timeout = timeout_seconds
        self._clock = clock
        self._retries = RetryPolicy(max(attempts - 1, 0), longest_total=_LONGEST_RETRYING, clock=clock)
        self._sent: deque[float] = deque()

    def __repr__(self) -> str:
        return f"TibberService(url={self.url!r})"

    @contextmanager
    def connected(self) -> Iterator[Ask]:
        """Keep one connection open for several queries.

        Yields:
            A function from a GraphQL document and its variables to the answer's `data`. It raises `TibberError`.
        """
        heard: list[requests.Response] = []
        transport = RequestsHTTPTransport(
            self.url,
            auth=self._auth,
            json_deserialize=_json_object,
            timeout=self._timeout,  # type: ignore[arg-type]
            # gql does not expose the status if the answer is JSON, as Tibber's 401 is.
            hooks={"response": lambda response, *_args, **_options: heard.append(response)},
            allow_redirects=False,
        )
        transport.connect()  # type: ignore[no-untyped-call]
        try:
            yield lambda document, variables: self._ask(transport, heard, document, variables)
        finally:
            transport.close()  # type: ignore[no-untyped-call]

    def _ask(
        self, transport: RequestsHTTPTransport, heard: list[requests.Response], document: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        question = GraphQLRequest(document, variable_values=variables)

        def once() -> dict[str, Any]:
            self._keep_pace()
            heard.clear()
            return self._once(transport, heard, question)

        try:
            return self._retries.run("Tibber", once)
        except GaveUpError as error:
            failure = error.last
            raise TibberError(f"Tibber: {failure.fact} ({error.effort}). {failure.remedy}", passing=True) from None

    def _once(
        self, transport: RequestsHTTPTransport, heard: list[requests.Response], question: GraphQLRequest
    ) -> dict[str, Any]:
        errors: object = None
        answer: object = None
        try:
            result = transport.execute(question)
            errors, answer = result.errors, result.data
        except TransportConnectionFailed as failure:
            # Not chained: the library's text may quote the request.
            raise self._unreached(failure.__cause__ or failure) from None
        except (TransportProtocolError, TransportServerError):
            # Not a GraphQL answer: only the status may give the reason.
            answer = None
        response = heard[-1]
        self._refuse_status(response, errors)
        if errors:
            raise self._refused(errors)
        if response.status_code >= 400:
            raise TibberError(f"Tibber: {self.url} answers {response.status_code}. {_ADDRESS}")
        if not isinstance(answer, dict):
            kind = response.headers.get("Content-Type", "no type").partition(";")[0]
            remedy = f"If it stays so: {_ADDRESS}"
            raise TransientError(
                f"{self.url} gives no GraphQL answer but {len(response.content)} bytes ({kind})", remedy
            )
        return answer

    def _refuse_status(self, response: requests.Response, errors: object) -> None:
        status = response.status_code
        if status in (401, 403) or _is_unauthenticated(errors):
            shown = status if status >= 400 else "UNAUTHENTICATED"
            raise TibberError(f"Tibber: the token is refused ({shown}). {_NEW_TOKEN}")
        if status == 429:
            seconds = retry_after(response)
            asks = "" if seconds is None else f" and asks to wait {seconds:.0f} s"
            remedy = f"{_LATER} Look whether something else in the house asks Tibber too often."
            raise TransientError(f"the service says that it is asked too often (429){asks}", remedy, seconds)
        if status >= 500 or status in _PASSING_STATUSES:
            raise TransientError(f"the service is out of order ({status})", _LATER, retry_after(response))
        if 300 <= status < 400:
            raise TibberError(f"Tibber: {self.url} sends us elsewhere ({status}). {_ADDRESS}")

    def _refused(self, errors: object) -> Exception:
        listed = errors if isinstance(errors, list) else [errors]
        messages = [str(error.get("message", error)) if isinstance(error, dict) else str(error) for error in listed]
        text = self._auth.hide("; ".join(messages))
        text = printable(text)
        if len(text) > _LONGEST_MESSAGE:
            text = text[:_LONGEST_MESSAGE] + " …"
        if all(code == "INTERNAL_SERVER_ERROR" for code in _codes(listed)):
            return TransientError(f"the service has an error of its own: {text}", _LATER)
        return QuestionRefusedError(f"Tibber: the question is refused: {text}. Look at status.tibber.com; {_ADDRESS}")

    def _unreached(self, failure: BaseException) -> Exception:
        remedy = f"{_LATER} If it stays so, look at the network. {_ADDRESS}"
        match failure_of(failure):
            case Failure.TIMEOUT:
                return TransientError(f"no answer from {self.url} within {self._timeout:g} s", _LATER)
            case Failure.CERTIFICATE:
                check = f"Look whether this machine's clock and certificates are right. {_ADDRESS}"
                return TibberError(f"Tibber: the certificate of {self.url} cannot be verified. {check}")
            case Failure.IMPOSSIBLE:
                kind = type(failure).__name__
                return TibberError(f"Tibber: {self.url} cannot be asked ({kind}). {_ADDRESS}")
            case Failure.UNKNOWN_HOST:
                return TransientError(f"the host of {self.url} is not known", remedy)
            case Failure.REFUSED:
                return TransientError(f"{self.url} refuses the connection", remedy)
            case Failure.BROKEN:
                return TransientError(f"the connection to {self.url} broke", remedy)

    def _keep_pace(self) -> None:
        if len(self._sent) >= _MOST_REQUESTS:
            wait(self._clock, self._sent.popleft() + _REQUESTS_WINDOW - self._clock.monotonic())
        self._sent.append(self._clock.monotonic())


def _json_object(text: str) -> dict[str, Any]:
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def _codes(errors: list[Any]) -> list[object]:
    extensions = [error.get("extensions") if isinstance(error, dict) else None for error in errors]
    return [found.get("code") if isinstance(found, dict) else None for found in extensions]


def _is_unauthenticated(errors: object) -> bool:
    listed = errors if isinstance(errors, list) else []
    messages = " ".join(str(error.get("message")) for error in listed if isinstance(error, dict)).lower()
    return "UNAUTHENTICATED" in _codes(listed) or "invalid token" in messages
