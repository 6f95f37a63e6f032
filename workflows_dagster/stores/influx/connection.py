"""One InfluxDB 2.x server: requests that are tried again, and errors that a person understands."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import influxdb_client
import urllib3.exceptions
from influxdb_client.client.exceptions import InfluxDBError

from workflows_dagster.retry import GaveUpError, RetryPolicy, TransientError
from workflows_dagster.stores.influx.annotated_csv import AnnotatedCsvError, FluxError, Section, sections
from workflows_dagster.stores.ports import StoreError

_Result = TypeVar("_Result")
_LINES_A_REQUEST = 5_000
# Its types are generated and incomplete.
_library: Any = influxdb_client
_DIALECT = _library.Dialect(header=True, delimiter=",", annotations=["datatype"], comment_prefix="#")
_PASSING = frozenset({429, 500, 502, 503, 504})
# InfluxDB opens a shard a week by default; a year a shard makes writing and reading years some ten times faster.
_SHARD_SECONDS = 364 * 86_400


@dataclass(frozen=True)
class BucketFacts:
    """What the token can do with a bucket.

    Attributes:
        name: The bucket.
        present: It is there, and the token may see it.
        writable: The token may write to it.
    """

    name: str
    present: bool
    writable: bool


@dataclass(frozen=True)
class ServerFacts:
    """What a look at the server found.

    Attributes:
        url: The server, without credentials.
        reachable: It answered.
        version: What it says that it is, where it answered.
        allowed: It accepts the token for the organisation.
        buckets: The buckets that were asked about, in order; empty where not allowed.
        problems: What is wrong, each with its remedy; empty when all is well.
    """

    url: str
    reachable: bool
    version: str | None
    allowed: bool
    buckets: tuple[BucketFacts, ...]
    problems: tuple[str, ...]

    def problem_of(self, bucket: BucketFacts) -> str | None:
        """Give what is wrong with one of the buckets, or None."""
        # Each bucket that is not as it should be has brought one problem, in order.
        failing = [one for one in self.buckets if not one.writable]
        return dict(zip(failing, self.problems, strict=False)).get(bucket)


class RefusedError(StoreError):
    """The server will not do it, and asking again would not help.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NotAllowedError(RefusedError):
    """The server accepts neither the token nor the organisation as they are: nothing will work."""


