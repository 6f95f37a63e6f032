"""Civil days as partitions."""

from datetime import date, timedelta

import dagster as dg
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.settings.load import Settings

# Dagster's own tags for what a run computes: a range of partitions, or one.
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
# Checks have no partitions; these tags give the days of their runs.
REVIEWED_FIRST, REVIEWED_LAST = "meters/first_day", "meters/last_day"


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Give the partitions definition that all meters share; a meter that starts later has no readings before."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_day.isoformat(), timezone=settings.site.timezone, fmt="%Y-%m-%d"
    )


def monthly_partitions(settings: Settings) -> dg.MonthlyPartitionsDefinition:
    """Give the months, including the running one, which covers its days so far."""
    return dg.MonthlyPartitionsDefinition(
        start_date=settings.first_day.replace(day=1).isoformat(),
        timezone=settings.site.timezone,
        fmt="%Y-%m-%d",
        end_offset=1,
    )


def range_tags(days: DayRange) -> dict[str, str]:
    """Give the tags that make one run over a range of days."""
    return {
        RANGE_START: days.first.isoformat(),
        RANGE_END: days.last.isoformat(),
    }


def day_range(key_range: dg.PartitionKeyRange) -> DayRange:
    """Give the civil days of a range of partitions."""
    return DayRange(date.fromisoformat(key_range.start), date.fromisoformat(key_range.end))


def partition_span(settings: Settings, now: pd.Timestamp) -> DayRange | None:
    """Give all civil days that are complete at an instant; None if there is none."""
    last = days.civil_day(now.tz_convert("UTC"), settings.site.zone) - timedelta(days=1)
    return DayRange(settings.first_day, last) if last >= settings.first_day else None
