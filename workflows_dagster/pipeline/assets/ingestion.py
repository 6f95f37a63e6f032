"""The asset that fetches Tibber's hours into the raw store."""

import dagster as dg
import pandas as pd

from workflows_dagster.clients.tibber.client import TibberError
from workflows_dagster.pipeline.assets.meters import OWNERS, TIBBER_KEY
from workflows_dagster.pipeline.resources import StoreResource, TibberResource
from workflows_dagster.services.tibber_sync import MEASUREMENT, SyncResult, raw_hours, reader_of_hours, sync_hours
from workflows_dagster.settings.load import Settings
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_writer

NO_TOKEN = (
    "Tibber is not asked: TIBBER_API_TOKEN is not set. Make a token at developer.tibber.com and put it into "
    "secrets/tibber.env, or leave it so: everything else works without."
)
WRITTEN = "hours_written"
_LONGEST_LIST = 20


def tibber_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the asset that fetches Tibber's hours into the raw store."""
    account = settings.site.tibber

    @dg.asset(
        key=TIBBER_KEY,
        group_name="ingestion",
        owners=OWNERS,
        description=_describe(settings),
        kinds={"graphql", "influxdb" if settings.site.storage.backend == "influxdb" else "sqlite"},
    )
    def tibber_consumption(
        context: dg.AssetExecutionContext, store: StoreResource, tibber: TibberResource
    ) -> dg.MaterializeResult[None]:
        if not tibber.is_configured:
            context.log.info(NO_TOKEN)
            return dg.MaterializeResult(metadata={"missing": NO_TOKEN})
        try:
            result = sync_hours(
                tibber.client(),
                store.store,
                raw_hours(settings),
                account.meter_id,
                pd.Timestamp.now("UTC"),
                pd.Timedelta(hours=account.lookback_hours),
            )
        except TibberError as error:
            # Without its causes, whose texts may quote the request.
            raise dg.Failure(description=str(error), allow_retries=error.passing) from None
        # Logs are English.
        write = finding_writer(settings, Words("en", settings.site.zone))
        for finding in result.findings:
            context.log.warning(f"{finding.meter_id}: {write(finding)}")
        return dg.MaterializeResult(metadata=_figures(result, settings))

    return tibber_consumption


def _describe(settings: Settings) -> str:
    meter_id, reader = settings.site.tibber.meter_id, reader_of_hours(settings)
    return (
        f"Consumption [kWh] and prices of each hour of `{meter_id}`, as Tibber bills them.\n\n"
        "The first time it takes all that the account has, then what is new, late or corrected. "
        f"Kept among the raw readings: measurement `{MEASUREMENT}`, entity `{meter_id}`. "
        + (f"`{reader.meter_id}` is computed from them." if reader else _unread(meter_id))
    )


def _unread(meter_id: str) -> str:
    return (
        "No meter is computed from them yet: give one in meters.yaml "
        f"`source: {{kind: interval, measurement: {MEASUREMENT}, entity_id: {meter_id}}}`."
    )


def _figures(result: SyncResult, settings: Settings) -> dict[str, int | str | dg.MetadataValue]:
    """Give the result as metadata for the asset's page."""
    figures: dict[str, int | str | dg.MetadataValue] = {
        WRITTEN: result.written,
        "hours_corrected": result.corrected,
        "hours_unknown": result.unknown,
    }
    if result.newest is not None:
        figures["newest_hour"] = dg.MetadataValue.timestamp(result.newest.to_pydatetime())
    if result.findings:
        write = finding_writer(settings)
        sentences = [write(finding) for finding in result.findings]
        more = [f"… and {len(sentences) - _LONGEST_LIST} more, in the log."] if len(sentences) > _LONGEST_LIST else []
        figures["findings"] = dg.MetadataValue.md(
            "\n".join(f"- {line}" for line in [*sentences[:_LONGEST_LIST], *more])
        )
    if reader_of_hours(settings) is None:
        figures["not_used"] = _unread(settings.site.tibber.meter_id)
    return figures