class InfluxConnection:
    """Requests to one server with one token. Safe for several threads."""

    def __init__(self, url: str, token: str, org: str, timeout_ms: int, retries: RetryPolicy) -> None:
        self.url = _without_credentials(url)
        self._address = url
        self._token = token
        self._org = org
        self._timeout_ms = timeout_ms
        self._retries = retries
        self._lock = threading.Lock()
        self._client: Any = None

    def __repr__(self) -> str:
        return f"InfluxConnection({self.url!r})"

    def close(self) -> None:
        """Close all connections; they are opened again when needed."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def query(self, flux: str, bucket: str, what: str, *, results: int = 1) -> list[Section]:
        """Run a query and read its whole answer.

        Args:
            flux: The query.
            bucket: The bucket that it reads, for errors.
            what: What is read, for errors and the log.
            results: How many results the query has, by which an answer that was cut off is known.

        Raises:
            StoreError: It failed.
        """

        def ask() -> list[Section]:
            body = self._open().query_api().query_raw(flux, dialect=_DIALECT).data
            try:
                return sections(body, results)
            except AnnotatedCsvError as error:
                raise TransientError(
                    f"the answer is not InfluxDB's CSV: {error}",
                    "Check that influxdb.url in config.yaml leads to InfluxDB 2.x itself",
                ) from None
            except FluxError as error:
                text = self._text(f"{what} failed: {error}", "Try again; if it stays, see the server's log")
                raise RefusedError(text, 200) from None

        return self._tried(ask, bucket, what)

    def write(self, lines: Sequence[str], bucket: str, what: str) -> None:
        """Write lines of line protocol with microsecond stamps, in batches, each tried again by itself.

        Raises:
            StoreError: A batch was not stored, or only in part.
        """
        for first in range(0, len(lines), _LINES_A_REQUEST):
            body = "\n".join(lines[first : first + _LINES_A_REQUEST]).encode()
            self._tried(partial(self._post, bucket, body), bucket, what)

    def delete(self, start: str, stop: str, predicate: str, bucket: str, what: str) -> None:
        """Delete points from `start` to `stop`, both included (RFC 3339).

        Raises:
            StoreError: It failed.
        """
        self._tried(lambda: self._open().delete_api().delete(start, stop, predicate, bucket), bucket, what)

    def look(self, buckets: Sequence[str]) -> ServerFacts:
        """Find out, in one try each and without writing anything, what works and what does not."""
        once = RetryPolicy(0, clock=self._retries.clock)
        try:
            version = str(self._tried(lambda: self._open().version(), "", "asking for the version", once) or "unknown")
        except StoreError as error:
            return ServerFacts(self.url, False, None, False, (), (str(error),))
        facts: list[BucketFacts] = []
        problems: list[str] = []
        for name in buckets:
            present = writable = False
            try:
                present = self._tried(partial(self._has, name), name, "looking for the bucket", once)
                if present:
                    # A comment writes nothing, but the server checks the right to write.
                    self._tried(partial(self._post, name, b"# nothing\n"), name, "writing", once)
                    writable = True
                else:
                    problems.append(self._no_bucket(name))
            except NotAllowedError as error:
                return ServerFacts(self.url, True, version, False, (), (str(error),))
            except StoreError as error:
                problems.append(str(error))
            facts.append(BucketFacts(name, present, writable))
        return ServerFacts(self.url, True, version, True, tuple(facts), tuple(problems))

    def shard_seconds(self, name: str) -> int | None:
        """Tell how long the time is that one shard of a bucket covers; None where the server does not say. [s]

        Raises:
            StoreError: It cannot be asked.
        """  # noqa: D415

        def ask() -> int | None:
            found = _library.BucketsService(self._open().api_client).get_buckets(org=self._org, name=name).buckets
            rules = [rule for bucket in found or [] if bucket.name == name for rule in bucket.retention_rules or []]
            return next((int(rule.shard_group_duration_seconds or 0) or None for rule in rules), None)

        return self._tried(ask, name, "looking at the bucket's shards")

    def create_bucket(self, name: str) -> None:
        """Create a bucket that keeps its points for ever; one that is there already stays as it is.

        Raises:
            StoreError: The token may not do so, or the server failed.
        """
        rules = _library.BucketRetentionRules(
            type="expire", every_seconds=0, shard_group_duration_seconds=_SHARD_SECONDS
        )

        def create() -> None:
            if not self._has(name):
                self._open().buckets_api().create_bucket(bucket_name=name, retention_rules=rules, org=self._org)

        self._tried(create, name, f"creating bucket '{name}'")

    def lost(self, fact: str) -> StoreError:
        """Make the error that says that what was written does not stand there."""
        remedy = "Check the server's disk and log, and that nothing else writes there; then run it again"
        return StoreError(self._text(fact, remedy))

    # Requests

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _library.InfluxDBClient(
                    url=self._address, token=self._token, org=self._org, timeout=self._timeout_ms, enable_gzip=True
                )
            return self._client

    def _post(self, bucket: str, body: bytes) -> None:
        _library.WriteService(self._open().api_client).post_write(
            org=self._org, bucket=bucket, body=body, precision="us", content_type="text/plain; charset=utf-8"
        )

    def _has(self, name: str) -> bool:
        try:
            found = _library.BucketsService(self._open().api_client).get_buckets(org=self._org, name=name).buckets
        except InfluxDBError as error:
            if _status(error) == 404 and "bucket" in _reason(error):
                return False
            raise
        return any(bucket.name == name for bucket in found or [])

    def _tried(self, call: Callable[[], _Result], bucket: str, what: str, policy: RetryPolicy | None = None) -> _Result:
        def sorted_out() -> _Result:
            try:
                return call()
            except InfluxDBError as error:
                raise self._sorted(error, bucket, what) from None
            except urllib3.exceptions.LocationValueError:
                raise StoreError(self._text("this is not an address", "Correct influxdb.url in config.yaml")) from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise self._unreachable(error, what) from None

        try:
            return (policy or self._retries).run(self._masked(f"InfluxDB at {self.url}: {what}"), sorted_out)
        except GaveUpError as error:
            raise StoreError(self._text(f"{error.last.fact} ({error.effort})", error.last.remedy)) from None

    # Errors

    def _unreachable(self, error: Exception, what: str) -> TransientError:
        remedy = "Check that InfluxDB is running, and influxdb.url in config.yaml"
        if isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
            error, urllib3.exceptions.NewConnectionError
        ):
            return TransientError(f"no answer within {self._timeout_ms / 1000:g} s while {what}", remedy)
        # The library's text opens with the address of an object in memory.
        reason = self._masked(re.sub(r"^.*?(?:>|\)|Connection\(.*?\)): ", "", str(error)))
        return TransientError(f"not reachable while {what} ({reason})", remedy)

    def _sorted(self, error: InfluxDBError, bucket: str, what: str) -> Exception:
        status, reason = _status(error), _reason(error)
        if status in _PASSING:
            wait = str(error.retry_after or "")
            return TransientError(
                self._masked(f"answered {status} while {what}: {reason}"),
                "Try again later; if it stays, see the server's log and its disk",
                float(wait) if re.fullmatch(r"\d+(\.\d+)?", wait) else None,
            )
        if status == 401:
            return NotAllowedError(self._text("the token is not accepted (401)", "Check INFLUX_TOKEN"), status)
        if re.search(r"organization.* not found", reason):
            fact = f"there is no organisation '{self._org}' ({status})"
            return NotAllowedError(self._text(fact, "Correct INFLUX_ORG"), status)
        if status == 404 and bucket:
            return RefusedError(self._no_bucket(bucket), status)
        if status == 403:
            fact = f"the token may not do this: {what} (403: {reason})"
            remedy = "Give it read and write access to the buckets, or set another INFLUX_TOKEN"
        elif status == 422:
            fact = f"{what} stored only a part (422: {reason})"
            remedy = "A field keeps the type that it was first written with; delete what has the wrong type"
        elif "cannot find organization" in reason:
            # The library looks up the organisation's id, which takes rights of its own.
            fact = f"{what} failed, because the token may not see organisation '{self._org}'"
            remedy = "Create it in InfluxDB yourself, or use a token with all access for once"
        elif status == 0:
            fact, remedy = f"no secure connection ({reason})", "Check the certificate, and influxdb.url in config.yaml"
        else:
            fact, remedy = (
                f"refused {what} ({status}: {reason})",
                "Check influxdb.url in config.yaml and the server's log",
            )
        return RefusedError(self._text(fact, remedy), status)

    def _no_bucket(self, bucket: str) -> str:
        return self._text(
            f"there is no bucket '{bucket}' in organisation '{self._org}', or the token may not see it",
            "Create it, correct its name in config.yaml, or give the token access",
        )

    def _text(self, fact: str, remedy: str) -> str:
        return self._masked(f"InfluxDB at {self.url}: {fact}. {remedy}.")

    def _masked(self, text: str) -> str:
        return text.replace(self._token, "***") if self._token else text


def _status(error: InfluxDBError) -> int:
    return int(getattr(error, "status", None) or getattr(error.response, "status", None) or 0)


def _reason(error: InfluxDBError) -> str:
    """Give the server's own words, on one line and not for ever."""
    answer: Any = error.response
    message: Any = error.message if answer is not None else getattr(error, "reason", error.message)
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message or "no reason given")
    return " ".join(text.split())[:300]


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
