"""The asset of today so far: unpartitioned, and replaced by the day's partition once the day is over."""

import dagster as dg
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.pipeline.assets.meters import OWNERS
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter
from workflows_dagster.stores.ports import RUNNING_DAY, Store

RUNNING_DAY_KEY = dg.AssetKey("running_day")
# How far back leftover running days are removed.
_LEFTOVER_SPAN = pd.Timedelta(days=400)


def running_day_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the asset over all meters."""

    @dg.asset(
        key=RUNNING_DAY_KEY,
        deps=[dg.AssetKey(meter.meter_id) for meter in settings.meters],
        group_name="insight",
        owners=OWNERS,
        description="Consumption of every meter today so far. Provisional: tomorrow the day itself takes its place.",
        kinds={"pandas"},
    )
    def running_day(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        now = pd.Timestamp.now("UTC").floor("s")
        written = write_running_day(settings, store.store, now)
        return dg.MaterializeResult(metadata={"meters": written, "until": now.isoformat()})

    return running_day


def write_running_day(settings: Settings, store: Store, now: pd.Timestamp) -> int:
    """Write today so far, and remove leftovers of earlier running days.

    Returns:
        How many meters have a value.
    """
    evaluation = Evaluation(settings, store, until=now)
    today = days.civil_day(now, settings.site.zone)
    start, end = days.opening(today, settings.site.zone), days.closing(today, settings.site.zone)
    return sum(
        _write_one(evaluation, meter, store, start=start, end=end, now=now, settings=settings)
        for meter in settings.meters.in_order()
    )


def _write_one(
    evaluation: Evaluation,
    meter: Meter,
    store: Store,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    now: pd.Timestamp,
    settings: Settings,
) -> bool:
    today = days.civil_day(start, settings.site.zone)
    frame = evaluation.days(meter.meter_id, DayRange.single(today)).days
    fields = [name for name in RUNNING_DAY.fields if name in frame]
    points = frame[fields].assign(until=now.isoformat())
    store.replace(RUNNING_DAY, meter.meter_id, meter.output_unit, start - _LEFTOVER_SPAN, end, points)
    return bool(frame["consumption"].notna().any())
