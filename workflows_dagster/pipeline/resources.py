"""Dagster resources: the store, the Tibber client, the weather service and Home Assistant."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import dagster as dg
from pydantic import PrivateAttr

from workflows_dagster.clients.home_assistant.blocking import HomeAssistant
from workflows_dagster.clients.open_meteo import COORDINATE_DECIMALS, OpenMeteoClient
from workflows_dagster.clients.tibber.client import TibberClient
from workflows_dagster.services.home_assistant_access import opened
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import store_of
from workflows_dagster.stores.ports import Store


class StoreResource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Raw readings and processed series of the house; one connection per run.

    Attributes:
        backend: `embedded` or `influxdb`.
    """

    backend: str
    _store: Store | None = PrivateAttr(default=None)

    @abstractmethod
    def open(self) -> Store:
        """Create the store; nothing is read or sent yet."""

    @property
    def store(self) -> Store:
        """The store of this run, opened on first access."""
        if self._store is None:
            self._store = self.open()
        return self._store

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the store, if the run opened it."""
        if self._store is not None:
            self._store.close()
            self._store = None


class TibberResource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Access to the Tibber account.

    Attributes:
        url: GraphQL address.
        home_id: Id of the home, if the account has several.
    """

    url: str
    home_id: str | None = None

    @property
    @abstractmethod
    def token(self) -> str:
        """Access token; empty if there is none."""

    @property
    def is_configured(self) -> bool:
        """Whether there is a token."""
        return bool(self.token)

    def client(self) -> TibberClient:
        """Create the client; nothing is sent yet.

        Raises:
            TibberError: There is no token, or it is not a possible one.
        """
        return TibberClient(self.url, self.token, self.home_id)


class WeatherResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Access to Open-Meteo, which needs no account.

    Attributes:
        archive_url: Address of the archive.
        forecast_url: Address of the forecast.
        latitude: Degrees north, to a tenth. [°]
        longitude: Degrees east, to a tenth. [°]
    """

    archive_url: str
    forecast_url: str
    latitude: float
    longitude: float

    def client(self) -> OpenMeteoClient:
        """Create the client; nothing is sent yet."""
        return OpenMeteoClient(self.archive_url, self.forecast_url, self.latitude, self.longitude)


def store_resource(settings: Settings) -> StoreResource:
    """Give the resource of the configured store; its token is passed in memory, so that no page shows it."""

    class HouseStoreResource(StoreResource):
        """The house's store, as config.yaml names it."""

        def open(self) -> Store:
            """Create the store; nothing is read or sent yet."""
            return store_of(settings)

    return HouseStoreResource(backend=settings.site.storage.backend)


def tibber_resource(settings: Settings) -> TibberResource:
    """Give the resource of the Tibber account, which may have no token; the token is passed in memory."""
    secret = settings.secrets.tibber_api_token

    class HouseTibberResource(TibberResource):
        """The house's Tibber account, as config.yaml names it."""

        @property
        def token(self) -> str:
            """Access token; empty if there is none."""
            return secret.get_secret_value() if secret is not None else ""

    return HouseTibberResource(url=settings.site.tibber.url, home_id=settings.site.tibber.home_id)


def weather_resource(settings: Settings) -> WeatherResource:
    """Give the resource of the weather at the house; config.yaml must name its place."""
    site = settings.site.weather
    assert site.latitude is not None
    assert site.longitude is not None
    return WeatherResource(
        archive_url=site.archive_url,
        forecast_url=site.forecast_url,
        latitude=round(site.latitude, COORDINATE_DECIMALS),
        longitude=round(site.longitude, COORDINATE_DECIMALS),
    )


class HomeAssistantResource(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Access to the house's Home Assistant.

    Attributes:
        url: Its address.
    """

    url: str

    @abstractmethod
    def opened(self) -> AbstractContextManager[HomeAssistant]:
        """Connect, and close at the end.

        Raises:
            HomeAssistantError: It cannot be asked, or refuses.
        """


def home_assistant_resource(settings: Settings) -> HomeAssistantResource:
    """Give the resource of the house's Home Assistant; config.yaml must name it. The token is passed in memory."""

    class HouseHomeAssistantResource(HomeAssistantResource):
        """The house's Home Assistant, as config.yaml names it."""

        @contextmanager
        def opened(self) -> Iterator[HomeAssistant]:
            """Connect, and close at the end."""
            with opened(settings) as (assistant, _):
                yield assistant

    assert settings.site.home_assistant.url is not None
    return HouseHomeAssistantResource(url=settings.site.home_assistant.url)
