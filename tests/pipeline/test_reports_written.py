"""Which reports a run over months writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.reports.stored import store_days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.assets.months import months_to_report, running_month, write_month_to_date
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import MONTH_TO_DATE


@pytest.fixture
def reported(shipped: Settings, tmp_path: Path) -> Settings:
    """A house with the reports of January and October."""
    (tmp_path / "reports").mkdir()
    for month in ("2026-01", "2026-10"):
        (tmp_path / "reports" / f"{month}.html").touch()
    return replace(shipped, data_dir=tmp_path)


@pytest.mark.parametrize(("today", "written"), [(date(2026, 10, 31), False), (date(2026, 11, 1), True)])
def test_a_months_report_is_written_once_its_last_day_is_over(reported: Settings, today: date, written: bool):
    found = months_to_report(reported, DayRange(date(2026, 9, 1), today), today)
    assert (date(2026, 10, 1) in found) is written


def test_a_run_over_years_writes_the_reports_that_there_are_and_no_other(reported: Settings):
    found = months_to_report(reported, DayRange(date(2023, 1, 1), date(2026, 11, 1)), date(2026, 11, 20))
    assert found == [date(2026, 1, 1), date(2026, 10, 1)]


def test_the_last_month_that_is_over_gets_its_report_and_the_running_one_does_not(reported: Settings):
    (reported.data_dir / "reports" / "2026-10.html").unlink()
    found = months_to_report(reported, DayRange(date(2026, 9, 1), date(2026, 11, 1)), date(2026, 11, 20))
    assert found == [date(2026, 10, 1)]


def test_the_month_to_date_is_that_of_the_last_complete_day_and_takes_the_place_of_the_one_before(small_house):
    assert [running_month(date(2025, 2, day)) for day in (1, 2)] == [date(2025, 1, 1), date(2025, 2, 1)]
    house = small_house("meters: [{meter_id: strom, type: physical, output_unit: kWh}]")
    store_days(house.settings, house.store, "strom", date(2024, 2, 1), [2.0] * 29)
    store_days(house.settings, house.store, "strom", date(2025, 1, 1), [4.0] * 31 + [3.0] * 10)
    for month in (date(2025, 1, 1), date(2025, 2, 1)):
        write_month_to_date(house.settings, house.store, month)
    found = house.store.read(MONTH_TO_DATE, "strom")
    assert list(found.index) == [pd.Timestamp("2025-01-31 23:00", tz="UTC")]
    so_far = found.iloc[0]
    assert [so_far[name] for name in ("consumption", "previous_month", "previous_year", "days")] == [30, 40, 20, 10]
