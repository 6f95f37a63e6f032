"""The outdoor temperature of the house, from an entity of the raw bucket and from what was imported or fetched."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain.degree_days import Weather, daily_means
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import RawSeries, RawStore

CELSIUS = "°C"
# Imported and fetched temperatures.
OUTDOOR = RawSeries(CELSIUS, "outdoor_temperature")
# The licence asks for it wherever the data, or what is made of them, are shown.
CREDIT = "Weather data by Open-Meteo.com (CC BY 4.0)."


def credit(settings: Settings) -> str | None:
    """Give the credit that the source of the temperatures asks for; None where nothing is fetched."""
    return CREDIT if settings.site.weather.is_fetched else None


def temperature_series(settings: Settings) -> tuple[RawSeries, ...]:
    """Give where outdoor temperatures are, the most trusted first."""
    entity = settings.site.weather.entity_id
    return (RawSeries(CELSIUS, entity), OUTDOOR) if entity and entity != OUTDOOR.entity_id else (OUTDOOR,)


def weather(settings: Settings, store: RawStore) -> Weather | None:
    """Read the daily outdoor temperatures; None where there are none.

    The house's own thermometer goes before imported and fetched temperatures, day by day.

    Raises:
        StoreError: The store cannot be read.
    """
    means: pd.Series | None = None
    for series in temperature_series(settings):
        found = daily_means(store.readings(series))
        means = found if means is None else means.combine_first(found)
    return Weather(means) if means is not None and len(means) else None
