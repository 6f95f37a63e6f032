"""What follows changed days reaches everything that was made by looking at them, and nothing that was not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.assets.insight import months_to_report
from workflows_dagster.pipeline.sensors.downstream import Due, follow_ups, priced_by
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MeterBook

WITHIN = DayRange(date(2023, 1, 1), date(2026, 11, 20))


def months(due: Due) -> list[tuple[str, str]]:
    return [
        (f"{run.days.first:%Y-%m}", f"{run.days.last:%Y-%m}") for run in follow_ups(due, WITHIN) if run.job == "months"
    ]


def judged(due: Due) -> list[tuple[date, date]]:
    runs = follow_ups(due, WITHIN)
    return [
        (run.days.first, run.days.last) for run in runs if any(key.to_user_string() == "anomalies" for key in run.keys)
    ]


def test_a_month_is_made_again_with_those_that_compare_with_it():
    assert months(Due(days={date(2024, 2, 10)})) == [("2024-02", "2024-03"), ("2025-02", "2025-02")]


def test_months_that_follow_each_other_are_one_run():
    assert months(Due(days={date(2025, 11, 30), date(2025, 12, 1)})) == [("2025-11", "2026-01"), ("2026-11", "2026-11")]


def test_no_month_after_the_present_one_is_made():
    assert months(Due(days={date(2026, 11, 20)})) == [("2026-11", "2026-11")]
    assert months(Due(days={date(2026, 10, 31)})) == [("2026-10", "2026-11")]


def test_a_price_changes_its_own_months_and_no_comparison():
    assert months(Due(costs={date(2024, 2, 10)})) == [("2024-02", "2024-02")]


def test_a_back_dated_reading_has_the_gaps_of_the_following_two_years_judged_again():
    assert judged(Due(days={date(2023, 3, 1)})) == [(date(2023, 3, 1), date(2025, 3, 30))]
    assert judged(Due(days={date(2026, 6, 1)})) == [(date(2026, 6, 1), date(2026, 11, 20))]


@pytest.fixture
def reported(shipped: Settings, tmp_path: Path) -> Settings:
    """A house with the reports of January and October."""
    (tmp_path / "reports").mkdir()
    for month in ("2026-01", "2026-10"):
        (tmp_path / "reports" / f"{month}.html").touch()
    return replace(shipped, data_dir=tmp_path)


def test_a_run_over_years_writes_the_reports_that_there_are_and_no_other(reported: Settings):
    found = months_to_report(reported, DayRange(date(2023, 1, 1), date(2026, 11, 1)), date(2026, 11, 20))
    assert found == [date(2026, 1, 1), date(2026, 10, 1)]


def test_the_last_month_that_is_over_gets_its_report_and_the_running_one_does_not(reported: Settings):
    (reported.data_dir / "reports" / "2026-10.html").unlink()
    found = months_to_report(reported, DayRange(date(2026, 9, 1), date(2026, 11, 1)), date(2026, 11, 20))
    assert found == [date(2026, 10, 1)]


def test_a_meter_that_changes_its_utility_is_priced_otherwise(shipped: Settings):
    moved = MeterBook(
        [
            meter.model_copy(update={"utility": "heat"}) if meter.meter_id == "gastherme_gesamt" else meter
            for meter in shipped.meters
        ]
    )
    assert priced_by(replace(shipped, meters=moved), None) != priced_by(shipped, None)
