"""Pages of costs, findings, reports, and a year beside others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from workflows_dagster.domain import days
from workflows_dagster.reports.layout import fed_into_grid, layout
from workflows_dagster.services.costs_by_month import CostsOfMonth, costs_by_month
from workflows_dagster.services.findings import house_findings
from workflows_dagster.services.meters import require_meter
from workflows_dagster.settings.meters import Meter
from workflows_dagster.web.api.consumption import rows_of
from workflows_dagster.web.api.insight import months_with_report
from workflows_dagster.web.api.parameters import House, now_utc
from workflows_dagster.web.pages.frame import kept_page
from workflows_dagster.web.pages.house import notes_of
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.report import ReportWords

router = APIRouter()
_SHOWN_MONTHS = 13
_MONTHS = range(1, 13)


@router.get("/findings")
def findings(request: Request, house: House, everything: Annotated[bool, Query(alias="all")] = False) -> Response:
    """Show what needs a look."""

    def make(words: Words) -> Mapping[str, Any]:
        found = house_findings(house.settings, house.store, now_utc(), everything=everything)
        return {
            "notes": notes_of(house.settings, found, words),
            "older": found.older + found.notes,
            "everything": everything,
        }

    return kept_page(request, "findings.html", make)


@router.get("/reports")
def reports(request: Request, house: House) -> Response:
    """List the months, each with its report."""

    def make(words: Words) -> Mapping[str, Any]:
        months = months_with_report(house)
        return {"months": [(month, words.format.month(date.fromisoformat(f"{month}-01"))) for month in months]}

    return kept_page(request, "reports.html", make)


@router.get("/costs")
def costs(request: Request, house: House) -> Response:
    """Show what each month cost, by meter."""

    def make(words: Words) -> Mapping[str, Any]:
        today = days.civil_day(now_utc(), house.settings.site.zone)
        first = _months_back(today, _SHOWN_MONTHS - 1)
        found = costs_by_month(house.settings, house.store, first, today)
        months = _months_between(first, today)
        return {
            "months": [words.format.month(month) for month in months],
            "rows": [_cost_row(meter, found, months, words) for meter in _priced(house, found)],
        }

    return kept_page(request, "costs.html", make)


def _priced(house: HouseState, found: Mapping[str, Mapping[date, CostsOfMonth]]) -> list[Meter]:
    return [meter for meter in house.settings.meters if meter.meter_id in found]


def _cost_row(
    meter: Meter, found: Mapping[str, Mapping[date, CostsOfMonth]], months: Sequence[date], words: Words
) -> Mapping[str, Any]:
    of_meter = found[meter.meter_id]
    currency = next(iter(of_meter.values())).currency
    cells = [words.format.money(of_meter[month].cost if month in of_meter else None, currency) for month in months]
    total = math.fsum(one.cost for one in of_meter.values())
    return {
        "meter_id": meter.meter_id,
        "name": meter.description or meter.meter_id,
        "cells": cells,
        "total": words.format.money(total, currency),
    }


@router.get("/compare")
def compare(
    request: Request, house: House, meter_id: Annotated[str | None, Query(alias="meter", max_length=200)] = None
) -> Response:
    """Show a meter's years beside each other, by month and added up."""
    mains = [
        place.meter
        for places in layout(house.settings.meters, fed_into_grid(house.settings)).values()
        for place in places
        if place.role == "main"
    ]
    meter = require_meter(house.settings.meters, meter_id) if meter_id else (mains or list(house.settings.meters))[0]

    def make(words: Words) -> Mapping[str, Any]:
        by_month = {row["period"]: row for row in rows_of(house, words, meter, "month", None, None)}
        years = sorted({period[:4] for period in by_month}, reverse=True)
        return {
            "meter": meter,
            "name": meter.description or meter.meter_id,
            "meters": list(house.settings.meters),
            "years": years,
            "rows": [_compared(month, years, by_month, words) for month in _MONTHS],
            "totals": _cumulated(years, by_month, words),
        }

    return kept_page(request, "compare.html", make)


def _compared(
    month: int, years: Sequence[str], by_month: Mapping[str, Mapping[str, Any]], words: Words
) -> Mapping[str, Any]:
    report = ReportWords(words)
    found = [by_month.get(f"{year}-{month:02d}") for year in years]
    return {
        "name": words.format.month_name(date(2000, month, 1)),
        "cells": [
            {
                "text": report.number(row["consumption"], None) if row else "",
                "value": row["consumption"] if row else None,
                "is_estimated": bool(row and row["estimated_share"]),
            }
            for row in found
        ],
    }


def _cumulated(
    years: Sequence[str], by_month: Mapping[str, Mapping[str, Any]], words: Words
) -> Sequence[Mapping[str, str]]:
    """Add up each year as far as the newest month that there is, so that years compare."""
    report = ReportWords(words)
    if not years:
        return []
    through = max(int(period[5:]) for period in by_month if period.startswith(years[0]))
    totals = []
    for year in years:
        parts = [by_month.get(f"{year}-{month:02d}") for month in range(1, through + 1)]
        values = [row["consumption"] for row in parts if row is not None]
        whole = len(values) == through and all(value is not None for value in values)
        totals.append({"year": year, "text": report.number(math.fsum(values) if whole else None, None)})
    return [{"through": words.format.month_name(date(2000, through, 1)), "year": "", "text": ""}, *totals]


def _months_back(day: date, number: int) -> date:
    months = day.year * 12 + day.month - 1 - number
    return date(months // 12, months % 12 + 1, 1)


def _months_between(first: date, last: date) -> list[date]:
    months = [first]
    while (following := (months[-1] + timedelta(days=32)).replace(day=1)) <= last:
        months.append(following)
    return months[::-1]
