"""The page of power as it flows: now, today, circuits, what switched, what costs the most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workflows_dagster.services import energy
from workflows_dagster.services.energy import CircuitPower
from workflows_dagster.web.api.parameters import House, now_utc
from workflows_dagster.web.pages.frame import kept_page
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import energy_reason_text
from workflows_dagster.wording.report import ReportWords

router = APIRouter()
_SHOWN_CHANGES, _SHOWN_DEVICES = 12, 10


@router.get("/energy")
def power(request: Request, house: House) -> Response:
    """Show power now, today's energy, the peak, the circuits, recent changes and the top consumers."""

    def make(words: Words) -> Mapping[str, Any]:
        settings, store, now = house.settings, house.store, now_utc()
        shown, report = words.format, ReportWords(words)
        found = energy.statistics(settings, store, now)
        currency = settings.tariffs.currency
        return {
            "missing": energy_reason_text(found.reason, words) if found.reason else None,
            "power": report.amount(found.current_power_w, "W"),
            "today": report.amount(found.daily_kwh, "kWh"),
            "peak": report.amount(found.peak_power_w, "W"),
            "peak_time": shown.minute(found.peak_time) if found.peak_time is not None else "",
            "count": shown.count(found.total_correlations),
            "circuits": [
                (one.circuit_name, shown.amount(one.power_w, "W", 3), _share(one, words))
                for one in _newest(energy.circuits(store, now))
            ],
            "changes": [
                (shown.minute(one.timestamp), one.entity_id, one.state or "", shown.amount(one.power_delta_w, "W", 3))
                for one in energy.correlations(store, now, limit=_SHOWN_CHANGES)
            ],
            "devices": [
                (
                    one.entity_id,
                    report.amount(one.average_power_on_w, "W"),
                    report.amount(one.estimated_daily_kwh, "kWh"),
                    report.money(one.estimated_monthly_cost, currency),
                )
                for one in energy.top_consumers(settings, store, now, limit=_SHOWN_DEVICES)
            ],
        }

    return kept_page(request, "energy.html", make)


def _newest(circuits: list[CircuitPower]) -> list[CircuitPower]:
    """Give the newest five minutes of each circuit, the largest first."""
    newest: dict[str, CircuitPower] = {}
    for one in circuits:
        newest.setdefault(one.circuit_name, one)
    return sorted(newest.values(), key=lambda one: -one.power_w)


def _share(circuit: CircuitPower, words: Words) -> str:
    return "" if circuit.percentage is None else words.format.percent(circuit.percentage / 100)
