"""The year so far: consumption and cost since January, last year's, and a forecast."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.reports.stored import store_costs, store_days
from workflows_dagster.reports import monthly_report
from workflows_dagster.reports.year import year_so_far
from workflows_dagster.wording import Words
from workflows_dagster.wording.report import NARROW

JANUARY_2025, JANUARY_2026 = date(2025, 1, 1), date(2026, 1, 1)


def write_tariffs(house_folder, advance: str = "") -> None:
    house_folder.mkdir(exist_ok=True)
    text = (
        "currency: EUR\ntariffs:\n  - utility: electricity\n    billed_meter: strom\n"
        f"{advance}    prices: [{{valid_from: 2024-01-01, unit_price: 0.3, per: kWh}}]\n"
    )
    (house_folder / "tariffs.yaml").write_text(text, encoding="utf-8")


METERS = "meters:\n  - {meter_id: strom, type: physical, output_unit: kWh, description: Power}\n"


@pytest.fixture
def house(small_house, tmp_path):
    """Ten kilowatt-hours a day all 2025, eleven in 2026 until the end of October, at 30 cents, and €90 a month paid."""
    write_tariffs(tmp_path / "config", "    advance: 90\n")
    made = small_house(METERS)
    store_days(made.settings, made.store, "strom", JANUARY_2025, [10.0] * 365)
    store_days(made.settings, made.store, "strom", JANUARY_2026, [11.0] * 304)
    store_costs(made.settings, made.store, "strom", JANUARY_2026, [3.3] * 304)
    return made


def year_of(house, month: date):
    return year_so_far(house.settings, house.store, [house.settings.meters["strom"]], month)


def electricity(house, month: str, language="en"):
    words = Words(language, house.settings.site.zone)
    (section,) = monthly_report(house.settings, house.store, month, words=words).content.sections
    return section


def test_the_year_so_far_is_compared_with_the_same_days_and_projected_at_last_years_pace(house):
    year = year_of(house, date(2026, 10, 1))
    assert year.total == pytest.approx(11 * 304)
    assert year.same_days_before == pytest.approx(10 * 304)
    assert year.rest_before == pytest.approx(10 * 61)
    assert year.cost.value == pytest.approx(3.3 * 304)
    # The 61 days left, a tenth above last year's.
    assert year.pace.value == pytest.approx(3.3 * 304 + 11 * 61 * 0.3)
    assert year.advance.value == 12 * 90


def test_the_sentence_sets_the_pace_against_what_is_paid_in_advance(house):
    assert electricity(house, "2026-10").year.replace(NARROW, " ") == (
        "Since 1 January 3,344 kWh (3,040 kWh in the same days of 2025), €1,003.20. "
        "At this pace €1,204.50 this year, paid in advance €1,080.00: €124.50 more."
    )
    assert (
        electricity(house, "2026-10", "de")
        .year.replace(NARROW, " ")
        .endswith("So weiter sind es in diesem Jahr 1.204,50 €, Abschläge 1.080,00 €: 124,50 € mehr.")
    )


def test_a_year_that_is_over_is_what_it_cost(house):
    store_costs(house.settings, house.store, "strom", JANUARY_2025, [3.0] * 365)
    assert electricity(house, "2025-12").year.endswith(
        "The year cost €1,095.00, paid in advance €1,080.00: €15.00 more."
    )


def test_without_last_year_the_meters_own_pattern_tells_the_rest(small_house, tmp_path):
    write_tariffs(tmp_path / "config")
    half = "patterns: {strom: {monthly_percentages: [50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50]}}"
    made = small_house(METERS, patterns=half)
    store_days(made.settings, made.store, "strom", JANUARY_2026, [10.0] * 181)
    store_costs(made.settings, made.store, "strom", JANUARY_2026, [3.0] * 181)
    year = year_of(made, date(2026, 6, 1))
    # By the end of June about half of the year is over, whatever the days say.
    assert year.pace.value == pytest.approx(2 * year.cost.value, rel=0.02)
    assert year.advance is None
    assert electricity(made, "2026-06").year.endswith("this year.")


def test_a_day_without_a_cost_leaves_costs_out_and_one_without_a_value_the_whole_sentence(house):
    store_costs(house.settings, house.store, "strom", date(2026, 3, 1), [float("nan")])
    assert "€" not in electricity(house, "2026-10").year
    store_days(house.settings, house.store, "strom", date(2026, 3, 1), [float("nan")])
    assert electricity(house, "2026-10").year == ""


def test_the_curve_adds_up_both_years_day_by_day_and_ends_at_a_gap(house):
    curve = electricity(house, "2026-10").curve
    assert np.allclose(curve.this_year, 11.0 * np.arange(1, 305))
    assert np.allclose(curve.before, 10.0 * np.arange(1, 366))
    assert "3,344" in curve.description
    store_days(house.settings, house.store, "strom", date(2026, 3, 1), [float("nan")])
    broken = electricity(house, "2026-10").curve.this_year
    assert broken[58] is not None
    assert broken[59] is None


def test_the_page_draws_the_curve_and_says_what_bold_is_where_something_is(house):
    page = monthly_report(house.settings, house.store, "2026-10").html
    assert "Since 1 January, kWh: 2026 and the year before" in page
    assert "bold:" not in page
    store_days(house.settings, house.store, "strom", date(2026, 10, 1), [20.0] * 31)
    assert "bold: a quarter more or less" in monthly_report(house.settings, house.store, "2026-10").html


def test_a_record_is_said_of_measured_days_of_24_hours_only(house):
    used = [10.0] * 31
    used[24], used[11], used[3] = 40.0, 30.0, 5.0
    store_days(house.settings, house.store, "strom", date(2026, 10, 1), used)
    # 25 October 2026 has 25 hours.
    assert "most on 12 October (30.0), least on 4 October (5.00)" in electricity(house, "2026-10").days.description
    store_days(house.settings, house.store, "strom", date(2026, 10, 1), used, share=1.0)
    assert "most on" not in electricity(house, "2026-10").days.description
