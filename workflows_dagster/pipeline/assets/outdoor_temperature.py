"""The outdoor temperature: fetched from Open-Meteo, or written by others."""

import dagster as dg
import pandas as pd

from workflows_dagster.clients.open_meteo import OpenMeteoError
from workflows_dagster.evaluation.outdoor_temperature import CELSIUS, CREDIT, OUTDOOR
from workflows_dagster.pipeline.assets.meters import OWNERS, TEMPERATURE_KEY
from workflows_dagster.pipeline.descriptions import as_code
from workflows_dagster.pipeline.resources import StoreResource, WeatherResource
from workflows_dagster.services.temperature_sync import sync_temperatures
from workflows_dagster.settings.load import Settings

_GROUP = "ingestion"


def outdoor_temperature(settings: Settings) -> dg.AssetsDefinition | dg.AssetSpec:
    """Build the asset that fetches the outdoor temperature, or the external one where config.yaml names no place."""
    kinds = {"influxdb" if settings.site.storage.backend == "influxdb" else "sqlite"}
    if not settings.site.weather.is_fetched:
        return dg.AssetSpec(
            TEMPERATURE_KEY, description=_describe(settings), group_name=_GROUP, owners=OWNERS, kinds=kinds
        )

    @dg.asset(
        key=TEMPERATURE_KEY,
        group_name=_GROUP,
        owners=OWNERS,
        description=_describe(settings),
        kinds=kinds,
    )
    def fetched(store: StoreResource, weather: WeatherResource) -> dg.MaterializeResult[None]:
        try:
            result = sync_temperatures(settings, weather.client(), store.store, pd.Timestamp.now("UTC"))
        except OpenMeteoError as error:
            raise dg.Failure(description=str(error), allow_retries=error.passing) from None
        figures: dict[str, int | dg.MetadataValue] = {
            "hours_written": result.written,
            "hours_corrected": result.corrected,
            "days_unknown": result.unknown_days,
        }
        if result.newest is not None:
            figures["newest_hour"] = dg.MetadataValue.timestamp(result.newest.to_pydatetime())
        return dg.MaterializeResult(metadata=figures)

    return fetched


def _describe(settings: Settings) -> str:
    entity = settings.site.weather.entity_id
    own = f" Where the house's own thermometer {as_code(entity)} knows a day, it counts." if entity else ""
    kept = f"measurement `{CELSIUS}`, entity `{OUTDOOR.entity_id}`"
    if settings.site.weather.is_fetched:
        return (
            f"Outdoor temperature of each hour, from Open-Meteo: {kept}.{own}\n\n"
            "Late or corrected ones repair the days that they reach. "
            f"{CREDIT}"
        )
    return (
        f"Outdoor temperature, which gas and heat may follow: what `meters import FILE --temperature` stores as {kept}."
        f"{own} With `weather.latitude` and `longitude` in config.yaml it is fetched from Open-Meteo."
    )
