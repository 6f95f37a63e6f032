"""Resources: the store behind the graph, as Dagster configures it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr, SecretStr

from workflows_dagster.clients.tibber.client import TibberClient
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.ports import Store, StoreError


class StoreResource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Raw readings and processed series of the house; one connection a run."""

    _store: Store | None = PrivateAttr(default=None)

    @abstractmethod
    def open(self) -> Store:
        """Open the store.

        Raises:
            StoreError: It is not there, or not allowed.
        """

    @property
    def store(self) -> Store:
        """The store of this run, opened when it is first asked for."""
        if self._store is None:
            self._store = self.open()
        return self._store

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close what the run opened."""
        if self._store is not None:
            self._store.close()
            self._store = None


class EmbeddedStoreResource(StoreResource):
    """One SQLite file.

    Attributes:
        path: The file; made when it is not there.
    """

    path: str

    def open(self) -> Store:
        """Open the file."""
        return EmbeddedStore(Path(self.path))


class InfluxStoreResource(StoreResource):
    """The owner's InfluxDB 2.x.

    Attributes:
        url: Its address.
        org: Organisation.
        token: Token that may read the raw bucket and write the processed one.
        bucket_raw: Where Home Assistant writes.
        bucket_processed: Where Grafana reads.
        timeout: Longest wait for an answer. [ms]
        retry_attempts: How often a request is tried again that may pass later.
    """

    url: str
    org: str
    token: str
    bucket_raw: str
    bucket_processed: str
    timeout: int
    retry_attempts: int

    def open(self) -> Store:
        """Make the client; nothing is sent yet.

        Raises:
            StoreError: Token or organisation are not known.
        """
        for name, value in (("INFLUX_TOKEN", self.token), ("INFLUX_ORG", self.org)):
            if not value:
                raise StoreError(f"InfluxDB: {name} is not set. Put it into secrets/influxdb.env.")
        return InfluxStore(
            url=self.url,
            token=self.token,
            org=self.org,
            bucket_raw=self.bucket_raw,
            bucket_processed=self.bucket_processed,
            timeout_ms=self.timeout,
            retry_attempts=self.retry_attempts,
        )


class TibberResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Access to the Tibber account.

    Attributes:
        url: GraphQL address.
        token: Access token; empty where there is none.
        home_id: Which home, where the account has several.
    """

    url: str
    token: str
    home_id: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether there is a token."""
        return bool(self.token)

    def client(self) -> TibberClient:
        """Make the client; nothing is sent yet.

        Raises:
            TibberError: There is no token, or it cannot be one.
        """
        return TibberClient(self.url, self.token, self.home_id)


EMBEDDED_FILE = "utility_meters.sqlite"


def store_resource(settings: Settings) -> StoreResource:
    """Give the store that config.yaml names; its token stays an environment variable, so that no page shows it."""
    if settings.site.storage.backend == "embedded":
        return EmbeddedStoreResource(path=str(settings.data_dir / EMBEDDED_FILE))
    influx = settings.site.influxdb
    return InfluxStoreResource(
        url=influx.url,
        org=_from_environment("INFLUX_ORG", settings.secrets.influx_org),
        token=_from_environment("INFLUX_TOKEN", settings.secrets.influx_token),
        bucket_raw=influx.bucket_raw,
        bucket_processed=influx.bucket_processed,
        timeout=influx.timeout,
        retry_attempts=influx.retry_attempts,
    )


def tibber_resource(settings: Settings) -> TibberResource:
    """Give access to the Tibber account, or say that there is none."""
    tibber = settings.site.tibber
    token = _from_environment("TIBBER_API_TOKEN", settings.secrets.tibber_api_token)
    return TibberResource(url=tibber.url, token=token, home_id=tibber.home_id)


def _from_environment(name: str, value: SecretStr | str | None) -> str:
    """Refer to a secret by its variable's name, which is all that the page shows; empty where there is none."""
    if value is None:
        return ""
    os.environ[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return dg.EnvVar(name)


@contextmanager
def opened(resource: StoreResource) -> Iterator[Store]:
    """Open a store outside of a run, and close it.

    Raises:
        StoreError: It is not there, or not allowed.
    """
    with resource.process_config_and_initialize_cm() as initialised:
        yield initialised.store
