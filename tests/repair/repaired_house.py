"""A house whose days are computed and repaired without runs."""

from __future__ import annotations

from datetime import date

from tests.houses import small
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.days import write_days
from workflows_dagster.repair.repairs import plan_repairs

HOUSE = small("2023-01-01") + "  - {meter_id: shed, type: physical, output_unit: kWh, installation_date: 2023-01-01}\n"
WITHIN = DayRange(date(2023, 1, 1), date(2024, 12, 31))


def monthly(start=0.0, step=30.0):
    """Read a register at noon of the first of each month."""
    return {f"{2023 + k // 12}-{k % 12 + 1:02d}-01 12:00": start + step * k for k in range(25)}


def compute(house, repairs):
    """Do what the runs would do."""
    for repair in repairs:
        evaluation = Evaluation(house.settings, house.store)
        for meter_id in repair.meters:
            frame = evaluation.days(meter_id, repair.days).days
            unit = house.settings.meters[meter_id].output_unit
            write_days(house.store, meter_id, unit, *repair.days.bounds(house.settings.site.zone), frame)


def plan(house, before):
    """Plan the repairs of a house all whose days were computed before."""
    return plan_repairs(house.settings, house.store, before, WITHIN, lambda _: list(WITHIN))
