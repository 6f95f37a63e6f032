"""The asset of months, years and the month to date, which also writes the monthly report."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd

from workflows_dagster.alerts.report_message import is_to_be_sent, send_report
from workflows_dagster.domain import days, frames
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.months import (
    MONTHS_A_YEAR,
    first_needed,
    last_day,
    month_of,
    months_in,
    shifted,
    whole_months,
)
from workflows_dagster.evaluation.sums import HouseSums
from workflows_dagster.pipeline.assets.insight import COSTS_KEY, GROUP, write_points
from workflows_dagster.pipeline.assets.meters import OWNERS
from workflows_dagster.pipeline.partitions import day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.storage.partition_metadata import PartitionMetadata, add_partition_metadata
from workflows_dagster.pipeline.table_schema import table_schema
from workflows_dagster.repair.due import MONTHS, MadeFrom
from workflows_dagster.reports import NoDaysError, monthly_report, write_report
from workflows_dagster.reports.monthly import REPORTS_FOLDER, Report
from workflows_dagster.reports.notes import notes_of_month
from workflows_dagster.services.meter_info import write_meter_info
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import (
    CONSUMPTION_MONTHLY,
    CONSUMPTION_YEARLY,
    MONTH_TO_DATE,
    REGISTER_MONTHLY,
    Store,
)
from workflows_dagster.wording import words_of

MONTHS_KEY = dg.AssetKey(MONTHS)
_MOST_MONTHS = 3
_OF_REGISTER = dict(zip(frames.REGISTER_BAND_COLUMNS, frames.BAND_COLUMNS, strict=True))


def months_asset(settings: Settings, partitions: dg.MonthlyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset of the months, which also writes the report of a completed month."""
    year_before = dg.TimeWindowPartitionMapping(start_offset=-MONTHS_A_YEAR)

    @dg.asset(
        key=MONTHS_KEY,
        deps=[dg.AssetDep(meter.meter_id, partition_mapping=year_before) for meter in settings.meters]
        + [dg.AssetDep(COSTS_KEY, partition_mapping=dg.TimeWindowPartitionMapping())],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"pandas"},
        description=(
            "Each meter's months: consumption, how much of it is estimated, and beside it the month before and the "
            "same month of the year before, a day each so that February compares. Also years, month to date and "
            "the last report."
        ),
        metadata={"dagster/column_schema": table_schema(frames.BANDED_MONTHS)},
    )
    def monthly_consumption(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        asked = day_range(context.partition_key_range)
        made_from = MadeFrom(settings)
        numbers = made_from.now(store.store, MONTHS, whole_months(asked))
        write_months(settings, store.store, asked)
        write_meter_info(settings, store.store)
        metadata: dict[str, dict[str, PartitionMetadata]] = {key: {} for key in context.partition_keys}
        today = days.civil_day(pd.Timestamp.now("UTC"), settings.site.zone)
        running = running_month(today)
        if running in whole_months(asked):
            write_month_to_date(settings, store.store, running)
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
    """Compute and store all meters' months, and the years that they lie in, from their stored days.

    Args:
        settings: The house.
        store: Its days; the months go there too.
        asked: Days of the first to the last month.

    Raises:
        StoreError: The store cannot be read or written.
    """
    zone, span = settings.site.zone, whole_months(asked)
    months_bounds = span.bounds(zone)
    whole_years = DayRange(date(span.first.year, 1, 1), date(span.last.year, 12, 31))
    sums = HouseSums(settings, store, held=DayRange(min(whole_years.first, first_needed(span.first)), whole_years.last))
    for meter in settings.meters:
        # The years first: what they are computed from serves the months too.
        years = _stamped(sums.years(meter.meter_id, whole_years), zone)
        months = _stamped(sums.months(meter.meter_id, span), zone)
        has_register = months["value"].notna() | months["closing"].notna()
        register = months[has_register].drop(columns=list(frames.BAND_COLUMNS)).rename(columns=_OF_REGISTER)
        for measurement, bounds, rows in (
            (REGISTER_MONTHLY, months_bounds, register),
            (CONSUMPTION_MONTHLY, months_bounds, months),
            (CONSUMPTION_YEARLY, whole_years.bounds(zone), years),
        ):
            write_points(store, measurement, meter.meter_id, meter.output_unit, bounds, rows)


def running_month(today: date) -> date:
    """Give the first day of the month to date: that of the last complete day, so on a first it is the month before."""
    return month_of(today - timedelta(days=1))


def write_month_to_date(settings: Settings, store: Store, month: date) -> None:
    """Store all meters' running month, and remove that of earlier months.

    Args:
        settings: The house.
        store: Its days; the month goes there too.
        month: First civil day of the running month.

    Raises:
        StoreError: The store cannot be read or written.
    """
    zone, sums = settings.site.zone, HouseSums(settings, store)
    bounds = (days.opening(settings.first_day, zone), days.closing(last_day(month), zone))
    for meter in settings.meters:
        rows = _stamped(sums.month_to_date(meter.meter_id, month), zone)
        write_points(store, MONTH_TO_DATE, meter.meter_id, meter.output_unit, bounds, rows)


def _stamped(frame: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Replace the first civil days of periods by their openings, UTC."""
    openings = [days.opening(first, zone) for first in frame.index]
    return frame.set_axis(pd.DatetimeIndex(openings, tz="UTC").as_unit("us"), axis=0)


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
