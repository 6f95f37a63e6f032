"""The assets of anomalies, costs, months and monthly reports."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

from workflows_dagster.alerts.report_message import is_to_be_sent, send_report
from workflows_dagster.domain import days, frames
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.deviations import LOOKBACK_DAYS
from workflows_dagster.domain.months import (
    MONTHS_A_YEAR,
    first_needed,
    last_day,
    months_in,
    months_of,
    shifted,
    whole_months,
)
from workflows_dagster.evaluation.anomalies import Anomalies
from workflows_dagster.evaluation.costs import Costing, is_priced, sums_sources
from workflows_dagster.pipeline.assets.meters import OWNERS, TIBBER_KEY
from workflows_dagster.pipeline.partitions import day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.storage.partition_metadata import PartitionMetadata, add_partition_metadata
from workflows_dagster.pipeline.table_schema import table_schema
from workflows_dagster.records.anomalies import BASE_LOAD, USE, move_expectations, write_anomalies
from workflows_dagster.records.days import read_days
from workflows_dagster.repair.due import ANOMALIES, COSTS, GAP_LOOKBACK_DAYS, MONTHS, MadeFrom
from workflows_dagster.reports import NoDaysError, monthly_report, write_report
from workflows_dagster.reports.monthly import REPORTS_FOLDER, Report
from workflows_dagster.reports.notes import notes_of_month
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.stores.ports import (
    CONSUMPTION_MONTHLY,
    COST_DAILY,
    REGISTER_MONTHLY,
    Measurement,
    Store,
)
from workflows_dagster.wording import words_of
from workflows_dagster.wording.anomalies import anomaly_sentence

ANOMALIES_KEY = dg.AssetKey(ANOMALIES)
COSTS_KEY = dg.AssetKey(COSTS)
MONTHS_KEY = dg.AssetKey(MONTHS)
_GROUP = "insight"
_MOST_MONTHS = 3


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
        group_name=_GROUP,
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
        group_name=_GROUP,
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
            _write(store.store, COST_DAILY, meter.meter_id, settings.tariffs.currency, bounds, frame)
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


def months_asset(settings: Settings, partitions: dg.MonthlyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset of the months, which also writes the report of a completed month."""
    year_before = dg.TimeWindowPartitionMapping(start_offset=-MONTHS_A_YEAR)

    @dg.asset(
        key=MONTHS_KEY,
        deps=[dg.AssetDep(meter.meter_id, partition_mapping=year_before) for meter in settings.meters]
        + [dg.AssetDep(COSTS_KEY, partition_mapping=dg.TimeWindowPartitionMapping())],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=_GROUP,
        owners=OWNERS,
        kinds={"pandas"},
        description=(
            "Each meter's months: consumption, how much of it is estimated, and beside it the month before and the "
            "same month of the year before, a day each so that February compares. With the report of the last month."
        ),
        metadata={"dagster/column_schema": table_schema(frames.MONTHS)},
    )
    def monthly_consumption(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        asked = day_range(context.partition_key_range)
        made_from = MadeFrom(settings)
        numbers = made_from.now(store.store, MONTHS, whole_months(asked))
        write_months(settings, store.store, asked)
        metadata: dict[str, dict[str, PartitionMetadata]] = {key: {} for key in context.partition_keys}
        today = days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone)
        for month in months_to_report(settings, asked, today):
            notes = notes_of_month(settings, store.store, month)
            try:
                report = monthly_report(settings, store.store, f"{month:%Y-%m}", notes)
            except NoDaysError:
                continue
            is_new = not _report_file(settings, month).exists()
            path = write_report(report, settings.data_dir / REPORTS_FOLDER)
            if is_to_be_sent(settings, month, today, is_new=is_new):
                _send(context, settings, report)
            metadata[month.isoformat()] = {
                "report": dg.MetadataValue.md(report.markdown),
                "file": dg.MetadataValue.path(str(path)),
            }
        made_from.keep(store.store, MONTHS, whole_months(asked), numbers)
        add_partition_metadata(context, metadata)
        return dg.MaterializeResult()

    return monthly_consumption


def _send(context: dg.AssetExecutionContext, settings: Settings, report: Report) -> None:
    content, words = report.content, words_of(settings.site)
    told = [content.summary, *(f"{section.title}: {section.year}" for section in content.sections if section.year)]
    noted = [f"{note.about}: {note.sentence}" if note.about else note.sentence for note in content.notes]
    for outcome in send_report(settings, words.say("The house in {month}", month=content.title), [*told, *noted]):
        if not outcome.is_sent:
            context.log.error(f"The report was not sent to address {outcome.position + 1} ({outcome.schema}).")


def write_months(settings: Settings, store: Store, asked: DayRange) -> None:
    """Compute and store all meters' months from their stored days.

    Args:
        settings: The house.
        store: Its days; the months go there too.
        asked: Days of the first to the last month.

    Raises:
        StoreError: The store cannot be read or written.
    """
    zone, span = settings.site.zone, whole_months(asked)
    start, close = span.bounds(zone)
    openings = span.openings(zone)[:-1]
    opening_of = pd.Series(openings, index=days.civil_days(openings, zone))
    for meter in settings.meters:
        frame = read_days(store, meter.meter_id, days.opening(first_needed(span.first), zone), close)
        months = frames.MONTHS.check(months_of(frame, days.civil_days(pd.DatetimeIndex(frame.index), zone), span))
        months.index = pd.DatetimeIndex(opening_of[months.index])
        has_register = months["value"].notna() | months["closing"].notna()
        for measurement, rows in ((REGISTER_MONTHLY, months[has_register]), (CONSUMPTION_MONTHLY, months)):
            _write(store, measurement, meter.meter_id, meter.output_unit, (start, close), rows)


def months_to_report(settings: Settings, asked: DayRange, today: date) -> list[date]:
    """Choose the months whose report is written: those that already have one, and the last complete one.

    A run over years writes no further reports; `meters report` makes any of them.
    """
    months = months_in(asked)
    newest = shifted(today.replace(day=1), -1)
    anew = [newest] if len(months) <= _MOST_MONTHS else []
    over = [month for month in months if last_day(month) < today]
    return [month for month in over if month in anew or _report_file(settings, month).exists()]


def _report_file(settings: Settings, month: date) -> Path:
    return settings.data_dir / REPORTS_FOLDER / f"{month:%Y-%m}.html"


def _write(
    store: Store,
    measurement: Measurement,
    meter_id: str,
    unit: str,
    bounds: tuple[pd.Timestamp, pd.Timestamp],
    frame: pd.DataFrame,
) -> None:
    points = frame[[field for field in measurement.fields if field in frame]]
    store.replace(measurement, meter_id, unit, *bounds, points)


def _count(flagged: Mapping[str, dict[str, int]], frame: pd.DataFrame, settings: Settings) -> None:
    named = frame["severity"].notna().to_numpy(dtype=bool)
    civil = days.civil_days(pd.DatetimeIndex(frame.index[named]), settings.site.zone)
    for day, alert in zip(civil, np.asarray(frame.loc[named, "severity"] == "alert"), strict=True):
        flagged[day.isoformat()]["flagged"] += 1
        flagged[day.isoformat()]["alerts"] += int(alert)
