"""Which reports a run over months writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.assets.months import months_to_report
from workflows_dagster.settings.load import Settings


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
