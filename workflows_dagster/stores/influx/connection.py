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
from workflows_dagster.stores.influx.errors import Failures, NotAllowedError, RefusedError
from workflows_dagster.stores.ports import StoreError

_Result = TypeVar("_Result")
_LINES_A_REQUEST = 5_000
# Its types are generated and incomplete.
_library: Any = influxdb_client
_DIALECT = _library.Dialect(header=True, delimiter=",", annotations=["datatype"], comment_prefix="#")
_LONGEST_QUOTE = 120
_TOO_LARGE = 413
# What Home Assistant and many guides use in place of the organisation's name.
_ORG_ID = re.compile(r"[0-9a-f]{16}")
# InfluxDB opens a shard a week by default; a year a shard makes writing and reading years some ten times faster.
_SHARDS, _RETENTION = "looking at the bucket's shards", "looking at the bucket's retention"
_SHARD_SECONDS = 364 * 86_400


@dataclass(frozen=True)
class BucketFacts:
    """What the token can do with a bucket.

    Attributes:
        name: The bucket.
        present: It is there, and the token may see it.
        writable: The token may write to it.
        keeps_seconds: How long it keeps its points; None where for ever, or not known. [s]
    """

    name: str
    present: bool
    writable: bool
    keeps_seconds: int | None = None


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


class InfluxConnection:
    """Requests to one server with one token. Safe for several threads."""

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
                    f"the answer is not InfluxDB's CSV: {self._failures.masked(str(error))[:_LONGEST_QUOTE]}",
                    "Check that influxdb.url in config.yaml leads to InfluxDB 2.x itself",
                ) from None
            except FluxError as error:
                text = self._failures.text(f"{what} failed: {error}", "Try again; if it stays, see the server's log")
                raise RefusedError(text, 200) from None

        return self._tried(ask, bucket, what)

    def write(self, lines: Sequence[str], bucket: str, what: str) -> None:
        """Write lines of line protocol with microsecond stamps, in batches, each tried again by itself.

        Raises:
            StoreError: A batch was not stored, or only in part.
        """
        for first in range(0, len(lines), _LINES_A_REQUEST):
            self._write(lines[first : first + _LINES_A_REQUEST], bucket, what)

    def _write(self, lines: Sequence[str], bucket: str, what: str) -> None:
        """Write one batch; one that is too large for the server, or for a proxy before it, goes in halves."""
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
            keeps = None
            try:
                bucket = self._tried(partial(self._bucket, name), name, "looking for the bucket", once)
                present, keeps = bucket is not None, _rule(bucket, "every_seconds")
                if present:
                    # A comment writes nothing, but the server checks the right to write.
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
        """Tell how long the time is that one shard of a bucket covers; None where the server does not say. [s]

        Raises:
            StoreError: It cannot be asked.
        """  # noqa: D415
        return self._tried(lambda: _rule(self._bucket(name), "shard_group_duration_seconds"), name, _SHARDS)

    def retention_seconds(self, name: str) -> int | None:
        """Tell how long a bucket keeps its points; None where for ever. [s]

        Raises:
            StoreError: It cannot be asked.
        """  # noqa: D415
        return self._tried(lambda: _rule(self._bucket(name), "every_seconds"), name, _RETENTION)

    def create_bucket(self, name: str) -> None:
        """Create a bucket that keeps its points for ever; one that is there already stays as it is.

        Raises:
            StoreError: The token may not do so, or the server failed.
        """
        rules = _library.BucketRetentionRules(
            type="expire", every_seconds=0, shard_group_duration_seconds=_SHARD_SECONDS
        )

        def create() -> None:
            if self._bucket(name) is None:
                self._open().buckets_api().create_bucket(bucket_name=name, retention_rules=rules, org=self._org)

        self._tried(create, name, f"creating bucket '{name}'")

    def lost(self, fact: str) -> StoreError:
        """Make the error that says that what was written does not stand there."""
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
        """Find a bucket; None where it is not there."""
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
    """Read a duration of a bucket's retention rule; None where it has none. [s]"""  # noqa: D415
    rules = (bucket.retention_rules or []) if bucket is not None else []
    return next((int(getattr(rule, name, 0) or 0) or None for rule in rules), None)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
