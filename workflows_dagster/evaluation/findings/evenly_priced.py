"""Finds the months whose costs by the time of day rest on hours that were not measured."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.costs import has_times
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.evaluation.findings.stored_days import StoredDays
from workflows_dagster.settings.meters import Meter

# From here on the part that was not measured matters to a month's cost.
_MATTERS = 0.02


def priced_evenly(costing: Costing, meter: Meter, stored: StoredDays) -> list[Finding]:
    """Find the months in which much was used at unknown times, though the price depends on the time.

    Args:
        costing: Prices the house's days.
        meter: The meter.
        stored: The stored days of whole months.

    Raises:
        StoreError: The store cannot be read.
    """
    consumption = stored.within(meter.meter_id)["consumption"].dropna()
    if not has_times(costing.dated(meter)) or consumption.empty:
        return []
    civil = stored.civil(stored.within(meter.meter_id).loc[consumption.index])
    asked = days.DayRange(civil[0], civil[-1])
    evenly = costing.timed_prices(meter, asked, consumption)["evenly"] * consumption
    months = pd.PeriodIndex([f"{day:%Y-%m}" for day in civil], freq="M")
    findings = []
    for _, used in consumption.groupby(months):
        part = evenly[used.index]
        if part.sum() > _MATTERS * used.sum():
            figures = {
                "share": float(part.sum() / used.sum()),
                "amount": float(part.sum()),
                "days": float((part > 0).sum()),
            }
            findings.append(
                Finding("priced_evenly", meter.meter_id, used.index[0], used.index[-1], figures, "note")
            )  # fmt: skip
    return findings
