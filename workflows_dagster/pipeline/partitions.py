"""Civil days as partitions."""

from datetime import date

import dagster as dg
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.settings.load import Settings

DayRange = tuple[date, date]


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Give the one partitions definition that all meters share; a meter's later start is a matter of its readings."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_day.isoformat(), timezone=settings.site.timezone, fmt="%Y-%m-%d"
    )


def day_range(key_range: dg.PartitionKeyRange) -> DayRange:
    """Give the first and last civil day of a range of partitions."""
    return date.fromisoformat(key_range.start), date.fromisoformat(key_range.end)


def span(first: date, last: date, settings: Settings) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Give the instants at which the first of some days opens and the last closes."""
    zone = settings.site.zone
    return days.opening(first, zone), days.closing(last, zone)
