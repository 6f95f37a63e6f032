"""Connection to an InfluxDB 2.x server: requests with retries, and errors explained in sentences."""

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
from workflows_dagster.stores.influx.errors import Failures, NotAllowedError, RefusedError
from workflows_dagster.stores.ports import StoreError

_Result = TypeVar("_Result")
_LINES_A_REQUEST = 5_000
# Its types are generated and incomplete.
_library: Any = influxdb_client
_DIALECT = _library.Dialect(header=True, delimiter=",", annotations=["datatype"], comment_prefix="#")
_LONGEST_QUOTE = 120
_TOO_LARGE = 413
# Home Assistant and many guides use it instead of the organisation's name.
_ORG_ID = re.compile(r"[0-9a-f]{16}")
# InfluxDB's default is one shard per week; one per year makes writing and reading years some ten times faster.
_SHARDS, _RETENTION = "reading the bucket's shards", "reading the bucket's retention"
_SHARD_SECONDS = 364 * 86_400


@dataclass(frozen=True)
class BucketFacts:
    """A bucket, and the token's rights to it.

    Attributes:
        name: The bucket.
        present: Whether it exists and the token may read it.
        writable: Whether the token may write to it.
        keeps_seconds: Retention of its points; None for ever, or unknown. [s]
    """

    name: str
    present: bool
    writable: bool
    keeps_seconds: int | None = None


@dataclass(frozen=True)
class ServerFacts:
    """The state of the server.

    Attributes:
        url: The server, without credentials.
        reachable: Whether it answered.
        version: Its version, if it answered.
        allowed: Whether it accepts the token for the organisation.
        buckets: The requested buckets, in order; empty if not allowed.
        problems: Problems with their remedies; empty if there are none.
    """

    url: str
    reachable: bool
    version: str | None
    allowed: bool
    buckets: tuple[BucketFacts, ...]
    problems: tuple[str, ...]

    def problem_of(self, bucket: BucketFacts) -> str | None:
        """Give the problem of a bucket, or None."""
        # Each bucket with a problem has exactly one, in order.
        failing = [one for one in self.buckets if not one.writable]
        return dict(zip(failing, self.problems, strict=False)).get(bucket)


