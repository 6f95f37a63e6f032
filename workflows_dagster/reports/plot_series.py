"""The data of a utility's plots, and a description for screen readers."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

from workflows_dagster.domain import days, months
from workflows_dagster.reports.content import Bar, Series
from workflows_dagster.reports.lines import daily, known
from workflows_dagster.reports.month_days import MeterDays
from workflows_dagster.settings.utilities import Utility
from workflows_dagster.wording import Words
from workflows_dagster.wording.report import ReportWords


def series_of_months(utility: Utility, counted: MeterDays, month: date, report: ReportWords) -> Series:
    """Give the month and the twelve before it.

    Args:
        utility: Which utility.
        counted: Days of the meter, or of several together.
        month: First civil day of the month.
        report: The reader's language.
    """
    words = report.words
    rows = counted.by_month(month)
    year_before = months.first_needed(month)
    bars = []
    for back in range(months.MONTHS_A_YEAR, -1, -1):
        first = months.shifted(month, -back)
        if first not in rows.index:
            bars.append(Bar(first, None, 0.0, whole=False))
            continue
        row: dict[str, Any] = {str(column): rows.at[first, column] for column in rows.columns}
        value, share = known(row["consumption"]), known(row["estimated_share"])
        band = counted.bands.get(first) if row["whole"] else None
        label = report.number(value, band) if first in (month, year_before) and value is not None else ""
        bars.append(Bar(first, value, share or 0.0, label, bool(row["whole"]), band))
    there = [bar for bar in bars if bar.value is not None]
    told = ", ".join(
        f"{words.format.month(bar.first)} {report.figure(bar.value, bar.band)}" for bar in there if bar.label
    )
    parts = [
        words.say(
            "Bars: {utility} in {unit} in each of the last thirteen months",
            utility=report.name(utility),
            unit=counted.unit,
        ),
        told,
    ]
    if len(there) > 1:
        most, least = _extremes(there)
        parts.append(
            words.say(
                "most in {most} ({highest}), least in {least} ({lowest})",
                most=words.format.month(most.first),
                highest=report.number(most.value, most.band),
                least=words.format.month(least.first),
                lowest=report.number(least.value, least.band),
            )
        )
    caption = words.say("The last thirteen months, {unit} a month", unit=counted.unit)
    return Series(counted.unit, bars, caption, f"{'; '.join(parts)}.")


def series_of_days(utility: Utility, counted: MeterDays, month: date, report: ReportWords) -> Series:
    """Give the month day by day; the arguments are those of `series_of_months`."""
    words = report.words
    unit, scale = daily(utility, counted.unit)
    by_day = counted.by_day()
    bars = []
    for offset in range(months.last_day(month).day):
        day = month + timedelta(days=offset)
        row = by_day.get(day, {})
        value, share, lower, upper = (
            known(row.get(name, math.nan)) for name in ("consumption", "estimated_share", "lower", "upper")
        )
        band = None if lower is None or upper is None else (lower * scale, upper * scale)
        used = None if value is None else value * scale
        bars.append(Bar(day, used, share or 0.0, whole=value is not None, band=band))
    # An estimated day is no record, nor is one of 25 hours.
    comparable = [
        bar for bar in bars if bar.value is not None and not bar.estimated_share and _has_24_hours(bar.first, words)
    ]
    parts = [
        words.say(
            "Bars: {utility} in {unit} on each day of {month}",
            utility=report.name(utility),
            unit=unit,
            month=words.format.month(month),
        )
    ]
    if len(comparable) > 1:
        most, least = _extremes(comparable)
        parts.append(
            words.say(
                "most on {most} ({highest}), least on {least} ({lowest})",
                most=words.format.day_of_year(most.first),
                highest=report.number(most.value),
                least=words.format.day_of_year(least.first),
                lowest=report.number(least.value),
            )
        )
    caption = words.say("{month} day by day, {unit}", month=words.format.month_name(month), unit=unit)
    return Series(unit, bars, caption, f"{'; '.join(parts)}.")


def _has_24_hours(day: date, words: Words) -> bool:
    return days.closing(day, words.zone) - days.opening(day, words.zone) == timedelta(days=1)


def _extremes(bars: list[Bar]) -> tuple[Bar, Bar]:
    return max(bars, key=lambda bar: bar.value or 0.0), min(bars, key=lambda bar: bar.value or 0.0)
