"""What the answers and failures of an HTTP service mean, whichever service it is."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto

import requests


class Failure(Enum):
    """Why a request got no answer. An impossible request is never worth a repeat."""

    TIMEOUT = auto()
    CERTIFICATE = auto()
    UNKNOWN_HOST = auto()
    REFUSED = auto()
    BROKEN = auto()
    IMPOSSIBLE = auto()


def failure_of(error: BaseException) -> Failure:
    """Tell why a request failed, from the exception of `requests`."""
    chain = list(_chain(error))
    if isinstance(error, requests.Timeout):
        return Failure.TIMEOUT
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        return Failure.CERTIFICATE
    if not isinstance(error, requests.RequestException | OSError) or isinstance(error, ValueError):
        return Failure.IMPOSSIBLE
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return Failure.UNKNOWN_HOST
    return Failure.REFUSED if any(isinstance(cause, ConnectionRefusedError) for cause in chain) else Failure.BROKEN


def retry_after(response: requests.Response) -> float | None:
    """Parse the wait that the server asks for, given in seconds or as a date. [s]."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _http_date(text)
    if until is None:
        return None
    # Relative to the server's clock, since ours may be wrong.
    now = _http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0.0)


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
