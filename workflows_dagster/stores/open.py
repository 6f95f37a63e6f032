"""Opens the store of the configured backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store

EMBEDDED_FILE = "utility_meters.sqlite"
_SHORT_TIMEOUT_MS = 10_000


def embedded_path(data_dir: Path) -> Path:
    """Return where the embedded store is, whether or not it exists yet."""
    return data_dir / EMBEDDED_FILE


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the configured store, and close it at the end."""
    store = store_of(settings)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_store_to_look(settings: Settings) -> Iterator[Store]:
    """Open the store for a look that leaves nothing behind: an embedded one that there is not yet is an empty one."""
    if settings.site.storage.backend != "embedded" or embedded_path(settings.data_dir).exists():
        with open_store(settings) as store:
            yield store
        return
    from workflows_dagster.stores.embedded import EmbeddedStore

    with TemporaryDirectory() as folder:
        empty = EmbeddedStore(embedded_path(Path(folder)))
        try:
            yield empty
        finally:
            empty.close()


def hasty(settings: Settings) -> Settings:
    """Give settings whose store is tried once and not for long, for those who ask again soon."""
    influx = settings.site.influxdb
    changed = influx.model_copy(update={"retry_attempts": 0, "timeout": min(influx.timeout, _SHORT_TIMEOUT_MS)})
    return replace(settings, site=settings.site.model_copy(update={"influxdb": changed}))


def store_of(settings: Settings) -> Store:
    """Create the configured store; the caller closes it. Nothing is read or sent before its first use."""
    # Each backend is imported only if it is used: influxdb-client takes half as much CPU as pandas.
    if settings.site.storage.backend == "embedded":
        from workflows_dagster.stores.embedded import EmbeddedStore

        return EmbeddedStore(embedded_path(settings.data_dir))

    from workflows_dagster.stores.influx.store import InfluxStore

    influx, secrets = settings.site.influxdb, settings.secrets
    # Loading the settings refuses InfluxDB without them.
    assert secrets.influx_token is not None
    assert secrets.influx_org is not None
    return InfluxStore(
        url=influx.url,
        token=secrets.influx_token.get_secret_value(),
        org=secrets.influx_org,
        bucket_raw=influx.bucket_raw,
        bucket_processed=influx.bucket_processed,
        timeout_ms=influx.timeout,
        retry_attempts=influx.retry_attempts,
    )
