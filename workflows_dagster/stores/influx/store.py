"""The InfluxDB 2.x backend, on the buckets that Home Assistant writes and Grafana reads."""

from __future__ import annotations

from workflows_dagster.retry import Clock, RetryPolicy, SystemClock
from workflows_dagster.stores.influx.connection import InfluxConnection, ServerFacts
from workflows_dagster.stores.influx.processed import InfluxProcessed
from workflows_dagster.stores.influx.raw import InfluxRaw
from workflows_dagster.stores.influx.tagged import InfluxRows

# Longest total of retries in a run; the next run starts again. [s]
_LONGEST_RETRYING = 600.0


class InfluxStore(InfluxRaw, InfluxProcessed, InfluxRows):
    """Raw readings and processed series in two buckets of one InfluxDB 2.x.

    Writes are synchronous, and verified by reading back. Safe for several threads; nothing is opened before first use.
    """

    def __init__(
        self,
        url: str,
        token: str,
        org: str,
        bucket_raw: str,
        bucket_processed: str,
        *,
        timeout_ms: int = 30_000,
        retry_attempts: int = 3,
        clock: Clock | None = None,
    ) -> None:
        """Set the server and the buckets.

        Args:
            url: Address of the server.
            token: Secret; it appears in no error, log or `repr`.
            org: Organisation.
            bucket_raw: Where Home Assistant writes.
            bucket_processed: Where we write.
            timeout_ms: How long to wait for an answer. [ms]
            retry_attempts: Number of retries of transient failures.
            clock: Clock for waits; the machine's monotonic clock by default.
        """
        retries = RetryPolicy(retry_attempts, longest_total=_LONGEST_RETRYING, clock=clock or SystemClock())
        connection = InfluxConnection(url, token, org, timeout_ms, retries)
        InfluxRaw.__init__(self, connection, bucket_raw, bucket_processed)
        InfluxProcessed.__init__(self, connection, bucket_processed)
        InfluxRows.__init__(self, connection, bucket_raw, bucket_processed)

    def __repr__(self) -> str:
        return f"InfluxStore({self._connection.url!r}, raw={self._raw!r}, processed={self._processed!r})"

    def close(self) -> None:
        """Close all connections; the store opens them again when used."""
        self._connection.close()

    def check(self) -> ServerFacts:
        """Check server, token and buckets, without raising and without writing."""
        return self._connection.look((self._raw, self._processed))

    def processed_shard_days(self) -> float | None:
        """Give the time that one shard of the processed bucket covers; None if the server does not say. [d]

        Raises:
            StoreError: The server cannot be queried.
        """  # noqa: D415
        seconds = self._connection.shard_seconds(self._processed)
        return None if seconds is None else seconds / 86_400

    def create_bucket_processed(self) -> None:
        """Create the processed bucket, with unlimited retention and yearly shards; an existing one is left unchanged.

        Raises:
            StoreError: The token may not create it.
        """
        self._connection.create_bucket(self._processed)
