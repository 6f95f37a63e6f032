"""The assets of anomalies and costs."""

from collections.abc import Mapping
from functools import partial

import dagster as dg
import numpy as np
import pandas as pd

from workflows_dagster.domain import days, frames
from workflows_dagster.domain.deviations import LOOKBACK_DAYS
from workflows_dagster.evaluation.anomalies import Anomalies
from workflows_dagster.evaluation.costs import Costing, is_priced, sums_sources
from workflows_dagster.pipeline.assets.meters import OWNERS, TIBBER_KEY
from workflows_dagster.pipeline.partitions import day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.storage.partition_metadata import add_partition_metadata
from workflows_dagster.pipeline.table_schema import table_schema
from workflows_dagster.records.anomalies import BASE_LOAD, USE, move_expectations, write_anomalies
from workflows_dagster.repair.due import ANOMALIES, COSTS, GAP_LOOKBACK_DAYS, MadeFrom
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.stores.ports import (
    COST_DAILY,
    Measurement,
    Store,
)
from workflows_dagster.wording import words_of
from workflows_dagster.wording.anomalies import anomaly_sentence

ANOMALIES_KEY = dg.AssetKey(ANOMALIES)
COSTS_KEY = dg.AssetKey(COSTS)
GROUP = "insight"


def anomalies_asset(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset of anomalies, which compares each meter's days with the weeks before."""

    def before(meter: Meter) -> dg.TimeWindowPartitionMapping:
        """Give the days that are read; for a physical meter also those that its long gaps are compared with."""
        reach = GAP_LOOKBACK_DAYS if isinstance(meter, PhysicalMeter) else LOOKBACK_DAYS
        return dg.TimeWindowPartitionMapping(start_offset=-reach)

    @dg.asset(
        key=ANOMALIES_KEY,
        deps=[dg.AssetDep(meter.meter_id, partition_mapping=before(meter)) for meter in settings.meters],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"pandas"},
        description=(
            "Days that stand out: what each meter used, what is usual for the weekday and the season by the eight "
            "weeks before, and by how much it differs. Estimated days are not judged; a long gap between readings is "
            "judged once, as a whole. Of hourly water and electricity meters the base load too: a leak hides there."
        ),
        metadata={"dagster/column_schema": table_schema(frames.ANOMALIES)},
    )
    def anomalies(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        asked = day_range(context.partition_key_range)
        made_from = MadeFrom(settings)
        move_expectations(store.store)
        numbers = made_from.now(store.store, ANOMALIES, asked)
        judge = Anomalies(settings, store.store)
        flagged: dict[str, dict[str, int]] = {key: {"flagged": 0, "alerts": 0} for key in context.partition_keys}
        bounds, words = asked.bounds(settings.site.zone), words_of(settings.site)
        for meter in settings.meters:
            write = partial(anomaly_sentence, unit=meter.output_unit, words=words)
            judged = judge.of_meter(meter.meter_id, asked)
            for kind, frame in ((USE, judged.days), (BASE_LOAD, judged.base_load)):
                write_anomalies(store.store, kind, meter.meter_id, meter.output_unit, bounds, frame, write)
                _count(flagged, frame, settings)
        made_from.keep(store.store, ANOMALIES, asked, numbers)
        add_partition_metadata(context, flagged)
        return dg.MaterializeResult()

    return anomalies


def costs_asset(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset that prices each meter's days."""
    priced = [meter for meter in settings.meters if is_priced(settings, meter)]
    hourly = [TIBBER_KEY] if settings.tariffs.has_hourly_prices else []

    @dg.asset(
        key=COSTS_KEY,
        deps=[dg.AssetKey(meter.meter_id) for meter in priced] + hourly,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"pandas"},
        description=(
            "What each day cost by the prices in tariffs.yaml that held on it, and by Tibber's prices of the hour "
            "where there are any: consumption times unit price, and the day's share of the standing charge."
        ),
        metadata={"dagster/column_schema": table_schema(frames.COSTS, currency=settings.tariffs.currency)},
    )
    def costs(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        asked = day_range(context.partition_key_range)
        made_from = MadeFrom(settings)
        numbers = made_from.now(store.store, COSTS, asked)
        costing = Costing(settings, store.store)
        billed: dict[str, dict[str, float]] = {key: {} for key in context.partition_keys}
        for meter in settings.meters:
            # A meter without a tariff loses the costs that it once had.
            frame = costing.of_meter(meter.meter_id, asked)
            bounds = asked.bounds(settings.site.zone)
            write_points(store.store, COST_DAILY, meter.meter_id, settings.tariffs.currency, bounds, frame)
            tariff = settings.tariffs.of_meter(meter)
            if sums_sources(settings, meter) or (
                tariff is not None and meter.meter_id in (tariff.billed_meter, tariff.meter)
            ):
                civil = days.civil_days(pd.DatetimeIndex(frame.index), settings.site.zone)
                for day, cost in zip(civil, frame["cost"], strict=True):
                    billed[day.isoformat()][f"{meter.meter_id} [{settings.tariffs.currency}]"] = round(float(cost), 2)
        made_from.keep(store.store, COSTS, asked, numbers)
        add_partition_metadata(context, billed)
        return dg.MaterializeResult()

    return costs


def write_points(
    store: Store,
    measurement: Measurement,
    meter_id: str,
    unit: str,
    bounds: tuple[pd.Timestamp, pd.Timestamp],
    frame: pd.DataFrame,
) -> None:
    """Replace a meter's points by a frame's columns that the measurement has."""
    points = frame[[field for field in measurement.fields if field in frame]]
    store.replace(measurement, meter_id, unit, *bounds, points)


def _count(flagged: Mapping[str, dict[str, int]], frame: pd.DataFrame, settings: Settings) -> None:
    named = frame["severity"].notna().to_numpy(dtype=bool)
    civil = days.civil_days(pd.DatetimeIndex(frame.index[named]), settings.site.zone)
    for day, alert in zip(civil, np.asarray(frame.loc[named, "severity"] == "alert"), strict=True):
        flagged[day.isoformat()]["flagged"] += 1
        flagged[day.isoformat()]["alerts"] += int(alert)