class InfluxConnection:
    """Sends requests to one server with one token. Safe for several threads."""

    def __init__(self, url: str, token: str, org: str, timeout_ms: int, retries: RetryPolicy) -> None:
        self.url = _without_credentials(url)
        self._address = url
        self._token = token
        self._org = org
        self._timeout_ms = timeout_ms
        self._failures = Failures(self.url, org, token, timeout_ms)
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
            bucket: The bucket, for errors.
            what: Description of the data, for errors and the log.
            results: Number of the query's results, to recognise a truncated answer.

        Raises:
            StoreError: The request failed.
        """

        def ask() -> list[Section]:
            body = self._open().query_api().query_raw(flux, dialect=_DIALECT).data
            try:
                return sections(body, results)
            except AnnotatedCsvError as error:
                raise TransientError(
                    f"the answer is not InfluxDB's CSV: {self._failures.masked(str(error))[:_LONGEST_QUOTE]}",
                    "Check that influxdb.url in config.yaml leads to InfluxDB 2.x itself",
                ) from None
            except FluxError as error:
                text = self._failures.text(f"{what} failed: {error}", "Try again; if it stays, see the server's log")
                raise RefusedError(text, 200) from None

        return self._tried(ask, bucket, what)

    def write(self, lines: Sequence[str], bucket: str, what: str) -> None:
        """Write lines of line protocol with microsecond stamps, in batches that are retried separately.

        Raises:
            StoreError: A batch was not stored, or only in part.
        """
        for first in range(0, len(lines), _LINES_A_REQUEST):
            self._write(lines[first : first + _LINES_A_REQUEST], bucket, what)

    def _write(self, lines: Sequence[str], bucket: str, what: str) -> None:
        """Write one batch; a batch too large for the server or a proxy is split in halves."""
        try:
            self._tried(partial(self._post, bucket, "\n".join(lines).encode()), bucket, what)
        except RefusedError as error:
            if error.status != _TOO_LARGE or len(lines) == 1:
                raise
            middle = len(lines) // 2
            self._write(lines[:middle], bucket, what)
            self._write(lines[middle:], bucket, what)

    def delete(self, start: str, stop: str, predicate: str, bucket: str, what: str) -> None:
        """Delete points from `start` to `stop`, both included (RFC 3339).

        Raises:
            StoreError: The request failed.
        """
        self._tried(lambda: self._open().delete_api().delete(start, stop, predicate, bucket), bucket, what)

    def look(self, buckets: Sequence[str]) -> ServerFacts:
        """Check server, token and buckets, without retries and without writing."""
        once = RetryPolicy(0, clock=self._retries.clock)
        try:
            version = str(self._tried(lambda: self._open().version(), "", "asking for the version", once) or "unknown")
        except StoreError as error:
            return ServerFacts(self.url, False, None, False, (), (str(error),))
        facts: list[BucketFacts] = []
        problems: list[str] = []
        for name in buckets:
            present = writable = False
            keeps = None
            try:
                bucket = self._tried(partial(self._bucket, name), name, "looking for the bucket", once)
                present, keeps = bucket is not None, _rule(bucket, "every_seconds")
                if present:
                    # A comment writes nothing, but the server checks the permission to write.
                    self._tried(partial(self._post, name, b"# nothing\n"), name, "writing", once)
                    writable = True
                else:
                    problems.append(self._failures.no_bucket(name))
            except NotAllowedError as error:
                return ServerFacts(self.url, True, version, False, (), (str(error),))
            except StoreError as error:
                problems.append(str(error))
            facts.append(BucketFacts(name, present, writable, keeps))
        return ServerFacts(self.url, True, version, True, tuple(facts), tuple(problems))

    def shard_seconds(self, name: str) -> int | None:
        """Give the time that one shard of a bucket covers; None if the server does not say. [s]

        Raises:
            StoreError: The server cannot be queried.
        """  # noqa: D415
        return self._tried(lambda: _rule(self._bucket(name), "shard_group_duration_seconds"), name, _SHARDS)

    def retention_seconds(self, name: str) -> int | None:
        """Give a bucket's retention; None for ever. [s]

        Raises:
            StoreError: The server cannot be queried.
        """  # noqa: D415
        return self._tried(lambda: _rule(self._bucket(name), "every_seconds"), name, _RETENTION)

    def create_bucket(self, name: str) -> None:
        """Create a bucket with unlimited retention; an existing one is left unchanged.

        Raises:
            StoreError: The token may not create it, or the server failed.
        """
        rules = _library.BucketRetentionRules(
            type="expire", every_seconds=0, shard_group_duration_seconds=_SHARD_SECONDS
        )

        def create() -> None:
            if self._bucket(name) is None:
                self._open().buckets_api().create_bucket(bucket_name=name, retention_rules=rules, org=self._org)

        self._tried(create, name, f"creating bucket '{name}'")

    def lost(self, fact: str) -> StoreError:
        """Build the error for data that does not read back as written."""
        remedy = "Check the server's disk and log, and that nothing else writes there; then run it again"
        return StoreError(self._failures.text(fact, remedy))

    # Requests

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _library.InfluxDBClient(
                    url=self._address,
                    token=self._token,
                    org=self._org,
                    timeout=self._timeout_ms,
                    enable_gzip=True,
                    retries=False,
                )
            return self._client

    def _post(self, bucket: str, body: bytes) -> None:
        _library.WriteService(self._open().api_client).post_write(
            org=self._org, bucket=bucket, body=body, precision="us", content_type="text/plain; charset=utf-8"
        )

    def _bucket(self, name: str) -> Any:
        """Find a bucket; None if it does not exist."""
        of = {"org_id": self._org} if _ORG_ID.fullmatch(self._org) else {"org": self._org}
        try:
            found = _library.BucketsService(self._open().api_client).get_buckets(**of, name=name).buckets
        except InfluxDBError as error:
            if getattr(error, "status", None) == 404 and "bucket" in str(error.message):
                return None
            raise
        return next((bucket for bucket in found or [] if bucket.name == name), None)

    def _tried(self, call: Callable[[], _Result], bucket: str, what: str, policy: RetryPolicy | None = None) -> _Result:
        def sorted_out() -> _Result:
            try:
                return call()
            except InfluxDBError as error:
                raise self._failures.refused(error, bucket, what) from None
            except urllib3.exceptions.LocationValueError:
                raise StoreError(
                    self._failures.text("this is not an address", "Correct influxdb.url in config.yaml")
                ) from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise self._failures.unreachable(error, what) from None

        try:
            return (policy or self._retries).run(f"InfluxDB at {self.url}", sorted_out)
        except GaveUpError as error:
            raise StoreError(self._failures.text(f"{error.last.fact} ({error.effort})", error.last.remedy)) from None


def _rule(bucket: Any, name: str) -> int | None:
    """Read a duration of a bucket's retention rule; None if it has none. [s]"""  # noqa: D415
    rules = (bucket.retention_rules or []) if bucket is not None else []
    return next((int(getattr(rule, name, 0) or 0) or None for rule in rules), None)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
