"""Errors of InfluxDB as sentences with fact and remedy, without secrets."""

from __future__ import annotations

import re
from typing import Any

import urllib3.exceptions
from influxdb_client.client.exceptions import InfluxDBError

from workflows_dagster.domain.printable import printable
from workflows_dagster.retry import TransientError
from workflows_dagster.settings.mask import Mask
from workflows_dagster.stores.ports import StoreError

_PASSING = frozenset({429, 500, 502, 503, 504})
_LONGEST_REASON = 300
# Longest wait between tries; a try per minute does no harm, even if a proxy asks for a longer wait. [s]
_LONGEST_WAIT = 60.0


class RefusedError(StoreError):
    """The server refused the request; a retry would not help.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NotAllowedError(RefusedError):
    """The server refuses the token or the organisation, so no request can succeed."""


class Failures:
    """Turns the client library's exceptions into errors of the store.

    Args:
        url: Address of the server, without credentials.
        org: Organisation, its name or its id.
        token: Secret, masked in all texts.
        timeout_ms: Time-out of an answer. [ms]
    """

    def __init__(self, url: str, org: str, token: str, timeout_ms: int) -> None:
        self._url, self._org, self._timeout_ms, self._mask = url, org, timeout_ms, Mask([token])

    def unreachable(self, error: Exception, what: str) -> TransientError:
        """Build the error for a missing answer."""
        remedy = "Check that InfluxDB is running, and influxdb.url in config.yaml"
        if isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
            error, urllib3.exceptions.NewConnectionError
        ):
            return TransientError(f"no answer within {self._timeout_ms / 1000:g} s while {what}", remedy)
        # The library's text begins with the memory address of an object.
        reason = self.masked(re.sub(r"^.*?(?:>|\)|Connection\(.*?\)): ", "", str(error)))
        return TransientError(f"not reachable while {what} ({reason})", remedy)

    def refused(self, error: InfluxDBError, bucket: str, what: str) -> Exception:
        """Build the error for an error answer: transient or permanent."""
        status, reason = _status(error), self._reason(error)
        if status in _PASSING:
            wait = str(error.retry_after or "")
            return TransientError(
                self.masked(f"answered {status} while {what}: {reason}"),
                "Try again later; if it stays, see the server's log and its disk",
                min(float(wait), _LONGEST_WAIT) if re.fullmatch(r"\d+(\.\d+)?", wait) else None,
            )
        if status == 401:
            return NotAllowedError(self.text("the token is not accepted (401)", "Check INFLUX_TOKEN"), status)
        if re.search(r"organization.* not found", reason):
            fact = f"there is no organisation '{self._org}' ({status})"
            return NotAllowedError(self.text(fact, "Correct INFLUX_ORG"), status)
        if status == 404 and bucket:
            return RefusedError(self.no_bucket(bucket), status)
        if status == 403:
            fact = f"the token may not do this: {what} (403: {reason})"
            remedy = "Give it read and write access to the buckets, or set another INFLUX_TOKEN"
        elif status == 422 and (kept := re.search(r"retention policy of duration (\w+)", reason)):
            fact = f"{what} stored only a part: the bucket '{bucket}' keeps points for {kept[1]}, and some are older"
            remedy = "Let the bucket keep its points longer, or leave out what is older"
        elif status == 422:
            fact = f"{what} stored only a part (422: {reason})"
            remedy = "A field keeps the type that it was first written with; delete what has the wrong type"
        elif "cannot find organization" in reason:
            # The library looks up the organisation's id, which needs separate permissions.
            fact = f"{what} failed, because the token may not see organisation '{self._org}'"
            remedy = "Create it in InfluxDB yourself, or use a token with all access for once"
        elif status == 0:
            fact, remedy = f"no secure connection ({reason})", "Check the certificate, and influxdb.url in config.yaml"
        else:
            fact, remedy = (
                f"refused {what} ({status}: {reason})",
                "Check influxdb.url in config.yaml and the server's log",
            )
        return RefusedError(self.text(fact, remedy), status)

    def no_bucket(self, bucket: str) -> str:
        """Write that a bucket does not exist."""
        return self.text(
            f"there is no bucket '{bucket}' in organisation '{self._org}', or the token may not see it",
            "Create it, correct its name in config.yaml, or give the token access",
        )

    def text(self, fact: str, remedy: str) -> str:
        """Write a fact about the server and the remedy as sentences."""
        return self.masked(f"InfluxDB at {self._url}: {fact}. {remedy}.")

    def masked(self, text: str) -> str:
        """Blacken the token, and escape what would steer a terminal."""
        return printable(self._mask(text), "\n")

    def _reason(self, error: InfluxDBError) -> str:
        """Give the server's message, on one line and shortened."""
        answer: Any = error.response
        message: Any = error.message if answer is not None else getattr(error, "reason", error.message)
        text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message or "no reason given")
        # Masked before it is shortened, because half a token would not be recognised.
        return " ".join(self.masked(text).split())[:_LONGEST_REASON]


def _status(error: InfluxDBError) -> int:
    return int(getattr(error, "status", None) or getattr(error.response, "status", None) or 0)
