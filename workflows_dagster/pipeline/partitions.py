"""Civil days as partitions."""

from datetime import date

import dagster as dg

from workflows_dagster.settings.load import Settings

DayRange = tuple[date, date]


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Give the one partitions definition that all meters share; a meter's later start is a matter of its readings."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_day.isoformat(), timezone=settings.site.timezone, fmt="%Y-%m-%d"
    )


def range_tags(first: date, last: date) -> dict[str, str]:
    """Give the tags that make one run over a range of days."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def day_range(key_range: dg.PartitionKeyRange) -> DayRange:
    """Give the first and last civil day of a range of partitions."""
    return date.fromisoformat(key_range.start), date.fromisoformat(key_range.end)
